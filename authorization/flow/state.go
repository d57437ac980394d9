package flow

// State is how far a purchase is.
type State string

// The states of a purchase.
const (
	// StateBegun: recorded; the first authorize call has no answer yet.
	StateBegun State = "BEGUN"
	// StateAwaitingCustomer: the customer is to approve at Klarna.
	StateAwaitingCustomer State = "AWAITING_CUSTOMER"
	// StateFinalizing: the customer has approved, and the final authorize call is under way or to
	// be repeated.
	StateFinalizing State = "FINALIZING"
	// StateCanceling: the payment request is to be canceled.
	StateCanceling State = "CANCELING"

	// StateAuthorized: paid; there is one payment transaction.
	StateAuthorized State = "AUTHORIZED"
	// StateDeclined: Klarna declined. No money moved.
	StateDeclined State = "DECLINED"
	// StateCanceled: canceled, by the caller, by recovery or by somebody else at Klarna. No money
	// moved.
	StateCanceled State = "CANCELED"
	// StateExpired: the customer did not approve in time, or what was approved was not finalized
	// within Klarna's 60 minutes. No money moved.
	StateExpired State = "EXPIRED"
	// StateRejected: Klarna refused the request. No money moved; Status.Reason has the error's
	// code. Where it was refused at once, the purchase may be begun again with a corrected request.
	StateRejected State = "REJECTED"
	// StateUnknown: money may have moved, and Klarna could not be asked, or its answers decided
	// nothing. Recovery asks again while it can. A person has to look into it.
	StateUnknown State = "UNKNOWN"
)

// Final reports whether a purchase in state s has ended. StateAuthorized may still follow on
// another final state, where a transaction turns out to exist, or StateUnknown, where that is of
// another amount.
func (s State) Final() bool {
	switch s {
	case StateBegun, StateAwaitingCustomer, StateFinalizing, StateCanceling:
		return false
	default:
		return true
	}
}

// ended is Final of the states that this version knows. What another is to a newer version, nobody
// here can say.
func (s State) ended() bool {
	switch s {
	case StateAuthorized, StateDeclined, StateCanceled, StateExpired, StateRejected, StateUnknown:
		return true
	default:
		return false
	}
}
