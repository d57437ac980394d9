package chaos

import (
	"math/rand/v2"
	"sync"
)

// lockedRand is a source of random numbers for several goroutines.
type lockedRand struct {
	mu     sync.Mutex
	random *rand.Rand
}

// intN returns a number from 0 to n-1.
func (r *lockedRand) intN(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.random.IntN(n)
}

// newRandom returns a source for a stream.
func newRandom(seed int64, stream int) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(seed), uint64(stream))) //nolint:gosec // any seed is valid
}
