package klarna_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/internal/test/rawserver"
	"github.com/klarna-go/klarna-go/klarna"
)

// TestOutcomesOfAnsweredAndCutCalls checks the outcome for sequences of attempts.
func TestOutcomesOfAnsweredAndCutCalls(t *testing.T) {
	const (
		unknown  = klarna.OutcomeUnknown
		rejected = klarna.OutcomeRejected
	)
	tests := map[string]struct {
		steps   []string
		want    klarna.Outcome
		reached []int
	}{
		"a 400 is a refusal":                         {[]string{"400 VALIDATION_ERROR"}, rejected, []int{400}},
		"a 401 is a refusal":                         {[]string{"401 UNAUTHORIZED"}, rejected, []int{401}},
		"a 409 is a refusal":                         {[]string{"409 RESOURCE_CONFLICT"}, rejected, []int{409}},
		"a 429 on all attempts is a refusal":         {[]string{"429 RATE_LIMITED"}, rejected, []int{429, 429, 429, 429}},
		"a cut on all attempts is unknown":           {[]string{"cut"}, unknown, []int{0, 0, 0, 0}},
		"a 500 that is final is unknown":             {[]string{"500 SERVER_CONFIGURATION_ERROR"}, unknown, []int{500}},
		"a 503 on all attempts is unknown":           {[]string{"503 TEMPORARY_UNAVAILABLE"}, unknown, []int{503, 503, 503, 503}},
		"a redirect is unknown":                      {[]string{"302"}, unknown, []int{302}},
		"a cut, then a 409, stays unknown":           {[]string{"cut", "409 RESOURCE_CONFLICT"}, unknown, []int{0, 409}},
		"a cut, then a 401, stays unknown":           {[]string{"cut", "401 UNAUTHORIZED"}, unknown, []int{0, 401}},
		"a cut, then a 403, stays unknown":           {[]string{"cut", "403 OPERATION_FORBIDDEN"}, unknown, []int{0, 403}},
		"a cut, then a 404, stays unknown":           {[]string{"cut", "404 RESOURCE_NOT_FOUND"}, unknown, []int{0, 404}},
		"a cut, then only 429, stays unknown":        {[]string{"cut", "429 RATE_LIMITED"}, unknown, []int{0, 429, 429, 429}},
		"a 503, then a 409, stays unknown":           {[]string{"503 TEMPORARY_UNAVAILABLE", "409 RESOURCE_CONFLICT"}, unknown, []int{503, 409}},
		"a cut, then a 400, stays unknown":           {[]string{"cut", "400 VALIDATION_ERROR"}, unknown, []int{0, 400}},
		"a 503, then a 400, stays unknown":           {[]string{"503 TEMPORARY_UNAVAILABLE", "400 VALIDATION_ERROR"}, unknown, []int{503, 400}},
		"a 429, then a 409, is a refusal":            {[]string{"429 RATE_LIMITED", "409 RESOURCE_CONFLICT"}, rejected, []int{429, 409}},
		"a 429, then only cuts, is unknown":          {[]string{"429 RATE_LIMITED", "cut"}, unknown, []int{429, 0, 0, 0}},
		"a cut, a 429, then a 400, stays unknown":    {[]string{"cut", "429 RATE_LIMITED", "400 VALIDATION_ERROR"}, unknown, []int{0, 429, 400}},
		"a cut, a 429, then only 503, stays unknown": {[]string{"cut", "429 RATE_LIMITED", "503 TEMPORARY_UNAVAILABLE"}, unknown, []int{0, 429, 503, 503}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			url, requests := script(t, test.steps...)
			err := fail(t, newClient(t, url), authorize(), nil)
			if err.Outcome != test.want || klarna.OutcomeOf(fmt.Errorf("wrapped: %w", err)) != test.want {
				t.Errorf("outcome %s, want %s", err.Outcome, test.want)
			}
			if diff := cmp.Diff(test.reached, statuses(err.Attempts)); diff != "" {
				t.Error(diff)
			}
			all := requests.list()
			for i, a := range err.Attempts {
				if !a.Sent {
					t.Errorf("attempt %d counts as not sent", i+1)
				}
				if diff := cmp.Diff(all[0], all[i]); diff != "" {
					t.Errorf("attempt %d differs:\n%s", i+1, diff)
				}
			}
		})
	}
}

func TestCallsWithoutAConnectionAreNotSent(t *testing.T) {
	refusing, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := refusing.Addr().String()
	refusing.Close()

	untrusted := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request arrived") }))
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	defer untrusted.Close()

	plain := newServer(t, func(http.ResponseWriter, *http.Request) { t.Error("a request arrived") })
	hangsUp := rawserver.Listen(t, func(int, net.Conn) {})

	tests := map[string]struct {
		url  string
		says string
	}{
		"a refused dial":                      {"http://" + refused, "the connection failed (dial): connection refused"},
		"an untrusted certificate":            {untrusted.URL, "the server's certificate is not trusted"},
		"a server that does not speak TLS":    {"https" + plain.URL[len("http"):], "the connection failed"},
		"a connection cut in the handshake":   {"https" + hangsUp[len("http"):], "the connection "},
		"a name that does not resolve at all": {"https://klarna.invalid", "the host was not found"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			resolver := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED }}
			transport := &http.Transport{DialContext: (&net.Dialer{Resolver: resolver}).DialContext}
			defer transport.CloseIdleConnections()
			client := newClient(t, test.url, klarna.WithHTTPClient(&http.Client{Transport: transport}))
			err := fail(t, client, authorize(), nil)
			if err.Outcome != klarna.OutcomeNotSent || err.StatusCode != 0 || len(err.Attempts) != 4 {
				t.Errorf("outcome %s, status %d, %d attempts: %v", err.Outcome, err.StatusCode, len(err.Attempts), err)
			}
			for i, a := range err.Attempts {
				if a.Sent {
					t.Errorf("attempt %d counts as sent", i+1)
				}
			}
			if err.Err == nil || len(err.Err.Error()) < len(test.says) || err.Err.Error()[:len(test.says)] != test.says {
				t.Errorf("cause %v, want %s", err.Err, test.says)
			}
		})
	}
	t.Run("the cause stays reachable", func(t *testing.T) {
		err := fail(t, newClient(t, "http://"+refused, klarna.WithRetries(once)), authorize(), nil)
		if !errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, os.ErrNotExist) {
			t.Errorf("%v", err)
		}
		if operation, ok := errors.AsType[*net.OpError](err); !ok || operation.Op != "dial" {
			t.Errorf("no *net.OpError in %v", err)
		}
	})
	t.Run("a context that ended before", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := failCtx(t, ctx, newClient(t, plain.URL), authorize(), nil)
		if err.Outcome != klarna.OutcomeNotSent || len(err.Attempts) != 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
	t.Run("a dial error of a transport without connection hooks", func(t *testing.T) {
		client := stubbed(t, func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Err: errors.New("no route")}
		})
		if err := fail(t, client, authorize(), nil); err.Outcome != klarna.OutcomeNotSent {
			t.Errorf("outcome %s", err.Outcome)
		}
	})
	t.Run("another error of such a transport is unknown", func(t *testing.T) {
		client := stubbed(t, func(*http.Request) (*http.Response, error) { return nil, errors.New("no idea") })
		if err := fail(t, client, authorize(), nil); err.Outcome != klarna.OutcomeUnknown {
			t.Errorf("outcome %s", err.Outcome)
		}
	})
}

func TestARefusedDialAfterACutStaysUnknown(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := listener.Accept()
		listener.Close()
		if err == nil {
			_, _ = readSent(bufio.NewReader(conn))
			conn.Close()
		}
	}()
	failed := fail(t, newClient(t, "http://"+listener.Addr().String()), authorize(), nil)
	<-done
	if failed.Outcome != klarna.OutcomeUnknown || len(failed.Attempts) != 4 || !failed.Attempts[0].Sent || failed.Attempts[3].Sent {
		t.Errorf("outcome %s, attempts %v", failed.Outcome, failed.Attempts)
	}
}

// TestACanceledRequestMayHaveBeenSent cancels the context after the server got the request.
func TestACanceledRequestMayHaveBeenSent(t *testing.T) {
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			arrived := make(chan string, 1)
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				arrived <- r.Proto[:6]
				<-r.Context().Done()
			}))
			server.EnableHTTP2 = http2
			server.StartTLS()
			defer server.Close()
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				if got := <-arrived; (got == "HTTP/2") != http2 {
					t.Errorf("spoke %s", got)
				}
				cancel()
			}()
			client := newClient(t, server.URL, klarna.WithHTTPClient(server.Client()))
			start := time.Now()
			err := failCtx(t, ctx, client, authorize(), nil)
			within(t, soon, start)
			if err.Outcome != klarna.OutcomeUnknown || !errors.Is(err, context.Canceled) || len(err.Attempts) != 1 || !err.Attempts[0].Sent {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestAConnectionMeansSent checks that an attempt with a connection counts as sent: the hooks of
// net/http do not show what was written to it.
func TestAConnectionMeansSent(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	written := make(chan struct{})
	url := rawserver.Listen(t, func(_ int, conn net.Conn) { hold(conn) })
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return &writeObserver{Conn: conn, wrote: written}, err
	}}
	defer transport.CloseIdleConnections()
	go func() { <-written; cancel() }()
	err := failCtx(t, ctx, newClient(t, url, klarna.WithHTTPClient(&http.Client{Transport: transport})), authorize(), nil)
	if err.Outcome != klarna.OutcomeUnknown {
		t.Errorf("outcome %s", err.Outcome)
	}
}

// writeObserver is a connection that closes a channel when it is first written to.
type writeObserver struct {
	net.Conn
	once  atomic.Bool
	wrote chan struct{}
}

func (o *writeObserver) Write(b []byte) (int, error) {
	if o.once.CompareAndSwap(false, true) {
		close(o.wrote)
	}
	return o.Conn.Write(b)
}

func TestOutcomeString(t *testing.T) {
	got := []string{klarna.OutcomeUnknown.String(), klarna.OutcomeNotSent.String(), klarna.OutcomeRejected.String(), klarna.Outcome(99).String()}
	if diff := cmp.Diff([]string{"unknown", "not sent", "rejected", "unknown"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheOutcomeOfOtherErrorsIsUnknown(t *testing.T) {
	for _, err := range []error{nil, io.EOF, (*klarna.Error)(nil)} {
		if got := klarna.OutcomeOf(err); got != klarna.OutcomeUnknown {
			t.Errorf("outcome of %v is %s", err, got)
		}
	}
}
