package chaos

import (
	"net/http"
	"slices"
	"time"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// harm is what befalls one step.
type harm int

const (
	none harm = iota
	// dieBefore and dieAfter end the life.
	dieBefore
	dieAfter
	// failBefore makes the step fail without having happened, failAfter after it has: at Klarna, a
	// connection that is refused and one that is cut.
	failBefore
	failAfter
	// stallBefore and stallAfter let the life sleep through its lease and wake up in a world that
	// has gone on.
	stallBefore
	stallAfter

	// The rest is Klarna's side, and the double does it.
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

	// These are answered on the way, because the double would give them to whoever calls next.
	// refuse answers a final call once with a 4xx that has a code; storm answers the same call with
	// conflicts for minutes; undecided and undecidedAfter answer with a result of PENDING.
	refuse
	storm
	undecided
	undecidedAfter
	// limited answers any call with a 429 that does not say until when, later with a 503 that does.
	limited
	later

	// hold lets Klarna work on the call for longer than the lease; delay and stallAnswer let the
	// answer, or half of it, take that long.
	hold
	delay
	stallAnswer

	// silentBefore and silentAfter let the answer never come, as a connection does whose other end is
	// gone: the step ends with its context, and has not happened, or has.
	silentBefore
	silentAfter
	// deafBefore and deafAfter let the step take minutes and ignore the end of its context. What is to
	// happen happens at their end, or at their beginning.
	deafBefore
	deafAfter
	// stopBefore and stopAfter stop the whole life, as SIGSTOP does, for longer than its leases. Then
	// it goes on.
	stopBefore
	stopAfter
	// panics and leaves are a callback's: it panics, and it ends its goroutine.
	panics
	leaves
)

var harmNames = [...]string{
	"none", "death before", "death after", "failure before", "failure after", "stall before", "stall after",
	"drop before", "truncated answer", "too little content", "too much content", "HTML", "HTML after", "500", "503", "503 after", "429", "409", "401",
	"4xx with a code", "conflicts for minutes", "PENDING", "PENDING after", "429 without a reset", "503 with Retry-After",
	"hold", "delay", "stalled answer",
	"silence before", "silence after", "deafness before", "deafness after", "stop before", "stop after", "panic", "runtime.Goexit",
}

func (h harm) String() string { return harmNames[h] }

func (h harm) deadly() bool { return h == dieBefore || h == dieAfter }

// slow: others go on meanwhile.
func (h harm) slow() bool { return h == stallBefore || h == stallAfter || h >= hold }

// harms are those that a step of this kind can meet, deaths left out, and stops, which are of a
// whole life.
func harms(op string) []harm {
	all := []harm{failBefore, failAfter, stallBefore, stallAfter, silentBefore, silentAfter}
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
	// stall is longer than a Coordinator's lease, and shorter than what it takes for a call that
	// Klarna works on.
	stall = 27 * time.Second
	// holdFor is shorter than the 59 seconds after which Klarna gives up a call.
	holdFor = 41 * time.Second
	// silentFor ends a silence that no context ends.
	silentFor = 2 * time.Hour
	// deafFor is longer than recovery waits for anything.
	deafFor = 20 * time.Minute
	// stopFor is longer than a lease and than any call.
	stopFor = 90 * time.Second
)

// fault is the double's part in a harm. It holds calls for that long.
func (h harm) fault(operation string, holding time.Duration) (f klarnatest.Fault, ok bool) {
	f.Operation = atTheDouble(operation)
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

// finalOperation is an authorize call that finalizes. The double has one operation for both.
const finalOperation = "authorization.authorize.final"

var networkOperations = []string{
	"authorization.authorize", finalOperation, "authorization.payment_request.read", "authorization.payment_request.cancel",
	"authorization.transaction.read",
}

// atTheDouble is the double's name of an operation.
func atTheDouble(op string) string {
	if op == finalOperation {
		return "authorization.authorize"
	}
	return op
}

func isNetwork(op string) bool { return slices.Contains(networkOperations, op) }

// isCallback reports that a step is a function that the program gave to the Coordinator.
func isCallback(op string) bool { return op == "report" || op == "policy" || op == "clients" }
