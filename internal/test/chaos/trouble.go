package chaos

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

const (
	// troubleFrom and troubleUntil are when the troubles begin and end, counted from the start.
	// They end early enough to finalize every approval within Klarna's 60 minutes.
	troubleFrom  = 3 * time.Minute
	troubleUntil = 30 * time.Minute
	// promptly is the longest time from an approval to its transaction in an account without a
	// trouble. answersWithin is the longest time that a client waits for its answer in any account.
	promptly      = 10 * time.Minute
	answersWithin = 5 * time.Minute
)

// trouble is a failure of every step of a kind that is made for an account.
type trouble struct {
	name    string
	of      func(op string) bool
	failure failure
}

func isOp(op string) func(string) bool { return func(of string) bool { return of == op } }

// troubles are the troubles of the accounts. The first accounts have none.
var troubles = []trouble{
	{"is well", isOp(""), none},
	{"is well, too", isOp(""), none},
	{"has calls that hang", isNetwork, silentBefore},
	{"has calls whose answers never come", isNetwork, silentAfter},
	{"is limited", isNetwork, limited},
	{"has calls that are to be repeated later", isNetwork, later},
	{"has a client that is never found", isOp("clients"), deafBefore},
	{"has a client that panics", isOp("clients"), panics},
	{"has a policy that hangs", isOp("policy"), deafBefore},
	{"has a policy that ends its goroutine", isOp("policy"), leaves},
	{"has reports that hang", isOp("report"), deafAfter},
	{"has reports that wait for the end of their context", isOp("report"), silentAfter},
}

// InTrouble runs journeys that end with a transaction on replicas of a platform whose accounts have
// a trouble each. One in eight connections to the store does not answer. No replica dies. Approvals
// of accounts without a trouble must be finalized promptly, and all others in the end.
func InTrouble(ctx context.Context, config Config) (*Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f := &fleet{random: lockedRand{random: newRandom(config.Seed, 1)}}
	courier := &courier{fate: inOrder, pick: func() http.Handler { return f.pick() }}
	world, err := newWorld(courier, klarnatest.WithoutSocket(), klarnatest.WithSeed(config.Seed))
	if err != nil {
		return nil, err
	}
	defer world.Klarna.Close()
	f.world, world.answersWithin = world, answersWithin
	for range len(troubles) - 1 {
		world.accounts = append(world.accounts, world.Klarna.AddAccount())
	}
	began := time.Now()
	meets := func(op, account string) failure {
		if since := time.Since(began); since < troubleFrom || since > troubleUntil {
			return none
		}
		if strings.HasPrefix(op, "store.") && f.random.intN(8) == 0 {
			return silentBefore
		}
		if i := slices.Index(world.accounts, account); i >= 0 && troubles[i].of(op) {
			return troubles[i].failure
		}
		return none
	}
	var running sync.WaitGroup
	serving, stop := context.WithCancel(ctx)
	defer stop()
	for n := range config.Replicas {
		store, err := config.Open()
		if err != nil {
			return nil, err
		}
		l, err := newIncarnation(serving, world, store, incarnationConfig{attempts: 2, skew: skewOf(int(config.Seed%3), n), platform: true, trouble: meets})
		if err != nil {
			return nil, err
		}
		l.latency = f.latency
		f.slots = append(f.slots, &slot{fleet: f, store: store, now: l})
		running.Go(func() { l.Run(serving) })
	}
	var customers sync.WaitGroup
	for i := range config.Purchases {
		random := newRandom(config.Seed, i+2)
		p := world.add(fmt.Sprintf("troubled-%d-%d", config.Seed, i), troubledJourneys[random.IntN(len(troubledJourneys))], world.accounts[i%len(world.accounts)])
		if troubles[i%len(troubles)].failure == none {
			p.promptly = promptly
		}
		a := &actor{purchase: p, world: world, pick: func() Replica { return f.pick() }, random: newRandom(config.Seed, -i-1), tries: 3}
		customers.Go(func() {
			pause(ctx, time.Duration(random.Int64N(int64(2*troubleFrom))))
			a.journey.play(ctx, a)
		})
	}
	customers.Wait()
	pause(ctx, time.Until(began.Add(troubleUntil+deafFor)))
	courier.underWay.Wait()
	if err := f.slots[0].now.conclude(ctx); err != nil {
		return nil, err
	}
	stop()
	running.Wait()
	world.Klarna.Flush()
	courier.underWay.Wait()
	last, err := newIncarnation(ctx, world, f.slots[0].store, incarnationConfig{attempts: 1})
	if err != nil {
		return nil, err
	}
	result, err := world.result(ctx, last.next, last.Coordinator)
	if err != nil {
		return nil, err
	}
	result.Store, result.Seed, result.Replicas = config.Store, config.Seed, config.Replicas
	return result, nil
}

// troubledJourneys are the journeys of [InTrouble]: with a webhook, without one, and with another
// amount.
var troubledJourneys = slices.DeleteFunc(slices.Clone(journeys), func(j *journey) bool {
	return !slices.Contains([]string{
		"approve", "approve, and neither a webhook nor the customer comes", "approve another amount, which is accepted",
	}, j.name)
})
