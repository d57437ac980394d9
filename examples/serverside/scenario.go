package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/examples/internal/tap"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
	"github.com/klarna-go/klarna-go/webhook"
)

// scene is a scenario with the built-in Klarna.
type scene struct {
	*stage
	klarna  *klarnatest.Server
	journal *journal
}

// scenarios are the functions that run the scenarios.
var scenarios = map[string]func(context.Context, *scene) (ending, error){
	"approve":           approve,
	"instant":           instant,
	"decline":           decline,
	"abandon":           abandon,
	"expire":            expire,
	"duplicate-webhook": duplicateWebhook,
	"lost-webhook":      lostWebhook,
}

func scenarioNames() []string {
	return []string{"approve", "instant", "decline", "abandon", "expire", "duplicate-webhook", "lost-webhook"}
}

func playWithDouble(ctx context.Context, j *journal, kept *state, play func(context.Context, *scene) (ending, error)) (ending, error) {
	var options []klarnatest.Option
	if kept.klarnaFile != "" {
		options = append(options, klarnatest.WithStateFile(kept.klarnaFile))
	}
	double, err := klarnatest.Start(options...)
	if err != nil {
		return ending{}, err
	}
	defer double.Close()
	s, err := setUp(ctx, j, kept, double.APIKey, double.PartnerAccountID, double.URL, func(url string) webhook.Key {
		key := double.Subscribe(url, string(webhook.EventTypePaymentRequestCompleted), string(webhook.EventTypePaymentRequestDeclined),
			string(webhook.EventTypePaymentRequestCanceled), string(webhook.EventTypePaymentRequestExpired))
		return webhook.Key{ID: key.ID, Secret: webhook.NewSecret(key.Secret)}
	})
	if s != nil {
		defer s.close()
	}
	if err != nil {
		return ending{}, err
	}
	acting := &scene{stage: s, klarna: double, journal: j}
	end, err := play(ctx, acting)
	if errors.Is(err, errNotRedirected) {
		end, err = acting.endedBefore(ctx)
	}
	return end, s.cause(err)
}

// endedBefore returns the ending of an order that ended without payment in an earlier run. That run
// was killed before it could report the ending.
func (s *scene) endedBefore(ctx context.Context) (ending, error) {
	order, err := s.customer.order(ctx)
	if err != nil {
		return ending{}, err
	}
	switch order.Status {
	case declined, canceled, expired:
		if !s.paidBefore() {
			return ending{Outcome: "payment " + string(order.Status), Detail: "in an earlier run"}, nil
		}
	}
	return ending{}, errNotRedirected
}

func approve(ctx context.Context, s *scene) (ending, error) {
	if err := s.payAtKlarna(ctx); err != nil {
		return ending{}, err
	}
	s.loseAnAnswer()
	if err := s.fulfill(ctx); err != nil {
		return ending{}, err
	}
	return s.paid(ctx, "payment approved", "")
}

func instant(ctx context.Context, s *scene) (ending, error) {
	// The customer has approved in Klarna's browser SDK, which gave the page a session token.
	token := s.klarna.IssueSessionToken("EUR", 118_00)
	sentTo, err := s.customer.chooseKlarna(ctx, token)
	if err != nil {
		return ending{}, err
	}
	if sentTo != "" {
		return ending{}, errors.New("the customer was asked to step up, although the session token was sent")
	}
	return s.paid(ctx, "payment approved", "")
}

func decline(ctx context.Context, s *scene) (ending, error) {
	return s.unpaid(ctx, declined, "payment declined", "the customer is offered another payment method", func(id string) (string, error) {
		return s.atKlarna("declines", func() (string, error) { return s.klarna.Decline(id) })
	})
}

func abandon(ctx context.Context, s *scene) (ending, error) {
	return s.unpaid(ctx, canceled, "payment canceled", "the customer came back without paying", func(id string) (string, error) {
		return s.atKlarna("leaves without paying", func() (string, error) { return s.klarna.Abandon(id) })
	})
}

func expire(ctx context.Context, s *scene) (ending, error) {
	return s.unpaid(ctx, expired, "payment expired", "the customer never acted", func(string) (string, error) {
		return s.atKlarna("does nothing for 3 hours", func() (string, error) {
			s.klarna.Advance(3*time.Hour + time.Minute)
			return "", nil
		})
	})
}

func duplicateWebhook(ctx context.Context, s *scene) (ending, error) {
	s.klarna.ScriptWebhook(string(webhook.EventTypePaymentRequestCompleted), klarnatest.WebhookFaultDuplicate)
	if err := s.payAtKlarna(ctx); err != nil {
		return ending{}, err
	}
	if n := s.delivered(webhook.EventTypePaymentRequestCompleted); n != 2 {
		return ending{}, fmt.Errorf("got the webhook %d times, want 2", n)
	}
	return s.paid(ctx, "payment approved once", "the webhook came twice")
}

func lostWebhook(ctx context.Context, s *scene) (ending, error) {
	s.klarna.ScriptWebhook(string(webhook.EventTypePaymentRequestCompleted), klarnatest.WebhookFaultLose)
	if err := s.payAtKlarna(ctx); err != nil {
		return ending{}, err
	}
	if n := s.delivered(webhook.EventTypePaymentRequestCompleted); n != 0 {
		return ending{}, fmt.Errorf("got the webhook %d times, want 0", n)
	}
	return s.paid(ctx, "payment approved without its webhook", "the payment request was read instead")
}

// payAtKlarna makes the customer choose Klarna, approve the payment and return to the merchant.
func (s *scene) payAtKlarna(ctx context.Context) error {
	id, err := s.redirected(ctx)
	if errors.Is(err, errNotRedirected) && s.paidBefore() {
		return nil // an earlier run was killed after the payment
	}
	if err != nil {
		return err
	}
	back, err := s.atKlarna("approves", func() (string, error) { return s.klarna.Approve(id) })
	if err != nil {
		return err
	}
	return s.customer.comeBack(ctx, back)
}

// redirected makes the customer choose Klarna. It returns the id of the payment request whose URL
// the customer is sent to.
func (s *scene) redirected(ctx context.Context) (string, error) {
	sentTo, err := s.customer.chooseKlarna(ctx, "")
	if err != nil {
		return "", err
	}
	requests := s.klarna.PaymentRequests()
	i := slices.IndexFunc(requests, func(r klarnatest.PaymentRequest) bool { return r.PaymentRequestURL == sentTo })
	if i < 0 {
		return "", errNotRedirected
	}
	id := requests[i].PaymentRequestID
	_, err = s.atKlarna("opens the payment", func() (string, error) { return "", s.klarna.Open(id) })
	return id, err
}

var errNotRedirected = errors.New("the customer was not sent to Klarna")

// transactions returns the transactions of the order.
func (s *scene) transactions() []klarnatest.Transaction {
	return slices.DeleteFunc(s.klarna.Transactions(), func(t klarnatest.Transaction) bool { return t.Reference != s.paymentID })
}

func (s *scene) paidBefore() bool { return len(s.transactions()) > 0 }

// atKlarna makes a step of the simulated customer. The step ends when its webhooks have been
// received.
func (s *scene) atKlarna(does string, act func() (string, error)) (string, error) {
	step := s.journal.begin(customerParty, klarnaParty, does, "")
	back, err := act()
	if err != nil {
		step.end("not possible")
		return "", err
	}
	s.klarna.Flush()
	switch {
	case back != "":
		step.end(tap.Redirect(back))
	default:
		step.end("stays")
	}
	return back, nil
}

// loseAnAnswer makes Klarna execute the second capture without an answer, unless an earlier run
// made both captures.
func (s *scene) loseAnAnswer() {
	if made := len(s.captures()); made < 2 {
		s.klarna.Script(klarnatest.Fault{
			Operation: "authorization.transaction.capture", Skip: 1 - made, Kind: klarnatest.FaultDropAfter,
		})
	}
}

// captures and refunds are those of the order.
func (s *scene) captures() []klarnatest.Capture {
	return slices.DeleteFunc(s.klarna.Captures(), func(c klarnatest.Capture) bool { return !s.mine(c.Reference) })
}

func (s *scene) refunds() []klarnatest.Refund {
	return slices.DeleteFunc(s.klarna.Refunds(), func(r klarnatest.Refund) bool { return !s.mine(r.Reference) })
}

// mine reports whether the reference belongs to an operation of the order's payment.
func (s *scene) mine(reference string) bool { return strings.HasPrefix(reference, s.paymentID+"/") }

// compare compares the results that the merchant knows with Klarna's ledger: each operation is
// done, and was executed exactly once.
func (s *scene) compare(order orderAnswer) error {
	var known, executed []string
	for _, o := range order.Operations {
		known = append(known, fmt.Sprintf("%s %s %d %s", o.Kind, o.ID, o.Amount, o.Status))
	}
	add := func(kind flow.OperationKind, id string, amount int64) {
		executed = append(executed, fmt.Sprintf("%s %s %d %s", kind, id, amount, done))
	}
	for _, c := range s.captures() {
		add(flow.OperationKindCapture, strings.TrimPrefix(c.Reference, s.paymentID+"/"), c.Amount)
	}
	for _, r := range s.refunds() {
		add(flow.OperationKindRefund, strings.TrimPrefix(r.Reference, s.paymentID+"/"), r.Amount)
	}
	if t := s.transactions()[0]; t.VoidedAmount > 0 {
		add(flow.OperationKindVoid, "sold-out", t.VoidedAmount)
	}
	if !slices.Equal(known, executed) {
		return fmt.Errorf("the merchant's order has %q, and Klarna's ledger %q", known, executed)
	}
	return nil
}

func (s *scene) delivered(eventType webhook.EventType) int {
	n := 0
	for _, d := range s.klarna.Deliveries() {
		if d.EventType == string(eventType) && d.StatusCode == http.StatusOK {
			n++
		}
	}
	return n
}

// paid ends a scenario with a payment. It compares the merchant's order with Klarna's ledger.
func (s *scene) paid(ctx context.Context, outcome, detail string) (ending, error) {
	order, err := s.customer.order(ctx)
	if err != nil {
		return ending{}, err
	}
	transactions := s.transactions()
	if order.Status != approved || len(transactions) != 1 || transactions[0].PaymentTransactionID != order.TransactionID {
		return ending{}, fmt.Errorf("the merchant says %s, and Klarna has %d transactions", order.Status, len(transactions))
	}
	if err := s.compare(order); err != nil {
		return ending{}, err
	}
	return ending{Outcome: outcome, PaymentTransactionID: order.TransactionID, Detail: detail}, nil
}

// unpaid runs a scenario that ends without a payment. It returns an error if the merchant's order
// and Klarna's ledger do not agree.
func (s *scene) unpaid(ctx context.Context, want status, outcome, detail string, act func(paymentRequestID string) (string, error)) (ending, error) {
	id, err := s.redirected(ctx)
	if err != nil {
		return ending{}, err
	}
	back, err := act(id)
	if err != nil {
		return ending{}, err
	}
	if back != "" {
		if err := s.customer.comeBack(ctx, back); err != nil {
			return ending{}, err
		}
	}
	s.klarna.Flush() // a cancellation has a webhook, too
	order, err := s.customer.order(ctx)
	if err != nil {
		return ending{}, err
	}
	if n := len(s.transactions()); order.Status != want || n != 0 {
		return ending{}, fmt.Errorf("the merchant says %s, and Klarna has %d transactions", order.Status, n)
	}
	return ending{Outcome: outcome, Detail: detail}, nil
}
