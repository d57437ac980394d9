// Package storesuite contains the code that the conformance suites for stores share.
package storesuite

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"testing"
	"time"
)

// Run runs one check of a suite on a new store, as a subtest. The context of the check ends after
// timeout.
func Run[S any](t *testing.T, name string, timeout time.Duration, newStore func(t *testing.T) S, check func(ctx context.Context, s S) error) {
	t.Run(name, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		if err := check(ctx, newStore(t)); err != nil {
			t.Error(err)
		}
	})
}

// Concurrently calls the function from n goroutines at the same time, with i from 0 to n-1. It
// returns their errors, indexed by i.
func Concurrently(n int, call func(i int) error) []error {
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

// NewID returns a unique id.
func NewID() string { return rand.Text() }

// Incompressible returns n random letters and digits, which a database cannot compress much.
func Incompressible(n int) string {
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(rand.Text())
	}
	return b.String()[:n]
}
