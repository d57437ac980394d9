package flow

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/internal/sleep"
	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

// purchase is a record that is being processed.
type purchase struct {
	Record
	content
	// stored is the record that is known to be stored.
	stored Record

	// held reports whether this call has the lease. ranBefore reports whether an authorize call of
	// this step may have been executed before this call's own.
	held, ranBefore bool
	// opened is the sealed content, once it was opened.
	opened *sealed
	// otherCall reports whether the final call that can be made now differs from the earlier one.
	otherCall bool
	// seen is the payment request as this call last read it. fresh reports whether it was just
	// read.
	seen  *authorization.PaymentRequest
	fresh bool
	// response is Klarna's last answer. finished reports whether an event said that the customer
	// has finished.
	response klarna.Response
	finished bool
	// started is when recovery began this step. It is zero outside of recovery.
	started time.Time
	// overdue reports whether recovery claimed the purchase and therefore has to set its next due
	// time.
	overdue bool
}

// content is what a record's Data holds. Members may be added. An existing member keeps its name
// and meaning, because replicas of two versions share one store during a rollout. The older version
// preserves members that it does not know.
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
	// ExpiresAt is when the payment request expires. FinalizeBy is the end of Klarna's 60 minutes
	// for an approval.
	ExpiresAt  time.Time `json:"expires_at,omitzero"`
	FinalizeBy time.Time `json:"finalize_by,omitzero"`
	// FinalKey is the idempotency key of the final call and its repeats.
	FinalKey string `json:"final_idempotency_key,omitzero"`
	// LeaseUntil is the end of the lease. The lease prevents that two replicas make the same call
	// at the same time, which Klarna would refuse. Nothing else depends on it.
	LeaseUntil time.Time `json:"lease_until,omitzero"`
	// MayHaveRun reports whether an authorize call of the present state may have been executed. It
	// is recorded before the call is sent.
	MayHaveRun bool `json:"may_have_run,omitzero"`
	// Tries counts consecutive failures.
	Tries int `json:"tries,omitzero"`
	// Seen is Klarna's last answer to the present call that decided nothing: an error code, or a
	// result that this version does not know.
	Seen string `json:"last_answer,omitzero"`
	// Refused is the paths of the parameters that Klarna refused.
	Refused string `json:"refused_parameters,omitzero"`
	// Conflicted reports whether the first call was answered with a conflict, or the final call was
	// while it could still be executed.
	Conflicted bool `json:"conflicted_in_time,omitzero"`
	// Credentials is the fingerprint of the API key that the purchase was begun with.
	Credentials string `json:"credentials,omitzero"`
	// Digest distinguishes the request from others.
	Digest string `json:"request_digest,omitzero"`
	// Cause is why the purchase has to be canceled.
	Cause cause `json:"cancel_cause,omitzero"`
	// Moves counts the changes of State. Unreported holds the changes that WithReport's function
	// has not confirmed, in order.
	Moves      int    `json:"moves,omitzero"`
	Unreported []move `json:"unreported,omitzero"`

	// CaptureNow reports whether the first call requests an automatic capture. CaptureReference is
	// the reference of that capture.
	CaptureNow       bool   `json:"capture_now,omitzero"`
	CaptureReference string `json:"payment_capture_reference,omitzero"`
	// Operations are the operations in the order in which they are executed.
	Operations []operation `json:"operations,omitzero"`
	// UnreportedOperations holds the operation moves that WithReport's function has not confirmed,
	// in order.
	UnreportedOperations []operationMove `json:"unreported_operations,omitzero"`
	// Authorized is the transaction's amount if it differs from Approved. Lapsed is what was still
	// authorized when the authorization ended.
	Authorized *int64 `json:"authorized_amount,omitzero"`
	Lapsed     int64  `json:"lapsed_amount,omitzero"`
	// TransactionExpiresAt is when the authorization ends, as Klarna last said.
	TransactionExpiresAt time.Time `json:"transaction_expires_at,omitzero"`
	// Differs reports whether the transaction was changed by something that is not an operation.
	Differs bool `json:"differs,omitzero"`
	// LookAt is when recovery reads the transaction. WatchAt is when it checks whether the
	// authorization expires. Both are zero if it does not. NoticedFor is the end of the
	// authorization that NoticeExpiring was reported for.
	LookAt     time.Time `json:"look_at,omitzero"`
	WatchAt    time.Time `json:"watch_at,omitzero"`
	NoticedFor time.Time `json:"noticed_for,omitzero"`
	// Expired reports whether NoticeExpired was reported.
	Expired bool `json:"expired,omitzero"`

	// Unknown holds members that a newer version wrote.
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

// cause is why a purchase is canceled.
type cause string

const (
	causeCaller    cause = "CALLER_CANCELED"
	causeAbandoned cause = "ABANDONED"
	causeAmount    cause = "AMOUNT_REFUSED"
)

// decodeStored decodes what this package encoded. It is as strict as the encoder: a member of the
// wrong type and a duplicate member are errors.
func decodeStored[T any](text []byte, to *T, decode func(*T, *wire.Reader) bool) error {
	misfits, err := wire.Into(to, decode).Decode(text)
	if err == nil && len(misfits) > 0 {
		err = fmt.Errorf("%s is %s", misfits[0].Path, misfits[0].Found)
	}
	return err
}

func decode(r Record) (*purchase, error) {
	p := &purchase{Record: r, stored: r}
	if err := decodeStored(r.Data, &p.content, (*content).decode); err != nil {
		return nil, fmt.Errorf("flow: purchase %s: %w: %w", strconv.Quote(r.ID), ErrDamaged, err)
	}
	return p, nil
}

// replaceWith replaces the record in p.
func (p *purchase) replaceWith(fresh *purchase) {
	fresh.seen, fresh.overdue, fresh.response, fresh.finished, fresh.started = p.seen, p.overdue, p.response, p.finished, p.started
	*p = *fresh
}

// encoded returns the record to store.
func (p *purchase) encoded() (Record, error) {
	data, err := wire.Encode(p.encode)
	if err != nil {
		return Record{}, fmt.Errorf("flow: encode the record: %w", err)
	}
	r := p.Record
	r.Data = data
	r.PartnerAccountID, r.Lane = p.Account, p.lane()
	if !r.DueAt.IsZero() {
		// DueAt is rounded up: a moment earlier there would be nothing to do yet.
		r.DueAt = r.DueAt.UTC().Add(time.Millisecond - 1).Truncate(time.Millisecond)
	}
	return r, nil
}

// laneAt returns the lane after a failed step. An event that says that the customer has finished
// may be about an approval, so the 60 minutes are counted from the first such event.
func (p *purchase) laneAt(now time.Time) Lane {
	if p.State == StateAwaitingCustomer && p.finished && p.seen == nil && p.Lane >= LaneBusy {
		return approvedLane(now.Add(finalizeWithin))
	}
	return p.lane()
}

// lane returns the lane that the purchase belongs to.
func (p *purchase) lane() Lane {
	switch {
	case p.State == StateBegun:
		return LaneBegun
	case p.State == StateAwaitingCustomer:
		busy := p.Lane == LaneBusy
		if p.seen != nil {
			busy = p.seen.State != authorization.PaymentRequestStateSubmitted
		}
		switch {
		case p.seen == nil && p.Lane < LaneBusy:
			return p.Lane // set by laneAt
		case busy || p.finished:
			return LaneBusy
		}
		return LaneWaiting
	case p.State == StateFinalizing:
		return approvedLane(p.FinalizeBy)
	case p.State == StateCanceling:
		return LaneEnding
	case p.resolvable():
		return LaneWaiting
	case p.State == StateAuthorized && p.pendingOperation() != nil:
		return LaneOperations
	case p.State.ended() && len(p.Unreported)+len(p.UnreportedOperations) == 0 && p.isOpen():
		return LaneWatching
	case p.State.ended():
		return LaneReports
	default:
		return p.Lane
	}
}

// status returns the purchase's Status.
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
		Amounts:              p.amounts(),
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

// move changes the state and resets the fields of the former state. If the change has to be
// reported, the purchase is due soon, in case this program dies before the report.
func (p *purchase) move(to State, reason string, now time.Time, reporting bool) {
	p.Moves++
	if reporting {
		p.Unreported = append(slices.Clip(p.Unreported), move{Number: p.Moves, From: p.State, To: to, At: now, Reason: reason})
	}
	p.State, p.UpdatedAt = to, now
	p.MayHaveRun, p.Tries, p.LeaseUntil = false, 0, time.Time{}
	p.Seen, p.Conflicted = "", false
	if to.Final() {
		p.Reason = reason
		if !p.resolvable() {
			p.Sealed = nil
		}
		p.DueAt = p.nextLook(now)
		if len(p.Unreported) > 0 {
			p.DueAt = now.Add(lease)
		}
	}
}

// resolvable reports whether Klarna can still be asked about a purchase in StateUnknown: its final
// call is recorded, and no transaction is known.
func (p *purchase) resolvable() bool {
	return p.State == StateUnknown && p.FinalKey != "" && p.Transaction == "" &&
		p.Reason != reasonOtherAmount && p.Reason != reasonOthersPayment && len(p.Sealed) > 0
}

// keyEnds returns when Klarna may forget the idempotency key of the final call.
func (p *purchase) keyEnds() time.Time { return p.FinalizeBy.Add(idempotent - finalizeWithin) }

// nextLook returns when recovery processes a purchase that has ended, or zero. While Klarna can
// still be asked about a purchase in StateUnknown, the pauses are as long as the purchase has been
// in that state, and an hour at most.
func (p *purchase) nextLook(now time.Time) time.Time {
	if p.State == StateAuthorized {
		return p.nextOperation()
	}
	if !p.resolvable() {
		return time.Time{}
	}
	return now.Add(sleep.Jitter(min(max(now.Sub(p.UpdatedAt), time.Minute), time.Hour)))
}
