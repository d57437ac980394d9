package presentation_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/presentation"
)

func TestNewOfNilPanics(t *testing.T) {
	defer func() {
		if message := fmt.Sprint(recover()); !strings.Contains(message, "presentation: New: the klarna.Client is nil") {
			t.Errorf("got the panic %q, want it to name New", message)
		}
	}()
	presentation.New(nil)
}

func TestZeroClientReturnsErrors(t *testing.T) {
	for name, c := range map[string]*presentation.Client{"zero": {}, "nil": nil, "made of a zero": presentation.New(new(klarna.Client))} {
		_, err := c.GetPresentation(t.Context(), presentation.GetPresentationParams{})
		if err == nil || klarna.OutcomeOf(err) != klarna.OutcomeNotSent || !strings.Contains(err.Error(), "not made by New") {
			t.Errorf("a %s Client: got the error %v, want one that was not sent", name, err)
		}
	}
}
