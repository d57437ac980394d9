// Package fakedb is a [database/sql] driver whose answers a test sets, for tests that need a driver
// that fails.
package fakedb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"testing"
)

// DB is a database whose statements all have the same effect.
type DB struct {
	// Statement answers each statement, as a Query and as an Exec.
	Statement func(query string, arguments []driver.NamedValue) (*Answer, error)
	// Begin and Commit are the errors of transactions.
	Begin, Commit error
}

// Answer is the answer to a Query or an Exec.
type Answer struct {
	// Names are the columns, which have no names where it is nil.
	Names []string
	// Values are the rows.
	Values [][]driver.Value
	// End is the error after the rows.
	End error
	// Affected is the number of changed rows.
	Affected int64
	// Counting is called when Affected is read, if it is not nil. Uncounted is the error of reading
	// Affected.
	Counting  func()
	Uncounted error

	width int
}

// Pool returns a pool of connections to the database, for examples.
func (d *DB) Pool() *sql.DB { return sql.OpenDB(&connector{d}) }

// Open returns a pool of the database, which is closed when the test ends.
func (d *DB) Open(t testing.TB) *sql.DB {
	t.Helper()
	db := d.Pool()
	t.Cleanup(func() { _ = db.Close() })
	return db
}

type connector struct{ db *DB }

func (c *connector) Connect(context.Context) (driver.Conn, error) { return &connection{c.db}, nil }

func (c *connector) Driver() driver.Driver { return nil }

type connection struct{ db *DB }

func (c *connection) Prepare(string) (driver.Stmt, error) { return nil, errors.New("not prepared") }

func (c *connection) Close() error { return nil }

func (c *connection) Begin() (driver.Tx, error) { return c, c.db.Begin }

func (c *connection) Commit() error { return c.db.Commit }

func (c *connection) Rollback() error { return nil }

func (c *connection) QueryContext(_ context.Context, query string, arguments []driver.NamedValue) (driver.Rows, error) {
	a, err := c.db.Statement(query, arguments)
	if err != nil {
		return nil, err
	}
	if len(a.Values) > 0 {
		a.width = len(a.Values[0])
	}
	return a, nil
}

func (c *connection) ExecContext(_ context.Context, query string, arguments []driver.NamedValue) (driver.Result, error) {
	a, err := c.db.Statement(query, arguments)
	if err != nil {
		return nil, err
	}
	return a, nil
}

// Columns implements driver.Rows.
func (a *Answer) Columns() []string {
	if a.Names != nil {
		return a.Names
	}
	return make([]string, a.width)
}

// Close implements driver.Rows.
func (a *Answer) Close() error { return nil }

// Next implements driver.Rows.
func (a *Answer) Next(into []driver.Value) error {
	if len(a.Values) == 0 {
		if a.End != nil {
			return a.End
		}
		return io.EOF
	}
	copy(into, a.Values[0])
	a.Values = a.Values[1:]
	return nil
}

// LastInsertId implements driver.Result.
func (a *Answer) LastInsertId() (int64, error) { return 0, nil }

// RowsAffected implements driver.Result.
func (a *Answer) RowsAffected() (int64, error) {
	if a.Counting != nil {
		a.Counting()
	}
	return a.Affected, a.Uncounted
}
