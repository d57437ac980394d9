package authorization_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
)

func TestNewOfNilPanics(t *testing.T) {
	defer func() {
		if message := fmt.Sprint(recover()); !strings.Contains(message, "authorization: New: the klarna.Client is nil") {
			t.Errorf("it panics with %q", message)
		}
	}()
	authorization.New(nil)
}

func TestZeroClientReturnsErrors(t *testing.T) {
	for name, c := range map[string]*authorization.Client{"zero": {}, "nil": nil, "made of a zero": authorization.New(new(klarna.Client))} {
		_, err := c.GetTransaction(t.Context(), "t")
		if err == nil || klarna.OutcomeOf(err) != klarna.OutcomeNotSent || !strings.Contains(err.Error(), "not made by New") {
			t.Errorf("a %s Client: %v", name, err)
		}
		if _, err := c.PrepareAuthorize(authorization.AuthorizeParams{}); err == nil || !strings.Contains(err.Error(), "not made by New") {
			t.Errorf("PrepareAuthorize of a %s Client: %v", name, err)
		}
	}
}
