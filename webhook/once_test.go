package webhook_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klarna-go/klarna-go/webhook"
)

func event(id string) *webhook.Event {
	return &webhook.Event{Metadata: webhook.Metadata{EventID: id, EventType: webhook.EventTypePaymentRequestCompleted}}
}

// storeWith is a MemoryStore with some replaced methods.
type storeWith struct {
	*webhook.MemoryStore
	claim             func(ctx context.Context, id string, lease time.Duration) (webhook.Claim, error)
	complete, release func(ctx context.Context, id, token string) error
}

func (s storeWith) Claim(ctx context.Context, id string, lease time.Duration) (webhook.Claim, error) {
	if s.claim != nil {
		return s.claim(ctx, id, lease)
	}
	return s.MemoryStore.Claim(ctx, id, lease)
}

func (s storeWith) Complete(ctx context.Context, id, token string) error {
	if s.complete != nil {
		return s.complete(ctx, id, token)
	}
	return s.MemoryStore.Complete(ctx, id, token)
}

func (s storeWith) Release(ctx context.Context, id, token string) error {
	if s.release != nil {
		return s.release(ctx, id, token)
	}
	return s.MemoryStore.Release(ctx, id, token)
}

// status returns the status of a new claim.
func status(t *testing.T, store webhook.Store, id string) webhook.ClaimStatus {
	t.Helper()
	c, err := store.Claim(context.Background(), id, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return c.Status
}

func TestOnceProcessesAnEventOnce(t *testing.T) {
	calls := 0
	receive := webhook.Once(webhook.NewMemoryStore(), time.Minute, func(context.Context, *webhook.Event) error { calls++; return nil })
	for range 3 {
		if err := receive(t.Context(), event("a")); err != nil {
			t.Error(err)
		}
	}
	if err := receive(t.Context(), event("b")); err != nil || calls != 2 {
		t.Errorf("%d calls, %v; want one for each of two events", calls, err)
	}
}

func TestOnceReleasesAnEventThatFails(t *testing.T) {
	failure := errors.New("a failure")
	for _, tc := range []struct {
		name    string
		receive webhook.Receiver
		want    error
		panics  bool
	}{
		{"the receiver fails", func(context.Context, *webhook.Event) error { return failure }, failure, false},
		{"the receiver panics", func(context.Context, *webhook.Event) error { panic(failure) }, nil, true},
		{"the receiver aborts the request", func(context.Context, *webhook.Event) error { panic(http.ErrAbortHandler) }, nil, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			store := webhook.NewMemoryStore()
			func() {
				defer func() {
					if panicked := recover() != nil; panicked != tc.panics {
						t.Errorf("panicked: %v, want %v", panicked, tc.panics)
					}
				}()
				if err := webhook.Once(store, time.Minute, tc.receive)(t.Context(), event("a")); !errors.Is(err, tc.want) {
					t.Errorf("%v, want %v", err, tc.want)
				}
			}()
			if got := status(t, store, "a"); got != webhook.ClaimStatusGranted {
				t.Errorf("the next claim is %v, want granted", got)
			}
		})
	}
}

// Klarna's second delivery arrives while the first is being processed. The handler must not
// acknowledge it.
func TestHandlerAnswers503ToAnEventInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		finish := make(chan error)
		handler, err := webhook.NewHandler(newVerifier(t), webhook.Once(webhook.NewMemoryStore(), time.Minute, func(context.Context, *webhook.Event) error {
			return <-finish
		}), webhook.WithLogger(slog.New(slog.DiscardHandler)))
		if err != nil {
			t.Fatal(err)
		}
		deliver := func() <-chan int {
			answer := make(chan int, 1)
			go func() {
				r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/webhook", bytes.NewReader(body))
				r.Header.Set("Klarna-Signature", sign(secret, body))
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				answer <- w.Code
			}()
			synctest.Wait()
			return answer
		}
		first := deliver()
		if got := <-deliver(); got != http.StatusServiceUnavailable {
			t.Errorf("while the first is in flight: %d, want 503", got)
		}
		finish <- errors.New("a failure")
		if got := <-first; got != http.StatusInternalServerError {
			t.Errorf("the first: %d, want 500", got)
		}
		again := deliver()
		finish <- nil
		if got := <-again; got != http.StatusOK {
			t.Errorf("delivered again: %d, want 200", got)
		}
		if got := <-deliver(); got != http.StatusOK {
			t.Errorf("a duplicate of a finished event: %d, want 200", got)
		}
	})
}

func TestOnceEndsTheReceiversContextBeforeTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := webhook.NewMemoryStore()
		slow := storeWith{MemoryStore: memory, claim: func(ctx context.Context, id string, lease time.Duration) (webhook.Claim, error) {
			c, err := memory.Claim(ctx, id, lease)
			<-time.After(20 * time.Second) // the answer takes 20s
			return c, err
		}}
		err := webhook.Once(slow, time.Minute, func(ctx context.Context, _ *webhook.Event) error {
			begin := time.Now()
			<-ctx.Done()
			if waited := time.Since(begin); waited != 40*time.Second {
				t.Errorf("the context ended after %v, want 40s, the rest of the lease", waited)
			}
			return ctx.Err()
		})(t.Context(), event("a"))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want DeadlineExceeded", err)
		}
	})
}

// A receiver that ignores its context continues after its lease. Its result counts unless another
// claim was granted.
func TestOnceReportsALostClaim(t *testing.T) {
	for _, tc := range []struct {
		name      string
		meanwhile bool
		want      error
	}{
		{"another claim was granted meanwhile", true, webhook.ErrLostClaim},
		{"no other claim was granted", false, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := webhook.NewMemoryStore()
				err := webhook.Once(store, time.Minute, func(context.Context, *webhook.Event) error {
					<-time.After(2 * time.Minute)
					if status(t, store, "another event") != webhook.ClaimStatusGranted {
						t.Error("another event cannot be claimed")
					}
					if tc.meanwhile && status(t, store, "a") != webhook.ClaimStatusGranted {
						t.Error("the lease did not end")
					}
					return nil
				})(t.Context(), event("a"))
				if !errors.Is(err, tc.want) {
					t.Errorf("%v, want %v", err, tc.want)
				}
			})
		})
	}
}

func TestOnceSettlesTheClaimAfterTheSenderLeaves(t *testing.T) {
	failure := errors.New("a failure")
	for _, tc := range []struct {
		name string
		err  error
		want webhook.ClaimStatus
	}{
		{"to complete", nil, webhook.ClaimStatusCompleted},
		{"to release", failure, webhook.ClaimStatusGranted},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, leave := context.WithCancel(t.Context())
			store := webhook.NewMemoryStore()
			err := webhook.Once(store, time.Minute, func(ctx context.Context, _ *webhook.Event) error {
				leave()
				if ctx.Err() == nil {
					t.Error("the receiver's context has not ended")
				}
				return tc.err
			})(ctx, event("a"))
			if !errors.Is(err, tc.err) {
				t.Errorf("%v, want %v", err, tc.err)
			}
			if got := status(t, store, "a"); got != tc.want {
				t.Errorf("the next claim is %v, want %v", got, tc.want)
			}
		})
	}
}

func TestOnceReturnsTheStoresErrors(t *testing.T) {
	broken, failure := errors.New("the store is broken"), errors.New("a failure")
	fails := func(context.Context, string, string) error { return broken }
	succeed := func(context.Context, *webhook.Event) error { return nil }
	fail := func(context.Context, *webhook.Event) error { return failure }
	for _, tc := range []struct {
		name    string
		store   storeWith
		receive webhook.Receiver
		want    []error
		text    string
	}{
		{
			"the error of a claim, without processing the event",
			storeWith{claim: func(context.Context, string, time.Duration) (webhook.Claim, error) { return webhook.Claim{}, broken }},
			func(context.Context, *webhook.Event) error { t.Error("processed without a claim"); return nil },
			[]error{broken}, "webhook: claim: ",
		},
		{"the error of a completion", storeWith{complete: fails}, succeed, []error{broken}, "webhook: complete: "},
		{"the error of a release, with that of the receiver", storeWith{release: fails}, fail, []error{broken, failure}, "webhook: release: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.store.MemoryStore = webhook.NewMemoryStore()
			err := webhook.Once(tc.store, time.Minute, tc.receive)(t.Context(), event("a"))
			for _, want := range tc.want {
				if !errors.Is(err, want) || !strings.Contains(err.Error(), tc.text) {
					t.Errorf("%v, want %v", err, want)
				}
			}
		})
	}
}

func TestOnceStopsWaitingForAHangingStore(t *testing.T) {
	hangs := func(ctx context.Context, _, _ string) error { <-ctx.Done(); return ctx.Err() }
	failure := errors.New("a failure")
	for name, tc := range map[string]struct{ receiver, want error }{
		"to complete": {nil, context.DeadlineExceeded},
		"to release":  {failure, failure},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				err := webhook.Once(storeWith{MemoryStore: webhook.NewMemoryStore(), complete: hangs, release: hangs}, time.Hour, func(context.Context, *webhook.Event) error {
					return tc.receiver
				})(t.Context(), event("a"))
				if !errors.Is(err, tc.want) || time.Since(begin) != 10*time.Second {
					t.Errorf("%v after %v, want %v after 10s", err, time.Since(begin), tc.want)
				}
			})
		})
	}
}

// Klarna delivers again after 10 seconds, 2 minutes and 15 minutes. A claim that was granted
// although its answer was lost must not delay these deliveries.
func TestOnceReleasesAClaimWhoseAnswerWasLost(t *testing.T) {
	store := storeWith{MemoryStore: webhook.NewMemoryStore()}
	cut := errors.New("the connection was cut")
	calls := 0
	store.claim = func(ctx context.Context, id string, lease time.Duration) (webhook.Claim, error) {
		c, err := store.MemoryStore.Claim(ctx, id, lease)
		if calls++; calls == 1 {
			return webhook.Claim{Token: c.Token}, cut
		}
		return c, err
	}
	processed := 0
	receive := webhook.Once(store, 5*time.Minute, func(context.Context, *webhook.Event) error { processed++; return nil })
	if err := receive(t.Context(), event("a")); !errors.Is(err, cut) || processed != 0 {
		t.Fatalf("%v, processed %d times", err, processed)
	}
	if err := receive(t.Context(), event("a")); err != nil || processed != 1 {
		t.Errorf("the next delivery: %v, processed %d times", err, processed)
	}
}

func TestOncePanicsOnInvalidArguments(t *testing.T) {
	receive := func(context.Context, *webhook.Event) error { return nil }
	for name, set := range map[string]func(){
		"no store":         func() { webhook.Once(nil, time.Minute, receive) },
		"no lease":         func() { webhook.Once(webhook.NewMemoryStore(), 0, receive) },
		"a negative lease": func() { webhook.Once(webhook.NewMemoryStore(), -1, receive) },
		"no receiver":      func() { webhook.Once(webhook.NewMemoryStore(), time.Minute, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("got no panic")
				}
			}()
			set()
		})
	}
}

// flakyStore fails the first calls of Complete.
type flakyStore struct {
	webhook.Store
	failures int
}

func (s *flakyStore) Complete(ctx context.Context, eventID, token string) error {
	if s.failures--; s.failures >= 0 {
		return errors.New("the store is not available")
	}
	return s.Store.Complete(ctx, eventID, token)
}

func TestOnceRetriesToComplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &flakyStore{Store: webhook.NewMemoryStore(), failures: 2}
		processed := 0
		receive := webhook.Once(store, time.Minute, func(context.Context, *webhook.Event) error {
			processed++
			return nil
		})
		event := &webhook.Event{Metadata: webhook.Metadata{EventID: "e", EventType: webhook.EventTypePaymentRequestCompleted}}
		for range 2 {
			if err := receive(t.Context(), event); err != nil {
				t.Error(err)
			}
		}
		if processed != 1 {
			t.Errorf("processed %d times", processed)
		}
	})
}
