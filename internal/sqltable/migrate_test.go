package sqltable_test

import (
	"database/sql/driver"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/internal/sqltable"
	"github.com/klarna-go/klarna-go/internal/test/fakedb"
)

// there returns a database in which the names exist, with a table of these columns and a row of the
// table of versions.
func there(names map[string]bool, columns []string, version []driver.Value, executed *[]string, fails string) *fakedb.DB {
	return &fakedb.DB{Statement: func(query string, arguments []driver.NamedValue) (*fakedb.Answer, error) {
		*executed = append(*executed, query)
		switch {
		case fails != "" && strings.Contains(query, fails):
			return nil, errBroken
		case strings.Contains(query, "sqlite_master"):
			n := int64(0)
			if name, _ := arguments[0].Value.(string); names[name] {
				n = 1
			}
			return &fakedb.Answer{Values: [][]driver.Value{{n}}}, nil
		case strings.HasPrefix(query, `SELECT * FROM "events" `):
			return &fakedb.Answer{Names: columns}, nil
		case strings.HasPrefix(query, "SELECT *") && version == nil:
			return new(fakedb.Answer), nil
		case strings.HasPrefix(query, "SELECT *"):
			return &fakedb.Answer{Values: [][]driver.Value{version}}, nil
		default:
			return new(fakedb.Answer), nil
		}
	}}
}

var errBroken = errors.New("the connection broke")

var (
	steps = []sqltable.Step{
		{Statements: []string{`CREATE TABLE {table}`, `CREATE INDEX`}, Columns: []string{"id", "until"}},
		{Statements: []string{`ALTER TABLE {table}`}, Indexes: []sqltable.Index{{Suffix: "_x", Definition: "(x)"}}},
		{Statements: []string{`DROP INDEX`}, Breaks: true},
	}
	none    = map[string]bool{}
	both    = map[string]bool{"events": true, "events_schema": true}
	foreign = map[string]bool{"events": true}
	half    = map[string]bool{"events_schema": true}
)

func TestMigrateRunsTheRemainingSteps(t *testing.T) {
	const (
		done     = `UPDATE "events_schema" SET version = ?1, done = ?2`
		created  = `CREATE TABLE "events_schema" (version INTEGER NOT NULL, done INTEGER)`
		counting = `INSERT INTO "events_schema" (version, done) VALUES (?1, ?1)`
		counted  = `ALTER TABLE "events_schema" ADD COLUMN done INTEGER`
		index    = `CREATE INDEX IF NOT EXISTS "events_x" ON "events" (x)`
	)
	for _, tc := range []struct {
		name    string
		names   map[string]bool
		version []driver.Value
		want    []string
	}{
		{"all, of a new table", none, nil, []string{created, counting, `CREATE TABLE "events"`, `CREATE INDEX`, `ALTER TABLE "events"`, `DROP INDEX`, done, index}},
		{"all but the first, of version 1 before steps were counted", both, []driver.Value{int64(1)}, []string{counted, `ALTER TABLE "events"`, `DROP INDEX`, done, index}},
		{"all but the first, of version 1", both, []driver.Value{int64(1), int64(1)}, []string{`ALTER TABLE "events"`, `DROP INDEX`, done, index}},
		{"all but the first, of a table of before the versions", foreign, nil, []string{created, counting, `ALTER TABLE "events"`, `DROP INDEX`, done, index}},
		{"the last, of two that do not break the first", both, []driver.Value{int64(1), int64(2)}, []string{`DROP INDEX`, done, index}},
		{"the index alone, of the newest version", both, []driver.Value{int64(3), int64(3)}, []string{index}},
		{"the index alone, of a later version that this one can work with", both, []driver.Value{int64(3), int64(5)}, []string{index}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var executed, got []string
			table := newTable(t, there(tc.names, steps[0].Columns, tc.version, &executed, ""), sqltable.SQLite)
			if err := table.Migrate(t.Context(), 1, steps...); err != nil {
				t.Fatal(err)
			}
			for _, statement := range executed {
				if !strings.HasPrefix(statement, "SELECT") {
					got = append(got, statement)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("executed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMigrateRefuses(t *testing.T) {
	for _, tc := range []struct {
		name    string
		names   map[string]bool
		version []driver.Value
		fails   string
		want    string
	}{
		{"a newer version", both, []driver.Value{int64(4), int64(4)}, "", `the table "events" needs version 4, but this program knows only version 3`},
		{"a negative version", both, []driver.Value{int64(-1)}, "", `the table "events" needs version -1, but this program knows only version 3`},
		{"a version that is none", both, []driver.Value{"new"}, "", `the table "events_schema" does not belong to this store, or has no version: `},
		{"another's table", foreign, nil, "", `the name "events" is taken by something that does not belong to this store: the table "events_schema" does not exist`},
		{"half of the tables", half, nil, "", `the table "events_schema" exists, but the table "events" does not`},
		{"a table of versions that is empty", both, nil, "", `the table "events_schema" does not belong to this store, or has no version: sql: no rows`},
		{"an error of an index", both, []driver.Value{int64(1)}, "CREATE INDEX IF", `the connection broke`},
		{"an error of the first question", none, nil, "sqlite_master", `the connection broke`},
		{"an error of the version", both, nil, "SELECT *", `the table "events_schema" does not belong to this store, or has no version: the connection broke`},
		{"an error of the version's table", none, nil, `CREATE TABLE "events_schema"`, `the connection broke`},
		{"an error of a step", both, []driver.Value{int64(1)}, "ALTER TABLE", `the connection broke`},
		{"an error of the end", both, []driver.Value{int64(1)}, "UPDATE", `the connection broke`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var executed []string
			table := newTable(t, there(tc.names, []string{"id", "others"}, tc.version, &executed, tc.fails), sqltable.SQLite)
			err := table.Migrate(t.Context(), 1, steps...)
			if err == nil || !strings.HasPrefix(err.Error(), "a/store: migrate: "+tc.want) || tc.fails != "" && !errors.Is(err, errBroken) {
				t.Errorf("%v, want %s", err, tc.want)
			}
			if last := executed[len(executed)-1]; tc.fails == "" && !strings.HasPrefix(last, "SELECT") {
				t.Errorf("it executes %s", last)
			}
		})
	}
}
