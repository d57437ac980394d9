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

// selection says which of the requests or events that match a scripted fault meet it: the first
// ones, or a random selection.
type selection struct {
	probability float64 // 0 means certain
	times       int     // 0 means unlimited
	left        int
}

func newSelection(times int, probability float64) selection {
	if !(probability >= 0 && probability <= 1) {
		panic(fmt.Sprintf("klarnatest: a probability of %v is not from 0 to 1", probability))
	}
	if probability == 0 {
		times = max(times, 1)
	}
	return selection{probability: probability, times: times, left: times}
}

func (s *selection) hit(random *rand.Rand) bool {
	if s.probability > 0 && random.Float64() >= s.probability {
		return false
	}
	s.left--
	return true
}

// spent reports whether the fault can no longer be met.
func (s *selection) spent() bool { return s.times > 0 && s.left == 0 }

// owed reports whether a test that ends now ends too early. A random fault need not be met.
func (s *selection) owed() bool { return s.probability == 0 }
