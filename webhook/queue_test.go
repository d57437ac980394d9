package webhook_test

import (
	"bytes"
	"context"
	"errors"

	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klarna-go/klarna-go/webhook"
)

// syncBuffer is a log for several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newQueue(t *testing.T, receive webhook.Receiver, config webhook.QueueConfig) (*webhook.Queue, *syncBuffer) {
	t.Helper()
	log := new(syncBuffer)
	config.Logger = slog.New(slog.NewTextHandler(log, nil))
	q, err := webhook.NewQueue(receive, config)
	if err != nil {
		t.Fatal(err)
	}
	return q, log
}

func TestQueueAcknowledgesUntilItIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		finish := make(chan struct{})
		q, _ := newQueue(t, func(context.Context, *webhook.Event) error { <-finish; return nil }, webhook.QueueConfig{Size: 1, Workers: 1})
		handler, err := webhook.NewHandler(newVerifier(t), q.Receive, webhook.WithLogger(slog.New(slog.DiscardHandler)))
		if err != nil {
			t.Fatal(err)
		}
		deliver := func() int {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/webhook", bytes.NewReader(body))
			r.Header.Set("Klarna-Signature", sign(secret, body))
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			synctest.Wait()
			return w.Code
		}
		for i, want := range []int{200, 200, 503, 503} { // one is processed, one waits
			if got := deliver(); got != want {
				t.Errorf("delivery %d: %d, want %d", i, got, want)
			}
		}
		finish <- struct{}{}
		synctest.Wait()
		if got := deliver(); got != http.StatusOK {
			t.Errorf("after one was processed: %d, want 200", got)
		}
		close(finish)
		if err := q.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if got := deliver(); got != http.StatusServiceUnavailable {
			t.Errorf("after Shutdown: %d, want 503", got)
		}
	})
}

func TestQueueProcessesWaitingEventsBeforeShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var processed atomic.Int32
		q, log := newQueue(t, func(context.Context, *webhook.Event) error {
			<-time.After(time.Second)
			processed.Add(1)
			return nil
		}, webhook.QueueConfig{Workers: 4})
		for i := range 100 {
			if err := q.Receive(t.Context(), event(strconv.Itoa(i))); err != nil {
				t.Fatal(err)
			}
		}
		begin := time.Now()
		var shutdowns sync.WaitGroup
		for range 2 { // concurrent calls wait, too
			shutdowns.Go(func() {
				if err := q.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		shutdowns.Wait()
		if processed.Load() != 100 || time.Since(begin) != 25*time.Second || log.String() != "" {
			t.Errorf("%d processed after %v, want 100 after 25s; logged %q", processed.Load(), time.Since(begin), log)
		}
		if err := q.Receive(t.Context(), event("late")); !errors.Is(err, webhook.ErrBusy) {
			t.Errorf("after Shutdown: %v, want ErrBusy", err)
		}
	})
}

func TestQueueShutdownStopsWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, log := newQueue(t, func(ctx context.Context, _ *webhook.Event) error {
			<-ctx.Done()
			return ctx.Err()
		}, webhook.QueueConfig{Workers: 1, Timeout: time.Hour})
		for _, id := range []string{"begun", "waiting"} {
			if err := q.Receive(t.Context(), event(id)); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begin := time.Now()
		if err := q.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Minute {
			t.Errorf("%v after %v, want DeadlineExceeded after a minute", err, time.Since(begin))
		}
		for _, id := range []string{"begun", "waiting"} {
			if !strings.Contains(log.String(), "event_id="+id) {
				t.Errorf("the log does not report that %s was lost: %s", id, log)
			}
		}
	})
}

func TestQueueContinuesAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, log := newQueue(t, func(ctx context.Context, e *webhook.Event) error {
			switch e.Metadata.EventID {
			case "fails":
				return errors.New("database is down")
			case "panics":
				panic("canary")
			case "takes too long":
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}, webhook.QueueConfig{Workers: 1})
		for _, id := range []string{"fails", "panics", "takes too long", "succeeds"} {
			if err := q.Receive(t.Context(), event(id)); err != nil {
				t.Fatal(err)
			}
		}
		begin := time.Now()
		if err := q.Shutdown(t.Context()); err != nil || time.Since(begin) != time.Minute {
			t.Errorf("%v after %v, want nil after the default timeout of a minute", err, time.Since(begin))
		}
		for text, want := range map[string]int{"level=ERROR": 3, "database is down": 1, "panicked with a string": 1, "deadline exceeded": 1, "canary": 0, "succeeds": 0} {
			if got := strings.Count(log.String(), text); got != want {
				t.Errorf("the log has %q %d times, want %d: %s", text, got, want, log)
			}
		}
	})
}

// The event is acknowledged, so it is processed even if the sender closes the connection.
func TestQueueIgnoresTheContextOfTheSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var processed error
		q, _ := newQueue(t, func(ctx context.Context, _ *webhook.Event) error {
			<-time.After(time.Second)
			processed = ctx.Err()
			return nil
		}, webhook.QueueConfig{})
		ctx, leave := context.WithCancel(t.Context())
		if err := q.Receive(ctx, event("a")); err != nil {
			t.Fatal(err)
		}
		leave()
		if err := q.Shutdown(t.Context()); err != nil || processed != nil {
			t.Errorf("%v, receiver's context %v", err, processed)
		}
	})
}

func TestNewQueueRefusesInvalidArguments(t *testing.T) {
	receive := func(context.Context, *webhook.Event) error { return nil }
	for name, tc := range map[string]struct {
		receive webhook.Receiver
		config  webhook.QueueConfig
	}{
		"no receiver":        {nil, webhook.QueueConfig{}},
		"a negative size":    {receive, webhook.QueueConfig{Size: -1}},
		"negative workers":   {receive, webhook.QueueConfig{Workers: -1}},
		"a negative timeout": {receive, webhook.QueueConfig{Timeout: -1}},
	} {
		if q, err := webhook.NewQueue(tc.receive, tc.config); err == nil || q != nil {
			t.Errorf("%s: accepted", name)
		}
	}
	q, err := webhook.NewQueue(receive, webhook.QueueConfig{}) // with a default logger
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
