package answers_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/internal/test/answers"
	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

// FuzzAnyBytesAsAnAnswer answers each call with arbitrary bytes. Nothing may panic, no payment may
// be approved without its id, and no call may accept an object with another id.
func FuzzAnyBytesAsAnAnswer(f *testing.F) {
	ids := make([]string, len(answers.Calls)) // those of the full answers
	for index, c := range answers.Calls {
		f.Add(uint8(index), []byte(c.Answer("1")))
		f.Add(uint8(index), []byte(c.Answer("2")))
		full, err := c.Do(f.Context(), newClient(f, answering{c.Answer("1")}), "1")
		if err != nil {
			f.Fatal(err)
		}
		if id := operation.Of(c.Operation).ID; id != "" {
			ids[index] = wire.TextAt(full, id)
		}
	}
	f.Add(uint8(1), []byte(strings.Repeat("[", 20_000)))
	for _, seed := range []string{
		"", "null", "{}", "[", "\ufeff{}", "{\"payment_transaction_response\":{\"result\":\"approved\",\"payment_transaction\":{\"payment_transaction_id\":\"\xff\"}}}",
		`{"payment_transaction_response":{"result":"STEP_UP_REQUIRED"}}`, `{"customer_token_response":{"result":"STEP_UP_REQUIRED"}}`,
		`{"payment_request_id":"p","payment_request_id":"q","state":"COMPLETED","amount":1e3}`, `{"error_code":"NOT_FOUND"}`,
	} {
		for index := range answers.Calls {
			f.Add(uint8(index), []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		index := int(which) % len(answers.Calls)
		c := answers.Calls[index]
		o := operation.Of(c.Operation)
		got, err := c.Do(t.Context(), newClient(t, answering{string(body)}), "1")
		if err != nil {
			e, ok := errors.AsType[*klarna.Error](err)
			if !ok || e.Outcome != klarna.OutcomeUnknown || len(err.Error()) >= 2<<10 {
				t.Fatalf("%v", err)
			}
			return
		}
		_ = fmt.Sprintf("%+v %#v", got, got)
		if a, ok := got.(*authorization.Authorization); ok {
			switch result := a.Result.(type) {
			case authorization.Approved:
				if result.PaymentTransaction == nil || result.PaymentTransaction.PaymentTransactionID == "" {
					t.Fatalf("approved without an id: %q", body)
				}
			case authorization.StepUpRequired:
				if result.PaymentRequest == nil || result.PaymentRequest.PaymentRequestID == "" {
					t.Fatalf("a step-up without an id: %q", body)
				}
				if result.URL != "" && !strings.Contains(strings.ToLower(result.URL), "http") {
					t.Fatalf("the customer is sent to %q", result.URL)
				}
			case authorization.TokenIssued:
				if result.CustomerToken.Secret().IsZero() {
					t.Fatalf("an invalid token: %q", body)
				}
			}
			return
		}
		if o.ID == "" || o.Content == operation.None {
			return
		}
		want := ids[index]
		if id := wire.TextAt(got, o.ID); id != want && (id != "" || o.Content == operation.Some && decidesID(o)) {
			t.Fatalf("the id is %q, want %q", id, want)
		}
		if p, ok := got.(*authorization.PaymentRequest); ok {
			if approval, err := p.Approval(); err == nil && (approval.Amount == 0 || approval.SessionToken.IsZero()) {
				t.Fatalf("an approval of nothing: %q", body)
			}
		}
	})
}

func decidesID(o *operation.Operation) bool {
	for _, m := range o.Decides {
		if m.Path == o.ID {
			return true
		}
	}
	return false
}
