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

// purchase is a record in progress.
type purchase struct {
	Record
	content
	// stored is the record as it is known to be stored.
	stored Record

	// held: the lease is this call's. ranBefore: an authorize call of this step may have run before
	// this call's own.
	held, ranBefore bool
	// opened is what is sealed, once it was opened.
	opened *sealed
	// otherCall: the final call that can be made now is not the one that was made before.
	otherCall bool
	// seen is the payment request as this call last read it; fresh, that it was read just now.
	seen  *authorization.PaymentRequest
	fresh bool
	// response is Klarna's last answer. finished: an event said that the customer has finished.
	response klarna.Response
	finished bool
	// started is when recovery began this step, zero where it did not.
	started time.Time
	// overdue: recovery claimed it, so that somebody has to say when to look again.
	overdue bool
}

// content is what a record's Data holds. A member may be added; one that is there keeps its name
// and meaning, because replicas of two versions work on one store while the newer is rolled out:
// the older keeps what it does not know.
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
	// ExpiresAt is the payment request's, FinalizeBy the end of the 60 minutes that Klarna gives for
	// what the customer approved.
	ExpiresAt  time.Time `json:"expires_at,omitzero"`
	FinalizeBy time.Time `json:"finalize_by,omitzero"`
	// FinalKey is the idempotency key of the final call and of each of its repeats.
	FinalKey string `json:"final_idempotency_key,omitzero"`
	// LeaseUntil keeps others from making the same call at the same time, which Klarna would refuse.
	// Nothing but that refusal depends on it.
	LeaseUntil time.Time `json:"lease_until,omitzero"`
	// MayHaveRun: an authorize call of the present state may have been executed. It is recorded before
	// the call leaves.
	MayHaveRun bool `json:"may_have_run,omitzero"`
	// Tries counts failures in a row.
	Tries int `json:"tries,omitzero"`
	// Seen is the last answer of Klarna's to the present call that decided nothing: an error's
	// code, or a result that nobody here knows.
	Seen string `json:"last_answer,omitzero"`
	// Refused are the parameters that Klarna refused, by their paths.
	Refused string `json:"refused_parameters,omitzero"`
	// Conflicted: the first call was answered with a conflict, or the final call was while it could
	// still be made.
	Conflicted bool `json:"conflicted_in_time,omitzero"`
	// Credentials is the fingerprint of the API key that the purchase was begun with.
	Credentials string `json:"credentials,omitzero"`
	// Digest tells the request from another one.
	Digest string `json:"request_digest,omitzero"`
	// Cause is why the purchase is to be canceled.
	Cause cause `json:"cancel_cause,omitzero"`
	// Moves counts the changes of State; Unreported are those that the caller has not confirmed, in
	// order.
	Moves      int    `json:"moves,omitzero"`
	Unreported []move `json:"unreported,omitzero"`

	// CaptureNow: the first call asks for an automatic capture, under CaptureReference.
	CaptureNow       bool   `json:"capture_now,omitzero"`
	CaptureReference string `json:"payment_capture_reference,omitzero"`
	// Operations are what follows the approval, in the order in which they are made.
	Operations []operation `json:"operations,omitzero"`
	// UnreportedOperations are what the caller has not confirmed of them, in order.
	UnreportedOperations []operationMove `json:"unreported_operations,omitzero"`
	// Authorized is the transaction's amount where it is not Approved any more, Lapsed what was still
	// authorized when it ended.
	Authorized *int64 `json:"authorized_amount,omitzero"`
	Lapsed     int64  `json:"lapsed_amount,omitzero"`
	// TransactionExpiresAt is when the authorization ends, as Klarna last said.
	TransactionExpiresAt time.Time `json:"transaction_expires_at,omitzero"`
	// Differs: something happened to the transaction that is no operation here.
	Differs bool `json:"differs,omitzero"`
	// LookAt is when recovery reads the transaction, WatchAt when it looks whether it expires; zero for
	// never. NoticedFor is the end of the authorization whose coming was reported.
	LookAt     time.Time `json:"look_at,omitzero"`
	WatchAt    time.Time `json:"watch_at,omitzero"`
	NoticedFor time.Time `json:"noticed_for,omitzero"`
	// Expired: it was reported that the authorization has expired.
	Expired bool `json:"expired,omitzero"`

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
)

// decodeStored reads what this package wrote. It is as strict as the writing: a member that does
// not fit, or is there twice, is damage.
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

// replaceWith replaces what p holds of the record.
func (p *purchase) replaceWith(fresh *purchase) {
	fresh.seen, fresh.overdue, fresh.response, fresh.finished, fresh.started = p.seen, p.overdue, p.response, p.finished, p.started
	*p = *fresh
}

// encoded returns the record to store.
func (p *purchase) encoded() (Record, error) {
	data, err := wire.Encode(p.encode)
	if err != nil {
		return Record{}, fmt.Errorf("flow: the record cannot be written: %w", err)
	}
	r := p.Record
	r.Data = data
	r.PartnerAccountID, r.Lane = p.Account, p.lane()
	if !r.DueAt.IsZero() {
		// Not a moment too early, when there would be nothing to do yet.
		r.DueAt = r.DueAt.UTC().Add(time.Millisecond - 1).Truncate(time.Millisecond)
	}
	return r, nil
}

// laneAt is the lane after a failed step. An event that says that the customer has finished may be
// of an approval, so Klarna's 60 minutes are counted from the first one.
func (p *purchase) laneAt(now time.Time) Lane {
	if p.State == StateAwaitingCustomer && p.finished && p.seen == nil && p.Lane >= LaneBusy {
		return approvedLane(now.Add(finalizeWithin))
	}
	return p.lane()
}

// lane is where recovery finds the purchase.
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
			return p.Lane // an event said that the customer has finished
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

// status returns how the purchase stands.
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

// move changes the state. What belonged to the former state is forgotten. What is left unreported
// is due soon, in case this program dies before it has reported it.
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

// resolvable reports that a purchase whose outcome is unknown can still be asked about: its final
// call is recorded, and no transaction is known.
func (p *purchase) resolvable() bool {
	return p.State == StateUnknown && p.FinalKey != "" && p.Transaction == "" &&
		p.Reason != reasonOtherAmount && p.Reason != reasonOthersPayment && len(p.Sealed) > 0
}

// keyEnds is when Klarna may forget the final call's idempotency key.
func (p *purchase) keyEnds() time.Time { return p.FinalizeBy.Add(idempotent - finalizeWithin) }

// nextLook is when recovery looks at a purchase that has ended: never, or when its operations ask
// for it, or, while Klarna can still say what became of it, after as long as it has been so, and at
// least once an hour.
func (p *purchase) nextLook(now time.Time) time.Time {
	if p.State == StateAuthorized {
		return p.nextOperation()
	}
	if !p.resolvable() {
		return time.Time{}
	}
	return now.Add(sleep.Jitter(min(max(now.Sub(p.UpdatedAt), time.Minute), time.Hour)))
}
