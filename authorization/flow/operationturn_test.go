package flow_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
)

// A replica's call is refused for the moment after another replica has made the call, whose answer
// was lost. That the first call did nothing says nothing about the second one.
func TestALateFailureRemovesNoDoubt(t *testing.T) {
	for _, tc := range operationCases {
		t.Run(tc.name, func(t *testing.T) {
			s := newScene(t)
			slow, other := s.replica(), s.replica()
			tc.begin(s, other)
			slow.meetsOnce(methodOf(&tc), func(request *http.Request, pass roundTrip) (*http.Response, error) {
				s.klarna.Advance(21 * time.Second)
				other.meetsOnce(methodOf(&tc), losingTheAnswer)
				s.recovers(other)
				return answering(http.StatusUnauthorized, `{"error_code":"UNAUTHORIZED"}`)(request, pass)
			})
			_, _ = tc.do(t.Context(), slow)
			refusing := s.replica()
			refusing.meetsOnce(methodOf(&tc), answering(http.StatusBadRequest, `{"error_code":"VALIDATION_ERROR"}`))
			s.klarna.Advance(time.Minute)
			s.recovers(refusing)
			if o := s.operation("op"); o.State == flow.OperationStateRefused {
				t.Errorf("got %v, want no decision: it was executed", o)
			}
			s.pass(other, 12*time.Minute, 30*time.Second)
			tc.isDone(s)
		})
	}
}

// Two replicas capture at the same time. Each amount is there, and both together are not.
func TestConcurrentCapturesNeverExceedTheAuthorization(t *testing.T) {
	s := newScene(t)
	first, second := s.replica(), s.replica()
	s.pays(second)
	overtaken := false
	first.writes(func(operation string, _ flow.Record, do func() error) error {
		if operation == "Update" && !overtaken {
			overtaken = true
			if o, err := second.Capture(t.Context(), orderID, flow.CaptureParams{ID: "second", Amount: 100_00}); err != nil || o.State != flow.OperationStateDone {
				t.Errorf("got %v, %v, want a capture", o, err)
			}
		}
		return do()
	})
	if o, err := first.Capture(t.Context(), orderID, flow.CaptureParams{ID: "first", Amount: 100_00}); !errors.Is(err, flow.ErrImpossible) {
		t.Errorf("got %v, %v, want ErrImpossible", o, err)
	}
	if list, err := first.ListOperations(t.Context(), orderID); err != nil || len(list) != 1 {
		t.Errorf("got the operations %v, %v, want the second one alone", list, err)
	}
	if got := s.transaction().CapturedAmount; got != 100_00 {
		t.Errorf("captured %d, want 10000", got)
	}
}

// losingTheAnswer passes a call to Klarna and loses the answer.
func losingTheAnswer(request *http.Request, pass roundTrip) (*http.Response, error) {
	answer, err := pass(request)
	if err == nil {
		err = answer.Body.Close()
	}
	return nil, errors.Join(errDead, err)
}
