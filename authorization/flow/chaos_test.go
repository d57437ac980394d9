package flow_test

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/internal/test/chaos"
)

// The replica crashes before and after every step of every journey. With CHAOS_PURCHASES the client
// also tries again, and each step also fails in every other way. With CHAOS_PAIRS the replica
// crashes at every two steps, which takes minutes.
func TestNoCrashLosesOrRepeatsAPayment(t *testing.T) {
	t.Parallel()
	_, _, full, err := chaos.Size(0)
	if err != nil {
		t.Fatal(err)
	}
	depth := chaos.Gone
	switch {
	case os.Getenv("CHAOS_PAIRS") != "":
		depth = chaos.Pairs
	case full:
		depth = chaos.Harms
	}
	synctest.Test(t, func(t *testing.T) {
		result, err := chaos.EveryStep(t.Context(), "memory", flow.NewMemoryStore(), depth)
		if err != nil {
			t.Fatal(err)
		}
		examine(t, result)
	})
}

// All failures happen at the same time, on four replicas. CHAOS_PURCHASES is the number of
// purchases, and CHAOS_SEED the seed of the failures.
func TestNoChaosLosesOrRepeatsAPayment(t *testing.T) {
	t.Parallel()
	seed, purchases, _, err := chaos.Size(500)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		store := flow.NewMemoryStore()
		result, err := chaos.AtRandom(t.Context(), chaos.Config{
			Store: "memory", Open: func() (flow.Store, error) { return store, nil },
			Seed: seed, Purchases: purchases, Replicas: 4,
		})
		if err != nil {
			t.Fatal(err)
		}
		examine(t, result)
	})
}

// Each account has a trouble, and one in eight connections to the store does not answer.
func TestNoTroubleOfAnAccountDelaysAnother(t *testing.T) {
	t.Parallel()
	seed, purchases, _, err := chaos.Size(500)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		store := flow.NewMemoryStore()
		result, err := chaos.InTrouble(t.Context(), chaos.Config{
			Store: "memory", Open: func() (flow.Store, error) { return store, nil },
			Seed: seed, Purchases: purchases, Replicas: 2,
		})
		if err != nil {
			t.Fatal(err)
		}
		report(t, result)
		if result.Faults == 0 || result.Transactions*2 < result.Purchases {
			t.Error("nothing failed, or too little was paid")
		}
	})
}

func examine(t *testing.T, r *chaos.Result) {
	t.Helper()
	report(t, r)
	// Without these the test would prove nothing.
	if r.Crashes == 0 || r.Duplicates == 0 || r.Transactions == 0 || r.AuthorizeCalls <= int64(r.Transactions) {
		t.Error("nothing crashed, or nothing was repeated")
	}
}

func report(t *testing.T, r *chaos.Result) {
	t.Helper()
	t.Log(r)
	for i, v := range r.Violations {
		if i == 20 {
			t.Fatalf("and %d more", len(r.Violations)-i)
		}
		t.Error(v)
	}
}

// A store that breaks its contract is detected, or the tests above would prove nothing.
func TestChaosDetectsABrokenStore(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		store func(*flow.MemoryStore) flow.Store
	}{
		{"updates regardless of the version", func(s *flow.MemoryStore) flow.Store { return &careless{MemoryStore: s} }},
		{"forgets an update that it confirmed", func(s *flow.MemoryStore) flow.Store { return &forgetful{MemoryStore: s} }},
		{"overwrites an existing record", func(s *flow.MemoryStore) flow.Store { return &overwriting{MemoryStore: s} }},
		{"loses claimed records", func(s *flow.MemoryStore) flow.Store { return &losing{MemoryStore: s} }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := tc.store(flow.NewMemoryStore())
				result, err := chaos.AtRandom(t.Context(), chaos.Config{
					Store: tc.name, Open: func() (flow.Store, error) { return store, nil },
					Seed: 2512, Purchases: 250, Replicas: 4,
				})
				if err != nil {
					t.Fatal(err)
				}
				t.Log(result)
				if len(result.Violations) == 0 {
					t.Error("no violation was found")
				}
			})
		})
	}
}

type careless struct{ *flow.MemoryStore }

func (s *careless) Update(ctx context.Context, r flow.Record) error {
	if now, err := s.Load(ctx, r.ID); err == nil {
		r.Version = now.Version
	}
	return s.MemoryStore.Update(ctx, r)
}

type forgetful struct {
	*flow.MemoryStore
	updates atomic.Int64
}

func (s *forgetful) Update(ctx context.Context, r flow.Record) error {
	if s.updates.Add(1)%30 == 0 {
		return nil
	}
	return s.MemoryStore.Update(ctx, r)
}

type overwriting struct{ *flow.MemoryStore }

func (s *overwriting) Create(ctx context.Context, r flow.Record) error {
	err := s.MemoryStore.Create(ctx, r)
	if errors.Is(err, flow.ErrExists) {
		now, err := s.Load(ctx, r.ID)
		if err != nil {
			return err
		}
		r.Version = now.Version
		return s.Update(ctx, r)
	}
	return err
}

type losing struct{ *flow.MemoryStore }

func (s *losing) ClaimDue(ctx context.Context, params flow.ClaimParams) ([]flow.Claimed, error) {
	params.Until = params.Now.AddDate(1, 0, 0)
	return s.MemoryStore.ClaimDue(ctx, params)
}
