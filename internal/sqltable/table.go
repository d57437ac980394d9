// Package sqltable is the common part of the module's stores over [database/sql]: each store has a
// table of its own in SQLite or PostgreSQL.
package sqltable

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"regexp"
	"strings"
)

// Dialect is the SQL dialect of a database.
type Dialect int

// The databases that a [Table] can be in.
const (
	SQLite Dialect = iota + 1
	PostgreSQL
)

// syntax holds the expressions that differ between databases.
type syntax struct {
	// now is the database's clock in milliseconds of Unix time, not the beginning of the
	// transaction.
	now string
	// binary makes a text column compare byte by byte.
	binary string
	// parameter precedes the number of a parameter.
	parameter string
	// bytes is the type of binary columns.
	bytes string
	// exists counts the objects with a name: 0 or 1.
	exists string
	// lock makes another transaction that locks the same number wait until this one ends. It is ""
	// if the database has no such lock.
	lock string
}

var syntaxes = map[Dialect]syntax{
	SQLite: {
		now:       `CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)`,
		binary:    `COLLATE BINARY`,
		parameter: "?",
		bytes:     `BLOB`,
		exists:    `SELECT count(*) FROM sqlite_master WHERE name = ?1 COLLATE NOCASE`,
	},
	PostgreSQL: {
		now:       `CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS bigint)`,
		binary:    `COLLATE "C"`,
		parameter: "$",
		bytes:     `BYTEA`,
		exists:    `SELECT count(to_regclass(quote_ident($1)))`,
		lock:      `SELECT pg_advisory_xact_lock($1)`,
	},
}

// Table is a store's table and its database.
type Table struct {
	db     *sql.DB
	store  string
	name   string
	syntax syntax
}

// tableName limits the length so that the names of indexes fit into PostgreSQL's 63 bytes.
var tableName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,47}$`)

// New returns the table of a store. The errors of the table begin with store, such as
// "webhook/sqlstore". The name of a table has up to 48 lower-case letters, digits and underscores
// and does not begin with a digit. New returns an error for another name, a nil database or an
// unknown dialect.
func New(store string, db *sql.DB, d Dialect, name string) (*Table, error) {
	syntax, known := syntaxes[d]
	switch {
	case db == nil:
		return nil, errors.New(store + ": the database is nil")
	case !known:
		return nil, errors.New(store + ": the dialect is neither SQLite nor PostgreSQL")
	case !tableName.MatchString(name), strings.HasPrefix(name, "sqlite_"):
		return nil, errors.New(store + ": the table's name must have up to 48 lower-case letters, digits and underscores")
	}
	return &Table{db: db, store: store, name: name, syntax: syntax}, nil
}

// Text returns a statement in the database's dialect. It replaces {table} and {table:suffix},
// {now}, {as is}, {bytes}, and ?1 for the first parameter. The only text from outside is the
// table's name, which has been checked.
func (t *Table) Text(statement string) string {
	return strings.NewReplacer(
		"{table}", `"`+t.name+`"`,
		"{table:", `"`+t.name,
		"}", `"`,
		"{as is}", t.syntax.binary,
		"{now}", t.syntax.now,
		"{bytes}", t.syntax.bytes,
		"?", t.syntax.parameter,
	).Replace(statement)
}

// Change executes a statement and returns the number of rows it changed. It keeps the connection
// until the rows are counted: a sql.Result locks the connection that it came from, and if another
// call used that connection by then, Change would wait for the end of that call's statement, even
// after ctx ends.
func (t *Table) Change(ctx context.Context, statement string, arguments ...any) (rows int64, err error) {
	conn, err := t.db.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close() //nolint:errcheck // the connection returns to the pool
	result, err := conn.ExecContext(ctx, statement, arguments...)
	if errors.Is(err, driver.ErrBadConn) {
		// Nothing was executed. The pool retries if more of its connections are broken.
		result, err = t.db.ExecContext(ctx, statement, arguments...)
	}
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// Rows calls scan for each row of a statement that may also write. It reads to the end, because
// some drivers report a failed write only there.
func (t *Table) Rows(ctx context.Context, statement string, arguments []any, scan func(*sql.Rows) error) error {
	rows, err := t.db.QueryContext(ctx, statement, arguments...)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Next has closed the rows, or the first error counts
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return rows.Close()
}

// Row reads the one row of a statement that may also write. The error is [sql.ErrNoRows] if there
// is no row.
func (t *Table) Row(ctx context.Context, statement string, arguments []any, into ...any) error {
	found := false
	err := t.Rows(ctx, statement, arguments, func(rows *sql.Rows) error {
		found = true
		return rows.Scan(into...)
	})
	if err == nil && !found {
		return sql.ErrNoRows
	}
	return err
}

// batch limits how long Prune holds its locks.
const batch = 1000

// Prune executes a statement that deletes at most as many rows as its last parameter says. It
// repeats the statement with a limit of a thousand rows, each time in a transaction of its own,
// until no more rows are deleted. It returns the number of deleted rows. An error does not undo
// earlier transactions.
func (t *Table) Prune(ctx context.Context, statement string, arguments ...any) (deleted int64, err error) {
	for {
		n, err := t.Change(ctx, statement, append(arguments, batch)...)
		if err != nil {
			return deleted, t.Failed("prune", err)
		}
		deleted += n
		if n < batch {
			return deleted, nil
		}
	}
}
