package conformance

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// throughTransport is an http.RoundTripper made of a function.
type throughTransport func(*http.Request) (*http.Response, error)

func (f throughTransport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// newDouble starts a server whose clock the suite moves, and returns a target that offers
// everything. Answers and webhooks pass through the two functions.
func newDouble(t testing.TB, answers, webhooks func(http.RoundTripper) http.RoundTripper) (*klarnatest.Server, Target) {
	receiver := new(Receiver)
	var posted http.RoundTripper = throughTransport(func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		receiver.ServeHTTP(w, r)
		return w.Result(), nil
	})
	if webhooks != nil {
		posted = webhooks(posted)
	}
	server := klarnatest.NewServer(t, klarnatest.WithoutSocket(), klarnatest.WithWebhookTransport(posted))
	transport := server.Transport()
	if answers != nil {
		transport = answers(transport)
	}
	return server, Target{
		BaseURL:          "http://127.0.0.1",
		APIKey:           server.APIKey,
		Username:         "9f1c9e5e-0000-4000-8000-000000000000",
		PartnerAccountID: server.PartnerAccountID,
		Client:           &http.Client{Transport: transport},
		Customer:         visitor(server),
		WebhookURL:       "https://hooks.example/conformance",
		Receiver:         receiver,
		Wait: func(_ context.Context, d time.Duration) error {
			server.Advance(d)
			return nil
		},
	}
}

// visitor returns a customer who does what the visit asks for.
func visitor(server *klarnatest.Server) func(context.Context, Visit) error {
	return func(_ context.Context, v Visit) error {
		act := server.Approve
		if v.Deny {
			act = server.Decline
		}
		_, err := act(v.PaymentRequestID)
		return err
	}
}

func run(t testing.TB, target Target, cases ...Case) Report {
	t.Helper()
	report, err := Run(t.Context(), target, cases...)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestKlarnatestPassesTheSuite(t *testing.T) {
	_, target := newDouble(t, nil, nil)
	report := run(t, target)
	for _, r := range report.Results {
		switch {
		case r.Verdict == VerdictHeld, r.Verdict == VerdictTurnedOut && (r.Certainty == CertaintyGap || r.asExpected()):
		default:
			t.Errorf("%s, %s: %s %s %s", r.Section, r.Name, r.Verdict, r.Outcome, r.Detail)
		}
	}
	for _, left := range report.Left {
		t.Errorf("left behind: %s", left)
	}
}
