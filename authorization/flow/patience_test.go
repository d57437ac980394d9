package flow_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
	"github.com/klarna-go/klarna-go/webhook"
)

// This file tests that no approval is given up during Klarna's 60 minutes.

// finals answers authorize calls with answer, and passes on all other calls.
func finals(answer network) network {
	return func(request *http.Request, pass roundTrip) (*http.Response, error) {
		if request.Method == http.MethodPost {
			return answer(request, pass)
		}
		return pass(request)
	}
}

const conflictBody = `{"error_code":"RESOURCE_CONFLICT"}`

func TestNoAnswerLosesAnApprovalWithin60Minutes(t *testing.T) {
	for name, answer := range map[string]network{
		"a conflict":            answering(409, conflictBody),
		"a validation error":    answering(400, `{"error_code":"VALIDATION_ERROR"}`),
		"not found":             answering(404, `{"error_code":"RESOURCE_NOT_FOUND"}`),
		"gone":                  answering(410, `{"error_code":"GONE"}`),
		"unprocessable":         answering(422, `{"error_code":"UNPROCESSABLE"}`),
		"refused credentials":   answering(401, `{"error_code":"UNAUTHORIZED"}`),
		"a rate limit":          answering(429, `{"error_code":"RATE_LIMITED"}`),
		"a technical error":     answering(500, `{"error_code":"INTERNAL_ERROR"}`),
		"an undecided result":   answering(200, unknownResult),
		"another step-up":       answering(200, `{"payment_transaction_response":{"result":"STEP_UP_REQUIRED"},"payment_request":{"payment_request_id":"another","state":"SUBMITTED"}}`),
		"an unrequested token":  answering(200, `{"customer_token_response":{"result":"APPROVED","customer_token":"t"}}`),
		"a page of a proxy":     answering(404, `<html>`),
		"an unreachable Klarna": unreachable,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // a rate limit pauses recovery in wall-clock time
				s := newScene(t)
				r := s.replica()
				approved(s, r)
				r.meets(finals(answer))
				_ = s.fails(r)
				s.passes(r, 56*time.Minute, time.Minute)
				s.stands(orderID, flow.StateFinalizing, "")
				r.meets(nil)
				s.passes(r, 3*time.Minute, 30*time.Second)
				s.stands(orderID, flow.StateAuthorized, "")
				s.paid(118_00)
				if n := s.calls(cancelCall); n != 0 {
					t.Errorf("%d calls to cancel", n)
				}
			})
		})
	}
}

func TestAnApprovalRefusedForAnHourEnds(t *testing.T) {
	for name, tc := range map[string]struct {
		answer network
		within time.Duration
		state  flow.State
		reason string
	}{
		"a refusal":             {answering(404, `{"error_code":"RESOURCE_NOT_FOUND"}`), 70 * time.Minute, flow.StateRejected, "RESOURCE_NOT_FOUND"},
		"refused credentials":   {answering(401, `{"error_code":"UNAUTHORIZED"}`), 70 * time.Minute, flow.StateExpired, "NOT_FINALIZED_IN_TIME"},
		"an undecided result":   {answering(200, unknownResult), 24 * time.Hour, flow.StateUnknown, "PENDING_REVIEW"},
		"conflicts":             {answering(409, conflictBody), 72 * time.Minute, flow.StateUnknown, "RESOURCE_CONFLICT"},
		"an unreachable Klarna": {unreachable, 70 * time.Minute, flow.StateExpired, "NOT_FINALIZED_IN_TIME"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			approved(s, r)
			r.meets(finals(tc.answer))
			_ = s.fails(r)
			s.pass(r, tc.within, time.Minute)
			s.stands(orderID, tc.state, tc.reason)
			s.paid()
		})
	}
}

// The first replica's clock determines when a conflict began. The second replica's clock, which is
// four minutes ahead, determines how much time is left.
func TestDifferentClocksLoseNoApproval(t *testing.T) {
	for _, skew := range []time.Duration{4 * time.Minute, -4 * time.Minute} {
		s := newScene(t)
		r := s.replica()
		skewed := s.replica(flow.WithClock(func() time.Time { return s.klarna.Now().Add(skew) }))
		approved(s, r)
		// The call is interrupted, and Klarna still processes it.
		r.meetsOnce(http.MethodPost, func(request *http.Request, pass roundTrip) (*http.Response, error) {
			_, _ = pass(request)
			return nil, errors.New("cut")
		})
		s.unknown(s.fails(r))
		for _, one := range []*replica{r, skewed} {
			one.meets(finals(answering(409, conflictBody)))
		}
		for range 20 {
			s.klarna.Advance(3 * time.Second)
			s.recovers(r)
			s.recovers(skewed)
		}
		s.stands(orderID, flow.StateFinalizing, "")
		for _, one := range []*replica{r, skewed} {
			one.meets(nil)
		}
		s.pass(skewed, 2*time.Minute, 30*time.Second)
		s.pass(r, 2*time.Minute, 30*time.Second)
		s.stands(orderID, flow.StateAuthorized, "")
		s.paid(118_00)
	}
}

// One replica has Klarna's clock, and the other one differs by as much as is allowed. Each of them
// repeats the call in the last minute, too.
func TestConflictsUntilTheLastMinuteLoseNoApproval(t *testing.T) {
	t.Parallel()
	const skew = 5*time.Minute - time.Second
	for name, tc := range map[string]struct {
		answer network
		skews  []time.Duration
	}{
		"a clock ahead":                        {answering(409, conflictBody), []time.Duration{0, skew}},
		"a clock behind":                       {answering(409, conflictBody), []time.Duration{0, -skew}},
		"all clocks ahead":                     {answering(409, conflictBody), []time.Duration{skew, skew}},
		"all clocks behind":                    {answering(409, conflictBody), []time.Duration{-skew, -skew}},
		"clocks on both sides":                 {answering(409, conflictBody), []time.Duration{skew / 2, -skew / 2}},
		"refusals, and a clock ahead":          {answering(404, `{"error_code":"RESOURCE_NOT_FOUND"}`), []time.Duration{0, skew}},
		"a rate limit, and a clock ahead":      {answering(429, `{"error_code":"RATE_LIMITED"}`), []time.Duration{0, skew}},
		"an outage, and all clocks ahead":      {unreachable, []time.Duration{skew, skew}},
		"technical errors, and clocks behind":  {answering(500, `{"error_code":"INTERNAL_ERROR"}`), []time.Duration{-skew, -skew}},
		"undecided results and a clock behind": {answering(200, unknownResult), []time.Duration{0, -skew}},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // pauses are jittered
				synctest.Test(t, func(t *testing.T) {
					s := running(t)
					// For 59 minutes after the approval no answer has settled the call.
					first := s.replica()
					s.approve(s.stepUp(first, orderID).PaymentRequestID)
					approvedAt := time.Now()
					var stops []func()
					for _, skew := range tc.skews {
						r := s.replica(flow.WithClock(func() time.Time { return time.Now().Add(skew) }), flow.WithRecoveryRate(60))
						r.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
							if time.Since(approvedAt) < 59*time.Minute {
								return finals(tc.answer)(request, pass)
							}
							return pass(request)
						})
						stops = append(stops, runs(t, r))
					}
					<-time.After(65 * time.Minute)
					s.stands(orderID, flow.StateAuthorized, "")
					s.paid(118_00)
					for _, transaction := range s.klarna.Transactions() {
						if took := transaction.CreatedAt.Sub(approvedAt); took >= time.Hour {
							t.Errorf("the purchase was finalized %v after the approval", took)
						}
					}
					for _, stop := range stops {
						stop()
					}
				})
			}
		})
	}
}

func TestConflictsAroundARestartLoseNoApproval(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	approved(s, r)
	r.meetsOnce(http.MethodPost, answering(409, conflictBody))
	_ = s.fails(r)
	s.klarna.Advance(10 * time.Minute) // no replica is running
	again := s.replica()
	again.meetsOnce(http.MethodPost, answering(409, conflictBody))
	s.recovers(again)
	s.stands(orderID, flow.StateFinalizing, "")
	s.pass(again, 3*time.Minute, 30*time.Second)
	s.stands(orderID, flow.StateAuthorized, "")
	s.paid(118_00)
}

func TestAnExpiredApprovalWithoutACallIsUnpaid(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	approved(s, r)
	r.meetsOnce(http.MethodPost, func(*http.Request, roundTrip) (*http.Response, error) { r.die(); return nil, errDead })
	_, _ = r.HandleReturn(t.Context(), orderID)
	other := s.replica()
	other.meets(s.seenAs("EXPIRED", "11800"))
	s.klarna.Advance(time.Minute)
	s.recovers(other)
	s.stands(orderID, flow.StateExpired, "OF_KLARNA")
}

// lostApproval makes a purchase that was paid but ended UNKNOWN because its answers were lost.
func lostApproval(s *scene) *replica {
	s.Helper()
	r := s.replica()
	approved(s, r)
	s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropAfter})
	s.unknown(s.fails(r))
	s.paid(118_00)
	r.meets(finals(answering(409, conflictBody)))
	s.pass(r, 72*time.Minute, time.Minute)
	s.stands(orderID, flow.StateUnknown, "RESOURCE_CONFLICT")
	if len(s.record(orderID).Sealed) == 0 {
		s.Error("what is needed to ask again is gone")
	}
	return r
}

func TestAnUnknownOutcomeIsResolvedAutomatically(t *testing.T) {
	s := newScene(t)
	r := lostApproval(s)
	r.meets(nil)
	s.pass(r, 2*time.Hour, 10*time.Minute)
	s.stands(orderID, flow.StateAuthorized, "")
	s.paid(118_00)
	if record := s.record(orderID); len(record.Sealed) > 0 || !record.DueAt.IsZero() {
		t.Errorf("%d bytes are sealed, due at %v", len(record.Sealed), record.DueAt)
	}
}

func TestAnUnknownOutcomesSealIsRemovedInTime(t *testing.T) {
	s := newScene(t)
	r := lostApproval(s)
	s.pass(r, 23*time.Hour, 20*time.Minute)
	s.stands(orderID, flow.StateUnknown, "RESOURCE_CONFLICT")
	if record := s.record(orderID); len(record.Sealed) > 0 || !record.DueAt.IsZero() {
		t.Errorf("%d bytes are sealed, due at %v", len(record.Sealed), record.DueAt)
	}
}

// transactionEvent returns Klarna's event of the only transaction.
func (s *scene) transactionEvent(paymentRequestID string) *webhook.Event {
	s.Helper()
	transaction := s.klarna.Transactions()[0]
	payload := `{"payment_transaction_id":"` + transaction.PaymentTransactionID + `","payment_transaction_reference":"` + transaction.Reference +
		`","payment_request_id":"` + paymentRequestID + `","state":"AUTHORIZED"}`
	return &webhook.Event{
		Metadata: webhook.Metadata{EventID: "event-2", EventType: webhook.EventTypePaymentTransactionAuthorized, SubjectAccountID: s.klarna.PartnerAccountID},
		Payload:  webhook.NewRawJSON(payload),
	}
}

// Klarna still answers the repeat with a conflict.
func TestATransactionEventSettlesAFinalizingPurchase(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	id := approved(s, r)
	s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropAfter})
	s.unknown(s.fails(r))
	r.meets(finals(answering(409, conflictBody)))
	if err := r.HandleEvent(t.Context(), s.transactionEvent(id)); err != nil {
		t.Fatal(err)
	}
	s.stands(orderID, flow.StateAuthorized, "")
	s.went(orderID, flow.StateBegun, flow.StateAwaitingCustomer, flow.StateFinalizing, flow.StateAuthorized)
}

func TestATransactionEventCorrectsEveryWrongFinalState(t *testing.T) {
	for _, by := range []string{"payment request", "reference"} {
		for _, state := range []flow.State{flow.StateUnknown, flow.StateExpired, flow.StateCanceled, flow.StateRejected, flow.StateDeclined} {
			t.Run(string(state)+" by "+by, func(t *testing.T) {
				s := newScene(t)
				r := lostApproval(s)
				record := s.record(orderID)
				record.State, record.Sealed = state, nil
				if err := s.memory.Update(t.Context(), record); err != nil {
					t.Fatal(err)
				}
				id := ""
				if by == "payment request" {
					id = record.PaymentRequestID
				}
				event := s.transactionEvent(id)
				if err := r.HandleEvent(t.Context(), event); err != nil {
					t.Fatal(err)
				}
				s.stands(orderID, flow.StateAuthorized, "")
				if got, want := s.status(orderID).PaymentTransactionID, s.klarna.Transactions()[0].PaymentTransactionID; got != want {
					t.Errorf("the transaction is %q, want %q", got, want)
				}
				calls := len(s.klarna.Requests())
				if err := r.HandleEvent(t.Context(), event); err != nil || len(s.klarna.Requests()) != calls {
					t.Errorf("a repeat: %v, %d calls", err, len(s.klarna.Requests())-calls)
				}
			})
		}
	}
}

// The content of an event is confirmed by a read.
func TestAnEventOfAnUnknownTransactionChangesNothing(t *testing.T) {
	s := newScene(t)
	r := lostApproval(s)
	for name, payload := range map[string]string{
		"no such transaction": `{"payment_transaction_id":"forged","payment_transaction_reference":"` + orderID + `","payment_request_id":"` + s.status(orderID).PaymentRequestID + `"}`,
	} {
		err := r.HandleEvent(t.Context(), &webhook.Event{
			Metadata: webhook.Metadata{EventType: webhook.EventTypePaymentTransactionAuthorized}, Payload: webhook.NewRawJSON(payload),
		})
		if err == nil {
			t.Errorf("%s: the event was acknowledged", name)
		}
	}
	s.stands(orderID, flow.StateUnknown, "RESOURCE_CONFLICT")
}

func TestATransactionOfAnotherPurchaseSettlesNothing(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.approve(s.stepUp(r, "order-2").PaymentRequestID)
	status, err := r.HandleReturn(t.Context(), "order-2")
	s.wants(status, err, flow.StateAuthorized)
	id := s.stepUp(r, orderID).PaymentRequestID
	if err := r.HandleEvent(t.Context(), s.transactionEvent(id)); err != nil {
		t.Fatal(err)
	}
	s.stands(orderID, flow.StateAwaitingCustomer, "")
}

func TestANamedTransactionResolvesAnUnknownOutcome(t *testing.T) {
	s := newScene(t)
	r := lostApproval(s)
	transaction := s.klarna.Transactions()[0].PaymentTransactionID
	id := s.status(orderID).PaymentRequestID
	r.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
		if request.Method == http.MethodPost {
			t.Error("a final call was made")
		}
		if request.Method == http.MethodGet && strings.Contains(request.URL.Path, "/requests/") {
			return answering(200, `{"payment_request_id":"`+id+`","state":"COMPLETED","amount":11800,"payment_transaction_id":"`+transaction+`"}`)(request, pass)
		}
		return pass(request)
	})
	s.pass(r, 2*time.Hour, 10*time.Minute)
	s.stands(orderID, flow.StateAuthorized, "")
}

func TestAnApprovalOfAnUnknownRequestIsLogged(t *testing.T) {
	s := newScene(t)
	foreign := completed("krn:payment:eu1:request:lost")
	if err := s.replica().HandleEvent(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	if log := s.log.String(); !strings.Contains(log, `"level":"WARN"`) || !strings.Contains(log, "request:lost") {
		t.Errorf("the log is %s", log)
	}
	if err := s.replica(flow.WithExclusiveWebhook()).HandleEvent(t.Context(), foreign); !errors.Is(err, flow.ErrNotFound) {
		t.Errorf("got %v, want an error, so that Klarna delivers the event again", err)
	}
}

func TestAnUndecidedFirstResultIsRequestedAgain(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	r.meets(answering(200, unknownResult))
	status, err := r.Begin(t.Context(), s.order(orderID))
	s.undecided(err, "PENDING_REVIEW")
	if status.State != flow.StateBegun {
		t.Fatalf("%v", status)
	}
	s.pass(r, 2*time.Hour, time.Minute)
	s.stands(orderID, flow.StateBegun, "")
	r.meets(nil)
	s.pass(r, 20*time.Minute, time.Minute)
	s.stands(orderID, flow.StateAwaitingCustomer, "")
}

// Two Coordinators with the API keys of different merchants share a table.
func TestAnotherMerchantsCredentialsEndNoPurchase(t *testing.T) {
	s := newScene(t)
	mine, other := s.replica(), s.replica()
	for _, status := range []int{401, 403, 404} {
		id := "order-" + http.StatusText(status)
		strange := answering(status, `{"error_code":"OPERATION_FORBIDDEN"}`)
		stranger := s.withKey(other, "klarna_test_api_of_another_merchant")
		// Before the first call is answered.
		mine.meetsOnce(http.MethodPost, unreachable)
		_, err := mine.Begin(t.Context(), s.order(id))
		s.notSent(err)
		other.meets(strange)
		s.klarna.Advance(2 * time.Second)
		if _, err := stranger.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.stands(id, flow.StateBegun, "")
		got, err := mine.Begin(t.Context(), s.order(id))
		s.wants(got, err, flow.StateAwaitingCustomer)
		// And long after the payment request has expired.
		for range 30 {
			s.klarna.Advance(10 * time.Minute)
			if _, err := stranger.Recover(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		s.stands(id, flow.StateAwaitingCustomer, "")
		s.pass(mine, time.Hour, 10*time.Minute)
		if state := s.status(id).State; !state.Final() {
			t.Errorf("the merchant's own Coordinator leaves the purchase %s", state)
		}
	}
}

// withKey returns a Coordinator with another API key on the network of r.
func (s *scene) withKey(r *replica, key string) *flow.Coordinator {
	s.Helper()
	client, err := klarna.NewClient(key, klarna.WithBaseURL(s.klarna.URL), klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: 1}),
		klarna.WithHTTPClient(&http.Client{Transport: roundTrip(func(request *http.Request) (*http.Response, error) {
			return r.network(request, s.klarna.Transport().RoundTrip)
		})}))
	if err != nil {
		s.Fatal(err)
	}
	c, err := flow.New(client, r.store(), klarna.NewSecret(sealSecret), flow.WithClock(s.klarna.Now), flow.WithReport(r.report), flow.WithRecoveryRate(1e6),
		flow.WithLogger(slog.New(slog.NewJSONHandler(s.log, nil))))
	if err != nil {
		s.Fatal(err)
	}
	return c
}

func TestAPlatformsMerchantsHaveTheirOwnCredentials(t *testing.T) {
	s := newScene(t)
	var asked []string
	r := s.replica()
	client := r.client(klarna.RetryPolicy{MaxAttempts: 1})
	c, err := flow.New(nil, r.store(), klarna.NewSecret(sealSecret), flow.WithClock(s.klarna.Now),
		flow.WithClients(func(_ context.Context, account string) (*klarna.Client, error) {
			asked = append(asked, account)
			if account != s.klarna.PartnerAccountID {
				return nil, errors.New("no such merchant")
			}
			return client, nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	status, err := c.Begin(t.Context(), s.order(orderID))
	s.wants(status, err, flow.StateAwaitingCustomer)
	s.approve(status.PaymentRequestID)
	status, err = c.HandleReturn(t.Context(), orderID)
	s.wants(status, err, flow.StateAuthorized)
	another := s.order("order-2")
	another.PartnerAccountID = "another"
	if status, err := c.Begin(t.Context(), another); status != nil || err == nil || len(asked) < 3 {
		t.Errorf("%v, %v, asked for %q", status, err, asked)
	}
	if _, err := flow.New(nil, r.store(), klarna.NewSecret(sealSecret)); err == nil {
		t.Error("New accepts a Coordinator without a client")
	}
}

func TestARefusedPurchaseIsBegunAgainWithACorrectedRequest(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	wrong := s.order(orderID)
	wrong.Request.StepUpConfig.CustomerInteractionConfig.Method = "PIGEON"
	for range 2 {
		status, err := r.Begin(t.Context(), wrong)
		if !errors.Is(err, flow.ErrRejected) || status.State != flow.StateRejected || !strings.Contains(err.Error(), "customer_interaction_config.method") {
			t.Fatalf("%v, %v", status, err)
		}
	}
	if n := s.calls(authorizeCall); n != 1 {
		t.Errorf("%d calls for a repeat", n)
	}
	status, err := r.Begin(t.Context(), s.order(orderID))
	s.wants(status, err, flow.StateAwaitingCustomer)
	s.approve(status.PaymentRequestID)
	status, err = r.HandleReturn(t.Context(), orderID)
	s.wants(status, err, flow.StateAuthorized)
	s.went(orderID, flow.StateBegun, flow.StateRejected, flow.StateBegun, flow.StateAwaitingCustomer, flow.StateFinalizing, flow.StateAuthorized)
	s.paid(118_00)
}

func TestAReferenceBelongsToOnePurchaseOfAnAccount(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	first := s.order(orderID)
	first.Request.RequestPaymentTransaction.PaymentTransactionReference = "the-same"
	status, err := r.Begin(t.Context(), first)
	s.wants(status, err, flow.StateAwaitingCustomer)
	second := s.order("order-2")
	second.Request.RequestPaymentTransaction.PaymentTransactionReference = "the-same"
	second.Request.RequestPaymentTransaction.Amount = 1
	second.Request.SupplementaryPurchaseData.LineItems = nil
	if status, err := r.Begin(t.Context(), second); status != nil || !errors.Is(err, flow.ErrOtherPurchase) || !strings.Contains(err.Error(), orderID) {
		t.Errorf("%v, %v", status, err)
	}
	second.PartnerAccountID = ""
	status, err = r.Begin(t.Context(), second)
	s.wants(status, err, flow.StateAwaitingCustomer)
}

func TestCallsAreLoggedWithThePurchase(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	client, err := klarna.NewClient(s.klarna.APIKey, klarna.WithBaseURL(s.klarna.URL),
		klarna.WithHTTPClient(&http.Client{Transport: s.klarna.Transport()}), klarna.WithLogger(slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	if err != nil {
		t.Fatal(err)
	}
	c, err := flow.New(client, r.store(), klarna.NewSecret(sealSecret), flow.WithClock(s.klarna.Now))
	if err != nil {
		t.Fatal(err)
	}
	status, err := c.Begin(t.Context(), s.order(orderID))
	s.wants(status, err, flow.StateAwaitingCustomer)
	s.approve(status.PaymentRequestID)
	s.klarna.Advance(time.Minute)
	if _, err := c.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(s.log.String()) {
		if strings.Contains(line, "klarna call") && !strings.Contains(line, `"purchase":"`+orderID+`"`) {
			t.Errorf("a record without the purchase: %s", line)
		}
	}
	if n := strings.Count(s.log.String(), "klarna call"); n != 3 {
		t.Errorf("%d calls were logged", n)
	}
}
