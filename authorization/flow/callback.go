package flow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"
)

const (
	// callbackPatience is how long a callback or a call of the store may take, heedGrace how long it
	// may take to heed the end of its context.
	callbackPatience = 10 * time.Second
	heedGrace        = time.Second
	// callbacksMost and claimsMost bound how many callbacks of a kind, and claims, may hang.
	callbacksMost = 64
	claimsMost    = 4
)

// callbacks are the calls of one kind of function that a caller gave and that may hang, ignore its
// context or panic.
type callbacks struct {
	what string
	// key is the name of what the calls are for: a purchase, which has one at a time.
	key    string
	most   int
	logger *slog.Logger

	mu   sync.Mutex
	hang map[string]bool // by what they are for
}

var (
	errHangs    = errors.New("flow: an earlier call has not returned")
	errAllHang  = errors.New("flow: too many calls have not returned")
	errPanicked = errors.New("flow: a callback panicked")
)

// call calls f, for ten seconds at most. If f then goes on, it is abandoned: its result counts no
// more, and while it has not returned it is not called for the same purchase again. A panic becomes
// an error; its value may hold anything and is not logged.
func (k *callbacks) call(ctx context.Context, id string, f func(context.Context) error) error {
	if err := k.refused(id); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callbackPatience)
	returned := make(chan error, 1)
	left := make(chan struct{})
	go func() {
		defer cancel()
		// A callback that ends its goroutine, as a test's FailNow does, has failed, too.
		err := fmt.Errorf("%w (%s, runtime.Goexit)", errPanicked, k.what)
		defer func() {
			returned <- err
			<-left
			k.returned(ctx, id)
		}()
		err = k.safely(ctx, id, f)
	}()
	defer close(left)
	select {
	case err := <-returned:
		return err
	case <-ctx.Done():
	}
	grace := time.NewTimer(heedGrace)
	defer grace.Stop()
	select {
	case err := <-returned:
		return err
	case <-grace.C:
	}
	k.mu.Lock()
	k.hang[id] = true
	n := len(k.hang)
	k.mu.Unlock()
	k.logger.ErrorContext(ctx, "klarna flow: a callback ignores the end of its context and was abandoned", "callback", k.what, k.key, id, "abandoned", n)
	return fmt.Errorf("flow: the %s did not return: %w", k.what, ctx.Err())
}

func (k *callbacks) refused(id string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.hang[id]:
		return fmt.Errorf("%w (%s of %s %s)", errHangs, k.what, k.key, strconv.Quote(id))
	case len(k.hang) >= k.most:
		return fmt.Errorf("%w (%s)", errAllHang, k.what)
	}
	return nil
}

func (k *callbacks) safely(ctx context.Context, id string, f func(context.Context) error) (err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			k.logger.ErrorContext(ctx, "klarna flow: a callback panicked", "callback", k.what, k.key, id, "panic", fmt.Sprintf("%T", panicked))
			err = fmt.Errorf("%w (%s, %T)", errPanicked, k.what, panicked)
		}
	}()
	return f(ctx)
}

// returned takes down that a callback has returned after all.
func (k *callbacks) returned(ctx context.Context, id string) {
	k.mu.Lock()
	late := k.hang[id]
	delete(k.hang, id)
	k.mu.Unlock()
	if late {
		k.logger.WarnContext(ctx, "klarna flow: a callback that was abandoned has returned", "callback", k.what, k.key, id)
	}
}

func (k *callbacks) abandoned() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.hang)
}

func newCallbacks(what, key string, most int, logger *slog.Logger) *callbacks {
	return &callbacks{what: what, key: key, most: most, logger: logger, hang: map[string]bool{}}
}

// reporting is report as a callback that may hang; nil where there is none.
func reporting(k *callbacks, report func(context.Context, Transition) error) func(context.Context, Transition) error {
	if report == nil {
		return nil
	}
	return func(ctx context.Context, t Transition) error {
		return k.call(ctx, t.Status.ID, func(ctx context.Context) error { return report(ctx, t) })
	}
}

// deciding is policy as a callback that may hang.
func deciding(k *callbacks, policy AmountPolicy) AmountPolicy {
	return func(ctx context.Context, change AmountChange) (bool, error) {
		accepted := make(chan bool, 1) // a variable would be written to by one that was abandoned
		err := k.call(ctx, change.Status.ID, func(ctx context.Context) error {
			accept, err := policy(ctx, change)
			accepted <- accept
			return err
		})
		if err != nil {
			return false, err
		}
		return <-accepted, nil
	}
}

// timeoutStore gives each call of a store a deadline.
type timeoutStore struct{ Store }

func (s timeoutStore) Create(ctx context.Context, r Record) error {
	ctx, cancel := context.WithTimeout(ctx, callbackPatience)
	defer cancel()
	return s.Store.Create(ctx, r)
}

func (s timeoutStore) Load(ctx context.Context, id string) (Record, error) {
	ctx, cancel := context.WithTimeout(ctx, callbackPatience)
	defer cancel()
	return s.Store.Load(ctx, id)
}

func (s timeoutStore) FindPaymentRequest(ctx context.Context, paymentRequestID string) (Record, error) {
	ctx, cancel := context.WithTimeout(ctx, callbackPatience)
	defer cancel()
	return s.Store.FindPaymentRequest(ctx, paymentRequestID)
}

func (s timeoutStore) FindReference(ctx context.Context, reference string) (Record, error) {
	ctx, cancel := context.WithTimeout(ctx, callbackPatience)
	defer cancel()
	return s.Store.FindReference(ctx, reference)
}

func (s timeoutStore) Update(ctx context.Context, r Record) error {
	ctx, cancel := context.WithTimeout(ctx, callbackPatience)
	defer cancel()
	return s.Store.Update(ctx, r)
}
