package flow_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/internal/test/answers"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// changing returns a network that changes the first answer that fits, in the n-th way. done reports
// whether an n-th way exists, and returns it.
func changing(n int, fits func(*http.Request) bool) (network, func() (answers.Mutation, bool)) {
	var met answers.Mutation
	over, hit := false, false
	return func(request *http.Request, pass roundTrip) (*http.Response, error) {
			if hit || over || !fits(request) {
				return pass(request)
			}
			return changedAnswer(request, pass, func(text string) string {
				all := slices.Collect(answers.Mutations(text))
				if n >= len(all) {
					over = true
					return text
				}
				met, hit = all[n], true
				return met.Text
			})
		}, func() (answers.Mutation, bool) {
			return met, hit
		}
}

// contradicts reports whether a change gives the answer another amount.
func contradicts(m answers.Mutation) bool {
	return strings.HasSuffix(m.Path, "_amount") && m.Is == "a number" || m.Path == "currency" && m.Is == "a string"
}

// Each member of the answer to each operation is changed in each way.
func TestOneChangedAnswerLosesNoOperation(t *testing.T) {
	t.Parallel()
	for _, tc := range operationCases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			n, unknown := 0, 0
			for ; ; n++ {
				s := newScene(t)
				r := s.replica()
				tc.begin(s, r)
				network, met := changing(n, func(request *http.Request) bool { return request.Method != http.MethodGet })
				r.meets(network)
				_, _ = tc.do(t.Context(), r)
				m, hit := met()
				if !hit {
					break
				}
				s.pass(r, time.Minute, 10*time.Second)
				o := s.operation("op")
				switch {
				case contradicts(m) && o.State == flow.OperationStateUnknown && o.Reason == "OTHER_AMOUNT":
					unknown++
					s.klarna.CheckInvariants(t)
				case o.State != flow.OperationStateDone:
					t.Errorf("%s is %s: %v with reason %q (%s)", m.Path, m.Is, o, o.Reason, o.Evidence)
				}
				if a, real := s.status(orderID).Amounts, s.transaction(); a.Exact && (a.Authorized != real.Amount || a.Captured != real.CapturedAmount || a.Voided != real.VoidedAmount) {
					t.Errorf("%s is %s: the record has %+v, and Klarna %+v", m.Path, m.Is, a, real)
				}
				if times := tc.times(s); times != 1 {
					t.Errorf("%s is %s: the operation was executed %d times", m.Path, m.Is, times)
				}
			}
			t.Logf("%d changes, %d of another amount", n, unknown)
			if n < 60 {
				t.Errorf("only %d changes", n)
			}
		})
	}
}

// Each member of each answer from which recovery determines the result after a day is changed in
// each way. No such answer makes an operation execute twice, or a missing one count as done.
func TestOneChangedLookUpRepeatsNoOperation(t *testing.T) {
	t.Parallel()
	for _, tc := range operationCases {
		for _, done := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, executed: %v", tc.name, done), func(t *testing.T) {
				t.Parallel()
				counts := map[flow.OperationState]int{}
				for _, part := range []string{"/transactions/", "/captures/"} {
					for n := 0; ; n++ {
						s := newScene(t)
						r := s.replica()
						tc.begin(s, r)
						lost := klarnatest.FaultDropBefore
						if done {
							lost = klarnatest.FaultDropAfter
						}
						s.klarna.Script(klarnatest.Fault{Operation: tc.call, Kind: lost})
						_, _ = tc.do(t.Context(), r)
						s.klarna.Advance(25 * time.Hour)
						network, met := changing(n, func(request *http.Request) bool {
							return request.Method == http.MethodGet && strings.Contains(request.URL.Path, part)
						})
						r.meets(network)
						s.recovers(r)
						m, hit := met()
						if !hit {
							break
						}
						s.pass(r, 10*time.Minute, time.Minute)
						o, times := s.operation("op"), tc.times(s)
						counts[o.State]++
						wrong := times > 1 || done && times != 1
						switch o.State {
						case flow.OperationStateDone:
							wrong = wrong || times != 1
						case flow.OperationStateRefused:
							wrong = wrong || times != 0
						case flow.OperationStatePending:
							wrong = true
						}
						if wrong {
							t.Errorf("%s is %s: %v with reason %q (%s), executed %d times", m.Path, m.Is, o, o.Reason, o.Evidence, times)
						}
						s.klarna.CheckInvariants(t)
					}
				}
				t.Log(counts)
			})
		}
	}
}
