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

	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/internal/wire"
)

// answer is what an attempt got.
type answer struct {
	header   http.Header // nil where none came
	body     []byte
	unusable error     // why an answer of success cannot be used
	problem  errorBody // what an answer of failure says
}

// RoundTrip makes one attempt of the call, whole: it waits for the rate limit, sends, reads and
// judges the answer, and records what came of it. go-retryablehttp sits outside, middleware and the
// guard inside. A call has no CloseIdleConnections, on purpose: go-retryablehttp calls that of a
// transport that has it whenever a call fails.
func (a *activeCall) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx := request.Context()
	if a.stopped = a.mayBegin(ctx); a.stopped != nil {
		closeBody(request)
		return nil, a.stopped
	}
	a.attempts = append(a.attempts, Attempt{Start: time.Now().UTC()})
	a.answer = answer{}
	attempt := a.last()

	bounded, cancel := boundedBy(ctx, a.client.attemptTimeout)
	defer cancel()
	trace := new(connectionTrace)
	own := request.WithContext(trace.attach(bounded))
	own.Header = a.requestHeader()
	response, err := a.client.transport.RoundTrip(own)
	if err == nil && response == nil {
		err = errNoAnswer
	}
	if err == nil {
		err = a.read(bounded, attempt, response)
	}
	if errors.Is(err, ErrForeignAnswer) {
		a.answer = answer{}
		attempt.StatusCode, attempt.Code, attempt.ErrorID, attempt.CorrelationID = 0, "", "", ""
		trace.closeConnection()
	}
	attempt.Duration = time.Since(attempt.Start)
	attempt.Sent = response != nil || trace.sent(err)
	attempt.Replayed = trace.got.Load() > 1
	if err != nil {
		attempt.Err = causeOf(ctx, attemptError(ctx, bounded, err))
		return nil, attempt.Err
	}
	// The call keeps the answer. go-retryablehttp and http.Client learn its status alone: following a
	// Location could carry credentials and body to another host.
	return &http.Response{StatusCode: response.StatusCode, Body: http.NoBody, Request: request}, nil
}

// boundedBy bounds a context by the attempt's time, unless it ends earlier by itself.
func boundedBy(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if deadline, has := ctx.Deadline(); has && time.Until(deadline) <= limit {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, limit)
}

// mayBegin waits for the client's rate limit. What it refuses was never sent.
func (a *activeCall) mayBegin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if a.client.limiter == nil {
		return nil
	}
	if err := a.client.limiter.Wait(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return errNoTime
	}
	return nil
}

// requestHeader makes the header of an attempt. A middleware may write to it.
func (a *activeCall) requestHeader() http.Header {
	h := make(http.Header, 8)
	values := make([]string, 0, 9) // of all of them at once; none can grow into the next
	set := func(name, value string) {
		values = append(values, value)
		h[name] = values[len(values)-1 : len(values) : len(values)]
	}
	set(headerAuthorization, a.client.credentials.header.Reveal())
	set(headerPartnerCorrelationID, a.correlationID)
	set(headerAccept, "application/json")
	set(headerUserAgent, userAgent)
	if a.sentBody != nil {
		set(headerContentType, "application/json")
	}
	if a.idempotencyKey != "" {
		set(headerIdempotencyKey, a.idempotencyKey)
		// Marks the request as one that net/http may send again when a pooled connection turns out to be
		// stale. It looks for this name and not for Klarna's; without a value nothing is sent.
		h[headerReplayable] = []string{}
	}
	if t := a.settings.sessionToken; !t.IsZero() {
		set(headerSessionToken, t.Reveal())
	}
	if t := a.settings.customerToken; !t.IsZero() {
		set(headerCustomerToken, t.Reveal())
	}
	if a.metadata != "" {
		set(headerIntegrationMetadata, a.metadata)
	}
	return h
}

var (
	errTooLarge = errors.New("the answer's body is larger than allowed")
	errSwitched = errors.New("the server switched protocols, which nobody asked for")
	errNoAnswer = errors.New("the transport returned neither an answer nor an error")
	errNoTime   = fmt.Errorf("the client's rate limit leaves no time before the deadline: %w", context.DeadlineExceeded)
)

// read takes the whole answer, so that a cut or stalled body is the attempt's failure and is
// retried like one.
func (a *activeCall) read(ctx context.Context, attempt *Attempt, response *http.Response) error {
	if response.Body == nil {
		response.Body = http.NoBody // net/http forgives this, too, to transports that are not its own
	}
	attempt.StatusCode = response.StatusCode
	attempt.CorrelationID = a.scrub(response.Header.Get(headerCorrelationID))
	a.answer.header = response.Header
	body, err := readBody(ctx, response, a.client.maxResponse)
	if err != nil {
		// Its header alone can say whose answer it was.
		return cmp.Or(a.echoed(response.Header).foreign(), err)
	}
	a.answer.body = body
	if err := a.judge(response.StatusCode, response.Header, body); err != nil {
		return err
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		a.answer.problem = parseErrorBody(body)
		for i := range a.answer.problem.problems {
			p := &a.answer.problem.problems[i]
			p.Parameter = a.withoutSecrets(p.Parameter)
		}
		attempt.Code = Code(a.scrub(a.answer.problem.code))
		attempt.ErrorID = a.scrub(a.answer.problem.id)
	}
	return nil
}

// readBody reads a body to its end, at most one byte more than allowed, and closes it. The end of
// the context closes it, too, and so ends the reading.
func readBody(ctx context.Context, response *http.Response, most int64) ([]byte, error) {
	stop := context.AfterFunc(ctx, func() { _ = response.Body.Close() })
	defer func() {
		if stop() {
			_ = response.Body.Close()
		}
	}()
	if response.StatusCode < http.StatusOK {
		return nil, errSwitched // its body is the connection
	}
	const usual, large = 512, 64 << 10
	var b bytes.Buffer
	announced := min(max(response.ContentLength, usual), large) // it is a hint
	b.Grow(int(announced) + bytes.MinRead)                      // with room to see the end
	_, err := b.ReadFrom(io.LimitReader(response.Body, most+1))
	switch {
	case err == nil && int64(b.Len()) > most:
		return nil, errTooLarge
	case err != nil:
		return nil, cmp.Or(ctx.Err(), err)
	}
	return b.Bytes(), nil
}

// unfitError is the error of an answer that came with a status of success and does not say what
// decides the call.
type unfitError struct{ reason string }

func (e *unfitError) Error() string { return "the answer cannot be used: " + e.reason }

// judge reads the answer of an attempt. The error is ErrForeignAnswer or nil; whether an answer of
// the call's own can be used is a.answer.unusable.
func (a *activeCall) judge(status int, header http.Header, body []byte) error {
	found := a.echoed(header)
	if status < 200 || status > 299 {
		return found.foreign()
	}
	o := operation.Of(a.call.Operation)
	if len(bytes.TrimSpace(body)) == 0 {
		if a.destination != nil && (o == nil || o.Content == operation.Some) {
			a.answer.unusable = &unfitError{"it has no content"}
		}
		return found.foreign()
	}
	destination, ours := a.destination.(wire.Decoder)
	if !ours || o == nil {
		return a.judgeAny(o, found, body)
	}
	misfits, err := destination.Decode(body)
	if err == nil {
		var id string
		if o.ID != "" {
			id = wire.TextAt(destination.Value, o.ID)
		}
		if a.isAnother(id) {
			return ErrForeignAnswer
		}
		referred := false
		if sent, ok := a.call.Body.(wire.Encoder); ok {
			for _, r := range o.References {
				if found.compare(wire.TextAt(sent.Value, r.Sent), wire.TextAt(destination.Value, r.Answered)) {
					referred = true
				}
			}
		}
		found.confirmed = found.confirmed || id != "" && !referred && a.mayRepeat()
	}
	if err := found.foreign(); err != nil {
		return err
	}
	if err == nil {
		if problem := o.Check(destination.Value, misfits); problem != nil {
			err = &unfitError{problem.Error()}
		}
		if len(o.Decides) == 0 || o.Lists() || err != nil {
			err = cmp.Or(notAnError(body), err)
		}
	}
	a.answer.unusable = err
	return nil
}

// judgeAny is judge for a body that goes to no type of this library's, or nowhere.
func (a *activeCall) judgeAny(o *operation.Operation, found evidence, body []byte) error {
	if o != nil && o.ID != "" {
		id := textIn(body, o.ID)
		if a.isAnother(id) {
			return ErrForeignAnswer
		}
		found.confirmed = found.confirmed || id != "" && a.mayRepeat()
	}
	if err := found.foreign(); err != nil {
		return err
	}
	switch destination := a.destination.(type) {
	case nil:
		a.answer.unusable = notAnError(body)
	case wire.Decoder:
		_, a.answer.unusable = destination.Decode(body)
	default:
		a.answer.unusable = wire.DecodeAny(body, destination)
	}
	return nil
}

// textIn is the text of a member of an object, "" where there is none.
func textIn(body []byte, member string) (text string) {
	_, _ = wire.Read(body, func(r *wire.Reader) bool {
		return r.Members(func(name []byte) bool {
			if text != "" || string(name) != member || !r.IsString() {
				return r.Other()
			}
			return wire.ReadText(&text, r)
		})
	})
	return text
}

// notAnError refuses an error body under a status of success.
func notAnError(body []byte) error {
	if !bytes.Contains(body, []byte(`"error_`)) {
		return nil
	}
	if e := parseErrorBody(body); e.code != "" || e.id != "" || e.kind != "" || e.message != "" {
		return &unfitError{"it is an error under a status of success"}
	}
	return nil
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
