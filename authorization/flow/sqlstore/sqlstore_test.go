package sqlstore_test

import (
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/authorization/flow/sqlstore"
	"github.com/klarna-go/klarna-go/internal/test/fakedb"
)

// Real databases are tested in internal/test/dbtest. This file tests what only a driver that
// misbehaves can cause.

func newStore(t *testing.T, db *fakedb.DB, dialect sqlstore.Dialect, options ...sqlstore.Option) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.New(db.Open(t), dialect, options...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// answering returns a database that answers one statement after another, and repeats the last
// answer.
func answering(answers ...func() (*fakedb.Answer, error)) *fakedb.DB {
	return &fakedb.DB{Statement: func(string, []driver.NamedValue) (*fakedb.Answer, error) {
		answer := answers[0]
		if len(answers) > 1 {
			answers = answers[1:]
		}
		return answer()
	}}
}

var errBroken = errors.New("the connection broke")

func broken() (*fakedb.Answer, error) { return nil, errBroken }

func nothing() (*fakedb.Answer, error) { return new(fakedb.Answer), nil }

func changed() (*fakedb.Answer, error) { return &fakedb.Answer{Affected: 1}, nil }

// row answers with a record, followed by the time at which it was due.
func row(id string, was ...driver.Value) func() (*fakedb.Answer, error) {
	return func() (*fakedb.Answer, error) {
		values := append([]driver.Value{id, nil, "an account", int64(3), "BEGUN", int64(1500), int64(7), "{}", nil, nil, nil}, was...)
		return &fakedb.Answer{Values: [][]driver.Value{values}}, nil
	}
}

func version() (*fakedb.Answer, error) {
	return &fakedb.Answer{Values: [][]driver.Value{{int64(8)}}}, nil
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
		"a retention shorter than 25 hours": {db, sqlstore.DialectSQLite, sqlstore.WithRetention(25*time.Hour - 1)},
		"a table name that is a statement":  {db, sqlstore.DialectSQLite, sqlstore.WithTable(`e"; DROP TABLE e; --`)},
		"a table name that is too long":     {db, sqlstore.DialectSQLite, sqlstore.WithTable(strings.Repeat("e", 49))},
		"a table name with a schema":        {db, sqlstore.DialectSQLite, sqlstore.WithTable(`public.e`)},
	} {
		if s, err := sqlstore.New(tc.db, tc.dialect, tc.option); err == nil || s != nil || !strings.HasPrefix(err.Error(), "flow/sqlstore: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStatementsReceiveTheCallsArguments(t *testing.T) {
	var got [][]any
	s := newStore(t, &fakedb.DB{Statement: func(_ string, arguments []driver.NamedValue) (*fakedb.Answer, error) {
		var values []any
		for _, a := range arguments {
			values = append(values, a.Value)
		}
		got = append(got, values)
		return &fakedb.Answer{Affected: 1}, nil
	}}, sqlstore.DialectPostgreSQL)
	full := flow.Record{
		ID: "a", PaymentRequestID: "krn:1", PartnerAccountID: "krn:2", Lane: 3, State: flow.StateFinalizing, DueAt: time.UnixMilli(1500), Version: 7, Data: []byte(`{"b":1}`), Sealed: []byte{0, 1},
		Reference: "reference-1", DamagedAt: time.UnixMilli(900),
	}
	empty := flow.Record{ID: "a", State: flow.StateBegun, Data: []byte(`{}`), Sealed: []byte{}}
	for _, r := range []flow.Record{full, empty} {
		if err := errors.Join(s.Create(t.Context(), r), s.Update(t.Context(), r)); err != nil {
			t.Error(err)
		}
	}
	_, nothing := s.ClaimDue(t.Context(), flow.ClaimParams{Now: time.UnixMilli(1500).Add(time.Millisecond - 1), Until: time.UnixMilli(2500), Limit: -3})
	_, claim := s.ClaimDue(t.Context(), flow.ClaimParams{
		Now: time.UnixMilli(1500), Until: time.UnixMilli(2500), Limit: 9, PerAccount: 4, Lanes: []flow.Lane{8, 2}, ExceptAccounts: []string{`"'`, ""},
	})
	_, prune := s.Prune(t.Context())
	if err := errors.Join(nothing, claim, prune); err != nil {
		t.Error(err)
	}
	want := [][]any{
		{"a", "krn:1", "krn:2", int64(3), "FINALIZING", int64(1500), `{"b":1}`, []byte{0, 1}, "reference-1", int64(900)},
		{"a", "krn:1", "krn:2", int64(3), "FINALIZING", int64(1500), `{"b":1}`, []byte{0, 1}, "reference-1", int64(900), int64(7)},
		{"a", nil, "", int64(0), "BEGUN", nil, `{}`, nil, nil, nil},
		{"a", nil, "", int64(0), "BEGUN", nil, `{}`, nil, nil, nil, int64(0)},
		{`[]`, int64(1500), int64(2500), int64(0), int64(0), `[]`},
		{`[8,2]`, int64(1500), int64(2500), int64(9), int64(4), `["\"'",""]`},
		{90 * 24 * time.Hour.Milliseconds(), int64(1000)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
}

func TestCallsReturnTheDatabasesErrors(t *testing.T) {
	create := func(s *sqlstore.Store) error { return s.Create(t.Context(), flow.Record{ID: "a"}) }
	load := func(s *sqlstore.Store) error { _, err := s.Load(t.Context(), "a"); return err }
	update := func(s *sqlstore.Store) error { return s.Update(t.Context(), flow.Record{ID: "a", Version: 7}) }
	taking := func(s *sqlstore.Store) error {
		return s.Update(t.Context(), flow.Record{ID: "a", PaymentRequestID: "krn:1", Version: 7})
	}
	for _, tc := range []struct {
		name string
		db   *fakedb.DB
		call func(*sqlstore.Store) error
		want error
	}{
		{"a creation that changes nothing", answering(nothing), create, flow.ErrExists},
		{"no row", answering(nothing), load, flow.ErrNotFound},
		{"an update that changes nothing, of no record", answering(nothing, nothing), update, flow.ErrNotFound},
		{"an update that changes nothing, of another version", answering(nothing, version), update, flow.ErrChanged},
		{"an update that changes nothing, and then no answer", answering(nothing, broken), update, errBroken},
		{"an update that fails, without a payment request", answering(broken, row("b")), update, errBroken},
		{"an update that fails, and another has the payment request", answering(broken, row("b")), taking, flow.ErrExists},
		{"an update that fails, and the record itself has the payment request", answering(broken, row("a")), taking, errBroken},
		{"an update that fails, and no record has the payment request", answering(broken, nothing), taking, errBroken},
		{"an update that fails, and then no answer", answering(broken, broken), taking, errBroken},
		{"an update that changes a row", answering(changed), update, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := tc.call(newStore(t, tc.db, sqlstore.DialectSQLite)); !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
		})
	}
}

// A database may return the changed rows in any order.
func TestClaimsAreInTheOrderOfDueTimes(t *testing.T) {
	s := newStore(t, answering(func() (*fakedb.Answer, error) {
		a := new(fakedb.Answer)
		for _, id := range []string{"c", "a", "d", "b"} {
			one, _ := row(id, int64(id[0]))()
			a.Values = append(a.Values, one.Values...)
		}
		return a, nil
	}), sqlstore.DialectSQLite)
	list, err := s.ClaimDue(t.Context(), flow.ClaimParams{Now: time.UnixMilli(1000), Until: time.UnixMilli(1500), Limit: 4, Lanes: []flow.Lane{3}})
	if err != nil {
		t.Fatal(err)
	}
	var want []flow.Claimed
	for _, id := range []string{"a", "b", "c", "d"} {
		want = append(want, flow.Claimed{
			Record: flow.Record{
				ID: id, PartnerAccountID: "an account", Lane: 3, State: flow.StateBegun, DueAt: time.UnixMilli(1500).UTC(), Version: 7, Data: []byte(`{}`),
			},
			WasDueAt: time.UnixMilli(int64(id[0])).UTC(),
		})
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("claimed (-want +got):\n%s", diff)
	}
}

func TestAClaimThatBreaksOffIsAnError(t *testing.T) {
	for name, answer := range map[string]*fakedb.Answer{
		"after a row":           {Values: [][]driver.Value{{"a", nil, "", int64(3), "BEGUN", int64(1), int64(7), "{}", nil, nil, nil, int64(1)}}, End: errBroken},
		"with another type":     {Values: [][]driver.Value{{"a", nil, "", int64(3), "BEGUN", "tomorrow", int64(7), "{}", nil, nil, nil, int64(1)}}},
		"with a missing column": {Values: [][]driver.Value{{"a"}}},
	} {
		s := newStore(t, answering(func() (*fakedb.Answer, error) { return answer, nil }), sqlstore.DialectSQLite)
		if list, err := s.ClaimDue(t.Context(), flow.ClaimParams{Now: time.UnixMilli(1000), Until: time.UnixMilli(1500), Limit: 4, Lanes: []flow.Lane{3}}); err == nil || list != nil || !strings.HasPrefix(err.Error(), "flow/sqlstore: claim what is due: ") {
			t.Errorf("%s: %v, %v", name, list, err)
		}
	}
}

// A driver's error may quote arguments. The Store's errors do not.
func TestErrorsHoldNoValues(t *testing.T) {
	r := flow.Record{ID: "canary-id", PaymentRequestID: "canary-request", Reference: "canary-reference", Data: []byte(`"canary-id and canary-data"`), Sealed: []byte("canary-sealed")}
	db := &fakedb.DB{Statement: func(_ string, arguments []driver.NamedValue) (*fakedb.Answer, error) {
		err := errBroken
		for _, a := range arguments {
			if _, ok := a.Value.([]byte); ok {
				err = fmt.Errorf("%w, given %v, %x", err, a.Value, a.Value)
			}
			err = fmt.Errorf("%w, given %v, %[2]q", err, a.Value)
		}
		return nil, err
	}}
	s := newStore(t, db, sqlstore.DialectPostgreSQL)
	_, load := s.Load(t.Context(), r.ID)
	_, find := s.FindPaymentRequest(t.Context(), r.PaymentRequestID)
	for what, err := range map[string]error{
		"create": s.Create(t.Context(), r), "load": load, "find a payment request": find, "update": s.Update(t.Context(), r),
	} {
		if !errors.Is(err, errBroken) || !strings.HasPrefix(err.Error(), "flow/sqlstore: "+what+": ") {
			t.Errorf("%s: %v, want %v", what, err, errBroken)
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			for _, value := range []string{"canary", fmt.Sprintf("%d", r.Sealed), hex.EncodeToString(r.Sealed)} {
				if text := fmt.Sprintf(verb, err); strings.Contains(text, value) {
					t.Errorf("%s: %s prints %s", what, verb, text)
				}
			}
		}
	}
}

func TestMigrateReportsTheFailedStep(t *testing.T) {
	s := newStore(t, answering(broken), sqlstore.DialectPostgreSQL)
	if err := s.Migrate(t.Context()); !errors.Is(err, errBroken) || !strings.HasPrefix(err.Error(), "flow/sqlstore: migrate: ") {
		t.Errorf("%v, want %v", err, errBroken)
	}
}
