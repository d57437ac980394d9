package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/webhook"
)

// routed returns the pattern whose receiver gets an event of the type, or "" if none does.
func routed(t testing.TB, patterns []string, eventType string) string {
	t.Helper()
	var mux webhook.Mux
	var to string
	for _, pattern := range patterns {
		mux.Handle(webhook.EventType(pattern), func(context.Context, *webhook.Event) error { to = pattern; return nil })
	}
	if err := mux.Receive(t.Context(), &webhook.Event{Metadata: webhook.Metadata{EventType: webhook.EventType(eventType)}}); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestMuxChoosesTheMostSpecificPattern(t *testing.T) {
	all := []string{
		"*", "payment.*", "payment.request.*", "payment.request.state-change.*", "payment.request.state-change.completed",
		"payment.request.updated", "payment.request", "settlement.*",
	}
	for _, tc := range []struct {
		name      string
		patterns  []string
		eventType string
		want      string
	}{
		{"its own type comes first", all, "payment.request.state-change.completed", "payment.request.state-change.completed"},
		{"then the longest prefix", all, "payment.request.state-change.expired", "payment.request.state-change.*"},
		{"then a shorter one", all, "payment.request.created", "payment.request.*"},
		{"a wildcard matches any depth", all, "payment.dispute.updated.representment-deadline-extended", "payment.*"},
		{"an unknown type", all, "payment.request.state-change.half.way.there", "payment.request.state-change.*"},
		{"everything else", all, "partner.account.change.created", "*"},
		{"a type of one segment", all, "payment", "*"},
		{"a type is not below itself", []string{"payment.request.*", "payment.*"}, "payment.request", "payment.*"},
		{"a pattern without a wildcard matches nothing below it", []string{"payment.request"}, "payment.request.updated", ""},
		{"a prefix ends at a dot", []string{"payment.request.*", "pay.*"}, "payment.requested.x", ""},
		{"nothing matches", []string{"payment.*"}, "settlement.report.created", ""},
		{"no pattern at all", nil, "payment.request.updated", ""},
		{"a type that looks like a pattern", []string{"payment.*"}, "payment.*", "payment.*"},
		{"a type that is a wildcard", []string{"payment.*"}, "*", ""},
		{"an empty type", []string{"*"}, "", "*"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := routed(t, tc.patterns, tc.eventType); got != tc.want {
				t.Errorf("%s goes to %q, want %q", tc.eventType, got, tc.want)
			}
		})
	}
}

func TestMuxReturnsTheErrorOfTheReceiver(t *testing.T) {
	var mux webhook.Mux
	failure := errors.New("a failure")
	var got *webhook.Event
	mux.Handle("*", func(_ context.Context, event *webhook.Event) error { got = event; return failure })
	event := new(webhook.Event)
	if err := mux.Receive(t.Context(), event); !errors.Is(err, failure) || got != event {
		t.Errorf("%v, event %p; want %v, %p", err, got, failure, event)
	}
}

// panicsWith returns the value with which call panics, or "" if it does not panic.
func panicsWith(call func()) (message string) {
	defer func() {
		if p := recover(); p != nil {
			message = fmt.Sprint(p)
		}
	}()
	call()
	return ""
}

func TestMuxRefusesPatternsThatMatchNothing(t *testing.T) {
	receive := func(context.Context, *webhook.Event) error { return nil }
	for name, pattern := range map[string]string{
		"an empty one":                       "",
		"an empty segment":                   "payment..updated",
		"a dot in front":                     ".payment",
		"a dot behind":                       "payment.",
		"a wildcard in the middle":           "payment.*.updated",
		"a wildcard in front":                "*.updated",
		"a wildcard that is part of a word":  "payment.req*",
		"two wildcards":                      "payment.**",
		"capital letters":                    "payment.Request.updated",
		"capital letters of the API's enums": "PAYMENT_REQUEST",
		"white space":                        "payment.request.updated ",
		"white space inside":                 "payment.request updated",
		"other letters":                      "payment.förfrågan",
		"a wildcard of paths":                "payment/request/*",
	} {
		var mux webhook.Mux
		message := panicsWith(func() { mux.Handle(webhook.EventType(pattern), receive) })
		if message == "" || pattern != "" && !strings.Contains(message, fmt.Sprintf("%q", pattern)) {
			t.Errorf("%s: got the panic %q, want one that names the pattern", name, message)
		}
	}
	var mux webhook.Mux
	if message := panicsWith(func() { mux.Handle("payment.*", nil) }); !strings.Contains(message, "receiver is nil") {
		t.Errorf("a nil receiver: got the panic %q", message)
	}
	mux.Handle("payment.*", receive)
	if message := panicsWith(func() { mux.Handle("payment.*", receive) }); !strings.Contains(message, "already registered") {
		t.Errorf("the same pattern twice: got the panic %q", message)
	}
}

func TestMuxAcceptsEachDocumentedType(t *testing.T) {
	for _, eventType := range []webhook.EventType{
		webhook.EventTypePaymentRequestSubmitted, webhook.EventTypePaymentTransactionChargeback, webhook.EventTypePaymentFundingFunded,
		webhook.EventTypePaymentDisputeArbitrationAppealWindowOpen, webhook.EventTypeIdentityCustomerTokenRevoked, webhook.EventTypeSettlementReportUploadedToSFTP,
	} {
		if got := routed(t, []string{string(eventType)}, string(eventType)); got != string(eventType) {
			t.Errorf("%s goes to %q", eventType, got)
		}
	}
}

// mostSpecific returns the longest pattern that matches. It specifies Mux without its algorithm.
func mostSpecific(patterns []string, eventType string) string {
	best := ""
	for _, p := range patterns {
		prefix, wild := strings.CutSuffix(p, "*")
		if (!wild && p == eventType || wild && strings.HasPrefix(eventType, prefix)) && (!wild || len(p) > len(best) || best == "") {
			if best == "" || strings.HasSuffix(best, "*") {
				best = p
			}
		}
	}
	return best
}

func FuzzMux(f *testing.F) {
	f.Add("* payment.* payment.request.* payment.request.updated", "payment.request.updated")
	f.Add("a.* a.b.* a.b a.b.c.*", "a.b.")
	f.Add("a.*", "a.*")
	f.Add("* a", "*")
	f.Add("payment.*.x A .. *", "..")
	f.Fuzz(func(t *testing.T, text, eventType string) {
		var mux webhook.Mux
		var accepted []string
		var to string
		for pattern := range strings.FieldsSeq(text) {
			receive := func(context.Context, *webhook.Event) error { to = pattern; return nil }
			if panicsWith(func() { mux.Handle(webhook.EventType(pattern), receive) }) == "" {
				accepted = append(accepted, pattern)
				prefix, _ := strings.CutSuffix(pattern, "*")
				if strings.ContainsAny(prefix, "* \t\n") || strings.ToLower(pattern) != pattern || strings.Contains("."+pattern+".", "..") {
					t.Fatalf("%q is accepted", pattern)
				}
			}
		}
		if err := mux.Receive(t.Context(), &webhook.Event{Metadata: webhook.Metadata{EventType: webhook.EventType(eventType)}}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(mostSpecific(accepted, eventType), to); diff != "" {
			t.Errorf("%q among %q (-want +got):\n%s", eventType, accepted, diff)
		}
	})
}
