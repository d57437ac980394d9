package klarnatest

import (
	"fmt"
	"math/rand/v2"
)

// WithSeed sets where chance begins for faults with a Probability. The same seed and the same
// calls, one after the other, meet the same faults. The default is 0.
func WithSeed(seed int64) Option { return func(c *config) { c.seed = seed } }

// newDice makes a source of chance. Requests and webhooks have one each: more of the one does not
// change the luck of the other.
func newDice(seed int64, stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(seed), stream)) //nolint:gosec // every seed is as good as its two's complement
}

// aim says which of the things that fit a scripted fault meet it: the first ones, or those that
// chance picks.
type aim struct {
	probability float64 // 0 is certain
	times       int     // 0 is without end
	left        int
}

func newAim(times int, probability float64) aim {
	if !(probability >= 0 && probability <= 1) {
		panic(fmt.Sprintf("klarnatest: a probability of %v is not from 0 to 1", probability))
	}
	if probability == 0 {
		times = max(times, 1)
	}
	return aim{probability: probability, times: times, left: times}
}

func (a *aim) hit(dice *rand.Rand) bool {
	if a.probability > 0 && dice.Float64() >= a.probability {
		return false
	}
	a.left--
	return true
}

// spent tells whether nothing meets the fault any more.
func (a *aim) spent() bool { return a.times > 0 && a.left == 0 }

// owed tells whether a test ends too early that ends now. Chance promises nothing.
func (a *aim) owed() bool { return a.probability == 0 }
