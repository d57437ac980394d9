package authorization_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http/httptest"
	"net/url"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// sandbox starts a Klarna in this process and returns it with a client of it.
func sandbox() (*klarnatest.Server, *authorization.Client) {
	server, err := klarnatest.Start()
	if err != nil {
		log.Fatal(err)
	}
	client, err := klarna.NewClient(server.APIKey, klarna.WithBaseURL(server.URL))
	if err != nil {
		log.Fatal(err)
	}
	return server, authorization.New(client.ForAccount(server.PartnerAccountID))
}

// steppedUp makes the first call of a purchase that the customer has to approve.
func steppedUp(authorizations *authorization.Client) (first authorization.AuthorizeParams, paymentRequestID string) {
	first = order()
	answer, err := authorizations.Authorize(context.Background(), first)
	if err != nil {
		log.Fatal(err)
	}
	return first, answer.Result.(authorization.StepUpRequired).PaymentRequest.PaymentRequestID
}

func ExampleNew() {
	server, err := klarnatest.Start() // a Klarna in this process
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client, err := klarna.NewClient(server.APIKey, klarna.WithBaseURL(server.URL))
	if err != nil {
		log.Fatal(err)
	}

	// An Acquiring Partner calls Klarna for one of its Partner accounts.
	authorizations := authorization.New(client.ForAccount(server.PartnerAccountID))
	_, err = authorizations.GetPaymentRequest(context.Background(), "krn:payment:eu1:request:unknown")
	fmt.Println(klarna.OutcomeOf(err))
	// Output: rejected
}

func ExampleClient_Authorize() {
	server, authorizations := sandbox()
	defer server.Close()

	first := authorization.AuthorizeParams{
		Currency: "EUR",
		RequestPaymentTransaction: &authorization.RequestPaymentTransaction{
			Amount: 118_00, PaymentTransactionReference: "transaction-1",
		},
		StepUpConfig: &authorization.StepUpConfig{
			PaymentRequestReference: "request-1",
			CustomerInteractionConfig: authorization.CustomerInteractionConfig{
				Method:    authorization.InteractionMethodHandover,
				ReturnURL: "https://shop.example/return?id={klarna.payment_request.id}",
			},
		},
	}
	answer, err := authorizations.Authorize(context.Background(), first)
	if err != nil {
		log.Fatal(err)
	}
	switch result := answer.Result.(type) {
	case authorization.StepUpRequired:
		fmt.Println("redirect the customer:", result.URL != "")
	case authorization.Approved:
		fmt.Println("paid:", result.PaymentTransaction.PaymentTransactionID)
	case authorization.Declined:
		fmt.Println("offer another payment method")
	case authorization.Undecided:
		fmt.Println("repeat the call later:", result.Result)
	}
	// Output: redirect the customer: true
}

func ExampleClient_Finalize() {
	server, authorizations := sandbox()
	defer server.Close()
	ctx := context.Background()
	first, paymentRequestID := steppedUp(authorizations)
	if _, err := server.Approve(paymentRequestID); err != nil { // the customer, at Klarna
		log.Fatal(err)
	}

	paymentRequest, err := authorizations.GetPaymentRequest(ctx, paymentRequestID)
	if err != nil {
		log.Fatal(err)
	}
	approval, err := paymentRequest.Approval()
	if err != nil {
		log.Fatal(err)
	}
	answer, err := authorizations.Finalize(ctx, first, approval)
	if err != nil {
		log.Fatal(err) // repeat Finalize with the same arguments
	}
	if approved, ok := answer.Result.(authorization.Approved); ok {
		fmt.Println(approved.PaymentTransaction.Amount, approved.PaymentTransaction.State)
	}
	// Output: 11800 AUTHORIZED
}

// A program stores the prepared call, so that it can repeat the same bytes after a crash.
func ExampleClient_AuthorizePrepared() {
	server, authorizations := sandbox()
	defer server.Close()
	ctx, first := context.Background(), order()

	prepared, err := authorizations.PrepareAuthorize(first)
	if err != nil {
		log.Fatal(err)
	}
	stored, err := json.Marshal(prepared) // contains personal data: encrypt it
	if err != nil {
		log.Fatal(err)
	}

	var again authorization.Prepared
	if err := json.Unmarshal(stored, &again); err != nil {
		log.Fatal(err)
	}
	for range 2 { // once before a crash and once after it
		if _, err := authorizations.AuthorizePrepared(ctx, again); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(len(server.PaymentRequests()), "payment request")
	// Output: 1 payment request
}

// A customer who has given a token pays later without a step-up.
func ExampleCustomerToken_Secret() {
	server, authorizations := sandbox()
	defer server.Close()
	ctx := context.Background()
	sessionToken := klarna.NewSecret(server.IssueSessionToken("EUR", 0)) // from the Partner's page

	answer, err := authorizations.Authorize(ctx, authorization.AuthorizeParams{
		Currency: "EUR",
		RequestCustomerToken: &authorization.RequestCustomerToken{
			Scopes:                 []authorization.Scope{authorization.ScopeCustomerNotPresent},
			CustomerTokenReference: "customer-1",
		},
	}, klarna.WithSessionToken(sessionToken))
	if err != nil {
		log.Fatal(err)
	}
	issued, ok := answer.Result.(authorization.TokenIssued)
	if !ok {
		log.Fatalf("no token: %v", answer)
	}
	customerToken := issued.CustomerToken.Secret() // store it like a password

	answer, err = authorizations.Authorize(ctx, authorization.AuthorizeParams{
		Currency: "EUR",
		RequestPaymentTransaction: &authorization.RequestPaymentTransaction{
			Amount: 9_99, PaymentTransactionReference: "subscription-1-january",
		},
	}, klarna.WithCustomerToken(customerToken))
	if err != nil {
		log.Fatal(err)
	}
	if approved, ok := answer.Result.(authorization.Approved); ok {
		fmt.Println(approved.PaymentTransaction.Amount, approved.PaymentTransaction.State)
	}
	// Output: 999 AUTHORIZED
}

func ExampleReturnURL() {
	address, err := authorization.ReturnURL("https://shop.example/return?cart=1", authorization.PlaceholderID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(address)
	// Output: https://shop.example/return?cart=1&payment_request_id={klarna.payment_request.id}
}

// The query proves nothing: read the payment request that it names.
func ExampleParseReturn() {
	r := httptest.NewRequest("GET", "/return?cart=1&payment_request_id="+url.QueryEscape("krn:payment:eu1:request:1"), nil)

	back := authorization.ParseReturn(r.URL.Query())
	fmt.Println(back.PaymentRequestID)
	// Output: krn:payment:eu1:request:1
}

func ExampleLinesTotal() {
	lines := []authorization.LineItem{
		{Name: "Shoes", Quantity: 2, UnitPrice: new(int64(59_90)), TotalAmount: 119_80},
		{Name: "Shipping", Quantity: 1, TotalAmount: 4_90},
		{Name: "Voucher", Quantity: 1, TotalAmount: -10_00},
	}
	params := authorization.AuthorizeParams{
		Currency: "EUR",
		RequestPaymentTransaction: &authorization.RequestPaymentTransaction{
			Amount:                      authorization.LinesTotal(lines),
			PaymentTransactionReference: "transaction-1",
		},
		SupplementaryPurchaseData: &authorization.SupplementaryPurchaseData{LineItems: lines},
	}
	fmt.Println(params.RequestPaymentTransaction.Amount)
	// Output: 11470
}
