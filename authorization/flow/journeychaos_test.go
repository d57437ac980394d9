package flow_test

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/internal/test/chaos"
)

// A crash before and after every step of every journey that continues after the approval, and with
// CHAOS_PURCHASES also with a client that tries again and every other failure at each step.
func TestJourneysSurviveACrashAtAnyStep(t *testing.T) {
	t.Parallel()
	_, _, full, err := chaos.Size(0)
	if err != nil {
		t.Fatal(err)
	}
	depth := chaos.Gone
	if full {
		depth = chaos.Harms
	}
	synctest.Test(t, func(t *testing.T) {
		result, err := chaos.EveryOperationStep(t.Context(), "memory", flow.NewMemoryStore(), depth)
		if err != nil {
			t.Fatal(err)
		}
		examineOperations(t, result)
	})
}

// Several operations of each purchase, on four replicas, with every failure. CHAOS_PURCHASES and
// CHAOS_SEED set the size and the seed.
func TestJourneysSurviveChaos(t *testing.T) {
	t.Parallel()
	seed, purchases, _, err := chaos.Size(300)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		store := flow.NewMemoryStore()
		result, err := chaos.AtRandom(t.Context(), chaos.Config{
			Store: "memory", Open: func() (flow.Store, error) { return store, nil },
			Seed: seed, Purchases: purchases, Replicas: 4, Operations: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		examineOperations(t, result)
	})
}

func examineOperations(t *testing.T, r *chaos.Result) {
	t.Helper()
	report(t, r)
	done := []string{"CAPTURE DONE", "REFUND DONE", "VOID DONE", "EXTENSION DONE", "UPDATE DONE"}
	idle := slices.DeleteFunc(done, func(kind string) bool { return r.Operations[kind] > 0 })
	if r.Crashes == 0 || len(idle) > 0 || r.RefusedOthers == 0 {
		t.Errorf("got %d crashes, %d orders with other content and no %v, want some of each", r.Crashes, r.RefusedOthers, idle)
	}
}
