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
	// doubtPatience is how long Klarna may still execute a call that had no answer, by the clock of
	// another replica.
	doubtPatience = conflictPatience + clockSkew
	// operationPatience is how long an operation is retried that certainly was not executed.
	operationPatience = 7 * 24 * time.Hour
	// unknownSoon and unknownLate are the shortest and the longest pause between two reads because
	// of an unknown operation.
	unknownSoon = time.Hour
	unknownLate = 24 * time.Hour
)

// The Coordinator's own reasons of operations. Those of purchases apply as well.
const (
	reasonNotExecuted    = "NOT_EXECUTED"
	reasonCaptureRefused = "CAPTURE_REFUSED"
	reasonCaptureUnknown = "CAPTURE_UNKNOWN"
	reasonDamaged        = "RECORD_DAMAGED"
)

// operate executes the pending operations of a purchase one after the other, until the operation
// with the ID has ended. If the ID is "", it executes those that are due. If another replica is
// processing the purchase, operate waits for it until the given time.
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

// attempt makes or repeats an operation's call.
func (c *Coordinator) attempt(ctx context.Context, p *purchase, id string) error {
	o := p.operation(id)
	api, err := c.api(ctx, p)
	if err != nil {
		return c.retryOperation(ctx, p, id, attemptOf(p, o), err)
	}
	switch {
	case o.automatic():
		return c.findAutomaticCapture(ctx, p, api, o)
	case !o.Kind.known():
		return c.retryOperation(ctx, p, id, attemptOf(p, o), fmt.Errorf("flow: this version does not know the kind of operation %s", strconv.Quote(id)))
	}
	attempt := attemptOf(p, o)
	if o.Kind == OperationKindRefund && o.Capture != "" && o.PaymentCaptureID == "" {
		// Operations are made in order, so the capture has ended.
		switch capture := p.operation(o.Capture); {
		case capture == nil || capture.State == OperationStateRefused:
			return c.endOperation(ctx, p, id, &attempt, operationResult{to: OperationStateRefused, reason: reasonCaptureRefused})
		case capture.PaymentCaptureID == "" && capture.State == OperationStateDone:
			return c.lookForCapture(ctx, p, id, attempt)
		case capture.PaymentCaptureID == "":
			return c.endOperation(ctx, p, id, &attempt, operationResult{to: OperationStateRefused, reason: reasonCaptureUnknown})
		default:
			o.PaymentCaptureID = capture.PaymentCaptureID
		}
	}
	now := c.time()
	if !o.inDoubt() && o.Tries > 0 && now.After(o.BegunAt.Add(operationPatience)) {
		return c.endOperation(ctx, p, id, &attempt, operationResult{to: OperationStateRefused, reason: orElse(o.Reason, reasonNotSent)})
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
		// An extension that was made elsewhere may have changed what is in the record.
		before, err := api.GetTransaction(ctx, p.Transaction, c.callOptions(p)...)
		if err != nil {
			return c.retryOperation(ctx, p, id, attempt, err)
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
	attempt = callAttempt{lease: p.LeaseUntil, doubt: doubt, sent: now}
	answer, err := c.send(ctx, api, p, p.operation(id), call)
	if err != nil {
		return c.operationFailed(ctx, p, api, id, attempt, err)
	}
	return c.endOperation(ctx, p, id, nil, operationResult{to: OperationStateDone, answer: answer})
}

// lookForCapture reads Klarna's id of a capture that a person has settled, for the refund of an id.
func (c *Coordinator) lookForCapture(ctx context.Context, p *purchase, id string, attempt callAttempt) error {
	if err := c.readTransaction(ctx, p, eventFacts{}); err != nil {
		return c.retryOperation(ctx, p, id, attempt, err)
	}
	if refund := p.operation(id); refund == nil || p.captureOf(refund) != "" {
		return nil
	}
	return c.endOperation(ctx, p, id, &attempt, operationResult{to: OperationStateRefused, reason: reasonCaptureUnknown})
}

// callAttempt is the state in which a call was made: its lease, when an earlier call in doubt was
// sent, and when this call was sent.
type callAttempt struct {
	lease, doubt, sent time.Time
}

// attemptOf returns the callAttempt of a step without a call.
func attemptOf(p *purchase, o *operation) callAttempt {
	return callAttempt{lease: p.LeaseUntil, doubt: o.DoubtAt}
}

// callAnswer is what the answer to a call says.
type callAnswer struct {
	paymentCaptureID, paymentRefundID string
	amount                            *int64
	currency                          string
	transaction                       *authorization.PaymentTransaction
}

// send makes the call as it was recorded.
func (c *Coordinator) send(ctx context.Context, api *authorization.Client, p *purchase, o *operation, call *sealedOperation) (*callAnswer, error) {
	options := append(c.callOptions(p), klarna.WithIdempotencyKey(call.Key))
	switch {
	case o.Kind == OperationKindCapture:
		capture, err := api.CaptureTransactionPrepared(ctx, p.Transaction, call.prepared(), options...)
		if err != nil {
			return nil, err
		}
		return &callAnswer{paymentCaptureID: capture.PaymentCaptureID, amount: capture.CaptureAmount, currency: capture.Currency}, nil
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
	return nil, ErrDamaged // the kind is not known
}

func refunded(refund *authorization.PaymentRefund, err error) (*callAnswer, error) {
	if err != nil {
		return nil, err
	}
	return &callAnswer{paymentRefundID: refund.PaymentRefundID, amount: amountIn(refund.Unknown, "refund_amount"), currency: textIn(refund.Unknown, "currency")}, nil
}

func changedTransaction(t *authorization.PaymentTransaction, err error) (*callAnswer, error) {
	if err != nil {
		return nil, err
	}
	return &callAnswer{transaction: t}, nil
}

// amountIn returns a whole number among unknown members, or nil.
func amountIn(unknown klarna.Unknown, name string) *int64 {
	var amount *int64
	if value, ok := unknown[name]; !ok || wire.DecodeAny(value.Bytes(), &amount) != nil {
		return nil
	}
	return amount
}

// textIn returns a text among unknown members, or "".
func textIn(unknown klarna.Unknown, name string) string {
	var text string
	if value, ok := unknown[name]; !ok || wire.DecodeAny(value.Bytes(), &text) != nil {
		return ""
	}
	return text
}

// operationResult is how an operation ends.
type operationResult struct {
	to                           OperationState
	reason, parameters, evidence string
	// answer is the answer that proves that the operation is done.
	answer *callAnswer
}

// endOperation records the result of an operation. A result of done is always recorded. Any other
// result is recorded only if the operation is pending and, if attempt is set, no other replica has
// made a later call.
func (c *Coordinator) endOperation(ctx context.Context, p *purchase, id string, attempt *callAttempt, end operationResult) error {
	ctx, cancel := recording(ctx)
	defer cancel()
	var before OperationState
	var failed error
	ended := false
	err := c.change(ctx, p, func() bool {
		o := p.operation(id)
		if ended = o != nil && (attempt == nil || p.LeaseUntil.Equal(attempt.lease)); !ended {
			return false
		}
		before = o.State
		if ended = c.applyResult(p, o, end); !ended {
			return false
		}
		failed = c.afterOperationEnd(p, o, before == OperationStatePending)
		return failed == nil
	})
	if err = errors.Join(err, failed); err == nil && ended {
		c.logOperation(ctx, p, id, before)
	}
	return err
}

// applyResult ends an operation in p. It reports whether that changes anything.
func (c *Coordinator) applyResult(p *purchase, o *operation, end operationResult) bool {
	to, reason, evidence := end.to, end.reason, end.evidence
	if a := end.answer; a != nil {
		switch {
		case a.amount != nil && *a.amount != o.Amount:
			to, reason = OperationStateUnknown, reasonOtherAmount
			evidence = fmt.Sprintf("the amount at Klarna is %d", *a.amount)
		case isOtherCurrency(a.currency, p.Currency):
			to, reason, evidence = OperationStateUnknown, reasonOtherAmount, "the currency at Klarna is another one"
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

// learnTransaction updates p from a transaction in an answer.
func (p *purchase) learnTransaction(o *operation, t *authorization.PaymentTransaction, to OperationState) {
	if o.Kind == OperationKindExtension && o.Amount != 0 && to == OperationStateDone {
		// Only Klarna's answer shows whether the amount is added to the transaction's or replaces
		// it.
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

// afterOperationEnd removes the call of an operation that has ended and makes the next operation
// due. pending reports whether the operation was pending before.
func (c *Coordinator) afterOperationEnd(p *purchase, o *operation, pending bool) error {
	now := c.time()
	if pending {
		p.LeaseUntil = time.Time{}
	}
	if o.State == OperationStateUnknown {
		p.LookAt = earliest(p.LookAt, now.Add(sleep.Jitter(unknownSoon)))
	}
	c.watchExpiry(p, now)
	if err := c.dropSealedCall(p, o.ID); err != nil {
		return err
	}
	if next := p.pendingOperation(); next != nil && next.Tries == 0 {
		next.NextAt = now
	}
	p.DueAt = p.dueAfter(now)
	return nil
}

// logOperation logs a result that a person should look at.
func (c *Coordinator) logOperation(ctx context.Context, p *purchase, id string, before OperationState) {
	o := p.operation(id)
	switch {
	case o == nil:
	case o.State == OperationStateUnknown:
		c.logger.ErrorContext(ctx, "klarna flow: an operation has ended, and it is not known whether money moved",
			"purchase", p.ID, "operation", o.ID, "kind", o.Kind, "payment_transaction_id", p.Transaction, "reason", o.Reason, "evidence", o.Evidence)
	case o.State == OperationStateRefused:
		c.logger.WarnContext(ctx, "klarna flow: an operation was refused",
			"purchase", p.ID, "operation", o.ID, "kind", o.Kind, "payment_transaction_id", p.Transaction, "reason", o.Reason)
	case before != OperationStatePending:
		c.logger.WarnContext(ctx, "klarna flow: an operation that had ended in another state was executed",
			"purchase", p.ID, "operation", o.ID, "kind", o.Kind, "payment_transaction_id", p.Transaction, "before", before)
	}
}

// operationFailed handles an error of a call: it ends the operation or retries it.
func (c *Coordinator) operationFailed(ctx context.Context, p *purchase, api *authorization.Client, id string, attempt callAttempt, failure error) error {
	if klarna.OutcomeOf(failure) == klarna.OutcomeUnknown {
		attempt.doubt = attempt.sent
		return c.retryOperation(ctx, p, id, attempt, failure)
	}
	reason, refused := refusedOperation(failure)
	refused = refused && !c.hasOtherCredentials(ctx, p, failure)
	overlong := !attempt.doubt.IsZero() && attempt.sent.Sub(attempt.doubt) > doubtPatience
	switch {
	case refused && attempt.doubt.IsZero():
		return c.endOperation(ctx, p, id, &attempt, operationResult{to: OperationStateRefused, reason: reason, parameters: parametersOf(failure)})
	case refused && overlong:
		// An earlier call had no answer and cannot be executed any more. The transaction decides.
		return c.decide(ctx, p, api, id, attempt, failure, operationResult{to: OperationStateRefused, reason: reason, parameters: parametersOf(failure)})
	case conflict(failure):
		return c.conflicted(ctx, p, api, id, attempt, failure)
	}
	return c.retryOperation(ctx, p, id, attempt, failure)
}

// refusedOperation reports whether Klarna refused the call itself. Refused credentials, rate
// limits, conflicts and answers of proxies say nothing about the operation.
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

// conflicted retries after a conflict, unless the transaction shows that the conflict is permanent.
func (c *Coordinator) conflicted(ctx context.Context, p *purchase, api *authorization.Client, id string, attempt callAttempt, failure error) error {
	o := p.operation(id)
	seen, err := c.observe(ctx, api, p, eventFacts{})
	if o == nil || err != nil || !seen.isOver(o.Kind) {
		return c.retryOperation(ctx, p, id, attempt, failure)
	}
	refused := operationResult{to: OperationStateRefused, reason: string(klarna.CodeResourceConflict)}
	if attempt.doubt.IsZero() {
		return c.endOperation(ctx, p, id, &attempt, refused)
	}
	found, err := c.findConfirmed(ctx, api, p, o, seen)
	switch {
	case err != nil:
	case found.verdict == verdictDone:
		return c.endOperation(ctx, p, id, nil, operationResult{to: OperationStateDone, answer: found.answer})
	case found.verdict == verdictAbsent && attempt.sent.Sub(attempt.doubt) > doubtPatience:
		return c.endOperation(ctx, p, id, &attempt, refused)
	}
	return c.retryOperation(ctx, p, id, attempt, failure)
}

// decide ends an operation by what Klarna shows: as done, or as otherwise says if the operation
// certainly was not executed. If Klarna shows neither, the operation becomes unknown.
func (c *Coordinator) decide(ctx context.Context, p *purchase, api *authorization.Client, id string, attempt callAttempt, failure error, otherwise operationResult) error {
	o := p.operation(id)
	seen, err := c.observe(ctx, api, p, eventFacts{})
	if o == nil || err != nil {
		return c.retryOperation(ctx, p, id, attempt, errors.Join(failure, err))
	}
	found, err := c.findConfirmed(ctx, api, p, o, seen)
	if err != nil {
		return c.retryOperation(ctx, p, id, attempt, errors.Join(failure, err))
	}
	switch found.verdict {
	case verdictDone:
		return c.endOperation(ctx, p, id, nil, operationResult{to: OperationStateDone, answer: found.answer})
	case verdictAbsent:
		return c.endOperation(ctx, p, id, &attempt, otherwise)
	default:
		return c.endOperation(ctx, p, id, &attempt, operationResult{
			to: OperationStateUnknown, reason: orElse(otherwise.reason, reasonNoAnswer), parameters: otherwise.parameters, evidence: found.evidence,
		})
	}
}

// afterKey handles an operation whose key Klarna may have forgotten, so that a repeat could be
// executed a second time. The transaction decides.
func (c *Coordinator) afterKey(ctx context.Context, p *purchase, api *authorization.Client, id string) error {
	o := p.operation(id)
	attempt := attemptOf(p, o)
	if !o.inDoubt() && !o.Conflicted {
		return c.newKey(ctx, p, api, id, attempt, time.Time{})
	}
	var found finding
	seen, err := c.observe(ctx, api, p, eventFacts{})
	if err == nil {
		found, err = c.findConfirmed(ctx, api, p, o, seen)
	}
	switch {
	case err == nil:
	case c.time().After(o.BegunAt.Add(operationPatience)):
		return c.endOperation(ctx, p, id, &attempt, operationResult{
			to: OperationStateUnknown, reason: orElse(o.Reason, reasonNoAnswer), evidence: "the transaction could not be read",
		})
	default:
		return c.retryOperation(ctx, p, id, attempt, err)
	}
	switch {
	case found.verdict == verdictDone:
		return c.endOperation(ctx, p, id, nil, operationResult{to: OperationStateDone, answer: found.answer})
	case o.mayRun(c.time()):
		return c.retryOperation(ctx, p, id, attempt, errMayRun)
	case !o.inDoubt():
		// All calls of a day were answered with conflicts, and none was executed.
		return c.endOperation(ctx, p, id, &attempt, operationResult{to: OperationStateRefused, reason: string(klarna.CodeResourceConflict)})
	case found.verdict == verdictAbsent:
		return c.newKey(ctx, p, api, id, attempt, time.Time{})
	case o.Kind == OperationKindUpdate && !c.time().After(o.BegunAt.Add(operationPatience)):
		// Made again it sets the same values, and no later update of the purchase's was made before
		// it.
		return c.newKey(ctx, p, api, id, attempt, o.DoubtAt)
	default:
		return c.endOperation(ctx, p, id, &attempt, operationResult{
			to: OperationStateUnknown, reason: orElse(o.Reason, reasonNoAnswer), evidence: found.evidence,
		})
	}
}

var errMayRun = errors.New("flow: an earlier call of the operation may still run at Klarna")

// mayRun reports whether a call without an answer may still run at Klarna. Until it cannot,
// Klarna's data does not prove that the operation is absent.
func (o *operation) mayRun(now time.Time) bool {
	return o.inDoubt() && now.Sub(o.DoubtAt) <= doubtPatience
}

// findConfirmed is find with confirmation: it reads the transaction twice before it returns that an
// operation is absent.
func (c *Coordinator) findConfirmed(ctx context.Context, api *authorization.Client, p *purchase, o *operation, seen *observation) (finding, error) {
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

// newKey records another key for an operation that certainly was not executed, or that may be
// executed again. The next attempt uses it. doubt is when a call was sent that may have been
// executed, or zero.
func (c *Coordinator) newKey(ctx context.Context, p *purchase, api *authorization.Client, id string, attempt callAttempt, doubt time.Time) error {
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
		return c.retryOperation(ctx, p, id, attempt, err)
	}
	return c.save(ctx, p)
}

// retryOperation records that an operation has to be tried again, and returns why.
func (c *Coordinator) retryOperation(ctx context.Context, p *purchase, id string, attempt callAttempt, why error) error {
	ctx, cancel := recording(ctx)
	defer cancel()
	err := c.change(ctx, p, func() bool {
		o := p.operation(id)
		if o == nil || o.State != OperationStatePending || !p.LeaseUntil.Equal(attempt.lease) {
			return false
		}
		now := c.time()
		if answer := operationAnswer(why); answer != "" {
			o.Reason = answer
		}
		o.Conflicted = o.Conflicted || conflict(why)
		o.DoubtAt = attempt.doubt
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

// operationPause returns the pause after a number of consecutive failures: 1, 2, 4 seconds and so
// on up to five minutes, and ten minutes in the long run. It is longer than the pauses of
// approvals, because a key is valid for a day and operations must not use up the rate that
// approvals need.
func operationPause(tries int) time.Duration {
	if tries > 30 {
		return 10 * time.Minute
	}
	return min(time.Second<<min(tries-1, 10), 5*time.Minute)
}

// operationAnswer returns Klarna's last answer to a pending operation: an error code, or the HTTP
// status if the answer has no code.
func operationAnswer(err error) string {
	e, ok := errors.AsType[*klarna.Error](err)
	if !ok || e.StatusCode == 0 || e.StatusCode == http.StatusTooManyRequests {
		return ""
	}
	return strings.ToUpper(strings.ReplaceAll(reasonOf(e), " ", "_"))
}

// damagedOperation postpones an operation whose call cannot be opened, so that a person can repair
// the record. When Klarna may have forgotten the key, the transaction decides.
func (c *Coordinator) damagedOperation(ctx context.Context, p *purchase, api *authorization.Client, id string, why error) error {
	o := p.operation(id)
	attempt := attemptOf(p, o)
	c.logger.ErrorContext(ctx, "klarna flow: the call of an operation is damaged or sealed with another secret, and is not sent",
		"purchase", p.ID, "operation", id, "error", why)
	switch {
	case !c.time().After(o.BegunAt.Add(idempotent)):
		if p.DamagedAt.IsZero() {
			p.DamagedAt = c.time().Truncate(time.Millisecond)
		}
		return c.retryOperation(ctx, p, id, attempt, why)
	case o.mayRun(c.time()):
		return c.retryOperation(ctx, p, id, attempt, errors.Join(why, errMayRun))
	case o.inDoubt():
		return c.decide(ctx, p, api, id, attempt, why, operationResult{to: OperationStateRefused, reason: reasonDamaged})
	}
	return c.endOperation(ctx, p, id, &attempt, operationResult{to: OperationStateRefused, reason: reasonDamaged})
}
