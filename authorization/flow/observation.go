package flow

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/internal/sleep"
	"github.com/klarna-go/klarna-go/internal/wire"
)

// observation is a transaction as Klarna shows it.
type observation struct {
	transaction *authorization.PaymentTransaction
	captures    []observed
	refunds     []observed
	// capturesListed and refundsListed report whether Klarna lists all captures and all refunds.
	capturesListed, refundsListed bool
}

// observed is a capture or a refund at Klarna.
type observed struct {
	id, reference string
	amount        *int64
	currency      string
	// capture is the capture that a refund belongs to. It is "" for a refund of the transaction, or
	// if Klarna does not say.
	capture string
}

// observe reads the transaction, and those of its captures and refunds whose reference it does not
// show. also names a capture and a refund to read as well.
func (c *Coordinator) observe(ctx context.Context, api *authorization.Client, p *purchase, also eventFacts) (*observation, error) {
	t, err := api.GetTransaction(ctx, p.Transaction, c.callOptions(p)...)
	if err != nil {
		return nil, err
	}
	seen := &observation{transaction: t, capturesListed: t.PaymentCaptures != nil}
	for i := range t.PaymentCaptures {
		capture := &t.PaymentCaptures[i]
		if capture.PaymentCaptureID == "" {
			seen.capturesListed = false
			continue
		}
		if (capture.PaymentCaptureReference == "" || capture.CaptureAmount == nil) && !p.hasDone(capture.PaymentCaptureID) {
			read, err := api.GetCapture(ctx, capture.PaymentCaptureID, c.callOptions(p)...)
			if err != nil {
				return nil, err
			}
			if read.PaymentCaptureReference == "" {
				read.PaymentCaptureReference = capture.PaymentCaptureReference
			}
			capture = read
		}
		seen.captures = append(seen.captures, observedCapture(capture))
	}
	if also.captureID != "" && !p.hasDone(also.captureID) && !has(seen.captures, also.captureID) {
		read, err := api.GetCapture(ctx, also.captureID, c.callOptions(p)...)
		if err != nil {
			return nil, err
		}
		if read.PaymentTransactionID == "" || read.PaymentTransactionID == p.Transaction {
			seen.captures = append(seen.captures, observedCapture(read))
		}
	}
	return seen, c.observeRefunds(ctx, api, p, also, seen)
}

func observedCapture(capture *authorization.PaymentCapture) observed {
	return observed{id: capture.PaymentCaptureID, reference: capture.PaymentCaptureReference, amount: capture.CaptureAmount, currency: capture.Currency}
}

// observeRefunds reads the refunds. Klarna's documentation names no member of a transaction that
// lists them, so observeRefunds accepts either plausible name.
func (c *Coordinator) observeRefunds(ctx context.Context, api *authorization.Client, p *purchase, also eventFacts, seen *observation) error {
	var ids []string
	for _, name := range []string{"payment_refunds", "refunds"} {
		list, listed := seen.transaction.Unknown[name]
		var refunds []authorization.PaymentRefund
		if !listed || wire.DecodeAny(list.Bytes(), &refunds) != nil || refunds == nil {
			continue
		}
		seen.refundsListed = true
		for i := range refunds {
			if refunds[i].PaymentRefundID == "" {
				seen.refundsListed = false
				continue
			}
			ids = append(ids, refunds[i].PaymentRefundID)
		}
		break
	}
	if also.refundID != "" && !slices.Contains(ids, also.refundID) {
		ids = append(ids, also.refundID)
	}
	for _, id := range ids {
		if p.hasDone(id) {
			seen.refunds = append(seen.refunds, observed{id: id})
			continue
		}
		read, err := api.GetRefund(ctx, id, c.callOptions(p)...)
		if err != nil {
			return err
		}
		if read.PaymentTransactionID != "" && read.PaymentTransactionID != p.Transaction {
			continue
		}
		seen.refunds = append(seen.refunds, observed{
			id: id, reference: orElse(read.PaymentRefundReference, read.RefundReference), capture: read.PaymentCaptureID,
			amount: amountIn(read.Unknown, "refund_amount"), currency: textIn(read.Unknown, "currency"),
		})
	}
	return nil
}

func has(list []observed, id string) bool {
	return slices.ContainsFunc(list, func(o observed) bool { return o.id == id })
}

// hasDone reports whether an operation of the purchase made the capture or the refund with an ID.
func (p *purchase) hasDone(id string) bool {
	return slices.ContainsFunc(p.Operations, func(o operation) bool {
		return o.State == OperationStateDone && (o.Kind == OperationKindCapture && o.PaymentCaptureID == id || o.PaymentRefundID == id)
	})
}

// state returns the transaction's state.
func (o *observation) state() authorization.PaymentTransactionState {
	return authorization.PaymentTransactionState(strings.ToUpper(string(o.transaction.State)))
}

// lapsed reports whether the authorization has ended because its time is over.
func (o *observation) lapsed(now time.Time) bool {
	ends := o.transaction.ExpiresAt
	// An authorization that expired partly captured is completed a week later.
	return o.state() == authorization.PaymentTransactionStateClosed || o.state() == authorization.PaymentTransactionStateCompleted && !ends.IsZero() && now.After(ends)
}

// isOver reports whether the transaction accepts no more operations of a kind.
func (o *observation) isOver(kind OperationKind) bool {
	state := o.state()
	ended := state == authorization.PaymentTransactionStateCompleted || state == authorization.PaymentTransactionStateClosed
	switch kind {
	case OperationKindCapture:
		return ended || state == authorization.PaymentTransactionStateExpired
	case OperationKindVoid, OperationKindExtension:
		return ended
	default:
		return false
	}
}

// verdict is what Klarna's transaction proves about an operation that may have been executed.
type verdict int

const (
	verdictUnclear verdict = iota
	verdictDone
	verdictAbsent
)

// finding is a verdict and the evidence for it.
type finding struct {
	verdict  verdict
	answer   *callAnswer
	evidence string
}

func unclear(format string, args ...any) finding {
	return finding{evidence: fmt.Sprintf(format, args...)}
}

// find looks for an operation in what Klarna shows. The operation is absent only if everything that
// Klarna shows is accounted for.
func (p *purchase) find(o *operation, seen *observation) finding {
	switch o.Kind {
	case OperationKindCapture:
		return p.findByReference(o, seen, seen.captures, seen.capturesListed, "capture")
	case OperationKindRefund:
		return p.findByReference(o, seen, seen.refunds, seen.refundsListed, "refund")
	case OperationKindVoid:
		return p.findVoid(seen)
	case OperationKindExtension:
		return findExtension(o, seen.transaction)
	case OperationKindUpdate:
		return p.findUpdate(o, seen.transaction)
	}
	return unclear("this version does not know the kind of the operation")
}

// findUpdate compares the transaction's reference with what it was before. Nothing else that an
// update changes is shown.
func (p *purchase) findUpdate(o *operation, t *authorization.PaymentTransaction) finding {
	before, sure := p.content.Reference, true
	for i := range p.Operations {
		earlier := &p.Operations[i]
		if earlier.ID == o.ID {
			break
		}
		if earlier.Kind != OperationKindUpdate || earlier.Reference == "" {
			continue
		}
		switch earlier.State {
		case OperationStateDone:
			before, sure = earlier.Reference, true
		case OperationStateUnknown:
			sure = false
		}
	}
	shown := t.PaymentTransactionReference
	switch {
	case o.Reference == "" || o.Reference == before || !sure:
		return unclear("the transaction does not show whether it was updated")
	case shown == o.Reference:
		return finding{verdict: verdictDone, answer: &callAnswer{transaction: t}}
	case shown == before:
		return finding{verdict: verdictAbsent}
	}
	return unclear("the transaction's reference is %s", strconv.Quote(shown))
}

// findByReference looks for a capture or a refund by its reference.
func (p *purchase) findByReference(o *operation, seen *observation, list []observed, listed bool, what string) finding {
	for _, s := range list {
		if s.reference != o.Reference || o.Reference == "" || p.hasDone(s.id) {
			continue
		}
		answer := &callAnswer{amount: s.amount, currency: s.currency}
		if o.Kind == OperationKindCapture {
			answer.paymentCaptureID = s.id
		} else {
			answer.paymentRefundID = s.id
		}
		return finding{verdict: verdictDone, answer: answer}
	}
	t := seen.transaction
	switch {
	case !listed:
		return unclear("the transaction lists no %ss", what)
	case t.Amount != p.authorized():
		return unclear("the amount is %d in the transaction and %d in the record", t.Amount, p.authorized())
	case p.Differs:
		return unclear("the transaction was changed elsewhere")
	}
	for _, s := range list {
		switch {
		case p.hasDone(s.id) || p.isOther(o, s):
		case s.reference == "":
			return unclear("the %s %s shows no reference", what, s.id)
		default:
			return unclear("the %s %s with the reference %s is not an operation of the purchase", what, s.id, strconv.Quote(s.reference))
		}
	}
	for i := range p.Operations {
		known := &p.Operations[i]
		if known.is(o.Kind, OperationStateDone) && !has(list, known.klarnaID()) {
			return unclear("the transaction does not list the %s of operation %s", what, strconv.Quote(known.ID))
		}
	}
	return finding{verdict: verdictAbsent}
}

// isOther reports whether a capture or a refund has the reference of another operation that is not
// done yet.
func (p *purchase) isOther(o *operation, s observed) bool {
	return slices.ContainsFunc(p.Operations, func(other operation) bool {
		return other.ID != o.ID && other.Kind == o.Kind && other.Reference != "" && other.Reference == s.reference
	})
}

// findVoid decides by the transaction's state. A transaction that is completed before all of it was
// captured was voided.
func (p *purchase) findVoid(seen *observation) finding {
	state := seen.state()
	switch state {
	case authorization.PaymentTransactionStateAuthorized, authorization.PaymentTransactionStateExpired:
		return finding{verdict: verdictAbsent}
	case authorization.PaymentTransactionStateCompleted:
		if !seen.capturesListed {
			return unclear("the transaction lists no captures")
		}
		var captured int64
		for _, s := range seen.captures {
			amount := p.amountOf(s)
			if amount == nil {
				return unclear("the capture %s shows no amount", s.id)
			}
			captured = plus(captured, *amount)
		}
		if captured < p.authorized() {
			return finding{verdict: verdictDone, answer: &callAnswer{transaction: seen.transaction}}
		}
		return finding{verdict: verdictAbsent}
	}
	return unclear("the transaction is %s", strconv.Quote(string(state)))
}

// amountOf returns the amount of a capture from Klarna or, if Klarna shows none, from the record.
func (p *purchase) amountOf(s observed) *int64 {
	if s.amount != nil {
		return s.amount
	}
	for i := range p.Operations {
		if o := &p.Operations[i]; o.is(OperationKindCapture, OperationStateDone) && o.PaymentCaptureID == s.id {
			return &o.Amount
		}
	}
	return nil
}

// findExtension compares the transaction with its state before the extension was sent.
func findExtension(o *operation, t *authorization.PaymentTransaction) finding {
	if o.ExpiresBefore.IsZero() || t.ExpiresAt.IsZero() || t.Amount <= 0 {
		return unclear("the end or the amount of the authorization is not known")
	}
	moved := t.ExpiresAt.Sub(o.ExpiresBefore)
	grown := t.Amount - o.AmountBefore
	switch {
	case moved == 0 && grown == 0:
		return finding{verdict: verdictAbsent}
	case moved > 0 && o.Days > 0 && (moved-time.Duration(o.Days)*24*time.Hour).Abs() <= 2*time.Hour && grown == o.Amount:
		return finding{verdict: verdictDone, answer: &callAnswer{transaction: t}}
	}
	return unclear("the authorization ended at %s and had the amount %d; now it ends at %s and has the amount %d",
		o.ExpiresBefore.Format(time.RFC3339), o.AmountBefore, t.ExpiresAt.UTC().Format(time.RFC3339), t.Amount)
}

// readTransaction reads the transaction and records what it shows.
func (c *Coordinator) readTransaction(ctx context.Context, p *purchase, also eventFacts) error {
	api, err := c.api(ctx, p)
	if err != nil {
		return err
	}
	_, _, err = c.compareWithKlarna(ctx, p, api, also, false)
	return err
}

// compareWithKlarna reads the transaction and records what it shows. If the record changes
// meanwhile, it repeats both, because the transaction may be older than the record. It returns the
// last observation and the differences.
func (c *Coordinator) compareWithKlarna(ctx context.Context, p *purchase, api *authorization.Client, also eventFacts, adopt bool) (*observation, []Difference, error) {
	for tries := 1; ; tries++ {
		version := p.Version
		seen, err := c.observe(ctx, api, p, also)
		if err != nil {
			return nil, nil, err
		}
		again, err := c.observeAgain(ctx, api, p, seen)
		if err != nil {
			return nil, nil, err
		}
		differences, stale, err := c.recordObservation(ctx, p, seen, again, version, adopt)
		switch {
		case err != nil:
			return nil, nil, err
		case !stale:
			return seen, differences, nil
		case tries == comparisons:
			return nil, nil, fmt.Errorf("flow: compare purchase %s: %w", strconv.Quote(p.ID), ErrChanged)
		}
	}
}

// comparisons is how often compareWithKlarna repeats if the record keeps changing.
const comparisons = 5

// observeAgain reads the transaction a second time if the first read seems to prove that an
// operation was not executed. A single answer is not sufficient proof. It returns nil if there is
// nothing to confirm.
func (c *Coordinator) observeAgain(ctx context.Context, api *authorization.Client, p *purchase, seen *observation) (*observation, error) {
	for i := range p.Operations {
		if o := &p.Operations[i]; o.State == OperationStateUnknown && p.find(o, seen).verdict == verdictAbsent {
			return c.observe(ctx, api, p, eventFacts{})
		}
	}
	return nil, nil //nolint:nilnil // nothing is to be confirmed
}

// recordObservation records what Klarna shows: operations whose result it proves, and changes that
// were made elsewhere. If adopt is true, the changes become part of the record. again confirms that
// operations are absent. version is the version of the record before the transaction was read. If
// the record has changed since, recordObservation records only operations that are done, and
// returns stale. It returns the differences.
func (c *Coordinator) recordObservation(ctx context.Context, p *purchase, seen, again *observation, version int64, adopt bool) (differences []Difference, stale bool, err error) {
	ctx, cancel := recording(ctx)
	defer cancel()
	var settled map[string]OperationState
	var failed error
	err = c.change(ctx, p, func() bool {
		stale = p.Version != version
		if stale {
			again = nil
		}
		before, due := p.text(), p.DueAt
		settled = map[string]OperationState{}
		for i := range p.Operations {
			o := &p.Operations[i]
			was := o.State
			if c.settleFromTransaction(p, o, seen, again) {
				settled[o.ID] = was
				if failed = c.afterOperationEnd(p, o, was == OperationStatePending); failed != nil {
					return false
				}
			}
		}
		if stale {
			return len(settled) > 0
		}
		if at := seen.transaction.ExpiresAt; !at.IsZero() {
			p.TransactionExpiresAt = at.UTC()
		}
		now := c.time()
		differences = p.compare(seen, now)
		c.recordDifferences(ctx, p, seen, differences, adopt)
		c.recordExpiry(p, seen, now)
		p.LookAt = p.nextUnknown(now)
		if p.awaitsAnswer(seen) {
			p.LookAt = earliest(p.LookAt, now.Add(sleep.Jitter(2*time.Minute)))
		}
		c.watchExpiry(p, now)
		p.DueAt = p.dueAfter(now)
		return before != p.text() || !p.DueAt.Equal(due)
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return differences, stale, err
	}
	for id, was := range settled {
		c.logOperation(ctx, p, id, was)
	}
	return differences, stale, nil
}

// settleFromTransaction ends an operation if Klarna's transaction proves its result. It reports
// whether the operation has changed.
func (c *Coordinator) settleFromTransaction(p *purchase, o *operation, seen, again *observation) bool {
	byReference := o.Kind == OperationKindCapture || o.Kind == OperationKindRefund
	switch {
	case o.is(OperationKindCapture, OperationStateDone) && o.PaymentCaptureID == "" && !o.Outside:
		// A person has settled it. A refund of it needs Klarna's id.
		if found := p.find(o, seen); found.verdict == verdictDone {
			o.PaymentCaptureID = found.answer.paymentCaptureID
		}
		return false
	case o.State == OperationStateDone, o.Outside, o.automatic() && o.State != OperationStatePending,
		o.State == OperationStatePending && !o.inDoubt() && !o.automatic():
		return false
	case o.automatic():
		answer := p.automaticCapture(o, seen.transaction)
		return answer != nil && c.applyResult(p, o, operationResult{to: OperationStateDone, answer: answer})
	case o.State != OperationStateUnknown && !byReference:
		return false // the answer to its call decides
	}
	switch found := p.find(o, seen); {
	case found.verdict == verdictDone:
		return c.applyResult(p, o, operationResult{to: OperationStateDone, answer: found.answer})
	case o.State == OperationStateUnknown && o.Reason == reasonOtherAmount:
		// Klarna has answered that it was executed, so it is not absent.
	case found.verdict == verdictAbsent && o.State == OperationStateUnknown && again != nil && p.find(o, again).verdict == verdictAbsent:
		p.finish(o, OperationStateRefused, reasonNotExecuted, c.time(), c.report != nil)
		return true
	case o.State == OperationStateUnknown && found.evidence != "":
		o.Evidence = found.evidence
	}
	return false
}

// nextUnknown returns when to read the transaction again because of unknown operations, or zero.
func (p *purchase) nextUnknown(now time.Time) (at time.Time) {
	for i := range p.Operations {
		if o := &p.Operations[i]; o.State == OperationStateUnknown {
			at = earliest(at, now.Add(sleep.Jitter(min(max(now.Sub(o.UpdatedAt), unknownSoon), unknownLate))))
		}
	}
	return at
}

// awaitsAnswer reports whether a capture or refund at Klarna may belong to an operation that is not
// done yet.
func (p *purchase) awaitsAnswer(seen *observation) bool {
	for i := range p.Operations {
		o := &p.Operations[i]
		if o.State != OperationStatePending || !o.inDoubt() {
			continue
		}
		for _, s := range seen.of(o.Kind) {
			if s.reference == "" && !p.hasDone(s.id) {
				return true
			}
		}
	}
	return false
}

// of returns the captures or the refunds.
func (o *observation) of(kind OperationKind) []observed {
	switch kind {
	case OperationKindCapture:
		return o.captures
	case OperationKindRefund:
		return o.refunds
	default:
		return nil
	}
}

// text returns the encoded purchase, to detect changes.
func (p *purchase) text() string {
	text, err := wire.Encode(p.encode)
	if err != nil {
		return ""
	}
	return string(text)
}
