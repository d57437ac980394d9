package flow

import (
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/internal/sleep"
)

const (
	// lease keeps others from a purchase that is in work. It is short because nothing but a refused
	// duplicate depends on it.
	lease = 20 * time.Second
	// finalizeWithin is how long Klarna lets what was approved be finalized.
	finalizeWithin = 60 * time.Minute
	// idempotent is how long the same call is surely answered with its first answer: Klarna's 24
	// hours, and time for the call.
	idempotent = 23 * time.Hour
	// beginWithin is how long a first call that surely did not run is repeated.
	beginWithin = 15 * time.Minute
	// longestOpen is the longest life of a payment request in Klarna's texts, for one that does not
	// say when it expires.
	longestOpen = 48 * time.Hour
	// clockSkew is how far two clocks may differ.
	clockSkew = 5 * time.Minute
	// lagPatience is how long a store may tell what was before.
	lagPatience = 5 * time.Second
	// conflictPatience outlasts a call of somebody else's that Klarna still works on: its server gives
	// up after 59 seconds.
	conflictPatience = 3 * time.Minute
	// defaultRate is how many purchases a second recovery looks at by default.
	defaultRate = 60
	// abandonBefore is how long before its expiry a payment request is canceled that no customer is
	// at.
	abandonBefore = 2 * time.Minute
)

// backoff is the pause after so many failures in a row: 1, 2, 4 seconds and so on to a minute,
// jittered.
func (c *Coordinator) backoff(tries int) time.Duration {
	return sleep.Jitter(backoffAfter(tries))
}

func backoffAfter(tries int) time.Duration { return min(time.Second<<min(tries-1, 10), time.Minute) }

// waited is what is left of a pause after a step that took as long: a call that hung has paused
// already.
func remainingPause(pause, took time.Duration) time.Duration {
	return max(pause-max(took, 0), min(pause, sleep.Jitter(time.Second)))
}

// abandonAt is when a purchase is given up that the customer is not at. read may be nil.
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

// lookAfter is the pause, before it is jittered, until recovery looks again at a purchase that has
// waited for so long.
func lookAfter(waited time.Duration) time.Duration {
	return min(max(waited/2, time.Minute), 15*time.Minute)
}

// lookAgain is when recovery looks at a purchase that waits for its customer, in case that no
// webhook comes: after half a minute first, then at half of the time that it has waited so far, and
// not later than when there is something to do.
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
