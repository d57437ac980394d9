package klarna_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/klarna"
)

// The clock of synctest makes the times exact.

func TestTheRateLimitDelaysAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at []time.Duration
		client := stubbed(t, func(r *http.Request) (*http.Response, error) {
			at = append(at, time.Since(start))
			return respond(r, map[bool]int{true: 503, false: 200}[len(at) == 4], "{}"), nil
		}, klarna.WithRateLimit(2, 2))
		for range 4 {
			succeed(t, client, authorize(), nil)
			client = client.ForAccount(account) // shares the limit
		}
		want := []time.Duration{0, 0, 500 * time.Millisecond, time.Second, 1500 * time.Millisecond}
		if diff := cmp.Diff(want, at); diff != "" {
			t.Errorf("want two immediately, then two each second, including retries:\n%s", diff)
		}
	})
}

func TestTheRateLimitFailsBeforeTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := stubbed(t, func(r *http.Request) (*http.Response, error) { return respond(r, 200, "{}"), nil }, klarna.WithRateLimit(0.1, 1))
		succeed(t, client, authorize(), nil)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		err := failCtx(t, ctx, client, authorize(), nil)
		if time.Since(start) != 0 {
			t.Errorf("waited %s", time.Since(start))
		}
		if !errors.Is(err, context.DeadlineExceeded) || err.Outcome != klarna.OutcomeNotSent || len(err.Attempts) != 0 {
			t.Errorf("%v", err)
		}
		if got, want := err.Error(), "klarna: authorization.authorize: the client's rate limit leaves no time before the deadline: context deadline exceeded (outcome not sent)"; got != want {
			t.Errorf("says %q", got)
		}
	})
}

func TestARateLimitThatStopsARetryKeepsTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := stubbed(t, func(r *http.Request) (*http.Response, error) {
			return respond(r, 503, errorJSON("TEMPORARY_UNAVAILABLE")), nil
		},
			klarna.WithRateLimit(0.1, 1))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		err := failCtx(t, ctx, client, authorize(), nil)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, klarna.CodeTemporaryUnavailable) || err.StatusCode != 503 || len(err.Attempts) != 1 || err.Outcome != klarna.OutcomeUnknown {
			t.Errorf("%v", err)
		}
	})
}

func TestACancelEndsTheWaitForTheRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := stubbed(t, func(r *http.Request) (*http.Response, error) { return respond(r, 200, "{}"), nil }, klarna.WithRateLimit(0.1, 1))
		succeed(t, client, authorize(), nil)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		start := time.Now()
		err := failCtx(t, ctx, client, authorize(), nil)
		if !errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || err.Outcome != klarna.OutcomeNotSent || time.Since(start) != 3*time.Second {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
	})
}

func TestAPausePastTheDeadlineStopsTheRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := stubbed(t, func(r *http.Request) (*http.Response, error) {
			response := respond(r, 503, "")
			response.Header.Set("Retry-After", "3")
			return response, nil
		}, klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: 100, MinWait: time.Nanosecond, MaxWait: time.Nanosecond}))
		start := time.Now()
		err := fail(t, client, authorize(), nil, klarna.WithTimeout(10*time.Second))
		if took := time.Since(start); took < 9*time.Second || took >= 10*time.Second || len(err.Attempts) != 4 || errors.Is(err, context.DeadlineExceeded) || err.StatusCode != 503 {
			t.Errorf("after %s and %d attempts: %v", took, len(err.Attempts), err)
		}
	})
}
