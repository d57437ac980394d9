package klarnatest

import "time"

// journal lists what happened to money and consent, in order. Entries never change. Only
// [Server.CheckInvariants] reads it, so that a mistake in the server's own state is found as well
// as a client's.
type journal []journalEntry

type journalEntry struct {
	kind entryKind
	at   time.Time
	// account, request, transaction and capture are ids, "" if the entry has none.
	account, request, transaction, capture string
	// reference is the caller's payment_transaction_reference, or that of the capture or refund.
	reference string
	amount    int64
	currency  string
}

type entryKind int

const (
	// A payment request was created; reference is that of the first authorize call, if one asked
	// for it.
	entryRequested entryKind = iota
	// The customer approved amount.
	entryApproved
	// The payment request was canceled.
	entryCanceled
	// A transaction over amount was created; request is the payment request that it finalizes, if
	// any.
	entryAuthorized
	// The authorized amount grew by amount.
	entryExtended
	// Amount is no longer authorized.
	entryReleased
	// Amount was captured.
	entryCaptured
	// Amount was refunded; capture is "" for a refund of the transaction.
	entryRefunded
)

func (s *Server) note(d journalEntry) {
	if s.retention > 0 {
		return // a server that runs for long would fill its memory
	}
	d.at = s.clock.now()
	s.journal = append(s.journal, d)
	s.touch(&d)
}
