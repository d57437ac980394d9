package sqlstore_test

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/internal/test/fakedb"
	"github.com/klarna-go/klarna-go/webhook"
	"github.com/klarna-go/klarna-go/webhook/sqlstore"
)

// These tests cover a driver that misbehaves. The tests on real databases are in
// internal/test/dbtest.

func newStore(t *testing.T, db *fakedb.DB, dialect sqlstore.Dialect, options ...sqlstore.Option) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.New(db.Open(t), dialect, options...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNewRefuses(t *testing.T) {
	db := new(fakedb.DB).Open(t)
	for name, tc := range map[string]struct {
		db      *sql.DB
		dialect sqlstore.Dialect
		option  sqlstore.Option
	}{
		"no database":                       {nil, sqlstore.DialectSQLite, nil},
		"no dialect":                        {db, 0, nil},
		"another dialect":                   {db, 3, nil},
		"a retention shorter than a day":    {db, sqlstore.DialectSQLite, sqlstore.WithRetention(24*time.Hour - 1)},
		"an empty table name":               {db, sqlstore.DialectSQLite, sqlstore.WithTable("")},
		"a table name that is a statement":  {db, sqlstore.DialectSQLite, sqlstore.WithTable(`e"; DROP TABLE e; --`)},
		"a table name with a quote":         {db, sqlstore.DialectSQLite, sqlstore.WithTable(`e"`)},
		"a table name with a placeholder":   {db, sqlstore.DialectSQLite, sqlstore.WithTable(`e{now}`)},
		"a table name with a parameter":     {db, sqlstore.DialectSQLite, sqlstore.WithTable(`e?1`)},
		"a table name with a schema":        {db, sqlstore.DialectSQLite, sqlstore.WithTable(`public.e`)},
		"a table name with a line break":    {db, sqlstore.DialectSQLite, sqlstore.WithTable("e\n")},
		"a table name in capitals":          {db, sqlstore.DialectSQLite, sqlstore.WithTable("Events")},
		"a table name in other letters":     {db, sqlstore.DialectSQLite, sqlstore.WithTable("händelser")},
		"a table name that begins with 1":   {db, sqlstore.DialectSQLite, sqlstore.WithTable("1e")},
		"a table name that is too long":     {db, sqlstore.DialectSQLite, sqlstore.WithTable(strings.Repeat("e", 49))},
		"a table name that SQLite reserves": {db, sqlstore.DialectSQLite, sqlstore.WithTable("sqlite_e")},
	} {
		if s, err := sqlstore.New(tc.db, tc.dialect, tc.option); err == nil || s != nil || !strings.HasPrefix(err.Error(), "webhook/sqlstore: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The clock is that of the database, so no argument is a time of the program.
func TestStatementsGetNoTimeOfTheProgram(t *testing.T) {
	var got [][]any
	s := newStore(t, &fakedb.DB{Statement: func(_ string, arguments []driver.NamedValue) (*fakedb.Answer, error) {
		var values []any
		for _, a := range arguments {
			if text, ok := a.Value.(string); ok && len(text) == 26 {
				a.Value = "a token"
			}
			values = append(values, a.Value)
		}
		got = append(got, values)
		return &fakedb.Answer{Values: [][]driver.Value{{"another", false}}, Affected: 1}, nil
	}}, sqlstore.DialectPostgreSQL)
	if c, err := s.Claim(t.Context(), "e", time.Second+1); err != nil || c.Status != webhook.ClaimStatusInFlight {
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

// The claim whose token is in the row is granted.
func TestTheTokenInTheRowDecidesTheClaim(t *testing.T) {
	for name, tc := range map[string]struct {
		holder    string // the token in the row, or "" for the token of the claim
		completed bool
		want      webhook.ClaimStatus
	}{
		"the token of the claim": {"", false, webhook.ClaimStatusGranted},
		"another token":          {"another", false, webhook.ClaimStatusInFlight},
		"a completed event":      {"another", true, webhook.ClaimStatusCompleted},
	} {
		var token string
		s := newStore(t, &fakedb.DB{Statement: func(_ string, arguments []driver.NamedValue) (*fakedb.Answer, error) {
			token, _ = arguments[1].Value.(string)
			holder := tc.holder
			if holder == "" {
				holder = token
			}
			return &fakedb.Answer{Values: [][]driver.Value{{holder, tc.completed}}}, nil
		}}, sqlstore.DialectSQLite)
		if c, err := s.Claim(t.Context(), "e", time.Minute); err != nil || c.Status != tc.want || (c.Token == token) != (tc.want == webhook.ClaimStatusGranted) {
			t.Errorf("%s: %v, %v", name, c.Status, err)
		}
	}
}

func TestCompleteReportsALostClaim(t *testing.T) {
	s := newStore(t, &fakedb.DB{Statement: func(string, []driver.NamedValue) (*fakedb.Answer, error) { return new(fakedb.Answer), nil }}, sqlstore.DialectSQLite)
	if err := s.Complete(t.Context(), "e", "t"); !errors.Is(err, webhook.ErrLostClaim) {
		t.Errorf("%v, want ErrLostClaim", err)
	}
}

// A driver may quote its arguments. The errors of the store do not.
func TestErrorsHoldNoValues(t *testing.T) {
	const event, token = "canary-event", "canary-token"
	broken := errors.New("the connection broke")
	var quoted string
	quoting := func(_ string, arguments []driver.NamedValue) (*fakedb.Answer, error) {
		quoted = fmt.Sprint(arguments)
		return nil, fmt.Errorf("%w: cannot execute with %v", broken, arguments)
	}
	uncounted := func(string, []driver.NamedValue) (*fakedb.Answer, error) {
		return &fakedb.Answer{Uncounted: broken}, nil
	}
	cut := func(string, []driver.NamedValue) (*fakedb.Answer, error) {
		return &fakedb.Answer{Values: [][]driver.Value{{"t", false}}, End: broken, Uncounted: broken}, nil
	}
	missing := func(string, []driver.NamedValue) (*fakedb.Answer, error) {
		return &fakedb.Answer{Values: [][]driver.Value{{int64(0)}}}, nil
	}
	claim := func(s *sqlstore.Store) error { _, err := s.Claim(t.Context(), event, time.Minute); return err }
	prune := func(s *sqlstore.Store) error { _, err := s.Prune(t.Context()); return err }
	complete := func(s *sqlstore.Store) error { return s.Complete(t.Context(), event, token) }
	release := func(s *sqlstore.Store) error { return s.Release(t.Context(), event, token) }
	migrate := func(s *sqlstore.Store) error { return s.Migrate(t.Context()) }
	for _, tc := range []struct {
		name    string
		driver  fakedb.DB
		dialect sqlstore.Dialect
		call    func(s *sqlstore.Store) error
	}{
		{"claim", fakedb.DB{Statement: quoting}, sqlstore.DialectPostgreSQL, claim},
		{"claim, after the row", fakedb.DB{Statement: cut}, sqlstore.DialectPostgreSQL, claim},
		{"complete", fakedb.DB{Statement: quoting}, sqlstore.DialectPostgreSQL, complete},
		{"complete, without a count", fakedb.DB{Statement: uncounted}, sqlstore.DialectPostgreSQL, complete},
		{"release", fakedb.DB{Statement: quoting}, sqlstore.DialectPostgreSQL, release},
		{"prune", fakedb.DB{Statement: quoting}, sqlstore.DialectPostgreSQL, prune},
		{"prune, without a count", fakedb.DB{Statement: uncounted}, sqlstore.DialectPostgreSQL, prune},
		{"migrate", fakedb.DB{Statement: quoting}, sqlstore.DialectPostgreSQL, migrate},
		{"migrate, on SQLite", fakedb.DB{Statement: quoting}, sqlstore.DialectSQLite, migrate},
		{"migrate, at the beginning", fakedb.DB{Begin: broken}, sqlstore.DialectPostgreSQL, migrate},
		{"migrate, at the end", fakedb.DB{Statement: missing, Commit: broken}, sqlstore.DialectPostgreSQL, migrate},
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
				// The second of three arguments is the token, which Claim generates.
				generated, _, _ := strings.Cut(quoted[strings.Index(quoted, "{ 2 ")+4:], "}")
				if len(generated) != 26 || strings.Contains(err.Error(), generated) {
					t.Errorf("the error contains the token %q: %v", generated, err)
				}
			}
		})
	}
}

func TestClaimReportsAnInvalidAnswer(t *testing.T) {
	for name, answer := range map[string]*fakedb.Answer{
		"no row":          {},
		"another type":    {Values: [][]driver.Value{{"t", "neither true nor false"}}},
		"NULL in the row": {Values: [][]driver.Value{{nil, nil}}},
	} {
		s := newStore(t, &fakedb.DB{Statement: func(string, []driver.NamedValue) (*fakedb.Answer, error) { return answer, nil }}, sqlstore.DialectSQLite)
		if c, err := s.Claim(t.Context(), "e", time.Minute); err == nil || c.Status != 0 || c.Token == "" {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}
