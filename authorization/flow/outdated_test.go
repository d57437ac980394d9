package flow_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
)

// A replica reads the transaction. Before it records what it saw, another replica makes an operation,
// which that read does not show. The operation is in the record, so nothing differs.
func TestAnOutdatedReadIsNoDifference(t *testing.T) {
	for _, tc := range operationCases {
		if tc.name != "capture" && tc.name != "extension" {
			continue // the transaction does not show the others as missing
		}
		for name, look := range map[string]func(context.Context, *replica) error{
			"comparison": func(ctx context.Context, r *replica) error {
				_, err := r.Reconcile(ctx, orderID, flow.ReconcileParams{})
				return err
			},
			"adoption": func(ctx context.Context, r *replica) error {
				_, err := r.Reconcile(ctx, orderID, flow.ReconcileParams{Adopt: true})
				return err
			},
			"impossible operation": func(ctx context.Context, r *replica) error {
				_, err := r.Capture(ctx, orderID, flow.CaptureParams{ID: "much", Amount: 1000_00})
				if errors.Is(err, flow.ErrImpossible) {
					return nil
				}
				return fmt.Errorf("got error %v, want ErrImpossible", err)
			},
		} {
			t.Run(name+" during "+tc.name, func(t *testing.T) {
				s := newScene(t)
				slow, other := s.replica(), s.replica()
				s.pays(other)
				parcel := flow.CaptureParams{ID: "parcel", Amount: 1_00}
				// What the read proves of this one has to be recorded.
				other.meetsOnce(http.MethodPost, losingTheAnswer)
				if _, err := other.Capture(t.Context(), orderID, parcel); err == nil {
					t.Fatal("the answer was not lost")
				}
				s.klarna.Advance(time.Minute)
				slow.meetsOnce(http.MethodGet, func(request *http.Request, pass roundTrip) (*http.Response, error) {
					answer, err := pass(request)
					if _, failed := other.Capture(t.Context(), orderID, parcel); failed != nil {
						t.Error(failed)
					}
					if _, failed := tc.do(t.Context(), other); failed != nil {
						t.Error(failed)
					}
					return answer, err
				})
				if err := look(t.Context(), slow); err != nil {
					t.Error(err)
				}
				s.isOperation("op", flow.OperationStateDone, "")
				if a := s.status(orderID).Amounts; !a.Exact || a.Captured != s.transaction().CapturedAmount || a.Authorized != s.transaction().Amount {
					t.Errorf("got %+v, want the exact amounts of %+v", a, s.transaction())
				}
				if ended := s.told.ended(); strings.Contains(ended, string(flow.NoticeDiffers)) {
					t.Errorf("got the reports %s, want no %s", ended, flow.NoticeDiffers)
				}
			})
		}
	}
}

func losingTheAnswer(request *http.Request, pass roundTrip) (*http.Response, error) {
	answer, err := pass(request)
	if err == nil {
		err = answer.Body.Close()
	}
	return nil, errors.Join(errDead, err)
}
