package klarna

import (
	"errors"
	"net/http"
)

// Outcome says what may have happened at Klarna when a call failed. It is observed on the
// connection, not guessed from the kind of error. Where it is in doubt it is OutcomeUnknown, the
// zero value.
type Outcome int

const (
	// OutcomeUnknown means that the request, or a part of it, left, and no usable answer came: a
	// time-out, a cut connection, a 5xx, a 2xx that could not be decoded. It may have been executed.
	// Repeat the same call (same reference and content, so the same idempotency key) or read the
	// resource; never start a fresh one.
	OutcomeUnknown Outcome = iota
	// OutcomeNotSent means that no attempt of the call put a byte of the request on a connection.
	// Nothing happened.
	OutcomeNotSent
	// OutcomeRejected means that Klarna answered and refused: this call changed nothing. What an
	// earlier call of unknown outcome did, it does not tell.
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

// OutcomeOf returns the outcome of the [*Error] in err's chain, and OutcomeUnknown for any other
// error. It is for an error: check first that err is not nil, for nil is OutcomeUnknown, too.
func OutcomeOf(err error) Outcome {
	if e, ok := errors.AsType[*Error](err); ok && e != nil {
		return e.Outcome
	}
	return OutcomeUnknown
}

// outcome judges a failed call by all of its attempts. Once one may have been executed, no refusal
// of a later one settles it: a conflict, a rate limit, even a validation error can be about what
// the earlier one left behind.
func outcome(attempts []Attempt) Outcome {
	result := OutcomeNotSent
	for _, a := range attempts {
		switch {
		case a.StatusCode == 0 && !a.Sent:
		case a.refused() && !a.Replayed:
			result = OutcomeRejected
		default:
			return OutcomeUnknown
		}
	}
	return result
}

// refused reports that Klarna answered and did not execute. What a proxy says when it gave up
// waiting is no answer of Klarna's.
func (a Attempt) refused() bool {
	switch a.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooEarly, 499:
		return false
	default:
		return a.StatusCode >= 400 && a.StatusCode < 500
	}
}
