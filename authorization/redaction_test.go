package authorization_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/internal/test/roundtrip"
	"github.com/klarna-go/klarna-go/klarna"
)

// These strings must not be shown. The first two are secrets, which no other encoder may write. The
// third is personal data, which a caller may store as JSON.
const (
	tokenCanary    = "canary-session-token"
	customerCanary = "canary-customer-token"
	nameCanary     = "Canary-Lovelace"
)

const (
	canaryMembers      = `"of_tomorrow":{"name":"` + nameCanary + `"}`
	canaryData         = `{"customer":{"family_name":"` + nameCanary + `"},"line_items":[{"name":"` + nameCanary + `","quantity":1,"total_amount":5}],` + canaryMembers + `}`
	canaryInteraction  = `{"method":"HANDOVER","payment_request_url":"u",` + canaryMembers + `}`
	canaryStateContext = `{"klarna_network_session_token":"` + tokenCanary + `","interoperability_token":"` + tokenCanary + `","payment_token":"` + tokenCanary + `",
		"klarna_customer":{"customer_profile":{"family_name":"` + nameCanary + `"},"customer_token":"` + customerCanary + `"},
		"shipping":{"recipient":{"family_name":"` + nameCanary + `"}},"customer_interaction":` + canaryInteraction + `,` + canaryMembers + `}`
	canaryPaymentRequest = `{"payment_request_id":"id-1","amount":5,"state":"COMPLETED","state_context":` + canaryStateContext + `,
		"supplementary_purchase_data":` + canaryData + `,` + canaryMembers + `}`
	canaryToken       = `{"customer_token":"` + customerCanary + `","customer_token_id":"` + customerCanary + `",` + canaryMembers + `}`
	canaryTransaction = `{"payment_transaction_id":"id-1","amount":5,"state":"AUTHORIZED","payment_funding":{"name":"` + nameCanary + `"},` + canaryMembers + `}`
)

func decoded[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := authorization.Decode([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// canaries returns values of each exported struct, except those of the supplementary data, which
// have a test of their own.
func canaries(t *testing.T) []any {
	t.Helper()
	members, data := `{`+canaryMembers+`}`, `{"supplementary_purchase_data":`+canaryData+`,`+canaryMembers+`}`
	p := decoded[authorization.PaymentRequest](t, canaryPaymentRequest)
	p.Raw = klarna.NewRawJSON(canaryPaymentRequest)
	transaction := decoded[authorization.PaymentTransaction](t, canaryTransaction)
	transaction.Raw = klarna.NewRawJSON(canaryTransaction)
	token := decoded[authorization.CustomerToken](t, canaryToken)
	response := authorization.CustomerTokenResponse{Result: "APPROVED", CustomerToken: token, Unknown: token.Unknown}
	approval, err := p.Approval()
	if err != nil {
		t.Fatal(err)
	}
	stepUp := authorization.StepUpRequired{PaymentRequest: &p, URL: "u"}
	request := decoded[authorization.AuthorizeParams](t, data)
	request.KlarnaNetworkData = `{"name":"` + nameCanary + `"}`
	request.InteroperabilityData = request.KlarnaNetworkData
	params := decoded[authorization.CreatePaymentRequestParams](t, data)
	params.KlarnaNetworkData = request.KlarnaNetworkData
	return []any{
		authorization.Authorization{Result: stepUp, CustomerToken: &response, Raw: klarna.NewRawJSON(canaryPaymentRequest)},
		authorization.Approved{PaymentTransaction: &transaction}, stepUp, authorization.TokenIssued{CustomerToken: token},
		authorization.Declined{Reason: "R"}, authorization.Undecided{Result: "R"},
		authorization.Prepared{Body: klarna.NewRawJSON(data), Reference: "r"},
		response, token, approval, p, p.StateContext, p.StateContext.CustomerInteraction, transaction,
		decoded[authorization.QRCodeImage](t, members),
		authorization.Return{PaymentRequestID: "id-1", SessionToken: klarna.NewSecret(tokenCanary), PaymentRequestReference: nameCanary},
		request, params, decoded[authorization.UpdatePaymentRequestParams](t, data),
		decoded[authorization.UpdateTransactionParams](t, data), decoded[authorization.ExtendTransactionParams](t, data), decoded[authorization.CaptureTransactionParams](t, data),
		decoded[authorization.RefundTransactionParams](t, `{"supplementary_refund_data":`+canaryData+`,`+canaryMembers+`}`),
		decoded[authorization.RefundCaptureParams](t, `{"supplementary_refund_data":`+canaryData+`,`+canaryMembers+`}`),
		decoded[authorization.PaymentCapture](t, `{"supplementary_capture_data":`+canaryData+`,`+canaryMembers+`}`),
		decoded[authorization.PaymentFunding](t, members), decoded[authorization.PaymentRefund](t, members), decoded[authorization.PaymentChargeback](t, members),
	}
}

// harmless are the structs that hold only configuration.
var harmless = []string{
	"Client", "CustomerInteractionConfig", "InteractionExpiry", "PointOfCheckout", "PointOfTransaction",
	"RequestCustomerToken", "RequestPaymentTransaction", "ShippingConfig", "StepUpConfig",
}

func TestCanariesCoverEachType(t *testing.T) {
	var known []string
	for _, v := range canaries(t) {
		known = append(known, reflect.TypeOf(v).Name())
	}
	known = append(known, harmless...)
	slices.Sort(known)
	exported := slices.DeleteFunc(roundtrip.Structs(t, nil), func(name string) bool {
		typ := wireTypes()[name]
		return typ != nil && !slices.Contains(known, name) && printsNothing(typ)
	})
	if diff := cmp.Diff(known, exported); diff != "" {
		t.Errorf("structs (-known +exported):\n%s", diff)
	}
}

// printsNothing reports whether a type never prints its contents, as the types of the supplementary
// data.
func printsNothing(typ reflect.Type) bool {
	return fmt.Sprint(reflect.Zero(typ).Interface()) == "[redacted]"
}

func TestNothingPrintsATokenOrAName(t *testing.T) {
	for _, value := range canaries(t) {
		typ := reflect.TypeOf(value)
		t.Run(typ.Name(), func(t *testing.T) {
			pointer := reflect.New(typ)
			pointer.Elem().Set(reflect.ValueOf(value))
			list := reflect.Append(reflect.MakeSlice(reflect.SliceOf(typ), 0, 1), pointer.Elem()).Interface()

			var printed bytes.Buffer
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
				for _, v := range []any{value, pointer.Interface(), list, struct{ Field any }{value}} {
					fmt.Fprintf(&printed, verb+"\n", v)
				}
			}
			for _, handler := range []slog.Handler{slog.NewTextHandler(&printed, nil), slog.NewJSONHandler(&printed, nil)} {
				slog.New(handler).Info("m", "value", value, "pointer", pointer.Interface(), slog.Group("g", "value", value))
			}
			slog.New(slog.NewTextHandler(&printed, nil)).Info("m", "list", list)
			checkNotShown(t, printed.String(), tokenCanary, customerCanary, nameCanary)
		})
	}
}

func TestOtherEncodersWriteNoToken(t *testing.T) {
	for _, value := range canaries(t) {
		if typ := reflect.TypeOf(value); typ == reflect.TypeFor[authorization.PaymentRequest]() || typ == reflect.TypeFor[authorization.StateContext]() ||
			typ == reflect.TypeFor[authorization.StepUpRequired]() {
			continue // their raw customer is checked below
		}
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		checkNotShown(t, string(text), tokenCanary, customerCanary)
	}
	p := decoded[authorization.PaymentRequest](t, canaryPaymentRequest)
	p.StateContext.KlarnaCustomer = klarna.RawJSON{}
	for _, value := range []any{p, p.StateContext, authorization.StepUpRequired{PaymentRequest: &p}} {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		checkNotShown(t, string(text), tokenCanary)
		if !strings.Contains(string(text), "[redacted]") {
			t.Errorf("got %s without a member for the token", text)
		}
	}
	// The placeholder in the encoding is not decoded as a token.
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var back authorization.PaymentRequest
	if err := json.Unmarshal(text, &back); err != nil || !back.SessionToken().IsZero() || back.PaymentRequestID != "id-1" {
		t.Errorf("decoded again: error %v, got %v with the token %q, want none", err, back, back.SessionToken().Reveal())
	}
}

func checkNotShown(t *testing.T, text string, canaries ...string) {
	t.Helper()
	for _, canary := range canaries {
		for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary)} {
			if at := strings.Index(text, form); at >= 0 {
				t.Errorf("got %q in %s", canary, text[max(0, at-60):min(len(text), at+60)])
			}
		}
	}
}

func TestPrintedTextIdentifiesTheValue(t *testing.T) {
	p, transaction := decodedPaymentRequest(), decodedTransaction()
	response := authorization.CustomerTokenResponse{Result: "APPROVED"}
	for _, tc := range []struct {
		value any
		want  string
	}{
		{order(), "authorization.AuthorizeParams{transaction-1}"},
		{params(), "authorization.CreatePaymentRequestParams{request-1}"},
		{approval(), "authorization.Approval{11800 EUR}"},
		{authorization.Prepared{Reference: "transaction-1"}, "authorization.Prepared{transaction-1}"},
		{p, "authorization.PaymentRequest{" + requestID + " COMPLETED}"},
		{p.StateContext, "[redacted]"},
		{p.StateContext.CustomerInteraction, "authorization.CustomerInteraction{HANDOVER " + requestID + "}"},
		{transaction, "authorization.PaymentTransaction{" + transactionID + " AUTHORIZED}"},
		{authorization.Approved{PaymentTransaction: &transaction}, "authorization.Approved{authorization.PaymentTransaction{" + transactionID + " AUTHORIZED}}"},
		{authorization.StepUpRequired{PaymentRequest: &p}, "authorization.StepUpRequired{authorization.PaymentRequest{" + requestID + " COMPLETED}}"},
		{authorization.StepUpRequired{}, "authorization.StepUpRequired{<nil>}"},
		{authorization.Authorization{Result: authorization.Declined{}}, "authorization.Authorization{authorization.Declined}"},
		{authorization.Authorization{}, "authorization.Authorization{<nil>}"},
		{response, "authorization.CustomerTokenResponse{APPROVED}"},
		{authorization.CustomerToken{}, "[redacted]"},
		{authorization.TokenIssued{}, "authorization.TokenIssued{[redacted]}"},
		{authorization.Return{PaymentRequestID: "a\nb", State: "COMPLETED"}, `authorization.Return{"a\nb" "COMPLETED"}`},
		{authorization.UpdatePaymentRequestParams{PaymentRequestReference: "r"}, "authorization.UpdatePaymentRequestParams{r}"},
		{authorization.UpdateTransactionParams{PaymentTransactionReference: "r"}, "authorization.UpdateTransactionParams{r}"},
		{authorization.ExtendTransactionParams{ExtensionDays: 7}, "authorization.ExtendTransactionParams{7}"},
		{authorization.CaptureTransactionParams{PaymentCaptureReference: "r", CaptureAmount: 5}, "authorization.CaptureTransactionParams{5 r}"},
		{authorization.RefundTransactionParams{RefundReference: "r", RefundAmount: 5}, "authorization.RefundTransactionParams{5 r}"},
		{authorization.RefundCaptureParams{PaymentRefundReference: "r", RefundAmount: 5}, "authorization.RefundCaptureParams{5 r}"},
		{*wantCapture, "authorization.PaymentCapture{" + captureID + "}"},
		{*wantRefund, "authorization.PaymentRefund{" + refundID + "}"},
		{*p.StateContext.CustomerInteraction.QRCode, "[redacted]"},
		{authorization.PaymentChargeback{}, "authorization.PaymentChargeback{}"},
		{(*authorization.PaymentRequest)(nil), "<nil>"},
		{(*authorization.Authorization)(nil), "<nil>"},
	} {
		if got := fmt.Sprint(tc.value); got != tc.want {
			t.Errorf("%T prints: got %s, want %s", tc.value, got, tc.want)
		}
		if v, ok := tc.value.(slog.LogValuer); ok && tc.want != "<nil>" && v.LogValue().String() != tc.want {
			t.Errorf("%T logs: got %s, want %s", tc.value, v.LogValue(), tc.want)
		}
	}
}

func TestLoggingANilAnswerDoesNotPanic(t *testing.T) {
	var p *authorization.PaymentRequest
	slog.New(slog.NewJSONHandler(new(bytes.Buffer), nil)).Info("m", "p", p)
}

func TestErrorsContainNoRequestOrAnswer(t *testing.T) {
	r := decoded[authorization.AuthorizeParams](t, `{"supplementary_purchase_data":`+canaryData+`}`)
	a := authorization.Approval{SessionToken: klarna.NewSecret(tokenCanary)}
	for _, answer := range []struct {
		status int
		body   string
	}{
		{http.StatusOK, `{"payment_request":` + canaryPaymentRequest + `}`},
		{http.StatusOK, `{"payment_request":{"amount":"` + nameCanary + `"}}`},
		{http.StatusOK, `{"` + nameCanary + `":1,"` + nameCanary + `":2}`},
		{http.StatusBadRequest, `{"error_code":"` + tokenCanary + `","error_message":"` + nameCanary + `","validation_errors":[{"parameter":"x","reason":"` + nameCanary + `"}]}`},
		{http.StatusInternalServerError, nameCanary},
	} {
		for _, option := range []klarna.Option{nil, klarna.WithoutLocalValidation()} {
			client, _ := newClient(t, answer.status, answer.body, option)
			_, err := authorization.New(client).Finalize(t.Context(), r, a)
			e := failure(t, err)
			text, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			checkNotShown(t, fmt.Sprintf("%v %+v %#v %q %x %s", e, e, e, e, e, text), tokenCanary, nameCanary)
		}
	}
}
