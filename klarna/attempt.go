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

// answer is the answer to an attempt.
type answer struct {
	header   http.Header // nil if no answer came
	body     []byte
	unusable error     // why an answer with a 2xx status cannot be used
	problem  errorBody // the error in an answer with another status
}

// RoundTrip makes one attempt of the call: it waits for the rate limit, sends the request, reads
// and checks the answer, and appends to attempts. go-retryablehttp calls it; it calls the
// middleware, which calls the guard. activeCall must not have a method CloseIdleConnections:
// go-retryablehttp would call it each time a call fails.
func (a *activeCall) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx := request.Context()
	if a.stopped = a.awaitLimit(ctx); a.stopped != nil {
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
	attempt.Replayed = trace.obtained.Load() > 1
	if err != nil {
		attempt.Err = causeOf(ctx, attemptError(ctx, bounded, err))
		return nil, attempt.Err
	}
	// The call keeps the answer. go-retryablehttp and http.Client get its status only: they cannot
	// follow a redirect, which could send the credentials and the body to another host.
	return &http.Response{StatusCode: response.StatusCode, Body: http.NoBody, Request: request}, nil
}

// boundedBy returns a context that ends after limit, or ctx if that ends earlier.
func boundedBy(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if deadline, has := ctx.Deadline(); has && time.Until(deadline) <= limit {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, limit)
}

// awaitLimit waits for the client's rate limit. If it returns an error, nothing is sent.
func (a *activeCall) awaitLimit(ctx context.Context) error {
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

// requestHeader returns a new header for an attempt. A middleware may write to it.
func (a *activeCall) requestHeader() http.Header {
	h := make(http.Header, 8)
	values := make([]string, 0, 9) // one allocation for all headers; no slice can grow into the next
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
		// net/http sends a request with this header again if a pooled connection turns out to be
		// stale. It does not know the name of Klarna's header. A header without a value is not
		// sent.
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
	errSwitched = errors.New("the server switched protocols without being asked to")
	errNoAnswer = errors.New("the transport returned neither an answer nor an error")
	errNoTime   = fmt.Errorf("the client's rate limit leaves no time before the deadline: %w", context.DeadlineExceeded)
)

// read reads and checks the whole answer. A cut or stalled body fails the attempt, which can be
// retried.
func (a *activeCall) read(ctx context.Context, attempt *Attempt, response *http.Response) error {
	if response.Body == nil {
		response.Body = http.NoBody // net/http also accepts a nil body from other transports
	}
	attempt.StatusCode = response.StatusCode
	attempt.CorrelationID = a.scrub(response.Header.Get(headerCorrelationID))
	a.answer.header = response.Header
	body, err := readBody(ctx, response, a.client.maxResponse)
	if err != nil {
		// The header alone can show that the answer belongs to another call.
		return cmp.Or(a.echoEvidence(response.Header).foreign(), err)
	}
	a.answer.body = body
	if err := a.check(response.StatusCode, response.Header, body); err != nil {
		return err
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		a.answer.problem = parseErrorBody(body)
		for i := range a.answer.problem.problems {
			p := &a.answer.problem.problems[i]
			p.Parameter = a.withoutSecrets(p.Parameter)
		}
		attempt.Code = Code(a.scrub(string(readCode(a.answer.problem.code))))
		attempt.ErrorID = a.scrub(a.answer.problem.id)
	}
	return nil
}

// readBody reads a body of at most limit bytes to its end and closes it. If the context ends first,
// it closes the body then, which ends the reading.
func readBody(ctx context.Context, response *http.Response, limit int64) ([]byte, error) {
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
	announced := min(max(response.ContentLength, usual), large) // ContentLength is only a hint
	b.Grow(int(announced) + bytes.MinRead)                      // ReadFrom needs room to see the end
	_, err := b.ReadFrom(io.LimitReader(response.Body, limit+1))
	switch {
	case err == nil && int64(b.Len()) > limit:
		return nil, errTooLarge
	case err != nil:
		return nil, cmp.Or(ctx.Err(), err)
	}
	return b.Bytes(), nil
}

// unusableError reports that an answer has a 2xx status but not the members that decide the call.
type unusableError struct{ reason string }

func (e *unusableError) Error() string { return "the answer cannot be used: " + e.reason }

// check decodes the answer of an attempt. It returns ErrForeignAnswer if the answer belongs to
// another call, and nil otherwise. It sets a.answer.unusable if the answer cannot be used.
func (a *activeCall) check(status int, header http.Header, body []byte) error {
	found := a.echoEvidence(header)
	if status < 200 || status > 299 {
		return found.foreign()
	}
	o := operation.Of(a.call.Operation)
	if len(bytes.TrimSpace(body)) == 0 {
		if a.destination != nil && (o == nil || o.Content == operation.Some) {
			a.answer.unusable = &unusableError{"it is empty"}
		}
		return found.foreign()
	}
	destination, isWireType := a.destination.(wire.Decoder)
	if !isWireType || o == nil {
		return a.checkAny(o, found, body)
	}
	misfits, err := destination.Decode(body)
	// Evidence that was read before an error counts, too.
	var id string
	if o.ID != "" {
		id = wire.TextAt(destination.Value, o.ID)
	}
	if a.hasOtherID(id) {
		return ErrForeignAnswer
	}
	compared := false
	if sent, ok := a.call.Body.(wire.Encoder); ok {
		for _, r := range o.References {
			if found.compare(wire.TextAt(sent.Value, r.Sent), wire.TextAt(destination.Value, r.Answered)) {
				compared = true
			}
		}
	}
	found.confirmed = found.confirmed || id != "" && !compared && a.mayRepeat()
	if err := found.foreign(); err != nil {
		return err
	}
	if err == nil {
		if problem := o.Check(destination.Value, misfits); problem != nil {
			err = &unusableError{problem.Error()}
		}
		if len(o.Decides) == 0 || o.Lists() || err != nil {
			err = cmp.Or(notAnError(body), err)
		}
	}
	a.answer.unusable = err
	return nil
}

// checkAny is check for a destination that is nil or not a type of this library.
func (a *activeCall) checkAny(o *operation.Operation, found evidence, body []byte) error {
	if o != nil && o.ID != "" {
		id := textIn(body, o.ID)
		if a.hasOtherID(id) {
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

// textIn returns the text of a member of an object, or "" if it has none.
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

// notAnError returns an error for an error body with a 2xx status.
func notAnError(body []byte) error {
	// Most answers need not be parsed again. A name may be escaped.
	if !bytes.Contains(body, []byte(`error`)) && !bytes.Contains(body, []byte(`\u`)) {
		return nil
	}
	if e := parseErrorBody(body); e.code != "" || e.id != "" || e.kind != "" || e.message != "" || len(e.problems) > 0 {
		return &unusableError{"it is an error with a 2xx status"}
	}
	return nil
}

// scrub redacts a text of the answer that quotes the call: one of its secrets, or a part of its
// body, which may be personal data. It does not redact codes that Klarna documents.
func (a *activeCall) scrub(s string) string {
	if s == "" || isDocumented(Code(s)) {
		return s
	}
	if bytes.Contains(a.sentBody, []byte(s)) {
		return redact.Text
	}
	return a.withoutSecrets(s)
}

// withoutSecrets redacts a text that contains a secret of the call. Unlike scrub, it does not
// redact parts of the body, such as the names of parameters.
func (a *activeCall) withoutSecrets(s string) string {
	for _, secret := range []Secret{a.client.credentials.key, a.client.credentials.value, a.settings.sessionToken, a.settings.customerToken} {
		if !secret.IsZero() && strings.Contains(s, secret.Reveal()) {
			return redact.Text
		}
	}
	return s
}

// connectionTrace observes whether and how often a request may have been sent. Its hooks run on
// goroutines of the transport, which may outlive the attempt.
type connectionTrace struct {
	hooks     httptrace.ClientTrace
	requested atomic.Bool
	obtained  atomic.Int32
	last      atomic.Pointer[net.Conn]
}

func (t *connectionTrace) attach(ctx context.Context) context.Context {
	t.hooks.GetConn = func(string) { t.requested.Store(true) }
	// WroteHeaderField does not help: HTTP/2 may write after a canceled attempt has returned.
	t.hooks.GotConn = func(info httptrace.GotConnInfo) {
		t.obtained.Add(1)
		t.last.Store(&info.Conn)
	}
	return httptrace.WithClientTrace(ctx, &t.hooks)
}

// closeConnection closes the connection of the attempt, so that no later call reads the answer to
// another call from it.
func (t *connectionTrace) closeConnection() {
	last := t.last.Load()
	if last == nil || *last == nil {
		return
	}
	conn := *last
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn() // tls.Conn.Close may wait for the other side
	}
	_ = conn.Close() // the connection is not used again, whatever the error
}

// sent reports whether the request of an attempt without an answer may have been sent. A transport
// of the caller's may not call the hooks; then only the error can show that nothing was sent.
func (t *connectionTrace) sent(err error) bool {
	if errors.As(err, new(notSent)) {
		return false
	}
	if t.requested.Load() {
		return t.obtained.Load() > 0
	}
	return !isDialError(err)
}
