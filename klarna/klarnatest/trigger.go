package klarnatest

import (
	"fmt"
	"math/rand/v2"
)

// WithSeed sets the seed of faults with a Probability. With the same seed, the same calls in the
// same order meet the same faults. The default is 0.
func WithSeed(seed int64) Option { return func(c *config) { c.seed = seed } }

// newRandom returns a source of random numbers. Requests and webhooks have a source each, so that
// the number of requests does not change which webhooks meet a fault.
func newRandom(seed int64, stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(seed), stream)) //nolint:gosec // any seed is valid
}

// trigger says which of the requests or events that match a scripted fault meet it: the first
// ones, or a random selection.
type trigger struct {
	probability float64 // 0 means certain
	times       int     // 0 means unlimited
	left        int
}

func newTrigger(times int, probability float64) trigger {
	if !(probability >= 0 && probability <= 1) {
		panic(fmt.Sprintf("klarnatest: a probability of %v is not from 0 to 1", probability))
	}
	if probability == 0 {
		times = max(times, 1)
	}
	return trigger{probability: probability, times: times, left: times}
}

func (t *trigger) fires(random *rand.Rand) bool {
	if t.probability > 0 && random.Float64() >= t.probability {
		return false
	}
	t.left--
	return true
}

// spent reports whether the fault can no longer be met.
func (t *trigger) spent() bool { return t.times > 0 && t.left == 0 }

// owed reports whether a test that ends now ends too early. A random fault need not be met.
func (t *trigger) owed() bool { return t.probability == 0 }
