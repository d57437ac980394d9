package sqltable_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/internal/sqltable"
	"github.com/klarna-go/klarna-go/internal/test/fakedb"
)

func newTable(t *testing.T, db *fakedb.DB, dialect sqltable.Dialect) *sqltable.Table {
	t.Helper()
	table, err := sqltable.New("a/store", db.Open(t), dialect, "events")
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestNewRefuses(t *testing.T) {
	db := new(fakedb.DB).Open(t)
	for name, tc := range map[string]struct {
		db      *sql.DB
		dialect sqltable.Dialect
		table   string
	}{
		"no database":                        {nil, sqltable.SQLite, "e"},
		"no dialect":                         {db, 0, "e"},
		"another dialect":                    {db, 3, "e"},
		"an empty table name":                {db, sqltable.SQLite, ""},
		"a table name that is a statement":   {db, sqltable.SQLite, `e"; DROP TABLE e; --`},
		"a table name with a placeholder":    {db, sqltable.SQLite, `e{now}`},
		"a table name that is too long":      {db, sqltable.SQLite, strings.Repeat("e", 49)},
		"a table name of the database's own": {db, sqltable.SQLite, "sqlite_e"},
	} {
		if table, err := sqltable.New("a/store", tc.db, tc.dialect, tc.table); err == nil || table != nil || !strings.HasPrefix(err.Error(), "a/store: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTextUsesTheDialect(t *testing.T) {
	const statement = `SELECT ?1, ?12, {table}, {table:_until}, x {as is} WHERE {now} < 1`
	for dialect, want := range map[sqltable.Dialect]string{
		sqltable.SQLite:     `SELECT ?1, ?12, "events", "events_until", x COLLATE BINARY WHERE CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) < 1`,
		sqltable.PostgreSQL: `SELECT $1, $12, "events", "events_until", x COLLATE "C" WHERE CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS bigint) < 1`,
	} {
		if diff := cmp.Diff(want, newTable(t, new(fakedb.DB), dialect).Text(statement)); diff != "" {
			t.Errorf("statement (-want +got):\n%s", diff)
		}
	}
}

func TestRowReadsToTheEnd(t *testing.T) {
	broken := errors.New("the connection broke")
	one := [][]driver.Value{{"a"}}
	for _, tc := range []struct {
		name   string
		answer fakedb.Answer
		fails  error
		want   error
	}{
		{"a row", fakedb.Answer{Values: one}, nil, nil},
		{"no row", fakedb.Answer{}, nil, sql.ErrNoRows},
		{"an error after the row", fakedb.Answer{Values: one, End: broken}, nil, broken},
		{"an error instead of rows", fakedb.Answer{}, broken, broken},
	} {
		t.Run(tc.name, func(t *testing.T) {
			table := newTable(t, &fakedb.DB{Statement: func(string, []driver.NamedValue) (*fakedb.Answer, error) { return &tc.answer, tc.fails }}, sqltable.SQLite)
			var got string
			if err := table.Row(t.Context(), "SELECT", nil, &got); !errors.Is(err, tc.want) || err == nil && got != "a" {
				t.Errorf("%q, %v; want %v", got, err, tc.want)
			}
		})
	}
	table := newTable(t, &fakedb.DB{Statement: func(string, []driver.NamedValue) (*fakedb.Answer, error) {
		return &fakedb.Answer{Values: [][]driver.Value{{"no number"}}}, nil
	}}, sqltable.SQLite)
	var number int
	if err := table.Row(t.Context(), "SELECT", nil, &number); err == nil {
		t.Errorf("a row of another type is read as %d", number)
	}
}

// A result locks its connection. If another call used the connection by then, Change would wait for
// the end of that call's statement.
func TestChangeKeepsItsConnectionUntilRowsAreCounted(t *testing.T) {
	var db *sql.DB
	inUse := 0
	db = (&fakedb.DB{Statement: func(string, []driver.NamedValue) (*fakedb.Answer, error) {
		return &fakedb.Answer{Affected: 3, Counting: func() { inUse = db.Stats().InUse }}, nil
	}}).Open(t)
	table, err := sqltable.New("a/store", db, sqltable.SQLite, "events")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := table.Change(t.Context(), "a statement"); n != 3 || err != nil || inUse != 1 {
		t.Errorf("%d, %v, and %d connections were in use", n, err, inUse)
	}
	if n := db.Stats().InUse; n != 0 {
		t.Errorf("%d connections are in use afterwards", n)
	}
}

func TestChangeRepeatsOnAnotherConnectionIfStale(t *testing.T) {
	stale := 1
	table := newTable(t, &fakedb.DB{Statement: func(string, []driver.NamedValue) (*fakedb.Answer, error) {
		if stale--; stale >= 0 {
			return nil, driver.ErrBadConn
		}
		return &fakedb.Answer{Affected: 7}, nil
	}}, sqltable.PostgreSQL)
	for stale = range 4 {
		if n, err := table.Change(t.Context(), "a statement"); n != 7 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
}

func TestPruneDeletesInBatches(t *testing.T) {
	broken := errors.New("the connection broke")
	for _, tc := range []struct {
		name     string
		affected []int64
		want     int64
		err      error
	}{
		{"nothing to delete", []int64{0}, 0, nil},
		{"less than a batch", []int64{7}, 7, nil},
		{"several batches", []int64{1000, 1000, 7}, 2007, nil},
		{"several full batches", []int64{1000, 1000, 0}, 2000, nil},
		{"an error after a batch counts what is gone", []int64{1000}, 1000, broken},
	} {
		t.Run(tc.name, func(t *testing.T) {
			affected := tc.affected
			table := newTable(t, &fakedb.DB{Statement: func(string, []driver.NamedValue) (*fakedb.Answer, error) {
				if len(affected) == 0 {
					return nil, broken
				}
				r := &fakedb.Answer{Affected: affected[0]}
				affected = affected[1:]
				return r, nil
			}}, sqltable.SQLite)
			if n, err := table.Prune(t.Context(), "DELETE"); n != tc.want || !errors.Is(err, tc.err) || len(affected) > 0 {
				t.Errorf("deleted %d, %v; want %d, %v", n, err, tc.want, tc.err)
			}
		})
	}
}

// One value may be a part of another.
func TestErrorsContainNoValues(t *testing.T) {
	broken := errors.New(`cannot store "canary-1" with "canary-1-canary-2" and ""`)
	err := newTable(t, new(fakedb.DB), sqltable.SQLite).Failed("store", broken, "canary-1", "", "canary-1-canary-2")
	if want := `a/store: store: cannot store "[redacted]" with "[redacted]" and ""`; err.Error() != want || !errors.Is(err, broken) {
		t.Errorf("%v, want %s", err, want)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if text := fmt.Sprintf(verb, err); strings.Contains(text, "canary") {
			t.Errorf("%s prints %s", verb, text)
		}
	}
}

func execute(tx *sql.Tx) error {
	_, err := tx.Exec("CREATE")
	return err
}

func TestTransactionReportsTheFailedStep(t *testing.T) {
	broken := errors.New("the connection broke")
	does := func(string, []driver.NamedValue) (*fakedb.Answer, error) { return new(fakedb.Answer), nil }
	fails := func(failing string) func(query string, _ []driver.NamedValue) (*fakedb.Answer, error) {
		return func(query string, _ []driver.NamedValue) (*fakedb.Answer, error) {
			if strings.Contains(query, failing) {
				return nil, broken
			}
			return new(fakedb.Answer), nil
		}
	}
	for name, db := range map[string]fakedb.DB{
		"at the beginning": {Statement: does, Begin: broken},
		"at the lock":      {Statement: fails("pg_advisory_xact_lock")},
		"within":           {Statement: fails("CREATE")},
		"at the end":       {Statement: does, Commit: broken},
	} {
		t.Run(name, func(t *testing.T) {
			if err := newTable(t, &db, sqltable.PostgreSQL).Exclusively(t.Context(), 1, execute); !errors.Is(err, broken) {
				t.Errorf("%v, want %v", err, broken)
			}
		})
	}
}

func TestTransactionRetriesWhileSQLiteIsLocked(t *testing.T) {
	locked := errors.New("database is locked (5) (SQLITE_BUSY)")
	for _, tc := range []struct {
		name    string
		lasts   time.Duration
		timeout time.Duration
		want    error
		after   time.Duration
	}{
		{"a moment", 100 * time.Millisecond, time.Hour, nil, 100 * time.Millisecond},
		{"but not for ever", time.Hour, time.Hour, locked, 5 * time.Second},
		{"and not past its context", time.Hour, time.Second, context.DeadlineExceeded, time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				table := newTable(t, &fakedb.DB{Statement: func(string, []driver.NamedValue) (*fakedb.Answer, error) {
					if time.Since(begin) < tc.lasts {
						return nil, locked
					}
					return new(fakedb.Answer), nil
				}}, sqltable.SQLite)
				ctx, cancel := context.WithTimeout(t.Context(), tc.timeout)
				defer cancel()
				if err := table.Exclusively(ctx, 1, execute); !errors.Is(err, tc.want) || time.Since(begin) != tc.after {
					t.Errorf("%v after %v, want %v after %v", err, time.Since(begin), tc.want, tc.after)
				}
			})
		})
	}
}
