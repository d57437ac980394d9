package authorization_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
)

func TestAnswerDecidesTheResult(t *testing.T) {
	url := "https://pay.test.klarna.com/1"
	interaction := func(members string) string {
		return `{"payment_transaction_response":{"result":"STEP_UP_REQUIRED"},"payment_request":{"payment_request_id":"` + requestID +
			`","amount":5,"state":"SUBMITTED","state_context":{"customer_interaction":{` + members + `}}}}`
	}
	stepUp := func(c authorization.CustomerInteraction) authorization.StepUpRequired {
		return authorization.StepUpRequired{
			PaymentRequest: &authorization.PaymentRequest{
				PaymentRequestID: requestID, Amount: new(int64(5)), State: authorization.PaymentRequestStateSubmitted, StateContext: authorization.StateContext{CustomerInteraction: c},
			},
			URL: c.PaymentRequestURL, QRCode: c.QRCode,
		}
	}
	transaction := &authorization.PaymentTransaction{PaymentTransactionID: transactionID, Amount: 5}
	const approvedTransaction = `"payment_transaction_response":{"result":"APPROVED","payment_transaction":{"payment_transaction_id":"` + transactionID + `","amount":5}}`
	token := authorization.CustomerToken{
		CustomerTokenID: klarna.NewSecret("krn:token"), CustomerTokenReference: "token-1", Unknown: klarna.Unknown{"scopes": klarna.NewRawJSON(`["a"]`)},
	}
	for _, tc := range []struct {
		name, answer string
		want         authorization.Result
		token        *authorization.CustomerTokenResponse
	}{
		{"a payment is approved", `{` + approvedTransaction + `}`, authorization.Approved{PaymentTransaction: transaction}, nil},
		{
			"a payment is approved, with members that nobody knows",
			`{"of_tomorrow":{"result":"DECLINED"},` + strings.Replace(approvedTransaction, `"result"`, `"of_tomorrow":[1],"result"`, 1) + `}`,
			authorization.Approved{PaymentTransaction: transaction}, nil,
		},
		{"a payment is declined without a reason", `{"payment_transaction_response":{"result":"DECLINED"}}`, authorization.Declined{}, nil},
		{
			"a payment is declined for a reason", `{"payment_transaction_response":{"result":"DECLINED","result_reason":"OF_TOMORROW"}}`,
			authorization.Declined{Reason: "OF_TOMORROW"}, nil,
		},
		{
			"a result that nobody knows", `{"payment_transaction_response":{"result":"PENDING","result_reason":"OF_TOMORROW"}}`,
			authorization.Undecided{Result: "PENDING", Reason: "OF_TOMORROW"}, nil,
		},
		{
			"a step-up has the customer's URL", interaction(`"method":"HANDOVER","payment_request_url":"` + url + `"`),
			stepUp(authorization.CustomerInteraction{Method: authorization.InteractionMethodHandover, PaymentRequestURL: url}), nil,
		},
		{
			"a step-up in a store has a code", interaction(`"method":"QR_CODE","qr_code":{"image_url":"i","target_url":"https://code"}`),
			stepUp(authorization.CustomerInteraction{Method: authorization.InteractionMethodQRCode, QRCode: &authorization.QRCodeImage{ImageURL: "i", TargetURL: "https://code"}}), nil,
		},
		{
			"a code of another shape does not cost the URL", interaction(`"payment_request_url":"` + url + `","qr_code":"https://code","a":1`),
			stepUp(authorization.CustomerInteraction{
				PaymentRequestURL: url, Unknown: klarna.Unknown{"qr_code": klarna.NewRawJSON(`"https://code"`), "a": klarna.NewRawJSON(`1`)},
			}), nil,
		},
		{
			"a customer token that is a string", `{"customer_token_response":{"result":"APPROVED","customer_token":"krn:token"}}`,
			authorization.TokenIssued{CustomerToken: authorization.CustomerToken{Token: klarna.NewSecret("krn:token")}},
			&authorization.CustomerTokenResponse{Result: "APPROVED", CustomerToken: authorization.CustomerToken{Token: klarna.NewSecret("krn:token")}},
		},
		{
			"a customer token that is an object",
			`{"customer_token_response":{"result":"APPROVED","customer_token":{"customer_token_id":"krn:token","customer_token_reference":"token-1","scopes":["a"]}}}`,
			authorization.TokenIssued{CustomerToken: token}, &authorization.CustomerTokenResponse{Result: "APPROVED", CustomerToken: token},
		},
		{
			"a customer token is refused", `{"customer_token_response":{"result":"DECLINED","result_reason":"R"}}`,
			authorization.Declined{Reason: "R"}, &authorization.CustomerTokenResponse{Result: "DECLINED", ResultReason: "R"},
		},
		{
			"a customer token needs a step-up", `{"customer_token_response":{"result":"STEP_UP_REQUIRED"},"payment_request":{"payment_request_id":"` + requestID +
				`","amount":5,"state":"SUBMITTED"}}`,
			stepUp(authorization.CustomerInteraction{}), &authorization.CustomerTokenResponse{Result: "STEP_UP_REQUIRED"},
		},
		{
			"a payment decides where there is a customer token, too",
			`{` + approvedTransaction + `,"customer_token_response":{"result":"DECLINED","of_tomorrow":1}}`,
			authorization.Approved{PaymentTransaction: transaction},
			&authorization.CustomerTokenResponse{Result: "DECLINED", Unknown: klarna.Unknown{"of_tomorrow": klarna.NewRawJSON(`1`)}},
		},
		{
			"a customer token of another shape does not cost the payment",
			`{` + approvedTransaction + `,"customer_token_response":{"result":"APPROVED","customer_token":[1]}}`,
			authorization.Approved{PaymentTransaction: transaction},
			&authorization.CustomerTokenResponse{Result: "APPROVED", Unknown: klarna.Unknown{"customer_token": klarna.NewRawJSON(`[1]`)}},
		},
		{
			"nor does a member of it that does not fit",
			`{` + approvedTransaction + `,"customer_token_response":{"result":"APPROVED","customer_token":{"customer_token_id":"krn:token","customer_token_reference":7,"a":1}}}`,
			authorization.Approved{PaymentTransaction: transaction},
			&authorization.CustomerTokenResponse{Result: "APPROVED", CustomerToken: authorization.CustomerToken{
				CustomerTokenID: klarna.NewSecret("krn:token"),
				Unknown:         klarna.Unknown{"customer_token_reference": klarna.NewRawJSON(`7`), "a": klarna.NewRawJSON(`1`)},
			}},
		},
		{
			"an amount that is not whole decides nothing",
			`{"payment_transaction_response":{"result":"APPROVED","payment_transaction":{"payment_transaction_id":"` + transactionID + `","amount":1.5}}}`,
			authorization.Approved{PaymentTransaction: &authorization.PaymentTransaction{
				PaymentTransactionID: transactionID, Unknown: klarna.Unknown{"amount": klarna.NewRawJSON(`1.5`)},
			}}, nil,
		},
		{
			"a URL of another shape decides nothing", interaction(`"payment_request_url":[]`),
			stepUp(authorization.CustomerInteraction{Unknown: klarna.Unknown{"payment_request_url": klarna.NewRawJSON(`[]`)}}), nil,
		},
		{"a result in small letters", `{"payment_transaction_response":{"result":"declined"}}`, authorization.Declined{}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client, _ := newClient(t, http.StatusOK, tc.answer)
			request := order()
			if strings.HasPrefix(tc.name, "a customer token") && !strings.Contains(tc.name, "shape") {
				request = tokenOrder()
			}
			got, err := authorization.New(client).Authorize(t.Context(), request)
			if err != nil {
				t.Fatal(err)
			}
			want := &authorization.Authorization{Result: tc.want, CustomerToken: tc.token, Raw: klarna.NewRawJSON(tc.answer)}
			if diff := diff(want, got); diff != "" {
				t.Errorf("authorization (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCustomerTokenIsReadInEitherForm(t *testing.T) {
	for _, tc := range []struct {
		name  string
		token authorization.CustomerToken
		want  string
	}{
		{"the string", authorization.CustomerToken{Token: klarna.NewSecret("string")}, "string"},
		{"the object", authorization.CustomerToken{CustomerTokenID: klarna.NewSecret("id"), CustomerTokenReference: "r"}, "id"},
		{"both", authorization.CustomerToken{Token: klarna.NewSecret("string"), CustomerTokenID: klarna.NewSecret("id")}, "string"},
		{"none", authorization.CustomerToken{CustomerTokenReference: "r"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.token.Secret().Reveal(); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestUnusableAnswerLeavesTheOutcomeUnknown(t *testing.T) {
	const (
		noTransaction = "payment_transaction_response.payment_transaction.payment_transaction_id is missing"
		noRequest     = "payment_request.payment_request_id is missing"
		noResult      = "payment_transaction_response.result is missing"
		noToken       = "customer_token_response.customer_token."
	)
	for _, tc := range []struct{ name, answer, text string }{
		{"approved without a transaction", `{"payment_transaction_response":{"result":"APPROVED"}}`, noTransaction},
		{
			"approved with a transaction that is null",
			`{"payment_transaction_response":{"result":"APPROVED","payment_transaction":null}}`, noTransaction,
		},
		{
			"approved with a transaction without an id",
			`{"payment_transaction_response":{"result":"APPROVED","payment_transaction":{"amount":5}}}`, noTransaction,
		},
		{
			"approved with an id of another type",
			`{"payment_transaction_response":{"result":"APPROVED","payment_transaction":{"payment_transaction_id":7}}}`,
			"payment_transaction_response.payment_transaction.payment_transaction_id is a number",
		},
		{
			"approved with a transaction of another type",
			`{"payment_transaction_response":{"result":"APPROVED","payment_transaction":[{}]}}`,
			"payment_transaction_response.payment_transaction is an array",
		},
		{
			"declined with a transaction", strings.Replace(approvedAnswer, "APPROVED", "DECLINED", 1),
			"there is payment_transaction_response.payment_transaction",
		},
		{
			"a step-up with a payment request without an id",
			`{"payment_transaction_response":{"result":"STEP_UP_REQUIRED"},"payment_request":{"state":"SUBMITTED"}}`, noRequest,
		},
		{
			"approved with a customer token in place of a transaction",
			`{"payment_transaction_response":{"result":"APPROVED"},"customer_token_response":{"result":"APPROVED","customer_token":"t"}}`,
			noTransaction,
		},
		{"a customer token without a token", `{"customer_token_response":{"result":"APPROVED"}}`, noToken},
		{
			"a customer token without an id",
			`{"customer_token_response":{"result":"APPROVED","customer_token":{"customer_token_reference":"token-1"}}}`, noToken,
		},
		{"a step-up without a payment request", `{"payment_transaction_response":{"result":"STEP_UP_REQUIRED"}}`, noRequest},
		{"no result", `{"payment_transaction_response":{"result_reason":"R"}}`, noResult},
		{"a result that is empty", `{"payment_transaction_response":{"result":""}}`, noResult},
		{"no result beside a payment request", `{"payment_transaction_response":{},"payment_request":` + paymentRequestAnswer + `}`, noResult},
		{"nothing", `{}`, noResult},
		{"null", `null`, noResult},
		{"a payment request alone", `{"payment_request":` + paymentRequestAnswer + `}`, noResult},
		{"a list", `[]`, "the JSON is an array"},
		{"text that is not JSON", `{"payment_transaction_response":`, "it ends too early"},
		{
			"a URL that runs a script", strings.Replace(stepUpAnswer, "https://pay.test.klarna.com/eu/requests/1/start", "javascript:alert(1)", 1),
			"payment_request.state_context.customer_interaction.payment_request_url is neither https",
		},
		{
			"the same member twice", `{"payment_transaction_response":{"result":"APPROVED","result":"DECLINED"}}`,
			"payment_transaction_response.result is there more than once",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client, _ := newClient(t, http.StatusOK, tc.answer)
			request := order()
			if strings.HasPrefix(tc.name, "a customer token") {
				request = tokenOrder()
			}
			got, err := authorization.New(client).Finalize(t.Context(), request, approval())
			e := failure(t, err)
			if got != nil || e.Outcome != klarna.OutcomeUnknown || e.StatusCode != http.StatusOK {
				t.Errorf("got %v and the error %v, want an unknown outcome", got, e)
			}
			if !strings.Contains(e.Error(), tc.text) {
				t.Errorf("got the error text %q, want it to contain %q", e, tc.text)
			}
			if e.IdempotencyKey == "" {
				t.Error("got an error without an idempotency key, want the key for a repeat")
			}
		})
	}
}
