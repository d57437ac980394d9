package webhook_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/webhook"
)

func TestZeroVerifierRefusesWithAnError(t *testing.T) {
	secret := webhook.NewSecret("0123456789abcdef")
	body := []byte(`{}`)
	header := http.Header{webhook.HeaderSignature: {webhook.Sign(secret, body)}}
	for name, v := range map[string]*webhook.Verifier{"zero": {}, "nil": nil} {
		_, parsed := v.Parse(t.Context(), header, body)
		for method, err := range map[string]error{
			"Verify": v.Verify(t.Context(), header, body), "Parse": parsed, "Refresh": v.Refresh(t.Context()),
		} {
			if !errors.Is(err, webhook.ErrKeySource) || !strings.Contains(err.Error(), "NewVerifier") {
				t.Errorf("%s of a %s Verifier: %v", method, name, err)
			}
		}
		if _, err := webhook.NewHandler(v, func(context.Context, *webhook.Event) error { return nil }); err == nil {
			t.Errorf("NewHandler accepts a %s Verifier", name)
		}
	}
}

// The test sets the default logger, so it is not parallel.
func TestZeroHandlerAnswers500(t *testing.T) {
	before := slog.Default()
	defer slog.SetDefault(before)
	for name, h := range map[string]*webhook.Handler{"zero": {}, "nil": nil} {
		var log strings.Builder
		slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(`{}`)))
		if w.Code != http.StatusInternalServerError || !strings.Contains(log.String(), "NewHandler") {
			t.Errorf("a %s Handler answers %d and logs %q", name, w.Code, log.String())
		}
	}
}

func TestZeroMemoryStoreWorks(t *testing.T) {
	var s webhook.MemoryStore
	if err := s.Complete(t.Context(), "e", "token"); !errors.Is(err, webhook.ErrLostClaim) {
		t.Errorf("a completion without a claim: %v", err)
	}
	if err := s.Release(t.Context(), "e", "token"); err != nil {
		t.Error(err)
	}
	claim, err := s.Claim(t.Context(), "e", time.Minute)
	if err != nil || claim.Status != webhook.ClaimStatusGranted {
		t.Fatalf("%v, %v", claim, err)
	}
	if err := s.Complete(t.Context(), "e", claim.Token); err != nil {
		t.Fatal(err)
	}
	if claim, err = s.Claim(t.Context(), "e", time.Minute); err != nil || claim.Status != webhook.ClaimStatusCompleted {
		t.Errorf("%v, %v", claim, err)
	}
}

func TestZeroMuxAcknowledges(t *testing.T) {
	var mux webhook.Mux
	if err := mux.Receive(t.Context(), new(webhook.Event)); err != nil {
		t.Error(err)
	}
}

func TestZeroQueueReturnsErrors(t *testing.T) {
	for name, q := range map[string]*webhook.Queue{"zero": {}, "nil": nil} {
		for method, err := range map[string]error{
			"Receive": q.Receive(t.Context(), new(webhook.Event)), "Shutdown": q.Shutdown(t.Context()),
		} {
			if err == nil || !strings.Contains(err.Error(), "NewQueue") {
				t.Errorf("%s of a %s Queue: %v", method, name, err)
			}
		}
	}
}

func TestOnceNamesTheInvalidArgument(t *testing.T) {
	store, receive := webhook.NewMemoryStore(), func(context.Context, *webhook.Event) error { return nil }
	for want, call := range map[string]func(){
		"the store is nil":    func() { webhook.Once(nil, time.Minute, receive) },
		"the lease is 0s":     func() { webhook.Once(store, 0, receive) },
		"the receiver is nil": func() { webhook.Once(store, time.Minute, nil) },
	} {
		if message := panicsWith(call); !strings.Contains(message, want) {
			t.Errorf("got the panic %q, want %q", message, want)
		}
	}
}
