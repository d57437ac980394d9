package flow_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// This file tests a replica that shares a store with replicas of a newer version, which is being
// rolled out.

func TestDataOfANewerVersionIsKept(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.reported.failing(func(flow.Transition) error { return errors.New("down") })
	r.meets(unreachable)
	_, err := r.Begin(t.Context(), s.browserOrder(orderID))
	s.notSent(err)
	r.meets(nil)

	record := s.record(orderID)
	record.Data = []byte(strings.Replace(string(record.Data), `{`, `{"of_tomorrow":{"a":1},`, 1))
	text := strings.Replace(s.unsealed(orderID), `{`, `{"of_tomorrow":2,`, 1)
	text = strings.Replace(text, `\"request_payment_transaction\":{`, `\"request_payment_transaction\":{\"of_tomorrow\":3,`, 1)
	if record.Sealed, err = flow.Sealed(klarna.NewSecret(sealSecret), record, text); err != nil {
		t.Fatal(err)
	}
	if err := s.memory.Update(t.Context(), record); err != nil {
		t.Fatal(err)
	}

	s.klarna.ScriptAuthorize(klarnatest.AuthorizeRule{Result: "STEP_UP_REQUIRED"})
	s.stepUp(r, orderID)
	record = s.record(orderID)
	record.Data = []byte(strings.Replace(string(record.Data), `"unreported":[{`, `"unreported":[{"of_tomorrow":4,`, 1))
	if err := s.memory.Update(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	s.approve(s.status(orderID).PaymentRequestID)
	r.meetsOnce(http.MethodPost, unreachable)
	_ = s.fails(r)
	s.stands(orderID, flow.StateFinalizing, "")
	if data := string(s.record(orderID).Data); !strings.Contains(data, `"of_tomorrow":{"a":1}`) || !strings.Contains(data, `"of_tomorrow":4`) {
		t.Errorf("the record is %s", data)
	}
	if text := s.unsealed(orderID); !strings.Contains(text, `"of_tomorrow":2`) || !strings.Contains(text, `\"of_tomorrow\":3`) {
		t.Error("the seal has lost a member")
	}
}

// The unknown state need not be a final state.
func TestAPurchaseInAStateOfANewerVersionStaysDue(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.reported.failing(func(flow.Transition) error { return errors.New("down") })
	s.stepUp(r, orderID)
	record := s.record(orderID)
	record.State = "OF_TOMORROW"
	if err := s.memory.Update(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	s.reported.failing(nil)
	s.pass(r, 2*time.Minute, 30*time.Second)
	if s.reported.path(orderID) == "" {
		t.Error("the transition was not reported")
	}
	if record := s.record(orderID); record.State != "OF_TOMORROW" || record.DueAt.IsZero() || len(record.Sealed) == 0 {
		t.Errorf("the purchase is %s and due at %v", record.State, record.DueAt)
	}
}
