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
	// callbackPatience is how long a callback or a call of the store may take. contextGrace is how
	// much longer a callback may take to return when its context has ended.
	callbackPatience = 10 * time.Second
	contextGrace     = time.Second
	// maxCallbacksPerAccount is how many callbacks of a kind may hang for one account, and
	// maxCallbacks how many for all accounts. maxClaims is how many claims may hang.
	maxCallbacksPerAccount = 64
	maxCallbacks           = 1024
	maxClaims              = 4
)

// callbacks makes the calls of one of the caller's functions, which may hang, ignore its context or
// panic.
type callbacks struct {
	what string
	// key names what a call is for: a purchase, an account or a claim.
	key string
	// most is how many calls may hang for one account, and inAll how many in total.
	most, inAll int
	logger      *slog.Logger

	mu sync.Mutex
	// hang counts the abandoned calls by what they are for, and accounts by account.
	hang, accounts map[string]int
	abandonedNow   int
}

var (
	errHangs    = errors.New("flow: an earlier call has not returned")
	errAllHang  = errors.New("flow: too many calls have not returned")
	errPanicked = errors.New("flow: a callback panicked")
)

// call calls f, which has ten seconds. If f does not return then, call abandons it: its result is
// ignored, and f is not called for the same purchase again until it returns. A panic becomes an
// error without its value, which may hold secrets.
func (k *callbacks) call(ctx context.Context, account, id string, f func(context.Context) error) error {
	if err := k.refused(account, id); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callbackPatience)
	returned := make(chan error, 1)
	left := make(chan bool, 1)
	go func() {
		defer cancel()
		// A callback that ends its goroutine, such as a test's FailNow, has failed as well.
		err := fmt.Errorf("%w (%s, runtime.Goexit)", errPanicked, k.what)
		defer func() {
			returned <- err
			if abandoned := <-left; abandoned {
				k.returned(ctx, account, id)
			}
		}()
		err = k.callRecovering(ctx, id, f)
	}()
	abandoned := false
	defer func() { left <- abandoned }()
	select {
	case err := <-returned:
		return err
	case <-ctx.Done():
	}
	grace := time.NewTimer(contextGrace)
	defer grace.Stop()
	select {
	case err := <-returned:
		return err
	case <-grace.C:
	}
	abandoned = true
	n := k.countAbandoned(account, id)
	k.logger.ErrorContext(ctx, "klarna flow: a callback ignored the end of its context and was abandoned", "callback", k.what, k.key, id, "abandoned", n)
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

// countAbandoned records that a callback was abandoned, and returns the number of abandoned
// callbacks.
func (k *callbacks) countAbandoned(account, id string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.hang[id]++
	k.accounts[account]++
	k.abandonedNow++
	return k.abandonedNow
}

func (k *callbacks) callRecovering(ctx context.Context, id string, f func(context.Context) error) (err error) {
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
	decrement(k.hang, id)
	decrement(k.accounts, account)
	k.mu.Unlock()
	k.logger.WarnContext(ctx, "klarna flow: an abandoned callback has returned", "callback", k.what, k.key, id)
}

// less decrements a count.
func decrement(counts map[string]int, of string) {
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

// reporting returns report as a callback that may hang, or nil if report is nil.
func reporting(k *callbacks, report func(context.Context, Transition) error) func(context.Context, Transition) error {
	if report == nil {
		return nil
	}
	return func(ctx context.Context, t Transition) error {
		return k.call(ctx, t.Status.PartnerAccountID, t.Status.ID, func(ctx context.Context) error { return report(ctx, t) })
	}
}

// callFor is callbacks.call for a callback that returns a value.
func callFor[T any](ctx context.Context, k *callbacks, account, id string, callback func(context.Context) (T, error)) (value T, err error) {
	returned := make(chan T, 1) // an abandoned call would write to a variable
	err = k.call(ctx, account, id, func(ctx context.Context) error {
		v, err := callback(ctx)
		returned <- v
		return err
	})
	if err != nil {
		return value, err
	}
	return <-returned, nil
}

// deciding returns policy as a callback that may hang.
func deciding(k *callbacks, policy AmountPolicy) AmountPolicy {
	return func(ctx context.Context, change AmountChange) (bool, error) {
		return callFor(ctx, k, change.Status.PartnerAccountID, change.Status.ID, func(ctx context.Context) (bool, error) {
			return policy(ctx, change)
		})
	}
}

// findingClients returns the function of WithClients as a callback that may hang, or nil if get is
// nil.
func findingClients(k *callbacks, get func(context.Context, string) (*klarna.Client, error)) func(context.Context, string) (*klarna.Client, error) {
	if get == nil {
		return nil
	}
	return func(ctx context.Context, account string) (*klarna.Client, error) {
		return callFor(ctx, k, account, account, func(ctx context.Context) (*klarna.Client, error) { return get(ctx, account) })
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
