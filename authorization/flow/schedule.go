package flow

import (
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/internal/sleep"
)

const (
	// lease is how long a replica processes a purchase exclusively. It is short, because a
	// duplicate call is only refused.
	lease = 20 * time.Second
	// finalizeWithin is how long after the approval Klarna accepts the final call.
	finalizeWithin = 60 * time.Minute
	// idempotent is how long Klarna certainly repeats the first answer to a call: its 24 hours,
	// less the time for the call.
	idempotent = 23 * time.Hour
	// beginWithin is how long a first call is repeated that certainly was not executed.
	beginWithin = 15 * time.Minute
	// longestOpen is the longest life of a payment request in Klarna's documentation. It is used
	// for a payment request without an expiry.
	longestOpen = 48 * time.Hour
	// clockSkew is how far two clocks may differ.
	clockSkew = 5 * time.Minute
	// lagPatience is how long a store may return an old version.
	lagPatience = 5 * time.Second
	// conflictPatience is longer than Klarna can take to execute a call: its server gives up after
	// 59 seconds.
	conflictPatience = 3 * time.Minute
	// defaultRate is the default of WithRecoveryRate.
	defaultRate = 60
	// abandonBefore is how long before its expiry an abandoned payment request is canceled.
	abandonBefore = 2 * time.Minute
)

// backoff returns the pause after a number of consecutive failures: 1, 2, 4 seconds and so on up to
// a minute, jittered.
func (c *Coordinator) backoff(tries int) time.Duration {
	return sleep.Jitter(backoffAfter(tries))
}

func backoffAfter(tries int) time.Duration { return min(time.Second<<min(tries-1, 10), time.Minute) }

// remainingPause returns the rest of a pause after a step that took a while: a call that hung has
// already paused.
func remainingPause(pause, took time.Duration) time.Duration {
	return max(pause-max(took, 0), min(pause, sleep.Jitter(time.Second)))
}

// abandonAt returns when a purchase is canceled whose customer is not on Klarna's page. read may be
// nil.
func (c *Coordinator) abandonAt(p *purchase, read *authorization.PaymentRequest) time.Time {
	at := p.ExpiresAt.Add(-abandonBefore)
	if c.abandonAfter > 0 {
		left := p.UpdatedAt
		if read != nil && read.UpdatedAt.After(left) {
			left = read.UpdatedAt
		}
		if early := left.Add(c.abandonAfter); early.Before(at) {
			at = early
		}
	}
	return at
}

// lookAfter returns the pause until recovery reads a payment request again, before it is jittered.
// waited is how long the purchase has waited so far.
func lookAfter(waited time.Duration) time.Duration {
	return min(max(waited/2, time.Minute), 15*time.Minute)
}

// lookAgain returns when recovery reads the payment request of a purchase that waits for its
// customer, in case no webhook arrives. The pauses are half of the time that the purchase has
// waited so far, a minute at least and 15 minutes at most, and end when the purchase is to be
// canceled or expires.
func (c *Coordinator) lookAgain(p *purchase, read *authorization.PaymentRequest) time.Time {
	now := c.time()
	at := now.Add(sleep.Jitter(lookAfter(now.Sub(p.UpdatedAt))))
	for _, event := range []time.Time{c.abandonAt(p, read), p.ExpiresAt.Add(5 * time.Second)} {
		if event.After(now) && event.Before(at) {
			at = event
		}
	}
	return at
}
