// Package storesuite is what the conformance suites of the stores have in common.
package storesuite

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"testing"
	"time"
)

// Run runs one check of a suite on a new store. patience ends a check whose store waits for what
// does not come.
func Run[S any](t *testing.T, name string, patience time.Duration, newStore func(t *testing.T) S, check func(ctx context.Context, s S) error) {
	t.Run(name, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if err := check(ctx, newStore(t)); err != nil {
			t.Error(err)
		}
	})
}

// AtOnce calls from n goroutines at once and returns their errors, in their order.
func AtOnce(n int, call func(i int) error) []error {
	var (
		ready, done sync.WaitGroup
		start       = make(chan struct{})
		errs        = make([]error, n)
	)
	for i := range n {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			errs[i] = call(i)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	return errs
}

// NewID returns an id that no other check has.
func NewID() string { return rand.Text() }

// Incompressible returns n letters and digits that a database cannot make shorter.
func Incompressible(n int) string {
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(rand.Text())
	}
	return b.String()[:n]
}
