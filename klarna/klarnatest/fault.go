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
// scripted fault that fits it, in the order of their scripting; what it does beyond its operation
// does not matter.
type Fault struct {
	// Operation is the operation that meets the fault, such as "authorization.authorize"; "" is any.
	Operation string
	// Skip is how many requests that fit pass before the first one meets it.
	Skip int
	// Times is how many requests meet it. 0 is 1, and without end for a fault with a Probability.
	Times int
	// Probability, above 0 and at most 1, lets chance say which requests meet it, repeatably: see
	// [WithSeed]. Chance owes nothing: such a fault fails no test for not being met.
	Probability float64
	// Kind is what goes wrong. The zero value is FaultStatus.
	Kind FaultKind
	// Delay is how much later than usual the answer of any kind comes, or the cut. It is no time of
	// the server's clock but of the client's: a timer, which inside a testing/synctest bubble is the
	// bubble's. What is executed is executed before it, so that a client which gives up during the
	// delay does not learn the outcome.
	Delay time.Duration
	// StatusCode is the HTTP status of FaultStatus, where 0 is 503, and of FaultHTML, where 0 is 502.
	StatusCode int
	// Code is the error_code of FaultStatus. "" is the usual code of the status.
	Code string
	// AfterExecution lets FaultStatus and FaultHTML execute the request before they answer that
	// something went wrong.
	AfterExecution bool
	// Header is added to the answer of FaultStatus and FaultHTML, such as Retry-After.
	Header http.Header
	// Release ends FaultHold and FaultStall when it is closed. A nil channel holds until the client
	// gives up.
	Release <-chan struct{}
}

// FaultKind is a way in which a request goes wrong.
type FaultKind int

const (
	// FaultStatus answers with a status and Klarna's error body; the request is not executed, but for
	// Fault.AfterExecution.
	FaultStatus FaultKind = iota
	// FaultDropBefore cuts the connection; the request is not executed. As on any network, net/http
	// repeats by itself a request that it holds for replayable when the connection was not new.
	FaultDropBefore
	// FaultDropAfter executes the request, then cuts the connection: the client does not learn the
	// outcome.
	FaultDropAfter
	// FaultTruncate executes the request, then cuts the connection in the middle of the body.
	FaultTruncate
	// FaultHTML answers with a page of HTML, as a proxy in between does and, with 403, a protection
	// against floods; the request is not executed, but for Fault.AfterExecution.
	FaultHTML
	// FaultHold lets the request claim its idempotency key and then wait for Fault.Release before it
	// is executed. A request whose client gives up first is not executed.
	FaultHold
	// FaultDelay executes the request and answers as usual, Fault.Delay later.
	FaultDelay
	// FaultStall executes the request and sends headers and half of the body, then nothing until
	// Fault.Release or until the client gives up.
	FaultStall
	// FaultLongLength executes the request and sends the whole body under a Content-Length that
	// promises more, then cuts the connection.
	FaultLongLength
	// FaultShortLength executes the request and answers with a Content-Length of half the body: the
	// client reads JSON that ends too early on a connection without an error.
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

// scriptedFault is a fault that is still to be met. A nil one is none.
type scriptedFault struct {
	Fault
	trigger
	skip int
}

// Script lets coming requests meet faults. A fault without a Probability that was not met as often
// as scripted fails the test. Script panics on a fault that could never be met or that means
// nothing: one of an operation that the server does not have, of an unknown kind, with a status or
// a probability that is none, or a FaultDelay without a Delay.
func (s *Server) Script(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		if f.Operation != "" && !slices.ContainsFunc(routes, func(r route) bool { return r.operation == f.Operation }) {
			panic(fmt.Sprintf("klarnatest: there is no operation %q; there are %s", f.Operation, strings.Join(Operations(), ", ")))
		}
		if f.Kind < 0 || int(f.Kind) >= len(faultNames) || f.Kind == FaultDelay && f.Delay <= 0 {
			panic(fmt.Sprintf("klarnatest: %s with a Delay of %v is no fault", f.Kind, f.Delay))
		}
		if f.StatusCode != 0 && (f.StatusCode < 200 || f.StatusCode > 999) {
			panic(fmt.Sprintf("klarnatest: no answer ends with the status %d", f.StatusCode))
		}
		f.Header = f.Header.Clone()
		s.faults = append(s.faults, &scriptedFault{f, newTrigger(f.Times, f.Probability), f.Skip})
	}
}

// ClearFaults takes away every fault that was scripted for requests and webhooks, met or not, so
// that a test can look at what is left when all goes well again. A webhook that is on its way, late
// or to be retried, stays so.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.webhookFaults = nil, nil
}

// Faults returns the faults that requests may still meet, in the order of their scripting. Times is
// what is left of each, 0 without end, and Skip what is left to pass.
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

// nextFault takes the fault that this request meets, nil when there is none.
func (s *Server) nextFault(operation string) *scriptedFault {
	for i, f := range s.faults {
		if f.Operation != "" && f.Operation != operation {
			continue
		}
		if f.skip > 0 {
			f.skip--
			continue
		}
		if !f.fires(s.faultDice) {
			continue
		}
		if f.spent() {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
		return f
	}
	return nil
}

// apply answers c with the fault in the way.
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

// cuts says what becomes of the answer to an executed request.
var cuts = map[FaultKind]cut{
	FaultDropAfter:   cutAll,
	FaultTruncate:    cutHalfBody,
	FaultStall:       cutStall,
	FaultLongLength:  cutLongLength,
	FaultShortLength: cutShortLength,
}

// released waits without the server's own context: Close cuts the connection, which ends the
// request's, and inside a testing/synctest bubble every channel of the select must be the bubble's.
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
