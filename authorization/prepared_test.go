package authorization_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

func preparing(t *testing.T) (*klarnatest.Server, *authorization.Client) {
	t.Helper()
	server := klarnatest.NewServer(t, klarnatest.WithoutSocket())
	client, err := klarna.NewClient(server.APIKey, klarna.WithBaseURL(server.URL),
		klarna.WithHTTPClient(&http.Client{Transport: server.Transport()}))
	if err != nil {
		t.Fatal(err)
	}
	return server, authorization.New(client.ForAccount(server.PartnerAccountID))
}

func preparable() authorization.AuthorizeParams {
	return authorization.AuthorizeParams{
		Currency:                  "EUR",
		RequestPaymentTransaction: &authorization.RequestPaymentTransaction{Amount: 1000, PaymentTransactionReference: "tx-1"},
		StepUpConfig: &authorization.StepUpConfig{
			PaymentRequestReference:   "tx-1",
			CustomerInteractionConfig: authorization.CustomerInteractionConfig{Method: authorization.InteractionMethodHandover, ReturnURL: "https://shop.example/back"},
		},
	}
}

func TestPreparedCallIsTheCallOfAuthorize(t *testing.T) {
	server, client := preparing(t)
	prepared, err := client.PrepareAuthorize(preparable())
	if err != nil {
		t.Fatal(err)
	}
	if n := len(server.Requests()); n != 0 {
		t.Fatalf("got %d requests while preparing, want none", n)
	}
	if _, err := client.Authorize(t.Context(), preparable()); err != nil {
		t.Fatal(err)
	}
	if _, err := client.AuthorizePrepared(t.Context(), *prepared); err != nil {
		t.Fatal(err)
	}
	// Without a stored key the same key is derived from the same bytes.
	if _, err := client.AuthorizePrepared(t.Context(), authorization.Prepared{Body: prepared.Body, Reference: "tx-1"}); err != nil {
		t.Fatal(err)
	}
	all := server.Requests()
	for _, r := range all[1:] {
		if diff := cmp.Diff(string(all[0].Body), string(r.Body)); diff != "" {
			t.Errorf("body (-Authorize +prepared):\n%s", diff)
		}
		if got := r.Header.Get("Klarna-Idempotency-Key"); got != prepared.IdempotencyKey || got != all[0].Header.Get("Klarna-Idempotency-Key") {
			t.Errorf("got the idempotency key %s, want that of Authorize and of Prepared", got)
		}
	}
}

func TestPreparedBodyIsSentByteForByte(t *testing.T) {
	server, client := preparing(t)
	body := "{ \"currency\" : \"EUR\",\"of_tomorrow\":\"\\u00e9\"}\n"
	_, _ = client.AuthorizePrepared(t.Context(), authorization.Prepared{Body: klarna.NewRawJSON(body), IdempotencyKey: "k"})
	if diff := cmp.Diff(body, string(server.Requests()[0].Body)); diff != "" {
		t.Errorf("body (-prepared +sent):\n%s", diff)
	}
}

func TestPreparingValidatesTheRequest(t *testing.T) {
	_, client := preparing(t)
	request := preparable()
	request.RequestPaymentTransaction.Amount = -1
	if _, err := client.PrepareAuthorize(request); klarna.OutcomeOf(err) != klarna.OutcomeNotSent || err == nil {
		t.Errorf("a negative amount: got the error %v, want one that was not sent", err)
	}
	if _, err := client.PrepareFinalize(preparable(), authorization.Approval{Amount: 1000}); klarna.OutcomeOf(err) != klarna.OutcomeNotSent || err == nil {
		t.Errorf("without a session token: got the error %v, want one that was not sent", err)
	}
	for name, body := range map[string]string{"no JSON": "{", "nothing": ""} {
		_, err := client.AuthorizePrepared(t.Context(), authorization.Prepared{Body: klarna.NewRawJSON(body), IdempotencyKey: "k"})
		if klarna.OutcomeOf(err) != klarna.OutcomeNotSent || err == nil {
			t.Errorf("%s: got the error %v, want one that was not sent", name, err)
		}
	}
}
