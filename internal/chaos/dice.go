package chaos

import (
	"math/rand/v2"
	"sync"
)

// dice are thrown by many.
type dice struct {
	mu     sync.Mutex
	random *rand.Rand
}

// roll returns 0 to n-1.
func (d *dice) roll(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.random.IntN(n)
}
