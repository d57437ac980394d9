package flow_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/internal/test/answers"
)

// One member of one answer is missing, null, of another type, broken text or repeated. No approved
// purchase is lost, none is paid twice, and the next clean answer finishes it.
func TestOneOddMemberLosesNoApproval(t *testing.T) {
	for name, call := range map[string]struct {
		method string
		before func(s *scene, r *replica) // what is done before the answer
	}{
		"the first answer":            {http.MethodPost, func(*scene, *replica) {}},
		"the read of the approval":    {http.MethodGet, func(s *scene, r *replica) { s.approve(s.stepUp(r, orderID).PaymentRequestID) }},
		"the answer to the final one": {http.MethodPost, func(s *scene, r *replica) { s.approve(s.stepUp(r, orderID).PaymentRequestID) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			atOnce, later := 0, 0
			last := ""
			for i, more := 0, true; more; i++ {
				s := newScene(t)
				r := s.replica()
				call.before(s, r)
				r.meetsOnce(call.method, func(request *http.Request, pass roundTrip) (*http.Response, error) {
					response, err := pass(request)
					if err != nil {
						return nil, err
					}
					body, err := io.ReadAll(response.Body)
					if err != nil {
						return nil, err
					}
					var text string
					text, last, more = mutation(string(body), i)
					return answering(response.StatusCode, text)(request, pass)
				})
				if call.method == http.MethodPost && len(s.klarna.PaymentRequests()) == 0 {
					_, _ = r.Begin(t.Context(), s.order(orderID))
					s.pass(r, 2*time.Minute, 10*time.Second)
					s.approve(s.status(orderID).PaymentRequestID)
				}
				_, _ = r.HandleReturn(t.Context(), orderID)
				if s.status(orderID).State == flow.StateAuthorized {
					atOnce++
				} else {
					later++
					s.pass(r, 5*time.Minute, 10*time.Second)
				}
				if status := s.status(orderID); status.State != flow.StateAuthorized {
					t.Errorf("where %s: %s %s", last, status.State, status.Reason)
					continue
				}
				s.paid(118_00)
			}
			t.Logf("%d were authorized at once, %d at a later look", atOnce, later)
			if atOnce < 100 {
				t.Error("too few answers were tried, or taken")
			}
		})
	}
}

// mutation returns the n-th mutation of a text, and whether there is another.
func mutation(text string, n int) (mutated, what string, more bool) {
	for m := range answers.Mutations(text) {
		if another(m) {
			continue
		}
		if n < 0 {
			return mutated, what, true
		}
		if n == 0 {
			mutated, what = m.Text, m.Path+" is "+m.Is
		}
		n--
	}
	return mutated, what, false
}

// another reports whether a mutation is another answer rather than an odd one: another id, amount,
// currency or token.
func another(m answers.Mutation) bool {
	name := m.Path[strings.LastIndexByte(m.Path, '.')+1:]
	switch name {
	case "payment_request_id", "payment_transaction_id", "currency", "klarna_network_session_token":
		return m.Is == "a string"
	case "amount":
		return m.Is == "a number"
	}
	return false
}
