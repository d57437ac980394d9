package flow_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// approved begins a purchase whose customer has approved it. No replica knows of the approval yet.
func approved(s *scene, r *replica) (paymentRequestID string) {
	s.Helper()
	id := s.stepUp(r, orderID).PaymentRequestID
	s.approve(id)
	return id
}

// fails makes a call that fails through the customer's return, and returns its error.
func (s *scene) fails(r *replica) error {
	s.Helper()
	_, err := r.HandleReturn(s.Context(), orderID)
	if err == nil {
		s.Fatal("nothing failed")
	}
	return err
}

func TestAnUnknownFinalCallIsRepeatedUnchanged(t *testing.T) {
	for _, tc := range []struct {
		name  string
		fault klarnatest.Fault
		paid  []int64
	}{
		{"dropped before", klarnatest.Fault{Kind: klarnatest.FaultDropBefore}, nil},
		{"dropped after", klarnatest.Fault{Kind: klarnatest.FaultDropAfter}, []int64{118_00}},
		{"truncated", klarnatest.Fault{Kind: klarnatest.FaultTruncate}, []int64{118_00}},
		{"a timeout at Klarna", klarnatest.Fault{StatusCode: 500, Code: "TIMEOUT"}, nil},
		{"a page of a proxy", klarnatest.Fault{Kind: klarnatest.FaultHTML}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			approved(s, r)
			tc.fault.Operation = authorizeCall
			s.klarna.Script(tc.fault)
			s.unknown(s.fails(r))
			s.stands(orderID, flow.StateFinalizing, "")
			s.paid(tc.paid...)
			s.klarna.Advance(2 * time.Second)
			s.recovers(s.replica())
			s.stands(orderID, flow.StateAuthorized, "")
			s.paid(118_00)
			var finals []klarnatest.Request
			for _, request := range s.klarna.Requests() {
				if request.Operation == authorizeCall {
					finals = append(finals, request)
				}
			}
			if a, b := finals[1], finals[2]; string(a.Body) != string(b.Body) || a.Header.Get("Klarna-Idempotency-Key") != b.Header.Get("Klarna-Idempotency-Key") {
				t.Error("the repeated call differs from the first")
			}
			s.went(orderID, flow.StateBegun, flow.StateAwaitingCustomer, flow.StateFinalizing, flow.StateAuthorized)
		})
	}
}

func TestRecoveryRepairsACrashDuringFinalization(t *testing.T) {
	for name, crash := range map[string]func(r *replica){
		"before the call": func(r *replica) {
			r.meetsOnce(http.MethodPost, func(*http.Request, roundTrip) (*http.Response, error) { r.die(); return nil, errDead })
		},
		"after the call": func(r *replica) {
			r.meetsOnce(http.MethodPost, func(request *http.Request, pass roundTrip) (*http.Response, error) {
				defer r.die()
				return pass(request)
			})
		},
		"before the approval was recorded": func(r *replica) {
			r.writesOnce(flow.StateFinalizing, func(func() error) error { r.die(); return errDead })
		},
		"after the approval was recorded": func(r *replica) {
			r.writesOnce(flow.StateFinalizing, func(do func() error) error { defer r.die(); return do() })
		},
		"after the transaction was recorded": func(r *replica) {
			r.writesOnce(flow.StateAuthorized, func(do func() error) error { defer r.die(); return do() })
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			r, other := s.replica(), s.replica()
			approved(s, r)
			crash(r)
			_, _ = r.HandleReturn(t.Context(), orderID)
			s.pass(other, 2*time.Minute, 30*time.Second)
			s.stands(orderID, flow.StateAuthorized, "")
			s.paid(118_00)
			s.went(orderID, flow.StateBegun, flow.StateAwaitingCustomer, flow.StateFinalizing, flow.StateAuthorized)
		})
	}
}

func TestAFinalCallOnAnotherReplicaIsAwaited(t *testing.T) {
	s := newScene(t)
	slow, other := s.replica(), s.replica()
	approved(s, slow)
	held, release, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	slow.meetsOnce(http.MethodPost, func(request *http.Request, pass roundTrip) (*http.Response, error) {
		close(held)
		<-release
		return pass(request)
	})
	go func() {
		_, err := slow.HandleReturn(t.Context(), orderID)
		done <- err
	}()
	<-held
	// During the lease no other replica calls. Afterwards Klarna refuses a second call.
	if err := other.HandleEvent(t.Context(), completed(s.status(orderID).PaymentRequestID)); err != nil {
		t.Fatal(err)
	}
	if n := s.calls(authorizeCall); n != 1 {
		t.Fatalf("%d authorize calls", n)
	}
	other.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
		if request.Method != http.MethodPost {
			return pass(request)
		}
		return answering(409, `{"error_code":"RESOURCE_CONFLICT"}`)(request, pass)
	})
	s.pass(other, time.Minute, 20*time.Second)
	s.stands(orderID, flow.StateFinalizing, "")
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	s.stands(orderID, flow.StateAuthorized, "")
	s.paid(118_00)
}

func TestACancelationByAnotherProgramIsRespected(t *testing.T) {
	cancel := func(s *scene, id string) {
		s.Helper()
		if _, err := s.byHand().CancelPaymentRequest(s.Context(), id); err != nil {
			s.Fatal(err)
		}
	}
	t.Run("before it is known that the customer approved", func(t *testing.T) {
		s := newScene(t)
		r := s.replica()
		cancel(s, approved(s, r))
		status, err := r.HandleReturn(t.Context(), orderID)
		s.wants(status, err, flow.StateCanceled)
		if status.Reason != "PARTNER_CANCELED" {
			t.Errorf("the reason is %q", status.Reason)
		}
		s.paid()
	})
	t.Run("between the read and the final call", func(t *testing.T) {
		s := newScene(t)
		r := s.replica()
		id := approved(s, r)
		r.meetsOnce(http.MethodPost, func(request *http.Request, pass roundTrip) (*http.Response, error) {
			cancel(s, id)
			return pass(request)
		})
		if err := s.fails(r); !errors.Is(err, klarna.CodeResourceConflict) {
			t.Fatal(err)
		}
		s.klarna.Advance(2 * time.Second)
		s.recovers(r)
		s.stands(orderID, flow.StateCanceled, "PARTNER_CANCELED")
		s.paid()
	})
	t.Run("after the read, while another replica died in the final call", func(t *testing.T) {
		s := newScene(t)
		r, other := s.replica(), s.replica()
		id := approved(s, r)
		r.writesOnce(flow.StateFinalizing, func(do func() error) error {
			other.meetsOnce(http.MethodPost, func(*http.Request, roundTrip) (*http.Response, error) { other.die(); return nil, errDead })
			_, _ = other.HandleReturn(t.Context(), orderID)
			cancel(s, id)
			s.klarna.Advance(21 * time.Second)
			return do()
		})
		status, err := r.HandleReturn(t.Context(), orderID) // reads again
		s.wants(status, err, flow.StateCanceled)
		s.paid()
	})
	t.Run("after a final call that did not arrive", func(t *testing.T) {
		s := newScene(t)
		r := s.replica()
		id := approved(s, r)
		s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropBefore})
		s.unknown(s.fails(r))
		cancel(s, id)
		// Klarna cancels no finalized payment request, so the final call has not run.
		s.klarna.Advance(2 * time.Second)
		s.recovers(r)
		s.stands(orderID, flow.StateCanceled, "PARTNER_CANCELED")
	})
}

// byHand returns a client of another program.
func (s *scene) byHand() *authorization.Client {
	s.Helper()
	return authorization.New(s.replica().client(klarna.RetryPolicy{MaxAttempts: 1}).ForAccount(s.klarna.PartnerAccountID))
}

// finalizesByHand finalizes as another program does, with another reference.
func (s *scene) finalizesByHand() {
	s.Helper()
	order := s.order(orderID).Request
	order.RequestPaymentTransaction.PaymentTransactionReference = "another-programs"
	order.StepUpConfig = nil
	token := klarna.NewSecret(s.klarna.PaymentRequests()[0].SessionToken)
	if _, err := s.byHand().Authorize(s.Context(), order, klarna.WithSessionToken(token)); err != nil {
		s.Fatal(err)
	}
}

func TestAForeignFinalizationIsNotUnpaid(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	approved(s, r)
	s.finalizesByHand()
	if err := s.fails(r); !errors.Is(err, klarna.CodeResourceConflict) {
		t.Fatal(err)
	}
	s.pass(r, 65*time.Minute, time.Minute)
	s.stands(orderID, flow.StateFinalizing, "")
	s.pass(r, 6*time.Minute, time.Minute)
	s.stands(orderID, flow.StateUnknown, "RESOURCE_CONFLICT")
	s.went(orderID, flow.StateBegun, flow.StateAwaitingCustomer, flow.StateFinalizing, flow.StateUnknown)
	if !strings.Contains(s.log.String(), `"level":"ERROR"`) {
		t.Error("no error is logged")
	}
}

func TestAPurchaseNotFinalizedIn60MinutesEndsUnpaid(t *testing.T) {
	for _, tc := range []struct {
		name   string
		outage func(s *scene, r *replica) // from the approval on
	}{
		{"no replica was running", func(s *scene, _ *replica) { s.klarna.Advance(70 * time.Minute) }},
		{"no read succeeded", func(s *scene, r *replica) {
			r.meets(unreachable)
			s.pass(r, 70*time.Minute, 5*time.Minute)
			r.meets(nil)
		}},
		{"no final call could be sent", func(s *scene, r *replica) {
			r.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
				if request.Method == http.MethodPost {
					return unreachable(request, pass)
				}
				return pass(request)
			})
			s.pass(r, 64*time.Minute, time.Minute)
			s.stands(orderID, flow.StateFinalizing, "")
			s.pass(r, 3*time.Minute, time.Minute)
			s.stands(orderID, flow.StateExpired, "NOT_FINALIZED_IN_TIME")
		}},
		{"final calls may have arrived, until a read shows that none has", func(s *scene, r *replica) {
			s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropBefore})
			s.unknown(s.fails(r))
			r.meets(unreachable)
			s.pass(r, 2*time.Hour, 5*time.Minute)
			s.stands(orderID, flow.StateFinalizing, "")
			r.meets(nil)
		}},
		{"Klarna refuses the credentials", func(s *scene, r *replica) {
			r.meets(answering(401, `{"error_code":"UNAUTHORIZED"}`))
			s.pass(r, 70*time.Minute, 5*time.Minute)
			r.meets(nil)
		}},
		{"Klarna refuses the credentials of the final call", func(s *scene, r *replica) {
			r.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
				if request.Method == http.MethodPost {
					return answering(403, `{"error_code":"OPERATION_FORBIDDEN"}`)(request, pass)
				}
				return pass(request)
			})
			s.pass(r, 64*time.Minute, time.Minute)
			s.stands(orderID, flow.StateFinalizing, "")
			s.pass(r, 3*time.Minute, time.Minute)
			s.stands(orderID, flow.StateExpired, "NOT_FINALIZED_IN_TIME")
		}},
		{"Klarna's answers lack the session token", func(s *scene, r *replica) {
			r.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
				if request.Method == http.MethodPost {
					t.Error("a final call without a session token")
				}
				return s.withoutToken(request, pass)
			})
			s.pass(r, 70*time.Minute, 5*time.Minute)
			s.stands(orderID, flow.StateExpired, "NOT_FINALIZED_IN_TIME")
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			approved(s, r)
			tc.outage(s, r)
			s.pass(r, 10*time.Minute, 30*time.Second)
			s.stands(orderID, flow.StateExpired, "NOT_FINALIZED_IN_TIME")
			s.paid()
			if n := s.recovers(r); n != 0 {
				t.Errorf("recovery processes %d purchases, want none", n)
			}
		})
	}
}

// withoutToken removes the session token from every read of a completed payment request.
func (s *scene) withoutToken(request *http.Request, pass roundTrip) (*http.Response, error) {
	answer, err := pass(request)
	if err != nil || request.Method != http.MethodGet {
		return answer, err
	}
	text := new(strings.Builder)
	_ = answer.Write(text)
	_, body, _ := strings.Cut(text.String(), "\r\n\r\n")
	for _, name := range []string{"klarna_network_session_token", "payment_token", "interoperability_token"} {
		body = strings.Replace(body, `"`+name+`"`, `"not_`+name+`"`, 1)
	}
	return answering(200, body)(request, pass)
}

func TestAnUnresolvedFinalCallEndsUnknown(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	approved(s, r)
	s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropAfter})
	s.unknown(s.fails(r))
	r.meets(unreachable)
	s.pass(r, 22*time.Hour+50*time.Minute, 10*time.Minute)
	s.stands(orderID, flow.StateFinalizing, "")
	s.pass(r, 30*time.Minute, 10*time.Minute)
	s.stands(orderID, flow.StateUnknown, "NO_ANSWER")
}

func TestAnUnknownFinalCallIsResolvedHoursLater(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	approved(s, r)
	s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropAfter})
	s.unknown(s.fails(r))
	r.meets(unreachable)
	s.pass(r, 20*time.Hour, 10*time.Minute)
	r.meets(nil)
	s.pass(r, 10*time.Minute, 10*time.Minute)
	s.stands(orderID, flow.StateAuthorized, "")
	s.paid(118_00)
}

func TestCorrectedCredentialsFinalizeTheApproval(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	approved(s, r)
	s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, StatusCode: 401})
	if err := s.fails(r); !errors.Is(err, klarna.CodeUnauthorized) {
		t.Fatal(err)
	}
	r.meets(answering(403, `<html>`))
	s.pass(r, 40*time.Minute, time.Minute)
	s.stands(orderID, flow.StateFinalizing, "")
	r.meets(nil)
	s.pass(r, time.Minute, time.Minute)
	s.stands(orderID, flow.StateAuthorized, "")
	s.paid(118_00)
}

func TestARefusalAfterAnUnknownFinalCallEndsNothing(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 429} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			approved(s, r)
			s.klarna.Script(
				klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropAfter},
				klarnatest.Fault{Operation: authorizeCall, StatusCode: status})
			s.unknown(s.fails(r))
			_ = s.fails(r)
			s.stands(orderID, flow.StateFinalizing, "")
			status, err := r.HandleReturn(t.Context(), orderID)
			s.wants(status, err, flow.StateAuthorized)
			s.paid(118_00)
		})
	}
}

func TestAFinalRefusalAfterACrashEndsNothing(t *testing.T) {
	for name, before := range map[string]func(s *scene){
		"of the final call": func(*scene) {},
		"of its repeat, where the first was not sent": func(s *scene) {
			r := s.replica()
			r.meetsOnce(http.MethodPost, unreachable)
			s.notSent(s.fails(r))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			r, other := s.replica(), s.replica()
			approved(s, r)
			before(s)
			r.meetsOnce(http.MethodPost, func(request *http.Request, pass roundTrip) (*http.Response, error) {
				defer r.die()
				return pass(request)
			})
			_, _ = r.HandleReturn(t.Context(), orderID)
			s.paid(118_00)
			s.klarna.Advance(21 * time.Second)
			s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, StatusCode: 404})
			s.recovers(other)
			s.stands(orderID, flow.StateFinalizing, "")
			s.klarna.Advance(2 * time.Second)
			s.recovers(other)
			s.stands(orderID, flow.StateAuthorized, "")
			s.paid(118_00)
		})
	}
}

// A refused read says nothing about the final call.
func TestARefusedReadEndsNothing(t *testing.T) {
	for _, status := range []int{400, 401, 404, 429} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			approved(s, r)
			r.meetsOnce(http.MethodPost, unreachable)
			s.notSent(s.fails(r))
			s.klarna.Script(klarnatest.Fault{Operation: readCall, StatusCode: status})
			_ = s.fails(r)
			s.stands(orderID, flow.StateFinalizing, "")
			got, err := r.HandleReturn(t.Context(), orderID)
			s.wants(got, err, flow.StateAuthorized)
		})
	}
}

func TestFinalAnswersThatAreNoApproval(t *testing.T) {
	for _, tc := range []struct {
		name, answer string
		state        flow.State
		reason       string
	}{
		{"declined", `{"payment_transaction_response":{"result":"DECLINED","result_reason":"RISK"}}`, flow.StateDeclined, "RISK"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			approved(s, r)
			r.meetsOnce(http.MethodPost, answering(200, tc.answer))
			status, err := r.HandleReturn(t.Context(), orderID)
			s.wants(status, err, tc.state)
			if status.Reason != tc.reason {
				t.Errorf("the reason is %q", status.Reason)
			}
			s.went(orderID, flow.StateBegun, flow.StateAwaitingCustomer, flow.StateFinalizing, tc.state)
		})
	}
}

func TestAContradictoryAnswerIsRequestedAgain(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	approved(s, r)
	r.meetsOnce(http.MethodPost, answering(200, `{"payment_transaction_response":{"result":"APPROVED"}}`))
	s.unknown(s.fails(r))
	s.stands(orderID, flow.StateFinalizing, "")
	status, err := r.HandleReturn(t.Context(), orderID)
	s.wants(status, err, flow.StateAuthorized)
}

// seenAs makes reads of the payment request return another state and amount.
func (s *scene) seenAs(state string, amount string) network {
	id := s.klarna.PaymentRequests()[0].PaymentRequestID
	return func(request *http.Request, pass roundTrip) (*http.Response, error) {
		if request.Method != http.MethodGet {
			return pass(request)
		}
		return answering(200, `{"payment_request_id":"`+id+`","state":"`+state+`","state_reason":"OF_KLARNA","amount":`+amount+
			`,"state_context":{"klarna_network_session_token":"t"}}`)(request, pass)
	}
}

func TestAPaymentRequestThatChangesWhileItIsFinalized(t *testing.T) {
	for _, tc := range []struct {
		name, state, amount string
		ran                 bool
		want                flow.State
	}{
		{"declined, and no call can have run", "DECLINED", "11800", false, flow.StateDeclined},
		{"expired, and no call can have run", "EXPIRED", "11800", false, flow.StateExpired},
		{"declined, and a call was sent", "DECLINED", "11800", true, flow.StateDeclined},
		{"expired, and a call was sent", "EXPIRED", "11800", true, flow.StateExpired},
		{"open again", "IN_PROGRESS", "11800", false, flow.StateFinalizing},
		{"of another amount", "COMPLETED", "100", false, flow.StateFinalizing},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica(flow.WithAmountPolicy(acceptAll))
			approved(s, r)
			if tc.ran {
				s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropBefore})
			} else {
				r.meetsOnce(http.MethodPost, unreachable)
			}
			_ = s.fails(r)
			r.meets(s.seenAs(tc.state, tc.amount))
			status, err := r.HandleReturn(t.Context(), orderID)
			if status.State != tc.want || tc.want.Final() && (err != nil || status.Reason != "OF_KLARNA") || !tc.want.Final() && err == nil {
				t.Fatalf("%v with reason %q, %v", status, status.Reason, err)
			}
			s.paid()
			if tc.want.Final() {
				return
			}
			r.meets(nil) // the contradiction ends
			status, err = r.HandleReturn(t.Context(), orderID)
			s.wants(status, err, flow.StateAuthorized)
			s.paid(118_00)
		})
	}
}

// A late approval wins over an earlier final state.
func TestAnApprovalAfterTheEndCounts(t *testing.T) {
	s := newScene(t)
	slow, impatient := s.replica(), s.replica()
	approved(s, slow)
	held, release, done := make(chan struct{}), make(chan struct{}), make(chan *flow.Status, 1)
	slow.meetsOnce(http.MethodPost, func(request *http.Request, pass roundTrip) (*http.Response, error) {
		answer, err := pass(request)
		close(held)
		<-release
		return answer, err
	})
	go func() {
		status, _ := slow.HandleReturn(t.Context(), orderID)
		done <- status
	}()
	<-held
	impatient.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
		if request.Method == http.MethodPost {
			return answering(409, `{"error_code":"RESOURCE_CONFLICT"}`)(request, pass)
		}
		return pass(request)
	})
	s.pass(impatient, 72*time.Minute, time.Minute)
	s.stands(orderID, flow.StateUnknown, "RESOURCE_CONFLICT")
	close(release)
	s.wants(<-done, nil, flow.StateAuthorized)
	s.stands(orderID, flow.StateAuthorized, "")
	s.paid(118_00)
	if status := s.status(orderID); status.PaymentTransactionID != s.klarna.Transactions()[0].PaymentTransactionID {
		t.Errorf("the transaction is %q", status.PaymentTransactionID)
	}
	s.went(orderID, flow.StateBegun, flow.StateAwaitingCustomer, flow.StateFinalizing, flow.StateUnknown, flow.StateAuthorized)
	if n := s.recovers(impatient); n != 0 {
		t.Errorf("recovery processes %d purchases, want none", n)
	}
}

func TestAFinalCallWhoseCallerLeavesIsRecorded(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	approved(s, r)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r.writesOnce(flow.StateAuthorized, func(do func() error) error { cancel(); return do() })
	_, _ = r.HandleReturn(ctx, orderID)
	s.stands(orderID, flow.StateAuthorized, "")
	s.went(orderID, flow.StateBegun, flow.StateAwaitingCustomer, flow.StateFinalizing, flow.StateAuthorized)
}
