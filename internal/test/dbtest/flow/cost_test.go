package flow_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/authorization/flow/sqlstore"
	"github.com/klarna-go/klarna-go/internal/test/dbtest"
	"github.com/klarna-go/klarna-go/internal/test/fakedb"
)

// A claim must read as much with a million ended purchases as with none, apart from the height of
// the index, and Prune must read no more than it deletes. SQLite reports its plan, and PostgreSQL
// also the number of pages that it reads. The times are printed. With the race detector and with
// -short the number is a tenth of a million.
func testClaimWithAMillionEnded(t *testing.T, newDatabase func(testing.TB) database) {
	million := 1_000_000
	if raceEnabled || testing.Short() {
		million /= 10
	}
	d := newDatabase(t)
	s, db := migrated(t, d)
	claim := stated(t, d.dialect, func(s *sqlstore.Store) error {
		_, err := s.ClaimDue(t.Context(), dueIn(noon.Add(time.Hour), noon, 10))
		return err
	})
	prune := stated(t, d.dialect, func(s *sqlstore.Store) error { _, err := s.Prune(t.Context()); return err })
	for i := range 100 {
		create(t, s, flow.Record{ID: "due-" + strconv.Itoa(i), PartnerAccountID: "a", DueAt: noon.Add(time.Duration(i)), Sealed: make([]byte, 2000)})
	}
	before, few := claims(t, s), pages(explained(t, d, db, claim))
	insertEnded(t, d.dialect, db, million)
	// The same number is not due yet, and another account has a backlog.
	insertDue(t, d.dialect, db, million/10, "a", "later", noon.Add(24*time.Hour))
	insertDue(t, d.dialect, db, million/10, "b", "backlog", noon.Add(-time.Hour))
	for _, statistics := range []string{"without statistics", "with statistics"} {
		if statistics == "with statistics" {
			execute(t, db, `ANALYZE`)
		}
		plan := explained(t, d, db, claim)
		if many := pages(plan); many > few+200 {
			t.Errorf("%s, a claim of 10 reads %d pages with no ended purchase, and %d with %d:\n%s", statistics, few, many, million, plan)
		}
		findsByLane(t, d, plan)
	}
	readsIndexes(t, d, explained(t, d, db, prune), "klarna_purchases_ended", "changed_ms<?")
	t.Logf("a claim of 10 takes %v with no ended purchase, and %v with %d; it reads %d pages, and %d", before, claims(t, s), million, few, pages(explained(t, d, db, claim)))
}

// findsByLane checks that a claim finds the records of each account with the index of lanes, sorts
// only these, and looks them up by their ids, and that PostgreSQL does not compile the statement.
func findsByLane(t *testing.T, d database, plan string) {
	t.Helper()
	want := []string{"klarna_purchases_lanes (lane=? AND account=? AND due_ms<?)", "klarna_purchases_lanes (lane=? AND account>?)", "(id=?)"}
	if d.dialect == sqlstore.DialectPostgreSQL {
		plan = strings.ReplaceAll(plan, "a_1.", "a.") // PostgreSQL numbers repeated aliases
		want = []string{"using klarna_purchases_lanes ", "(lane = a.lane) AND (account = a.account) AND (due_ms <=", "(lane = a.lane) AND (account > a.account)", "(id = ANY"}
	}
	for _, part := range want {
		if !strings.Contains(plan, part) {
			t.Errorf("the plan has no %q:\n%s", part, plan)
		}
	}
	for _, part := range []string{"Seq Scan", "SCAN klarna_purchases", "JIT:"} {
		if strings.Contains(plan, part) {
			t.Errorf("the plan has %q:\n%s", part, plan)
		}
	}
}

// readsIndexes checks that a plan finds rows with an index, and changes them with the index of ids.
func readsIndexes(t *testing.T, d database, plan, index, condition string) {
	t.Helper()
	want, never := []string{"USING INDEX " + index + " (" + condition + ")", "(id=?)"}, []string{"SCAN klarna_purchases", "TEMP B-TREE"}
	if d.dialect == sqlstore.DialectPostgreSQL {
		want, never = []string{"Index Scan using " + index + " ", "Index Cond: (id = ANY"}, []string{"Seq Scan", "Sort"}
	}
	for _, part := range want {
		if !strings.Contains(plan, part) {
			t.Errorf("the plan has no %q:\n%s", part, plan)
		}
	}
	for _, part := range never {
		if strings.Contains(plan, part) {
			t.Errorf("the plan has %q:\n%s", part, plan)
		}
	}
}

// claims returns the shortest of many measured times of a claim.
func claims(t *testing.T, s flow.Store) time.Duration {
	t.Helper()
	fastest := time.Hour
	for range 50 {
		begin := time.Now()
		list, err := s.ClaimDue(t.Context(), dueIn(noon.Add(time.Hour), noon, 10))
		if err != nil || len(list) != 10 {
			t.Fatalf("%d, %v", len(list), err)
		}
		fastest = min(fastest, time.Since(begin))
	}
	return fastest.Round(time.Microsecond)
}

// statement is a statement of a store with its arguments.
type statement struct {
	text      string
	arguments []any
}

// stated returns the statement that a call executes.
func stated(t *testing.T, dialect sqlstore.Dialect, call func(*sqlstore.Store) error) (asked statement) {
	t.Helper()
	recording := &fakedb.DB{Statement: func(text string, arguments []driver.NamedValue) (*fakedb.Answer, error) {
		asked = statement{text: text}
		for _, a := range arguments {
			asked.arguments = append(asked.arguments, a.Value)
		}
		return new(fakedb.Answer), nil
	}}
	s, err := sqlstore.New(recording.Open(t), dialect)
	if err != nil {
		t.Fatal(err)
	}
	if err := call(s); err != nil {
		t.Fatal(err)
	}
	return asked
}

// explained returns the plan of a statement, with the pages that it reads on PostgreSQL. It rolls
// the statement back.
func explained(t *testing.T, d database, db *sql.DB, s statement) string {
	t.Helper()
	explain := "EXPLAIN QUERY PLAN "
	if d.dialect == sqlstore.DialectPostgreSQL {
		explain = "EXPLAIN (ANALYZE, BUFFERS) "
	}
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	rows, err := tx.QueryContext(t.Context(), explain+s.text, s.arguments...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var plan strings.Builder
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&plan, *values[len(values)-1].(*any)) // SQLite has numbers before the text
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan.String()
}

var buffers = regexp.MustCompile(`Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?`)

// pages returns the number of pages that a statement reads according to its plan. SQLite's plan has
// none. The first numbers in the plan are those of the whole statement.
func pages(plan string) (sum int) {
	for _, n := range buffers.FindStringSubmatch(plan) {
		n, _ := strconv.Atoi(n) // the whole match is not a number
		sum += n
	}
	return sum
}

// insertEnded inserts purchases in a final state.
func insertEnded(t testing.TB, dialect sqlstore.Dialect, db *sql.DB, n int) {
	t.Helper()
	numbers := `generate_series(1, %d) AS numbers (n)`
	if dialect == sqlstore.DialectSQLite {
		numbers = `(WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %d) SELECT n FROM numbers) AS numbers`
	}
	execute(t, db, fmt.Sprintf(`INSERT INTO klarna_purchases (id, state, version, changed_ms, data)
		SELECT 'purchase-' || n, 'AUTHORIZED', 4, 1772366400000 + n, '{}' FROM `+numbers, n))
}

// insertDue inserts purchases of one account that are due a millisecond apart.
func insertDue(t testing.TB, dialect sqlstore.Dialect, db *sql.DB, n int, account, name string, from time.Time) {
	t.Helper()
	numbers := `generate_series(1, %d) AS numbers (n)`
	if dialect == sqlstore.DialectSQLite {
		numbers = `(WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %d) SELECT n FROM numbers) AS numbers`
	}
	execute(t, db, fmt.Sprintf(`INSERT INTO klarna_purchases (id, account, lane, state, due_ms, version, changed_ms, data)
		SELECT '%s-' || n, '%s', 0, 'AWAITING_CUSTOMER', %d + n, 1, 1772366400000 + n, '{}' FROM `+numbers, name, account, from.UnixMilli(), n))
}

// BenchmarkStore measures each call with a hundred thousand ended purchases in the table and 4 KB
// of Sealed. PostgreSQL and SQLite have the settings of dbtest: neither waits for the disk.
func BenchmarkStore(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) { benchmarkStore(b, sqliteDatabase(b)) })
	b.Run("PostgreSQL", func(b *testing.B) { benchmarkStore(b, postgresDatabase(b, dbtest.StartPostgres(b))) })
}

func benchmarkStore(b *testing.B, d database) {
	s, db := migrated(b, d)
	insertEnded(b, d.dialect, db, 100_000)
	execute(b, db, `ANALYZE`)
	r := flow.Record{ID: "a", PaymentRequestID: "krn:payment:eu1:request:1", State: flow.StateBegun, DueAt: noon, Data: []byte(`{"amount":11836,"currency":"EUR"}`), Sealed: make([]byte, 4000), Version: 1}
	create(b, s, r)
	n, clock := 0, noon
	for _, bm := range []struct {
		name string
		call func(ctx context.Context) error
	}{
		{"Create", func(ctx context.Context) error {
			n++
			return s.Create(ctx, flow.Record{ID: "b-" + strconv.Itoa(n), State: r.State, DueAt: noon.Add(24 * time.Hour), Data: r.Data, Sealed: r.Sealed})
		}},
		{"Load", func(ctx context.Context) error { _, err := s.Load(ctx, "a"); return err }},
		{"FindPaymentRequest", func(ctx context.Context) error {
			_, err := s.FindPaymentRequest(ctx, r.PaymentRequestID)
			return err
		}},
		{"Update", func(ctx context.Context) error { err := s.Update(ctx, r); r.Version++; return err }},
		{"ClaimDue, one", func(ctx context.Context) error {
			list, err := s.ClaimDue(ctx, dueIn(clock, clock.Add(time.Millisecond), 10))
			if err == nil && len(list) != 1 {
				err = fmt.Errorf("%d records", len(list))
			}
			clock = clock.Add(time.Millisecond)
			return err
		}},
		{"ClaimDue, nothing", func(ctx context.Context) error {
			_, err := s.ClaimDue(ctx, dueIn(noon.Add(-time.Hour), noon, 10))
			return err
		}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			for b.Loop() {
				if err := bm.call(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
