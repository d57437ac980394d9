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

// Config configures [AtRandom].
type Config struct {
	// Store names the stores in the result. Open returns the store of a replica and is called once
	// for each replica.
	Store string
	Open  func() (flow.Store, error)
	// Seed makes all random choices repeatable. It does not determine the order in which the
	// replicas' goroutines run, on which some choices depend.
	Seed      int64
	Purchases int
	Replicas  int
	// Operations makes the clients capture, refund, void, extend and update after the approval.
	Operations bool
}

// AtRandom runs random journeys of several accounts concurrently on several replicas. Each replica
// meets failures, is sometimes stopped for a while, and sometimes dies and is started again. When
// the customers are done, nothing fails any more, and recovery has to bring every purchase to a
// final state.
func AtRandom(ctx context.Context, config Config) (*Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f := &fleet{random: lockedRand{random: newRandom(config.Seed, 1)}}
	courier := &courier{fate: f.fate, pick: func() http.Handler { return f.pick() }}
	world, err := newWorld(courier, klarnatest.WithoutSocket(), klarnatest.WithSeed(config.Seed))
	if err != nil {
		return nil, err
	}
	defer world.Klarna.Close()
	world.disturbWebhooks()
	if config.Operations {
		world.operate()
	}
	for range 2 {
		world.accounts = append(world.accounts, world.Klarna.AddAccount())
	}
	world.stormFor = func() time.Duration { return []time.Duration{stormFor, 4 * stormFor}[f.random.intN(2)] }
	f.world = world
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
	world.open(ctx, config.Seed, config.Purchases, 700*time.Millisecond, func() Replica { return f.pick() })
	f.calm.Store(true)
	courier.underWay.Wait()
	stop()
	running.Wait()

	// A replica that is left, with a store that has no history in this process.
	last, err := newIncarnation(ctx, world, f.slots[0].store, incarnationConfig{attempts: 4})
	if err != nil {
		return nil, err
	}
	if err := last.conclude(ctx); err != nil {
		return nil, err
	}
	world.Klarna.Flush()
	courier.underWay.Wait()
	result, err := world.result(ctx, last.next, last.Coordinator)
	if err != nil {
		return nil, err
	}
	result.Store, result.Seed, result.Replicas = config.Store, config.Seed, config.Replicas
	return result, nil
}

// fleet is several replicas of one program.
type fleet struct {
	world  *World
	slots  []*slot
	random lockedRand
	calm   atomic.Bool
}

// slot is the place of a replica, in which one incarnation follows another.
type slot struct {
	fleet *fleet
	store flow.Store
	skew  time.Duration // of the replica's clock
	mu    sync.Mutex
	now   *incarnation
}

// skews are sets of durations by which the clocks of replicas are ahead of Klarna's. No two clocks,
// including Klarna's, differ by more than package flow documents.
var skews = [3][4]time.Duration{
	{0, 149 * time.Second, -149 * time.Second, time.Minute},
	{299 * time.Second, 0, 150 * time.Second, 299 * time.Second},
	{-299 * time.Second, 0, -150 * time.Second, -299 * time.Second},
}

// skewOf returns the skew of the n-th replica in a set.
func skewOf(set, n int) time.Duration { return skews[set%len(skews)][n%len(skews[0])] }

func (s *slot) start(ctx context.Context) error {
	attempts := 1 + 2*s.fleet.random.intN(2)
	l, err := newIncarnation(ctx, s.fleet.world, s.store, incarnationConfig{attempts: attempts, skew: s.skew, platform: true, failureAt: s.fleet.randomFailure})
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

// run runs a replica with its recovery loop, under a supervisor that starts it again.
func (s *slot) run(ctx context.Context) {
	var loops sync.WaitGroup
	defer loops.Wait()
	for ctx.Err() == nil {
		l := s.incarnation()
		loops.Go(func() { l.Run(l.ctx) })
		<-l.ctx.Done()
		pause(ctx, time.Duration(s.fleet.random.intN(3000))*time.Millisecond)
		if err := s.start(ctx); err != nil {
			panic(err) // its arguments are constant
		}
	}
}

func (s *slot) incarnation() *incarnation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// pick returns a live replica if there is one.
func (f *fleet) pick() Replica {
	first := f.random.intN(len(f.slots))
	for i := range f.slots {
		if l := f.slots[(first+i)%len(f.slots)].incarnation(); !l.isDead() {
			return l
		}
	}
	return f.slots[first].incarnation()
}

// stops returns how long a replica is stopped: longer than a lease, and sometimes longer than any
// deadline.
func (f *fleet) stops() time.Duration {
	return []time.Duration{25 * time.Second, stopFor, 12 * time.Minute}[f.random.intN(3)]
}

// randomFailure ends the incarnation at one step in a hundred, stops it at one in six thousand, and
// makes one in twenty fail otherwise. Authorize calls meet more kinds of answers from Klarna.
func (f *fleet) randomFailure(_ int, op string) failure {
	if f.calm.Load() {
		return none
	}
	most := 200
	switch {
	case op == "store.claim_due":
		most *= 10 // there are many that find nothing
	case op == "clients" && f.world.operates:
		most *= 50 // each operation has several, and one that hangs keeps its account from working
	}
	if f.random.intN(30*most) == 0 {
		return []failure{stopBefore, stopAfter}[f.random.intN(2)]
	}
	switch n := f.random.intN(most); {
	case n == 0:
		return dieBefore
	case n == 1:
		return dieAfter
	case n < 12:
		all := failuresOf(op)
		return all[f.random.intN(len(all))]
	case n < 24 && op == finalOperation:
		return []failure{refuse, storm, undecided, undecidedAfter}[f.random.intN(4)]
	case n < 20 && isOperation(op):
		return []failure{refuse, storm}[f.random.intN(2)]
	case n < 20 && op == "authorization.authorize":
		return []failure{storm, undecided, undecidedAfter}[f.random.intN(3)]
	}
	return none
}

// latency delays steps, so that they overtake each other.
func (f *fleet) latency(op string) time.Duration {
	if isNetwork(op) {
		return time.Duration(f.random.intN(200)) * time.Millisecond
	}
	return time.Duration(f.random.intN(5000)) * time.Microsecond
}

// fate loses a fifth of the webhooks, and repeats a third, up to twenty minutes late.
func (f *fleet) fate(*purchase) (copies []time.Duration, isLost bool) {
	for f.random.intN(3) == 0 {
		most := []time.Duration{time.Second, time.Minute, 20 * time.Minute}[f.random.intN(3)]
		copies = append(copies, time.Duration(f.random.intN(int(most))))
	}
	return copies, f.random.intN(5) == 0
}
