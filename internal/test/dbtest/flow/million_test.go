package flow_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/authorization/flow/sqlstore"
	"github.com/klarna-go/klarna-go/internal/test/dbtest"
)

// TestRecoveryOfMany tests recovery over PostgreSQL from end to end. A tenth of the rows are
// purchases of a hundred accounts whose customers approved without a webhook, all due at the same
// moment. A tenth are not due, and the rest are in a final state. RECOVERY_ROWS is the number of
// rows, 20 000 by default; docs/performance.md has the numbers of a million.
//
//	RECOVERY_ROWS=1000000 go test -timeout 60m -v -run TestRecoveryOfMany ./flow
func TestRecoveryOfMany(t *testing.T) {
	rows := 20_000
	if text, ok := os.LookupEnv("RECOVERY_ROWS"); ok {
		var err error
		if rows, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	if raceEnabled || testing.Short() {
		rows /= 10
	}
	due := rows / 10
	server := dbtest.StartPostgres(t)
	d := postgresDatabase(t, server)
	s, db := migrated(t, d)
	c := newCoordinator(t, s, prompt{})
	// Sealed depends on the ID, so recovery can only open purchases that the coordinator has begun.
	begin := time.Now()
	beginMany(t, c, due)
	t.Logf("%d purchases were begun in %v", due, time.Since(begin).Round(time.Millisecond))
	insertEnded(t, d.dialect, db, rows-2*due)
	insertDue(t, d.dialect, db, due, "account-7", "later", time.Now().Add(24*time.Hour))
	execute(t, db, `UPDATE klarna_purchases SET due_ms = `+strconv.FormatInt(time.Now().Add(-time.Minute).UnixMilli(), 10)+` WHERE id LIKE 'many-%'`)
	for _, statement := range []string{`VACUUM ANALYZE klarna_purchases`, `SELECT pg_stat_reset()`} {
		execute(t, db, statement)
	}
	claim := stated(t, d.dialect, func(s *sqlstore.Store) error {
		_, err := s.ClaimDue(t.Context(), flow.ClaimParams{
			Now: time.Now(), Until: time.Now(), Limit: 16, PerAccount: 1, Lanes: []flow.Lane{0, 1, 2, 3, 4, 5, 6, 7, flow.LaneBusy, flow.LaneBegun, flow.LaneWaiting, flow.LaneEnding},
		})
		return err
	})
	describe := func(when string) {
		plan := explained(t, d, db, claim)
		if rows >= 20_000 { // PostgreSQL reads a smaller table whole
			findsByLane(t, d, plan)
		}
		last := plan[strings.LastIndex(plan, "Execution Time"):]
		// A claim reads only the first record of each account in each lane.
		if n := pages(plan); when == "before" && n > 3000 {
			t.Errorf("a claim of 16 reads %d pages:\n%s", n, plan)
		}
		t.Logf("%s: a claim of 16 reads %d pages, %s; %s", when, pages(plan), strings.TrimSpace(last), sizes(t, db))
	}
	describe("before")
	begin = time.Now()
	looked, err := c.Recover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(begin)
	t.Logf("recovery finalized %d of %d rows in %v, %.0f a second", looked, rows, took.Round(time.Millisecond), float64(looked)/took.Seconds())
	describe("after")
	execute(t, db, `VACUUM klarna_purchases`)
	t.Logf("after a vacuum: %s", sizes(t, db))
	var authorized int
	if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM klarna_purchases WHERE id LIKE 'many-%' AND state = 'AUTHORIZED' AND due_ms IS NULL`).Scan(&authorized); err != nil || authorized != due {
		t.Errorf("%d of %d are authorized, %v", authorized, due, err)
	}
	if looked < due {
		t.Errorf("recovery processed %d of %d", looked, due)
	}
}

// beginMany begins purchases of a hundred accounts whose customers must go to Klarna.
func beginMany(t *testing.T, c *flow.Coordinator, n int) {
	t.Helper()
	next := make(chan int)
	failed := make(chan error, 8)
	for range cap(failed) {
		go func() {
			var err error
			for i := range next {
				if err == nil {
					err = beginOne(context.WithoutCancel(t.Context()), c, fmt.Sprint("many-", i), fmt.Sprint("account-", i%100))
				}
			}
			failed <- err
		}()
	}
	for i := range n {
		next <- i
	}
	close(next)
	for range cap(failed) {
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
	}
}

// sizes describes the size of the table and its indexes, the number of dead rows, and the number of
// HOT updates.
func sizes(t *testing.T, db *sql.DB) string {
	t.Helper()
	execute(t, db, `SELECT pg_stat_force_next_flush()`)
	var table, indexes, lanes, dead, updates, hot int64
	if err := db.QueryRowContext(t.Context(), `SELECT pg_table_size(relid), pg_indexes_size(relid), pg_relation_size('klarna_purchases_lanes'), n_dead_tup, n_tup_upd, n_tup_hot_upd
		FROM pg_stat_user_tables WHERE relname = 'klarna_purchases'`).Scan(&table, &indexes, &lanes, &dead, &updates, &hot); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("table %d MB, indexes %d MB (lanes %d MB), %d dead rows, %d updates of which %d HOT", table>>20, indexes>>20, lanes>>20, dead, updates, hot)
}
