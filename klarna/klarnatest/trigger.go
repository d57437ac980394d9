package klarnatest

import (
	"fmt"
	"math/rand/v2"
)

// WithSeed sets where chance begins for faults with a Probability. The same seed and the same
// calls, one after the other, meet the same faults. The default is 0.
func WithSeed(seed int64) Option { return func(c *config) { c.seed = seed } }

// newRandom makes a source of chance. Requests and webhooks have one each: more of the one does not
// change the luck of the other.
func newRandom(seed int64, stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(seed), stream)) //nolint:gosec // every seed is as good as its two's complement
}

// trigger says which of the things that fit a scripted fault meet it: the first ones, or those that
// chance picks.
type trigger struct {
	probability float64 // 0 is certain
	times       int     // 0 is without end
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

func (a *trigger) fires(random *rand.Rand) bool {
	if a.probability > 0 && random.Float64() >= a.probability {
		return false
	}
	a.left--
	return true
}

// spent tells whether nothing meets the fault any more.
func (a *trigger) spent() bool { return a.times > 0 && a.left == 0 }

// owed tells whether a test ends too early that ends now. Chance promises nothing.
func (a *trigger) owed() bool { return a.probability == 0 }
