package idempotency

import (
	"testing"

	"github.com/google/uuid"

	"github.com/klarna-go/klarna-go/internal/redact"
)

// The keys below were sent by earlier versions. They must never change.

func TestCallsKeepTheirKeys(t *testing.T) {
	for want, call := range map[string]Call{
		"3e05f519-ffcc-5358-88d9-aa9cfba70233": {Operation: "authorization.authorize", Reference: "order-1"},
		"c3143b96-8711-518e-bf19-747d051cc29a": {
			Operation: "authorization.authorize", Account: "krn:account", Reference: "order-1", SessionToken: redact.NewSecret("krn:session"),
			Body: []byte(`{"currency":"EUR"}`), CustomerToken: redact.NewSecret("krn:customer"),
		},
		"f0c24408-dbb7-568c-961e-4e8f4af59630": {
			Operation: "authorization.transaction.capture", Account: "krn:account", Reference: "capture-1", IDs: []string{"krn:1", "krn:2"},
			Body: []byte(`{"capture_amount":5}`),
		},
	} {
		if got := call.Key(); got != want {
			t.Errorf("the key is %s and was %s", got, want)
		}
	}
}

func TestFinalCallsKeepTheirKeys(t *testing.T) {
	of := func(amount int64) Final {
		return Final{Account: "krn:account", PaymentRequestID: "krn:request", SessionToken: redact.NewSecret("krn:session"), First: `{"currency":"EUR"}`, Amount: amount}
	}
	for want, final := range map[string]Final{
		"11545503-efe2-50a2-8c06-06c2d292575f": {},
		"6014364d-3b62-51a4-9c78-3562327cfa8b": of(11_800),
		"4347b0a6-07fa-5f04-9347-2ee6a70532b7": of(-1),
	} {
		if got := final.Key(); got != want {
			t.Errorf("the key is %s and was %s", got, want)
		}
	}
}

func TestOperationsKeepTheirKeys(t *testing.T) {
	for want, operation := range map[string]Operation{
		"11dfc366-eb55-504c-8266-b372a4384b72": {
			Account: "krn:account", PaymentTransactionID: "krn:transaction", PurchaseID: "order-1", ID: "parcel-1", Kind: "CAPTURE",
			Body: `{"capture_amount":5}`, Number: 1,
		},
		"8ece66bb-791c-5605-add8-a037b57ba1e9": {
			Account: "krn:account", PaymentTransactionID: "krn:transaction", PurchaseID: "order-1", ID: "return-1", Kind: "REFUND",
			CaptureID: "parcel-1", PaymentCaptureID: "krn:capture", Body: `{"refund_amount":5}`, Number: 2,
		},
	} {
		if got := operation.Key(); got != want {
			t.Errorf("the key is %s and was %s", got, want)
		}
	}
}

func TestACallWithoutAReferenceHasARandomKey(t *testing.T) {
	call := Call{Operation: "authorization.transaction.update"}
	first, second := call.Key(), call.Key()
	if id, err := uuid.Parse(first); err != nil || id.Version() != 5 || first == second {
		t.Errorf("the keys are %s and %s", first, second)
	}
}
