package webhook_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klarna-go/klarna-go/webhook"
)

// vault is a KeySource that counts its calls. Its keys can be changed.
type vault struct {
	mu    sync.Mutex
	keys  []webhook.Key
	reads int
	// answer replaces the keys if it is set.
	answer func(ctx context.Context) ([]webhook.Key, error)
}

func (v *vault) source(ctx context.Context) ([]webhook.Key, error) {
	v.mu.Lock()
	v.reads++
	keys, answer := v.keys, v.answer
	v.mu.Unlock()
	if answer != nil {
		return answer(ctx)
	}
	return keys, nil
}

func (v *vault) set(answer func(ctx context.Context) ([]webhook.Key, error), ids ...string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.answer, v.keys = answer, nil
	for _, id := range ids {
		v.keys = append(v.keys, keyNamed(id))
	}
}

func (v *vault) times() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.reads
}

func keyNamed(id string) webhook.Key {
	return webhook.Key{ID: id, Secret: webhook.NewSecret("the secret of the key " + id)}
}

// newSourced returns a Verifier that read its source once, a minute ago.
func newSourced(t *testing.T, ids ...string) (*webhook.Verifier, *vault) {
	t.Helper()
	v := new(vault)
	v.set(nil, ids...)
	verifier, err := webhook.NewVerifierFrom(t.Context(), v.source)
	if err != nil {
		t.Fatal(err)
	}
	<-time.After(time.Minute)
	return verifier, v
}

// verify checks a delivery that names the key and is signed with it.
func verify(ctx context.Context, verifier *webhook.Verifier, id string) error {
	return verifier.Verify(ctx, http.Header{
		"Klarna-Signature":      {webhook.Sign(keyNamed(id).Secret, body)},
		"Klarna-Signing-Key-Id": {id},
	}, body)
}

func TestAKnownKeyIsNotLookedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		verifier, v := newSourced(t, "a")
		for range 100 {
			if err := verify(t.Context(), verifier, "a"); err != nil {
				t.Fatal(err)
			}
			<-time.After(time.Minute)
		}
		if got := v.times(); got != 1 {
			t.Errorf("the source was read %d times, want once", got)
		}
	})
}

func TestWaitingDeliveriesShareOneLookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		verifier, v := newSourced(t, "old")
		v.set(func(context.Context) ([]webhook.Key, error) {
			<-time.After(2 * time.Second)
			return []webhook.Key{keyNamed("old"), keyNamed("new")}, nil
		})
		begin := time.Now()
		var deliveries sync.WaitGroup
		for i := range 1000 {
			deliveries.Go(func() {
				<-time.After(time.Duration(i) * 2 * time.Millisecond) // until just before the answer
				if err := verify(t.Context(), verifier, "new"); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait() // the first delivery has started the look-up
		if err := verify(t.Context(), verifier, "old"); err != nil || time.Since(begin) != 0 {
			t.Errorf("a known key waits for the look-up: %v after %v", err, time.Since(begin))
		}
		deliveries.Wait()
		if v.times() != 2 || time.Since(begin) != 2*time.Second {
			t.Errorf("the source was read %d times in %v, want twice in 2s", v.times(), time.Since(begin))
		}
	})
}

func TestUnknownKeysCauseOneLookupASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		verifier, v := newSourced(t, "a")
		var deliveries sync.WaitGroup
		for range 10_000 { // for ten seconds
			deliveries.Go(func() {
				begin := time.Now()
				if err := verify(t.Context(), verifier, "unknown"); !errors.Is(err, webhook.ErrUnknownKey) {
					t.Errorf("%v, want ErrUnknownKey", err)
				}
				if waited := time.Since(begin); waited > time.Second {
					t.Errorf("waited for %v", waited)
				}
			})
			<-time.After(time.Millisecond)
		}
		deliveries.Wait()
		if got := v.times(); got != 1+11 {
			t.Errorf("the source was read %d times, want 12", got)
		}
	})
}

// A look-up for an invented id directly before must not hide a new key.
func TestAKeyPublishedBeforeItsDeliveryIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		verifier, v := newSourced(t, "old")
		if err := verify(t.Context(), verifier, "invented"); !errors.Is(err, webhook.ErrUnknownKey) {
			t.Fatal(err)
		}
		v.set(nil, "old", "new")
		begin := time.Now()
		if err := verify(t.Context(), verifier, "new"); err != nil {
			t.Error(err)
		}
		if waited := time.Since(begin); waited != time.Second {
			t.Errorf("found after %v", waited)
		}
	})
}

// A call to the source that never returns must not prevent later calls.
func TestASourceThatHungIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		verifier, v := newSourced(t, "old")
		forever := make(chan struct{})
		v.set(func(context.Context) ([]webhook.Key, error) {
			<-forever
			return nil, errors.New("at last")
		})
		if err := verify(t.Context(), verifier, "new"); !errors.Is(err, webhook.ErrKeySource) {
			t.Fatal(err)
		}
		v.set(nil, "old", "new")
		if err := verify(t.Context(), verifier, "new"); err != nil {
			t.Error(err)
		}
		close(forever)
	})
}

func TestErrorsOfAKeySource(t *testing.T) {
	failure := errors.New("the vault is sealed")
	for _, tc := range []struct {
		name   string
		answer func(ctx context.Context) ([]webhook.Key, error)
		want   error
		text   string
		after  time.Duration
	}{
		{"it fails", func(context.Context) ([]webhook.Key, error) { return nil, failure }, failure, "sealed", 0},
		{"it panics", func(context.Context) ([]webhook.Key, error) { panic("canary") }, webhook.ErrKeySource, "panicked with a string", 0},
		{"it has no keys", func(context.Context) ([]webhook.Key, error) { return nil, nil }, webhook.ErrKeySource, "at least one", 0},
		{"it has an empty key", func(context.Context) ([]webhook.Key, error) { return []webhook.Key{{ID: "new"}}, nil }, webhook.ErrKeySource, "0 bytes", 0},
		{"it hangs until its context ends", func(ctx context.Context) ([]webhook.Key, error) { <-ctx.Done(); return nil, ctx.Err() }, webhook.ErrKeySource, "", 10 * time.Second},
		{"it hangs and ignores its context", func(context.Context) ([]webhook.Key, error) { <-time.After(time.Hour); return nil, failure }, webhook.ErrKeySource, "longer than 10s", 10 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				verifier, v := newSourced(t, "old")
				v.set(tc.answer)
				begin := time.Now()
				err := verify(t.Context(), verifier, "new")
				if !errors.Is(err, webhook.ErrKeySource) || !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) || strings.Contains(err.Error(), "canary") {
					t.Errorf("%v, want %v, %v and %q", err, webhook.ErrKeySource, tc.want, tc.text)
				}
				if took := time.Since(begin); took != tc.after {
					t.Errorf("after %v, want %v", took, tc.after)
				}
				// A recent look-up that failed does not show that the key is unknown.
				if err := verify(t.Context(), verifier, "new"); !errors.Is(err, webhook.ErrKeySource) {
					t.Errorf("immediately again: %v, want ErrKeySource", err)
				}
				if err := verify(t.Context(), verifier, "old"); err != nil {
					t.Errorf("a key that was known before: %v", err)
				}
				if verifier, err := webhook.NewVerifierFrom(t.Context(), func(ctx context.Context) ([]webhook.Key, error) {
					ctx, cancel := context.WithTimeout(ctx, time.Second)
					defer cancel()
					return tc.answer(ctx)
				}); verifier != nil || !errors.Is(err, webhook.ErrKeySource) {
					t.Errorf("at construction: %v, want ErrKeySource", err)
				}
				<-time.After(2 * time.Hour) // the hanging call ends
				v.set(nil, "new")
				if err := verify(t.Context(), verifier, "new"); err != nil {
					t.Errorf("after the source recovers: %v", err)
				}
			})
		})
	}
}

func TestHandlerAnswers500WhenTheLookupFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		verifier, v := newSourced(t, "old")
		v.set(func(context.Context) ([]webhook.Key, error) { return nil, errors.New("sealed") })
		handler, err := webhook.NewHandler(verifier, func(context.Context, *webhook.Event) error { return nil }, webhook.WithLogger(slog.New(slog.DiscardHandler)))
		if err != nil {
			t.Fatal(err)
		}
		deliver := func() int {
			r, err := webhook.NewTestRequest(t.Context(), "/webhook", keyNamed("new"), webhook.Metadata{EventID: "e", EventType: "t"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			return w.Code
		}
		if got := deliver(); got != http.StatusInternalServerError {
			t.Errorf("%d, want 500", got)
		}
		<-time.After(10 * time.Second) // Klarna's first retry
		v.set(nil, "old", "new")
		if got := deliver(); got != http.StatusOK {
			t.Errorf("delivered again: %d, want 200", got)
		}
	})
}

func TestALookupContinuesAfterTheSenderLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		verifier, v := newSourced(t, "old")
		v.set(func(ctx context.Context) ([]webhook.Key, error) {
			select {
			case <-time.After(2 * time.Second):
				return []webhook.Key{keyNamed("new")}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		})
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		stays := make(chan error)
		go func() {
			<-time.After(500 * time.Millisecond) // it shares the look-up of the sender that leaves
			stays <- verify(t.Context(), verifier, "new")
		}()
		begin := time.Now()
		if err := verify(ctx, verifier, "new"); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, webhook.ErrKeySource) || time.Since(begin) != time.Second {
			t.Errorf("the sender that leaves: %v after %v, want DeadlineExceeded after 1s", err, time.Since(begin))
		}
		if err := <-stays; err != nil || time.Since(begin) != 2*time.Second || v.times() != 2 {
			t.Errorf("the sender that stays: %v after %v, source read %d times; want nil after 2s, twice", err, time.Since(begin), v.times())
		}
	})
}

func TestHandlerAnswers500WhenTheSenderLeavesEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		verifier, v := newSourced(t, "old")
		v.set(func(ctx context.Context) ([]webhook.Key, error) { <-ctx.Done(); return nil, ctx.Err() })
		handler, err := webhook.NewHandler(verifier, func(context.Context, *webhook.Event) error { return nil }, webhook.WithLogger(slog.New(slog.DiscardHandler)))
		if err != nil {
			t.Fatal(err)
		}
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/webhook", bytes.NewReader(body))
		r.Header.Set("Klarna-Signature", webhook.Sign(keyNamed("new").Secret, body))
		r.Header.Set("Klarna-Signing-Key-Id", "new")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != http.StatusInternalServerError {
			t.Errorf("%d, want 500", w.Code)
		}
		<-time.After(time.Minute) // the look-up ends
	})
}

func TestRefreshRemovesKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		verifier, v := newSourced(t, "leaked", "good")
		v.set(nil, "good")
		if err := verify(t.Context(), verifier, "leaked"); err != nil {
			t.Errorf("before Refresh: %v", err)
		}
		if err := verifier.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := verify(t.Context(), verifier, "leaked"); !errors.Is(err, webhook.ErrUnknownKey) {
			t.Errorf("after Refresh: %v, want ErrUnknownKey", err)
		}
		v.set(func(context.Context) ([]webhook.Key, error) { return nil, errors.New("sealed") })
		if err := verifier.Refresh(t.Context()); !errors.Is(err, webhook.ErrKeySource) {
			t.Errorf("a source that fails: %v, want ErrKeySource", err)
		}
		if err := verify(t.Context(), verifier, "good"); err != nil {
			t.Errorf("after a Refresh that failed: %v", err)
		}
	})
	if err := newVerifier(t).Refresh(t.Context()); err != nil {
		t.Errorf("fixed keys: %v", err)
	}
}

func TestALookupRemovesKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		verifier, v := newSourced(t, "old")
		v.set(nil, "new")
		if err := verify(t.Context(), verifier, "new"); err != nil {
			t.Error(err)
		}
		if err := verify(t.Context(), verifier, "old"); !errors.Is(err, webhook.ErrUnknownKey) {
			t.Errorf("%v, want ErrUnknownKey", err)
		}
	})
}

// A look-up that read the source before a leaked key was removed may end after the Refresh that
// removed the key.
func TestAKeyThatRefreshRemovedDoesNotReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		verifier, v := newSourced(t, "leaked", "good")
		v.set(func(context.Context) ([]webhook.Key, error) {
			<-time.After(5 * time.Second)
			return []webhook.Key{keyNamed("leaked"), keyNamed("good")}, nil
		})
		outdated := make(chan error)
		go func() { outdated <- verify(t.Context(), verifier, "unknown") }()
		synctest.Wait()
		v.set(nil, "good")
		if err := verifier.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-outdated; !errors.Is(err, webhook.ErrUnknownKey) {
			t.Errorf("%v, want ErrUnknownKey", err)
		}
		if err := verify(t.Context(), verifier, "leaked"); !errors.Is(err, webhook.ErrUnknownKey) {
			t.Errorf("the leaked key: %v, want ErrUnknownKey", err)
		}
	})
}

// Klarna names a key in each delivery. If the source has no ids, a delivery must not depend on the
// source.
func TestAKeyWithoutAnIDNeedsNoLookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := new(vault)
		unnamed := func(ids ...string) {
			v.set(nil, ids...)
			for i := range v.keys {
				v.keys[i].ID = ""
			}
		}
		unnamed("old")
		verifier, err := webhook.NewVerifierFrom(t.Context(), v.source)
		if err != nil {
			t.Fatal(err)
		}
		if err := verify(t.Context(), verifier, "old"); err != nil || v.times() != 1 {
			t.Errorf("%v, source read %d times; want nil, once", err, v.times())
		}
		unnamed("old", "new")
		if err := verify(t.Context(), verifier, "new"); err != nil || v.times() != 2 {
			t.Errorf("after a rotation: %v, source read %d times; want nil, twice", err, v.times())
		}
		forged := http.Header{"Klarna-Signature": {strings.Repeat("0", 64)}, "Klarna-Signing-Key-Id": {"new"}}
		if err := verifier.Verify(t.Context(), forged, body); !errors.Is(err, webhook.ErrSignatureMismatch) {
			t.Errorf("a forged delivery: %v, want ErrSignatureMismatch", err)
		}
	})
}

func TestNewVerifierFromRefusesANilSource(t *testing.T) {
	if v, err := webhook.NewVerifierFrom(t.Context(), nil); v != nil || !errors.Is(err, webhook.ErrKeySource) {
		t.Errorf("%v, want ErrKeySource", err)
	}
}
