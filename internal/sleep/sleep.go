// Package sleep pauses until a time has passed or a context ends.
package sleep

import (
	"context"
	"math/rand/v2"
	"time"
)

// For pauses for d. If ctx ends first, it returns the error of ctx.
func For(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Jitter returns a random duration from half of d to d.
func Jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }
