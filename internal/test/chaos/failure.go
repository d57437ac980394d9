package chaos

import (
	"net/http"
	"slices"
	"time"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// failure is a failure at one step.
type failure int

const (
	none failure = iota
	// dieBefore and dieAfter end the incarnation.
	dieBefore
	dieAfter
	// failBefore makes the step fail before it has an effect, failAfter afterwards. At Klarna this
	// is a refused and a cut connection.
	failBefore
	failAfter
	// stallBefore and stallAfter pause the incarnation for longer than its lease, while everything
	// else continues.
	stallBefore
	stallAfter

	// The others are failures on Klarna's side, which klarnatest produces.
	dropBefore
	truncate
	longLength
	shortLength
	html
	htmlAfter
	internalError
	unavailable
	unavailableAfter
	rateLimited
	conflict
	unauthorized

	// These are answered before the call reaches klarnatest, which would apply them to the next
	// caller. refuse answers a final call once with a 4xx that has a code; storm answers the same
	// call with conflicts for minutes; undecided and undecidedAfter answer with a result of
	// PENDING.
	refuse
	storm
	undecided
	undecidedAfter
	// limited answers any call with a 429 without a reset time, later with a 503 with Retry-After.
	limited
	later

	// hold makes Klarna process the call for longer than the lease; delay and stallAnswer delay the
	// answer, or half of it, for that long.
	hold
	delay
	stallAnswer

	// silentBefore and silentAfter withhold the answer, as a connection to a lost host does. The
	// step ends with its context, before or after its effect.
	silentBefore
	silentAfter
	// deafBefore and deafAfter make the step take minutes and ignore the end of its context. Its
	// effect happens at the end, or at the beginning.
	deafBefore
	deafAfter
	// stopBefore and stopAfter stop the whole incarnation, as SIGSTOP does, for longer than its
	// leases. Then it continues.
	stopBefore
	stopAfter
	// panics makes a callback panic, and leaves makes it end its goroutine.
	panics
	leaves
)

var failureNames = [...]string{
	"none", "death before", "death after", "failure before", "failure after", "stall before", "stall after",
	"drop before", "truncated answer", "too little content", "too much content", "HTML", "HTML after", "500", "503", "503 after", "429", "409", "401",
	"4xx with a code", "conflicts for minutes", "PENDING", "PENDING after", "429 without a reset", "503 with Retry-After",
	"hold", "delay", "stalled answer",
	"silence before", "silence after", "deafness before", "deafness after", "stop before", "stop after", "panic", "runtime.Goexit",
}

func (h failure) String() string { return failureNames[h] }

func (h failure) deadly() bool { return h == dieBefore || h == dieAfter }

// slow reports whether other steps continue meanwhile.
func (h failure) slow() bool { return h == stallBefore || h == stallAfter || h >= hold }

// failuresOf returns the failures that a step of this kind can meet. Deaths are not among them, nor
// stops, which concern a whole incarnation.
func failuresOf(op string) []failure {
	all := []failure{failBefore, failAfter, stallBefore, stallAfter, silentBefore, silentAfter}
	switch {
	case isCallback(op):
		return append(all, deafBefore, deafAfter, panics, leaves)
	case !isNetwork(op):
		return append(all, deafBefore, deafAfter)
	}
	if op == finalOperation {
		all = append(all, refuse)
	}
	if op == finalOperation || op == "authorization.authorize" {
		all = append(all, storm, undecided, undecidedAfter)
	}
	return append(all, dropBefore, truncate, longLength, shortLength, html, htmlAfter, internalError, unavailable, unavailableAfter, rateLimited, conflict,
		unauthorized, limited, later, hold, delay, stallAnswer)
}

const (
	// stall is longer than a Coordinator's lease, and shorter than its limit for a call that Klarna
	// is processing.
	stall = 27 * time.Second
	// holdFor is shorter than the 59 seconds after which Klarna ends a call.
	holdFor = 41 * time.Second
	// silentFor bounds a silence that no context ends.
	silentFor = 2 * time.Hour
	// deafFor is longer than recovery waits for anything.
	deafFor = 20 * time.Minute
	// stopFor is longer than a lease and than any call.
	stopFor = 90 * time.Second
)

// fault returns klarnatest's part of a failure. It holds calls for holding.
func (h failure) fault(operation string, holding time.Duration) (f klarnatest.Fault, ok bool) {
	f.Operation = doubleOperation(operation)
	switch h {
	case failAfter:
		f.Kind = klarnatest.FaultDropAfter
	case dropBefore:
		f.Kind = klarnatest.FaultDropBefore
	case truncate:
		f.Kind = klarnatest.FaultTruncate
	case longLength:
		f.Kind = klarnatest.FaultLongLength
	case shortLength:
		f.Kind = klarnatest.FaultShortLength
	case html:
		f.Kind = klarnatest.FaultHTML
	case htmlAfter:
		f.Kind, f.AfterExecution = klarnatest.FaultHTML, true
	case internalError:
		f.StatusCode = http.StatusInternalServerError
	case unavailable:
		f.StatusCode = http.StatusServiceUnavailable
	case unavailableAfter:
		f.StatusCode, f.AfterExecution = http.StatusServiceUnavailable, true
	case rateLimited:
		f.StatusCode = http.StatusTooManyRequests
	case conflict:
		f.StatusCode = http.StatusConflict
	case unauthorized:
		f.StatusCode = http.StatusUnauthorized
	case hold:
		f.Kind, f.Release = klarnatest.FaultHold, after(holding)
	case delay:
		f.Kind, f.Delay = klarnatest.FaultDelay, holding
	case stallAnswer:
		f.Kind, f.Release = klarnatest.FaultStall, after(holding)
	default:
		return f, false
	}
	return f, true
}

func after(d time.Duration) <-chan struct{} {
	passed := make(chan struct{})
	time.AfterFunc(d, func() { close(passed) })
	return passed
}

// finalOperation is an authorize call that finalizes. klarnatest has one operation for both.
const finalOperation = "authorization.authorize.final"

var networkOperations = []string{
	"authorization.authorize", finalOperation, "authorization.payment_request.read", "authorization.payment_request.cancel",
	"authorization.transaction.read",
}

// doubleOperation returns klarnatest's name of an operation.
func doubleOperation(op string) string {
	if op == finalOperation {
		return "authorization.authorize"
	}
	return op
}

func isNetwork(op string) bool { return slices.Contains(networkOperations, op) }

// isCallback reports whether a step is a function that the program gave to the Coordinator.
func isCallback(op string) bool { return op == "report" || op == "policy" || op == "clients" }
