package flow_test

import (
	"database/sql"
	"testing"
	"testing/synctest"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/authorization/flow/sqlstore"
	"github.com/klarna-go/klarna-go/internal/test/chaos"
	"github.com/klarna-go/klarna-go/internal/test/dbtest"
)

// open opens a pool inside a bubble, which must not share one with the outside.
type open func(t *testing.T) *sql.DB

func TestPaymentsSurviveChaosOnSQLite(t *testing.T) {
	file := dbtest.SQLite(t)
	testChaos(t, "SQLite", sqlstore.DialectSQLite, func(t *testing.T) *sql.DB { return bounded(dbtest.OpenSQLite(t, file)) })
}

func TestPaymentsSurviveChaosOnPostgreSQL(t *testing.T) {
	server := dbtest.StartPostgres(t)
	name := server.NewDatabase(t)
	testChaos(t, "PostgreSQL", sqlstore.DialectPostgreSQL, func(t *testing.T) *sql.DB { return bounded(server.Open(t, name)) })
}

// Package flow has the same tests with its memory store and more concurrent purchases. With the
// race detector, which slows SQLite down, the test makes few concurrent purchases.
func testChaos(t *testing.T, name string, dialect sqlstore.Dialect, open open) {
	seed, purchases, full, err := chaos.Size(200)
	if err != nil {
		t.Fatal(err)
	}
	depth := chaos.Gone
	if full {
		depth = chaos.Deaths
	}
	if raceEnabled {
		purchases = 40
	}
	replica := func(t *testing.T) (flow.Store, error) {
		s, err := sqlstore.New(open(t), dialect)
		if err != nil {
			return nil, err
		}
		return s, s.Migrate(t.Context())
	}
	if !raceEnabled { // it has no concurrency, and would take minutes
		t.Run("a crash before and after every step", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, err := replica(t)
				if err != nil {
					t.Fatal(err)
				}
				result, err := chaos.EveryStep(t.Context(), name, store, depth)
				if err != nil {
					t.Fatal(err)
				}
				examine(t, result)
			})
		})
	}
	t.Run("everything concurrently, on four replicas", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			result, err := chaos.AtRandom(t.Context(), chaos.Config{
				Store: name, Open: func() (flow.Store, error) { return replica(t) },
				Seed: seed, Purchases: purchases, Replicas: 4,
			})
			if err != nil {
				t.Fatal(err)
			}
			examine(t, result)
		})
	})
	t.Run("accounts in trouble, and silent connections", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			result, err := chaos.InTrouble(t.Context(), chaos.Config{
				Store: name, Open: func() (flow.Store, error) { return replica(t) },
				Seed: seed, Purchases: min(purchases, 300), Replicas: 2, // most of its time is spent in waiting
			})
			if err != nil {
				t.Fatal(err)
			}
			report(t, result)
			if result.Faults == 0 || result.Transactions*2 < result.Purchases {
				t.Error("nothing failed, or too little was paid")
			}
		})
	})
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

func examine(t *testing.T, r *chaos.Result) {
	t.Helper()
	report(t, r)
	// Otherwise the test would prove nothing.
	if r.Crashes == 0 || r.Duplicates == 0 || r.Transactions == 0 || r.AuthorizeCalls <= int64(r.Transactions) {
		t.Error("nothing crashed, or nothing was repeated")
	}
}
