package klarna_test

import (
	"testing"

	"github.com/klarna-go/klarna-go/internal/test/roundtrip"
	"github.com/klarna-go/klarna-go/klarna"
)

func TestWireTypesSurviveBothEncoders(t *testing.T) { roundtrip.Check(t, new(klarna.AcquiringConfig)) }
