package klarna_test

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/klarna"
)

// logged is a handler that keeps records as maps, with durations replaced by their type.
type logged struct {
	mu      sync.Mutex
	level   slog.Level
	records []map[string]any
}

func (l *logged) Enabled(_ context.Context, level slog.Level) bool { return level >= l.level }
func (l *logged) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l *logged) WithGroup(string) slog.Handler                    { return l }
func (l *logged) Handle(_ context.Context, r slog.Record) error {
	record := map[string]any{"": r.Level.String() + " " + r.Message}
	r.Attrs(func(a slog.Attr) bool {
		value := a.Value.Resolve().Any()
		if d, ok := value.(time.Duration); ok && d > 0 {
			value = "a time"
		}
		record[a.Key] = value
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, record)
	return nil
}

func TestLogRecordsAreAsDocumented(t *testing.T) {
	base := func(extra map[string]any) map[string]any {
		m := map[string]any{
			"operation": "authorization.authorize", "method": "POST", "partner_account_id": account, "idempotency_key": "key",
			"partner_correlation_id": "p-1", "duration": "a time",
		}
		maps.Copy(m, extra)
		return m
	}
	const id = "9f27a5d0-4a42-4a2e-8c8f-3a4f9d1a6b11"
	tests := map[string]struct {
		steps []string
		want  []map[string]any
	}{
		"a success": {[]string{"200"}, []map[string]any{
			base(map[string]any{"": "DEBUG klarna attempt", "attempt": int64(1), "sent": true, "status": int64(200), "correlation_id": "k-1"}),
			base(map[string]any{"": "DEBUG klarna call", "attempts": int64(1), "status": int64(200), "correlation_id": "k-1"}),
		}},
		"a cut, then a refusal": {[]string{"cut", "400 VALIDATION_ERROR"}, []map[string]any{
			base(map[string]any{"": "DEBUG klarna attempt", "attempt": int64(1), "sent": true, "wait": "a time", "cause": "the connection was closed before the complete answer arrived"}),
			base(map[string]any{"": "DEBUG klarna attempt", "attempt": int64(2), "sent": true, "status": int64(400), "correlation_id": "k-1", "error_code": "VALIDATION_ERROR", "error_id": id}),
			base(map[string]any{
				"": "WARN klarna call", "attempts": int64(2), "status": int64(400), "correlation_id": "k-1", "error_code": "VALIDATION_ERROR", "error_id": id,
				"outcome": "unknown", "parameters": []string{"currency"},
			}),
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			n := 0
			log := &logged{level: slog.LevelDebug}
			client := stubbed(t, func(r *http.Request) (*http.Response, error) {
				n++
				step := test.steps[n-1]
				if step == "cut" {
					return nil, io.ErrUnexpectedEOF
				}
				response := respond(r, 200, "{}")
				if step != "200" {
					response = respond(r, 400, strings.Replace(errorJSON("VALIDATION_ERROR"), "{", `{"validation_errors":[{"parameter":"currency","reason":"Ada"}],`, 1))
				}
				response.Header.Set("Klarna-Correlation-Id", "k-1")
				return response, nil
			}, klarna.WithLogger(slog.New(log)))
			_, _ = client.ForAccount(account).Do(t.Context(), authorize(), nil, klarna.WithIdempotencyKey("key"), klarna.WithCorrelationID("p-1"))
			if diff := cmp.Diff(test.want, log.records); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("a call that was refused before it was sent", func(t *testing.T) {
		log := &logged{level: slog.LevelDebug}
		fail(t, newClient(t, "https://klarna.invalid", klarna.WithLogger(slog.New(log))).ForAccount(""), read(), nil)
		want := []map[string]any{{
			"": "WARN klarna call", "operation": "authorization.read", "method": "GET", "partner_account_id": "", "partner_correlation_id": "",
			"attempts": int64(0), "duration": "a time", "outcome": "not sent", "parameters": []string{"partner_account_id: is empty"},
		}}
		if diff := cmp.Diff(want, log.records); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("no record is made for a level that is not enabled", func(t *testing.T) {
		for level, want := range map[slog.Level]int{slog.LevelDebug: 2, slog.LevelInfo: 0} {
			log := &logged{level: level}
			succeed(t, stubbed(t, func(r *http.Request) (*http.Response, error) { return respond(r, 200, "{}"), nil }, klarna.WithLogger(slog.New(log))), read(), nil)
			if len(log.records) != want {
				t.Errorf("at %s: %d records, want %d", level, len(log.records), want)
			}
		}
	})
}
