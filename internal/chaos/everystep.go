package chaos

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// Depth is how much EveryStep tries at each step.
type Depth int

const (
	// Gone lets the life end before and after each step, and the client go away with it.
	Gone Depth = iota
	// Deaths does so also with a client that tries again.
	Deaths
	// Harms also lets each step fail in every other way.
	Harms
	// Pairs lets the life end at each step, and the next one at each of its own.
	Pairs
)

// EveryStep plays every journey once for every step that it takes, and at that step lets happen
// what depth says. Then the next life, on the same store, has to bring everything to its end.
func EveryStep(ctx context.Context, name string, store flow.Store, depth Depth) (*Result, error) {
	e := &explorer{store: store, total: Result{Store: name, Replicas: 1}}
	for _, j := range journeys {
		for _, tries := range []int{1, 4} {
			if tries > 1 && depth == Gone {
				break
			}
			if err := e.explore(ctx, j, tries, depth); err != nil {
				return nil, err
			}
		}
	}
	return &e.total, nil
}

type explorer struct {
	store flow.Store
	total Result
	runs  int
}

// strike is a harm at a step of a life.
type strike struct {
	step int
	harm harm
}

func (e *explorer) explore(ctx context.Context, j *journey, tries int, depth Depth) error {
	undisturbed, err := e.run(ctx, j, tries)
	if err != nil {
		return err
	}
	for i, op := range undisturbed[0] {
		if i > 0 && op == "store.claim_due" && undisturbed[0][i-1] == op {
			continue // recovery that finds nothing is like the time before
		}
		for _, death := range []harm{dieBefore, dieAfter} {
			lives, err := e.run(ctx, j, tries, strike{i + 1, death})
			if err != nil {
				return err
			}
			if depth != Pairs || len(lives) < 2 {
				continue
			}
			for k := range lives[1] {
				if k > 0 && lives[1][k] == "store.claim_due" && lives[1][k-1] == lives[1][k] {
					continue
				}
				for _, second := range []harm{dieBefore, dieAfter} {
					if _, err := e.run(ctx, j, tries, strike{i + 1, death}, strike{k + 1, second}); err != nil {
						return err
					}
				}
			}
		}
		if depth != Harms {
			continue
		}
		for _, h := range append(harms(op), stopBefore, stopAfter) {
			if _, err := e.run(ctx, j, tries, strike{i + 1, h}); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// scene is the stage of one run: one life after the other.
type scene struct {
	ctx   context.Context //nolint:containedctx // lives begin in it
	shop  *Shop
	store flow.Store
	plan  []strike
	skews int

	mu    sync.Mutex
	lives []*life
}

// ops are the steps of every life.
func (s *scene) ops() (all [][]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lives {
		all = append(all, l.stepsTaken())
	}
	return all
}

// life returns the present life, after a crash the next one.
func (s *scene) life() *life {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.lives); n > 0 && !s.lives[n-1].isDead() {
		return s.lives[n-1]
	}
	n := len(s.lives)
	l, err := newLife(s.ctx, s.shop, s.store, nature{attempts: 1, skew: skewOf(s.skews, n+1), strike: func(step int, _ string) harm {
		if n < len(s.plan) && s.plan[n].step == step {
			return s.plan[n].harm
		}
		return none
	}})
	if err != nil {
		panic(err) // its arguments are always the same
	}
	s.lives = append(s.lives, l)
	return l
}

// run plays a journey once, with a strike in each of its first lives, and returns the steps of
// every life.
func (e *explorer) run(ctx context.Context, j *journey, tries int, plan ...strike) (lives [][]string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	mail := &postman{fate: inOrder}
	shop, err := newShop(mail, klarnatest.WithoutSocket())
	if err != nil {
		return nil, err
	}
	defer shop.Klarna.Close()
	s := &scene{ctx: ctx, shop: shop, store: e.store, plan: plan, skews: e.runs}
	mail.pick = func() http.Handler { return s.life() }
	e.runs++
	a := &actor{
		purchase: shop.add(fmt.Sprintf("purchase-%d", e.runs), j, shop.Klarna.PartnerAccountID),
		shop:     shop, pick: func() Replica { return s.life() }, tries: tries,
	}
	bystander, err := newLife(ctx, shop, e.store, nature{attempts: 1})
	if err != nil {
		return nil, err
	}
	var others sync.WaitGroup
	played := make(chan struct{})
	if len(plan) > 0 && plan[0].harm.slow() {
		// While one life sleeps, another one goes on.
		others.Go(func() {
			for open := true; open; {
				_, _ = bystander.Recover(ctx)
				select {
				case <-played:
					open = false
				case <-time.After(5 * time.Second):
				}
			}
		})
	}
	j.play(ctx, a)
	shop.Klarna.Flush()
	mail.underWay.Wait()
	close(played)
	others.Wait()
	revive := func() { _, _ = s.life().Recover(ctx) } // it fails where the life ends
	if err := shop.bringToAnEnd(ctx, e.store, revive, func(d time.Duration) { pause(ctx, d) }); err != nil {
		return nil, err
	}
	result, err := shop.result(ctx, e.store, bystander.Coordinator)
	if err != nil {
		return nil, err
	}
	for i, v := range result.Violations {
		result.Violations[i] = fmt.Sprintf("%s: %v, client tries %d times: %s", describe(plan, s.ops()), j.name, tries, v)
	}
	e.total.add(result)
	return s.ops(), nil
}

func describe(plan []strike, ops [][]string) string {
	var text strings.Builder
	for i, strike := range plan {
		op := "never reached"
		if i < len(ops) && strike.step <= len(ops[i]) {
			op = ops[i][strike.step-1]
		}
		fmt.Fprintf(&text, "[life %d, step %d: %v %s]", i+1, strike.step, strike.harm, op)
	}
	return text.String()
}
