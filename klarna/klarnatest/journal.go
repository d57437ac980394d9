package klarnatest

import "time"

// journal lists what happened to money and consent, in order. Entries never change. Only
// [Server.CheckInvariants] reads it, so that a mistake in the server's own state is found as well
// as a client's.
type journal []deed

type deed struct {
	kind deedKind
	at   time.Time
	// account, request, transaction and capture are ids, "" if the entry has none.
	account, request, transaction, capture string
	reference                              string // the caller's payment_transaction_reference
	amount                                 int64
	currency                               string
}

type deedKind int

const (
	// A payment request was created; reference is that of the first authorize call, if one asked
	// for it.
	deedRequested deedKind = iota
	// The customer approved amount.
	deedApproved
	// The payment request was canceled.
	deedCanceled
	// A transaction over amount was created; request is the payment request that it finalizes, if
	// any.
	deedAuthorized
	// The authorized amount grew by amount.
	deedExtended
	// Amount is no longer authorized.
	deedReleased
	// Amount was captured.
	deedCaptured
	// Amount was refunded; capture is "" for a refund of the transaction.
	deedRefunded
)

func (s *Server) note(d deed) {
	if s.retention > 0 {
		return // a server that runs for long would fill its memory
	}
	d.at = s.clock.now()
	s.journal = append(s.journal, d)
	s.touch(&d)
}
