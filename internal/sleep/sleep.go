// Package sleep holds pauses that end with a context and do not end all at once.
package sleep

import (
	"context"
	"math/rand/v2"
	"time"
)

// For pauses for d. It returns the context's error where that ends first.
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
