package chaos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
)

// open makes customers come one after the other, with an average interval of every, and returns
// when all of them have gone.
func (s *World) open(ctx context.Context, seed int64, purchases int, every time.Duration, pick func() Replica) {
	var customers sync.WaitGroup
	for i := range purchases {
		random := newRandom(seed, i+2)
		j := s.journeys[random.IntN(len(s.journeys))]
		switch again := random.IntN(3) == 0; {
		case again && s.operates:
			j = operationJourneys[len(operationJourneys)-1]
		case again:
			j = journeys[random.IntN(approving)]
		}
		if j.late && s.scale > 1 {
			j = journeys[0] // wall-clock time is scarce
		}
		a := &actor{
			purchase: s.add(fmt.Sprintf("order-%d-%d", seed, i), j, s.accounts[random.IntN(len(s.accounts))]), world: s, pick: pick, random: random,
			tries: 1 + 9*random.IntN(2),
		}
		customers.Go(func() {
			pause(ctx, s.wallTime(time.Duration(random.Int64N(int64(purchases)*int64(every)))))
			j.play(ctx, a)
		})
	}
	customers.Wait()
}

// finishAll runs recovery repeatedly, for longer than a purchase can last. pass makes time pass.
func (s *World) finishAll(ctx context.Context, store flow.Store, revive func(), pass func(time.Duration)) error {
	open := slices.Collect(maps.Keys(s.purchases))
	wait := 7 * time.Second
	for passed := time.Duration(0); passed < 30*time.Hour && ctx.Err() == nil; passed += wait {
		left := open[:0]
		for _, id := range open {
			done, err := settled(ctx, store, id)
			if err != nil {
				return err
			}
			if !done {
				left = append(left, id)
			}
		}
		if open = left; len(open) == 0 {
			return nil
		}
		revive()
		pass(wait)
		wait = min(wait*4/3, 10*time.Minute)
	}
	return ctx.Err()
}

// conclude makes an incarnation bring every purchase to a final state, twice: after the first time,
// calls that still hang in other incarnations return.
func (l *incarnation) conclude(ctx context.Context) error {
	for range 2 {
		var failed error
		revive := func() { _, failed = l.Recover(ctx) }
		if err := errors.Join(l.world.finishAll(ctx, l.next, revive, func(d time.Duration) { pause(ctx, d) }), failed); err != nil {
			return err
		}
		pause(ctx, deafFor+stopFor)
	}
	return nil
}
