package subscription_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/webhook/subscription"
)

func TestNewOfNilPanics(t *testing.T) {
	defer func() {
		if message := fmt.Sprint(recover()); !strings.Contains(message, "subscription: New: the klarna.Client is nil") {
			t.Errorf("got the panic %q", message)
		}
	}()
	subscription.New(nil)
}

func TestZeroClientReturnsErrors(t *testing.T) {
	for name, c := range map[string]*subscription.Client{"zero": {}, "nil": nil, "made of a zero": subscription.New(new(klarna.Client))} {
		_, err := c.ListWebhooks(t.Context())
		if err == nil || klarna.OutcomeOf(err) != klarna.OutcomeNotSent || !strings.Contains(err.Error(), "not made by New") {
			t.Errorf("a %s Client: %v", name, err)
		}
	}
}
