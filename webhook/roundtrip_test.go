package webhook_test

import (
	"testing"

	"github.com/klarna-go/klarna-go/internal/test/roundtrip"
	"github.com/klarna-go/klarna-go/webhook"
)

func TestEveryWireTypeSurvivesBothEncoders(t *testing.T) {
	roundtrip.Check(t, new(webhook.DisputeDetails), new(webhook.Event), new(webhook.Metadata), new(webhook.PaymentDispute),
		new(webhook.PaymentRequest), new(webhook.PaymentTransaction), new(webhook.StateContext))
}
