package presentation_test

import (
	"testing"

	"github.com/klarna-go/klarna-go/internal/test/roundtrip"
	"github.com/klarna-go/klarna-go/presentation"
)

func TestEveryWireTypeSurvivesBothEncoders(t *testing.T) {
	roundtrip.Check(t, new(presentation.Icon), new(presentation.PaymentButton), new(presentation.PaymentOption),
		new(presentation.Presentation), new(presentation.Text), new(presentation.TextPart))
}
