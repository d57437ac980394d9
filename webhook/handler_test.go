package webhook_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/webhook"
)

func TestHandlerAnswersWhatKlarnaActsOn(t *testing.T) {
	signed := http.Header{"Klarna-Signature": {sign(secret, body)}}
	ok := func(context.Context, *webhook.Event) error { return nil }
	for _, tc := range []struct {
		name     string
		method   string
		header   http.Header
		body     string
		receive  webhook.Receiver
		want     int
		received bool
	}{
		{"a delivery that is processed", http.MethodPost, signed, string(body), ok, http.StatusOK, true},
		{"a receiver that fails wants it again", http.MethodPost, signed, string(body), func(context.Context, *webhook.Event) error { return errors.New("database is down") }, http.StatusInternalServerError, true},
		{"a receiver that panics wants it again", http.MethodPost, signed, string(body), func(context.Context, *webhook.Event) error { panic("canary") }, http.StatusInternalServerError, true},
		{"no signature", http.MethodPost, nil, string(body), ok, http.StatusBadRequest, false},
		{"a wrong signature", http.MethodPost, signed, "{}", ok, http.StatusBadRequest, false},
		{"signed, but no event", http.MethodPost, http.Header{"Klarna-Signature": {sign(secret, []byte("[]"))}}, "[]", ok, http.StatusBadRequest, false},
		{"too large", http.MethodPost, signed, strings.Repeat("a", 2000), ok, http.StatusRequestEntityTooLarge, false},
		{"another method", http.MethodGet, signed, "", ok, http.StatusMethodNotAllowed, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var log bytes.Buffer
			received := false
			handler, err := webhook.NewHandler(newVerifier(t), func(ctx context.Context, e *webhook.Event) error {
				received = true
				return tc.receive(ctx, e)
			}, webhook.WithMaxBytes(1000), webhook.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequestWithContext(t.Context(), tc.method, "/webhook", strings.NewReader(tc.body))
			r.Header = tc.header
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != tc.want || received != tc.received {
				t.Errorf("status %d, received %v; want %d, %v", w.Code, received, tc.want, tc.received)
			}
			if tc.want == http.StatusBadRequest && w.Body.String() != "Bad Request\n" {
				t.Errorf("the sender is told %q", w.Body)
			}
			if failed := tc.want != http.StatusOK && tc.want != http.StatusMethodNotAllowed; failed == (log.Len() == 0) {
				t.Errorf("logged %q", &log)
			}
			if strings.Contains(log.String(), "canary") || strings.Contains(w.Body.String(), "canary") {
				t.Errorf("a panic's value came out: %q, %q", &log, w.Body)
			}
		})
	}
}

func TestHandlersContextEndsWhenTheSenderLeaves(t *testing.T) {
	ctx, leave := context.WithCancel(t.Context())
	handler, err := webhook.NewHandler(newVerifier(t), func(ctx context.Context, _ *webhook.Event) error {
		leave()
		return ctx.Err()
	}, webhook.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/webhook", bytes.NewReader(body))
	r.Header.Set("Klarna-Signature", sign(secret, body))
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Code != http.StatusInternalServerError {
		t.Errorf("status %d, want 500", w.Code)
	}
}

func TestHandlerLetsAnAbortedRequestBeAborted(t *testing.T) {
	handler, err := webhook.NewHandler(newVerifier(t), func(context.Context, *webhook.Event) error { panic(http.ErrAbortHandler) })
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/webhook", bytes.NewReader(body))
	r.Header.Set("Klarna-Signature", sign(secret, body))
	defer func() {
		if err, ok := recover().(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("recovered %v", err)
		}
	}()
	handler.ServeHTTP(httptest.NewRecorder(), r)
}

func TestNewHandlerRefusesToBeWithoutVerifierOrReceiver(t *testing.T) {
	receive := func(context.Context, *webhook.Event) error { return nil }
	if _, err := webhook.NewHandler(nil, receive); err == nil {
		t.Error("no verifier: accepted")
	}
	if _, err := webhook.NewHandler(newVerifier(t), nil); err == nil {
		t.Error("no receiver: accepted")
	}
	if _, err := webhook.NewHandler(newVerifier(t), receive, webhook.WithMaxBytes(0)); err == nil {
		t.Error("no size: accepted")
	}
}

func ExampleNewHandler() {
	verifier, err := webhook.NewVerifier(webhook.Key{ID: "krn:…:signing-key:1", Secret: webhook.NewSecret("the signing_key as Klarna returned it")})
	if err != nil {
		panic(err)
	}
	handler, err := webhook.NewHandler(verifier, func(_ context.Context, event *webhook.Event) error {
		fmt.Println(event.Metadata.EventType) // an error here makes Klarna deliver again
		return nil
	})
	if err != nil {
		panic(err)
	}

	delivery := `{"metadata":{"event_id":"1","event_type":"payment.request.state-change.completed"},"payload":{}}`
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/klarna/webhook", strings.NewReader(delivery))
	r.Header.Set(webhook.HeaderSignature, webhook.Sign(webhook.NewSecret("the signing_key as Klarna returned it"), []byte(delivery)))
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	fmt.Println(w.Code)
	// Output:
	// payment.request.state-change.completed
	// 200
}
