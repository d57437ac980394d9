package flow_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/internal/test/answers"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
	"github.com/klarna-go/klarna-go/webhook"
)

// The names of the documented answers in package answers that a purchase receives.
const (
	approvalAtOnce    = "an immediate approval"
	stepUpAnswer      = "a step-up"
	openRequest       = "an open payment request"
	completedRequest  = "a completed payment request"
	canceledRequest   = "a canceled payment request"
	finalApproval     = "an approval"
	requestEvent      = "the event of a completed payment request"
	paymentEvent      = "the event of a transaction"
	documentedRequest = "krn:payment:eu1:request:1"
	documentedPayment = "krn:payment:eu1:transaction:1"
)

// operations maps the answers to their operations. Events have none.
var operations = map[string]string{
	approvalAtOnce: operation.Authorize, stepUpAnswer: operation.Authorize, finalApproval: operation.AuthorizeFinal,
	openRequest: operation.PaymentRequestRead, completedRequest: operation.PaymentRequestRead,
	canceledRequest: operation.PaymentRequestCancel,
}

// documented returns a full answer or event as Klarna documents it.
func documented(name string) string {
	switch name {
	case requestEvent:
		// An approval alone pays nothing.
		return strings.Replace(answers.Events[0].Text, `"payment_transaction_id":"`+documentedPayment+`",`, "", 1)
	case paymentEvent:
		return answers.Events[1].Text
	}
	i := slices.IndexFunc(answers.Calls, func(c answers.Call) bool { return c.Name == name })
	return answers.Calls[i].Answer("1")
}

// mutations returns a documented answer with one change at a time, and in its other spellings.
func mutations(name string) []answers.Mutation {
	text := documented(name)
	return append(slices.Collect(answers.Mutations(text)), slices.Collect(answers.Spellings(text))...)
}

// answerChanges is a scene for a sequence of purchases, each of which receives its own changed
// answer.
type answerChanges struct {
	*scene
	replica  *replica
	verifier *webhook.Verifier
	counts   map[string]int
	paid     map[string]bool // the purchases whose money must have moved, by reference
}

var signingKey = webhook.NewSecret("c2VjcmV0LWtleQ==")

func newAnswerChanges(t *testing.T) *answerChanges {
	t.Helper()
	verifier, err := webhook.NewVerifier(webhook.Key{Secret: signingKey})
	if err != nil {
		t.Fatal(err)
	}
	s := newScene(t)
	w := &answerChanges{scene: s, replica: s.replica(), verifier: verifier, counts: make(map[string]int), paid: make(map[string]bool)}
	t.Cleanup(w.checkMoney)
	return w
}

// checkMoney compares the ledger with the purchases: each approved one has one transaction.
func (w *answerChanges) checkMoney() {
	transactions := make(map[string]int)
	for _, transaction := range w.klarna.Transactions() {
		transactions[transaction.Reference]++
		if transaction.Amount != 118_00 {
			w.Errorf("%s paid %d", transaction.Reference, transaction.Amount)
		}
	}
	for id, paid := range w.paid {
		if want := map[bool]int{true: 1}[paid]; transactions[id] != want {
			w.Errorf("%s has %d transactions, want %d", id, transactions[id], want)
		}
	}
	if len(transactions) > len(w.paid) {
		w.Errorf("%d purchases have transactions, and there are only %d", len(transactions), len(w.paid))
	}
	var counts []string
	for _, name := range slices.Sorted(maps.Keys(w.counts)) {
		counts = append(counts, fmt.Sprintf("%d %s", w.counts[name], name))
	}
	w.Logf("%d purchases, %d transactions: %s", len(w.paid), len(transactions), strings.Join(counts, ", "))
}

// change returns the changed text of a documented answer, given the name of the answer.
type change func(name, text string) string

// once changes the first answer of a name.
func once(name, to string) change {
	return func(is, text string) string {
		if is != name {
			return text
		}
		name = ""
		return to
	}
}

// meets makes klarnatest give its answers in the documented form, with a change.
func (w *answerChanges) meets(change change) {
	var mu sync.Mutex // recovery may process several purchases at the same time
	final := false
	w.replica.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
		answer, err := pass(request)
		if err != nil || answer.StatusCode != http.StatusOK {
			return answer, err
		}
		own, err := io.ReadAll(answer.Body)
		if err != nil {
			return nil, err
		}
		mu.Lock()
		defer mu.Unlock()
		if name := answerName(request, own, final); name != "" {
			final = final || name == completedRequest
			own = []byte(withIDs(change(name, documented(name)), own))
		}
		answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(own)), int64(len(own))
		return answer, nil
	})
}

// answerName returns the name of the documented answer that an answer of klarnatest has, or "".
func answerName(request *http.Request, answer []byte, final bool) string {
	state := textOf(answer, "state")
	switch {
	case request.Method == http.MethodPost && strings.Contains(string(answer), `"STEP_UP_REQUIRED"`):
		return stepUpAnswer
	case request.Method == http.MethodPost && final:
		return finalApproval
	case request.Method == http.MethodPost:
		return approvalAtOnce
	case request.Method == http.MethodDelete:
		return canceledRequest
	case !strings.Contains(request.URL.Path, "/requests/"):
		return ""
	}
	return map[string]string{"SUBMITTED": openRequest, "COMPLETED": completedRequest}[state]
}

// withIDs replaces the documented values with those of an answer of klarnatest.
func withIDs(text string, own []byte) string {
	var pairs []string
	for documented, member := range map[string]string{
		documentedPayment: "payment_transaction_id", documentedRequest: "payment_request_id",
		`transaction-1`: "payment_transaction_reference", `request-1`: "payment_request_reference",
		`krn:token`: "klarna_network_session_token", `2026-10-13T12:00:00.123456789Z`: "expires_at", `2025-06-24T05:51`: "updated_at",
	} {
		if value := textOf(own, member); value != "" {
			pairs = append(pairs, `"`+documented+`"`, `"`+value+`"`)
		}
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// textOf returns the text of the first member with a name, or "".
func textOf(answer []byte, name string) string {
	_, rest, _ := bytes.Cut(answer, []byte(`"`+name+`":"`))
	text, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(text)
}

// next runs recovery when a purchase is due.
func (w *answerChanges) next(id string) {
	w.Helper()
	if due := w.record(id).DueAt; due.After(w.klarna.Now()) {
		w.klarna.Advance(due.Sub(w.klarna.Now()))
	}
	w.recovers(w.replica)
}

// state returns the state of a purchase.
func (w *answerChanges) state(id string) flow.State { return w.record(id).State }

// oddAnswer is a changed answer and the purchase that receives it.
type oddAnswer struct {
	answers.Mutation
	answer, id string
}

func (c *oddAnswer) String() string { return fmt.Sprintf("%s: %s is %s", c.answer, c.Path, c.Is) }

// decides reports whether the change may delay a purchase until recovery processes it.
func (c *oddAnswer) decides() bool {
	members := []string{"payload.payment_request_id", "payload.payment_transaction_id", "metadata.event_id", "metadata.event_type"}
	if o := operation.Of(operations[c.answer]); o != nil {
		members = answers.Listed(o)
	}
	if c.answer == completedRequest {
		for _, m := range operation.Approval {
			members = append(members, strings.Split(m.Path, operation.Or)...)
		}
	}
	path := answers.General(c.Path)
	return slices.ContainsFunc(members, func(m string) bool { return answers.Leads(path, m) || answers.Leads(m, path) })
}

// isOtherText reports whether the change gives a member another text.
func (c *oddAnswer) isOtherText(paths ...string) bool {
	return (c.Is == "a string" || c.Is == answers.BadByte) && slices.Contains(paths, c.Path)
}

const payment = "payment_transaction_response.payment_transaction."

// isOtherID reports whether the change names another transaction, which cannot be detected.
func (c *oddAnswer) isOtherID() bool {
	return c.isOtherText(payment+"payment_transaction_id") && c.Is == "a string"
}

// isOtherAmount reports whether the change gives the transaction another amount.
func (c *oddAnswer) isOtherAmount() bool {
	return c.Path == payment+"amount" && c.Is == "a number" || c.Path == payment+"currency" && c.Is == "a string"
}

// settles checks that a purchase is paid, immediately or when recovery processes it next.
func (w *answerChanges) settles(c *oddAnswer) {
	w.Helper()
	w.paid[c.id] = true
	switch {
	case c.isOtherAmount():
		// The answer has another amount. The event of the transaction has the right one.
		w.counts["of another amount"]++
		w.stands(c.id, flow.StateUnknown, "OTHER_AMOUNT")
		w.hears(paymentEvent, documented(paymentEvent), c.id)
	case w.state(c.id) == flow.StateAuthorized:
		w.counts["immediately"]++
	default:
		w.counts["at the next step"]++
		if !c.decides() {
			w.Errorf("%v needs another step: %s", c, w.state(c.id))
		}
		w.next(c.id)
	}
	status := w.status(c.id)
	if status.State != flow.StateAuthorized {
		w.Errorf("%v ends %s with reason %q", c, status.State, status.Reason)
	}
	if real := w.transactionOf(c.id); status.PaymentTransactionID != real && !c.isOtherID() {
		w.Errorf("%v has transaction %q, not %q", c, status.PaymentTransactionID, real)
	}
}

// transactionOf returns the ID of the newest transaction with a reference.
func (w *answerChanges) transactionOf(reference string) string {
	all := w.klarna.Transactions()
	for i := range all {
		if transaction := all[len(all)-1-i]; transaction.Reference == reference {
			return transaction.PaymentTransactionID
		}
	}
	return ""
}

// hears delivers an event about a purchase and reports whether it was acknowledged.
func (w *answerChanges) hears(name, text, id string) (taken bool) {
	w.Helper()
	own := fmt.Sprintf(`{"payment_request_id":%q,"payment_transaction_id":%q,"payment_transaction_reference":%q}`,
		w.record(id).PaymentRequestID, w.transactionOf(id), id)
	body := []byte(withIDs(text, []byte(own)))
	e, err := w.verifier.Parse(w.Context(), http.Header{"Klarna-Signature": {webhook.Sign(signingKey, body)}}, body)
	if err != nil {
		return false
	}
	return w.replica.HandleEvent(w.Context(), e) == nil
}

// each makes one purchase for each change of an answer, which receives the changed answer once.
func each(t *testing.T, answer string, meet func(w *answerChanges, c *oddAnswer)) {
	t.Helper()
	t.Parallel()
	w := newAnswerChanges(t)
	for i, m := range mutations(answer) {
		meet(w, &oddAnswer{m, answer, fmt.Sprintf("order-%d", i)})
	}
	if len(w.paid) < 100 {
		t.Errorf("only %d purchases", len(w.paid))
	}
}

// pays begins a purchase whose customer approves it.
func (w *answerChanges) pays(id string) {
	w.Helper()
	w.approve(w.stepUp(w.replica, id).PaymentRequestID)
}

func TestOneChangedAnswerLosesNoPurchase(t *testing.T) {
	t.Run("the first call is approved", func(t *testing.T) {
		each(t, approvalAtOnce, func(w *answerChanges, c *oddAnswer) {
			w.meets(once(c.answer, c.Text))
			_, _ = w.replica.Begin(w.Context(), w.browserOrder(c.id))
			w.settles(c)
		})
	})
	t.Run("the first call asks for a step-up", func(t *testing.T) {
		each(t, stepUpAnswer, func(w *answerChanges, c *oddAnswer) {
			w.meets(once(c.answer, c.Text))
			_, _ = w.replica.Begin(w.Context(), w.order(c.id))
			if w.state(c.id) == flow.StateBegun {
				w.counts["stepped up at the next look"]++
				if !c.decides() {
					w.Errorf("%v needs another step", c)
				}
				w.next(c.id)
			}
			w.stands(c.id, flow.StateAwaitingCustomer, "")
			all := w.klarna.PaymentRequests()
			w.approve(all[len(all)-1].PaymentRequestID)
			if c.isOtherText("payment_request.payment_request_id") && c.Is == "a string" {
				// The approval cannot be found, so the purchase is not paid.
				w.counts["not found again"]++
				w.paid[c.id] = false
				return
			}
			_, _ = w.replica.HandleReturn(w.Context(), c.id)
			w.settles(c)
		})
	})
	t.Run("the read finds an approval", func(t *testing.T) {
		each(t, completedRequest, func(w *answerChanges, c *oddAnswer) {
			w.meets(once(c.answer, c.Text))
			w.pays(c.id)
			_, _ = w.replica.HandleReturn(w.Context(), c.id)
			w.settles(c)
		})
	})
	t.Run("the read finds no customer", func(t *testing.T) {
		each(t, openRequest, func(w *answerChanges, c *oddAnswer) {
			w.meets(once(c.answer, c.Text))
			id := w.stepUp(w.replica, c.id).PaymentRequestID
			_, _ = w.replica.HandleReturn(w.Context(), c.id)
			w.stands(c.id, flow.StateAwaitingCustomer, "")
			w.approve(id)
			_, _ = w.replica.HandleReturn(w.Context(), c.id)
			w.settles(c)
		})
	})
	t.Run("the final call is approved", func(t *testing.T) {
		each(t, finalApproval, func(w *answerChanges, c *oddAnswer) {
			w.meets(once(c.answer, c.Text))
			w.pays(c.id)
			_, _ = w.replica.HandleReturn(w.Context(), c.id)
			w.settles(c)
		})
	})
}

func TestOneChangedAnswerPreventsNoCancelation(t *testing.T) {
	for _, answer := range []string{openRequest, canceledRequest} {
		t.Run(answer, func(t *testing.T) {
			each(t, answer, func(w *answerChanges, c *oddAnswer) {
				w.meets(once(c.answer, c.Text))
				w.stepUp(w.replica, c.id)
				w.paid[c.id] = false
				_, _ = w.replica.Cancel(w.Context(), c.id)
				if w.state(c.id) == flow.StateCanceled {
					w.counts["immediately"]++
				} else {
					w.counts["at the next step"]++
					if !c.decides() {
						w.Errorf("%v needs another step", c)
					}
					w.next(c.id)
				}
				w.stands(c.id, flow.StateCanceled, "CALLER_CANCELED")
			})
		})
	}
}

func TestOneChangedEventLosesNoPurchase(t *testing.T) {
	t.Run(requestEvent, func(t *testing.T) {
		each(t, requestEvent, func(w *answerChanges, c *oddAnswer) {
			w.pays(c.id)
			if !w.hears(c.answer, c.Text, c.id) {
				w.counts["to be delivered again"]++
			}
			w.settles(c)
		})
	})
	t.Run(paymentEvent, func(t *testing.T) {
		each(t, paymentEvent, func(w *answerChanges, c *oddAnswer) {
			w.pays(c.id)
			w.klarna.Script(klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropAfter})
			_, _ = w.replica.HandleReturn(w.Context(), c.id)
			if !w.hears(c.answer, c.Text, c.id) {
				w.counts["to be delivered again"]++
			}
			w.settles(c)
		})
	})
}

// decidingNames returns the names of the members that decide the result of a purchase.
func decidingNames(among []string) map[string]bool {
	names := make(map[string]bool)
	for _, answer := range among {
		for m := range answers.Mutations(documented(answer)) {
			c := oddAnswer{Mutation: m, answer: answer}
			if c.decides() || m.Path == payment+"amount" || m.Path == payment+"currency" {
				names[m.Path[strings.LastIndexByte(m.Path, '.')+1:]] = true
			}
		}
	}
	return names
}

func TestAMemberThatAlwaysDiffersLosesNothing(t *testing.T) {
	for name, test := range map[string]struct {
		among []string
		// unsettled lists changes that are valid answers: another amount or payment request.
		unsettled []string
		pay       func(w *answerChanges, id string, change change)
	}{
		"approved immediately": {[]string{approvalAtOnce}, []string{
			"amount a number", "currency a string", "currency " + answers.BadByte,
		}, func(w *answerChanges, id string, _ change) {
			_, _ = w.replica.Begin(w.Context(), w.browserOrder(id))
		}},
		"approved after a step-up": {[]string{stepUpAnswer, completedRequest, finalApproval, requestEvent}, []string{
			"amount a number", "currency a string", "payment_request_id a string",
		}, func(w *answerChanges, id string, change change) {
			_, _ = w.replica.Begin(w.Context(), w.order(id))
			all := w.klarna.PaymentRequests()
			w.approve(all[len(all)-1].PaymentRequestID)
			w.hears(requestEvent, change(requestEvent, documented(requestEvent)), id)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newAnswerChanges(t)
			names := make(map[string]bool)
			for _, answer := range test.among {
				for _, name := range answers.Names(documented(answer)) {
					names[name] = true
				}
			}
			decides := decidingNames(test.among)
			for name := range names {
				for is, apply := range answers.EveryNamed(name) {
					id := fmt.Sprintf("order-%d", w.counts["journeys"])
					w.counts["journeys"]++
					change := func(_, text string) string { return apply(text) }
					w.meets(change)
					test.pay(w, id, change)
					switch state := w.state(id); {
					case state == flow.StateAuthorized:
						w.counts["paid immediately"]++
						w.paid[id] = true
					case decides[name]:
						w.meets(func(_, text string) string { return text })
						for range 2 { // the step-up and the approval
							w.next(id)
						}
						w.paid[id] = w.transactionOf(id) != ""
						w.counts["then "+string(w.state(id))]++
						if w.state(id) != flow.StateAuthorized && !slices.Contains(test.unsettled, name+" "+is) {
							w.Errorf("%s was always %s, and then not: %s", name, is, w.state(id))
						}
					default:
						w.Errorf("%s is always %s: %s", name, is, state)
					}
				}
			}
		})
	}
}
