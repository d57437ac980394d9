package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/webhook"
	"github.com/klarna-go/klarna-go/webhook/sqlstore"
)

// What a database does is tested in internal/dbtest, with real ones. Here is what only a driver that misbehaves can show.

// answers is a driver whose statements all do the same.
type answers struct {
	// statement answers each, as a Query and as an Exec.
	statement func(query string, arguments []driver.NamedValue) (*rows, error)
	begin     error
	commit    error
}

func (a *answers) Connect(context.Context) (driver.Conn, error) { return &connection{a}, nil }

func (a *answers) Driver() driver.Driver { return nil }

type connection struct{ *answers }

func (c *connection) Prepare(string) (driver.Stmt, error) { return nil, errors.New("not prepared") }

func (c *connection) Close() error { return nil }

func (c *connection) Begin() (driver.Tx, error) { return c, c.begin }

func (c *connection) Commit() error { return c.commit }

func (c *connection) Rollback() error { return nil }

func (c *connection) QueryContext(_ context.Context, query string, arguments []driver.NamedValue) (driver.Rows, error) {
	r, err := c.statement(query, arguments)
	return r, err
}

func (c *connection) ExecContext(_ context.Context, query string, arguments []driver.NamedValue) (driver.Result, error) {
	r, err := c.statement(query, arguments)
	return r, err
}

// rows are a result of either kind.
type rows struct {
	values   [][]driver.Value
	end      error // io.EOF where it is nil
	affected int64
	uncount  error
}

func (r *rows) Columns() []string { return []string{"token", "completed"} }

func (r *rows) Close() error { return nil }

func (r *rows) Next(into []driver.Value) error {
	if len(r.values) == 0 {
		if r.end != nil {
			return r.end
		}
		return io.EOF
	}
	copy(into, r.values[0])
	r.values = r.values[1:]
	return nil
}

func (r *rows) LastInsertId() (int64, error) { return 0, nil }

func (r *rows) RowsAffected() (int64, error) { return r.affected, r.uncount }

func newStore(t *testing.T, a *answers, dialect sqlstore.Dialect, options ...sqlstore.Option) *sqlstore.Store {
	t.Helper()
	db := sql.OpenDB(a)
	t.Cleanup(func() { _ = db.Close() })
	s, err := sqlstore.New(db, dialect, options...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNewRefuses(t *testing.T) {
	db := sql.OpenDB(new(answers))
	defer db.Close()
	for name, tc := range map[string]struct {
		db      *sql.DB
		dialect sqlstore.Dialect
		option  sqlstore.Option
	}{
		"no database":                        {nil, sqlstore.SQLite, nil},
		"no dialect":                         {db, 0, nil},
		"another dialect":                    {db, 3, nil},
		"a retention shorter than a day":     {db, sqlstore.SQLite, sqlstore.WithRetention(24*time.Hour - 1)},
		"an empty table name":                {db, sqlstore.SQLite, sqlstore.WithTable("")},
		"a table name that is a statement":   {db, sqlstore.SQLite, sqlstore.WithTable(`e"; DROP TABLE e; --`)},
		"a table name with a quote":          {db, sqlstore.SQLite, sqlstore.WithTable(`e"`)},
		"a table name with a placeholder":    {db, sqlstore.SQLite, sqlstore.WithTable(`e{now}`)},
		"a table name with a parameter":      {db, sqlstore.SQLite, sqlstore.WithTable(`e?1`)},
		"a table name with a schema":         {db, sqlstore.SQLite, sqlstore.WithTable(`public.e`)},
		"a table name with a line break":     {db, sqlstore.SQLite, sqlstore.WithTable("e\n")},
		"a table name in capitals":           {db, sqlstore.SQLite, sqlstore.WithTable("Events")},
		"a table name in other letters":      {db, sqlstore.SQLite, sqlstore.WithTable("händelser")},
		"a table name that begins with 1":    {db, sqlstore.SQLite, sqlstore.WithTable("1e")},
		"a table name that is too long":      {db, sqlstore.SQLite, sqlstore.WithTable(strings.Repeat("e", 49))},
		"a table name of the database's own": {db, sqlstore.SQLite, sqlstore.WithTable("sqlite_e")},
	} {
		if s, err := sqlstore.New(tc.db, tc.dialect, tc.option); err == nil || s != nil || !strings.HasPrefix(err.Error(), "webhook/sqlstore: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The clock is the database's: no time of the program's is handed to it.
func TestAStatementIsHandedTheEventTheTokenAndDurationsAlone(t *testing.T) {
	var got [][]any
	s := newStore(t, &answers{statement: func(_ string, arguments []driver.NamedValue) (*rows, error) {
		var values []any
		for _, a := range arguments {
			if text, ok := a.Value.(string); ok && len(text) == 26 {
				a.Value = "a token"
			}
			values = append(values, a.Value)
		}
		got = append(got, values)
		return &rows{values: [][]driver.Value{{"another", false}}, affected: 1}, nil
	}}, sqlstore.PostgreSQL)
	if c, err := s.Claim(t.Context(), "e", time.Second+1); err != nil || c.Status != webhook.InFlight {
		t.Errorf("%v, %v", c, err)
	}
	if err := errors.Join(s.Complete(t.Context(), "e", "t"), s.Release(t.Context(), "e", "t")); err != nil {
		t.Error(err)
	}
	if _, err := s.Prune(t.Context()); err != nil {
		t.Error(err)
	}
	want := [][]any{
		{"e", "a token", int64(1001)}, // rounded up
		{"e", "t"},
		{"e", "t"},
		{48 * time.Hour.Milliseconds(), int64(1000)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
}

func TestPruneWorksInBatches(t *testing.T) {
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
			s := newStore(t, &answers{statement: func(string, []driver.NamedValue) (*rows, error) {
				if len(affected) == 0 {
					return nil, broken
				}
				r := &rows{affected: affected[0]}
				affected = affected[1:]
				return r, nil
			}}, sqlstore.SQLite)
			if n, err := s.Prune(t.Context()); n != tc.want || !errors.Is(err, tc.err) || len(affected) > 0 {
				t.Errorf("deleted %d, %v; want %d, %v", n, err, tc.want, tc.err)
			}
		})
	}
}

// A driver may quote what it was given. The texts of errors do not.
func TestErrorsHoldNoValues(t *testing.T) {
	const event, token = "canary-event", "canary-token"
	broken := errors.New("the connection broke")
	var quoted string
	quoting := func(_ string, arguments []driver.NamedValue) (*rows, error) {
		quoted = fmt.Sprint(arguments)
		return nil, fmt.Errorf("%w: cannot execute with %v", broken, arguments)
	}
	uncounted := func(string, []driver.NamedValue) (*rows, error) { return &rows{uncount: broken}, nil }
	cut := func(string, []driver.NamedValue) (*rows, error) {
		return &rows{values: [][]driver.Value{{"t", false}}, end: broken, uncount: broken}, nil
	}
	claim := func(s *sqlstore.Store) error { _, err := s.Claim(t.Context(), event, time.Minute); return err }
	prune := func(s *sqlstore.Store) error { _, err := s.Prune(t.Context()); return err }
	complete := func(s *sqlstore.Store) error { return s.Complete(t.Context(), event, token) }
	release := func(s *sqlstore.Store) error { return s.Release(t.Context(), event, token) }
	migrate := func(s *sqlstore.Store) error { return s.Migrate(t.Context()) }
	for _, tc := range []struct {
		name    string
		driver  answers
		dialect sqlstore.Dialect
		call    func(s *sqlstore.Store) error
	}{
		{"claim", answers{statement: quoting}, sqlstore.PostgreSQL, claim},
		{"claim, after the row", answers{statement: cut}, sqlstore.PostgreSQL, claim},
		{"complete", answers{statement: quoting}, sqlstore.PostgreSQL, complete},
		{"complete, without a count", answers{statement: uncounted}, sqlstore.PostgreSQL, complete},
		{"release", answers{statement: quoting}, sqlstore.PostgreSQL, release},
		{"prune", answers{statement: quoting}, sqlstore.PostgreSQL, prune},
		{"prune, without a count", answers{statement: uncounted}, sqlstore.PostgreSQL, prune},
		{"migrate", answers{statement: quoting}, sqlstore.PostgreSQL, migrate},
		{"migrate, on SQLite", answers{statement: quoting}, sqlstore.SQLite, migrate},
		{"migrate, at the beginning", answers{begin: broken}, sqlstore.PostgreSQL, migrate},
		{"migrate, at the end", answers{statement: func(string, []driver.NamedValue) (*rows, error) { return new(rows), nil }, commit: broken}, sqlstore.PostgreSQL, migrate},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := tc.call(newStore(t, &tc.driver, tc.dialect))
			what, _, _ := strings.Cut(tc.name, ",")
			if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "webhook/sqlstore: "+what+": ") {
				t.Fatalf("%v, want %v", err, broken)
			}
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
				if text := fmt.Sprintf(verb, err); strings.Contains(text, "canary") {
					t.Errorf("%s prints %s", verb, text)
				}
			}
			if strings.Contains(quoted, "{ 2 ") && what == "claim" {
				// The token of a claim is made up inside: the second of three arguments.
				made, _, _ := strings.Cut(quoted[strings.Index(quoted, "{ 2 ")+4:], "}")
				if len(made) != 26 || strings.Contains(err.Error(), made) {
					t.Errorf("the token %q stands in %v", made, err)
				}
			}
		})
	}
}

func TestAClaimThatADriverAnswersOddlyIsAnError(t *testing.T) {
	for name, answer := range map[string]*rows{
		"without a row":           {},
		"with another type":       {values: [][]driver.Value{{"t", "neither true nor false"}}},
		"with nothing in the row": {values: [][]driver.Value{{nil, nil}}},
	} {
		s := newStore(t, &answers{statement: func(string, []driver.NamedValue) (*rows, error) { return answer, nil }}, sqlstore.SQLite)
		if c, err := s.Claim(t.Context(), "e", time.Minute); err == nil || c != (webhook.Claim{}) {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}

func TestMigrateWaitsForSQLitesLock(t *testing.T) {
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
				s := newStore(t, &answers{statement: func(string, []driver.NamedValue) (*rows, error) {
					if time.Since(begin) < tc.lasts {
						return nil, locked
					}
					return new(rows), nil
				}}, sqlstore.SQLite)
				ctx, cancel := context.WithTimeout(t.Context(), tc.timeout)
				defer cancel()
				if err := s.Migrate(ctx); !errors.Is(err, tc.want) || time.Since(begin) != tc.after {
					t.Errorf("%v after %v, want %v after %v", err, time.Since(begin), tc.want, tc.after)
				}
			})
		})
	}
}
