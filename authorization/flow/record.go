package flow

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

// purchase is a record in work.
type purchase struct {
	Record
	content
	// stored is the record as it is known to be stored.
	stored Record

	// held: the lease is this call's. ranBefore: an authorize call of this step may have run before this call's own.
	held, ranBefore bool
	// opened is what was sealed, where the final key was just made of it.
	opened *sealed
	// otherCall: the final call that can be made now is not the one that was made before.
	otherCall bool
	// seen is the payment request as this call last read it; fresh, that it was read just now.
	seen  *authorization.PaymentRequest
	fresh bool
	// overdue: recovery claimed it, so that somebody has to say when to look again.
	overdue bool
}

// content is what a record's Data holds. A member may be added; one that is there keeps its name and meaning, because replicas of two
// versions work on one store while the newer is rolled out: the older keeps what it does not know.
type content struct {
	Account     string    `json:"partner_account_id,omitzero"`
	Amount      int64     `json:"amount"`
	Currency    string    `json:"currency"`
	Reference   string    `json:"payment_transaction_reference"`
	Approved    *int64    `json:"approved_amount,omitzero"`
	Transaction string    `json:"payment_transaction_id,omitzero"`
	Reason      string    `json:"reason,omitzero"`
	BegunAt     time.Time `json:"begun_at"`
	UpdatedAt   time.Time `json:"updated_at"`
	// ExpiresAt is the payment request's, FinalizeBy the end of the 60 minutes that Klarna gives for what the customer approved.
	ExpiresAt  time.Time `json:"expires_at,omitzero"`
	FinalizeBy time.Time `json:"finalize_by,omitzero"`
	// FinalKey is the idempotency key of the final call and of each of its repeats.
	FinalKey string `json:"final_idempotency_key,omitzero"`
	// LeaseUntil keeps others from making the same call at the same time, which Klarna would refuse. Nothing but that refusal depends on it.
	LeaseUntil time.Time `json:"lease_until,omitzero"`
	// MayHaveRun: an authorize call of the present state may have been executed. It is recorded before the call leaves.
	MayHaveRun bool `json:"may_have_run,omitzero"`
	// Tries counts failures in a row, ConflictSince is when the first conflict of an unbroken row of them was seen.
	Tries         int       `json:"tries,omitzero"`
	ConflictSince time.Time `json:"conflict_since,omitzero"`
	// Cause is why the purchase is to be canceled.
	Cause cause `json:"cancel_cause,omitzero"`
	// Moves counts the changes of State; Unreported are those that the caller has not confirmed, in order.
	Moves      int    `json:"moves,omitzero"`
	Unreported []move `json:"unreported,omitzero"`

	// Unknown is what a newer version wrote.
	Unknown klarna.Unknown `json:",embed"`
}

// move is one change of State.
type move struct {
	Number int       `json:"number"`
	From   State     `json:"from"`
	To     State     `json:"to"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason,omitzero"`

	Unknown klarna.Unknown `json:",embed"`
}

// cause is why a purchase is to be canceled.
type cause string

const (
	causeCaller    cause = "CALLER_CANCELED"
	causeAbandoned cause = "ABANDONED"
	causeAmount    cause = "AMOUNT_REFUSED"
	causeRejected  cause = "REJECTED"
)

func decode(r Record) (*purchase, error) {
	p := &purchase{Record: r, stored: r}
	if err := wire.DecodeAny(r.Data, &p.content); err != nil {
		return nil, fmt.Errorf("flow: the record of purchase %s cannot be read: %w", strconv.Quote(r.ID), err)
	}
	return p, nil
}

// become replaces what p holds of the record.
func (p *purchase) become(fresh *purchase) {
	fresh.seen, fresh.overdue = p.seen, p.overdue
	*p = *fresh
}

// encoded returns the record to store.
func (p *purchase) encoded() (Record, error) {
	data, err := wire.EncodeAny(&p.content)
	if err != nil {
		return Record{}, fmt.Errorf("flow: the record cannot be written: %w", err)
	}
	r := p.Record
	r.Data = data
	if !r.DueAt.IsZero() {
		// Not a moment too early, when there would be nothing to do yet.
		r.DueAt = r.DueAt.UTC().Add(time.Millisecond - 1).Truncate(time.Millisecond)
	}
	return r, nil
}

// status tells how the purchase stands.
func (p *purchase) status() *Status {
	s := &Status{
		ID:                   p.ID,
		PartnerAccountID:     p.Account,
		State:                p.State,
		Amount:               p.Amount,
		Currency:             p.Currency,
		PaymentRequestID:     p.PaymentRequestID,
		PaymentTransactionID: p.Transaction,
		Reason:               p.Reason,
		BegunAt:              p.BegunAt,
		UpdatedAt:            p.UpdatedAt,
	}
	if p.PaymentRequestID == p.Transaction {
		s.PaymentRequestID = ""
	}
	if p.Approved != nil {
		s.Amount = *p.Approved
	}
	if p.State == StateAwaitingCustomer && p.seen != nil {
		s.PaymentRequestURL = p.seen.StateContext.CustomerInteraction.PaymentRequestURL
	}
	return s
}

// move changes the state. What belonged to the former one is forgotten; what is left unreported is due soon, in case that this program dies
// before it has told the caller.
func (p *purchase) move(to State, reason string, now time.Time, reporting bool) {
	p.Moves++
	if reporting {
		p.Unreported = append(slices.Clip(p.Unreported), move{Number: p.Moves, From: p.State, To: to, At: now, Reason: reason})
	}
	p.State, p.UpdatedAt = to, now
	p.MayHaveRun, p.Tries, p.ConflictSince, p.LeaseUntil = false, 0, time.Time{}, time.Time{}
	if to.Final() {
		p.Reason = reason
		p.Sealed = nil
		p.DueAt = time.Time{}
		if len(p.Unreported) > 0 {
			p.DueAt = now.Add(lease)
		}
	}
}
