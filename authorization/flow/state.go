package flow

// State is the state of a purchase.
type State string

// The states of a purchase.
const (
	// StateBegun: the purchase is recorded, and the first authorize call has no answer yet.
	StateBegun State = "BEGUN"
	// StateAwaitingCustomer: the customer has to approve on Klarna's page.
	StateAwaitingCustomer State = "AWAITING_CUSTOMER"
	// StateFinalizing: the customer has approved, and the final authorize call has no answer yet.
	StateFinalizing State = "FINALIZING"
	// StateCanceling: the payment request is being canceled.
	StateCanceling State = "CANCELING"

	// StateAuthorized: the payment is authorized and can be captured. One payment transaction
	// exists.
	StateAuthorized State = "AUTHORIZED"
	// StateDeclined: Klarna declined the purchase. No money moved.
	StateDeclined State = "DECLINED"
	// StateCanceled: the caller, recovery or another system at Klarna canceled the purchase. No
	// money moved.
	StateCanceled State = "CANCELED"
	// StateExpired: the customer did not approve in time, or the approval was not finalized within
	// Klarna's 60 minutes. No money moved.
	StateExpired State = "EXPIRED"
	// StateRejected: Klarna refused the request. No money moved. Status.Reason is the error code.
	// If Klarna refused the first call, the purchase can be begun again with a corrected request.
	StateRejected State = "REJECTED"
	// StateUnknown: it is not known whether money moved, because Klarna did not answer or its
	// answers decided nothing. Recovery keeps asking as long as Klarna can answer. A person has to
	// investigate.
	StateUnknown State = "UNKNOWN"
)

// Final reports whether s is a final state. A final state other than [StateAuthorized] can still
// change: to StateAuthorized if a transaction turns out to exist, or to [StateUnknown] if that
// transaction has another amount.
func (s State) Final() bool {
	switch s {
	case StateBegun, StateAwaitingCustomer, StateFinalizing, StateCanceling:
		return false
	default:
		return true
	}
}

// ended is Final, but only for the states that this version knows. A newer version may continue a
// purchase in any other state.
func (s State) ended() bool {
	switch s {
	case StateAuthorized, StateDeclined, StateCanceled, StateExpired, StateRejected, StateUnknown:
		return true
	default:
		return false
	}
}
