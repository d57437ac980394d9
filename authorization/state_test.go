package authorization_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
)

var states = []authorization.PaymentRequestState{
	authorization.PaymentRequestStateSubmitted, authorization.PaymentRequestStateInProgress, authorization.PaymentRequestStateCompleted,
	authorization.PaymentRequestStateExpired, authorization.PaymentRequestStateCanceled, authorization.PaymentRequestStateDeclined,
}

func TestStatesFollowKlarnasTable(t *testing.T) {
	// The closure of Klarna's table, written by hand. A COMPLETED payment request can be canceled.
	table := map[authorization.PaymentRequestState][]authorization.PaymentRequestState{
		"SUBMITTED":   {"SUBMITTED", "IN_PROGRESS", "COMPLETED", "EXPIRED", "CANCELED", "DECLINED"},
		"IN_PROGRESS": {"SUBMITTED", "IN_PROGRESS", "COMPLETED", "EXPIRED", "CANCELED", "DECLINED"},
		"COMPLETED":   {"CANCELED"},
		"EXPIRED":     {},
		"CANCELED":    {},
		"DECLINED":    {},
		"OF_TOMORROW": {"SUBMITTED", "IN_PROGRESS", "COMPLETED", "EXPIRED", "CANCELED", "DECLINED"},
	}
	for from, ways := range table {
		for _, to := range states {
			if got, want := from.CanBecome(to), slices.Contains(ways, to); got != want {
				t.Errorf("%s can become %s: got %t, want %t", from, to, got, want)
			}
		}
		if !from.CanBecome("OF_TOMORROW") {
			t.Errorf("%s can become an unknown state: got false, want true", from)
		}
	}
}

func TestCustomerCanApproveInAnOpenState(t *testing.T) {
	for state, want := range map[authorization.PaymentRequestState]bool{
		"SUBMITTED": true, "IN_PROGRESS": true, "COMPLETED": false, "EXPIRED": false, "CANCELED": false, "DECLINED": false, "OF_TOMORROW": true, "": true,
	} {
		if got := state.Open(); got != want {
			t.Errorf("%q is open: got %t, want %t", state, got, want)
		}
	}
}

func TestApprovalNeedsCompletionAndAToken(t *testing.T) {
	newest, older, oldest := klarna.NewSecret("newest"), klarna.NewSecret("older"), klarna.NewSecret("oldest")
	completed := func(c authorization.StateContext) *authorization.PaymentRequest {
		return &authorization.PaymentRequest{State: authorization.PaymentRequestStateCompleted, Amount: new(int64(12_500)), Currency: "EUR", StateContext: c}
	}
	for _, tc := range []struct {
		name    string
		request *authorization.PaymentRequest
		token   klarna.Secret
		err     string
	}{
		{
			"all names of the token", completed(authorization.StateContext{KlarnaNetworkSessionToken: newest, InteroperabilityToken: older, PaymentToken: oldest}),
			newest, "",
		},
		{"the older names", completed(authorization.StateContext{InteroperabilityToken: older, PaymentToken: oldest}), older, ""},
		{"the oldest name", completed(authorization.StateContext{PaymentToken: oldest}), oldest, ""},
		{
			"no token", completed(authorization.StateContext{}), klarna.Secret{},
			"authorization: the payment request has no approval: state is COMPLETED, and state_context.klarna_network_session_token is missing",
		},
		{
			"no amount", &authorization.PaymentRequest{State: authorization.PaymentRequestStateCompleted, StateContext: authorization.StateContext{PaymentToken: oldest}},
			oldest, "authorization: the payment request has no approval: state is COMPLETED, and amount is missing",
		},
		{
			"another state", &authorization.PaymentRequest{State: authorization.PaymentRequestStateInProgress, StateContext: authorization.StateContext{PaymentToken: oldest}},
			oldest, "authorization: the payment request has no approval: state is IN_PROGRESS",
		},
		{"nil", nil, klarna.Secret{}, "authorization: the payment request has no approval"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.request.SessionToken(); !got.Equal(tc.token) {
				t.Errorf("got the token %q, want %q", got.Reveal(), tc.token.Reveal())
			}
			got, err := tc.request.Approval()
			if tc.err != "" {
				if !errors.Is(err, authorization.ErrNotApproved) || err.Error() != tc.err || diff(authorization.Approval{}, got) != "" {
					t.Errorf("got %v and the error %v, want %s", got, err, tc.err)
				}
				return
			}
			if diff := diff(authorization.Approval{Amount: 12_500, Currency: "EUR", SessionToken: tc.token}, got); diff != "" || err != nil {
				t.Errorf("error %v, approval (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestFinalizeDependsOnRequestAndApprovalAlone(t *testing.T) {
	lines := func(amounts ...int64) *authorization.SupplementaryPurchaseData {
		d := &authorization.SupplementaryPurchaseData{PurchaseReference: "p"}
		for _, a := range amounts {
			d.LineItems = append(d.LineItems, authorization.LineItem{Name: "n", Quantity: 1, TotalAmount: a})
		}
		return d
	}
	for _, tc := range []struct {
		name     string
		data     *authorization.SupplementaryPurchaseData
		approved int64
		want     string
	}{
		{"lines that sum to what was approved stay", lines(3, 4), 7, `,"supplementary_purchase_data":{"purchase_reference":"p","line_items":[
			{"name":"n","quantity":1,"total_amount":3},{"name":"n","quantity":1,"total_amount":4}]}`},
		{"lines that no longer do are left out", lines(3, 4), 8, `,"supplementary_purchase_data":{"purchase_reference":"p"}`},
		{"data without lines stay", lines(), 8, `,"supplementary_purchase_data":{"purchase_reference":"p"}`},
		{"no data", nil, 8, ``},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client, wire := newClient(t, http.StatusOK, approvedAnswer)
			r := order()
			r.RequestPaymentTransaction.Amount = 7
			r.SupplementaryPurchaseData = tc.data
			a := approval()
			a.Amount = tc.approved
			if _, err := authorization.New(client).Finalize(t.Context(), r, a); err != nil {
				t.Fatal(err)
			}
			want := `{"currency":"EUR","request_payment_transaction":{"amount":` + map[int64]string{7: "7", 8: "8"}[tc.approved] +
				`,"payment_transaction_reference":"transaction-1","payment_option_id":"S0xBUk5B"}` + tc.want + `}`
			if diff := jsonDiff(t, want, wire.only(t).Body); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
			if r.StepUpConfig == nil || r.RequestPaymentTransaction.Amount != 7 || tc.data != nil && len(tc.data.LineItems) != len(r.SupplementaryPurchaseData.LineItems) {
				t.Errorf("got the changed first request %+v", r)
			}
		})
	}
}

// Such an answer must not be read as an open or a canceled payment request.
func TestPaymentRequestNeedsAnIDAndAState(t *testing.T) {
	for answer, missing := range map[string]string{
		`{}`: "payment_request_id", `{"data":{}}`: "payment_request_id", `{"payment_request_id":"p"}`: "state",
		`{"state":"CANCELED"}`: "payment_request_id", `null`: "payment_request_id",
	} {
		for name, call := range map[string]func(*authorization.Client) (*authorization.PaymentRequest, error){
			"create": func(c *authorization.Client) (*authorization.PaymentRequest, error) {
				return c.CreatePaymentRequest(t.Context(), params())
			},
			"read": func(c *authorization.Client) (*authorization.PaymentRequest, error) {
				return c.GetPaymentRequest(t.Context(), "p")
			},
			"cancel": func(c *authorization.Client) (*authorization.PaymentRequest, error) {
				return c.CancelPaymentRequest(t.Context(), "p")
			},
		} {
			client, _ := newClient(t, http.StatusOK, answer)
			p, err := call(authorization.New(client))
			if p != nil || err == nil || klarna.OutcomeOf(err) != klarna.OutcomeUnknown || !strings.Contains(err.Error(), missing+" is missing") {
				t.Errorf("%s answered %s: got %v and the error %v, want an unknown outcome", name, answer, p, err)
			}
		}
	}
}
