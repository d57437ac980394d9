package flow

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/internal/sleep"
	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

const (
	// doubtPatience is how long a call that had no answer may still run at Klarna, by the clock of
	// another replica.
	doubtPatience = conflictPatience + clockSkew
	// operationPatience is how long an operation is tried that surely was not executed.
	operationPatience = 7 * 24 * time.Hour
	// unknownSoon and unknownLate bound the pauses between two looks at an operation that is
	// unknown.
	unknownSoon = time.Hour
	unknownLate = 24 * time.Hour
)

// The Coordinator's own reasons of operations, beside those of purchases.
const (
	reasonNotExecuted    = "NOT_EXECUTED"
	reasonCaptureRefused = "CAPTURE_REFUSED"
	reasonCaptureUnknown = "CAPTURE_UNKNOWN"
	reasonDamaged        = "RECORD_DAMAGED"
)

// operate makes the pending operations of a purchase, one after the other, until the one of the id
// has ended, or, for "", those that are due. Where another replica is at the purchase, it waits for
// it until then.
func (c *Coordinator) operate(ctx context.Context, p *purchase, id string, until time.Time) error {
	for {
		o := p.pendingOperation()
		switch {
		case o == nil:
			return nil
		case id == "" && o.NextAt.After(c.time()):
			return nil
		case id != "":
			if mine := p.operation(id); mine == nil || mine.State != OperationStatePending {
				return nil
			}
		}
		if c.time().Before(p.LeaseUntil) {
			changed, err := c.await(ctx, p, until)
			if err != nil || !changed {
				return err
			}
			continue
		}
		err := c.attempt(ctx, p, o.ID)
		if errors.Is(err, ErrChanged) {
			err = c.reloadAfterConflict(ctx, p)
		}
		if err != nil {
			return err
		}
	}
}

// attempt makes an operation's call, or makes it again.
func (c *Coordinator) attempt(ctx context.Context, p *purchase, id string) error {
	o := p.operation(id)
	api, err := c.api(ctx, p)
	if err != nil {
		return c.putOff(ctx, p, id, turnOf(p, o), err)
	}
	switch {
	case o.automatic():
		return c.findAutomaticCapture(ctx, p, api, o)
	case !o.Kind.known():
		return c.putOff(ctx, p, id, turnOf(p, o), fmt.Errorf("flow: operation %s is of a kind that this version does not know", strconv.Quote(id)))
	}
	turn := turnOf(p, o)
	if o.Kind == OperationKindRefund && o.Capture != "" && o.PaymentCaptureID == "" {
		// Operations are made in order, so the capture has ended.
		switch capture := p.operation(o.Capture); {
		case capture == nil || capture.State == OperationStateRefused:
			return c.endOperation(ctx, p, id, &turn, ending{to: OperationStateRefused, reason: reasonCaptureRefused})
		case capture.PaymentCaptureID == "" && capture.State == OperationStateDone:
			return c.lookForCapture(ctx, p, id, turn)
		case capture.PaymentCaptureID == "":
			return c.endOperation(ctx, p, id, &turn, ending{to: OperationStateRefused, reason: reasonCaptureUnknown})
		default:
			o.PaymentCaptureID = capture.PaymentCaptureID
		}
	}
	now := c.time()
	if !o.inDoubt() && o.Tries > 0 && now.After(o.BegunAt.Add(operationPatience)) {
		return c.endOperation(ctx, p, id, &turn, ending{to: OperationStateRefused, reason: orElse(o.Reason, reasonNotSent)})
	}
	if !o.KeyAt.IsZero() && now.After(o.KeyAt.Add(idempotent)) {
		return c.afterKey(ctx, p, api, id)
	}
	call, err := c.callOf(p, o)
	if err != nil {
		return c.damagedOperation(ctx, p, api, id, err)
	}
	doubt := o.DoubtAt
	if o.Kind == OperationKindExtension && doubt.IsZero() {
		// What the record knows, an extension that was made elsewhere may have changed.
		before, err := api.GetTransaction(ctx, p.Transaction, c.callOptions(p)...)
		if err != nil {
			return c.putOff(ctx, p, id, turn, err)
		}
		o.AmountBefore, o.ExpiresBefore = before.Amount, before.ExpiresAt.UTC()
		now = c.time()
	}
	o.DoubtAt = now
	if o.KeyAt.IsZero() {
		o.KeyAt = now
	}
	p.LeaseUntil, p.DamagedAt = now.Add(lease), time.Time{}
	p.DueAt = p.dueAfter(now)
	if err := c.save(ctx, p); err != nil {
		return err
	}
	turn = operationTurn{lease: p.LeaseUntil, doubt: doubt, sent: now}
	answer, err := c.send(ctx, api, p, p.operation(id), call)
	if err != nil {
		return c.operationFailed(ctx, p, api, id, turn, err)
	}
	return c.endOperation(ctx, p, id, nil, ending{to: OperationStateDone, answer: answer})
}

// lookForCapture reads Klarna's id of a capture that a person has settled, for the refund of an id.
func (c *Coordinator) lookForCapture(ctx context.Context, p *purchase, id string, turn operationTurn) error {
	if err := c.look(ctx, p, eventFacts{}); err != nil {
		return c.putOff(ctx, p, id, turn, err)
	}
	if refund := p.operation(id); refund == nil || p.captureOf(refund) != "" {
		return nil
	}
	return c.endOperation(ctx, p, id, &turn, ending{to: OperationStateRefused, reason: reasonCaptureUnknown})
}

// operationTurn is what a call was made upon: its lease, what was in doubt before, and when it was
// sent.
type operationTurn struct {
	lease, doubt, sent time.Time
}

// turnOf is that of a step without a call.
func turnOf(p *purchase, o *operation) operationTurn {
	return operationTurn{lease: p.LeaseUntil, doubt: o.DoubtAt}
}

// executed is what a call's answer says.
type executed struct {
	paymentCaptureID, paymentRefundID string
	amount                            *int64
	currency                          string
	transaction                       *authorization.PaymentTransaction
}

// send makes the call as it was recorded.
func (c *Coordinator) send(ctx context.Context, api *authorization.Client, p *purchase, o *operation, call *sealedOperation) (*executed, error) {
	options := append(c.callOptions(p), klarna.WithIdempotencyKey(call.Key))
	switch {
	case o.Kind == OperationKindCapture:
		capture, err := api.CaptureTransactionPrepared(ctx, p.Transaction, call.prepared(), options...)
		if err != nil {
			return nil, err
		}
		return &executed{paymentCaptureID: capture.PaymentCaptureID, amount: capture.CaptureAmount, currency: capture.Currency}, nil
	case o.Kind == OperationKindRefund && o.PaymentCaptureID != "":
		return refunded(api.RefundCapturePrepared(ctx, o.PaymentCaptureID, call.prepared(), options...))
	case o.Kind == OperationKindRefund:
		return refunded(api.RefundTransactionPrepared(ctx, p.Transaction, call.prepared(), options...))
	case o.Kind == OperationKindVoid:
		return changedTransaction(api.VoidTransaction(ctx, p.Transaction, options...))
	case o.Kind == OperationKindExtension:
		return changedTransaction(api.ExtendTransactionPrepared(ctx, p.Transaction, call.prepared(), options...))
	case o.Kind == OperationKindUpdate:
		return changedTransaction(api.UpdateTransactionPrepared(ctx, p.Transaction, call.prepared(), options...))
	}
	return nil, ErrDamaged // a kind that is not known is not sent
}

func refunded(refund *authorization.PaymentRefund, err error) (*executed, error) {
	if err != nil {
		return nil, err
	}
	return &executed{paymentRefundID: refund.PaymentRefundID, amount: amountIn(refund.Unknown, "refund_amount"), currency: textIn(refund.Unknown, "currency")}, nil
}

func changedTransaction(t *authorization.PaymentTransaction, err error) (*executed, error) {
	if err != nil {
		return nil, err
	}
	return &executed{transaction: t}, nil
}

// amountIn is a whole number among members that have no name here, nil for none.
func amountIn(unknown klarna.Unknown, name string) *int64 {
	var amount *int64
	if value, ok := unknown[name]; !ok || wire.DecodeAny(value.Bytes(), &amount) != nil {
		return nil
	}
	return amount
}

// textIn is a text among members that have no name here, "" for none.
func textIn(unknown klarna.Unknown, name string) string {
	var text string
	if value, ok := unknown[name]; !ok || wire.DecodeAny(value.Bytes(), &text) != nil {
		return ""
	}
	return text
}

// ending is how an operation ends.
type ending struct {
	to                           OperationState
	reason, parameters, evidence string
	// answer is what says that it is done.
	answer *executed
}

// endOperation records how an operation has ended. That it is done counts whatever was thought
// before; any other end is one of an operation that is pending, and, with a turn, of nobody else's
// later call.
func (c *Coordinator) endOperation(ctx context.Context, p *purchase, id string, turn *operationTurn, end ending) error {
	ctx, cancel := recording(ctx)
	defer cancel()
	var before OperationState
	var failed error
	ended := false
	err := c.change(ctx, p, func() bool {
		o := p.operation(id)
		if ended = o != nil && (turn == nil || p.LeaseUntil.Equal(turn.lease)); !ended {
			return false
		}
		before = o.State
		if ended = c.ends(p, o, end); !ended {
			return false
		}
		failed = c.afterEnd(p, o, before == OperationStatePending)
		return failed == nil
	})
	if err = errors.Join(err, failed); err == nil && ended {
		c.logOperation(ctx, p, id, before)
	}
	return err
}

// ends ends an operation in p. It reports whether that changes anything.
func (c *Coordinator) ends(p *purchase, o *operation, end ending) bool {
	to, reason, evidence := end.to, end.reason, end.evidence
	if a := end.answer; a != nil {
		switch {
		case a.amount != nil && *a.amount != o.Amount:
			to, reason = OperationStateUnknown, reasonOtherAmount
			evidence = fmt.Sprintf("Klarna says that the amount is %d", *a.amount)
		case isOtherCurrency(a.currency, p.Currency):
			to, reason, evidence = OperationStateUnknown, reasonOtherAmount, "Klarna says that it is of another currency"
		}
	}
	if o.State == to || to != OperationStateDone && o.State != OperationStatePending {
		return false
	}
	if a := end.answer; a != nil {
		o.PaymentCaptureID = orElse(a.paymentCaptureID, o.PaymentCaptureID)
		o.PaymentRefundID = orElse(a.paymentRefundID, o.PaymentRefundID)
		p.learnTransaction(o, a.transaction, to)
	}
	o.Parameters, o.Evidence = end.parameters, evidence
	p.finish(o, to, reason, c.time(), c.report != nil)
	return true
}

// learnTransaction takes what an answer says of the transaction.
func (p *purchase) learnTransaction(o *operation, t *authorization.PaymentTransaction, to OperationState) {
	if o.Kind == OperationKindExtension && o.Amount != 0 && to == OperationStateDone {
		// Whether Klarna's amount adds to the transaction's or replaces it, only its answer says.
		if t != nil && (t.Amount == plus(p.authorized(), o.Amount) || t.Amount == o.Amount) {
			p.Authorized = &t.Amount
		} else {
			p.Differs = true
		}
	}
	if t != nil && !t.ExpiresAt.IsZero() {
		p.TransactionExpiresAt = t.ExpiresAt.UTC()
	}
}

// afterEnd puts a purchase in order of which an operation has ended: its call goes, and the next
// one is due. pending reports that it was pending before.
func (c *Coordinator) afterEnd(p *purchase, o *operation, pending bool) error {
	now := c.time()
	if pending {
		p.LeaseUntil = time.Time{}
	}
	if o.State == OperationStateUnknown {
		p.LookAt = earliest(p.LookAt, now.Add(sleep.Jitter(unknownSoon)))
	}
	c.watchExpiry(p, now)
	if err := c.forget(p, o.ID); err != nil {
		return err
	}
	if next := p.pendingOperation(); next != nil && next.Tries == 0 {
		next.NextAt = now
	}
	p.DueAt = p.dueAfter(now)
	return nil
}

// logOperation logs the end of an operation that somebody should look at.
func (c *Coordinator) logOperation(ctx context.Context, p *purchase, id string, before OperationState) {
	o := p.operation(id)
	switch {
	case o == nil:
	case o.State == OperationStateUnknown:
		c.logger.ErrorContext(ctx, "klarna flow: an operation has ended without it being known whether money moved",
			"purchase", p.ID, "operation", o.ID, "kind", o.Kind, "payment_transaction_id", p.Transaction, "reason", o.Reason, "evidence", o.Evidence)
	case o.State == OperationStateRefused:
		c.logger.WarnContext(ctx, "klarna flow: an operation was refused",
			"purchase", p.ID, "operation", o.ID, "kind", o.Kind, "payment_transaction_id", p.Transaction, "reason", o.Reason)
	case before != OperationStatePending:
		c.logger.WarnContext(ctx, "klarna flow: an operation that had ended otherwise was executed",
			"purchase", p.ID, "operation", o.ID, "kind", o.Kind, "payment_transaction_id", p.Transaction, "before", before)
	}
}

// operationFailed decides what an error of a call says about its operation.
func (c *Coordinator) operationFailed(ctx context.Context, p *purchase, api *authorization.Client, id string, turn operationTurn, failure error) error {
	if klarna.OutcomeOf(failure) == klarna.OutcomeUnknown {
		turn.doubt = turn.sent
		return c.putOff(ctx, p, id, turn, failure)
	}
	reason, refused := refusedOperation(failure)
	refused = refused && !c.othersCredentials(ctx, p, failure)
	overlong := !turn.doubt.IsZero() && turn.sent.Sub(turn.doubt) > doubtPatience
	switch {
	case refused && turn.doubt.IsZero():
		return c.endOperation(ctx, p, id, &turn, ending{to: OperationStateRefused, reason: reason, parameters: parametersOf(failure)})
	case refused && overlong:
		// An earlier call had no answer, and runs no more. What Klarna shows decides.
		return c.decide(ctx, p, api, id, turn, failure, ending{to: OperationStateRefused, reason: reason, parameters: parametersOf(failure)})
	case conflict(failure):
		return c.conflicted(ctx, p, api, id, turn, failure)
	}
	return c.putOff(ctx, p, id, turn, failure)
}

// refusedOperation reports that Klarna refused a call for what it is. Refused credentials, rate
// limits, conflicts and the answers of proxies say nothing about the operation.
func refusedOperation(err error) (reason string, ok bool) {
	e, isError := errors.AsType[*klarna.Error](err)
	if !isError || e.Outcome == klarna.OutcomeUnknown || e.Code == "" {
		return "", false
	}
	switch e.StatusCode {
	case 0:
		return reasonOf(e), e.Code == klarna.CodeValidationError // by local validation
	case http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return "", false
	case http.StatusForbidden:
		return reasonOf(e), errors.Is(err, klarna.CodeOperationForbidden)
	}
	return reasonOf(e), e.StatusCode >= 400 && e.StatusCode < 500
}

// conflicted waits a conflict out, unless the transaction shows that it is none of the moment.
func (c *Coordinator) conflicted(ctx context.Context, p *purchase, api *authorization.Client, id string, turn operationTurn, failure error) error {
	o := p.operation(id)
	seen, err := c.observe(ctx, api, p, eventFacts{})
	if o == nil || err != nil || !seen.isOver(o.Kind) {
		return c.putOff(ctx, p, id, turn, failure)
	}
	refused := ending{to: OperationStateRefused, reason: string(klarna.CodeResourceConflict)}
	if turn.doubt.IsZero() {
		return c.endOperation(ctx, p, id, &turn, refused)
	}
	found, err := c.findSurely(ctx, api, p, o, seen)
	switch {
	case err != nil:
	case found.verdict == verdictDone:
		return c.endOperation(ctx, p, id, nil, ending{to: OperationStateDone, answer: found.answer})
	case found.verdict == verdictAbsent && turn.sent.Sub(turn.doubt) > doubtPatience:
		return c.endOperation(ctx, p, id, &turn, refused)
	}
	return c.putOff(ctx, p, id, turn, failure)
}

// decide ends an operation by what Klarna shows: as done, or, where it surely was not executed, as
// otherwise says. Where Klarna shows neither, nobody knows.
func (c *Coordinator) decide(ctx context.Context, p *purchase, api *authorization.Client, id string, turn operationTurn, failure error, otherwise ending) error {
	o := p.operation(id)
	seen, err := c.observe(ctx, api, p, eventFacts{})
	if o == nil || err != nil {
		return c.putOff(ctx, p, id, turn, errors.Join(failure, err))
	}
	found, err := c.findSurely(ctx, api, p, o, seen)
	if err != nil {
		return c.putOff(ctx, p, id, turn, errors.Join(failure, err))
	}
	switch found.verdict {
	case verdictDone:
		return c.endOperation(ctx, p, id, nil, ending{to: OperationStateDone, answer: found.answer})
	case verdictAbsent:
		return c.endOperation(ctx, p, id, &turn, otherwise)
	default:
		return c.endOperation(ctx, p, id, &turn, ending{
			to: OperationStateUnknown, reason: orElse(otherwise.reason, reasonNoAnswer), parameters: otherwise.parameters, evidence: found.evidence,
		})
	}
}

// afterKey is for an operation whose key Klarna may have forgotten: a repeat might be executed
// again. What Klarna shows of the transaction decides.
func (c *Coordinator) afterKey(ctx context.Context, p *purchase, api *authorization.Client, id string) error {
	o := p.operation(id)
	turn := turnOf(p, o)
	if !o.inDoubt() && !o.Conflicted {
		return c.newKey(ctx, p, api, id, turn, time.Time{})
	}
	var found finding
	seen, err := c.observe(ctx, api, p, eventFacts{})
	if err == nil {
		found, err = c.findSurely(ctx, api, p, o, seen)
	}
	switch {
	case err == nil:
	case c.time().After(o.BegunAt.Add(operationPatience)):
		return c.endOperation(ctx, p, id, &turn, ending{
			to: OperationStateUnknown, reason: orElse(o.Reason, reasonNoAnswer), evidence: "the transaction could not be read",
		})
	default:
		return c.putOff(ctx, p, id, turn, err)
	}
	switch {
	case found.verdict == verdictDone:
		return c.endOperation(ctx, p, id, nil, ending{to: OperationStateDone, answer: found.answer})
	case o.mayRun(c.time()):
		return c.putOff(ctx, p, id, turn, errMayRun)
	case !o.inDoubt():
		// A day of conflicts, and nothing of it was executed.
		return c.endOperation(ctx, p, id, &turn, ending{to: OperationStateRefused, reason: string(klarna.CodeResourceConflict)})
	case found.verdict == verdictAbsent:
		return c.newKey(ctx, p, api, id, turn, time.Time{})
	case o.Kind == OperationKindUpdate && !c.time().After(o.BegunAt.Add(operationPatience)):
		// Made again it sets the same values, and no later update of the purchase's was made before
		// it.
		return c.newKey(ctx, p, api, id, turn, o.DoubtAt)
	default:
		return c.endOperation(ctx, p, id, &turn, ending{
			to: OperationStateUnknown, reason: orElse(o.Reason, reasonNoAnswer), evidence: found.evidence,
		})
	}
}

var errMayRun = errors.New("flow: an earlier call of the operation may still run at Klarna")

// mayRun reports whether a call that had no answer may still run at Klarna. Until it cannot, what
// Klarna shows does not prove that the operation is absent.
func (o *operation) mayRun(now time.Time) bool {
	return o.inDoubt() && now.Sub(o.DoubtAt) <= doubtPatience
}

// findSurely is find, and takes no single answer for a proof that an operation is absent: Klarna is
// asked twice.
func (c *Coordinator) findSurely(ctx context.Context, api *authorization.Client, p *purchase, o *operation, seen *observation) (finding, error) {
	found := p.find(o, seen)
	if found.verdict != verdictAbsent {
		return found, nil
	}
	again, err := c.observe(ctx, api, p, eventFacts{})
	if err != nil {
		return found, err
	}
	return p.find(o, again), nil
}

// newKey records another key for an operation that surely was not executed, or that may be executed
// again. The next attempt has it. doubt is when a call was sent that may have been executed; zero
// for none.
func (c *Coordinator) newKey(ctx context.Context, p *purchase, api *authorization.Client, id string, turn operationTurn, doubt time.Time) error {
	o := p.operation(id)
	call, err := c.callOf(p, o)
	if err != nil {
		return c.damagedOperation(ctx, p, api, id, err)
	}
	content := *p.opened
	content.Operations = append([]sealedOperation{}, content.Operations...)
	o.Keys++
	for i := range content.Operations {
		if content.Operations[i].ID == id {
			content.Operations[i].Key = operationKey(p, o, call.Body, o.Keys)
		}
	}
	o.KeyAt, o.DoubtAt, o.Conflicted = time.Time{}, doubt, false
	if err := c.seal(p, &content); err != nil {
		return c.putOff(ctx, p, id, turn, err)
	}
	return c.save(ctx, p)
}

// putOff records that an operation is to be tried again, and returns why.
func (c *Coordinator) putOff(ctx context.Context, p *purchase, id string, turn operationTurn, why error) error {
	ctx, cancel := recording(ctx)
	defer cancel()
	err := c.change(ctx, p, func() bool {
		o := p.operation(id)
		if o == nil || o.State != OperationStatePending || !p.LeaseUntil.Equal(turn.lease) {
			return false
		}
		now := c.time()
		if answer := operationAnswer(why); answer != "" {
			o.Reason = answer
		}
		o.Conflicted = o.Conflicted || conflict(why)
		o.DoubtAt = turn.doubt
		o.Tries++
		o.NextAt = now.Add(sleep.Jitter(operationPause(o.Tries)))
		p.LeaseUntil = time.Time{}
		p.DueAt = p.dueAfter(now)
		return true
	})
	if err != nil {
		return errors.Join(why, err)
	}
	return why
}

// operationPause is the pause after so many failures in a row: 1, 2, 4 seconds and so on to five
// minutes, and ten in the long run. It grows beyond that of what was approved: a key lives for a
// day, and an outage must not have operations take the rate from approvals.
func operationPause(tries int) time.Duration {
	if tries > 30 {
		return 10 * time.Minute
	}
	return min(time.Second<<min(tries-1, 10), 5*time.Minute)
}

// operationAnswer is Klarna's last answer to an operation that is pending: an error's code, or the
// HTTP status of an answer that had none.
func operationAnswer(err error) string {
	e, ok := errors.AsType[*klarna.Error](err)
	if !ok || e.StatusCode == 0 || e.StatusCode == http.StatusTooManyRequests {
		return ""
	}
	return strings.ToUpper(strings.ReplaceAll(reasonOf(e), " ", "_"))
}

// damagedOperation puts off an operation whose call cannot be opened, for somebody to mend the
// record. When Klarna may have forgotten the key, what it shows decides.
func (c *Coordinator) damagedOperation(ctx context.Context, p *purchase, api *authorization.Client, id string, why error) error {
	o := p.operation(id)
	turn := turnOf(p, o)
	c.logger.ErrorContext(ctx, "klarna flow: the call of an operation is damaged or sealed with another secret, and nothing is done upon it",
		"purchase", p.ID, "operation", id, "error", why)
	switch {
	case !c.time().After(o.BegunAt.Add(idempotent)):
		if p.DamagedAt.IsZero() {
			p.DamagedAt = c.time().Truncate(time.Millisecond)
		}
		return c.putOff(ctx, p, id, turn, why)
	case o.mayRun(c.time()):
		return c.putOff(ctx, p, id, turn, errors.Join(why, errMayRun))
	case o.inDoubt():
		return c.decide(ctx, p, api, id, turn, why, ending{to: OperationStateRefused, reason: reasonDamaged})
	}
	return c.endOperation(ctx, p, id, &turn, ending{to: OperationStateRefused, reason: reasonDamaged})
}
