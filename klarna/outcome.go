package klarna

import (
	"errors"
	"net/http"
)

// Outcome says what may have happened at Klarna when a call failed. It is observed on the connection, not guessed
// from the kind of error. Where it is in doubt it is OutcomeUnknown, the zero value.
type Outcome int

const (
	// OutcomeUnknown means that the request, or a part of it, left, and no usable answer came: a time-out, a cut
	// connection, a 5xx, a 2xx that could not be decoded. It may have been executed. Repeat the same call (same
	// reference and content, so the same idempotency key) or read the resource; never start a fresh one.
	OutcomeUnknown Outcome = iota
	// OutcomeNotSent means that no attempt of the call put a byte of the request on a connection. Nothing happened.
	OutcomeNotSent
	// OutcomeRejected means that Klarna answered and refused. Nothing happened.
	OutcomeRejected
)

// String returns unknown, not sent or rejected.
func (o Outcome) String() string {
	switch o {
	case OutcomeNotSent:
		return "not sent"
	case OutcomeRejected:
		return "rejected"
	default:
		return "unknown"
	}
}

// OutcomeOf returns the outcome of the [*Error] in err's chain, and OutcomeUnknown for any other error.
func OutcomeOf(err error) Outcome {
	if e, ok := errors.AsType[*Error](err); ok && e != nil {
		return e.Outcome
	}
	return OutcomeUnknown
}

// outcome judges a failed call by all of its attempts.
func outcome(attempts []Attempt) Outcome {
	result := OutcomeNotSent
	for _, a := range attempts {
		switch {
		case a.StatusCode == 0 && !a.Sent:
		case a.refused():
			// After an attempt that may have been executed, only a verdict on the very same bytes settles it: a repeat
			// of an executed request would have got its first result. A conflict, a rate limit or refused
			// credentials say nothing about the earlier attempt.
			if result != OutcomeUnknown || a.StatusCode == http.StatusBadRequest {
				result = OutcomeRejected
			}
		default:
			result = OutcomeUnknown
		}
	}
	return result
}

// refused reports that Klarna answered and did not execute.
func (a Attempt) refused() bool { return a.StatusCode >= 400 && a.StatusCode < 500 }
