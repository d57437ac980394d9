package authorization

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/klarna-go/klarna-go/klarna"
)

const (
	firstPoll = time.Second
	lastPoll  = 15 * time.Second
)

// WaitPaymentRequest reads a payment request again and again until it is in one of states, or can
// no longer come there. Without states it waits until the customer can no longer act: COMPLETED,
// EXPIRED, CANCELED or DECLINED. The pauses grow from 1 to 15 seconds, are jittered, and are longer
// while the account's quota at Klarna is nearly used up.
//
// It ends with the context: then it returns the payment request as last seen, nil if never, and the
// context's error. Technical errors, time-outs of a single read and rate limits are waited out; any
// other *klarna.Error ends it.
func (c *Client) WaitPaymentRequest(ctx context.Context, paymentRequestID string, states ...PaymentRequestState) (*PaymentRequest, error) {
	var seen *PaymentRequest
	pause := firstPoll
	for {
		var response klarna.Response
		p, err := c.GetPaymentRequest(ctx, paymentRequestID, klarna.WithResponse(&response))
		switch {
		case err == nil && arrived(p.State, states):
			return p, nil
		case err == nil:
			seen = p
		case !passing(err):
			return seen, err
		}
		if err := sleep(ctx, jitter(pause)+spare(response.RateLimit)); err != nil {
			return seen, err
		}
		pause = min(pause*3/2, lastPoll)
	}
}

// arrived reports whether waiting for states makes no sense any more in state s.
func arrived(s PaymentRequestState, states []PaymentRequestState) bool {
	if len(states) == 0 {
		return !s.Open()
	}
	return slices.Contains(states, s) || !slices.ContainsFunc(states, s.CanBecome)
}

// passing reports an error that a later read may not meet: no whole answer, a technical error or a
// rate limit. The end of the context is left to the pause that follows.
func passing(err error) bool {
	e, ok := errors.AsType[*klarna.Error](err)
	if !ok || errors.Is(err, klarna.CodeValidationError) || errors.Is(err, klarna.CodeServerConfigurationError) {
		return false
	}
	if n := len(e.Attempts); n == 0 || e.Attempts[n-1].Err != nil {
		return true
	}
	return e.StatusCode == http.StatusTooManyRequests || e.StatusCode >= http.StatusInternalServerError
}

// jitter is between half of d and d, so that many waiters do not read at once.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }

// spare is a further pause for the sake of other calls: the rest of the interval once less than a
// fifth of its quota is left.
func spare(l klarna.RateLimit) time.Duration {
	if l.Remaining >= 0 && l.Remaining < l.Limit/5 {
		return min(max(l.Reset, 0), lastPoll)
	}
	return 0
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
