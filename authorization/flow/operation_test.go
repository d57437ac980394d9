package flow_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

const (
	captureCall       = "authorization.transaction.capture"
	refundCall        = "authorization.transaction.refund"
	captureRefundCall = "authorization.capture.refund"
	voidCall          = "authorization.transaction.void"
	extendCall        = "authorization.transaction.extend"
	updateCall        = "authorization.transaction.update"
	transactionRead   = "authorization.transaction.read"
)

// pays authorizes a purchase of 118.00 EUR.
func (s *scene) pays(r *replica) {
	s.Helper()
	status, err := r.Begin(s.Context(), s.browserOrder(orderID))
	s.wants(status, err, flow.StateAuthorized)
}

// operationCase is a kind of operation.
type operationCase struct {
	name string
	// call is klarnatest's name of the call that it makes.
	call string
	// before prepares the purchase; nil does nothing.
	before func(ctx context.Context, r *replica) error
	do     func(ctx context.Context, r *replica) (*flow.Operation, error)
	// times returns how often Klarna executed it, according to Klarna's ledger.
	times func(s *scene) int64
	// unlisted means that Klarna's transaction does not show whether it was executed.
	unlisted bool
}

func captured(ctx context.Context, r *replica) error {
	_, err := r.Capture(ctx, orderID, flow.CaptureParams{ID: "parcel-0", Amount: 60_00})
	return err
}

var operationCases = []operationCase{
	{
		name: "capture", call: captureCall,
		do: func(ctx context.Context, r *replica) (*flow.Operation, error) {
			return r.Capture(ctx, orderID, flow.CaptureParams{ID: "op", Amount: 40_00, SupplementaryPurchaseData: personal()})
		},
		times: func(s *scene) int64 { return s.transaction().CapturedAmount / 40_00 },
	},
	{
		name: "capture that releases the rest", call: captureCall,
		do: func(ctx context.Context, r *replica) (*flow.Operation, error) {
			return r.Capture(ctx, orderID, flow.CaptureParams{ID: "op", Amount: 40_00, ReleaseRemaining: true})
		},
		times: func(s *scene) int64 { return s.transaction().CapturedAmount / 40_00 },
	},
	{
		name: "refund of the transaction", call: refundCall, before: captured, unlisted: true,
		do: func(ctx context.Context, r *replica) (*flow.Operation, error) {
			return r.Refund(ctx, orderID, flow.RefundParams{ID: "op", Amount: 10_00})
		},
		times: func(s *scene) int64 { return s.transaction().RefundedAmount / 10_00 },
	},
	{
		name: "refund of a capture", call: captureRefundCall, before: captured, unlisted: true,
		do: func(ctx context.Context, r *replica) (*flow.Operation, error) {
			return r.Refund(ctx, orderID, flow.RefundParams{ID: "op", Amount: 10_00, CaptureID: "parcel-0"})
		},
		times: func(s *scene) int64 { return s.transaction().RefundedAmount / 10_00 },
	},
	{
		name: "void", call: voidCall, before: captured,
		do: func(ctx context.Context, r *replica) (*flow.Operation, error) {
			return r.Void(ctx, orderID, flow.VoidParams{ID: "op"})
		},
		times: func(s *scene) int64 { return s.transaction().VoidedAmount / 58_00 },
	},
	{
		name: "extension", call: extendCall,
		do: func(ctx context.Context, r *replica) (*flow.Operation, error) {
			return r.Extend(ctx, orderID, flow.ExtendParams{ID: "op", Days: 7, Amount: 5_00})
		},
		times: func(s *scene) int64 { return (s.transaction().Amount - 118_00) / 5_00 },
	},
	{
		name: "update", call: updateCall,
		do: func(ctx context.Context, r *replica) (*flow.Operation, error) {
			return r.UpdateTransaction(ctx, orderID, flow.UpdateTransactionParams{ID: "op", Reference: "order-1b", SupplementaryPurchaseData: personal()})
		},
		times: func(s *scene) int64 {
			if s.transaction().Reference == "order-1b" {
				return 1
			}
			return 0
		},
	},
}

// personal returns the customer data that is sent to Klarna.
func personal() *authorization.SupplementaryPurchaseData {
	return &authorization.SupplementaryPurchaseData{Customer: &authorization.Customer{GivenName: givenName, FamilyName: familyName, Email: email}}
}

// transaction returns the only transaction at Klarna.
func (s *scene) transaction() klarnatest.Transaction {
	s.Helper()
	all := s.klarna.Transactions()
	if len(all) != 1 {
		s.Fatalf("%d transactions, want 1", len(all))
	}
	return all[0]
}

// operation returns the operation with an id from the store.
func (s *scene) operation(id string) flow.Operation {
	s.Helper()
	list, err := s.replica().ListOperations(s.Context(), orderID)
	if err != nil {
		s.Fatal(err)
	}
	i := slices.IndexFunc(list, func(o flow.Operation) bool { return o.ID == id })
	if i < 0 {
		s.Fatalf("there is no operation %s in %v", id, list)
	}
	return list[i]
}

// isOperation checks the state and reason of an operation in the store.
func (s *scene) isOperation(id string, state flow.OperationState, reason string) {
	s.Helper()
	if o := s.operation(id); o.State != state || o.Reason != reason {
		s.Fatalf("%v with reason %q (%s), want %s with reason %q\n%s", o, o.Reason, o.Evidence, state, reason, s.log)
	}
}

// ended returns the reported results of the operations in order, without duplicates.
func (t *reports) ended() string {
	var list []string
	known := map[string]bool{}
	for _, transition := range t.all() {
		if known[transition.ID] || transition.Operation == nil && transition.Notice == "" {
			continue
		}
		known[transition.ID] = true
		if transition.Notice != "" {
			list = append(list, string(transition.Notice))
		} else {
			list = append(list, transition.Operation.ID+" "+string(transition.Operation.State))
		}
	}
	return strings.Join(list, ", ")
}

// begin brings a purchase into a state in which the operation can be made.
func (tc *operationCase) begin(s *scene, r *replica) {
	s.Helper()
	s.pays(r)
	if tc.before != nil {
		if err := tc.before(s.Context(), r); err != nil {
			s.Fatal(err)
		}
	}
}

// isDone checks that the operation was executed once, and that the record and the reports
// say so.
func (tc *operationCase) isDone(s *scene) {
	s.Helper()
	s.isOperation("op", flow.OperationStateDone, "")
	if n := tc.times(s); n != 1 {
		s.Errorf("it was executed %d times", n)
	}
	if got := s.reported.ended(); got != strings.TrimPrefix("parcel-0 DONE, op DONE", map[bool]string{true: "parcel-0 DONE, "}[tc.before == nil]) {
		s.Errorf("reported: %s", got)
	}
	record := s.record(orderID)
	if len(record.Sealed) != 0 || !record.DueAt.IsZero() {
		s.Errorf("%d bytes are sealed, and the purchase is due at %v", len(record.Sealed), record.DueAt)
	}
	s.klarna.CheckInvariants(s)
}

func TestAnOperationIsExecutedOnceDespiteFaults(t *testing.T) {
	faults := map[string]klarnatest.Fault{
		"cut before":               {Kind: klarnatest.FaultDropBefore},
		"cut after":                {Kind: klarnatest.FaultDropAfter},
		"503":                      {StatusCode: 503},
		"503 after it was done":    {StatusCode: 503, AfterExecution: true},
		"500 after it was done":    {StatusCode: 500, AfterExecution: true},
		"429":                      {StatusCode: 429},
		"409":                      {StatusCode: 409},
		"401":                      {StatusCode: 401},
		"a page with 403":          {Kind: klarnatest.FaultHTML, StatusCode: 403},
		"a page with 404":          {Kind: klarnatest.FaultHTML, StatusCode: 404},
		"a page after it was done": {Kind: klarnatest.FaultHTML, StatusCode: 502, AfterExecution: true},
		"truncated":                {Kind: klarnatest.FaultTruncate},
		"a length too long":        {Kind: klarnatest.FaultLongLength},
		"a length too short":       {Kind: klarnatest.FaultShortLength},
	}
	for _, tc := range operationCases {
		t.Run(tc.name, func(t *testing.T) {
			t.Run("nothing", func(t *testing.T) {
				s := newScene(t)
				r := s.replica()
				tc.begin(s, r)
				o, err := tc.do(t.Context(), r)
				if err != nil || o.State != flow.OperationStateDone {
					t.Fatalf("%v, %v", o, err)
				}
				tc.isDone(s)
			})
			for name, fault := range faults {
				for _, times := range []int{1, 5} {
					t.Run(fmt.Sprintf("%s, %d times", name, times), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							fault.Operation, fault.Times = tc.call, times
							tc.meets(t, fault)
						})
					})
				}
			}
		})
	}
}

// meets makes the operation with a fault in its call.
func (tc *operationCase) meets(t *testing.T, fault klarnatest.Fault) {
	t.Helper()
	s := newScene(t)
	r := s.replica()
	tc.begin(s, r)
	s.klarna.Script(fault)
	o, err := tc.do(t.Context(), r)
	if o == nil || o.State != flow.OperationStatePending || err == nil {
		t.Fatalf("%v, %v, want a pending operation", o, err)
	}
	if record := s.record(orderID); record.DueAt.IsZero() || record.Lane != flow.LaneOperations {
		t.Errorf("the purchase is due at %v in lane %d", record.DueAt, record.Lane)
	}
	s.passes(r, 2*time.Minute, 10*time.Second)
	tc.isDone(s)
	// A repeat returns the result.
	calls := s.calls(tc.call)
	if o, err := tc.do(t.Context(), r); err != nil || o.State != flow.OperationStateDone || s.calls(tc.call) != calls {
		t.Errorf("a repeat: %v, %v", o, err)
	}
}

// Half of the answer arrives, and then nothing until the caller gives up.
func TestAnOperationWhoseAnswerStallsIsRepeated(t *testing.T) {
	for _, tc := range operationCases {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t)
				r := s.replica()
				tc.begin(s, r)
				s.klarna.Script(klarnatest.Fault{Operation: tc.call, Kind: klarnatest.FaultStall})
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				o, err := tc.do(ctx, r)
				if o == nil || o.State != flow.OperationStatePending || !errors.Is(err, context.DeadlineExceeded) {
					t.Fatalf("%v, %v", o, err)
				}
				s.passes(r, time.Minute, 10*time.Second)
				tc.isDone(s)
			})
		})
	}
}

func TestRepeatsOfAnOperationAreTheSameCall(t *testing.T) {
	for _, tc := range operationCases {
		t.Run(tc.name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			tc.begin(s, r)
			s.klarna.Script(klarnatest.Fault{Operation: tc.call, Times: 3, StatusCode: 503})
			_, _ = tc.do(t.Context(), r)
			s.pass(s.replica(), time.Minute, 5*time.Second) // another process
			tc.isDone(s)
			var bodies, keys []string
			for _, request := range s.klarna.Requests() {
				if request.Operation == tc.call && !strings.Contains(string(request.Body), "parcel-0") {
					bodies, keys = append(bodies, string(request.Body)), append(keys, request.Header.Get("Klarna-Idempotency-Key"))
				}
			}
			if len(bodies) != 4 || len(slices.Compact(bodies)) != 1 || len(slices.Compact(keys)) != 1 || keys[0] == "" {
				t.Errorf("the calls were %q with the keys %q", bodies, keys)
			}
		})
	}
}

func TestARefusalEndsAnOperation(t *testing.T) {
	for _, tc := range operationCases {
		for status, code := range map[int]string{400: "VALIDATION_ERROR", 403: "OPERATION_FORBIDDEN", 404: "RESOURCE_NOT_FOUND", 422: "VALIDATION_ERROR"} {
			t.Run(fmt.Sprintf("%s, %d", tc.name, status), func(t *testing.T) {
				s := newScene(t)
				r := s.replica()
				tc.begin(s, r)
				s.klarna.Script(klarnatest.Fault{Operation: tc.call, StatusCode: status, Code: code})
				o, err := tc.do(t.Context(), r)
				if err != nil || o.State != flow.OperationStateRefused || o.Reason != code {
					t.Fatalf("%v with reason %q, %v", o, o.Reason, err)
				}
				if n := tc.times(s); n != 0 {
					t.Errorf("the operation was executed %d times", n)
				}
				if record := s.record(orderID); len(record.Sealed) != 0 || !record.DueAt.IsZero() {
					t.Errorf("%d bytes are sealed, and the purchase is due at %v", len(record.Sealed), record.DueAt)
				}
				// The id is used up. Another id is free.
				if o, err := tc.do(t.Context(), r); err != nil || o.State != flow.OperationStateRefused {
					t.Errorf("a repeat: %v, %v", o, err)
				}
			})
		}
	}
}

// This rule is easy to get wrong.
func TestARefusalDuringADoubtEndsNoOperation(t *testing.T) {
	for _, tc := range operationCases {
		t.Run(tc.name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			tc.begin(s, r)
			s.klarna.Script(
				klarnatest.Fault{Operation: tc.call, Kind: klarnatest.FaultDropAfter},
				klarnatest.Fault{Operation: tc.call, StatusCode: 400, Code: "VALIDATION_ERROR", Times: 3},
			)
			_, _ = tc.do(t.Context(), r)
			s.pass(r, 5*time.Second, time.Second)
			s.isOperation("op", flow.OperationStatePending, "VALIDATION_ERROR")
			s.pass(r, time.Minute, 10*time.Second)
			tc.isDone(s)
		})
	}
}

// An earlier call had no answer, and Klarna refuses every repeat for longer than a call can run.
// Then the transaction decides.
func TestARefusalAfterADoubtIsDecidedByTheTransaction(t *testing.T) {
	for _, tc := range operationCases {
		for _, done := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, executed: %v", tc.name, done), func(t *testing.T) {
				s := newScene(t)
				r := s.replica()
				tc.begin(s, r)
				lost := klarnatest.FaultDropBefore
				if done {
					lost = klarnatest.FaultDropAfter
				}
				s.klarna.Script(
					klarnatest.Fault{Operation: tc.call, Kind: lost},
					klarnatest.Fault{Operation: tc.call, StatusCode: 400, Code: "VALIDATION_ERROR", Probability: 1},
				)
				_, _ = tc.do(t.Context(), r)
				s.pass(r, 15*time.Minute, 30*time.Second)
				switch {
				case tc.unlisted:
					s.isOperation("op", flow.OperationStateUnknown, "VALIDATION_ERROR")
					if evidence := s.operation("op").Evidence; evidence != "the transaction lists no refunds" {
						t.Errorf("the evidence is %q", evidence)
					}
				case done:
					tc.isDone(s)
				default:
					s.isOperation("op", flow.OperationStateRefused, "VALIDATION_ERROR")
				}
			})
		}
	}
}

// A refused connection settles nothing, because nothing was sent.
func TestAnOperationThatCannotBeSentWaits(t *testing.T) {
	for _, tc := range operationCases {
		t.Run(tc.name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			tc.begin(s, r)
			r.meets(unreachable)
			o, err := tc.do(t.Context(), r)
			s.notSent(err)
			if o.State != flow.OperationStatePending {
				t.Fatal(o)
			}
			s.pass(r, 26*time.Hour, 20*time.Minute)
			r.meets(nil)
			s.pass(r, 30*time.Minute, 5*time.Minute)
			tc.isDone(s)
		})
	}
}

// The key has expired, so Klarna would execute a repeat again.
func TestARepeatAfter25HoursLooksForTheReference(t *testing.T) {
	for _, tc := range operationCases {
		for _, done := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, executed: %v", tc.name, done), func(t *testing.T) {
				s := newScene(t)
				r := s.replica()
				tc.begin(s, r)
				lost := klarnatest.FaultDropBefore
				if done {
					lost = klarnatest.FaultDropAfter
				}
				s.klarna.Script(klarnatest.Fault{Operation: tc.call, Kind: lost})
				_, err := tc.do(t.Context(), r)
				s.unknown(err)
				s.klarna.Advance(25 * time.Hour) // no replica is running
				if o, err := tc.do(t.Context(), s.replica()); err != nil {
					t.Fatalf("%v, %v", o, err)
				}
				if tc.unlisted {
					s.isOperation("op", flow.OperationStateUnknown, "NO_ANSWER")
					if n := tc.times(s); n != map[bool]int64{true: 1}[done] {
						t.Errorf("the operation was executed %d times", n)
					}
					return
				}
				tc.isDone(s)
				keys := map[string]bool{}
				for _, request := range s.klarna.Requests() {
					if request.Operation == tc.call && !strings.Contains(string(request.Body), "parcel-0") {
						keys[request.Header.Get("Klarna-Idempotency-Key")] = true
					}
				}
				if want := map[bool]int{true: 1, false: 2}[done || tc.call == updateCall && done]; len(keys) != want {
					t.Errorf("%d keys were used, want %d", len(keys), want)
				}
			})
		}
	}
}

// If Klarna lists refunds, recovery finds a refund in the list.
func TestARefundIsFoundAmongListedRefunds(t *testing.T) {
	for _, done := range []bool{true, false} {
		t.Run(fmt.Sprintf("executed: %v", done), func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			tc := operationCases[2]
			tc.begin(s, r)
			lost := klarnatest.FaultDropBefore
			if done {
				lost = klarnatest.FaultDropAfter
			}
			s.klarna.Script(klarnatest.Fault{Operation: tc.call, Kind: lost})
			_, _ = tc.do(t.Context(), r)
			s.klarna.Advance(25 * time.Hour)
			r.meets(s.listingRefunds)
			if o, err := tc.do(t.Context(), r); err != nil {
				t.Fatalf("%v, %v", o, err)
			}
			tc.isDone(s)
		})
	}
}

// listingRefunds makes Klarna's transactions list their refunds.
func (s *scene) listingRefunds(request *http.Request, pass roundTrip) (*http.Response, error) {
	if request.Method != http.MethodGet || !strings.Contains(request.URL.Path, "/transactions/") {
		return pass(request)
	}
	var refunds []string
	for _, refund := range s.klarna.Refunds() {
		refunds = append(refunds, fmt.Sprintf(`{"payment_refund_id":%q}`, refund.PaymentRefundID))
	}
	return changedAnswer(request, pass, func(text string) string {
		return strings.Replace(text, `{`, `{"payment_refunds":[`+strings.Join(refunds, ",")+`],`, 1)
	})
}

// changedAnswer returns Klarna's answer with a change.
func changedAnswer(request *http.Request, pass roundTrip, change func(string) string) (*http.Response, error) {
	answer, err := pass(request)
	if err != nil {
		return nil, err
	}
	text, err := readAll(answer)
	if err != nil {
		return nil, err
	}
	return answering(answer.StatusCode, change(text))(request, pass)
}

// Klarna would execute the same reference with other content again.
func TestAnIDWithOtherContentIsNeverSent(t *testing.T) {
	lines := func(names ...string) *authorization.SupplementaryRefundData {
		data := new(authorization.SupplementaryRefundData)
		for _, name := range names {
			data.LineItems = append(data.LineItems, authorization.LineItem{Name: name, Quantity: 1, TotalAmount: 5_00})
		}
		return data
	}
	for _, pending := range []bool{true, false} {
		t.Run(fmt.Sprintf("pending: %v", pending), func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			s.pays(r)
			if err := captured(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			first := flow.RefundParams{ID: "return-7", Amount: 10_00, SupplementaryRefundData: lines("a", "b")}
			if pending {
				s.klarna.Script(klarnatest.Fault{Operation: refundCall, Kind: klarnatest.FaultDropAfter})
			}
			_, _ = r.Refund(t.Context(), orderID, first)
			calls := len(s.klarna.Requests())
			again := s.replica() // after a restart
			for name, change := range map[string]func(*flow.RefundParams){
				"supplementary_refund_data.line_items": func(p *flow.RefundParams) { p.SupplementaryRefundData = lines("b", "a") },
				"refund_amount":                        func(p *flow.RefundParams) { p.Amount = 9_00 },
				"refund_reference":                     func(p *flow.RefundParams) { p.Reference = "another" },
				"capture":                              func(p *flow.RefundParams) { p.CaptureID = "parcel-0" },
			} {
				params := first
				change(&params)
				o, err := again.Refund(t.Context(), orderID, params)
				if !errors.Is(err, flow.ErrOtherOperation) || o != nil {
					t.Fatalf("%s: %v, %v", name, o, err)
				}
				want := `"return-7", with another ` + name
				if !pending {
					want = `"return-7", with another ` + map[string]string{
						"supplementary_refund_data.line_items": "content", "refund_amount": "amount", "refund_reference": "reference", "capture": "capture",
					}[name]
				}
				if !strings.HasSuffix(err.Error(), want) {
					t.Errorf("%v, want it to end with %s", err, want)
				}
			}
			if _, err := again.Capture(t.Context(), orderID, flow.CaptureParams{ID: "return-7", Amount: 1}); !errors.Is(err, flow.ErrOtherOperation) {
				t.Errorf("another kind: %v", err)
			}
			if n := len(s.klarna.Requests()); n != calls {
				t.Errorf("%d calls were made", n-calls)
			}
			o, err := again.Refund(t.Context(), orderID, first)
			if err != nil || o.State != flow.OperationStateDone {
				t.Errorf("the same content: %v, %v", o, err)
			}
			if refunded := s.transaction().RefundedAmount; refunded != 10_00 {
				t.Errorf("%d were refunded", refunded)
			}
			s.klarna.CheckInvariants(t)
		})
	}
}

// Klarna would take two equal refunds with one reference for one.
func TestTwoEqualPartialRefundsAreTwo(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.pays(r)
	if err := captured(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"return-1", "return-2", "return-1", "return-2"} {
		o, err := r.Refund(t.Context(), orderID, flow.RefundParams{ID: id, Amount: 10_00})
		if err != nil || o.State != flow.OperationStateDone || o.Reference != "order-1/"+id {
			t.Fatalf("%v of %q, %v", o, o.Reference, err)
		}
	}
	if got := s.transaction().RefundedAmount; got != 20_00 {
		t.Errorf("%d were refunded, want 2000", got)
	}
	// Two refunds with one reference are refused locally.
	for _, id := range []string{"return-3", "return-4"} {
		o, err := r.Refund(t.Context(), orderID, flow.RefundParams{ID: id, Amount: 10_00, Reference: "order-1"})
		if want := id == "return-4"; errors.Is(err, flow.ErrOtherOperation) != want || (o == nil) != want {
			t.Fatalf("%s: %v, %v", id, o, err)
		}
	}
	if got := s.transaction().RefundedAmount; got != 30_00 {
		t.Errorf("%d were refunded, want 3000", got)
	}
	s.klarna.CheckInvariants(t)
}

func TestAnImpossibleOperationIsRefusedLocally(t *testing.T) {
	type step struct {
		name string
		do   func(ctx context.Context, r *replica) (*flow.Operation, error)
		// impossible is the text of the error, or "" if no error is expected.
		impossible string
	}
	capture := func(id string, amount int64) func(context.Context, *replica) (*flow.Operation, error) {
		return func(ctx context.Context, r *replica) (*flow.Operation, error) {
			return r.Capture(ctx, orderID, flow.CaptureParams{ID: id, Amount: amount})
		}
	}
	refund := func(id string, amount int64, captureID string) func(context.Context, *replica) (*flow.Operation, error) {
		return func(ctx context.Context, r *replica) (*flow.Operation, error) {
			return r.Refund(ctx, orderID, flow.RefundParams{ID: id, Amount: amount, CaptureID: captureID})
		}
	}
	void := func(id string) func(context.Context, *replica) (*flow.Operation, error) {
		return func(ctx context.Context, r *replica) (*flow.Operation, error) {
			return r.Void(ctx, orderID, flow.VoidParams{ID: id})
		}
	}
	s := newScene(t)
	r := s.replica()
	s.pays(r)
	for _, step := range []step{
		{"a refund before a capture", refund("return-1", 1, ""), "the refund is 1, but only 0 is captured and not refunded"},
		{"a capture of more than is authorized", capture("parcel-1", 118_01), "the capture is 11801, but only 11800 is authorized and not captured"},
		{"a part, under the same id", capture("parcel-1", 100_00), ""},
		{"more than is left", capture("parcel-2", 18_01), "the capture is 1801, but only 1800 is authorized and not captured"},
		{"a refund of another capture", refund("return-1", 1, "parcel-2"), `no capture has the ID "parcel-2"`},
		{"a refund of more than the capture", refund("return-1", 100_01, "parcel-1"), "the refund is 10001, but only 10000 of the capture is not refunded"},
		{"a refund of a part", refund("return-1", 60_00, "parcel-1"), ""},
		{"a refund of more than is left of the capture", refund("return-2", 40_01, "parcel-1"), "the refund is 4001, but only 4000 of the capture is not refunded"},
		{"a refund of more than is left", refund("return-2", 40_01, ""), "the refund is 4001, but only 4000 is captured and not refunded"},
		{"a capture of the rest", capture("parcel-2", 18_00), ""},
		{"a void after everything was captured", void("void"), "nothing is left to void"},
		{"a refund of the rest", refund("return-2", 58_00, ""), ""},
		{"a refund of nothing that is left", refund("return-3", 1, ""), "the refund is 1, but only 0 is captured and not refunded"},
	} {
		calls := s.calls(captureCall) + s.calls(refundCall) + s.calls(captureRefundCall) + s.calls(voidCall)
		o, err := step.do(t.Context(), r)
		switch {
		case step.impossible == "" && (err != nil || o.State != flow.OperationStateDone):
			t.Fatalf("%s: %v, %v", step.name, o, err)
		case step.impossible != "" && (!errors.Is(err, flow.ErrImpossible) || !strings.HasSuffix(err.Error(), step.impossible) || o != nil):
			t.Fatalf("%s: %v, %v", step.name, o, err)
		case step.impossible != "" && s.calls(captureCall)+s.calls(refundCall)+s.calls(captureRefundCall)+s.calls(voidCall) != calls:
			t.Fatalf("%s: a call was sent", step.name)
		}
	}
	want := flow.Amounts{Authorized: 118_00, Captured: 118_00, Refunded: 118_00, Exact: true}
	if diff := cmp.Diff(want, s.status(orderID).Amounts); diff != "" {
		t.Errorf("amounts (-want +got):\n%s", diff)
	}
	s.klarna.CheckInvariants(t)
}

func TestAPurchaseWithoutATransactionHasNoOperations(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.stepUp(r, orderID)
	for _, tc := range operationCases {
		if o, err := tc.do(t.Context(), r); !errors.Is(err, flow.ErrImpossible) || o != nil {
			t.Errorf("%s: %v, %v", tc.name, o, err)
		}
	}
	if _, err := r.Capture(t.Context(), "order-2", flow.CaptureParams{ID: "op", Amount: 1}); !errors.Is(err, flow.ErrNotFound) {
		t.Errorf("of a missing purchase: %v", err)
	}
}

func TestInvalidParametersUseUpNoID(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.pays(r)
	long := strings.Repeat("x", 256)
	for name, do := range map[string]func() (*flow.Operation, error){
		"no id": func() (*flow.Operation, error) { return r.Capture(t.Context(), orderID, flow.CaptureParams{Amount: 1}) },
		"the reserved id": func() (*flow.Operation, error) {
			return r.Capture(t.Context(), orderID, flow.CaptureParams{ID: flow.AutomaticCaptureID, Amount: 1})
		},
		"no amount": func() (*flow.Operation, error) { return r.Capture(t.Context(), orderID, flow.CaptureParams{ID: "op"}) },
		"a negative one": func() (*flow.Operation, error) {
			return r.Refund(t.Context(), orderID, flow.RefundParams{ID: "op", Amount: -1})
		},
		"a long reference": func() (*flow.Operation, error) {
			return r.Capture(t.Context(), orderID, flow.CaptureParams{ID: "op", Amount: 1, Reference: long})
		},
		"two captures": func() (*flow.Operation, error) {
			return r.Refund(t.Context(), orderID, flow.RefundParams{ID: "op", Amount: 1, CaptureID: "a", PaymentCaptureID: "b"})
		},
		"a broken capture": func() (*flow.Operation, error) {
			return r.Refund(t.Context(), orderID, flow.RefundParams{ID: "op", Amount: 1, CaptureID: "a\n"})
		},
		"negative days": func() (*flow.Operation, error) {
			return r.Extend(t.Context(), orderID, flow.ExtendParams{ID: "op", Days: -1})
		},
	} {
		if o, err := do(); !errors.Is(err, flow.ErrInvalidOperation) || o != nil {
			t.Errorf("%s: %v, %v", name, o, err)
		}
	}
	if list, err := r.ListOperations(t.Context(), orderID); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}

// A merchant ships in two parcels while Klarna cannot be reached.
func TestOperationsOfAPurchaseAreMadeInOrder(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.pays(r)
	r.meets(unreachable)
	for _, do := range []func() (*flow.Operation, error){
		func() (*flow.Operation, error) {
			return r.Capture(t.Context(), orderID, flow.CaptureParams{ID: "parcel-1", Amount: 40_00})
		},
		func() (*flow.Operation, error) {
			return r.Refund(t.Context(), orderID, flow.RefundParams{ID: "return-1", Amount: 10_00, CaptureID: "parcel-1"})
		},
		func() (*flow.Operation, error) {
			return r.Capture(t.Context(), orderID, flow.CaptureParams{ID: "parcel-2", Amount: 50_00})
		},
		func() (*flow.Operation, error) { return r.Void(t.Context(), orderID, flow.VoidParams{ID: "rest"}) },
	} {
		o, err := do()
		s.notSent(err)
		if o.State != flow.OperationStatePending {
			t.Fatal(o)
		}
	}
	// A pending operation counts as executed.
	if _, err := r.Capture(t.Context(), orderID, flow.CaptureParams{ID: "parcel-3", Amount: 1}); !errors.Is(err, flow.ErrImpossible) {
		t.Errorf("a capture behind a void: %v", err)
	}
	r.meets(nil)
	s.pass(r, time.Minute, 10*time.Second)
	if got, want := s.reported.ended(), "parcel-1 DONE, return-1 DONE, parcel-2 DONE, rest DONE"; got != want {
		t.Errorf("reported: %s, want %s", got, want)
	}
	want := flow.Amounts{Authorized: 118_00, Captured: 90_00, Refunded: 10_00, Voided: 28_00, Exact: true}
	if diff := cmp.Diff(want, s.status(orderID).Amounts); diff != "" {
		t.Errorf("amounts (-want +got):\n%s", diff)
	}
	if o := s.operation("rest"); o.Amount != 28_00 {
		t.Errorf("the void released %d", o.Amount)
	}
	if refund := s.klarna.Refunds()[0]; refund.PaymentCaptureID != s.operation("parcel-1").PaymentCaptureID {
		t.Errorf("the refund is of %q", refund.PaymentCaptureID)
	}
}

func TestARefundOfARefusedCaptureIsRefused(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.pays(r)
	r.meets(unreachable)
	_, _ = r.Capture(t.Context(), orderID, flow.CaptureParams{ID: "parcel-1", Amount: 40_00})
	_, _ = r.Refund(t.Context(), orderID, flow.RefundParams{ID: "return-1", Amount: 10_00, CaptureID: "parcel-1"})
	r.meets(nil)
	s.klarna.Script(klarnatest.Fault{Operation: captureCall, StatusCode: 400, Code: "VALIDATION_ERROR"})
	s.pass(r, time.Minute, 10*time.Second)
	s.isOperation("parcel-1", flow.OperationStateRefused, "VALIDATION_ERROR")
	s.isOperation("return-1", flow.OperationStateRefused, "CAPTURE_REFUSED")
}

// The transaction was completed elsewhere, so the conflict would last forever.
func TestAnExplainedConflictEndsAnOperation(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.pays(r)
	s.elsewhere().void()
	o, err := r.Capture(t.Context(), orderID, flow.CaptureParams{ID: "parcel-1", Amount: 40_00})
	if err != nil || o.State != flow.OperationStateRefused || o.Reason != "RESOURCE_CONFLICT" {
		t.Fatalf("%v with reason %q, %v", o, o.Reason, err)
	}
}

// A conflict that the transaction does not explain is retried while the key lives, and no longer.
func TestAConflictIsRetriedWhileItsKeyLives(t *testing.T) {
	for _, tc := range operationCases {
		t.Run(tc.name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			tc.begin(s, r)
			s.klarna.Script(klarnatest.Fault{Operation: tc.call, StatusCode: 409, Probability: 1})
			_, _ = tc.do(t.Context(), r)
			s.pass(r, 22*time.Hour, 30*time.Minute)
			s.isOperation("op", flow.OperationStatePending, "RESOURCE_CONFLICT")
			s.pass(r, 2*time.Hour, 10*time.Minute)
			s.isOperation("op", flow.OperationStateRefused, "RESOURCE_CONFLICT")
			if n := tc.times(s); n != 0 {
				t.Errorf("the operation was executed %d times", n)
			}
		})
	}
}

// If Klarna refuses the credentials for a week, the operation ends, because nothing can have run.
func TestAnUnacceptedOperationEndsAfterAWeek(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.pays(r)
	s.klarna.Script(klarnatest.Fault{Operation: captureCall, StatusCode: 401, Probability: 1})
	_, _ = r.Capture(t.Context(), orderID, flow.CaptureParams{ID: "op", Amount: 40_00})
	s.pass(r, 6*24*time.Hour, time.Hour)
	s.isOperation("op", flow.OperationStatePending, "UNAUTHORIZED")
	s.pass(r, 26*time.Hour, time.Hour)
	s.isOperation("op", flow.OperationStateRefused, "UNAUTHORIZED")
	if !s.record(orderID).DueAt.IsZero() {
		t.Error("the purchase is due")
	}
}

func TestAnAutomaticCaptureIsAnOperation(t *testing.T) {
	for _, stepUp := range []bool{false, true} {
		t.Run(fmt.Sprintf("step-up: %v", stepUp), func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			order := s.browserOrder(orderID)
			if stepUp {
				order = s.order(orderID)
			}
			order.Request.RequestPaymentTransaction.Capture = authorization.CaptureTimingNow
			order.Request.RequestPaymentTransaction.PaymentCaptureReference = "at-once"
			status, err := r.Begin(t.Context(), order)
			if stepUp {
				s.wants(status, err, flow.StateAwaitingCustomer)
				s.approve(status.PaymentRequestID)
				status, err = r.HandleReturn(t.Context(), orderID)
			}
			s.wants(status, err, flow.StateAuthorized)
			o := s.operation(flow.AutomaticCaptureID)
			if o.State != flow.OperationStateDone || o.Amount != 118_00 || o.Reference != "at-once" || o.PaymentCaptureID != s.klarna.Captures()[0].PaymentCaptureID {
				t.Errorf("%v of %d %q %q", o, o.Amount, o.Reference, o.PaymentCaptureID)
			}
			if got := s.reported.ended(); got != "authorize DONE" {
				t.Errorf("reported: %s", got)
			}
			if !s.record(orderID).DueAt.IsZero() {
				t.Error("the purchase is due")
			}
			refund, err := r.Refund(t.Context(), orderID, flow.RefundParams{ID: "return-1", Amount: 118_00, CaptureID: flow.AutomaticCaptureID})
			if err != nil || refund.State != flow.OperationStateDone {
				t.Errorf("%v, %v", refund, err)
			}
			want := flow.Amounts{Authorized: 118_00, Captured: 118_00, Refunded: 118_00, Exact: true}
			if diff := cmp.Diff(want, s.status(orderID).Amounts); diff != "" {
				t.Errorf("amounts (-want +got):\n%s", diff)
			}
		})
	}
}

// The answer to the authorize call shows no capture yet.
func TestALateAutomaticCaptureIsFound(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	order := s.browserOrder(orderID)
	order.Request.RequestPaymentTransaction.Capture = authorization.CaptureTimingNow
	r.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
		return changedAnswer(request, pass, func(text string) string { return strings.Replace(text, "payment_captures", "of_tomorrow", 1) })
	})
	status, err := r.Begin(t.Context(), order)
	s.wants(status, err, flow.StateAuthorized)
	s.isOperation(flow.AutomaticCaptureID, flow.OperationStatePending, "")
	if status.Amounts.Exact {
		t.Error("the amounts count as exact")
	}
	s.pass(r, time.Minute, 10*time.Second)
	s.isOperation(flow.AutomaticCaptureID, flow.OperationStatePending, "")
	r.meets(nil)
	s.pass(r, 2*time.Minute, 10*time.Second)
	s.isOperation(flow.AutomaticCaptureID, flow.OperationStateDone, "")
	if got := s.reported.ended(); got != "authorize DONE" {
		t.Errorf("reported: %s", got)
	}
}

func TestAnAnswerWithAnotherAmountIsUnknown(t *testing.T) {
	for _, tc := range operationCases[:4] {
		t.Run(tc.name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			tc.begin(s, r)
			r.meetsOnce(http.MethodPost, func(request *http.Request, pass roundTrip) (*http.Response, error) {
				return changedAnswer(request, pass, func(text string) string {
					return strings.NewReplacer(`"capture_amount":4000`, `"capture_amount":4001`, `"refund_amount":1000`, `"refund_amount":1001`).Replace(text)
				})
			})
			o, err := tc.do(t.Context(), r)
			if err != nil || o.State != flow.OperationStateUnknown || o.Reason != "OTHER_AMOUNT" || !strings.Contains(o.Evidence, "001") {
				t.Fatalf("%v with reason %q (%s), %v", o, o.Reason, o.Evidence, err)
			}
			if len(s.record(orderID).Sealed) != 0 {
				t.Error("the call is kept")
			}
			if tc.unlisted {
				r.meets(s.listingRefunds)
			}
			// A read shows whether the answer was wrong.
			s.pass(r, 3*time.Hour, 30*time.Minute)
			s.isOperation("op", flow.OperationStateDone, "")
			if n := tc.times(s); n != 1 {
				t.Errorf("the operation was executed %d times", n)
			}
		})
	}
}

func TestAPersonSettlesAnUnknownOperation(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	tc := operationCases[2]
	tc.begin(s, r)
	s.klarna.Script(klarnatest.Fault{Operation: tc.call, Kind: klarnatest.FaultDropAfter})
	_, _ = tc.do(t.Context(), r)
	params := flow.SettleParams{State: flow.OperationStateDone, Reason: "seen in the portal", Actor: "anna"}
	if _, err := r.Settle(t.Context(), orderID, "op", params); !errors.Is(err, flow.ErrImpossible) {
		t.Errorf("of a pending operation: %v", err)
	}
	s.klarna.Advance(25 * time.Hour)
	s.recovers(r)
	s.isOperation("op", flow.OperationStateUnknown, "NO_ANSWER")
	if record := s.record(orderID); record.DueAt.IsZero() || record.Lane != flow.LaneWatching {
		t.Errorf("the purchase is due at %v in lane %d", record.DueAt, record.Lane)
	}
	for range 2 {
		o, err := r.Settle(t.Context(), orderID, "op", params)
		if err != nil || o.State != flow.OperationStateDone || o.Reason != "seen in the portal" || o.SettledBy != "anna" || o.Evidence == "" {
			t.Fatalf("%+v, %v", o, err)
		}
	}
	if got := s.reported.ended(); got != "parcel-0 DONE, op UNKNOWN, op DONE" {
		t.Errorf("reported: %s", got)
	}
	if a := s.status(orderID).Amounts; a.Refunded != 10_00 || !a.Exact {
		t.Errorf("amounts: %+v", a)
	}
	if !s.record(orderID).DueAt.IsZero() {
		t.Error("the purchase is due")
	}
	for name, params := range map[string]flow.SettleParams{
		"no actor": {State: flow.OperationStateDone, Reason: "x"}, "no reason": {State: flow.OperationStateDone, Actor: "x"},
		"another state": {State: flow.OperationStatePending, Reason: "x", Actor: "x"},
	} {
		if _, err := r.Settle(t.Context(), orderID, "op", params); !errors.Is(err, flow.ErrInvalidOperation) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.Settle(t.Context(), orderID, "none", params); !errors.Is(err, flow.ErrNotFound) {
		t.Errorf("of a missing operation: %v", err)
	}
}

// Two callers make the same operation on two replicas at the same time.
func TestOneOperationOnTwoReplicasIsMadeOnce(t *testing.T) {
	for _, tc := range operationCases {
		t.Run(tc.name, func(t *testing.T) {
			s := newScene(t)
			first, second := s.replica(), s.replica()
			tc.begin(s, first)
			results := make(chan error, 8)
			for i := range 8 {
				r := []*replica{first, second}[i%2]
				go func() {
					o, err := tc.do(t.Context(), r)
					if err == nil && o.State != flow.OperationStateDone {
						err = errors.New(o.String())
					}
					results <- err
				}()
			}
			for range 8 {
				if err := <-results; err != nil {
					t.Error(err)
				}
			}
			tc.isDone(s)
			want := 1
			if tc.call == captureCall && tc.before != nil {
				want = 2
			}
			if n := s.calls(tc.call); n != want {
				t.Errorf("%d calls", n)
			}
		})
	}
}

// The store holds the call encrypted while the operation is pending, and not at all afterwards.
func TestAnOperationsCallIsSealedUntilItEnds(t *testing.T) {
	for _, tc := range operationCases {
		s := newScene(t)
		r := s.replica()
		tc.begin(s, r)
		s.klarna.Script(klarnatest.Fault{Operation: tc.call, StatusCode: 503})
		_, _ = tc.do(t.Context(), r)
		if len(s.record(orderID).Sealed) == 0 {
			t.Errorf("%s: nothing is sealed", tc.name)
		}
		s.pass(r, time.Minute, 10*time.Second)
		tc.isDone(s)
		for _, secret := range []string{email, givenName, familyName, phone} {
			if strings.Contains(string(s.seen), secret) || strings.Contains(s.log.String(), secret) {
				t.Errorf("%s: %q can be read", tc.name, secret)
			}
		}
	}
}

func TestADamagedCallIsNotSent(t *testing.T) {
	for name, damage := range map[string]func(*flow.Record){
		"a seal": func(r *flow.Record) { r.Sealed[len(r.Sealed)/2]++ },
		"an amount": func(r *flow.Record) {
			r.Data = []byte(strings.Replace(string(r.Data), `"amount":4000`, `"amount":4001`, 1))
		},
		"a transaction": func(r *flow.Record) {
			r.Data = []byte(strings.Replace(string(r.Data), `"payment_transaction_id":"krn:`, `"payment_transaction_id":"krn2:`, 1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			s.pays(r)
			r.meets(unreachable)
			_, _ = r.Capture(t.Context(), orderID, flow.CaptureParams{ID: "op", Amount: 40_00})
			r.meets(nil)
			record := s.record(orderID)
			damage(&record)
			if err := s.memory.Update(t.Context(), record); err != nil {
				t.Fatal(err)
			}
			s.pass(r, time.Hour, 5*time.Minute)
			s.isOperation("op", flow.OperationStatePending, "")
			if n := s.calls(captureCall); n != 0 {
				t.Errorf("%d calls", n)
			}
			list, err := r.ListDamaged(t.Context(), "", 10)
			if err != nil || len(list) != 1 {
				t.Errorf("damaged: %v, %v", list, err)
			}
			if name == "a transaction" {
				return
			}
			s.pass(r, 24*time.Hour, time.Hour)
			s.isOperation("op", flow.OperationStateRefused, "RECORD_DAMAGED")
			if record := s.record(orderID); len(record.Sealed) != 0 || !record.DueAt.IsZero() {
				t.Errorf("%d bytes are sealed, and the purchase is due at %v", len(record.Sealed), record.DueAt)
			}
		})
	}
}

func TestOperationsPrintNoCustomerData(t *testing.T) {
	s := newScene(t)
	data := personal()
	for _, value := range []any{
		flow.CaptureParams{ID: "op", SupplementaryPurchaseData: data, KlarnaNetworkData: email},
		flow.RefundParams{ID: "op", KlarnaNetworkData: email, SupplementaryRefundData: &authorization.SupplementaryRefundData{LineItems: []authorization.LineItem{{Name: email}}}},
		flow.ExtendParams{ID: "op", SupplementaryPurchaseData: data},
		flow.UpdateTransactionParams{ID: "op", SupplementaryPurchaseData: data},
		flow.Operation{ID: "op", Kind: flow.OperationKindCapture, State: flow.OperationStateDone, Evidence: email},
		flow.Reconciliation{Status: flow.Status{ID: "op", PaymentRequestURL: email}},
	} {
		text := prints(value)
		for _, secret := range []string{email, givenName, familyName} {
			if strings.Contains(text, secret) {
				t.Errorf("%T prints %q", value, secret)
			}
		}
		if !strings.Contains(text, "op") {
			t.Errorf("%T does not print its id", value)
		}
	}
	_ = s
}

// elsewhere is another program, which uses the transaction without the Coordinator.
type elsewhere struct {
	*scene
	api *authorization.Client
}

func (s *scene) elsewhere() elsewhere {
	s.Helper()
	return elsewhere{s, authorization.New(s.replica().client(klarna.RetryPolicy{MaxAttempts: 1}).ForAccount(s.klarna.PartnerAccountID))}
}

func (e elsewhere) void() {
	e.Helper()
	if _, err := e.api.VoidTransaction(e.Context(), e.transaction().PaymentTransactionID); err != nil {
		e.Fatal(err)
	}
}

func (e elsewhere) capture(reference string, amount int64) string {
	e.Helper()
	capture, err := e.api.CaptureTransaction(e.Context(), e.transaction().PaymentTransactionID, authorization.CaptureTransactionParams{
		CaptureAmount: amount, PaymentCaptureReference: reference,
	})
	if err != nil {
		e.Fatal(err)
	}
	return capture.PaymentCaptureID
}

func (e elsewhere) refund(reference string, amount int64) string {
	e.Helper()
	refund, err := e.api.RefundTransaction(e.Context(), e.transaction().PaymentTransactionID, authorization.RefundTransactionParams{
		RefundAmount: amount, RefundReference: reference,
	})
	if err != nil {
		e.Fatal(err)
	}
	return refund.PaymentRefundID
}
