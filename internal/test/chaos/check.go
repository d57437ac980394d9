package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

func (p *purchase) wrong(format string, arguments ...any) {
	p.wrongs = append(p.wrongs, p.id+" ("+p.journey.name+"): "+fmt.Sprintf(format, arguments...))
}

// reported checks a callback against the previous ones: an ID belongs to one transition, and no
// transition is reported before the preceding one was confirmed.
func (p *purchase) reported(t flow.Transition) {
	defer func() { p.reports = append(p.reports, t) }()
	for _, before := range p.reports {
		if before.ID == t.ID {
			if !sameTransition(before, t) {
				p.wrong("two transitions have the same ID: %s and %s", described(before), described(t))
			}
			return
		}
	}
	n := transitionNumber(t)
	if n > 1 && !p.confirmed[p.id+"#"+strconv.Itoa(n-1)] {
		p.wrong("%s was reported before its predecessor", t)
	}
}

func described(t flow.Transition) string {
	p := t.Status
	return fmt.Sprintf("%s at %s (%s %d %q %q)", t, t.At.Format(time.RFC3339Nano), p.State, p.Amount, p.PaymentTransactionID, p.Reason)
}

func transitionNumber(t flow.Transition) int {
	n, _ := strconv.Atoi(t.ID[strings.LastIndexByte(t.ID, '#')+1:])
	return n
}

// ledger is what really happened: payment requests and transactions by purchase, captures and
// refunds by transaction.
type ledger struct {
	requests     map[string][]klarnatest.PaymentRequest
	transactions map[string][]klarnatest.Transaction
	captures     map[string][]klarnatest.Capture
	refunds      map[string][]klarnatest.Refund
}

func (s *World) ledger() ledger {
	l := ledger{map[string][]klarnatest.PaymentRequest{}, map[string][]klarnatest.Transaction{}, map[string][]klarnatest.Capture{}, map[string][]klarnatest.Refund{}}
	for _, r := range s.Klarna.PaymentRequests() {
		l.requests[r.Reference] = append(l.requests[r.Reference], r)
	}
	for _, t := range s.Klarna.Transactions() {
		id := purchaseOf(t.Reference)
		l.transactions[id] = append(l.transactions[id], t)
	}
	for _, c := range s.Klarna.Captures() {
		l.captures[c.PaymentTransactionID] = append(l.captures[c.PaymentTransactionID], c)
	}
	for _, r := range s.Klarna.Refunds() {
		l.refunds[r.PaymentTransactionID] = append(l.refunds[r.PaymentTransactionID], r)
	}
	return l
}

// settled reports whether nothing is left to do for a purchase.
func settled(ctx context.Context, store flow.Store, id string) (bool, error) {
	r, err := store.Load(ctx, id)
	if errors.Is(err, flow.ErrNotFound) {
		return true, nil // Begin did not store it
	}
	if r.State == flow.StateUnknown {
		// Recovery may read from Klarna for another day, but only reports are left to do.
		return err == nil && !bytes.Contains(r.Data, []byte(`"unreported":[{`)), err
	}
	if err == nil && r.State == flow.StateAuthorized && bytes.Contains(r.Data, []byte(`"state":"UNKNOWN"`)) {
		// Recovery reads a transaction every day because of an operation that is unknown.
		return !slices.ContainsFunc([]string{`"state":"PENDING"`, `"unreported":[{`, `"unreported_operations":[{`}, func(open string) bool {
			return bytes.Contains(r.Data, []byte(open))
		}), nil
	}
	return err == nil && r.State.Final() && r.DueAt.IsZero(), err
}

// check compares a purchase with the ledger. reader is a Coordinator of the store.
func (p *purchase) check(ctx context.Context, store flow.Store, reader *flow.Coordinator, l ledger) {
	p.mu.Lock()
	defer p.mu.Unlock()
	requests, transactions := l.requests[p.id], l.transactions[p.id]
	status, err := reader.GetStatus(ctx, p.id)
	if errors.Is(err, flow.ErrNotFound) {
		if len(requests)+len(transactions)+len(p.reports)+len(p.answers) > 0 {
			p.wrong("Klarna or a client knows it, but the store does not")
		}
		return
	}
	if err != nil {
		p.wrong("%v", err)
		return
	}
	if done, err := settled(ctx, store, p.id); !done {
		p.wrong("stuck in %s, %v", status.State, err)
	}
	if len(requests) > 1 {
		p.wrong("%d payment requests", len(requests))
	}
	for _, r := range requests {
		if r.PaymentRequestID != status.PaymentRequestID {
			p.wrong("the store has another payment request, %q", status.PaymentRequestID)
		}
	}
	// Klarna knows nothing of a purchase that ended with refused credentials, or whose first call
	// was never sent.
	p.refused = status.State == flow.StateRejected && len(requests)+len(transactions) == 0 &&
		(strings.EqualFold(status.Reason, "UNAUTHORIZED") || status.Reason == "NOT_SENT")
	operations, err := reader.ListOperations(ctx, p.id)
	if err != nil {
		p.wrong("%v", err)
	}
	p.operations = operations
	p.checkMoney(status, requests, transactions)
	p.checkEnd(status, requests)
	p.checkReports(status)
	p.checkOperations(status, transactions, l)
	p.checkAnswers(status)
}

// checkMoney checks that there is one transaction if the customer approved and none otherwise, that
// it has the approved amount, and that the store has it.
func (p *purchase) checkMoney(status *flow.Status, requests []klarnatest.PaymentRequest, transactions []klarnatest.Transaction) {
	if len(transactions) > 1 {
		p.wrong("%d transactions", len(transactions))
	}
	approved := p.approved > 0
	for _, r := range requests {
		if r.State == "CANCELED" && approved {
			if !p.canceled && !p.foreign && !p.unheard && !p.journey.late && p.approved%2 == 0 {
				p.wrong("was approved, and canceled for no reason")
			}
			approved = false
		}
	}
	if p.instant && len(requests) == 0 {
		approved = !p.canceled && !p.refused || len(transactions) > 0
	}
	if p.foreign {
		return
	}
	switch {
	case approved && len(transactions) == 0:
		p.wrong("was approved, but has no transaction; the store says %s %s", status.State, status.Reason)
	case !approved && len(transactions) > 0:
		p.wrong("was not approved, but has a transaction")
	}
	if (status.State == flow.StateAuthorized) != (len(transactions) > 0) {
		p.wrong("has %d transactions, and the store says %s %s", len(transactions), status.State, status.Reason)
	}
	for _, t := range transactions {
		t.Amount -= p.extended()
		if t.PaymentTransactionID != status.PaymentTransactionID || t.Amount != status.Amount {
			p.wrong("the transaction is %s of %d, and the store says %q of %d", t.PaymentTransactionID, t.Amount, status.PaymentTransactionID, status.Amount)
		}
		if took := t.CreatedAt.Sub(p.approvedAt); p.promptly > 0 && took > p.promptly {
			p.wrong("was finalized %v after it was approved", took)
		}
		if p.approved > 0 && t.Amount != p.approved {
			p.wrong("%d was approved, but the transaction is over %d", p.approved, t.Amount)
		}
	}
}

// checkEnd checks that nothing is left open, and that the final state is one of the journey's.
func (p *purchase) checkEnd(status *flow.Status, requests []klarnatest.PaymentRequest) {
	for _, r := range requests {
		if r.State == "SUBMITTED" || r.State == "IN_PROGRESS" || r.State == "COMPLETED" && r.PaymentTransactionID == "" {
			p.wrong("ended as %s, and its payment request is %s", status.State, r.State)
		}
	}
	ends := slices.Clone(p.journey.ends)
	if p.refused {
		ends = append(ends, flow.StateRejected)
	}
	if p.canceled {
		ends = append(ends, flow.StateCanceled)
	}
	if p.foreign {
		ends = append(ends, flow.StateUnknown)
	}
	if !p.acted || p.unheard {
		ends = append(ends, flow.StateCanceled, flow.StateExpired)
	}
	if !slices.Contains(ends, status.State) {
		p.wrong("ended as %s %s, want one of %v", status.State, status.Reason, ends)
	}
}

// checkReports checks that the reports are an unbroken chain from BEGUN to the state in the store.
func (p *purchase) checkReports(status *flow.Status) {
	seen := map[string]bool{}
	var chain []flow.Transition
	for _, t := range p.reports {
		if !seen[t.ID] {
			seen[t.ID] = true
			chain = append(chain, t)
		}
	}
	slices.SortFunc(chain, func(a, b flow.Transition) int { return transitionNumber(a) - transitionNumber(b) })
	state := flow.StateBegun
	for i, t := range chain {
		isChange := t.Operation == nil && t.Notice == ""
		if transitionNumber(t) != i+1 || isChange && (t.From != state || t.Status.State != t.To) {
			p.wrong("the reports are not a chain: %v", chain)
			return
		}
		if isChange {
			state = t.To
		}
	}
	p.checkOperationReports(chain)
	if state != status.State {
		p.wrong("the last report says %s, and the store %s", state, status.State)
	}
}

// checkAnswers checks that every final state in an answer is the one in the store.
func (p *purchase) checkAnswers(status *flow.Status) {
	for _, a := range p.answers {
		if a.status.State != status.State || a.status.PaymentTransactionID != status.PaymentTransactionID || a.status.Amount != status.Amount {
			p.wrong("%s said %s %s of %d, and the store says %s %s of %d", a.from,
				a.status.State, a.status.PaymentTransactionID, a.status.Amount, status.State, status.PaymentTransactionID, status.Amount)
		}
	}
}

// Result is the result of a run.
type Result struct {
	Store     string
	Seed      int64
	Purchases int
	Replicas  int
	// Crashes, Faults and Duplicates count those that happened. A duplicate is a repeated webhook
	// or a repeated call of a client.
	Crashes, Faults, Duplicates int64
	AuthorizeCalls              int64
	Transactions                int
	// Unknown counts the purchases that ended in StateUnknown because another program interfered.
	Unknown int
	// Operations counts the operations by kind and state. RefusedOthers counts the orders that were
	// refused because their ID had other content.
	Operations    map[string]int
	RefusedOthers int64
	// Violations are the broken invariants.
	Violations []string
}

// String returns the result in one line.
func (r *Result) String() string {
	text := fmt.Sprintf("%s: seed %d: %d purchases on %d replicas, %d crashes, %d faults, %d duplicates; %d authorize calls, %d transactions, %d unknown, %d violations",
		r.Store, r.Seed, r.Purchases, r.Replicas, r.Crashes, r.Faults, r.Duplicates, r.AuthorizeCalls, r.Transactions, r.Unknown, len(r.Violations))
	if len(r.Operations) > 0 {
		text += fmt.Sprintf("; operations %v, %d with other content", r.Operations, r.RefusedOthers)
	}
	return text
}

// add adds the counts of another run.
func (r *Result) add(other *Result) {
	r.Purchases += other.Purchases
	r.Crashes += other.Crashes
	r.Faults += other.Faults
	r.Duplicates += other.Duplicates
	r.AuthorizeCalls += other.AuthorizeCalls
	r.Transactions += other.Transactions
	r.Unknown += other.Unknown
	r.RefusedOthers += other.RefusedOthers
	if r.Operations == nil {
		r.Operations = map[string]int{}
	}
	for what, n := range other.Operations {
		r.Operations[what] += n
	}
	r.Violations = append(r.Violations, other.Violations...)
}

// result checks every purchase.
func (s *World) result(ctx context.Context, store flow.Store, reader *flow.Coordinator) (*Result, error) {
	for _, id := range s.interferedPurchases() {
		if err := s.adopt(ctx, reader, id); err != nil {
			return nil, err
		}
	}
	l := s.ledger()
	r := &Result{
		Operations: map[string]int{}, RefusedOthers: s.refusedOthers.Load(),
		Purchases: len(s.purchases), Crashes: s.crashes.Load(), Faults: s.faults.Load(), Duplicates: s.duplicates.Load(),
		AuthorizeCalls: s.authorizeCalls.Load(),
	}
	for _, p := range s.purchases {
		p.check(ctx, store, reader, l)
		r.Transactions += len(l.transactions[p.id])
		if status, err := reader.GetStatus(ctx, p.id); err == nil && status.State == flow.StateUnknown {
			r.Unknown++
		}
		r.Violations = append(r.Violations, p.wrongs...)
		for _, o := range p.operations {
			r.Operations[string(o.Kind)+" "+string(o.State)]++
		}
	}
	slices.Sort(r.Violations)
	return r, ctx.Err()
}
