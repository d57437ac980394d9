package flow_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

func TestASteppedUpPurchaseWaitsForItsCustomer(t *testing.T) {
	s := newScene(t)
	status, err := s.replica().Begin(t.Context(), s.order(orderID))
	if err != nil {
		t.Fatal(err)
	}
	known := s.klarna.PaymentRequests()[0]
	want := flow.Status{
		ID: orderID, PartnerAccountID: s.klarna.PartnerAccountID, State: flow.StateAwaitingCustomer,
		Amount: 118_00, Currency: "EUR", PaymentRequestID: known.PaymentRequestID, PaymentRequestURL: known.PaymentRequestURL,
		BegunAt: s.klarna.Now(), UpdatedAt: s.klarna.Now(),
	}
	if diff := cmp.Diff(want, *status); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	s.went(orderID, flow.StateBegun, flow.StateAwaitingCustomer)
	s.paid()
	if n := s.calls(readCall); n != 0 {
		t.Errorf("%d reads after the answer, want none", n)
	}
}

func TestMissingReferencesDefaultToThePurchaseID(t *testing.T) {
	s := newScene(t)
	given := s.order("order-2")
	given.Request.RequestPaymentTransaction.PaymentTransactionReference = "transaction-2"
	given.Request.StepUpConfig.PaymentRequestReference = "request-2"
	lacking := s.order(orderID)
	r := s.replica()
	for _, purchase := range []flow.Purchase{lacking, given} {
		status, err := r.Begin(t.Context(), purchase)
		s.wants(status, err, flow.StateAwaitingCustomer)
		s.approve(status.PaymentRequestID)
		status, err = r.HandleReturn(t.Context(), purchase.ID)
		s.wants(status, err, flow.StateAuthorized)
	}
	var got []string
	for _, transaction := range s.klarna.Transactions() {
		got = append(got, transaction.Reference)
	}
	for _, request := range s.klarna.PaymentRequests() {
		got = append(got, request.Reference)
	}
	if diff := cmp.Diff([]string{orderID, "transaction-2", orderID, "request-2"}, got); diff != "" {
		t.Errorf("references (-want +got):\n%s", diff)
	}
	if config := lacking.Request; config.RequestPaymentTransaction.PaymentTransactionReference != "" || config.StepUpConfig.PaymentRequestReference != "" {
		t.Error("the caller's request was changed")
	}
}

func TestAPartnerWithItsOwnCredentialsNeedsNoAccount(t *testing.T) {
	s := newScene(t)
	order := s.order(orderID)
	order.PartnerAccountID = ""
	status, err := s.replica().Begin(t.Context(), order)
	s.wants(status, err, flow.StateAwaitingCustomer)
	if path := s.klarna.Requests()[0].Path; path != "/v2/payment/authorize" {
		t.Errorf("the call went to %s", path)
	}
}

const unknownResult = `{"payment_transaction_response":{"result":"PENDING_REVIEW","result_reason":"OF_TOMORROW"}}`

func TestEveryFirstAnswerIsRecordedAndReturnedAgain(t *testing.T) {
	badRequest := func(code string) string { return `{"error_id":"e","error_code":"` + code + `","error_message":"m"}` }
	for _, tc := range []struct {
		name   string
		klarna func(s *scene, r *replica) // prepares the answer
		change func(*flow.Purchase)
		state  flow.State
		reason string
		code   error // in the chain of the first error
	}{
		{name: "approved immediately", klarna: func(s *scene, _ *replica) { s.klarna.ScriptAuthorize(klarnatest.AuthorizeRule{Result: "APPROVED"}) }, state: flow.StateAuthorized},
		{name: "declined", klarna: func(s *scene, _ *replica) {
			s.klarna.ScriptAuthorize(klarnatest.AuthorizeRule{Result: "DECLINED", Reason: "RISK"})
		},
			state: flow.StateDeclined, reason: "RISK"},
		{name: "declined without a reason", klarna: func(s *scene, _ *replica) { s.klarna.ScriptAuthorize(klarnatest.AuthorizeRule{Result: "DECLINED"}) }, state: flow.StateDeclined},
		{name: "refused as invalid", klarna: func(_ *scene, r *replica) {
			r.meetsOnce(http.MethodPost, answering(400, badRequest("VALIDATION_ERROR")))
		},
			state: flow.StateRejected, reason: "VALIDATION_ERROR", code: klarna.CodeValidationError},
		{name: "refused credentials", klarna: func(s *scene, _ *replica) { s.klarna.Script(klarnatest.Fault{StatusCode: 401}) },
			state: flow.StateRejected, reason: "UNAUTHORIZED", code: klarna.CodeUnauthorized},
		{name: "an account that the key may not act for", change: func(p *flow.Purchase) { p.PartnerAccountID = "krn:partner:global:account:test:ANOTHER" },
			state: flow.StateRejected, reason: "OPERATION_FORBIDDEN", code: klarna.CodeOperationForbidden},
		{name: "refused by a firewall", klarna: func(_ *scene, r *replica) { r.meetsOnce(http.MethodPost, answering(403, "<html>")) },
			state: flow.StateRejected, reason: "Forbidden"},
		{name: "not found", klarna: func(s *scene, _ *replica) { s.klarna.Script(klarnatest.Fault{StatusCode: 404}) },
			state: flow.StateRejected, reason: "RESOURCE_NOT_FOUND", code: klarna.CodeResourceNotFound},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			order := s.order(orderID)
			if tc.change != nil {
				tc.change(&order)
			}
			if tc.klarna != nil {
				tc.klarna(s, r)
			}
			first, err := r.Begin(t.Context(), order)
			switch rejected := tc.state == flow.StateRejected; {
			case errors.Is(err, flow.ErrRejected) != rejected, err != nil && !rejected:
				t.Fatalf("the error is %v", err)
			case tc.code != nil && !errors.Is(err, tc.code):
				t.Errorf("the error is %v, want %v in its chain", err, tc.code)
			}
			if first.State != tc.state || first.Reason != tc.reason {
				t.Fatalf("%s with reason %q, want %s with reason %q", first.State, first.Reason, tc.state, tc.reason)
			}
			calls := s.calls(authorizeCall)
			again, err := s.replica().Begin(t.Context(), order)
			if errors.Is(err, flow.ErrRejected) != (tc.state == flow.StateRejected) {
				t.Errorf("the repeat returned the error %v", err)
			}
			if diff := cmp.Diff(*first, *again); diff != "" {
				t.Errorf("the repeat's status (-first +repeat):\n%s", diff)
			}
			if n := s.calls(authorizeCall); n != calls {
				t.Errorf("the repeat made %d calls", n-calls)
			}
			s.went(orderID, flow.StateBegun, tc.state)
			if n := s.recovers(r); n != 0 {
				t.Errorf("recovery processed %d ended purchases, want none", n)
			}
			if transactions := s.klarna.Transactions(); tc.state != flow.StateAuthorized && len(transactions) > 0 {
				t.Errorf("got the transactions %+v, want none", transactions)
			} else if tc.state == flow.StateAuthorized && first.PaymentTransactionID != transactions[0].PaymentTransactionID {
				t.Errorf("the transaction is %q, want %+v", first.PaymentTransactionID, transactions)
			}
		})
	}
}

func TestAnInvalidPurchaseIsNotRecorded(t *testing.T) {
	for name, change := range map[string]func(*flow.Purchase){
		"no ID":                        func(p *flow.Purchase) { p.ID = "" },
		"an ID that is too long":       func(p *flow.Purchase) { p.ID = strings.Repeat("é", 128) },
		"an ID with a line break":      func(p *flow.Purchase) { p.ID = "order\n1" },
		"an ID that is not UTF-8":      func(p *flow.Purchase) { p.ID = "order\xff" },
		"no payment":                   func(p *flow.Purchase) { p.Request.RequestPaymentTransaction = nil },
		"an amount of zero":            func(p *flow.Purchase) { p.Request.RequestPaymentTransaction.Amount = 0 },
		"a negative amount":            func(p *flow.Purchase) { p.Request.RequestPaymentTransaction.Amount = -1 },
		"line items that do not sum":   func(p *flow.Purchase) { p.Request.RequestPaymentTransaction.Amount = 118_01 },
		"a customer token":             func(p *flow.Purchase) { p.Request.RequestCustomerToken = new(authorization.RequestCustomerToken) },
		"a request that is not UTF-8":  func(p *flow.Purchase) { p.Request.KlarnaNetworkData = "\xff" },
		"an account that is not UTF-8": func(p *flow.Purchase) { p.PartnerAccountID = "\xff" },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			order := s.order(orderID)
			change(&order)
			r := s.replica()
			if status, err := r.Begin(t.Context(), order); status != nil || !errors.Is(err, flow.ErrInvalidPurchase) || errors.Is(err, flow.ErrRejected) {
				t.Fatalf("got %v, %v, want ErrInvalidPurchase", status, err)
			}
			if len(s.klarna.Requests()) > 0 || len(s.seen) > 0 {
				t.Error("a call was sent or a record stored")
			}
		})
	}
	s := newScene(t)
	invalid := s.order(orderID)
	invalid.Request.RequestPaymentTransaction.Amount = 118_01
	_, err := s.replica().Begin(t.Context(), invalid)
	if e, ok := errors.AsType[*klarna.Error](err); !ok || len(e.ValidationErrors) == 0 || e.Outcome != klarna.OutcomeNotSent {
		t.Errorf("got %v, want the error of the local validation", err)
	}
	order := s.order(strings.Repeat("é", 127))
	status, err := s.replica().Begin(t.Context(), order)
	s.wants(status, err, flow.StateAwaitingCustomer)
}

func TestARepeatReturnsTheSamePurchaseInAnyState(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	first := s.stepUp(r, orderID)
	if again := s.stepUp(s.replica(), orderID); again.PaymentRequestURL != first.PaymentRequestURL || again.PaymentRequestID != first.PaymentRequestID {
		t.Errorf("%+v, want %+v", *again, *first)
	}
	s.approve(first.PaymentRequestID)
	status, err := s.replica().Begin(t.Context(), s.order(orderID))
	s.wants(status, err, flow.StateAuthorized)
	if status.PaymentRequestURL != "" {
		t.Error("a customer who has paid gets a URL of Klarna's")
	}
	again, err := r.Begin(t.Context(), s.order(orderID))
	s.wants(again, err, flow.StateAuthorized)
	if diff := cmp.Diff(*status, *again); diff != "" {
		t.Errorf("(-first +repeat):\n%s", diff)
	}
	s.paid(118_00)
	if n := s.calls(authorizeCall); n != 2 {
		t.Errorf("%d authorize calls, want the first and the final one", n)
	}
}

func TestARepeatMayDifferInMinorDetails(t *testing.T) {
	s := newScene(t)
	first := s.stepUp(s.replica(), orderID)
	order := s.order(orderID)
	order.Request.SupplementaryPurchaseData.Customer.GivenName = "Linn"
	order.Request.KlarnaNetworkData = "{}"
	order.Request.StepUpConfig.CustomerInteractionConfig.InteractionExpiry = &authorization.InteractionExpiry{Duration: "PT20M"}
	order.SessionToken = klarna.NewSecret("renewed")
	again, err := s.replica().Begin(t.Context(), order)
	s.wants(again, err, flow.StateAwaitingCustomer)
	if again.PaymentRequestID != first.PaymentRequestID {
		t.Error("the repeat made another payment request")
	}
}

func TestAnIDBelongsToOnePurchase(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.stepUp(r, orderID)
	for part, change := range map[string]func(*flow.Purchase){
		"amount": func(p *flow.Purchase) {
			p.Request.RequestPaymentTransaction.Amount, p.Request.SupplementaryPurchaseData.LineItems = 1, nil
		},
		"return_url": func(p *flow.Purchase) {
			p.Request.StepUpConfig.CustomerInteractionConfig.ReturnURL = "https://shop.example/another"
		},
		"capture": func(p *flow.Purchase) { p.Request.RequestPaymentTransaction.Capture = authorization.CaptureTimingNow },
		"line_items": func(p *flow.Purchase) {
			p.Request.SupplementaryPurchaseData.LineItems = []authorization.LineItem{{Name: "Boots", Quantity: 1, TotalAmount: 118_00}}
		},
		"currency":                      func(p *flow.Purchase) { p.Request.Currency = "SEK" },
		"PartnerAccountID":              func(p *flow.Purchase) { p.PartnerAccountID = "" },
		"payment_transaction_reference": func(p *flow.Purchase) { p.Request.RequestPaymentTransaction.PaymentTransactionReference = "another" },
	} {
		t.Run("another "+part, func(t *testing.T) {
			order := s.order(orderID)
			change(&order)
			status, err := r.Begin(t.Context(), order)
			if status != nil || !errors.Is(err, flow.ErrOtherPurchase) || !strings.Contains(err.Error(), part) {
				t.Errorf("%v, %v", status, err)
			}
		})
	}
	if n := s.calls(authorizeCall); n != 1 {
		t.Errorf("%d authorize calls, want 1", n)
	}
	s.stands(orderID, flow.StateAwaitingCustomer, "")
}

func TestTwoReplicasBeginningTogetherMakeOneCall(t *testing.T) {
	s := newScene(t)
	release := make(chan struct{})
	s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultHold, Release: release})
	statuses, failures := make([]*flow.Status, 10), make([]error, 10)
	var group sync.WaitGroup
	found := make(chan struct{}, len(statuses)) // the winner may load the purchase, too, at the end
	for i := range statuses {
		r := s.replica()
		var once sync.Once
		r.writes(func(operation string, _ flow.Record, do func() error) error {
			if operation == "Load" {
				once.Do(func() { found <- struct{}{} }) // the purchase of the other replica was found
			}
			return do()
		})
		group.Go(func() { statuses[i], failures[i] = r.Begin(t.Context(), s.order(orderID)) })
	}
	for range len(statuses) - 1 {
		<-found
	}
	close(release)
	group.Wait()
	for i := range statuses {
		s.wants(statuses[i], failures[i], flow.StateAwaitingCustomer)
		if diff := cmp.Diff(*statuses[0], *statuses[i]); diff != "" {
			t.Errorf("statuses differ:\n%s", diff)
		}
	}
	if n := s.calls(authorizeCall); n != 1 {
		t.Errorf("%d authorize calls, want 1", n)
	}
	s.went(orderID, flow.StateBegun, flow.StateAwaitingCustomer)
}

func TestAnUnknownFirstCallIsRepeatedUnchanged(t *testing.T) {
	for _, tc := range []struct {
		name     string
		fault    klarnatest.Fault
		executed bool
	}{
		{"dropped before", klarnatest.Fault{Kind: klarnatest.FaultDropBefore}, false},
		{"dropped after", klarnatest.Fault{Kind: klarnatest.FaultDropAfter}, true},
		{"truncated", klarnatest.Fault{Kind: klarnatest.FaultTruncate}, true},
		{"a timeout at Klarna", klarnatest.Fault{StatusCode: 500, Code: "TIMEOUT"}, false},
		{"unavailable", klarnatest.Fault{StatusCode: 503}, false},
		{"a page of a proxy", klarnatest.Fault{Kind: klarnatest.FaultHTML}, false},
	} {
		for repeat, again := range map[string]func(s *scene) (*flow.Status, error){
			"by the caller": func(s *scene) (*flow.Status, error) { return s.replica().Begin(s.Context(), s.order(orderID)) },
			"by recovery": func(s *scene) (*flow.Status, error) {
				s.klarna.Advance(2 * time.Second)
				s.recovers(s.replica())
				return s.status(orderID), nil
			},
		} {
			t.Run(tc.name+", repeated "+repeat, func(t *testing.T) {
				s := newScene(t)
				tc.fault.Operation = authorizeCall
				s.klarna.Script(tc.fault)
				status, err := s.replica().Begin(t.Context(), s.order(orderID))
				s.unknown(err)
				if status.State != flow.StateBegun {
					t.Fatalf("the purchase is %s, want %s", status.State, flow.StateBegun)
				}
				if n := len(s.klarna.PaymentRequests()); (n == 1) != tc.executed {
					t.Fatalf("%d payment requests", n)
				}
				status, err = again(s)
				s.wants(status, err, flow.StateAwaitingCustomer)
				if s.atKlarna() != "SUBMITTED" {
					t.Error("the purchase has another payment request")
				}
				requests := s.klarna.Requests()
				first, second := requests[0], requests[1]
				if string(first.Body) != string(second.Body) || first.Header.Get("Klarna-Idempotency-Key") != second.Header.Get("Klarna-Idempotency-Key") {
					t.Error("the repeated call differs from the first")
				}
				s.went(orderID, flow.StateBegun, flow.StateAwaitingCustomer)
			})
		}
	}
}

func TestALostFirstApprovalIsOneTransaction(t *testing.T) {
	s := newScene(t)
	s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropAfter})
	order := s.browserOrder(orderID)
	_, err := s.replica().Begin(t.Context(), order)
	s.unknown(err)
	s.paid(118_00)
	s.klarna.Advance(10 * time.Hour) // the session token has expired
	s.recovers(s.replica())
	s.stands(orderID, flow.StateAuthorized, "")
	s.paid(118_00)
}

// After a crash nothing that the process does has an effect.
func TestRecoveryRepairsACrashDuringBegin(t *testing.T) {
	for name, crash := range map[string]func(r *replica){
		"after it was recorded and before the call": func(r *replica) {
			r.meets(func(request *http.Request, _ roundTrip) (*http.Response, error) { r.die(); return nil, errDead })
		},
		"after the call and before its answer was recorded": func(r *replica) {
			r.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
				defer r.die()
				return pass(request)
			})
		},
		"after the answer was recorded": func(r *replica) {
			r.writesOnce(flow.StateAwaitingCustomer, func(do func() error) error {
				defer r.die()
				return do()
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			r, other := s.replica(), s.replica()
			crash(r)
			if _, err := r.Begin(t.Context(), s.order(orderID)); err == nil && s.reported.path(orderID) != "" {
				t.Fatal("the replica did not crash")
			}
			if n := s.recovers(other); n != 0 {
				t.Fatalf("recovery processed %d purchases during another replica's lease", n)
			}
			s.klarna.Advance(time.Minute)
			s.recovers(other)
			s.stands(orderID, flow.StateAwaitingCustomer, "")
			if s.atKlarna() != "SUBMITTED" {
				t.Error("the purchase has another payment request")
			}
			status, err := other.Begin(t.Context(), s.order(orderID))
			s.wants(status, err, flow.StateAwaitingCustomer)
			if status.PaymentRequestURL == "" {
				t.Error("the customer gets no URL of Klarna's")
			}
			s.went(orderID, flow.StateBegun, flow.StateAwaitingCustomer)
		})
	}
}

func TestARepeatWaitsForTheCallOfACrashedReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		r := s.replica()
		r.meets(func(request *http.Request, _ roundTrip) (*http.Response, error) { r.die(); return nil, errDead })
		_, err := r.Begin(t.Context(), s.order(orderID))
		if err == nil {
			t.Fatal("the replica did not crash")
		}
		start := time.Now()
		status, err := s.replica().Begin(t.Context(), s.order(orderID))
		s.wants(status, err, flow.StateBegun)
		if waited := time.Since(start); waited < 20*time.Second || waited > 30*time.Second {
			t.Errorf("Begin waited %v", waited)
		}
		s.klarna.Advance(21 * time.Second)
		status, err = s.replica().Begin(t.Context(), s.order(orderID))
		s.wants(status, err, flow.StateAwaitingCustomer)
	})
}

func TestAWaitingCallerMayLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		r := s.replica()
		r.meets(func(request *http.Request, _ roundTrip) (*http.Response, error) { r.die(); return nil, errDead })
		_, _ = r.Begin(t.Context(), s.order(orderID))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		status, err := s.replica().Begin(ctx, s.order(orderID))
		if !errors.Is(err, context.DeadlineExceeded) || status.State != flow.StateBegun {
			t.Errorf("%v, %v", status, err)
		}
	})
}

func TestAnAnswerIsRecordedAfterTheCallerLeft(t *testing.T) {
	t.Run("the call was answered", func(t *testing.T) {
		s := newScene(t)
		r := s.replica()
		ctx, cancel := context.WithCancel(t.Context())
		r.writesOnce(flow.StateAwaitingCustomer, func(do func() error) error { cancel(); return do() })
		status, err := r.Begin(ctx, s.order(orderID))
		s.wants(status, err, flow.StateAwaitingCustomer)
		s.stands(orderID, flow.StateAwaitingCustomer, "")
	})
	t.Run("the call was interrupted", func(t *testing.T) {
		s := newScene(t)
		r := s.replica()
		ctx, cancel := context.WithCancel(t.Context())
		r.meetsOnce(http.MethodPost, func(request *http.Request, pass roundTrip) (*http.Response, error) {
			_, _ = pass(request)
			cancel()
			return nil, request.Context().Err()
		})
		status, err := r.Begin(ctx, s.order(orderID))
		s.unknown(err)
		if !errors.Is(err, context.Canceled) || status.State != flow.StateBegun {
			t.Errorf("%v, %v", status, err)
		}
		// No replica holds the lease any more, so a repeat continues immediately.
		status, err = r.Begin(t.Context(), s.order(orderID))
		s.wants(status, err, flow.StateAwaitingCustomer)
		s.atKlarna()
	})
	t.Run("the call was never begun", func(t *testing.T) {
		s := newScene(t)
		r := s.replica()
		ctx, cancel := context.WithCancel(t.Context())
		r.writes(func(operation string, _ flow.Record, do func() error) error {
			if operation == "Create" {
				defer cancel()
			}
			return do()
		})
		_, err := r.Begin(ctx, s.order(orderID))
		s.notSent(err)
		// Nothing can have run, which is known immediately and not only after a day.
		r.meets(unreachable)
		s.pass(r, 16*time.Minute, time.Minute)
		s.stands(orderID, flow.StateRejected, "NOT_SENT")
	})
}

func TestAnUnsentFirstCallIsRepeatedFor15Minutes(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	r.meets(unreachable)
	status, err := r.Begin(t.Context(), s.order(orderID))
	s.notSent(err)
	if status.State != flow.StateBegun {
		t.Fatalf("the purchase is %s", status.State)
	}
	s.pass(r, 14*time.Minute, 30*time.Second)
	s.stands(orderID, flow.StateBegun, "")
	s.pass(r, 2*time.Minute, 30*time.Second)
	s.stands(orderID, flow.StateRejected, "NOT_SENT")
	r.meets(nil)
	if status, err := r.Begin(t.Context(), s.order(orderID)); !errors.Is(err, flow.ErrRejected) || status.State != flow.StateRejected {
		t.Errorf("%v, %v", status, err)
	}
	if n := s.calls(authorizeCall); n != 0 {
		t.Errorf("%d calls after the end", n)
	}
}

func TestAnUnsentFirstCallIsSentLater(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	r.meets(unreachable)
	_, err := r.Begin(t.Context(), s.order(orderID))
	s.notSent(err)
	s.pass(r, 10*time.Minute, 30*time.Second)
	r.meets(nil)
	s.pass(r, time.Minute, 30*time.Second)
	s.stands(orderID, flow.StateAwaitingCustomer, "")
}

func TestAnUnknownFirstCallIsRepeatedFor23Hours(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropAfter})
	_, err := r.Begin(t.Context(), s.browserOrder(orderID))
	s.unknown(err)
	r.meets(unreachable) // a failure that settles nothing
	s.pass(r, 22*time.Hour+50*time.Minute, 10*time.Minute)
	s.stands(orderID, flow.StateBegun, "")
	s.pass(r, 20*time.Minute, 10*time.Minute)
	s.stands(orderID, flow.StateUnknown, "NO_ANSWER")
	s.went(orderID, flow.StateBegun, flow.StateUnknown)
	if log := s.log.String(); strings.Count(log, `"level":"ERROR"`) != 1 || !strings.Contains(log, orderID) {
		t.Errorf("got the log\n%s\nwant one error about the purchase", log)
	}
	r.meets(nil)
	status, err := r.Begin(t.Context(), s.order(orderID))
	s.wants(status, err, flow.StateUnknown)
	s.paid(118_00)
}

// Without a report function only the log has the result.
func TestAnUnknownOutcomeIsLoggedOnceWithoutReports(t *testing.T) {
	s := newScene(t)
	r := s.replica(flow.WithReport(nil))
	r.meets(answering(200, unknownResult))
	_, err := r.Begin(t.Context(), s.order(orderID))
	s.undecided(err, "PENDING_REVIEW")
	s.pass(r, 24*time.Hour, 10*time.Minute)
	status, err := r.Begin(t.Context(), s.order(orderID))
	s.wants(status, err, flow.StateUnknown)
	if log := s.log.String(); err != nil || strings.Count(log, `"level":"ERROR"`) != 1 || !strings.Contains(log, "PENDING_REVIEW") {
		t.Errorf("logged\n%s, %v", log, err)
	}
}

func TestARefusalLeavesAnUnknownEarlierCallOpen(t *testing.T) {
	for name, fault := range map[string]klarnatest.Fault{
		"refused credentials": {StatusCode: 401},
		"forbidden":           {StatusCode: 403},
		"not found":           {StatusCode: 404},
		"rate limited":        {StatusCode: 429},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			fault.Operation = authorizeCall
			s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropAfter}, fault)
			r := s.replica()
			_, err := r.Begin(t.Context(), s.browserOrder(orderID))
			s.unknown(err)
			status, err := r.Begin(t.Context(), s.order(orderID))
			if err == nil || errors.Is(err, flow.ErrRejected) || status.State != flow.StateBegun {
				t.Fatalf("%v, %v", status, err)
			}
			status, err = r.Begin(t.Context(), s.order(orderID))
			s.wants(status, err, flow.StateAuthorized)
			s.paid(118_00)
		})
	}
}

// A process that dies cannot record whether its call has run. So it records beforehand that it may.
func TestARefusalAfterACrashDoesNotEndThePurchase(t *testing.T) {
	for name, before := range map[string]func(s *scene, order flow.Purchase){
		"of the first call": func(*scene, flow.Purchase) {},
		"of its repeat, where the first was not sent": func(s *scene, order flow.Purchase) {
			r := s.replica()
			r.meets(unreachable)
			_, err := r.Begin(s.Context(), order)
			s.notSent(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			order := s.browserOrder(orderID)
			before(s, order)
			r, other := s.replica(), s.replica()
			r.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
				defer r.die()
				return pass(request)
			})
			_, _ = r.Begin(t.Context(), order)
			s.paid(118_00)
			s.klarna.Advance(21 * time.Second)
			s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, StatusCode: 401})
			s.recovers(other)
			s.stands(orderID, flow.StateBegun, "")
			s.klarna.Advance(2 * time.Second)
			s.recovers(other)
			s.stands(orderID, flow.StateAuthorized, "")
		})
	}
}

func TestAnInvalidRequestCanNeverHaveRun(t *testing.T) {
	s := newScene(t)
	s.klarna.Script(
		klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropBefore},
		klarnatest.Fault{Operation: authorizeCall, StatusCode: 400})
	r := s.replica()
	_, err := r.Begin(t.Context(), s.order(orderID))
	s.unknown(err)
	if _, err := r.Begin(t.Context(), s.order(orderID)); !errors.Is(err, flow.ErrRejected) {
		t.Fatal(err)
	}
	s.stands(orderID, flow.StateRejected, "VALIDATION_ERROR")
}

// The client's own retries are one call: the answer to its last attempt does not settle an
// earlier attempt.
func TestARefusalAfterClientRetriesKeepsThePurchaseOpen(t *testing.T) {
	s := newScene(t)
	s.klarna.Script(
		klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropAfter},
		klarnatest.Fault{Operation: authorizeCall, StatusCode: 403})
	r := s.replicaOf(klarna.RetryPolicy{MaxAttempts: 2, MinWait: time.Microsecond, MaxWait: time.Microsecond})
	_, err := r.Begin(t.Context(), s.browserOrder(orderID))
	s.unknown(err)
	s.stands(orderID, flow.StateBegun, "")
	status, err := r.Begin(t.Context(), s.order(orderID))
	s.wants(status, err, flow.StateAuthorized)
	s.paid(118_00)
}

func TestAConflictIsWaitedOut(t *testing.T) {
	s := newScene(t)
	s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, StatusCode: 409, Times: 3})
	r := s.replica()
	status, err := r.Begin(t.Context(), s.order(orderID))
	if !errors.Is(err, klarna.CodeResourceConflict) || status.State != flow.StateBegun {
		t.Fatalf("%v, %v", status, err)
	}
	s.pass(r, time.Minute, 5*time.Second)
	s.stands(orderID, flow.StateAwaitingCustomer, "")
}

func TestAConflictThatLastsEndsThePurchase(t *testing.T) {
	for _, tc := range []struct {
		name   string
		first  klarnatest.Fault
		lasts  time.Duration
		state  flow.State
		reason string
	}{
		{"and nothing can have run", klarnatest.Fault{Operation: authorizeCall, StatusCode: 409}, time.Hour, flow.StateRejected, "RESOURCE_CONFLICT"},
		{"and something may have run", klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropBefore}, 22 * time.Hour, flow.StateUnknown, "NO_ANSWER"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			// The session token was used for another purchase and is valid for no further one.
			used := s.browserOrder("order-2")
			status, err := r.Begin(t.Context(), used)
			s.wants(status, err, flow.StateAuthorized)
			order := s.order(orderID)
			order.SessionToken = used.SessionToken
			s.klarna.Script(tc.first)
			if _, err := r.Begin(t.Context(), order); err == nil {
				t.Fatal("no error")
			}
			s.pass(r, tc.lasts, time.Minute)
			s.stands(orderID, flow.StateBegun, "")
			s.pass(r, 90*time.Minute, time.Minute)
			s.stands(orderID, tc.state, tc.reason)
			s.paid(118_00)
		})
	}
}

func TestInterruptedConflictsDoNotEndAPurchase(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	conflict := true
	r.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
		if conflict = !conflict; conflict {
			return unreachable(request, pass)
		}
		return answering(409, `{"error_code":"RESOURCE_CONFLICT"}`)(request, pass)
	})
	if _, err := r.Begin(t.Context(), s.order(orderID)); err == nil {
		t.Fatal("no error")
	}
	s.pass(r, 10*time.Minute, 15*time.Second)
	s.stands(orderID, flow.StateBegun, "")
}

// One replica's call takes long while another gives up waiting for it. The result of the first is
// kept.
func TestALateFailureEndsNothing(t *testing.T) {
	s := newScene(t)
	slow, impatient := s.replica(), s.replica()
	held, release, begun := make(chan struct{}), make(chan struct{}), make(chan *flow.Status, 1)
	slow.meetsOnce(http.MethodPost, func(request *http.Request, pass roundTrip) (*http.Response, error) {
		close(held)
		<-release
		return pass(request)
	})
	go func() {
		status, _ := slow.Begin(t.Context(), s.order(orderID))
		begun <- status
	}()
	<-held
	conflict := answering(409, `{"error_code":"RESOURCE_CONFLICT"}`)
	impatient.meets(conflict)
	s.pass(impatient, 3*time.Minute, 20*time.Second)
	s.stands(orderID, flow.StateBegun, "")
	impatient.meetsOnce(http.MethodPost, func(request *http.Request, pass roundTrip) (*http.Response, error) {
		close(release)
		s.wants(<-begun, nil, flow.StateAwaitingCustomer) // the customer is on the way to Klarna
		return conflict(request, pass)
	})
	s.pass(impatient, 2*time.Minute, 2*time.Minute)
	s.stands(orderID, flow.StateAwaitingCustomer, "")
	if strings.Contains(s.log.String(), `"level":"ERROR"`) {
		t.Error("an error is logged although the purchase continues")
	}
	s.approve(s.status(orderID).PaymentRequestID)
	status, err := impatient.HandleReturn(t.Context(), orderID)
	s.wants(status, err, flow.StateAuthorized)
}

// The refusal of a slow call says nothing about the call that another replica made meanwhile.
func TestALateRefusalEndsNothing(t *testing.T) {
	s := newScene(t)
	slow, other := s.replica(), s.replica()
	slow.meetsOnce(http.MethodPost, func(request *http.Request, pass roundTrip) (*http.Response, error) {
		s.klarna.Advance(21 * time.Second)
		s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropAfter})
		s.recovers(other)
		s.paid(118_00)
		slow.meets(unreachable)
		return answering(401, `{"error_code":"UNAUTHORIZED"}`)(request, pass)
	})
	if _, err := slow.Begin(t.Context(), s.browserOrder(orderID)); err == nil || errors.Is(err, flow.ErrRejected) {
		t.Fatal(err)
	}
	s.stands(orderID, flow.StateBegun, "")
	s.klarna.Advance(time.Minute)
	s.recovers(other)
	s.stands(orderID, flow.StateAuthorized, "")
	s.paid(118_00)
}

func TestASessionTokenIsSentAndThenForgotten(t *testing.T) {
	s := newScene(t)
	order := s.browserOrder(orderID)
	s.klarna.ScriptAuthorize(klarnatest.AuthorizeRule{Result: "STEP_UP_REQUIRED"}) // Klarna decides what the token is worth
	s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropBefore})
	r := s.replica()
	_, err := r.Begin(t.Context(), order)
	s.unknown(err)
	status, err := s.replica().Begin(t.Context(), s.order(orderID)) // without the token, which belongs to the first call
	s.wants(status, err, flow.StateAwaitingCustomer)
	for i, request := range s.klarna.Requests()[:2] {
		if got := request.Header.Get("Klarna-Network-Session-Token"); got != order.SessionToken.Reveal() {
			t.Errorf("call %d has the session token %q", i, got)
		}
	}
	// The seal does not contain the token either.
	sealed := s.unsealed(orderID)
	if strings.Contains(sealed, order.SessionToken.Reveal()) || !strings.Contains(sealed, email) {
		t.Errorf("the seal holds %s", sealed)
	}
}

func TestBeginReturnsStoreErrors(t *testing.T) {
	broken := errors.New("the disk is full")
	for _, tc := range []struct{ name, operation string }{
		{"nothing is recorded", "Create"},
		{"the purchase with that ID cannot be read", "Load"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			if tc.operation == "Load" {
				s.stepUp(r, orderID)
			}
			calls := len(s.klarna.Requests())
			r.writes(func(operation string, _ flow.Record, do func() error) error {
				if operation == tc.operation {
					return broken
				}
				return do()
			})
			if status, err := r.Begin(t.Context(), s.order(orderID)); status != nil || !errors.Is(err, broken) {
				t.Errorf("%v, %v", status, err)
			}
			if n := len(s.klarna.Requests()); n != calls {
				t.Error("a call to Klarna was made")
			}
		})
	}
}

func TestBeginContinuesAfterALostCreateAnswer(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	r.writes(func(operation string, _ flow.Record, do func() error) error {
		err := do()
		if operation == "Create" {
			return errors.New("the connection was cut")
		}
		return err
	})
	if status, err := r.Begin(t.Context(), s.order(orderID)); status != nil || err == nil {
		t.Fatalf("%v, %v", status, err)
	}
	r.writes(nil)
	s.klarna.Advance(21 * time.Second)
	s.recovers(r)
	s.stands(orderID, flow.StateAwaitingCustomer, "")
}
