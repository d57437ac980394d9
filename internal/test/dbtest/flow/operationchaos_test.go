package flow_test

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/internal/test/chaos"
)

// testOperationJourneys runs the journeys that continue after the approval, as testChaos runs the
// others.
func testOperationJourneys(t *testing.T, name string, depth chaos.Depth, seed int64, purchases int, replica func(*testing.T) (flow.Store, error)) {
	t.Helper()
	if !raceEnabled {
		t.Run("a crash before and after every step of operations", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, err := replica(t)
				if err != nil {
					t.Fatal(err)
				}
				result, err := chaos.EveryOperationStep(t.Context(), name, store, depth)
				if err != nil {
					t.Fatal(err)
				}
				examineOperations(t, result)
			})
		})
	}
	t.Run("operations concurrently, on four replicas", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			result, err := chaos.AtRandom(t.Context(), chaos.Config{
				Store: name, Open: func() (flow.Store, error) { return replica(t) },
				Seed: seed + 1, Purchases: min(purchases, 400), Replicas: 4, Operations: true, // another seed gives other IDs
			})
			if err != nil {
				t.Fatal(err)
			}
			examineOperations(t, result)
		})
	})
}

// Several operations of each purchase, on four processes that are killed at any moment.
func TestOperationsSurviveKills(t *testing.T) {
	examineOperations(t, kill(t, true))
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
