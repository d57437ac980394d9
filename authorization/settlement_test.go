package authorization_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// pay authorizes 118.00 EUR and returns the transaction's id.
func pay(t *testing.T, server *klarnatest.Server, c *authorization.Client) string {
	t.Helper()
	token := klarna.NewSecret(server.IssueSessionToken("EUR", 11_800))
	answer, err := c.Authorize(t.Context(), order(), klarna.WithSessionToken(token))
	return resultOf[authorization.Approved](t, answer, err).PaymentTransaction.PaymentTransactionID
}

func TestTransactionIsCapturedRefundedAndVoided(t *testing.T) {
	server, c := newDouble(t)
	id := pay(t, server, c)
	captured, err := c.CaptureTransaction(t.Context(), id, authorization.CaptureTransactionParams{
		CaptureAmount: 5_000, PaymentCaptureReference: "shipment-1",
		SupplementaryCaptureData: &authorization.SupplementaryCaptureData{LineItems: []authorization.LineItem{{Name: "Shoes", Quantity: 1, TotalAmount: 5_000}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if read, err := c.GetCapture(t.Context(), captured.PaymentCaptureID); err != nil || diff(captured, read) != "" {
		t.Errorf("read back (-captured +read): %v\n%s", err, diff(captured, read))
	}
	ofCapture, err := c.RefundCapture(t.Context(), captured.PaymentCaptureID, authorization.RefundCaptureParams{RefundAmount: 1_000, PaymentRefundReference: "return-1"})
	if err != nil {
		t.Fatal(err)
	}
	if read, err := c.GetRefund(t.Context(), ofCapture.PaymentRefundID); err != nil || diff(ofCapture, read) != "" {
		t.Errorf("read back (-refunded +read): %v\n%s", err, diff(ofCapture, read))
	}
	if _, err := c.RefundTransaction(t.Context(), id, authorization.RefundTransactionParams{RefundAmount: 4_000, RefundReference: "return-2"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.RefundTransaction(t.Context(), id, authorization.RefundTransactionParams{RefundAmount: 1, RefundReference: "return-3"}); !errors.Is(err, klarna.CodeValidationError) {
		t.Errorf("a refund of more than was captured: got the error %v, want VALIDATION_ERROR", err)
	}
	voided, err := c.VoidTransaction(t.Context(), id)
	if err != nil || voided.State != authorization.PaymentTransactionStateCompleted {
		t.Fatalf("got %v and the error %v, want COMPLETED", voided, err)
	}
	if _, err := c.CaptureTransaction(t.Context(), id, authorization.CaptureTransactionParams{CaptureAmount: 1}); !errors.Is(err, klarna.CodeResourceConflict) {
		t.Errorf("a capture after the void: got the error %v, want RESOURCE_CONFLICT", err)
	}

	known := server.Transactions()[0]
	if known.CapturedAmount != 5_000 || known.RefundedAmount != 5_000 || known.VoidedAmount != 6_800 {
		t.Errorf("got the transaction %+v, want 5000 captured, 5000 refunded and 6800 voided", known)
	}
	var references []string
	for _, taken := range server.Captures() {
		references = append(references, taken.Reference)
	}
	for _, given := range server.Refunds() {
		references = append(references, given.Reference)
	}
	if diff := cmp.Diff([]string{"shipment-1", "return-1", "return-2"}, references); diff != "" {
		t.Errorf("references (-want +got):\n%s", diff)
	}
	server.CheckInvariants(t)
}

func TestCaptureIsRepeatedAfterALostAnswer(t *testing.T) {
	server, c := newDouble(t)
	id := pay(t, server, c)
	server.Script(klarnatest.Fault{Operation: "authorization.transaction.capture", Kind: klarnatest.FaultDropAfter})
	capture := authorization.CaptureTransactionParams{CaptureAmount: 11_800, PaymentCaptureReference: "shipment-1"}
	if _, err := newDoublesClient(t, server, klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: 1})).CaptureTransaction(t.Context(), id, capture); err == nil {
		t.Fatal("got no error, want the lost answer's")
	}
	captured, err := c.CaptureTransaction(t.Context(), id, capture)
	if err != nil {
		t.Fatal(err)
	}
	if all := server.Captures(); len(all) != 1 || all[0].PaymentCaptureID != captured.PaymentCaptureID {
		t.Errorf("got the capture %s and the captures %+v at Klarna, want the same one", captured.PaymentCaptureID, all)
	}
	server.CheckInvariants(t)
}

func TestTransactionIsExtendedUpdatedAndChargedBack(t *testing.T) {
	server, c := newDouble(t)
	id := pay(t, server, c)
	before, err := c.GetTransaction(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	extended, err := c.ExtendTransaction(t.Context(), id, authorization.ExtendTransactionParams{ExtensionDays: 3, Amount: new(int64(200))})
	if err != nil || extended.Amount != 12_000 || !extended.ExpiresAt.Equal(before.ExpiresAt.AddDate(0, 0, 3)) {
		t.Errorf("got %+v and the error %v, want 12000 for three more days", extended, err)
	}
	updated, err := c.UpdateTransaction(t.Context(), id, authorization.UpdateTransactionParams{PaymentTransactionReference: "transaction-2"})
	if err != nil || updated.PaymentTransactionReference != "transaction-2" {
		t.Errorf("got %+v and the error %v, want the reference transaction-2", updated, err)
	}
	if _, err := c.CaptureTransaction(t.Context(), id, authorization.CaptureTransactionParams{CaptureAmount: 12_000}); err != nil {
		t.Fatal(err)
	}
	chargeback, err := server.Chargeback(id, 12_000)
	if err != nil {
		t.Fatal(err)
	}
	read, err := c.GetChargeback(t.Context(), chargeback)
	if err != nil || read.PaymentChargebackID != chargeback {
		t.Errorf("got %s and the error %v, want the chargeback %s", read.Raw, err, chargeback)
	}
}

func TestCustomerTokenPaysWithoutAStepUp(t *testing.T) {
	server, c := newDouble(t)
	answer, err := c.Authorize(t.Context(), authorization.AuthorizeParams{
		Currency: "EUR",
		RequestCustomerToken: &authorization.RequestCustomerToken{
			Scopes: []authorization.Scope{authorization.ScopeCustomerNotPresent}, CustomerTokenReference: "customer-1",
		},
	}, klarna.WithSessionToken(klarna.NewSecret(server.IssueSessionToken("EUR", 0))))
	stored := resultOf[authorization.TokenIssued](t, answer, err).CustomerToken.Secret()

	answer, err = c.Authorize(t.Context(), order(), klarna.WithCustomerToken(stored))
	resultOf[authorization.Approved](t, answer, err)
	p, err := c.CreatePaymentRequest(t.Context(), params(), klarna.WithCustomerToken(stored))
	if err != nil || p.State != authorization.PaymentRequestStateCompleted {
		t.Fatalf("got %v and the error %v, want COMPLETED", p, err)
	}
	if approval, err := p.Approval(); err != nil || approval.Amount != 11_800 {
		t.Errorf("got the approval %v and the error %v, want 11800", approval, err)
	}
	checkLedger(t, server, 11_800)
}

func TestPartnerCannotReadAnothersTransaction(t *testing.T) {
	server := klarnatest.NewServer(t, klarnatest.WithoutSocket(), klarnatest.WithAcquiringPartner())
	id := pay(t, server, newDoublesClient(t, server))
	gateway, err := klarna.NewClient(server.APIKey, klarna.WithBaseURL(server.URL), klarna.WithHTTPClient(&http.Client{Transport: server.Transport()}))
	if err != nil {
		t.Fatal(err)
	}
	other := authorization.New(gateway.ForAccount(server.AddAccount()))
	if p, err := other.GetTransaction(t.Context(), id); p != nil || !errors.Is(err, klarna.CodeResourceNotFound) {
		t.Errorf("got %v and the error %v, want RESOURCE_NOT_FOUND", p, err)
	}
	if answer, err := authorization.New(gateway).Authorize(t.Context(), order()); answer != nil || !errors.Is(err, klarna.CodeOperationForbidden) {
		t.Errorf("without an account: got %v and the error %v, want OPERATION_FORBIDDEN", answer, err)
	}
	checkLedger(t, server, 11_800)
}
