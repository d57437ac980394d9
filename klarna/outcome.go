package klarna

import (
	"errors"
	"net/http"
)

// Outcome says what may have happened at Klarna when a call failed. It is observed on the
// connection, not guessed from the kind of error. If there is any doubt, it is [OutcomeUnknown],
// the zero value.
type Outcome int

const (
	// OutcomeUnknown means that the request, or a part of it, was sent, and that no usable answer
	// came: the call timed out, the connection was cut, the status was 5xx, or a 2xx answer could
	// not be decoded. The request may have been executed. Repeat the same call, with the same
	// reference and content and so with the same idempotency key, or read the resource. Do not
	// start a new one.
	OutcomeUnknown Outcome = iota
	// OutcomeNotSent means that no attempt of the call wrote a byte of the request to a connection.
	// Nothing happened.
	OutcomeNotSent
	// OutcomeRejected means that Klarna refused the call, which therefore changed nothing. An
	// earlier call of unknown outcome may still have been executed.
	OutcomeRejected
)

// String returns "unknown", "not sent" or "rejected".
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

// OutcomeOf returns the outcome of the [*Error] in err's chain. It returns [OutcomeUnknown] for
// other errors, and also for nil, so check first that err is not nil.
func OutcomeOf(err error) Outcome {
	if e, ok := errors.AsType[*Error](err); ok && e != nil {
		return e.Outcome
	}
	return OutcomeUnknown
}

// outcome returns the outcome of a failed call from its attempts. Once an attempt may have been
// executed, the outcome is unknown, even if Klarna refuses a later attempt: a conflict, a rate
// limit or a validation error may be a consequence of the earlier attempt.
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

// refused reports whether Klarna answered and did not execute the request. A status that a proxy
// sends when it stops waiting is not Klarna's answer.
func (a Attempt) refused() bool {
	switch a.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooEarly, 499:
		return false
	default:
		return a.StatusCode >= 400 && a.StatusCode < 500
	}
}
