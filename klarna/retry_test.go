package klarna_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/internal/test/rawserver"
	"github.com/klarna-go/klarna-go/klarna"
)

func TestEachRowOfTheRetryTableHolds(t *testing.T) {
	for _, rule := range klarna.RetryRules() {
		t.Run(fmt.Sprintf("%d %s", rule.Status, rule.Code), func(t *testing.T) {
			step := strconv.Itoa(rule.Status) + " " + string(rule.Code)
			if rule.Status == 0 {
				step = "cut"
			}
			url, requests := script(t, step, "200")
			_, err := newClient(t, url).Do(t.Context(), authorize(), nil)
			if rule.Retry {
				if err != nil {
					t.Errorf("was not retried: %v", err)
				}
			} else if err == nil || len(requests.list()) != 1 {
				t.Errorf("was retried: %d requests, error %v", len(requests.list()), err)
			}
			if rule.Why == "" {
				t.Error("gives no reason")
			}
		})
	}
}

func TestTheRetryTableIsACopy(t *testing.T) {
	klarna.RetryRules()[0].Retry = false
	if !klarna.RetryRules()[0].Retry {
		t.Error("a caller changed the table")
	}
}

func TestStatusAndCodeDecideTheRetry(t *testing.T) {
	tests := map[string]struct {
		first    string
		attempts int
	}{
		"429 with its code":                         {"429 RATE_LIMITED", 2},
		"500 with a technical error":                {"500 INTERNAL_ERROR", 2},
		"500 with Klarna's own time-out":            {"500 TIMEOUT", 2},
		"500 with an unknown code":                  {"500 SOMETHING_NEW", 2},
		"503 in the documented spelling":            {"503 TEMPORARY_UNAVAILABLE", 2},
		"503 in the other spelling":                 {"503 TEMPORARILY_UNAVAILABLE", 2},
		"500 for a configuration error is final":    {"500 SERVER_CONFIGURATION_ERROR", 1},
		"400 is final":                              {"400 VALIDATION_ERROR", 1},
		"401 is final":                              {"401 UNAUTHORIZED", 1},
		"403 is final":                              {"403 OPERATION_FORBIDDEN", 1},
		"404 is final":                              {"404 RESOURCE_NOT_FOUND", 1},
		"408 is final":                              {"408", 1},
		"409 is final":                              {"409 RESOURCE_CONFLICT", 1},
		"413 is final":                              {"413", 1},
		"501 is final":                              {"501", 1},
		"302 is final":                              {"302", 1},
		"a connection that was cut":                 {"cut", 2},
		"400 with a code that is retried elsewhere": {"400 TIMEOUT", 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			url, requests := script(t, test.first, "200")
			_, err := newClient(t, url).Do(t.Context(), authorize(), nil)
			if got := len(requests.list()); got != test.attempts {
				t.Errorf("%d attempts, want %d (%v)", got, test.attempts, err)
			}
		})
	}
}

func TestAllAttemptsOfACallAreTheSame(t *testing.T) {
	for name, method := range map[string]string{"a POST": "POST", "a PATCH": "PATCH", "a PUT": "PUT", "a GET": "GET", "a DELETE": "DELETE"} {
		t.Run(name, func(t *testing.T) {
			url, requests := script(t, "cut", "503 TEMPORARY_UNAVAILABLE", "429 RATE_LIMITED", "200")
			call := authorize()
			call.Method = method
			if method == "GET" || method == "DELETE" {
				call.Body = nil
			}
			var response klarna.Response
			succeed(t, newClient(t, url), call, nil, klarna.WithResponse(&response))
			all := requests.list()
			if len(all) != 4 {
				t.Fatalf("%d attempts, want 4", len(all))
			}
			for i, s := range all {
				if diff := cmp.Diff(all[0], s); diff != "" {
					t.Errorf("attempt %d differs from the first:\n%s", i+1, diff)
				}
			}
			wantKey := method == "POST" || method == "PATCH" || method == "PUT"
			if got := all[0].Header.Get("Klarna-Idempotency-Key"); (got != "") != wantKey || got != response.IdempotencyKey {
				t.Errorf("idempotency key %q, in the response %q", got, response.IdempotencyKey)
			}
		})
	}
}

func TestTheLastAnswerIsKept(t *testing.T) {
	url, requests := script(t, "500 INTERNAL_ERROR", "503 TEMPORARILY_UNAVAILABLE")
	err := fail(t, newClient(t, url), authorize(), nil)
	if len(requests.list()) != 4 {
		t.Errorf("%d attempts, want the default of 4", len(requests.list()))
	}
	got := []any{err.StatusCode, err.Code, err.ID, err.Type, err.Message, err.Outcome, err.Err, statuses(err.Attempts)}
	want := []any{503, klarna.Code("TEMPORARILY_UNAVAILABLE"), "9f27a5d0-4a42-4a2e-8c8f-3a4f9d1a6b11", "T", "for developers", klarna.OutcomeUnknown, error(nil), []int{500, 503, 503, 503}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !errors.Is(err, klarna.CodeTemporaryUnavailable) {
		t.Error("does not compare with the documented code")
	}
}

func TestAttemptsAreRecorded(t *testing.T) {
	url, _ := script(t, "429 RATE_LIMITED", "cut", "400 VALIDATION_ERROR")
	before := time.Now()
	err := fail(t, newClient(t, url), authorize(), nil)
	if len(err.Attempts) != 3 {
		t.Fatalf("%d attempts", len(err.Attempts))
	}
	for i, a := range err.Attempts {
		last := i == 2
		if !a.Sent || (a.Wait > 0) == last || a.Duration <= 0 || a.Duration > time.Since(before) || a.Start.Before(before) || a.Start.Location() != time.UTC {
			t.Errorf("attempt %d: sent %t, wait %s, duration %s, start %s", i+1, a.Sent, a.Wait, a.Duration, a.Start)
		}
		if (a.Err != nil) != (i == 1) {
			t.Errorf("attempt %d: error %v", i+1, a.Err)
		}
	}
	if diff := cmp.Diff([]int{429, 0, 400}, statuses(err.Attempts)); diff != "" {
		t.Error(diff)
	}
	first := err.Attempts[0]
	if first.Code != klarna.CodeRateLimited || first.ErrorID == "" {
		t.Errorf("the first attempt lost its code %q or id %q", first.Code, first.ErrorID)
	}
}

// atAttempt returns a logger that calls f after each attempt, before the pause that follows it.
func atAttempt(f func()) *slog.Logger { return slog.New(attemptHook(f)) }

type attemptHook func()

func (attemptHook) Enabled(context.Context, slog.Level) bool { return true }
func (h attemptHook) WithAttrs([]slog.Attr) slog.Handler     { return h }
func (h attemptHook) WithGroup(string) slog.Handler          { return h }
func (h attemptHook) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "klarna attempt" {
		h()
	}
	return nil
}

// go-retryablehttp returns only the context's error here.
func TestACanceledPauseKeepsTheAnswer(t *testing.T) {
	url, requests := script(t, "503 TEMPORARY_UNAVAILABLE")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	client := newClient(t, url,
		klarna.WithRetries(klarna.RetryPolicy{MinWait: 24 * time.Hour, MaxWait: 24 * time.Hour}),
		klarna.WithLogger(atAttempt(cancel)))
	start := time.Now()
	var response klarna.Response
	err := failCtx(t, ctx, client, authorize(), nil, klarna.WithResponse(&response))
	within(t, soon, start)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v is not context.Canceled", err)
	}
	if !errors.Is(err, klarna.CodeTemporaryUnavailable) || err.StatusCode != 503 || err.ID != "9f27a5d0-4a42-4a2e-8c8f-3a4f9d1a6b11" {
		t.Errorf("the 503 is lost: status %d, code %q, error_id %q", err.StatusCode, err.Code, err.ID)
	}
	if err.Outcome != klarna.OutcomeUnknown || len(requests.list()) != 1 || response.StatusCode != 503 {
		t.Errorf("outcome %s, %d requests, response %d", err.Outcome, len(requests.list()), response.StatusCode)
	}
}

// Here the pause has begun when the context is canceled.
func TestACancelDuringAPauseKeepsTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		client := stubbed(t, func(r *http.Request) (*http.Response, error) {
			time.AfterFunc(time.Nanosecond, cancel) // the shortest that is after this attempt
			return respond(r, 503, errorJSON("TEMPORARY_UNAVAILABLE")), nil
		}, klarna.WithRetries(klarna.RetryPolicy{MinWait: 24 * time.Hour, MaxWait: 24 * time.Hour}))
		start := time.Now()
		err := failCtx(t, ctx, client, authorize(), nil)
		if took := time.Since(start); !errors.Is(err, context.Canceled) || err.StatusCode != 503 || took != time.Nanosecond {
			t.Errorf("after %s: %v", took, err)
		}
	})
}

func TestTooLongAServerPauseStopsTheRetries(t *testing.T) {
	far := time.Now().Add(200 * 365 * 24 * time.Hour).UTC().Format(http.TimeFormat)
	farthest := "Fri, 31 Dec 9999 23:59:59 GMT"
	uncapped := klarna.RetryPolicy{MinWait: time.Nanosecond, MaxWait: time.Nanosecond, MaxServerWait: math.MaxInt64}
	tests := map[string]struct {
		status       int
		header       http.Header
		policy       klarna.RetryPolicy
		withDeadline bool
	}{
		"429, Retry-After past the deadline":                        {429, http.Header{"Retry-After": {"25"}}, quick, true},
		"429, the quota's reset past the deadline":                  {429, http.Header{"X-Ratelimit-Reset": {"25"}}, quick, true},
		"503, Retry-After past the deadline":                        {503, http.Header{"Retry-After": {"25"}}, quick, true},
		"429, Retry-After as a date past the deadline":              {429, http.Header{"Retry-After": {far}}, uncapped, true},
		"429, Retry-After past the cap":                             {429, http.Header{"Retry-After": {"31"}}, quick, false},
		"429, the quota's reset past the cap":                       {429, http.Header{"X-Ratelimit-Reset": {"31"}}, quick, false},
		"429, Retry-After 292 years":                                {429, http.Header{"Retry-After": {"9223372036"}}, quick, false},
		"429, Retry-After that overflows":                           {429, http.Header{"Retry-After": {"9223372037"}}, quick, false},
		"429, Retry-After above the largest integer":                {429, http.Header{"Retry-After": {"99999999999999999999999999999"}}, quick, false},
		"503, Retry-After above the largest integer":                {503, http.Header{"Retry-After": {"99999999999999999999999999999"}}, quick, false},
		"429, Retry-After as a date in 200 years":                   {429, http.Header{"Retry-After": {far}}, quick, false},
		"429, the last possible date, without a cap":                {429, http.Header{"Retry-After": {farthest}}, uncapped, true},
		"429, Retry-After above the largest integer, without a cap": {429, http.Header{"Retry-After": {"99999999999999999999999999999"}}, uncapped, true},
		"429, a reset above the largest integer, without a cap":     {429, http.Header{"X-Ratelimit-Reset": {"99999999999999999999999999999"}}, uncapped, true},
		"429, Retry-After takes precedence over the reset":          {429, http.Header{"Retry-After": {"31"}, "X-Ratelimit-Reset": {"0"}}, quick, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int32
			server := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
				calls.Add(1)
				maps.Copy(w.Header(), test.header)
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, errorJSON("SOME_CODE"))
			})
			ctx := t.Context()
			if test.withDeadline {
				bounded, cancel := context.WithTimeout(ctx, 20*time.Second)
				defer cancel()
				ctx = bounded
			}
			start := time.Now()
			err := failCtx(t, ctx, newClient(t, server.URL, klarna.WithRetries(test.policy)), authorize(), nil)
			within(t, soon, start)
			if calls.Load() != 1 || len(err.Attempts) != 1 {
				t.Errorf("%d requests, %d attempts, want 1", calls.Load(), len(err.Attempts))
			}
			if err.StatusCode != test.status || err.Code != "SOME_CODE" || err.Err != nil {
				t.Errorf("status %d, code %s, cause %v", err.StatusCode, err.Code, err.Err)
			}
			if errors.Is(err, context.DeadlineExceeded) {
				t.Error("is DeadlineExceeded, although the client did not wait")
			}
		})
	}
}

func TestAnUnusableServerPauseMeansBackOff(t *testing.T) {
	for name, header := range map[string]http.Header{
		"Retry-After zero":               {"Retry-After": {"0"}},
		"Retry-After negative":           {"Retry-After": {"-5"}},
		"Retry-After a date in the past": {"Retry-After": {"Fri, 31 Dec 1999 23:59:59 GMT"}},
		"Retry-After without meaning":    {"Retry-After": {"soon"}},
		"Retry-After empty":              {"Retry-After": {""}},
		"a reset that is negative":       {"X-Ratelimit-Reset": {"-9"}},
		"a reset without meaning":        {"X-Ratelimit-Reset": {"1.5s"}},
	} {
		t.Run(name, func(t *testing.T) {
			server := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
				maps.Copy(w.Header(), header)
				w.WriteHeader(429)
			})
			start := time.Now()
			err := fail(t, newClient(t, server.URL), authorize(), nil)
			within(t, soon, start)
			for i, a := range err.Attempts {
				if last := i == len(err.Attempts)-1; !last && (a.Wait <= 0 || a.Wait > time.Millisecond) {
					t.Errorf("attempt %d: a pause of %s is not the policy's", i+1, a.Wait)
				}
			}
			if len(err.Attempts) != 4 {
				t.Errorf("%d attempts, want 4", len(err.Attempts))
			}
		})
	}
}

// The clock of synctest makes the pauses exact.
func TestJitterIsAddedToTheServersPause(t *testing.T) {
	inSeven := func() string { return time.Now().Add(7 * time.Second).UTC().Format(http.TimeFormat) }
	tests := map[string]struct {
		status  int
		header  func() http.Header
		atLeast time.Duration
	}{
		"429 with Retry-After":                        {429, func() http.Header { return http.Header{"Retry-After": {"7"}} }, 7 * time.Second},
		"503 with Retry-After":                        {503, func() http.Header { return http.Header{"Retry-After": {"7"}} }, 7 * time.Second},
		"429 with Retry-After as a date":              {429, func() http.Header { return http.Header{"Retry-After": {inSeven()}} }, 7 * time.Second},
		"429 with the quota's reset":                  {429, func() http.Header { return http.Header{"X-Ratelimit-Reset": {"7"}} }, 7 * time.Second},
		"429 with both, Retry-After takes precedence": {429, func() http.Header { return http.Header{"Retry-After": {"7"}, "X-Ratelimit-Reset": {"20"}} }, 7 * time.Second},
		"429 with neither":                            {429, func() http.Header { return nil }, 0},
		"503 with a reset, which is ignored":          {503, func() http.Header { return http.Header{"X-Ratelimit-Reset": {"7"}} }, 0},
		"429 with the longest allowed pause":          {429, func() http.Header { return http.Header{"Retry-After": {"30"}} }, 30 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var at []time.Time
				client := stubbed(t, func(r *http.Request) (*http.Response, error) {
					at = append(at, time.Now())
					if len(at) == 2 {
						return respond(r, 200, "{}"), nil
					}
					response := respond(r, test.status, "")
					response.Header = test.header()
					return response, nil
				}, klarna.WithRetries(klarna.RetryPolicy{MinWait: 100 * time.Millisecond, MaxWait: 100 * time.Millisecond}))
				var response klarna.Response
				succeed(t, client, authorize(), nil, klarna.WithResponse(&response))
				pause := at[1].Sub(at[0])
				if pause <= test.atLeast || pause > test.atLeast+100*time.Millisecond {
					t.Errorf("a pause of %s, want above %s and at most 100ms more", pause, test.atLeast)
				}
				if response.Attempts[0].Wait != pause {
					t.Errorf("recorded %s, waited %s", response.Attempts[0].Wait, pause)
				}
			})
		})
	}
}

func TestTheDefaultPolicyBacksOffExponentially(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := stubbed(t, func(r *http.Request) (*http.Response, error) { return respond(r, 503, ""), nil },
			klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: 8, Budget: 1000}))
		for range 50 {
			err := fail(t, client, authorize(), nil)
			ceiling := 500 * time.Millisecond
			for i, a := range err.Attempts[:7] {
				if a.Wait <= 0 || a.Wait > ceiling {
					t.Errorf("pause %d of %s is not between 0 and %s", i+1, a.Wait, ceiling)
				}
				ceiling = min(2*ceiling, 8*time.Second)
			}
		}
	})
}

func TestManyRetriesDoNotOverflowThePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := stubbed(t, func(r *http.Request) (*http.Response, error) { return respond(r, 503, ""), nil },
			klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: 80, MinWait: time.Minute, MaxWait: time.Hour}))
		err := fail(t, client, authorize(), nil)
		if len(err.Attempts) != 80 {
			t.Fatalf("%d attempts, want 80", len(err.Attempts))
		}
		for i, a := range err.Attempts[:79] {
			if a.Wait <= 0 || a.Wait > time.Hour {
				t.Errorf("pause %d is %s", i+1, a.Wait)
			}
		}
	})
}

// A pause without a bound must not overflow to a pause of length 0.
func TestAnOverflowingPauseStopsTheRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := stubbed(t, func(r *http.Request) (*http.Response, error) {
			response := respond(r, 429, "")
			response.Header.Set("Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT")
			return response, nil
		}, klarna.WithRetries(klarna.RetryPolicy{MaxServerWait: math.MaxInt64}))
		start := time.Now()
		err := fail(t, client, authorize(), nil)
		if len(err.Attempts) != 1 || time.Since(start) != 0 {
			t.Errorf("%d attempts in %s", len(err.Attempts), time.Since(start))
		}
	})
}

func TestAnHTMLPageIsAnErrorWithItsStatus(t *testing.T) {
	const page = "<html><body><h1>Bad Gateway of a proxy</h1></body></html>"
	for name, test := range map[string]struct{ status, attempts int }{
		"a 502 is retried":                  {502, 4},
		"a 403 of a DDoS protection is not": {403, 1},
	} {
		t.Run(name, func(t *testing.T) {
			server, requests := recorder(t, test.status, page)
			err := fail(t, newClient(t, server.URL), authorize(), new(any))
			if err.StatusCode != test.status || err.Code != "" || err.ID != "" || err.Message != "" || err.Err != nil {
				t.Errorf("got %#v", err)
			}
			want := fmt.Sprintf("klarna: authorization.authorize: %d %s (outcome %s", test.status, http.StatusText(test.status), err.Outcome)
			if got := err.Error(); got[:min(len(want), len(got))] != want {
				t.Errorf("says %q, want it to begin %q", got, want)
			}
			if got := len(requests.list()); got != test.attempts {
				t.Errorf("%d attempts, want %d", got, test.attempts)
			}
		})
	}
}

func TestTheAttemptTimeoutIsNotTheCallersDeadline(t *testing.T) {
	slowAtFirst := func(t *testing.T) string {
		var calls atomic.Int32
		return newServer(t, func(_ http.ResponseWriter, r *http.Request) {
			if calls.Add(1) == 1 {
				_, _ = io.Copy(io.Discard, r.Body)
				<-r.Context().Done()
			}
		}).URL
	}
	policy := quick
	policy.AttemptTimeout = time.Second
	t.Run("it is retried", func(t *testing.T) {
		t.Parallel()
		var response klarna.Response
		succeed(t, newClient(t, slowAtFirst(t), klarna.WithRetries(policy)), authorize(), nil, klarna.WithResponse(&response))
		if len(response.Attempts) != 2 || response.Attempts[0].Err == nil {
			t.Fatalf("attempts %v", response.Attempts)
		}
		if err := response.Attempts[0].Err; errors.Is(err, context.DeadlineExceeded) || err.Error() != "the attempt took longer than allowed" {
			t.Errorf("the attempt ended with %v", err)
		}
	})
	t.Run("the error is not DeadlineExceeded after the last attempt", func(t *testing.T) {
		t.Parallel()
		policy := policy
		policy.MaxAttempts = 1
		err := fail(t, newClient(t, slowAtFirst(t), klarna.WithRetries(policy)), authorize(), nil)
		if errors.Is(err, context.DeadlineExceeded) || err.Outcome != klarna.OutcomeUnknown {
			t.Errorf("%v", err)
		}
	})
	t.Run("the Timeout of the http.Client bounds an attempt", func(t *testing.T) {
		t.Parallel()
		transport := &http.Transport{}
		defer transport.CloseIdleConnections()
		client := newClient(t, slowAtFirst(t), klarna.WithHTTPClient(&http.Client{Transport: transport, Timeout: time.Second}))
		var response klarna.Response
		succeed(t, client, authorize(), nil, klarna.WithResponse(&response))
		if len(response.Attempts) != 2 {
			t.Errorf("%d attempts, want 2", len(response.Attempts))
		}
	})
}

// net and net/http return context.DeadlineExceeded for their own time-outs.
func TestATransportTimeoutIsNotTheCallersDeadline(t *testing.T) {
	server := newServer(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	transports := map[string]http.RoundTripper{
		"a header that takes too long": &http.Transport{ResponseHeaderTimeout: time.Second},
		"a dial that takes too long": &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: dialTimeout(t)}
		}},
		"a context of the middleware": roundTrip(func(*http.Request) (*http.Response, error) { return nil, context.DeadlineExceeded }),
	}
	for name, transport := range transports {
		t.Run(name, func(t *testing.T) {
			client := newClient(t, server.URL, klarna.WithHTTPClient(&http.Client{Transport: transport}), klarna.WithRetries(once))
			err := fail(t, client, authorize(), nil)
			if errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v is DeadlineExceeded, although the caller set no deadline", err)
			}
			if timeout, ok := errors.AsType[interface {
				error
				Timeout() bool
			}](err); !ok || !timeout.Timeout() {
				t.Errorf("%v does not say that it was a time-out", err)
			}
		})
	}
}

// dialTimeout returns the error of a dialer that timed out.
func dialTimeout(t *testing.T) error {
	dialer := net.Dialer{Deadline: time.Unix(1, 0)}
	_, err := dialer.Dial("tcp", "127.0.0.1:1")
	operation, ok := errors.AsType[*net.OpError](err)
	if !ok || !operation.Timeout() || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("not the time-out of a dialer: %v", err)
		return err
	}
	return operation.Err
}

func TestTheCallTimeoutIsADeadline(t *testing.T) {
	server := newServer(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	const long = time.Second // enough to connect on a busy machine
	tests := map[string]struct {
		client []klarna.Option
		call   []klarna.CallOption
		ctx    time.Duration
	}{
		"of the client":                       {[]klarna.Option{klarna.WithTimeout(long)}, nil, time.Minute},
		"of the call":                         {nil, []klarna.CallOption{klarna.WithTimeout(long)}, time.Minute},
		"of the call, which takes precedence": {[]klarna.Option{klarna.WithTimeout(time.Minute)}, []klarna.CallOption{klarna.WithTimeout(long)}, time.Minute},
		"of the context":                      {nil, nil, long},
		"of the context, which ends earlier":  {[]klarna.Option{klarna.WithTimeout(time.Minute)}, nil, long},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), test.ctx)
			defer cancel()
			start := time.Now()
			err := failCtx(t, ctx, newClient(t, server.URL, test.client...), authorize(), nil, test.call...)
			within(t, soon, start)
			if !errors.Is(err, context.DeadlineExceeded) || err.Outcome != klarna.OutcomeUnknown || len(err.Attempts) != 1 {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestTheRetryBudgetBoundsRetries(t *testing.T) {
	var status atomic.Int32
	status.Store(503)
	server := newServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) })
	policy := quick
	policy.MaxAttempts, policy.Budget = 2, 3
	client := newClient(t, server.URL, klarna.WithRetries(policy))
	attempts := func(c *klarna.Client) int {
		t.Helper()
		return len(fail(t, c, authorize(), nil).Attempts)
	}

	for i := range 3 {
		if got := attempts(client); got != 2 {
			t.Fatalf("call %d: %d attempts, want 2", i+1, got)
		}
	}
	if got := attempts(client); got != 1 {
		t.Errorf("with the budget used up: %d attempts, want 1", got)
	}
	if got := attempts(client.ForAccount(account)); got != 1 {
		t.Errorf("with a client for an account, which shares the budget: %d attempts, want 1", got)
	}
	status.Store(200)
	for range 9 {
		succeed(t, client, authorize(), nil)
	}
	status.Store(503)
	if got := attempts(client); got != 1 {
		t.Errorf("after nine successes: %d attempts, want 1", got)
	}
	status.Store(409)
	attempts(client)
	status.Store(503)
	if got := attempts(client); got != 2 {
		t.Errorf("after a tenth call that was answered: %d attempts, want 2", got)
	}
	status.Store(200)
	for range 100 {
		succeed(t, client, authorize(), nil)
	}
	status.Store(503)
	for i, want := range []int{2, 2, 2, 1} {
		if got := attempts(client); got != want {
			t.Errorf("call %d after many successes: %d attempts, want %d: a budget never grows above its size", i+1, got, want)
		}
	}
}

func TestACutAnswerDoesNotRefillTheBudget(t *testing.T) {
	url := rawserver.Listen(t, func(_ int, conn net.Conn) {
		_, _ = readSent(bufio.NewReader(conn))
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{")
	})
	policy := quick
	policy.MaxAttempts, policy.Budget = 2, 1
	client := newClient(t, url, klarna.WithRetries(policy))
	fail(t, client, authorize(), nil)
	for i := range 20 {
		if got := len(fail(t, client, authorize(), nil).Attempts); got != 1 {
			t.Fatalf("call %d after the budget was used up: %d attempts, want 1", i+1, got)
		}
	}
}

// go-retryablehttp closes the idle connections of a transport that has CloseIdleConnections.
func TestFailingCallsKeepTheConnection(t *testing.T) {
	type kind struct {
		status  int
		options []klarna.Option
		cancel  bool // in the pause after the attempt
	}
	tests := map[string]kind{
		"that Klarna refuses":           {status: 400},
		"that run out of attempts":      {status: 503},
		"whose pause is canceled":       {status: 503, cancel: true},
		"that are refused by the guard": {options: []klarna.Option{klarna.WithMiddleware(loseKeyOf("PATCH"))}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var connections atomic.Int32
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == "PATCH" {
					w.WriteHeader(test.status)
				}
			}))
			server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					connections.Add(1)
				}
			}
			server.Start()
			defer server.Close()
			for transport, shared := range map[string][]klarna.Option{
				"the client's own transport": {klarna.WithHTTPClient(nil)},
				"the caller's transport":     nil,
			} {
				t.Run(transport, func(t *testing.T) {
					connections.Store(0)
					var cancel context.CancelFunc
					policy := quick
					if test.cancel {
						policy = klarna.RetryPolicy{MinWait: 24 * time.Hour, MaxWait: 24 * time.Hour}
						shared = append(shared, klarna.WithLogger(atAttempt(func() { cancel() })))
					}
					client := newClient(t, server.URL, append(append(shared, klarna.WithRetries(policy)), test.options...)...)
					for i := range 20 {
						ctx, c := context.WithCancel(t.Context())
						cancel = c
						call := authorize()
						if i%2 == 1 {
							call.Method = "PATCH"
							failCtx(t, ctx, client, call, nil)
						} else if _, err := client.Do(ctx, call, nil); err != nil && !test.cancel {
							t.Fatal(err)
						}
						c()
					}
					if got := connections.Load(); got != 1 {
						t.Errorf("20 calls of which 10 fail opened %d connections, want 1", got)
					}
				})
			}
		})
	}
}

// loseKeyOf returns a middleware that removes the idempotency key from requests of a method.
func loseKeyOf(method string) klarna.Middleware {
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Method == method {
				r = r.Clone(r.Context())
				r.Header.Del("Klarna-Idempotency-Key")
			}
			return next.RoundTrip(r)
		})
	}
}

// net/http repeats a POST on a stale connection only if it has a header of another name than
// Klarna's.
func TestACallSurvivesAStaleConnection(t *testing.T) {
	for name, readsFirst := range map[string]bool{
		"closed when the next request comes": true,
		"closed while idle":                  false,
	} {
		t.Run(name, func(t *testing.T) {
			requests := new(sentLog)
			url := rawserver.Listen(t, func(n int, conn net.Conn) {
				reader := bufio.NewReader(conn)
				s, err := readSent(reader)
				if err != nil {
					return
				}
				requests.add(s)
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
				if n == 1 && !readsFirst {
					return
				}
				if s, err := readSent(reader); err == nil {
					requests.add(s)
				}
			})
			client := newClient(t, url, klarna.WithRetries(once)) // so that it is not our own retry that survives it
			succeed(t, client, authorize(), nil)
			var response klarna.Response
			succeed(t, client, authorize(), nil, klarna.WithResponse(&response))
			if len(response.Attempts) != 1 {
				t.Errorf("%d attempts, want 1", len(response.Attempts))
			}
			all := requests.list()
			for i, s := range all {
				if s.Body != all[0].Body || s.Header.Get("Klarna-Idempotency-Key") != response.IdempotencyKey {
					t.Errorf("request %d came with key %q and body %q", i+1, s.Header.Get("Klarna-Idempotency-Key"), s.Body)
				}
				for name := range s.Header {
					if name == "X-Idempotency-Key" || name == "Idempotency-Key" {
						t.Errorf("request %d has the header %s", i+1, name)
					}
				}
			}
		})
	}
}

// net/http sends a request again if a pooled connection turns out to be closed. The first copy may
// have been executed, so the answer to the second one does not show the outcome.
func TestARefusedReplayHasAnUnknownOutcome(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 409, 429} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			executed := new(sentLog)
			url := rawserver.Listen(t, func(n int, conn net.Conn) {
				reader := bufio.NewReader(conn)
				first, err := readSent(reader)
				if err != nil {
					return
				}
				if n > 1 {
					executed.add(first)
					_, _ = io.WriteString(conn, "HTTP/1.1 "+strconv.Itoa(status)+" Refused\r\nContent-Length: 2\r\n\r\n{}")
					return
				}
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") // warms the connection
				if second, err := readSent(reader); err == nil {
					executed.add(second) // and cut without an answer
				}
			})
			client := newClient(t, url, klarna.WithRetries(once))
			succeed(t, client, authorize(), nil)
			err := fail(t, client, authorize(), nil)
			if n := len(executed.list()); n != 2 {
				t.Fatalf("%d copies arrived, want 2", n)
			}
			if len(err.Attempts) != 1 || !err.Attempts[0].Replayed || err.StatusCode != status || err.Outcome != klarna.OutcomeUnknown {
				t.Errorf("%d attempts, replayed %v, status %d, outcome %s", len(err.Attempts), err.Attempts[0].Replayed, err.StatusCode, err.Outcome)
			}
		})
	}
}

func TestATransportWithoutAnAnswerIsRetried(t *testing.T) {
	var mu sync.Mutex
	n := 0
	client := stubbed(t, func(r *http.Request) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		if n++; n == 1 {
			return nil, nil
		}
		response := respond(r, 200, "")
		response.Body = nil
		return response, nil
	})
	var response klarna.Response
	succeed(t, client, authorize(), nil, klarna.WithResponse(&response))
	if len(response.Attempts) != 2 || response.Attempts[0].Err.Error() != "the transport returned neither an answer nor an error" || !response.Attempts[0].Sent {
		t.Errorf("attempts %v", response.Attempts)
	}
}
