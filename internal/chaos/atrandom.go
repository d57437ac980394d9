package chaos

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// Config is how AtRandom goes.
type Config struct {
	// Store names the stores in the result; Open returns a replica's. It is called once for each
	// replica.
	Store string
	Open  func() (flow.Store, error)
	// Seed repeats all choices. It does not repeat the order in which the replicas' goroutines come to
	// run, on which some of them act.
	Seed      int64
	Purchases int
	Replicas  int
}

// AtRandom plays journeys of several accounts chosen at random, all at once, on several replicas, of
// which each meets harms, is stopped now and then and goes on, and dies and is started again. When the customers are done nothing breaks any
// more, and recovery has to bring everything to its end.
func AtRandom(ctx context.Context, config Config) (*Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f := &fleet{dice: dice{random: newRandom(config.Seed, 1)}}
	mail := &postman{fate: f.fate, pick: func() http.Handler { return f.pick() }}
	shop, err := newShop(mail, klarnatest.WithoutSocket(), klarnatest.WithSeed(config.Seed))
	if err != nil {
		return nil, err
	}
	defer shop.Klarna.Close()
	shop.loseMail()
	for range 2 {
		shop.accounts = append(shop.accounts, shop.Klarna.AddAccount())
	}
	shop.stormFor = func() time.Duration { return []time.Duration{stormFor, 4 * stormFor}[f.dice.roll(2)] }
	f.shop = shop
	for range config.Replicas {
		store, err := config.Open()
		if err != nil {
			return nil, err
		}
		f.slots = append(f.slots, &slot{fleet: f, store: store, skew: skewOf(int(config.Seed%3), len(f.slots))})
	}
	var running sync.WaitGroup
	serving, stop := context.WithCancel(ctx)
	defer stop()
	for _, s := range f.slots {
		if err := s.start(serving); err != nil {
			return nil, err
		}
		running.Go(func() { s.run(serving) })
	}
	shop.open(ctx, config.Seed, config.Purchases, 700*time.Millisecond, func() Replica { return f.pick() })
	f.calm.Store(true)
	mail.underWay.Wait()
	stop()
	running.Wait()

	// Whoever is left, and a store without any history in this process.
	last, err := newLife(ctx, shop, f.slots[0].store, nature{attempts: 4})
	if err != nil {
		return nil, err
	}
	if err := last.conclude(ctx); err != nil {
		return nil, err
	}
	shop.Klarna.Flush()
	mail.underWay.Wait()
	result, err := shop.result(ctx, last.next, last.Coordinator)
	if err != nil {
		return nil, err
	}
	result.Store, result.Seed, result.Replicas = config.Store, config.Seed, config.Replicas
	return result, nil
}

// fleet is several replicas of one program.
type fleet struct {
	shop  *Shop
	slots []*slot
	dice  dice
	calm  atomic.Bool
}

// slot is where one life follows the other.
type slot struct {
	fleet *fleet
	store flow.Store
	skew  time.Duration // of the machine's clock
	mu    sync.Mutex
	now   *life
}

// skews are sets of how far the clocks of replicas are ahead of Klarna's. No two clocks differ by
// more than package flow documents, Klarna's included.
var skews = [3][4]time.Duration{
	{0, 149 * time.Second, -149 * time.Second, time.Minute},
	{299 * time.Second, 0, 150 * time.Second, 299 * time.Second},
	{-299 * time.Second, 0, -150 * time.Second, -299 * time.Second},
}

// skewOf is that of the n-th replica in a set.
func skewOf(set, n int) time.Duration { return skews[set%len(skews)][n%len(skews[0])] }

func (s *slot) start(ctx context.Context) error {
	attempts := 1 + 2*s.fleet.dice.roll(2)
	l, err := newLife(ctx, s.fleet.shop, s.store, nature{attempts: attempts, skew: s.skew, platform: true, strike: s.fleet.strike})
	if err != nil {
		return err
	}
	l.latency = s.fleet.latency
	l.stops = s.fleet.stops
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = l
	return nil
}

// run is a replica with its recovery loop, under a supervisor that starts it again.
func (s *slot) run(ctx context.Context) {
	var loops sync.WaitGroup
	defer loops.Wait()
	for ctx.Err() == nil {
		l := s.life()
		loops.Go(func() { l.Run(l.ctx) })
		<-l.ctx.Done()
		pause(ctx, time.Duration(s.fleet.dice.roll(3000))*time.Millisecond)
		if err := s.start(ctx); err != nil {
			panic(err) // its arguments are always the same
		}
	}
}

func (s *slot) life() *life {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// pick returns a replica that lives, if there is one at the moment.
func (f *fleet) pick() Replica {
	first := f.dice.roll(len(f.slots))
	for i := range f.slots {
		if l := f.slots[(first+i)%len(f.slots)].life(); !l.isDead() {
			return l
		}
	}
	return f.slots[first].life()
}

// stops are longer than a lease, and now and then than anything that anybody waits for.
func (f *fleet) stops() time.Duration {
	return []time.Duration{25 * time.Second, stopFor, 12 * time.Minute}[f.dice.roll(3)]
}

// strike lets a step in a hundred end the life, one in six thousand stop it, and one in twenty go
// wrong otherwise. Authorize calls meet more of what Klarna may answer.
func (f *fleet) strike(_ int, op string) harm {
	if f.calm.Load() {
		return none
	}
	most := 200
	if op == "store.claim_due" {
		most *= 10 // there are many that find nothing
	}
	if f.dice.roll(30*most) == 0 {
		return []harm{stopBefore, stopAfter}[f.dice.roll(2)]
	}
	switch n := f.dice.roll(most); {
	case n == 0:
		return dieBefore
	case n == 1:
		return dieAfter
	case n < 12:
		all := harms(op)
		return all[f.dice.roll(len(all))]
	case n < 24 && op == finalOperation:
		return []harm{refuse, storm, undecided, undecidedAfter}[f.dice.roll(4)]
	case n < 20 && op == "authorization.authorize":
		return []harm{storm, undecided, undecidedAfter}[f.dice.roll(3)]
	}
	return none
}

// latency lets steps overtake each other.
func (f *fleet) latency(op string) time.Duration {
	if isNetwork(op) {
		return time.Duration(f.dice.roll(200)) * time.Millisecond
	}
	return time.Duration(f.dice.roll(5000)) * time.Microsecond
}

// fate loses a fifth of the webhooks, and repeats a third, up to twenty minutes late.
func (f *fleet) fate(*purchase) (copies []time.Duration, isLost bool) {
	for f.dice.roll(3) == 0 {
		most := []time.Duration{time.Second, time.Minute, 20 * time.Minute}[f.dice.roll(3)]
		copies = append(copies, time.Duration(f.dice.roll(int(most))))
	}
	return copies, f.dice.roll(5) == 0
}
