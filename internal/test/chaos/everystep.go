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

// Depth is how much [EveryStep] tries at each step.
type Depth int

const (
	// Gone ends the incarnation before and after each step, and the client leaves with it.
	Gone Depth = iota
	// Deaths does the same also with a client that tries again.
	Deaths
	// Harms also makes each step fail in every other way.
	Harms
	// Pairs ends the incarnation at each step, and the next incarnation at each of its own steps.
	Pairs
)

// EveryStep runs every journey once for each of its steps, and applies at that step what depth
// says. Then the next incarnation, on the same store, has to bring every purchase to a final state.
func EveryStep(ctx context.Context, name string, store flow.Store, depth Depth) (*Result, error) {
	return everyStep(ctx, name, store, depth, "purchase", journeys)
}

// EveryOperationStep is [EveryStep] for the journeys that continue after the approval. The steps
// until then are not disturbed.
func EveryOperationStep(ctx context.Context, name string, store flow.Store, depth Depth) (*Result, error) {
	return everyStep(ctx, name, store, depth, "order", operationJourneys[:len(operationJourneys)-1]) // the last one is random
}

// everyStep names its purchases after kind, so that two calls can share a store.
func everyStep(ctx context.Context, name string, store flow.Store, depth Depth, kind string, journeys []*journey) (*Result, error) {
	e := &explorer{store: store, kind: kind, total: Result{Store: name, Replicas: 1}}
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
	kind  string
	total Result
	runs  int
}

// plannedFailure is a failure at a step of an incarnation.
type plannedFailure struct {
	step    int
	failure failure
}

func (e *explorer) explore(ctx context.Context, j *journey, tries int, depth Depth) error {
	undisturbed, err := e.run(ctx, j, tries)
	if err != nil {
		return err
	}
	for i, op := range undisturbed[0] {
		if i > 0 && op == "store.claim_due" && undisturbed[0][i-1] == op {
			continue // a recovery that finds nothing is the same as the previous one
		}
		for _, death := range []failure{dieBefore, dieAfter} {
			lives, err := e.run(ctx, j, tries, plannedFailure{i + 1, death})
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
				for _, second := range []failure{dieBefore, dieAfter} {
					if _, err := e.run(ctx, j, tries, plannedFailure{i + 1, death}, plannedFailure{k + 1, second}); err != nil {
						return err
					}
				}
			}
		}
		if depth != Harms {
			continue
		}
		for _, h := range append(failuresOf(op), stopBefore, stopAfter) {
			if _, err := e.run(ctx, j, tries, plannedFailure{i + 1, h}); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// plannedRun is the environment of one run, in which one incarnation follows another.
type plannedRun struct {
	ctx   context.Context //nolint:containedctx // incarnations begin in it
	world *World
	store flow.Store
	plan  []plannedFailure
	skews int

	mu    sync.Mutex
	lives []*incarnation
}

// ops returns the steps of every incarnation.
func (s *plannedRun) ops() (all [][]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lives {
		all = append(all, l.stepsTaken())
	}
	return all
}

// incarnation returns the present incarnation, or after a crash the next one.
func (s *plannedRun) incarnation() *incarnation {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.lives); n > 0 && !s.lives[n-1].isDead() {
		return s.lives[n-1]
	}
	n := len(s.lives)
	l, err := newIncarnation(s.ctx, s.world, s.store, incarnationConfig{attempts: 1, skew: skewOf(s.skews, n+1), failureAt: func(step int, _ string) failure {
		if n < len(s.plan) && s.plan[n].step == step {
			return s.plan[n].failure
		}
		return none
	}})
	if err != nil {
		panic(err) // its arguments are constant
	}
	s.lives = append(s.lives, l)
	return l
}

// run runs a journey once, with a failure in each of its first incarnations, and returns the steps
// of every incarnation.
func (e *explorer) run(ctx context.Context, j *journey, tries int, plan ...plannedFailure) (lives [][]string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	courier := &courier{fate: inOrder}
	world, err := newWorld(courier, klarnatest.WithoutSocket())
	if err != nil {
		return nil, err
	}
	defer world.Klarna.Close()
	s := &plannedRun{ctx: ctx, world: world, store: e.store, plan: plan, skews: e.runs}
	courier.pick = func() http.Handler { return s.incarnation() }
	e.runs++
	bystander, err := newIncarnation(ctx, world, e.store, incarnationConfig{attempts: 1})
	if err != nil {
		return nil, err
	}
	a := &actor{
		purchase: world.add(fmt.Sprintf("%s-%d", e.kind, e.runs), j, world.Klarna.PartnerAccountID),
		world:    world, pick: func() Replica { return s.incarnation() }, tries: tries, setup: func() Replica { return bystander },
	}
	var others sync.WaitGroup
	played := make(chan struct{})
	if len(plan) > 0 && plan[0].failure.slow() {
		// While one incarnation pauses, another one continues.
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
	world.Klarna.Flush()
	courier.underWay.Wait()
	close(played)
	others.Wait()
	revive := func() { _, _ = s.incarnation().Recover(ctx) } // it fails if the incarnation ends
	if err := world.finishAll(ctx, e.store, revive, func(d time.Duration) { pause(ctx, d) }); err != nil {
		return nil, err
	}
	result, err := world.result(ctx, e.store, bystander.Coordinator)
	if err != nil {
		return nil, err
	}
	for i, v := range result.Violations {
		result.Violations[i] = fmt.Sprintf("%s: %v, client tries %d times: %s", describe(plan, s.ops()), j.name, tries, v)
	}
	e.total.add(result)
	return s.ops(), nil
}

func describe(plan []plannedFailure, ops [][]string) string {
	var text strings.Builder
	for i, planned := range plan {
		op := "never reached"
		if i < len(ops) && planned.step <= len(ops[i]) {
			op = ops[i][planned.step-1]
		}
		fmt.Fprintf(&text, "[incarnation %d, step %d: %v %s]", i+1, planned.step, planned.failure, op)
	}
	return text.String()
}
