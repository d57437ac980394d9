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
	// troubleFrom and troubleUntil are when the troubles begin and end, after the first customers came.
	// They end early enough for what was approved to be finalized within Klarna's 60 minutes.
	troubleFrom  = 3 * time.Minute
	troubleUntil = 30 * time.Minute
	// promptly is how long an approval waits at most for its transaction where its account is well, and
	// answersWithin, how long a client does for its answer whatever its account has.
	promptly      = 10 * time.Minute
	answersWithin = 5 * time.Minute
)

// trouble is what every step of a kind meets that is made for an account.
type trouble struct {
	name string
	of   func(op string) bool
	harm harm
}

func isOp(op string) func(string) bool { return func(of string) bool { return of == op } }

// troubles are those that accounts have beside each other. The first ones have none.
var troubles = []trouble{
	{"is well", isOp(""), none},
	{"is well, too", isOp(""), none},
	{"has calls that hang", isNetwork, silentBefore},
	{"has calls whose answers never come", isNetwork, silentAfter},
	{"is limited", isNetwork, limited},
	{"is told to come later", isNetwork, later},
	{"has a client that is never found", isOp("clients"), deafBefore},
	{"has a client that panics", isOp("clients"), panics},
	{"has a policy that hangs", isOp("policy"), deafBefore},
	{"has a policy that ends its goroutine", isOp("policy"), leaves},
	{"has reports that hang", isOp("report"), deafAfter},
	{"has reports that wait for the end of their context", isOp("report"), silentAfter},
}

// InTrouble plays journeys that end with a transaction on replicas of a platform whose accounts have
// a trouble each, while one in eight connections to the store is silent. Nobody dies. What the
// customers of an account approve that has no trouble is finalized promptly, and all of it in the
// end.
func InTrouble(ctx context.Context, config Config) (*Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f := &fleet{dice: dice{random: newRandom(config.Seed, 1)}}
	mail := &postman{fate: inOrder, pick: func() http.Handler { return f.pick() }}
	shop, err := newShop(mail, klarnatest.WithoutSocket(), klarnatest.WithSeed(config.Seed))
	if err != nil {
		return nil, err
	}
	defer shop.Klarna.Close()
	f.shop, shop.answersWithin = shop, answersWithin
	for range len(troubles) - 1 {
		shop.accounts = append(shop.accounts, shop.Klarna.AddAccount())
	}
	began := time.Now()
	meets := func(op, account string) harm {
		if since := time.Since(began); since < troubleFrom || since > troubleUntil {
			return none
		}
		if strings.HasPrefix(op, "store.") && f.dice.roll(8) == 0 {
			return silentBefore
		}
		if i := slices.Index(shop.accounts, account); i >= 0 && troubles[i].of(op) {
			return troubles[i].harm
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
		l, err := newLife(serving, shop, store, nature{attempts: 2, skew: skewOf(int(config.Seed%3), n), platform: true, trouble: meets})
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
		p := shop.add(fmt.Sprintf("troubled-%d-%d", config.Seed, i), troubled[random.IntN(len(troubled))], shop.accounts[i%len(shop.accounts)])
		if troubles[i%len(troubles)].harm == none {
			p.promptly = promptly
		}
		a := &actor{purchase: p, shop: shop, pick: func() Replica { return f.pick() }, random: newRandom(config.Seed, -i-1), tries: 3}
		customers.Go(func() {
			pause(ctx, time.Duration(random.Int64N(int64(2*troubleFrom))))
			a.journey.play(ctx, a)
		})
	}
	customers.Wait()
	pause(ctx, time.Until(began.Add(troubleUntil+deafFor)))
	mail.underWay.Wait()
	if err := f.slots[0].now.conclude(ctx); err != nil {
		return nil, err
	}
	stop()
	running.Wait()
	shop.Klarna.Flush()
	mail.underWay.Wait()
	last, err := newLife(ctx, shop, f.slots[0].store, nature{attempts: 1})
	if err != nil {
		return nil, err
	}
	result, err := shop.result(ctx, last.next, last.Coordinator)
	if err != nil {
		return nil, err
	}
	result.Store, result.Seed, result.Replicas = config.Store, config.Seed, config.Replicas
	return result, nil
}

// troubled are the journeys of InTrouble: a webhook comes, or none, or the amount is another.
var troubled = slices.DeleteFunc(slices.Clone(journeys), func(j *journey) bool {
	return !slices.Contains([]string{
		"approve", "approve, and neither a webhook nor the customer comes", "approve another amount, which is accepted",
	}, j.name)
})
