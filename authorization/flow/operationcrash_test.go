package flow_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
)

var errDisk = errors.New("the disk failed")

// stepHarm is a failure at a step of a replica.
type stepHarm struct {
	name string
	// after means that the step takes effect before it fails. dies means that no later step has an
	// effect.
	after, dies bool
}

var stepHarms = []stepHarm{
	{"dies before", false, true}, {"dies after", true, true}, {"fails before", false, false}, {"fails after", true, false},
}

// harmed makes a replica fail at its n-th step, a call of its store or of Klarna. It returns the
// steps that were taken.
func (r *replica) harmed(n int, h stepHarm) func() []string {
	var mu sync.Mutex
	var steps []string
	at := func(name string, do func() error) error {
		mu.Lock()
		steps = append(steps, name)
		hit := len(steps) == n
		mu.Unlock()
		if !hit {
			return do()
		}
		var err error
		if h.after {
			err = do()
		}
		if h.dies {
			r.die()
		}
		return errors.Join(errDisk, err)
	}
	r.writes(func(operation string, _ flow.Record, do func() error) error { return at("store "+operation, do) })
	r.meets(func(request *http.Request, pass roundTrip) (answer *http.Response, err error) {
		err = at("klarna "+request.Method, func() (err error) {
			answer, err = pass(request) //nolint:bodyclose // passed on, or closed below
			return err
		})
		if err != nil {
			if answer != nil {
				_ = answer.Body.Close()
			}
			return nil, err
		}
		return answer, nil
	})
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(steps)
	}
}

// A replica crashes, or fails once, before and after each step of each operation.
func TestNoCrashLosesOrRepeatsAnOperation(t *testing.T) {
	synctest.Test(t, noCrashOfAnOperation)
}

func noCrashOfAnOperation(t *testing.T) {
	runs := 0
	for _, tc := range operationCases {
		for _, h := range stepHarms {
			for _, repeats := range []bool{false, true} {
				for n := 1; ; n++ {
					s := newScene(t)
					tc.begin(s, s.replica())
					victim, next := s.replica(), s.replica()
					steps := victim.harmed(n, h)
					_, err := tc.do(t.Context(), victim)
					if len(steps()) < n {
						break // all steps were tried
					}
					runs++
					what := fmt.Sprintf("%s, %s step %d, %s, repeated: %v: ", tc.name, h.name, n, steps()[n-1], repeats)
					if repeats {
						if o, err := tc.do(t.Context(), next); err != nil && o == nil {
							t.Fatalf("%s%v", what, err)
						}
					}
					s.passes(next, 3*time.Minute, 10*time.Second)
					list, listErr := next.ListOperations(t.Context(), orderID)
					if listErr != nil {
						t.Fatal(listErr)
					}
					recorded := slices.ContainsFunc(list, func(o flow.Operation) bool { return o.ID == "op" })
					if !recorded {
						if repeats || err == nil || tc.times(s) != 0 {
							t.Fatalf("%sthe operation is not recorded, and was executed %d times", what, tc.times(s))
						}
						continue
					}
					if s.operation("op").State != flow.OperationStateDone {
						t.Fatalf("%s%v\n%s", what, s.operation("op"), s.log)
					}
					tc.isDone(s)
				}
			}
		}
	}
	t.Logf("%d runs", runs)
	if runs < 300 {
		t.Errorf("%d runs are too few", runs)
	}
}

// A replica crashes at each step of a merchant's whole work with a purchase, and so does recovery.
func TestNoCrashLosesOrRepeatsSeveralOperations(t *testing.T) {
	synctest.Test(t, noCrashOfSeveralOperations)
}

func noCrashOfSeveralOperations(t *testing.T) {
	script := func(ctx context.Context, r *replica) error {
		for _, do := range []func() (*flow.Operation, error){
			func() (*flow.Operation, error) {
				return r.Capture(ctx, orderID, flow.CaptureParams{ID: "parcel-1", Amount: 40_00, SupplementaryPurchaseData: personal()})
			},
			func() (*flow.Operation, error) {
				return r.Capture(ctx, orderID, flow.CaptureParams{ID: "parcel-2", Amount: 50_00})
			},
			func() (*flow.Operation, error) {
				return r.Refund(ctx, orderID, flow.RefundParams{ID: "return-1", Amount: 10_00, CaptureID: "parcel-1"})
			},
			func() (*flow.Operation, error) {
				return r.Refund(ctx, orderID, flow.RefundParams{ID: "return-2", Amount: 10_00, CaptureID: "parcel-1"})
			},
			func() (*flow.Operation, error) { return r.Void(ctx, orderID, flow.VoidParams{ID: "rest"}) },
		} {
			if _, err := do(); err != nil {
				return err
			}
		}
		return nil
	}
	runs := 0
	for _, h := range stepHarms {
		for n := 1; ; n++ {
			s := newScene(t)
			s.pays(s.replica())
			victim := s.replica()
			steps := victim.harmed(n, h)
			_ = script(t.Context(), victim)
			if len(steps()) < n {
				break
			}
			runs++
			// Recovery crashes at one of its own steps. Then another replica continues, and the
			// merchant repeats everything.
			weak := s.replica()
			weak.harmed(1+runs%7, h)
			for range 3 {
				s.klarna.Advance(25 * time.Second)
				_, _ = weak.Recover(t.Context())
			}
			last := s.replica()
			s.passes(last, time.Minute, 10*time.Second)
			if err := script(t.Context(), last); err != nil {
				t.Fatalf("%s step %d, %s: %v\n%s", h.name, n, steps()[n-1], err, s.log)
			}
			s.passes(last, 2*time.Minute, 10*time.Second)
			got := s.transaction()
			want := flow.Amounts{Authorized: 118_00, Captured: 90_00, Refunded: 20_00, Voided: 28_00, Exact: true}
			if a := s.status(orderID).Amounts; a != want || got.CapturedAmount != 90_00 || got.RefundedAmount != 20_00 || got.VoidedAmount != 28_00 {
				t.Fatalf("%s step %d, %s: the record has %+v, and Klarna %+v", h.name, n, steps()[n-1], a, got)
			}
			list := ", " + s.reported.ended() + ", "
			for _, id := range []string{"parcel-1", "parcel-2", "return-1", "return-2", "rest"} {
				if strings.Count(list, ", "+id+" DONE") != 1 {
					t.Fatalf("%s step %d, %s: reported%s", h.name, n, steps()[n-1], list)
				}
			}
			if record := s.record(orderID); !record.DueAt.IsZero() || len(record.Sealed) != 0 {
				t.Fatalf("%s step %d: the purchase is due at %v", h.name, n, record.DueAt)
			}
			s.klarna.CheckInvariants(t)
		}
	}
	t.Logf("%d runs", runs)
}

// The process dies before the answer arrives, and no replica runs for a day.
func TestACallCutOffByACrashIsInDoubt(t *testing.T) {
	for _, tc := range operationCases {
		t.Run(tc.name, func(t *testing.T) {
			s := newScene(t)
			tc.begin(s, s.replica())
			victim := s.replica()
			victim.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
				answer, err := pass(request)
				if err == nil {
					err = answer.Body.Close()
				}
				victim.die()
				return nil, errors.Join(errDead, err)
			})
			_, _ = tc.do(t.Context(), victim)
			s.klarna.Advance(25 * time.Hour)
			s.recovers(s.replica())
			if n := tc.times(s); n != 1 {
				t.Errorf("the operation was executed %d times", n)
			}
			if tc.unlisted {
				s.isOperation("op", flow.OperationStateUnknown, "NO_ANSWER")
			} else {
				tc.isDone(s)
			}
			s.klarna.CheckInvariants(t)
		})
	}
}

// A slow replica gets a refusal after another replica has made the call, which may have been
// executed.
func TestARefusalUnderAnEarlierLeaseEndsNothing(t *testing.T) {
	for _, tc := range operationCases {
		t.Run(tc.name, func(t *testing.T) {
			s := newScene(t)
			slow, other := s.replica(), s.replica()
			tc.begin(s, other)
			slow.meetsOnce(methodOf(&tc), func(request *http.Request, pass roundTrip) (*http.Response, error) {
				s.klarna.Advance(21 * time.Second)
				other.meetsOnce(methodOf(&tc), func(request *http.Request, pass roundTrip) (*http.Response, error) {
					answer, err := pass(request)
					if err == nil {
						err = answer.Body.Close()
					}
					return nil, errors.Join(errDead, err)
				})
				s.recovers(other)
				return answering(400, `{"error_code":"VALIDATION_ERROR"}`)(request, pass)
			})
			// The refusal is ignored, and the call is made again.
			if o, err := tc.do(t.Context(), slow); err != nil || o.State != flow.OperationStateDone {
				t.Errorf("%v, %v", o, err)
			}
			tc.isDone(s)
		})
	}
}

// methodOf returns the HTTP method of an operation's call.
func methodOf(tc *operationCase) string {
	if tc.call == updateCall {
		return http.MethodPatch
	}
	return http.MethodPost
}
