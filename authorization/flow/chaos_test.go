package flow_test

import (
	"testing"
	"testing/synctest"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/internal/chaos"
)

// A crash before and after every step of every journey and, with CHAOS_PURCHASES, every other harm at each step.
func TestNoCrashAtAnyStepLosesOrRepeatsAPayment(t *testing.T) {
	_, _, full, err := chaos.Size(0)
	if err != nil {
		t.Fatal(err)
	}
	depth := chaos.Deaths
	if full {
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

// Everything at once, on four replicas. CHAOS_PURCHASES and CHAOS_SEED say how much of it, and what.
func TestNoChaosLosesOrRepeatsAPayment(t *testing.T) {
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

func examine(t *testing.T, r *chaos.Result) {
	t.Helper()
	t.Log(r)
	for i, v := range r.Violations {
		if i == 20 {
			t.Fatalf("and %d more", len(r.Violations)-i)
		}
		t.Error(v)
	}
	// Without these the test would show nothing.
	if r.Crashes == 0 || r.Duplicates == 0 || r.Transactions == 0 || r.AuthorizeCalls <= int64(r.Transactions) {
		t.Error("nothing crashed, or nothing was repeated")
	}
}
