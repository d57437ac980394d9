package authorization_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
)

// invalidCall is a call that local validation refuses.
type invalidCall struct {
	name       string
	do         func(ctx context.Context, c *authorization.Client) (any, error)
	parameters []string
}

func authorizing(change func(*authorization.AuthorizeParams)) func(context.Context, *authorization.Client) (any, error) {
	return func(ctx context.Context, c *authorization.Client) (any, error) {
		r := order()
		change(&r)
		return c.Authorize(ctx, r)
	}
}

func returningTo(address string) func(context.Context, *authorization.Client) (any, error) {
	return authorizing(func(r *authorization.AuthorizeParams) { r.StepUpConfig.CustomerInteractionConfig.ReturnURL = address })
}

var (
	long          = strings.Repeat("å", 256)
	returnURLPath = "step_up_config.customer_interaction_config.return_url"
	invalidCalls  = []invalidCall{
		{"authorize: an empty request", func(ctx context.Context, c *authorization.Client) (any, error) {
			return c.Authorize(ctx, authorization.AuthorizeParams{})
		}, []string{"currency", "request_payment_transaction"}},
		{"authorize: each problem in one error", func(ctx context.Context, c *authorization.Client) (any, error) {
			return c.Authorize(ctx, authorization.AuthorizeParams{
				RequestPaymentTransaction: &authorization.RequestPaymentTransaction{
					Amount: -1, PaymentTransactionReference: long, PaymentCaptureReference: long,
				},
				SupplementaryPurchaseData: &authorization.SupplementaryPurchaseData{LineItems: []authorization.LineItem{{TotalAmount: 1}}},
				StepUpConfig:              &authorization.StepUpConfig{},
				RequestCustomerToken:      &authorization.RequestCustomerToken{CustomerTokenReference: long},
				KlarnaNetworkData:         strings.Repeat("a", 10_241),
				InteroperabilityData:      strings.Repeat("a", 10_241),
			})
		}, []string{
			"currency",
			"request_payment_transaction.amount",
			"request_payment_transaction.payment_transaction_reference",
			"request_payment_transaction.payment_capture_reference",
			"step_up_config.payment_request_reference",
			"step_up_config.customer_interaction_config.method",
			"request_customer_token.customer_token_reference",
			"klarna_network_data",
			"interoperability_data", // too long
			"interoperability_data", // and the second of two names
			"supplementary_purchase_data.line_items",
		}},
		{"authorize: no reference", authorizing(func(r *authorization.AuthorizeParams) { r.RequestPaymentTransaction.PaymentTransactionReference = "" }),
			[]string{"request_payment_transaction.payment_transaction_reference"}},
		{"authorize: a handover without a return URL", returningTo(""), []string{returnURLPath}},
		{"authorize: a placeholder encoded in upper case", returningTo("https://a.example/?b=%7Bklarna.payment_request.id%7D"), []string{returnURLPath}},
		{"authorize: a placeholder encoded in lower case", returningTo("https://a.example/?b=%7bklarna.payment_request.id%7d"), []string{returnURLPath}},
		{"authorize: a placeholder whose first brace is encoded", returningTo("https://a.example/?b=%7Bklarna.payment_request.id}"), []string{returnURLPath}},
		{"authorize: a placeholder whose last brace is encoded", returningTo("https://a.example/?b={klarna.payment_request.id%7d"), []string{returnURLPath}},
		{"authorize: one encoded placeholder among literal ones", returningTo(returnURL + "&s=%7Bklarna.payment_request.state%7D"), []string{returnURLPath}},
		{"authorize: the older placeholder encoded", returningTo("https://a.example/%7Bklarna.payment_request.payment_token%7D"), []string{returnURLPath}},
		{"finalize: no token, another currency, and a first request without a reference", func(ctx context.Context, c *authorization.Client) (any, error) {
			r := order()
			r.RequestPaymentTransaction.PaymentTransactionReference = ""
			return c.Finalize(ctx, r, authorization.Approval{Amount: -5, Currency: "SEK"})
		}, []string{
			"Klarna-Network-Session-Token", "currency",
			"request_payment_transaction.amount", "request_payment_transaction.payment_transaction_reference",
		}},
		{"create: an empty request", func(ctx context.Context, c *authorization.Client) (any, error) {
			return c.CreatePaymentRequest(ctx, authorization.CreatePaymentRequestParams{})
		}, []string{"currency", "payment_request_reference"}},
		{"create: each other problem", func(ctx context.Context, c *authorization.Client) (any, error) {
			return c.CreatePaymentRequest(ctx, authorization.CreatePaymentRequestParams{
				Currency: "EUR", Amount: new(int64(-1)), PaymentRequestReference: long, KlarnaNetworkData: strings.Repeat("a", 10_241),
				CustomerInteractionConfig: authorization.CustomerInteractionConfig{Method: authorization.InteractionMethodHandover},
				SupplementaryPurchaseData: &authorization.SupplementaryPurchaseData{LineItems: []authorization.LineItem{{TotalAmount: 1}}},
			})
		}, []string{
			"amount", "payment_request_reference", "customer_interaction_config.return_url", "klarna_network_data", "supplementary_purchase_data.line_items",
		}},
		{"update of a payment request", func(ctx context.Context, c *authorization.Client) (any, error) {
			return c.UpdatePaymentRequest(ctx, requestID, authorization.UpdatePaymentRequestParams{
				Amount: new(int64(-1)), PaymentRequestReference: long,
				CustomerInteractionConfig: &authorization.CustomerInteractionConfig{Method: authorization.InteractionMethodHandover},
			})
		}, []string{"payment_request_reference", "customer_interaction_config.return_url", "amount"}},
		{"update of a transaction", func(ctx context.Context, c *authorization.Client) (any, error) {
			return c.UpdateTransaction(ctx, transactionID, authorization.UpdateTransactionParams{PaymentTransactionReference: long})
		}, []string{"payment_transaction_reference"}},
		{"capture", func(ctx context.Context, c *authorization.Client) (any, error) {
			return c.CaptureTransaction(ctx, transactionID, authorization.CaptureTransactionParams{CaptureAmount: -1, PaymentCaptureReference: long})
		}, []string{"capture_amount", "payment_capture_reference"}},
		{"refund of a transaction", func(ctx context.Context, c *authorization.Client) (any, error) {
			return c.RefundTransaction(ctx, transactionID, authorization.RefundTransactionParams{RefundAmount: -1, RefundReference: long})
		}, []string{"refund_amount", "refund_reference"}},
		{"refund of a capture", func(ctx context.Context, c *authorization.Client) (any, error) {
			return c.RefundCapture(ctx, captureID, authorization.RefundCaptureParams{RefundAmount: -1, PaymentRefundReference: long})
		}, []string{"refund_amount", "payment_refund_reference"}},
		{"extension", func(ctx context.Context, c *authorization.Client) (any, error) {
			return c.ExtendTransaction(ctx, transactionID, authorization.ExtendTransactionParams{ExtensionDays: -1, Amount: new(int64(-1))})
		}, []string{"extension_days", "amount"}},
	}
)

func TestInvalidRequestsAreNotSent(t *testing.T) {
	for _, tc := range invalidCalls {
		t.Run(tc.name, func(t *testing.T) {
			client, wire := newClient(t, http.StatusOK, stepUpAnswer)
			_, err := tc.do(t.Context(), authorization.New(client))
			e := failure(t, err)
			if !errors.Is(e, klarna.CodeValidationError) || e.Outcome != klarna.OutcomeNotSent {
				t.Errorf("got the error %v, want a validation error that was not sent", e)
			}
			if diff := cmp.Diff(tc.parameters, parameters(e)); diff != "" {
				t.Errorf("parameters (-want +got):\n%s", diff)
			}
			for _, v := range e.ValidationErrors {
				if len(v.Reasons) != 1 || v.Reasons[0] == "" || strings.Contains(e.Error(), long) {
					t.Errorf("%s: got the reasons %q in the error %q, want each of them", v.Parameter, v.Reasons, e)
				}
			}
			if n := len(wire.all()); n != 0 {
				t.Errorf("got %d requests, want none", n)
			}
		})
	}
}

func TestInvalidRequestsAreSentWithoutLocalValidation(t *testing.T) {
	for _, tc := range invalidCalls {
		t.Run(tc.name, func(t *testing.T) {
			client, wire := newClient(t, http.StatusBadRequest, `{"error_code":"VALIDATION_ERROR"}`, klarna.WithoutLocalValidation())
			_, err := tc.do(t.Context(), authorization.New(client))
			if e := failure(t, err); e.StatusCode != http.StatusBadRequest || e.Outcome != klarna.OutcomeRejected {
				t.Errorf("got the error %v, want Klarna's refusal", e)
			}
			wire.only(t)
		})
	}
}

func TestEmptyIDIsRefusedByName(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(context.Context, *authorization.Client) (any, error)
	}{
		{"payment_request_id", func(ctx context.Context, c *authorization.Client) (any, error) { return c.GetPaymentRequest(ctx, "") }},
		{"payment_request_id", func(ctx context.Context, c *authorization.Client) (any, error) {
			return c.CancelPaymentRequest(ctx, "")
		}},
		{"payment_request_id", func(ctx context.Context, c *authorization.Client) (any, error) {
			return c.UpdatePaymentRequest(ctx, "", authorization.UpdatePaymentRequestParams{})
		}},
		{"payment_request_id", func(ctx context.Context, c *authorization.Client) (any, error) { return c.WaitPaymentRequest(ctx, "") }},
		{"payment_transaction_id", func(ctx context.Context, c *authorization.Client) (any, error) { return c.GetTransaction(ctx, "") }},
		{"payment_transaction_id", func(ctx context.Context, c *authorization.Client) (any, error) {
			return c.UpdateTransaction(ctx, "", authorization.UpdateTransactionParams{})
		}},
		{"payment_transaction_id", func(ctx context.Context, c *authorization.Client) (any, error) { return c.VoidTransaction(ctx, "") }},
		{"payment_transaction_id", func(ctx context.Context, c *authorization.Client) (any, error) {
			return c.CaptureTransaction(ctx, "", authorization.CaptureTransactionParams{})
		}},
		{"payment_transaction_id", func(ctx context.Context, c *authorization.Client) (any, error) {
			return c.RefundTransaction(ctx, "", authorization.RefundTransactionParams{})
		}},
		{"payment_transaction_id", func(ctx context.Context, c *authorization.Client) (any, error) {
			return c.ExtendTransaction(ctx, "", authorization.ExtendTransactionParams{})
		}},
		{"payment_capture_id", func(ctx context.Context, c *authorization.Client) (any, error) { return c.GetCapture(ctx, "") }},
		{"payment_capture_id", func(ctx context.Context, c *authorization.Client) (any, error) {
			return c.RefundCapture(ctx, "", authorization.RefundCaptureParams{})
		}},
		{"payment_refund_id", func(ctx context.Context, c *authorization.Client) (any, error) { return c.GetRefund(ctx, "") }},
		{"payment_chargeback_id", func(ctx context.Context, c *authorization.Client) (any, error) { return c.GetChargeback(ctx, "") }},
	} {
		// It is refused even without local validation, because another path is another call.
		client, wire := newClient(t, http.StatusOK, `{}`, klarna.WithoutLocalValidation())
		_, err := tc.do(t.Context(), authorization.New(client))
		e := failure(t, err)
		if diff := cmp.Diff([]string{tc.name}, parameters(e)); diff != "" || !errors.Is(e, klarna.CodeValidationError) || len(wire.all()) != 0 {
			t.Errorf("error %v, %d requests, parameters (-want +got):\n%s", e, len(wire.all()), diff)
		}
	}
}

func TestUnprovenRequestsAreSent(t *testing.T) {
	full := strings.Repeat("å", 255)
	for _, tc := range []struct {
		name   string
		do     func(context.Context, *authorization.Client) (any, error)
		answer string
	}{
		{"amounts of 0", authorizing(func(r *authorization.AuthorizeParams) {
			r.RequestPaymentTransaction.Amount = 0
			r.SupplementaryPurchaseData.LineItems = []authorization.LineItem{{Name: "Free", TotalAmount: 0}}
		}), stepUpAnswer},
		{"unknown values", authorizing(func(r *authorization.AuthorizeParams) {
			r.Currency = "XXX"
			r.RequestPaymentTransaction.Capture = "LATER_OR_NOW"
			r.StepUpConfig.CustomerInteractionConfig = authorization.CustomerInteractionConfig{Method: "CARRIER_PIGEON"}
			r.RequestCustomerToken = &authorization.RequestCustomerToken{Scopes: []authorization.Scope{"payment:asleep"}}
			r.PointOfTransaction = &authorization.PointOfTransaction{Type: "KIOSK"}
		}), stepUpAnswer},
		{"references of 255 characters that are more bytes", authorizing(func(r *authorization.AuthorizeParams) {
			r.RequestPaymentTransaction.PaymentTransactionReference = full
			r.StepUpConfig.PaymentRequestReference = full
			r.RequestPaymentTransaction.Capture, r.RequestPaymentTransaction.PaymentCaptureReference = authorization.CaptureTimingNow, full
		}), stepUpAnswer},
		{"an immediate capture without a reference", authorizing(func(r *authorization.AuthorizeParams) {
			r.RequestPaymentTransaction.Capture = authorization.CaptureTimingNow
		}), stepUpAnswer},
		{"network data of the largest size", authorizing(func(r *authorization.AuthorizeParams) { r.KlarnaNetworkData = strings.Repeat("a", 10_240) }), stepUpAnswer},
		{"no step-up and no data", authorizing(func(r *authorization.AuthorizeParams) { r.StepUpConfig, r.SupplementaryPurchaseData = nil, nil }), stepUpAnswer},
		{"a return URL with other braces", returningTo("https://a.example/{x}?b=%7Bc%7D&klarna.payment_request.id=%7B"), stepUpAnswer},
		{"an incomplete acquiring configuration", authorizing(func(r *authorization.AuthorizeParams) {
			r.AcquiringConfig = &klarna.AcquiringConfig{PaymentAccountReference: "alone"}
		}), stepUpAnswer},
		{"an expiry that is past, or a year long", authorizing(func(r *authorization.AuthorizeParams) {
			r.StepUpConfig.PaymentRequestExpiresAt = "1815-12-10"
			r.StepUpConfig.CustomerInteractionConfig.InteractionExpiry = &authorization.InteractionExpiry{Duration: "P1Y", Timestamp: time.Unix(0, 0)}
		}), stepUpAnswer},
		{"a customer token without a payment, whose lines sum to anything", func(ctx context.Context, c *authorization.Client) (any, error) {
			return c.Authorize(ctx, authorization.AuthorizeParams{
				Currency: "EUR", RequestCustomerToken: &authorization.RequestCustomerToken{},
				SupplementaryPurchaseData: &authorization.SupplementaryPurchaseData{LineItems: []authorization.LineItem{{TotalAmount: 7}}},
			})
		}, stepUpAnswer},
		{"a customer token is finalized without a payment", func(ctx context.Context, c *authorization.Client) (any, error) {
			return c.Finalize(ctx, authorization.AuthorizeParams{Currency: "EUR", RequestCustomerToken: &authorization.RequestCustomerToken{}}, approval())
		}, stepUpAnswer},
		{"an approval without a currency", func(ctx context.Context, c *authorization.Client) (any, error) {
			a := approval()
			a.Currency = ""
			return c.Finalize(ctx, order(), a)
		}, approvedAnswer},
		{"a payment request of 0", func(ctx context.Context, c *authorization.Client) (any, error) {
			p := params()
			p.Amount = nil
			return c.CreatePaymentRequest(ctx, p)
		}, paymentRequestAnswer},
		{"an empty update", func(ctx context.Context, c *authorization.Client) (any, error) {
			return c.UpdatePaymentRequest(ctx, requestID, authorization.UpdatePaymentRequestParams{})
		}, paymentRequestAnswer},
		{"an update of lines whose amount stays", func(ctx context.Context, c *authorization.Client) (any, error) {
			return c.UpdatePaymentRequest(ctx, requestID, authorization.UpdatePaymentRequestParams{
				SupplementaryPurchaseData: &authorization.SupplementaryPurchaseData{LineItems: []authorization.LineItem{{TotalAmount: 7}}},
			})
		}, paymentRequestAnswer},
		{"a capture of nothing, without a reference", func(ctx context.Context, c *authorization.Client) (any, error) {
			return c.CaptureTransaction(ctx, transactionID, authorization.CaptureTransactionParams{RemainingAuthorization: "KEEP"})
		}, captureAnswer},
		{"a refund of nothing, without a reference", func(ctx context.Context, c *authorization.Client) (any, error) {
			return c.RefundTransaction(ctx, transactionID, authorization.RefundTransactionParams{})
		}, refundAnswer},
		{"a capture whose lines sum to another amount", func(ctx context.Context, c *authorization.Client) (any, error) {
			return c.CaptureTransaction(ctx, transactionID, authorization.CaptureTransactionParams{
				CaptureAmount: 5, SupplementaryCaptureData: &authorization.SupplementaryCaptureData{LineItems: []authorization.LineItem{{TotalAmount: 7}}},
			})
		}, captureAnswer},
		{"an extension by nothing", func(ctx context.Context, c *authorization.Client) (any, error) {
			return c.ExtendTransaction(ctx, transactionID, authorization.ExtendTransactionParams{})
		}, transactionAnswer},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client, wire := newClient(t, http.StatusOK, tc.answer)
			if _, err := tc.do(t.Context(), authorization.New(client)); err != nil {
				t.Error(err)
			}
			wire.only(t)
		})
	}
}
