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
			t.Errorf("got the panic %q, want it to name New", message)
		}
	}()
	authorization.New(nil)
}

func TestZeroClientReturnsErrors(t *testing.T) {
	for name, c := range map[string]*authorization.Client{"zero": {}, "nil": nil, "made of a zero": authorization.New(new(klarna.Client))} {
		_, err := c.GetTransaction(t.Context(), "t")
		if err == nil || klarna.OutcomeOf(err) != klarna.OutcomeNotSent || !strings.Contains(err.Error(), "not made by New") {
			t.Errorf("a %s Client: got the error %v, want one that was not sent", name, err)
		}
		if _, err := c.PrepareAuthorize(authorization.AuthorizeParams{}); err == nil || !strings.Contains(err.Error(), "not made by New") {
			t.Errorf("PrepareAuthorize of a %s Client: got the error %v, want one that names New", name, err)
		}
	}
}
