package flow_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// prints returns value formatted with every verb, and logged.
func prints(value any) string {
	var text bytes.Buffer
	for _, v := range []any{value, []any{value}, map[string]any{"v": value}, struct{ V any }{value}} {
		for verb := 'A'; verb <= 'z'; verb++ {
			if verb == 'T' || verb == 'p' || verb == 'w' {
				continue // fmt handles these verbs itself, and go vet detects wrong ones
			}
			for _, flags := range []string{"", "+", "#"} {
				fmt.Fprintf(&text, "%"+flags+string(verb)+"\n", v)
			}
		}
	}
	for _, l := range []*slog.Logger{slog.New(slog.NewTextHandler(&text, nil)), slog.New(slog.NewJSONHandler(&text, nil))} {
		l.Info("m", "value", value)
	}
	return text.String()
}

func TestValuesPrintNoSecrets(t *testing.T) {
	s := newScene(t)
	var change flow.AmountChange
	r := s.replica(flow.WithAmountPolicy(func(_ context.Context, c flow.AmountChange) (bool, error) { change = c; return true, nil }))
	order := s.browserOrder("browser")
	status := changed(s, r, 1_00)
	url := status.PaymentRequestURL
	if _, err := r.HandleReturn(t.Context(), orderID); err != nil {
		t.Fatal(err)
	}
	again := *status
	secrets := []string{
		url, order.SessionToken.Reveal(), s.klarna.PaymentRequests()[0].SessionToken, email, givenName, familyName, phone, "Astrid",
		s.klarna.APIKey, sealSecret,
	}
	invalid := s.order("invalid")
	s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, StatusCode: 400})
	invalid.Request.SupplementaryPurchaseData.LineItems[0].Name = email
	_, rejected := r.Begin(t.Context(), invalid)
	if !errors.Is(rejected, flow.ErrRejected) {
		t.Fatal(rejected)
	}
	other := s.order(orderID)
	other.Request.Currency = "SEK"
	_, otherPurchase := r.Begin(t.Context(), other)
	for _, value := range []any{
		order, &order, again, status, change, &change, s.reported.all(), rejected, otherPurchase, s.record("invalid"), r.Coordinator,
		fmt.Errorf("wrapped: %w", rejected),
	} {
		text := prints(value)
		for _, secret := range secrets {
			if secret == "" {
				t.Fatal("a secret is missing")
			}
			if strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%x", secret)) || strings.Contains(text, fmt.Sprintf("%X", secret)) {
				t.Errorf("%T prints %q", value, secret)
			}
		}
	}
	if url == "" || !strings.Contains(prints(status), "flow.Status{order-1 AWAITING_CUSTOMER}") || !strings.Contains(prints(order), "flow.Purchase{browser}") {
		t.Error("the values do not print what they may")
	}
}

// A new type with a secret must be added to the list above.
func TestTypesWithSecretsRedactThemselves(t *testing.T) {
	for _, value := range []any{flow.Status{}, flow.Purchase{}, flow.AmountChange{}} {
		if _, ok := value.(fmt.Formatter); !ok {
			t.Errorf("%T is no Formatter", value)
		}
		if _, ok := value.(slog.LogValuer); !ok {
			t.Errorf("%T is no LogValuer", value)
		}
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[flow.Record]()) {
		switch field.Name {
		case "ID", "PaymentRequestID", "PartnerAccountID", "Lane", "State", "DueAt", "Version", "Data", "Sealed", "Reference", "DamagedAt":
		default:
			t.Errorf("Record has a new field %s: decide whether it may be printed", field.Name)
		}
	}
}
