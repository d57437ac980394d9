package flow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/klarna-go/klarna-go/klarna"
)

const (
	// callbackPatience is how long a callback or a call of the store may take, heedGrace how long it
	// may take to heed the end of its context.
	callbackPatience = 10 * time.Second
	heedGrace        = time.Second
	// callbacksMost bounds how many callbacks of a kind may hang for one account, and callbacksInAll
	// for all; claimsMost, how many claims.
	callbacksMost  = 64
	callbacksInAll = 1024
	claimsMost     = 4
)

// callbacks are the calls of one kind of function that a caller gave and that may hang, ignore its
// context or panic.
type callbacks struct {
	what string
	// key is the name of what the calls are for: a purchase, an account or a claim.
	key string
	// most bounds how many may hang of one account, inAll of all.
	most, inAll int
	logger      *slog.Logger

	mu sync.Mutex
	// hang counts those that hang by what they are for, accounts by their accounts.
	hang, accounts map[string]int
	abandonedNow   int
}

var (
	errHangs    = errors.New("flow: an earlier call has not returned")
	errAllHang  = errors.New("flow: too many calls have not returned")
	errPanicked = errors.New("flow: a callback panicked")
)

// call calls f, for ten seconds at most. If f then goes on, it is abandoned: its result counts no
// more, and while it has not returned it is not called for the same purchase again. A panic becomes
// an error; its value may hold anything and is not logged.
func (k *callbacks) call(ctx context.Context, account, id string, f func(context.Context) error) error {
	if err := k.refused(account, id); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callbackPatience)
	returned := make(chan error, 1)
	left := make(chan bool, 1)
	go func() {
		defer cancel()
		// A callback that ends its goroutine, as a test's FailNow does, has failed, too.
		err := fmt.Errorf("%w (%s, runtime.Goexit)", errPanicked, k.what)
		defer func() {
			returned <- err
			if abandoned := <-left; abandoned {
				k.returned(ctx, account, id)
			}
		}()
		err = k.safely(ctx, id, f)
	}()
	abandoned := false
	defer func() { left <- abandoned }()
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
	abandoned = true
	n := k.gone(account, id)
	k.logger.ErrorContext(ctx, "klarna flow: a callback ignores the end of its context and was abandoned", "callback", k.what, k.key, id, "abandoned", n)
	return fmt.Errorf("flow: the %s did not return: %w", k.what, ctx.Err())
}

func (k *callbacks) refused(account, id string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.hang[id] > 0:
		return fmt.Errorf("%w (%s of %s %s)", errHangs, k.what, k.key, strconv.Quote(id))
	case k.accounts[account] >= k.most, k.abandonedNow >= k.inAll:
		return fmt.Errorf("%w (%s)", errAllHang, k.what)
	}
	return nil
}

// gone records that a callback was abandoned, and returns the number of abandoned callbacks.
func (k *callbacks) gone(account, id string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.hang[id]++
	k.accounts[account]++
	k.abandonedNow++
	return k.abandonedNow
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

// returned records that an abandoned callback has returned.
func (k *callbacks) returned(ctx context.Context, account, id string) {
	k.mu.Lock()
	k.abandonedNow--
	less(k.hang, id)
	less(k.accounts, account)
	k.mu.Unlock()
	k.logger.WarnContext(ctx, "klarna flow: a callback that was abandoned has returned", "callback", k.what, k.key, id)
}

// less decrements a count.
func less(counts map[string]int, of string) {
	if counts[of]--; counts[of] == 0 {
		delete(counts, of)
	}
}

func (k *callbacks) abandoned() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.abandonedNow
}

func newCallbacks(what, key string, most, inAll int, logger *slog.Logger) *callbacks {
	return &callbacks{what: what, key: key, most: most, inAll: inAll, logger: logger, hang: map[string]int{}, accounts: map[string]int{}}
}

// reporting is report as a callback that may hang; nil where there is none.
func reporting(k *callbacks, report func(context.Context, Transition) error) func(context.Context, Transition) error {
	if report == nil {
		return nil
	}
	return func(ctx context.Context, t Transition) error {
		return k.call(ctx, t.Status.PartnerAccountID, t.Status.ID, func(ctx context.Context) error { return report(ctx, t) })
	}
}

// deciding is policy as a callback that may hang.
func deciding(k *callbacks, policy AmountPolicy) AmountPolicy {
	return func(ctx context.Context, change AmountChange) (bool, error) {
		accepted := make(chan bool, 1) // an abandoned call would write to a variable
		err := k.call(ctx, change.Status.PartnerAccountID, change.Status.ID, func(ctx context.Context) error {
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

// findingClients returns the function of WithClients as a callback that may hang, or nil if get is nil.
func findingClients(k *callbacks, get func(context.Context, string) (*klarna.Client, error)) func(context.Context, string) (*klarna.Client, error) {
	if get == nil {
		return nil
	}
	return func(ctx context.Context, account string) (*klarna.Client, error) {
		found := make(chan *klarna.Client, 1) // an abandoned call would write to a variable
		err := k.call(ctx, account, account, func(ctx context.Context) error {
			client, err := get(ctx, account)
			found <- client
			return err
		})
		if err != nil {
			return nil, err
		}
		return <-found, nil
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
