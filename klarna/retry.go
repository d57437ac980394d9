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

// RetryPolicy bounds the retries of a client's calls. Fields left zero take the default.
type RetryPolicy struct {
	// MaxAttempts is how often a call is tried at most, the first time included; 4 by default, 1 for
	// no retries. On a pooled connection that turns out to be stale, net/http itself sends an attempt
	// once more: see [Attempt].Replayed.
	MaxAttempts int
	// MinWait and MaxWait bound the back-off: the pause after attempt n is random between 0 and the
	// smaller of MaxWait and MinWait·2ⁿ⁻¹ (full jitter). 500 ms and 8 s by default.
	MinWait time.Duration
	MaxWait time.Duration
	// MaxServerWait is the longest pause that an answer's Retry-After or X-Ratelimit-Reset may ask
	// for; an answer that asks for more is returned at once. 30 s by default.
	MaxServerWait time.Duration
	// AttemptTimeout bounds one attempt. 65 s by default: Klarna answers for itself after 59 s, and a
	// shorter time hides its answer.
	AttemptTimeout time.Duration
	// Budget is how many retries the client's calls may make in a row together before retries need
	// calls that succeed: each retry takes one from it, each call answered without a technical error
	// gives a tenth back. 100 by default. It keeps an outage at Klarna from being multiplied.
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
	// Status is the HTTP status; 0 stands for an attempt that ended without a whole answer.
	Status int
	// Code is Klarna's error_code; "" stands for any.
	Code Code
	// Retry reports whether such an attempt is repeated: within the policy, the deadline and the
	// budget, and never a POST or PATCH without an idempotency key.
	Retry bool
	// Why is the reason in words.
	Why string
}

var retryRules = [...]RetryRule{
	{0, "", true, "not sent, or cut: the same key and the same bytes make a repeat safe"},
	{http.StatusTooManyRequests, "", true, "rate limited: not executed"},
	{http.StatusInternalServerError, CodeServerConfigurationError, false, "Klarna has to be told; no repeat mends it"},
	{http.StatusInternalServerError, "", true, "technical error, or Klarna's own time-out"},
	{http.StatusBadGateway, "", true, "temporarily unavailable"},
	{http.StatusServiceUnavailable, "", true, "temporarily unavailable"},
	{http.StatusGatewayTimeout, "", true, "temporarily unavailable"},
}

// RetryRules returns the table that decides what is retried. The first row that fits an attempt
// counts; an attempt that no row fits is not retried.
func RetryRules() []RetryRule { return append([]RetryRule(nil), retryRules[:]...) }

func retryable(a *Attempt) bool {
	if errors.Is(a.Err, errTooLarge) || errors.Is(a.Err, errNoIdempotencyKey) {
		return false
	}
	status := a.StatusCode
	if a.Err != nil && status >= 200 && status < 300 {
		status = 0 // the answer was cut; what it said before does not count
	}
	for i := range retryRules {
		r := &retryRules[i]
		if r.Status == status && (r.Code == "" || r.Code == a.Code.canonical()) {
			return r.Retry
		}
	}
	return false
}

// checkRetry is the policy that go-retryablehttp asks after each attempt. The gates stand in the
// order of their cost: the one that takes from the budget comes last, so that nothing is taken for
// a retry that does not happen.
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

// wait is the pause after the n-th attempt, whose answer asked for that much; false where that is
// more than the policy allows.
func (p RetryPolicy) wait(n int, asked time.Duration) (time.Duration, bool) {
	if asked > p.MaxServerWait {
		return 0, false
	}
	ceiling := p.MaxWait
	if shift := n - 1; p.MinWait <= p.MaxWait>>shift { // not MinWait<<shift, which may overflow
		ceiling = p.MinWait << shift
	}
	// On top of what Klarna asks for, so that callers who were all told the same second do not all
	// come back in it. Never 0, which would be no pause at all.
	jitter := 1 + rand.N(ceiling)
	if asked > math.MaxInt64-jitter {
		return 0, false
	}
	return asked + jitter, true
}

// serverWait is the pause that an answer asks for; 0 for none.
func serverWait(status int, h http.Header, now time.Time) time.Duration {
	if after := h.Get("Retry-After"); after != "" {
		if d, ok := parseSeconds(after); ok {
			return d
		}
		if at, err := http.ParseTime(after); err == nil {
			return max(0, at.Sub(now))
		}
	}
	// Every answer has a reset; it is a demand only where the quota was the reason.
	if status != http.StatusTooManyRequests {
		return 0
	}
	d, _ := parseSeconds(h.Get("X-Ratelimit-Reset"))
	return d
}

// retryBudget is the token bucket that the retries of a client share. It counts in tenths, because
// that is what a call gives back and ten float tenths are less than one.
type retryBudget struct {
	mu     sync.Mutex
	tenths int64
	most   int64
}

const (
	retryCost    = 10
	budgetRefund = 1
)

func newRetryBudget(size int) *retryBudget {
	tenths := int64(min(size, math.MaxInt32)) * retryCost
	return &retryBudget{tenths: tenths, most: tenths}
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
	b.tenths = min(b.most, b.tenths+budgetRefund)
}
