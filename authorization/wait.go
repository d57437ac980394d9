package authorization

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/klarna-go/klarna-go/internal/sleep"
	"github.com/klarna-go/klarna-go/klarna"
)

const (
	firstPoll = time.Second
	lastPoll  = 15 * time.Second
)

// WaitPaymentRequest polls a payment request (GET payment/requests/{payment_request_id}) until it
// is in one of states, or can no longer reach one of them, and returns it. Without states it waits
// until the customer can no longer act: until the state is COMPLETED, EXPIRED, CANCELED or
// DECLINED. The pauses between the reads grow from 1 to 15 seconds. They have jitter, and they are
// longer while the account's quota at Klarna is nearly used up.
//
// WaitPaymentRequest continues after technical errors, timeouts of a single read and rate limits.
// It returns any other [*klarna.Error]. If the context ends, it returns the context's error. With
// an error it also returns the payment request of the last successful read, or nil.
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Client) WaitPaymentRequest(ctx context.Context, paymentRequestID string, states ...PaymentRequestState) (*PaymentRequest, error) {
	var last *PaymentRequest
	pause := firstPoll
	for {
		var response klarna.Response
		p, err := c.GetPaymentRequest(ctx, paymentRequestID, klarna.WithResponse(&response))
		switch {
		case err == nil && waitIsOver(p.State, states):
			return p, nil
		case err == nil:
			last = p
		case !temporary(err):
			return last, err
		}
		if err := sleep.For(ctx, sleep.Jitter(pause)+quotaPause(response.RateLimit)); err != nil {
			return last, err
		}
		pause = min(pause*3/2, lastPoll)
	}
}

// waitIsOver reports whether s is one of states or can no longer become one of them.
func waitIsOver(s PaymentRequestState, states []PaymentRequestState) bool {
	if len(states) == 0 {
		return !s.Open()
	}
	return slices.Contains(states, s) || !slices.ContainsFunc(states, s.CanBecome)
}

// temporary reports whether a later read may succeed: after an incomplete answer, a technical error
// or a rate limit. It does not check the context, because the next pause does.
func temporary(err error) bool {
	e, ok := errors.AsType[*klarna.Error](err)
	if !ok || errors.Is(err, klarna.CodeValidationError) || errors.Is(err, klarna.CodeServerConfigurationError) {
		return false
	}
	if n := len(e.Attempts); n == 0 || e.Attempts[n-1].Err != nil {
		return true
	}
	return e.StatusCode == http.StatusTooManyRequests || e.StatusCode >= http.StatusInternalServerError
}

// quotaPause returns an additional pause that leaves the quota to other calls: the rest of the
// interval if less than a fifth of its quota is left.
func quotaPause(l klarna.RateLimit) time.Duration {
	if l.Remaining >= 0 && l.Remaining < l.Limit/5 {
		return min(max(l.Reset, 0), lastPoll)
	}
	return 0
}
