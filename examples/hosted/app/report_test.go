package app

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/authorization/flow"
)

func TestAPaymentAfterTheEndIsReported(t *testing.T) {
	for name, test := range map[string]struct {
		from, to flow.State
		reported bool
	}{
		"paid after it was canceled": {flow.StateCanceled, flow.StateAuthorized, true},
		"paid":                       {flow.StateFinalizing, flow.StateAuthorized, false},
		"canceled":                   {flow.StateCanceling, flow.StateCanceled, false},
	} {
		var log bytes.Buffer
		transition := flow.Transition{From: test.from, To: test.to, Status: flow.Status{ID: "pay-1", PaymentTransactionID: "krn:1"}}
		if err := paidAfterAll(slog.New(slog.NewTextHandler(&log, nil)))(t.Context(), transition); err != nil {
			t.Error(err)
		}
		if got := strings.Contains(log.String(), "purchase=pay-1"); got != test.reported {
			t.Errorf("%s: %s", name, &log)
		}
	}
}
