package authorization_test

import (
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// stepUp makes the first call and returns the payment request.
func stepUp(t *testing.T, c *authorization.Client, r authorization.AuthorizeParams) *authorization.PaymentRequest {
	t.Helper()
	answer, err := c.Authorize(t.Context(), r)
	return resultOf[authorization.StepUpRequired](t, answer, err).PaymentRequest
}

// approve approves as the customer and returns the approval.
func approve(t *testing.T, server *klarnatest.Server, c *authorization.Client, paymentRequestID string) authorization.Approval {
	t.Helper()
	if _, err := server.Approve(paymentRequestID); err != nil {
		t.Fatal(err)
	}
	p, err := c.GetPaymentRequest(t.Context(), paymentRequestID)
	if err != nil {
		t.Fatal(err)
	}
	approval, err := p.Approval()
	if err != nil {
		t.Fatal(err)
	}
	return approval
}

// ledger returns the amounts of the transactions at Klarna.
func ledger(server *klarnatest.Server) []int64 {
	var amounts []int64
	for _, t := range server.Transactions() {
		amounts = append(amounts, t.Amount)
	}
	return amounts
}

func checkLedger(t *testing.T, server *klarnatest.Server, want ...int64) {
	t.Helper()
	if diff := cmp.Diff(want, ledger(server)); diff != "" {
		t.Errorf("authorized amounts (-want +got):\n%s", diff)
	}
}

func TestPurchaseIsFinalizedAfterAStepUp(t *testing.T) {
	server, c := newDouble(t)
	r := order()
	var err error
	if r.StepUpConfig.CustomerInteractionConfig.ReturnURL, err = authorization.ReturnURL("https://shop.example/back",
		authorization.PlaceholderID, authorization.PlaceholderState, authorization.PlaceholderReference); err != nil {
		t.Fatal(err)
	}
	answer, err := c.Authorize(t.Context(), r)
	required := resultOf[authorization.StepUpRequired](t, answer, err)
	id := required.PaymentRequest.PaymentRequestID
	if known := server.PaymentRequests()[0]; required.URL != known.PaymentRequestURL || id != known.PaymentRequestID || !required.PaymentRequest.State.Open() {
		t.Errorf("got the URL %s of %s in the state %s, want %+v", required.URL, id, required.PaymentRequest.State, known)
	}
	if _, err := required.PaymentRequest.Approval(); !errors.Is(err, authorization.ErrNotApproved) {
		t.Errorf("before the approval: got the error %v, want ErrNotApproved", err)
	}

	back, err := server.Approve(id)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	want := authorization.Return{PaymentRequestID: id, State: authorization.PaymentRequestStateCompleted, PaymentRequestReference: "request-1"}
	if diff := diff(want, authorization.ParseReturn(u.Query())); diff != "" {
		t.Errorf("return (-want +got):\n%s", diff)
	}

	p, err := c.GetPaymentRequest(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	approval, err := p.Approval()
	if err != nil {
		t.Fatal(err)
	}
	answer, err = c.Finalize(t.Context(), r, approval)
	transaction := resultOf[authorization.Approved](t, answer, err).PaymentTransaction
	known := server.Transactions()[0]
	if transaction.PaymentTransactionID != known.PaymentTransactionID || transaction.Amount != 11_800 || known.PaymentRequestID != id {
		t.Errorf("got the transaction %+v, want %+v", transaction, known)
	}
	read, err := c.GetTransaction(t.Context(), transaction.PaymentTransactionID)
	if err != nil || read.State != authorization.PaymentTransactionStateAuthorized {
		t.Errorf("got %+v and the error %v, want an AUTHORIZED transaction", read, err)
	}
	checkLedger(t, server, 11_800)
}

func TestAuthorizeWithASessionTokenIsApproved(t *testing.T) {
	server, c := newDouble(t)
	token := server.IssueSessionToken("EUR", 11_800)
	answer, err := c.Authorize(t.Context(), order(), klarna.WithSessionToken(klarna.NewSecret(token)))
	if got := resultOf[authorization.Approved](t, answer, err).PaymentTransaction.PaymentTransactionReference; got != "transaction-1" {
		t.Errorf("got the reference %q, want transaction-1", got)
	}
	checkLedger(t, server, 11_800)
}

func TestDeclineIsAResultAndNoError(t *testing.T) {
	server, c := newDouble(t)
	server.ScriptAuthorize(klarnatest.AuthorizeRule{Result: "DECLINED", Reason: "OF_TOMORROW"})
	answer, err := c.Authorize(t.Context(), order())
	if got := resultOf[authorization.Declined](t, answer, err).Reason; got != "OF_TOMORROW" {
		t.Errorf("got the reason %q, want OF_TOMORROW", got)
	}
	checkLedger(t, server)
}

func TestDeniedCustomerDeclinesThePaymentRequest(t *testing.T) {
	server, c := newDouble(t)
	id := stepUp(t, c, order()).PaymentRequestID
	if _, err := server.Decline(id); err != nil {
		t.Fatal(err)
	}
	p, err := c.WaitPaymentRequest(t.Context(), id)
	if err != nil || p.State != authorization.PaymentRequestStateDeclined {
		t.Fatalf("got %v and the error %v, want DECLINED", p, err)
	}
	if _, err := p.Approval(); !errors.Is(err, authorization.ErrNotApproved) {
		t.Errorf("got the error %v, want ErrNotApproved", err)
	}
	checkLedger(t, server)
}

func TestAbandonedPaymentRequestIsCanceled(t *testing.T) {
	server, c := newDouble(t)
	id := stepUp(t, c, order()).PaymentRequestID
	if _, err := server.Abandon(id); err != nil {
		t.Fatal(err)
	}
	p, err := c.GetPaymentRequest(t.Context(), id)
	if err != nil || p.State != authorization.PaymentRequestStateSubmitted || p.PreviousState != authorization.PaymentRequestStateInProgress || p.StateReason != "PURCHASE_FLOW_ABORTED" {
		t.Fatalf("got the state %v after %v with the reason %q and the error %v", p.State, p.PreviousState, p.StateReason, err)
	}
	p, err = c.CancelPaymentRequest(t.Context(), id)
	if err != nil || p.State != authorization.PaymentRequestStateCanceled || p.CanceledAt.IsZero() {
		t.Fatalf("got %v and the error %v, want CANCELED with a time", p, err)
	}
	if p, err := c.CancelPaymentRequest(t.Context(), id); p != nil || !errors.Is(err, klarna.CodeResourceConflict) {
		t.Errorf("second cancel: got %v and the error %v, want RESOURCE_CONFLICT", p, err)
	}
	checkLedger(t, server)
}

func TestCompletedPaymentRequestCanBeCanceled(t *testing.T) {
	server, c := newDouble(t)
	r := order()
	id := stepUp(t, c, r).PaymentRequestID
	approval := approve(t, server, c, id)
	if p, err := c.CancelPaymentRequest(t.Context(), id); err != nil || p.State != authorization.PaymentRequestStateCanceled {
		t.Fatalf("got %v and the error %v, want CANCELED", p, err)
	}
	if answer, err := c.Finalize(t.Context(), r, approval); answer != nil || !errors.Is(err, klarna.CodeResourceConflict) {
		t.Errorf("after the cancel: got %v and the error %v, want RESOURCE_CONFLICT", answer, err)
	}
	checkLedger(t, server)
}

func TestPaymentRequestExpires(t *testing.T) {
	server, c := newDouble(t)
	p := stepUp(t, c, order())
	server.Advance(p.ExpiresAt.Sub(server.Now()) - time.Second)
	if p, err := c.GetPaymentRequest(t.Context(), p.PaymentRequestID); err != nil || !p.State.Open() {
		t.Fatalf("a second before the expiry: got %v and the error %v, want an open state", p, err)
	}
	server.Advance(time.Second)
	p, err := c.WaitPaymentRequest(t.Context(), p.PaymentRequestID)
	if err != nil || p.State != authorization.PaymentRequestStateExpired {
		t.Fatalf("got %v and the error %v, want EXPIRED", p, err)
	}
}

func TestFinalizingTwiceMakesOneTransaction(t *testing.T) {
	server, c := newDouble(t)
	r := order()
	approval := approve(t, server, c, stepUp(t, c, r).PaymentRequestID)
	var ids []string
	for _, client := range []*authorization.Client{c, newDoublesClient(t, server)} { // the webhook and the redirect, on two replicas
		answer, err := client.Finalize(t.Context(), r, approval)
		ids = append(ids, resultOf[authorization.Approved](t, answer, err).PaymentTransaction.PaymentTransactionID)
	}
	if ids[0] != ids[1] {
		t.Errorf("got the transactions %q, want one", ids)
	}
	checkLedger(t, server, 11_800)
}

func TestFinalizeIsRepeatedAfterALostAnswer(t *testing.T) {
	server, _ := newDouble(t)
	once := newDoublesClient(t, server, klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: 1}))
	r := order()
	approval := approve(t, server, once, stepUp(t, once, r).PaymentRequestID)
	server.Script(klarnatest.Fault{Operation: "authorization.authorize", Kind: klarnatest.FaultDropAfter})
	_, err := once.Finalize(t.Context(), r, approval)
	if e := failure(t, err); e.Outcome != klarna.OutcomeUnknown {
		t.Fatalf("got the error %v, want an unknown outcome", e)
	}
	checkLedger(t, server, 11_800)
	answer, err := once.Finalize(t.Context(), r, approval)
	resultOf[authorization.Approved](t, answer, err)
	checkLedger(t, server, 11_800)
}

func TestFinalCallWithANewReferenceIsAConflict(t *testing.T) {
	server, c := newDouble(t)
	r := order()
	approval := approve(t, server, c, stepUp(t, c, r).PaymentRequestID)
	answer, err := c.Finalize(t.Context(), r, approval)
	resultOf[authorization.Approved](t, answer, err)

	byHand := order()
	byHand.StepUpConfig = nil
	byHand.RequestPaymentTransaction.PaymentTransactionReference = "transaction-1-retry"
	answer, err = c.Authorize(t.Context(), byHand, klarna.WithSessionToken(approval.SessionToken))
	if answer != nil || !errors.Is(err, klarna.CodeResourceConflict) {
		t.Errorf("got %v and the error %v, want RESOURCE_CONFLICT", answer, err)
	}
	checkLedger(t, server, 11_800)
}

func TestFinalizePaysTheApprovedAmount(t *testing.T) {
	server, c := newDouble(t)
	r := order()
	id := stepUp(t, c, r).PaymentRequestID
	if err := server.ChangeShipping(id, klarnatest.ShippingOption{Price: 700}); err != nil { // the customer chooses express shipping
		t.Fatal(err)
	}
	answer, err := c.Finalize(t.Context(), r, approve(t, server, c, id))
	if amount := resultOf[authorization.Approved](t, answer, err).PaymentTransaction.Amount; amount != 12_500 {
		t.Errorf("got the amount %d, want 12500", amount)
	}
	checkLedger(t, server, 12_500)

	all := server.Requests()
	final := all[len(all)-1]
	want := `{
		"currency": "EUR",
		"request_payment_transaction": {"amount": 12500, "payment_transaction_reference": "transaction-1", "payment_option_id": "S0xBUk5B"},
		"supplementary_purchase_data": {"purchase_reference": "order-1"}
	}`
	if diff := jsonDiff(t, want, string(final.Body)); diff != "" {
		t.Errorf("final body (-want +got):\n%s", diff)
	}
	if diff := diff(order(), r); diff != "" {
		t.Errorf("the first request was changed (-want +got):\n%s", diff)
	}
}

func TestRepeatedAuthorizeReturnsTheSamePaymentRequest(t *testing.T) {
	server, c := newDouble(t)
	first := stepUp(t, c, order())
	again := stepUp(t, newDoublesClient(t, server), order())
	if first.PaymentRequestID != again.PaymentRequestID {
		t.Errorf("got the payment requests %s and %s, want one", first.PaymentRequestID, again.PaymentRequestID)
	}
	if n := len(server.PaymentRequests()); n != 1 {
		t.Errorf("got %d payment requests, want 1", n)
	}
}

func TestPaymentRequestIsCreatedUpdatedAndRead(t *testing.T) {
	server, c := newDouble(t)
	p, err := c.CreatePaymentRequest(t.Context(), params())
	if err != nil || p.State != authorization.PaymentRequestStateSubmitted || p.StateContext.CustomerInteraction.PaymentRequestURL == "" {
		t.Fatalf("got %v and the error %v, want SUBMITTED with a URL", p, err)
	}
	p, err = c.UpdatePaymentRequest(t.Context(), p.PaymentRequestID, authorization.UpdatePaymentRequestParams{Amount: new(int64(9_900))})
	if err != nil || p.Amount == nil || *p.Amount != 9_900 || p.PaymentRequestReference != "request-1" {
		t.Fatalf("got the amount %v, the reference %s and the error %v, want 9900 and request-1", p.Amount, p.PaymentRequestReference, err)
	}
	if err := server.Open(p.PaymentRequestID); err != nil {
		t.Fatal(err)
	}
	if p, err := c.UpdatePaymentRequest(t.Context(), p.PaymentRequestID, authorization.UpdatePaymentRequestParams{Amount: new(int64(1))}); p != nil || !errors.Is(err, klarna.CodeResourceConflict) {
		t.Errorf("an update while the customer is at Klarna: got %v and the error %v, want RESOURCE_CONFLICT", p, err)
	}
	if p, err := c.GetPaymentRequest(t.Context(), requestID); p != nil || !errors.Is(err, klarna.CodeResourceNotFound) {
		t.Errorf("a read of an unknown id: got %v and the error %v, want RESOURCE_NOT_FOUND", p, err)
	}
}

func TestStepUpInAStoreHasAQRCode(t *testing.T) {
	_, c := newDouble(t)
	r := order()
	r.StepUpConfig.CustomerInteractionConfig = authorization.CustomerInteractionConfig{Method: authorization.InteractionMethodQRCode}
	answer, err := c.Authorize(t.Context(), r)
	if code := resultOf[authorization.StepUpRequired](t, answer, err).QRCode; code == nil || code.ImageURL == "" || code.TargetURL == "" {
		t.Errorf("got the code %+v, want both URLs", code)
	}
}

// A program that restarts after a crash finalizes with the stored first request and makes the same
// call.
func TestStoredFirstRequestMakesTheSameFinalCall(t *testing.T) {
	server, c := newDouble(t)
	first := order()
	first.KlarnaNetworkData = "{ \"a\" : \"<&>\u2028\" }"
	first.Unknown = klarna.Unknown{"of_tomorrow": klarna.NewRawJSON(`{ "b" : [1.50, "<\u00e5>"] }`)}
	first.SupplementaryPurchaseData.Unknown = klarna.Unknown{"of_tomorrow": klarna.NewRawJSON(`true`)}
	approval := approve(t, server, c, stepUp(t, c, first).PaymentRequestID)
	for _, r := range []authorization.AuthorizeParams{first, stored(t, first)} {
		answer, err := newDoublesClient(t, server).Finalize(t.Context(), r, approval)
		resultOf[authorization.Approved](t, answer, err)
	}
	checkLedger(t, server, 11_800)
	all := server.Requests()
	if a, b := all[len(all)-2], all[len(all)-1]; string(a.Body) != string(b.Body) || a.Header.Get("Klarna-Idempotency-Key") != b.Header.Get("Klarna-Idempotency-Key") {
		t.Errorf("got another call:\n%s\nwant\n%s", b.Body, a.Body)
	}
}
