package authorization_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

const readOperation = "authorization.payment_request.read"

// waiting creates a payment request in a synctest bubble. The server uses the time of the bubble.
func waiting(t *testing.T, run func(t *testing.T, server *klarnatest.Server, c *authorization.Client, id string), options ...klarna.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := klarnatest.NewServer(t, klarnatest.WithoutSocket(), klarnatest.WithRunningClock())
		c := newDoublesClient(t, server, append([]klarna.Option{klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: 1})}, options...)...)
		p, err := c.CreatePaymentRequest(t.Context(), params())
		if err != nil {
			t.Fatal(err)
		}
		run(t, server, c, p.PaymentRequestID)
		server.Close()
	})
}

// after calls act after d in the time of the bubble.
func after(t *testing.T, d time.Duration, act func(id string) (string, error), id string) {
	t.Helper()
	time.AfterFunc(d, func() {
		if _, err := act(id); err != nil {
			t.Error(err)
		}
	})
}

// reads returns the times of the reads of the payment request.
func reads(server *klarnatest.Server) []time.Time {
	var times []time.Time
	for _, r := range server.Requests() {
		if r.Operation == readOperation {
			times = append(times, r.Time)
		}
	}
	return times
}

func TestWaitingEndsInAClosedState(t *testing.T) {
	for _, tc := range []struct {
		name string
		act  func(*klarnatest.Server) func(string) (string, error)
		want authorization.PaymentRequestState
	}{
		{"approved", func(s *klarnatest.Server) func(string) (string, error) { return s.Approve }, authorization.PaymentRequestStateCompleted},
		{"denied", func(s *klarnatest.Server) func(string) (string, error) { return s.Decline }, authorization.PaymentRequestStateDeclined},
		{"left, until it expired", func(s *klarnatest.Server) func(string) (string, error) { return s.Abandon }, authorization.PaymentRequestStateExpired},
	} {
		t.Run(tc.name, func(t *testing.T) {
			waiting(t, func(t *testing.T, server *klarnatest.Server, c *authorization.Client, id string) {
				after(t, time.Minute, tc.act(server), id)
				p, err := c.WaitPaymentRequest(t.Context(), id)
				if err != nil || p.State != tc.want {
					t.Errorf("%v, %v, want %s", p, err, tc.want)
				}
				if p != nil && p.Raw.IsZero() {
					t.Error("got no raw body")
				}
			})
		})
	}
}

func TestWaitingEndsIfNoStateCanBeReached(t *testing.T) {
	submitted, progress, completed := authorization.PaymentRequestStateSubmitted, authorization.PaymentRequestStateInProgress, authorization.PaymentRequestStateCompleted
	for _, tc := range []struct {
		name   string
		states []authorization.PaymentRequestState
		want   authorization.PaymentRequestState
		at     time.Duration // when it ends at the earliest
	}{
		{"the state that it is in", []authorization.PaymentRequestState{submitted}, submitted, 0},
		{"the customer has come", []authorization.PaymentRequestState{progress}, progress, time.Minute},
		{"one of several", []authorization.PaymentRequestState{completed, progress}, progress, time.Minute},
		{"approved", []authorization.PaymentRequestState{completed}, completed, 2 * time.Minute},
		{"a state that the approval rules out", []authorization.PaymentRequestState{authorization.PaymentRequestStateExpired, authorization.PaymentRequestStateDeclined}, completed, 2 * time.Minute},
		{"a state that nobody knows", []authorization.PaymentRequestState{"OF_TOMORROW"}, completed, 5 * time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			waiting(t, func(t *testing.T, server *klarnatest.Server, c *authorization.Client, id string) {
				after(t, time.Minute, func(id string) (string, error) { return "", server.Open(id) }, id)
				after(t, 2*time.Minute, server.Approve, id)
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
				defer cancel()
				p, err := c.WaitPaymentRequest(ctx, id, tc.states...)
				if p == nil || p.State != tc.want || (err != nil) != (tc.at == 5*time.Minute) {
					t.Errorf("%v, %v, want %s", p, err, tc.want)
				}
				if took := time.Since(start); took < tc.at || took > tc.at+15*time.Second {
					t.Errorf("got the result after %s, want it after %s and at most one pause", took, tc.at)
				}
			})
		})
	}
}

func TestPausesGrowToALimit(t *testing.T) {
	waiting(t, func(t *testing.T, server *klarnatest.Server, c *authorization.Client, id string) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		p, err := c.WaitPaymentRequest(ctx, id)
		if p == nil || p.State != authorization.PaymentRequestStateSubmitted || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v and the error %v, want the payment request of the last read and the context's error", p, err)
		}
		times := reads(server)
		if len(times) < 40 {
			t.Fatalf("got %d reads in ten minutes, want more", len(times))
		}
		distinct := make(map[time.Duration]bool)
		pause := time.Second
		for i := range len(times) - 1 {
			got := times[i+1].Sub(times[i])
			if got < pause/2 || got > pause {
				t.Errorf("pause %d: got %s, want between %s and %s", i+1, got, pause/2, pause)
			}
			distinct[got] = true
			pause = min(pause*3/2, 15*time.Second)
		}
		if len(distinct) < len(times)/2 {
			t.Error("got the same pause each time, want jitter")
		}
	})
}

// roundTrip is a function that is a transport.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answering changes the answer to the n-th read, counted from 1.
func answering(change func(n int, response *http.Response)) klarna.Option {
	n := 0
	return klarna.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			response, err := next.RoundTrip(r)
			if err == nil && r.Method == http.MethodGet {
				n++
				change(n, response)
			}
			return response, err
		})
	})
}

func TestLowQuotaSlowsWaiting(t *testing.T) {
	for _, tc := range []struct {
		name                    string
		limit, remaining, reset string
		further                 time.Duration
	}{
		{"a fifth is left", "40", "8", "10", 0},
		{"less than a fifth is left", "40", "7", "10", 10 * time.Second},
		{"nothing is left", "40", "0", "1", time.Second},
		{"an interval longer than the longest pause", "40", "0", "3600", 15 * time.Second},
		{"no interval", "40", "0", "", 0},
		{"no limit", "", "0", "10", 0},
		{"nothing of what is left", "40", "", "10", 0},
		{"no sense", "many", "-3", "soon", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			quota := answering(func(n int, response *http.Response) {
				response.Header = http.Header{}
				for name, value := range map[string]string{"Limit": tc.limit, "Remaining": tc.remaining, "Reset": tc.reset} {
					if value != "" && n == 1 {
						response.Header.Set("X-Ratelimit-"+name, value)
					}
				}
			})
			waiting(t, func(t *testing.T, server *klarnatest.Server, c *authorization.Client, id string) {
				after(t, 100*time.Millisecond, server.Approve, id)
				if p, err := c.WaitPaymentRequest(t.Context(), id); err != nil || p.State != authorization.PaymentRequestStateCompleted {
					t.Fatalf("%v, %v", p, err)
				}
				times := reads(server)
				if got := times[1].Sub(times[0]); len(times) != 2 || got < tc.further+time.Second/2 || got > tc.further+time.Second {
					t.Errorf("got %d reads and the pause %s, want %s in addition to half a second to a second", len(times), got, tc.further)
				}
			}, quota)
		})
	}
}

func TestWaitingContinuesAfterTemporaryErrors(t *testing.T) {
	for _, tc := range []struct {
		name    string
		faults  []klarnatest.Fault
		options []klarna.Option
	}{
		{"Klarna is unavailable", []klarnatest.Fault{{StatusCode: http.StatusServiceUnavailable, Times: 3}}, nil},
		{"too many calls", []klarnatest.Fault{{StatusCode: http.StatusTooManyRequests, Times: 3}}, nil},
		{"a technical error, and a time-out of Klarna's own", []klarnatest.Fault{{StatusCode: 500, Code: "INTERNAL_ERROR"}, {StatusCode: 500, Code: "TIMEOUT"}}, nil},
		{"the connection is cut", []klarnatest.Fault{{Kind: klarnatest.FaultDropBefore}, {Kind: klarnatest.FaultDropAfter}, {Kind: klarnatest.FaultTruncate}}, nil},
		{"a page of a proxy's", []klarnatest.Fault{{Kind: klarnatest.FaultHTML}}, nil},
		{"the call's own retries are used up", []klarnatest.Fault{{StatusCode: http.StatusServiceUnavailable, Times: 10}}, []klarna.Option{
			klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: 3}),
		}},
		{"a read that takes longer than an attempt may", []klarnatest.Fault{{Kind: klarnatest.FaultHold}}, nil},
		{"a read that takes longer than a call may", []klarnatest.Fault{{Kind: klarnatest.FaultHold}}, []klarna.Option{klarna.WithTimeout(2 * time.Second)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			waiting(t, func(t *testing.T, server *klarnatest.Server, c *authorization.Client, id string) {
				for i := range tc.faults {
					tc.faults[i].Operation = readOperation
				}
				server.Script(tc.faults...)
				after(t, time.Second/4, server.Approve, id)
				p, err := c.WaitPaymentRequest(t.Context(), id)
				if err != nil || p.State != authorization.PaymentRequestStateCompleted {
					t.Errorf("%v, %v", p, err)
				}
			}, tc.options...)
		})
	}
}

func TestPermanentErrorEndsWaiting(t *testing.T) {
	body := func(status int, text string) klarna.Option {
		return answering(func(n int, response *http.Response) {
			if n > 1 { // the first read succeeds
				response.StatusCode, response.Body = status, io.NopCloser(strings.NewReader(text))
			}
		})
	}
	for _, tc := range []struct {
		name   string
		fault  klarna.Option
		status int
		code   klarna.Code
	}{
		{"there is no such payment request", body(404, `{"error_code":"RESOURCE_NOT_FOUND"}`), 404, klarna.CodeResourceNotFound},
		{"the key was withdrawn", body(401, `{"error_code":"UNAUTHORIZED"}`), 401, klarna.CodeUnauthorized},
		{"Klarna has to be told", body(500, `{"error_code":"SERVER_CONFIGURATION_ERROR"}`), 500, klarna.CodeServerConfigurationError},
		{"an answer that cannot be read", body(200, `{"state":7}`), 200, ""},
		{"an answer of nothing", body(200, ""), 200, ""},
		{"a redirect", body(302, ""), 302, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			waiting(t, func(t *testing.T, server *klarnatest.Server, c *authorization.Client, id string) {
				p, err := c.WaitPaymentRequest(t.Context(), id)
				if e := failure(t, err); e.StatusCode != tc.status || e.Code != tc.code {
					t.Errorf("got the error %v, want %d %s", e, tc.status, tc.code)
				}
				if p == nil || p.State != authorization.PaymentRequestStateSubmitted {
					t.Errorf("got %v, want the payment request of the last read", p)
				}
				if n := len(reads(server)); n != 2 {
					t.Errorf("got %d reads, want 2", n)
				}
			}, tc.fault)
		})
	}
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	for _, tc := range []struct {
		name   string
		faults []klarnatest.Fault
		answer func(int, *http.Response)
		seen   bool
	}{
		{"between two reads", nil, func(int, *http.Response) {}, true},
		{"in the middle of the first read", []klarnatest.Fault{{Kind: klarnatest.FaultHold}}, func(int, *http.Response) {}, false},
		{"while Klarna is unavailable", nil, func(_ int, r *http.Response) { r.StatusCode = http.StatusServiceUnavailable }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			waiting(t, func(t *testing.T, server *klarnatest.Server, c *authorization.Client, id string) {
				server.Script(tc.faults...)
				ctx, cancel := context.WithCancel(t.Context())
				start, end := time.Now(), 7*time.Second
				time.AfterFunc(end, cancel)
				p, err := c.WaitPaymentRequest(ctx, id)
				if !errors.Is(err, context.Canceled) || (p != nil) != tc.seen {
					t.Errorf("got %v and the error %v, want a payment request: %t", p, err, tc.seen)
				}
				if took := time.Since(start); took != end {
					t.Errorf("got the end after %s, want %s", took, end)
				}
			}, answering(tc.answer))
		})
	}
	t.Run("before it began", func(t *testing.T) {
		client, wire := newClient(t, http.StatusOK, paymentRequestAnswer)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		p, err := authorization.New(client).WaitPaymentRequest(ctx, requestID)
		if p != nil || !errors.Is(err, context.Canceled) || len(wire.all()) != 0 {
			t.Errorf("got %v, the error %v and %d requests, want the context's error and none", p, err, len(wire.all()))
		}
	})
}
