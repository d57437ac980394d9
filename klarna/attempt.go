package klarna

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"github.com/klarna-go/klarna-go/internal/redact"
)

type activeCallKey struct{}

// attemptTransport makes one attempt of a call, whole: it waits for the rate limit, sends, reads
// the body within the limits, and records what came of it. go-retryablehttp sits outside,
// middleware and the guard inside. It has RoundTrip alone, on purpose: go-retryablehttp closes the
// idle connections of a transport that lets it whenever a call fails.
type attemptTransport struct {
	next    http.RoundTripper
	timeout time.Duration
	core    *core
}

func (t *attemptTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx := request.Context()
	a, ok := ctx.Value(activeCallKey{}).(*activeCall)
	if !ok {
		closeBody(request)
		return nil, errors.New("klarna: a request that is not a call")
	}
	if a.stopped = t.mayBegin(ctx); a.stopped != nil {
		closeBody(request)
		return nil, a.stopped
	}
	a.attempts = append(a.attempts, Attempt{Start: t.core.now().UTC()})
	a.forget()
	attempt := &a.attempts[len(a.attempts)-1]

	bounded, cancel := boundedBy(ctx, t.timeout)
	defer cancel()
	trace := new(connectionTrace)
	own := request.WithContext(trace.attach(bounded))
	own.Header = a.requestHeader()
	response, err := t.next.RoundTrip(own)
	if err == nil && response == nil {
		err = errNoAnswer
	}
	if err == nil {
		err = a.read(bounded, response, t.core.maxResponse)
	}
	if errors.Is(err, ErrForeignAnswer) {
		a.forget()
		attempt.StatusCode, attempt.Code, attempt.ErrorID, attempt.CorrelationID = 0, "", "", ""
		trace.closeConnection()
	}
	attempt.Duration = t.core.now().Sub(attempt.Start)
	attempt.Sent = response != nil || trace.sent(err)
	attempt.Replayed = trace.got.Load() > 1
	if err != nil {
		attempt.Err = causeOf(ctx, attemptError(ctx, bounded, err))
		return nil, attempt.Err
	}
	// The answer as go-retryablehttp and http.Client may see it: read to its end, and without the
	// Location that they would follow or fail to parse.
	return &http.Response{
		Status:     response.Status,
		StatusCode: response.StatusCode,
		Proto:      response.Proto,
		ProtoMajor: response.ProtoMajor,
		ProtoMinor: response.ProtoMinor,
		Header:     withoutLocation(a.header),
		Body:       io.NopCloser(bytes.NewReader(a.body)),
		Request:    request,
	}, nil
}

// boundedBy bounds a context by the attempt's time, unless it ends earlier by itself.
func boundedBy(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if deadline, has := ctx.Deadline(); has && time.Until(deadline) <= limit {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, limit)
}

// mayBegin waits for the client's rate limit. What it refuses was never sent.
func (t *attemptTransport) mayBegin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if t.core.limiter == nil {
		return nil
	}
	if err := t.core.limiter.Wait(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return errNoTime
	}
	return nil
}

var (
	errTooLarge = errors.New("the answer's body is larger than allowed")
	errSwitched = errors.New("the server switched protocols, which nobody asked for")
	errNoAnswer = errors.New("the transport returned neither an answer nor an error")
	errNoTime   = fmt.Errorf("the client's rate limit leaves no time before the deadline: %w", context.DeadlineExceeded)
)

// read takes the whole answer, so that a cut or stalled body is the attempt's failure and is
// retried like one.
func (a *activeCall) read(ctx context.Context, response *http.Response, most int64) error {
	if response.Body == nil {
		response.Body = http.NoBody // net/http forgives this, too, to transports that are not its own
	}
	defer response.Body.Close()
	attempt := &a.attempts[len(a.attempts)-1]
	attempt.StatusCode = response.StatusCode
	attempt.CorrelationID = a.scrub(response.Header.Get(headerCorrelationID))
	a.header = response.Header
	body, err := readBody(ctx, response, most)
	if err != nil {
		// Its header alone can say whose answer it was.
		return cmp.Or(foreign(a.echoed(response.Header)), err)
	}
	a.body = body
	if err := a.judge(response.StatusCode, response.Header, body); err != nil {
		return err
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		a.problem = parseErrorBody(body)
		for i := range a.problem.problems {
			p := &a.problem.problems[i]
			p.Parameter = a.withoutSecrets(p.Parameter)
		}
		attempt.Code = Code(a.scrub(a.problem.code))
		attempt.ErrorID = a.scrub(a.problem.id)
	}
	return nil
}

// forget drops what an answer left.
func (a *activeCall) forget() {
	a.header, a.body, a.unusable, a.problem = nil, nil, nil, errorBody{}
}

// readBody reads at most one byte more than allowed, until the end or until the context's. The body
// of a transport that is not net/http's may heed neither the context nor Close; the reading is then
// left behind until it ends by itself.
func readBody(ctx context.Context, response *http.Response, most int64) ([]byte, error) {
	if response.StatusCode < http.StatusOK {
		return nil, errSwitched // its body is the connection
	}
	limited := io.LimitReader(response.Body, most+1)
	if _, heeds := response.Body.(contextBody); heeds {
		text, err := readAll(limited, response.ContentLength)
		if err != nil && ctx.Err() != nil {
			err = ctx.Err()
		}
		return checkSize(text, err, most)
	}
	type read struct {
		text []byte
		err  error
	}
	done := make(chan read, 1)
	go func() {
		text, err := readAll(limited, response.ContentLength)
		done <- read{text, err}
	}()
	select {
	case r := <-done:
		return checkSize(r.text, r.err, most)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// checkSize refuses a text that is larger than allowed.
func checkSize(text []byte, err error, most int64) ([]byte, error) {
	if err == nil && int64(len(text)) > most {
		return nil, errTooLarge
	}
	return text, err
}

// readAll takes the length that was announced for what it is, a hint.
func readAll(body io.Reader, announced int64) ([]byte, error) {
	const usual, large = 512, 64 << 10
	var b bytes.Buffer
	b.Grow(int(min(max(announced, usual), large)) + bytes.MinRead) // with room to see the end
	_, err := b.ReadFrom(body)
	return b.Bytes(), err
}

// scrub drops a text of the answer that quotes the call: a secret of it, or a part of its body,
// which may be personal data. Codes that the documentation lists stay what they are, whatever the
// body holds.
func (a *activeCall) scrub(s string) string {
	if s == "" || isDocumented(Code(s)) {
		return s
	}
	if bytes.Contains(a.sentBody, []byte(s)) {
		return redact.Text
	}
	return a.withoutSecrets(s)
}

// withoutSecrets is scrub for texts that share words with every body, such as the names of
// parameters.
func (a *activeCall) withoutSecrets(s string) string {
	for _, secret := range []Secret{a.client.credentials.key, a.client.credentials.value, a.settings.sessionToken, a.settings.customerToken} {
		if !secret.IsZero() && strings.Contains(s, secret.Reveal()) {
			return redact.Text
		}
	}
	return s
}

func withoutLocation(h http.Header) http.Header {
	if len(h["Location"]) == 0 {
		return h // almost always: nothing to copy for
	}
	h = h.Clone()
	h.Del("Location")
	return h
}

// connectionTrace observes whether a request may have left, and how often. Its hooks run in
// goroutines of the transport, which may outlive the attempt.
type connectionTrace struct {
	hooks httptrace.ClientTrace
	asked atomic.Bool
	got   atomic.Int32
	last  atomic.Pointer[net.Conn]
}

func (t *connectionTrace) attach(ctx context.Context) context.Context {
	t.hooks.GetConn = func(string) { t.asked.Store(true) }
	// Not WroteHeaderField: HTTP/2 may write after a cancelled attempt has returned.
	t.hooks.GotConn = func(info httptrace.GotConnInfo) {
		t.got.Add(1)
		t.last.Store(&info.Conn)
	}
	return httptrace.WithClientTrace(ctx, &t.hooks)
}

// closeConnection closes the connection that the attempt used, so that no later call gets an answer
// that is not its own.
func (t *connectionTrace) closeConnection() {
	last := t.last.Load()
	if last == nil || *last == nil {
		return
	}
	conn := *last
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn() // closing TLS itself waits for the other side to take a last message
	}
	_ = conn.Close() // whatever comes of it: the connection is given up
}

// sent judges an attempt that had no answer. Without a trace, as with a transport of the caller's
// that makes no connections, only an error that says so itself means that nothing left.
func (t *connectionTrace) sent(err error) bool {
	if errors.As(err, new(notSent)) {
		return false
	}
	if t.asked.Load() {
		return t.got.Load() > 0
	}
	return !isDialError(err)
}
