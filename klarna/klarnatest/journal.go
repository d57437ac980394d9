package klarnatest

import "time"

// journal is what happened to money and consent, in order, and never changed. It is written where
// things happen and read by [Server.CheckInvariants] alone, so that a mistake in the double's own
// state shows as well as a client's.
type journal []journalEntry

type journalEntry struct {
	kind entryKind
	at   time.Time
	// account, request, transaction and capture are ids, "" where the entry has none.
	account, request, transaction, capture string
	reference                              string // the caller's payment_transaction_reference
	amount                                 int64
	currency                               string
}

type entryKind int

const (
	entryRequested  entryKind = iota // a payment request came to be; reference is the first authorize's, if one asked for it
	entryApproved                    // the customer approved amount
	entryCanceled                    // the payment request was canceled
	entryAuthorized                  // a transaction over amount came to be; request is what it finalizes, if anything
	entryExtended                    // amount more was authorized
	entryReleased                    // amount is no longer authorized
	entryCaptured                    // amount was captured
	entryRefunded                    // amount was refunded; capture is "" when the transaction was
)

func (s *Server) note(d journalEntry) {
	if s.retention > 0 {
		return // it would grow with all that ever happened
	}
	d.at = s.clock.now()
	s.journal = append(s.journal, d)
	s.touch(&d)
}
