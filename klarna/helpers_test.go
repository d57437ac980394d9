package klarna_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/internal/test/rawserver"
	"github.com/klarna-go/klarna-go/klarna"
)

const (
	testKey = "klarna_test_api_b1946ac92492d2347c6235b4d2611184"
	liveKey = "klarna_live_api_591785b794601e212b260e25925636fd"
	account = "krn:partner:global:account:test:LWT2XJSE"
	// soon is far above the duration of a call on loopback and far below each pause of a test.
	soon = 5 * time.Second
)

// quick is the default policy without its pauses.
var quick = klarna.RetryPolicy{MinWait: time.Nanosecond, MaxWait: time.Millisecond}

// once is quick without retries.
var once = klarna.RetryPolicy{MaxAttempts: 1}

// newClient returns a client for a server of the test. Its connections end with the test.
func newClient(t *testing.T, baseURL string, options ...klarna.Option) *klarna.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	base := []klarna.Option{klarna.WithBaseURL(baseURL), klarna.WithHTTPClient(&http.Client{Transport: transport}), klarna.WithRetries(quick)}
	client, err := klarna.NewClient(testKey, append(base, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// newServer starts a server that ends with the test.
func newServer(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	return server
}

// hold reads until the client closes the connection.
func hold(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// sent is a request that a server received.
type sent struct {
	Method string
	URI    string
	Header http.Header
	Body   string
}

func readSent(reader *bufio.Reader) (sent, error) {
	request, err := http.ReadRequest(reader)
	if err != nil {
		return sent{}, err
	}
	return toSent(request)
}

func toSent(request *http.Request) (sent, error) {
	body, err := io.ReadAll(request.Body)
	return sent{request.Method, request.RequestURI, request.Header.Clone(), string(body)}, err
}

// sentLog is a list of requests. It is safe for concurrent use.
type sentLog struct {
	mu  sync.Mutex
	all []sent
}

func (l *sentLog) add(s sent) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, s)
	return len(l.all)
}

func (l *sentLog) list() []sent {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]sent(nil), l.all...)
}

func (l *sentLog) only(t *testing.T) sent {
	t.Helper()
	all := l.list()
	if len(all) != 1 {
		t.Fatalf("the server got %d requests, want 1", len(all))
	}
	return all[0]
}

// recorder starts a server that records each request and answers with status and body.
func recorder(t *testing.T, status int, body string) (*httptest.Server, *sentLog) {
	t.Helper()
	requests := new(sentLog)
	server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		s, err := toSent(r)
		if err != nil {
			t.Error(err)
		}
		requests.add(s)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
	return server, requests
}

// script starts a server that answers each request with the next step, on a connection of its own.
// The step "cut" closes the connection without an answer. Each other step is a status and an
// optional error code, such as "200" and "503 TEMPORARY_UNAVAILABLE". The last step repeats.
func script(t *testing.T, steps ...string) (string, *sentLog) {
	t.Helper()
	requests := new(sentLog)
	return rawserver.Listen(t, func(_ int, conn net.Conn) {
		s, err := readSent(bufio.NewReader(conn))
		if err != nil {
			return
		}
		step := steps[min(requests.add(s), len(steps))-1]
		if step == "cut" {
			return
		}
		status, code, _ := strings.Cut(step, " ")
		body := "{}"
		if code != "" {
			body = errorJSON(code)
		}
		_, _ = io.WriteString(conn, answer(status, body))
	}), requests
}

func errorJSON(code string) string {
	return `{"error_id":"9f27a5d0-4a42-4a2e-8c8f-3a4f9d1a6b11","error_type":"T","error_code":"` + code + `","error_message":"for developers"}`
}

// answer returns a complete HTTP response that closes the connection.
func answer(status, body string) string {
	return "HTTP/1.1 " + status + " X\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " +
		strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

// roundTrip is a function that implements http.RoundTripper.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func respond(r *http.Request, status int, body string) *http.Response {
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}
}

// stubbed returns a client that uses no network.
func stubbed(t *testing.T, transport roundTrip, options ...klarna.Option) *klarna.Client {
	t.Helper()
	return newClient(t, "https://klarna.invalid", append([]klarna.Option{klarna.WithHTTPClient(&http.Client{Transport: transport})}, options...)...)
}

// authorize returns a POST with a reference.
func authorize() klarna.Call {
	return klarna.Call{
		Operation: "authorization.authorize",
		Method:    http.MethodPost,
		Route:     "payment/authorize",
		Reference: "order-1",
		Body:      map[string]any{"currency": "SEK"},
	}
}

// read returns a GET.
func read() klarna.Call {
	return klarna.Call{
		Operation: "authorization.read",
		Method:    http.MethodGet,
		Route:     "payment/requests/{payment_request_id}",
		IDs:       []string{"krn:payment:eu1:request:1"},
	}
}

// fail makes a call that must fail, and returns its error.
func fail(t *testing.T, client *klarna.Client, call klarna.Call, destination any, options ...klarna.CallOption) *klarna.Error {
	t.Helper()
	return failCtx(t, t.Context(), client, call, destination, options...)
}

func failCtx(t *testing.T, ctx context.Context, client *klarna.Client, call klarna.Call, destination any, options ...klarna.CallOption) *klarna.Error {
	t.Helper()
	_, err := client.Do(ctx, call, destination, options...)
	if err == nil {
		t.Fatal("the call succeeded")
	}
	e, ok := errors.AsType[*klarna.Error](err)
	if !ok {
		t.Fatalf("%T is not a *klarna.Error", err)
	}
	return e
}

func succeed(t *testing.T, client *klarna.Client, call klarna.Call, destination any, options ...klarna.CallOption) klarna.RawJSON {
	t.Helper()
	raw, err := client.Do(t.Context(), call, destination, options...)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// within fails the test if more than limit has passed since start.
func within(t *testing.T, limit time.Duration, start time.Time) {
	t.Helper()
	if took := time.Since(start); took > limit {
		t.Errorf("took %s, want less than %s", took, limit)
	}
}

func statuses(attempts []klarna.Attempt) []int {
	var list []int
	for _, a := range attempts {
		list = append(list, a.StatusCode)
	}
	return list
}
