package klarnatest

import (
	"fmt"
	"testing"
)

// CheckInvariants fails the test for each thing that must not have happened, whatever its cause. It
// checks a journal of what the server did for:
//
//   - a purchase, which is a payment_transaction_reference of an account, with two transactions
//   - a transaction whose payment request the customer did not approve, or approved for another
//     amount or currency
//   - a payment request finalized twice, after its cancel, or under another reference than its
//     first authorize had
//   - a capture beyond what is authorized, or a refund beyond what is captured
//   - two captures of a transaction with one payment_capture_reference, or two refunds with one
//     reference
//
// The server itself refuses most of these. It does not refuse two purchases, captures or refunds
// with one reference, because Klarna does not promise to refuse them.
func (s *Server) CheckInvariants(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.retention > 0 {
		t.Error("klarnatest: a server with a retention keeps no journal to check")
	}
	for _, violation := range s.journal.violations() {
		t.Errorf("klarnatest: %s", violation)
	}
}

// audit is the state of the money according to the journal entries read so far.
type audit struct {
	found        []string
	requests     map[string]*auditedRequest
	transactions map[string]*auditedTransaction
	captures     map[string]*auditedCapture
	purchases    map[purchaseKey]string
	parts        map[partKey]bool
}

type purchaseKey struct{ account, reference string }

// partKey is a capture or a refund of a transaction by its reference.
type partKey struct {
	kind                   entryKind
	transaction, reference string
}

type auditedRequest struct {
	reference   string
	approved    bool
	canceled    bool
	amount      int64
	currency    string
	transaction string
}

type auditedTransaction struct{ authorized, captured, refunded int64 }

type auditedCapture struct{ amount, refunded int64 }

// violations reads the journal from its start and returns what must not have happened.
func (j journal) violations() []string {
	a := audit{
		requests:     map[string]*auditedRequest{},
		transactions: map[string]*auditedTransaction{},
		captures:     map[string]*auditedCapture{},
		purchases:    map[purchaseKey]string{},
		parts:        map[partKey]bool{},
	}
	for _, d := range j {
		a.read(d)
	}
	return a.found
}

func (a *audit) report(format string, args ...any) {
	a.found = append(a.found, fmt.Sprintf(format, args...))
}

func (a *audit) read(d journalEntry) {
	switch d.kind {
	case entryRequested:
		a.requests[d.request] = &auditedRequest{reference: d.reference}
	case entryApproved:
		r := a.request(d)
		r.approved, r.amount, r.currency = true, d.amount, d.currency
	case entryCanceled:
		a.request(d).canceled = true
	case entryAuthorized:
		a.authorized(d)
	case entryExtended:
		a.transaction(d).authorized += d.amount
	case entryReleased, entryCaptured, entryRefunded:
		a.moved(d)
	}
}

// request returns the payment request of d. One that was never requested counts as not approved.
func (a *audit) request(d journalEntry) *auditedRequest {
	if a.requests[d.request] == nil {
		a.requests[d.request] = &auditedRequest{}
	}
	return a.requests[d.request]
}

func (a *audit) transaction(d journalEntry) *auditedTransaction {
	if a.transactions[d.transaction] == nil {
		a.transactions[d.transaction] = &auditedTransaction{}
	}
	return a.transactions[d.transaction]
}

func (a *audit) authorized(d journalEntry) {
	a.transaction(d).authorized += d.amount
	key := purchaseKey{d.account, d.reference}
	if first, twice := a.purchases[key]; twice {
		a.report("the purchase %q of %s has two transactions, %s and %s", d.reference, d.account, first, d.transaction)
	}
	a.purchases[key] = d.transaction
	if d.request == "" {
		return
	}
	r := a.request(d)
	switch {
	case !r.approved:
		a.report("transaction %s finalizes %s, which the customer did not approve", d.transaction, d.request)
	case r.amount != d.amount || r.currency != d.currency:
		a.report("transaction %s is over %d %s, and the customer approved %d %s", d.transaction, d.amount, d.currency, r.amount, r.currency)
	}
	if r.canceled {
		a.report("transaction %s finalizes %s, which was canceled before", d.transaction, d.request)
	}
	if r.transaction != "" {
		a.report("%s is finalized twice, by %s and %s", d.request, r.transaction, d.transaction)
	}
	if r.reference != "" && r.reference != d.reference {
		a.report("%s is finalized as purchase %q, and its first authorize was of %q", d.request, d.reference, r.reference)
	}
	r.transaction = d.transaction
}

// moved subtracts from what is authorized, and adds up what is captured and refunded.
func (a *audit) moved(d journalEntry) {
	t := a.transaction(d)
	if d.kind != entryReleased && d.reference != "" {
		key := partKey{d.kind, d.transaction, d.reference}
		if a.parts[key] {
			what := map[entryKind]string{entryCaptured: "captures", entryRefunded: "refunds"}[d.kind]
			a.report("transaction %s has two %s of the reference %q", d.transaction, what, d.reference)
		}
		a.parts[key] = true
	}
	switch d.kind {
	case entryCaptured:
		t.captured += d.amount
		a.captures[d.capture] = &auditedCapture{amount: d.amount}
		fallthrough
	case entryReleased:
		if t.authorized -= d.amount; t.authorized < 0 {
			a.report("transaction %s has %d captured or released beyond what is authorized", d.transaction, -t.authorized)
		}
	case entryRefunded:
		if t.refunded += d.amount; t.refunded > t.captured {
			a.report("transaction %s has %d refunded and only %d captured", d.transaction, t.refunded, t.captured)
		}
		if c := a.captures[d.capture]; c != nil {
			if c.refunded += d.amount; c.refunded > c.amount {
				a.report("capture %s of %d has %d refunded", d.capture, c.amount, c.refunded)
			}
		}
	}
}
