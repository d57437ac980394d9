package klarnatest

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Fault is something that goes wrong between a client and Klarna. A request meets the first
// scripted fault that matches its operation, in the order of scripting. The content of the request
// does not matter.
type Fault struct {
	// Operation is the operation that meets the fault, such as "authorization.authorize"; ""
	// matches any.
	Operation string
	// Skip is the number of matching requests that pass before the first one meets the fault.
	Skip int
	// Times is the number of requests that meet the fault. 0 means 1, or unlimited for a fault with
	// a Probability.
	Times int
	// Probability, above 0 and at most 1, selects the requests that meet the fault at random, but
	// repeatably: see [WithSeed]. A fault with a Probability may remain unmet without failing the
	// test.
	Probability float64
	// Kind is what goes wrong. The zero value is [FaultStatus].
	Kind FaultKind
	// Delay is how much later than usual the answer of any kind arrives, or the connection is cut.
	// It is measured by the client's time, not by the server's clock: a timer, which inside a
	// testing/synctest bubble is the bubble's. A request that is executed is executed before
	// the delay, so that a client that gives up during it does not learn the outcome.
	Delay time.Duration
	// StatusCode is the HTTP status of FaultStatus and FaultHTML. 0 means 503 for FaultStatus and
	// 502 for FaultHTML.
	StatusCode int
	// Code is the error_code of FaultStatus. "" means the usual code of the status.
	Code string
	// AfterExecution makes FaultStatus and FaultHTML execute the request before they answer with a
	// failure.
	AfterExecution bool
	// Header is added to the answer of FaultStatus and FaultHTML, such as Retry-After.
	Header http.Header
	// Release ends FaultHold and FaultStall when it is closed. With a nil channel they last until
	// the client gives up.
	Release <-chan struct{}
}

// FaultKind is a way in which a request goes wrong.
type FaultKind int

const (
	// FaultStatus answers with a status and Klarna's error body. The request is executed only with
	// Fault.AfterExecution.
	FaultStatus FaultKind = iota
	// FaultDropBefore cuts the connection and does not execute the request. As on any network,
	// net/http automatically repeats a request that it considers replayable if the connection was
	// not new.
	FaultDropBefore
	// FaultDropAfter executes the request, then cuts the connection: the client does not learn the
	// outcome. As with [FaultDropBefore], net/http may automatically repeat the request if the
	// connection was not new. One attempt of a client then meets the fault twice. To lose the
	// answer to an exact number of attempts, use [FaultTruncate].
	FaultDropAfter
	// FaultTruncate executes the request, then cuts the connection in the middle of the body: the
	// client does not learn the outcome. net/http does not repeat the request, because the answer
	// has begun.
	FaultTruncate
	// FaultHTML answers with a page of HTML, as a proxy does and, with 403, a firewall. The request
	// is executed only with Fault.AfterExecution.
	FaultHTML
	// FaultHold makes the request claim its idempotency key and then wait for Fault.Release before
	// it is executed. A request whose client gives up first is not executed.
	FaultHold
	// FaultDelay executes the request and answers as usual, Fault.Delay later.
	FaultDelay
	// FaultStall executes the request and sends headers and half of the body, then nothing until
	// Fault.Release or until the client gives up.
	FaultStall
	// FaultLongLength executes the request and sends the whole body with a Content-Length that is
	// too large, then cuts the connection.
	FaultLongLength
	// FaultShortLength executes the request and answers with a Content-Length of half the body: the
	// client reads truncated JSON on a connection without an error.
	FaultShortLength
)

var faultNames = [...]string{
	"FaultStatus", "FaultDropBefore", "FaultDropAfter", "FaultTruncate", "FaultHTML", "FaultHold", "FaultDelay", "FaultStall",
	"FaultLongLength", "FaultShortLength",
}

// String returns the name of the constant.
func (k FaultKind) String() string {
	if k < 0 || int(k) >= len(faultNames) {
		return fmt.Sprintf("FaultKind(%d)", int(k))
	}
	return faultNames[k]
}

// scriptedFault is a fault that can still be met. A nil one has no effect.
type scriptedFault struct {
	Fault
	trigger
	skip int
}

// Script makes future requests meet faults. The test fails if a fault without a Probability was not
// met as often as scripted. Script panics on a fault that is invalid or can never be met: one with
// an unknown operation or kind, an invalid status or probability, or a [FaultDelay] without a
// Delay.
func (s *Server) Script(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		if f.Operation != "" && !slices.ContainsFunc(routes, func(r route) bool { return r.operation == f.Operation }) {
			panic(fmt.Sprintf("klarnatest: unknown operation %q; the operations are %s", f.Operation, strings.Join(Operations(), ", ")))
		}
		if f.Kind < 0 || int(f.Kind) >= len(faultNames) || f.Kind == FaultDelay && f.Delay <= 0 {
			panic(fmt.Sprintf("klarnatest: invalid fault: %s with a Delay of %v", f.Kind, f.Delay))
		}
		if f.StatusCode != 0 && (f.StatusCode < 200 || f.StatusCode > 999) {
			panic(fmt.Sprintf("klarnatest: invalid status %d of a fault", f.StatusCode))
		}
		f.Header = f.Header.Clone()
		s.faults = append(s.faults, &scriptedFault{f, newTrigger(f.Times, f.Probability), f.Skip})
	}
}

// ClearFaults removes every fault that was scripted for requests and webhooks, met or not, so that
// a test can check the state after a recovery. Webhooks that are already delayed or waiting for a
// retry stay so.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.webhookFaults = nil, nil
}

// Faults returns the faults that requests may still meet, in the order of scripting. Times is the
// number of requests that may still meet it, 0 if unlimited. Skip is the number of requests still
// to pass.
func (s *Server) Faults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Fault
	for _, f := range s.faults {
		left := f.Fault
		left.Header = left.Header.Clone()
		left.Times, left.Skip = max(f.left, 0), f.skip
		list = append(list, left)
	}
	return list
}

// nextFault takes the fault that this request meets. It returns nil if there is no fault.
func (s *Server) nextFault(operation string) *scriptedFault {
	for i, f := range s.faults {
		if f.Operation != "" && f.Operation != operation {
			continue
		}
		if f.skip > 0 {
			f.skip--
			continue
		}
		if !f.fires(s.faultRandom) {
			continue
		}
		if f.spent() {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
		return f
	}
	return nil
}

// apply answers c with the fault applied.
func (f *scriptedFault) apply(s *Server, c *call) answer {
	if f == nil {
		return s.process(c, nil)
	}
	a := f.meet(s, c)
	if pause(c.request.Context(), f.Delay) != nil {
		return answer{cut: cutAll}
	}
	return a
}

func (f *scriptedFault) meet(s *Server, c *call) answer {
	switch f.Kind {
	case FaultStatus:
		if f.AfterExecution {
			s.process(c, nil)
		}
		status := cmp.Or(f.StatusCode, http.StatusServiceUnavailable)
		return failure(status, cmp.Or(f.Code, usualCodes[status]), "scripted by the test").with(f.Header)
	case FaultHTML:
		if f.AfterExecution {
			s.process(c, nil)
		}
		a := answer{
			status: cmp.Or(f.StatusCode, http.StatusBadGateway),
			header: http.Header{"Content-Type": {"text/html"}},
		}
		a.body = fmt.Appendf(nil, "<html><body><h1>%d %s</h1></body></html>", a.status, http.StatusText(a.status))
		return a.with(f.Header)
	case FaultDropBefore:
		return answer{cut: cutAll}
	case FaultHold:
		return s.process(c, func() error { return released(c.request.Context(), f.Release) })
	}
	a := s.process(c, nil)
	a.cut = cuts[f.Kind]
	a.release = f.Release
	return a
}

// cuts maps a kind of fault to how much of the answer to an executed request reaches the client.
var cuts = map[FaultKind]cut{
	FaultDropAfter:   cutAll,
	FaultTruncate:    cutHalfBody,
	FaultStall:       cutStall,
	FaultLongLength:  cutLongLength,
	FaultShortLength: cutShortLength,
}

// released does not wait for the server's context: Close cuts the connection, which ends the
// request's context, and inside a testing/synctest bubble every channel of the select must belong
// to the bubble.
func released(ctx context.Context, release <-chan struct{}) error {
	select {
	case <-release:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a answer) with(header http.Header) answer {
	for name, values := range header {
		a.header[http.CanonicalHeaderKey(name)] = values
	}
	return a
}
