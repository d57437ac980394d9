package klarna

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// RetryPolicy bounds the retries of a client's calls. Fields that are zero have their default
// values.
type RetryPolicy struct {
	// MaxAttempts is the maximum number of attempts of a call, including the first one. The default
	// is 4; 1 means no retries. On a pooled connection that turns out to be stale, net/http itself
	// sends the request of an attempt again: see the field Replayed of [Attempt].
	MaxAttempts int
	// MinWait and MaxWait bound the back-off. The pause after attempt n is random between 0 and the
	// smaller of MaxWait and MinWait·2ⁿ⁻¹ (full jitter). The defaults are 500 ms and 8 s.
	MinWait time.Duration
	MaxWait time.Duration
	// MaxServerWait is the longest pause that the Retry-After or X-Ratelimit-Reset of an answer may
	// ask for. An answer that asks for a longer one is returned immediately. The default is 30 s.
	MaxServerWait time.Duration
	// AttemptTimeout bounds the duration of an attempt. The default is 65 s: Klarna answers after
	// 59 s at the latest, so with a shorter timeout that answer can be lost.
	AttemptTimeout time.Duration
	// Budget bounds the retries of all calls of the client together, so that retries do not
	// multiply the load during an outage at Klarna. Each retry takes 1 from it. Each call that ends
	// without a technical error gives 0.1 back, up to Budget. While less than 1 is left, no call is
	// retried. The default is 100.
	Budget int
}

func (p RetryPolicy) withDefaults() (RetryPolicy, error) {
	if p.MaxAttempts < 0 || p.MinWait < 0 || p.MaxWait < 0 || p.MaxServerWait < 0 || p.AttemptTimeout < 0 || p.Budget < 0 {
		return p, errors.New("klarna: RetryPolicy: a field is negative")
	}
	setDefault(&p.MaxAttempts, 4)
	setDefault(&p.MinWait, 500*time.Millisecond)
	setDefault(&p.MaxWait, 8*time.Second)
	setDefault(&p.MaxServerWait, 30*time.Second)
	setDefault(&p.AttemptTimeout, 65*time.Second)
	setDefault(&p.Budget, 100)
	if p.MinWait > p.MaxWait {
		return p, errors.New("klarna: RetryPolicy: MinWait is above MaxWait")
	}
	return p, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// RetryRule is one row of the retry table.
type RetryRule struct {
	// Status is the HTTP status. 0 stands for an attempt that ended without a complete answer.
	Status int
	// Code is Klarna's error_code. "" stands for any code.
	Code Code
	// Retry reports whether the call is retried after such an attempt, within the [RetryPolicy] and
	// the context's deadline. A POST or PATCH without an idempotency key is never retried.
	Retry bool
	// Why is the reason in words.
	Why string
}

var retryRules = [...]RetryRule{
	{0, "", true, "no complete answer; the same idempotency key makes a repeat safe"},
	{http.StatusTooManyRequests, "", true, "rate limited; the request was not executed"},
	{http.StatusInternalServerError, CodeServerConfigurationError, false, "configuration error at Klarna; a repeat fails, too"},
	{http.StatusInternalServerError, "", true, "technical error or time-out at Klarna"},
	{http.StatusBadGateway, "", true, "temporarily unavailable"},
	{http.StatusServiceUnavailable, "", true, "temporarily unavailable"},
	{http.StatusGatewayTimeout, "", true, "temporarily unavailable"},
}

// RetryRules returns a copy of the table that decides after which attempts a call is retried. The
// first row that matches the attempt applies. If no row matches it, the call is not retried.
func RetryRules() []RetryRule { return append([]RetryRule(nil), retryRules[:]...) }

func retryable(a *Attempt) bool {
	if errors.Is(a.Err, errTooLarge) || errors.Is(a.Err, errNoIdempotencyKey) {
		return false
	}
	status := a.StatusCode
	if a.Err != nil && status >= 200 && status < 300 {
		status = 0 // the answer was cut, so its status does not count
	}
	for i := range retryRules {
		r := &retryRules[i]
		if r.Status == status && (r.Code == "" || r.Code == a.Code.canonical()) {
			return r.Retry
		}
	}
	return false
}

// checkRetry decides whether go-retryablehttp makes another attempt. It takes from the budget last,
// so that nothing is taken for a retry that does not happen.
func (a *activeCall) checkRetry(ctx context.Context, _ *http.Response, _ error) (bool, error) {
	last := a.last()
	if a.stopped != nil || last == nil {
		return false, nil
	}
	defer a.logAttempt(ctx, last)
	if !retryable(last) || a.settings.once || len(a.attempts) >= a.client.retries.MaxAttempts {
		return false, nil
	}
	if needsIdempotencyKey(a.call.Method) && a.idempotencyKey == "" {
		return false, nil
	}
	if a.stopped = ctx.Err(); a.stopped != nil {
		return false, nil
	}
	wait, ok := a.client.retries.wait(len(a.attempts), serverWait(last.StatusCode, a.answer.header, time.Now()))
	if !ok {
		return false, nil
	}
	if deadline, has := ctx.Deadline(); has && time.Now().Add(wait).After(deadline) {
		return false, nil
	}
	if !a.client.budget.take() {
		return false, nil
	}
	last.Wait = wait
	return true, nil
}

// wait returns the pause after the n-th attempt, whose answer asked for the given pause. It returns
// false if that is longer than the policy allows.
func (p RetryPolicy) wait(n int, asked time.Duration) (time.Duration, bool) {
	if asked > p.MaxServerWait {
		return 0, false
	}
	ceiling := p.MaxWait
	if shift := n - 1; p.MinWait <= p.MaxWait>>shift { // not MinWait<<shift, which may overflow
		ceiling = p.MinWait << shift
	}
	// The jitter is added to the pause that Klarna asks for, so that callers that got the same
	// pause do not all return at the same time. It is never 0, which would mean no pause.
	jitter := 1 + rand.N(ceiling)
	if asked > math.MaxInt64-jitter {
		return 0, false
	}
	return asked + jitter, true
}

// serverWait returns the pause that an answer asks for, or 0.
func serverWait(status int, h http.Header, now time.Time) time.Duration {
	if after := h.Get("Retry-After"); after != "" {
		if d, ok := parseSeconds(after); ok {
			return d
		}
		if at, err := http.ParseTime(after); err == nil {
			return max(0, at.Sub(now))
		}
	}
	// Each answer has a reset. It asks for a pause only if the quota is exhausted.
	if status != http.StatusTooManyRequests {
		return 0
	}
	d, _ := parseSeconds(h.Get("X-Ratelimit-Reset"))
	return d
}

// retryBudget is the token bucket that the calls of a client share. It counts in tenths, which are
// exact as integers: a call gives a tenth back.
type retryBudget struct {
	mu     sync.Mutex
	tenths int64
	size   int64
}

const (
	retryCost    = 10
	budgetRefund = 1
)

func newRetryBudget(size int) *retryBudget {
	tenths := int64(min(size, math.MaxInt32)) * retryCost
	return &retryBudget{tenths: tenths, size: tenths}
}

func (b *retryBudget) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tenths < retryCost {
		return false
	}
	b.tenths -= retryCost
	return true
}

func (b *retryBudget) refund() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tenths = min(b.size, b.tenths+budgetRefund)
}
