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

// intN returns 0 to n-1.
func (d *lockedRand) intN(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.random.IntN(n)
}

// newRandom is a source of its own for each stream.
func newRandom(seed int64, stream int) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(seed), uint64(stream))) //nolint:gosec // any bits will do
}
