package webhook_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/klarna-go/klarna-go/webhook"
)

func TestHandlerStatusCodes(t *testing.T) {
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
		{"a receiver that fails", http.MethodPost, signed, string(body), func(context.Context, *webhook.Event) error { return errors.New("database is down") }, http.StatusInternalServerError, true},
		{"a receiver that panics", http.MethodPost, signed, string(body), func(context.Context, *webhook.Event) error { panic("canary") }, http.StatusInternalServerError, true},
		{"no signature", http.MethodPost, nil, string(body), ok, http.StatusBadRequest, false},
		{"a wrong signature", http.MethodPost, signed, "{}", ok, http.StatusBadRequest, false},
		{"signed, but not an event", http.MethodPost, http.Header{"Klarna-Signature": {sign(secret, []byte("[]"))}}, "[]", ok, http.StatusBadRequest, false},
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
				t.Errorf("the sender gets %q", w.Body)
			}
			if failed := tc.want != http.StatusOK; failed == (log.Len() == 0) {
				t.Errorf("logged %q", &log)
			}
			if strings.Contains(log.String(), "canary") || strings.Contains(w.Body.String(), "canary") {
				t.Errorf("the value of the panic is shown: %q, %q", &log, w.Body)
			}
		})
	}
}

func TestHandlerAcceptsJSONContentTypes(t *testing.T) {
	handler, err := webhook.NewHandler(newVerifier(t), func(context.Context, *webhook.Event) error { return nil }, webhook.WithLogger(slog.New(slog.DiscardHandler)), nil)
	if err != nil {
		t.Fatal(err)
	}
	for contentType, want := range map[string]int{
		"":                                   http.StatusOK,
		"application/json":                   http.StatusOK,
		"application/json; charset=utf-8":    http.StatusOK,
		"application/json;charset=\"UTF-8\"": http.StatusOK,
		"Application/JSON":                   http.StatusOK,
		" application/json ":                 http.StatusOK,
		"application/json; charset":          http.StatusOK, // a malformed parameter must not lose an event
		"application/json;;":                 http.StatusOK,
		"application/cloudevents+json":       http.StatusOK,
		"application/x-www-form-urlencoded":  http.StatusUnsupportedMediaType,
		"text/plain":                         http.StatusUnsupportedMediaType,
		"text/html+json":                     http.StatusUnsupportedMediaType,
		"application/jsonp":                  http.StatusUnsupportedMediaType,
		"json":                               http.StatusUnsupportedMediaType,
		"; application/json":                 http.StatusUnsupportedMediaType,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/webhook", bytes.NewReader(body))
		r.Header.Set("Klarna-Signature", sign(secret, body))
		if contentType != "" {
			r.Header.Set("Content-Type", contentType)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%q: %d, want %d", contentType, w.Code, want)
		}
	}
}

func TestHandlerNamesTheAllowedMethod(t *testing.T) {
	handler, err := webhook.NewHandler(newVerifier(t), func(context.Context, *webhook.Event) error { return nil }, webhook.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/webhook", bytes.NewReader(body)))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != http.MethodPost {
		t.Errorf("%d, Allow: %q", w.Code, w.Header().Get("Allow"))
	}
}

func TestHandlerAnswers400ToAnIncompleteBody(t *testing.T) {
	handler, err := webhook.NewHandler(newVerifier(t), func(context.Context, *webhook.Event) error { t.Error("received"); return nil }, webhook.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/webhook", iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(body))))
	r.Header.Set("Klarna-Signature", sign(secret, body))
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest {
		t.Errorf("%d, want 400", w.Code)
	}
}

func TestHandlerTurnsAPanicIntoAnError(t *testing.T) {
	for _, value := range []any{errors.New(canary), canary, 7, struct{}{}} {
		var log bytes.Buffer
		handler, err := webhook.NewHandler(newVerifier(t), func(context.Context, *webhook.Event) error { panic(value) }, webhook.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/webhook", bytes.NewReader(body))
		r.Header.Set("Klarna-Signature", sign(secret, body))
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != http.StatusInternalServerError || !strings.Contains(log.String(), fmt.Sprintf("panicked with a %T", value)) || containsCanary(log.String()) {
			t.Errorf("%d, logged %s", w.Code, &log)
		}
	}
}

// A program runs for a long time: its store keeps each event for 48 hours.
func TestHandlerStaysTheSameSize(t *testing.T) {
	events := 50_000
	if fullSize() {
		events *= 20
	}
	synctest.Test(t, func(t *testing.T) {
		processed := 0
		handler, err := webhook.NewHandler(newVerifier(t), webhook.Once(webhook.NewMemoryStore(), time.Minute, func(context.Context, *webhook.Event) error {
			processed++
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		tenth := events / 10
		var afterTwo, most uint64
		for i := range events {
			text := fmt.Appendf(nil, `{"metadata":{"event_id":"8f5f2b4e-0b1f-4a53-9d0c-%012d","event_type":"payment.request.state-change.completed"},"payload":{}}`, i)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/webhook", bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Klarna-Signature", sign(secret, text))
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != http.StatusOK {
				t.Fatal(w.Code)
			}
			if (i+1)%100 == 0 {
				<-time.After(48 * time.Hour * 1000 / time.Duration(events)) // a tenth of the events in 48 hours
			}
			if (i+1)%tenth == 0 {
				now := heap()
				if i < 2*tenth {
					afterTwo = now
				}
				most = max(most, now)
			}
		}
		t.Logf("%d events: %.1f MB after a fifth of them, %.1f MB at most", processed, float64(afterTwo)/megabyte, float64(most)/megabyte)
		if processed != events {
			t.Errorf("%d processed, want %d", processed, events)
		}
		// The store keeps a tenth of the events at any time. All of them would need several times
		// the memory.
		if limit := afterTwo + afterTwo/4 + 2*megabyte; most > limit {
			t.Errorf("%d bytes in use, more than %d", most, limit)
		}
	})
}

// The server has a handler, deduplication, a queue, and a key that must be looked up. synctest
// fails a test that leaves a goroutine.
func TestNoGoroutineIsLeftAfterShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := new(vault)
		v.set(nil, "old")
		verifier, err := webhook.NewVerifierFrom(t.Context(), v.source)
		if err != nil {
			t.Fatal(err)
		}
		v.set(nil, "old", "new")
		var processed atomic.Int32
		queue, err := webhook.NewQueue(webhook.Once(webhook.NewMemoryStore(), time.Minute, func(ctx context.Context, _ *webhook.Event) error {
			processed.Add(1)
			<-time.After(time.Second)
			return ctx.Err()
		}), webhook.QueueConfig{})
		if err != nil {
			t.Fatal(err)
		}
		var mux webhook.Mux
		mux.Handle("payment.*", queue.Receive)
		handler, err := webhook.NewHandler(verifier, mux.Receive)
		if err != nil {
			t.Fatal(err)
		}
		var deliveries sync.WaitGroup
		for i := range 200 {
			deliveries.Go(func() {
				r, err := webhook.NewTestRequest(t.Context(), "/", keyNamed("new"), webhook.Metadata{EventID: strconv.Itoa(i), EventType: webhook.EventTypePaymentRequestCompleted}, nil)
				if err != nil {
					t.Error(err)
					return
				}
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					t.Errorf("answered %d", w.Code)
				}
			})
		}
		deliveries.Wait()
		if err := queue.Shutdown(t.Context()); err != nil || processed.Load() != 200 {
			t.Errorf("%v, %d processed", err, processed.Load())
		}
	})
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

func TestHandlerDoesNotRecoverErrAbortHandler(t *testing.T) {
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

func TestNewHandlerRefusesInvalidArguments(t *testing.T) {
	receive := func(context.Context, *webhook.Event) error { return nil }
	if _, err := webhook.NewHandler(nil, receive); err == nil {
		t.Error("no verifier: got no error")
	}
	if _, err := webhook.NewHandler(newVerifier(t), nil); err == nil {
		t.Error("no receiver: got no error")
	}
	if _, err := webhook.NewHandler(newVerifier(t), receive, webhook.WithMaxBytes(0)); err == nil {
		t.Error("a limit of 0 bytes: got no error")
	}
}
