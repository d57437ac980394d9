package sqlstore_test

import (
	"database/sql/driver"
	"errors"
	"testing"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/authorization/flow/sqlstore"
	"github.com/klarna-go/klarna-go/internal/test/fakedb"
)

func value(text string) func() (*fakedb.Answer, error) {
	return func() (*fakedb.Answer, error) {
		return &fakedb.Answer{Values: [][]driver.Value{{text}}}, nil
	}
}

func TestSettingReturnsTheStoredValue(t *testing.T) {
	for _, tc := range []struct {
		name string
		db   *fakedb.DB
		want string
		err  error
	}{
		{"a value", answering(value("a")), "a", nil},
		{"no row", answering(nothing), "", nil},
		{"a failure", answering(broken), "", errBroken},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := newStore(t, tc.db, sqlstore.DialectSQLite).Setting(t.Context(), "name")
			if got != tc.want || !errors.Is(err, tc.err) {
				t.Errorf("%q, %v, want %q, %v", got, err, tc.want, tc.err)
			}
		})
	}
}

func TestChangeSettingComparesTheFormerValue(t *testing.T) {
	for _, tc := range []struct {
		name, from string
		db         *fakedb.DB
		want       error
	}{
		{"a new one", "", answering(changed), nil},
		{"a new one that exists", "", answering(nothing), flow.ErrChanged},
		{"a known one", "a", answering(changed), nil},
		{"one that was changed in the meantime", "a", answering(nothing), flow.ErrChanged},
		{"a failure", "a", answering(broken), errBroken},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var arguments int
			answer := tc.db.Statement
			tc.db.Statement = func(statement string, given []driver.NamedValue) (*fakedb.Answer, error) {
				arguments = len(given)
				return answer(statement, given)
			}
			err := newStore(t, tc.db, sqlstore.DialectPostgreSQL).ChangeSetting(t.Context(), "name", tc.from, "b")
			if !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
			if compared := arguments == 3; compared != (tc.from != "") {
				t.Errorf("%d arguments, the former value is compared: %t", arguments, compared)
			}
		})
	}
}

func TestDamagedRecordsAreListedInOrder(t *testing.T) {
	s := newStore(t, answering(func() (*fakedb.Answer, error) {
		first, _ := row("a")()
		second, _ := row("b")()
		return &fakedb.Answer{Values: append(first.Values, second.Values...)}, nil
	}), sqlstore.DialectSQLite)
	list, err := s.ListDamaged(t.Context(), "", 10)
	if err != nil || len(list) != 2 || list[0].ID != "a" || list[1].ID != "b" {
		t.Errorf("%v, %v", list, err)
	}
	if list, err := newStore(t, answering(broken), sqlstore.DialectSQLite).ListDamaged(t.Context(), "", 10); !errors.Is(err, errBroken) || list != nil {
		t.Errorf("%v, %v, want %v", list, err, errBroken)
	}
}
