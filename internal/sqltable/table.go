// Package sqltable is what the module's stores over database/sql have in common: a table of their
// own, in SQLite or PostgreSQL.
package sqltable

import (
	"context"
	"database/sql"
	"errors"
	"regexp"
	"strings"
)

// Dialect is the SQL that a database speaks.
type Dialect int

// The databases that a Table can be in.
const (
	SQLite Dialect = iota + 1
	PostgreSQL
)

type syntax struct {
	// now is the database's clock, not a transaction's beginning: milliseconds of Unix time.
	now string
	// binary compares texts byte by byte.
	binary string
	// parameter is what stands before a parameter's number.
	parameter string
	// bytes is the type of what is no text.
	bytes string
	// exists counts what has a name: 0 or 1.
	exists string
	// lock keeps another transaction that locks the same number waiting until this one ends; "" where
	// a database has no such thing.
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

// Table is a store's table, and the database that it is in.
type Table struct {
	db     *sql.DB
	store  string
	name   string
	syntax syntax
}

// tableName leaves room for what the names of indexes add within PostgreSQL's 63 bytes.
var tableName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,47}$`)

// New returns the table of a store, such as "webhook/sqlstore", with which the texts of its errors
// begin. A table's name has up to 48 lower-case letters, digits and underscores and does not begin
// with a digit.
func New(store string, db *sql.DB, d Dialect, name string) (*Table, error) {
	syntax, known := syntaxes[d]
	switch {
	case db == nil:
		return nil, errors.New(store + ": the database is nil")
	case !known:
		return nil, errors.New(store + ": the dialect is neither SQLite nor PostgreSQL")
	case !tableName.MatchString(name), strings.HasPrefix(name, "sqlite_"):
		return nil, errors.New(store + ": the table's name is not one of up to 48 lower-case letters, digits and underscores")
	}
	return &Table{db: db, store: store, name: name, syntax: syntax}, nil
}

// Text writes a statement in the database's dialect: {table} and {table:suffix}, {now}, {as is},
// {bytes}, and ?1 for the first parameter. The only foreign text in it is the table's name, which
// has been checked.
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

// Change executes a statement and returns how many rows it changed.
func (t *Table) Change(ctx context.Context, statement string, arguments ...any) (rows int64, err error) {
	result, err := t.db.ExecContext(ctx, statement, arguments...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// Rows calls scan at each row of a statement that may also write, and reads to the end: a driver
// may tell only there that the writing failed.
func (t *Table) Rows(ctx context.Context, statement string, arguments []any, scan func(*sql.Rows) error) error {
	rows, err := t.db.QueryContext(ctx, statement, arguments...)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Next has closed it, or the first error counts
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

// Row reads the one row of a statement that may also write; where there is none, its error is
// sql.ErrNoRows.
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

// batch bounds for how long Prune holds what others may want.
const batch = 1000

// Prune executes a statement that deletes up to as many rows as its last parameter says, a thousand
// at a time, each time in a transaction of its own, until there are no more, and returns how many
// it deleted; an error leaves deleted what was deleted.
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
