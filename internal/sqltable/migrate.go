package sqltable

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Step leads from one version of a table's schema to the next. A released step must not change,
// because a table may have been created with it.
type Step struct {
	// Statements run in one transaction, together with those of the other steps.
	Statements []string
	// Indexes are built after the statements are committed. PostgreSQL builds them concurrently, so
	// that the table can be written to meanwhile.
	Indexes []Index
	// Columns are the columns of the table after the first step. A table with exactly these columns
	// and no recorded version is of version 1. Nil accepts no such table.
	Columns []string
	// Breaks reports that a program that knows only earlier steps can no longer work with the
	// table.
	Breaks bool
}

// Index is an index of a table. Its name is the table's name followed by Suffix. Definition follows
// the table's name in CREATE INDEX.
type Index struct {
	Suffix, Definition string
	Unique             bool
}

func (i *Index) create() string {
	if i.Unique {
		return `CREATE UNIQUE INDEX `
	}
	return `CREATE INDEX `
}

// Migrate migrates the table to the newest version, which is the number of steps. The first step
// creates the table. Any number of replicas may call Migrate, also at the same time. One of them
// executes all statements or none; then the missing indexes are built.
//
// The versions are in another table, whose name is this table's followed by _schema. The column
// version is the oldest version that a program must know to work with the table; done is the number
// of steps that were executed. A program of an earlier version therefore continues to work with a
// table that a later one has migrated, unless one of the steps breaks that. Migrate returns an
// error for a table that needs a later version, and for a table of the same name that does not
// belong to the store.
func (t *Table) Migrate(ctx context.Context, lock int64, steps ...Step) error {
	err := t.Exclusively(ctx, lock, func(tx *sql.Tx) error { return t.takeSteps(ctx, tx, steps) })
	if err == nil {
		err = t.buildIndexes(ctx, lock, steps)
	}
	if err != nil {
		return t.Failed("migrate", err)
	}
	return nil
}

func (t *Table) takeSteps(ctx context.Context, tx *sql.Tx, steps []Step) error {
	execute := func(statement string, arguments ...any) error {
		_, err := tx.ExecContext(ctx, t.Text(statement), arguments...)
		return err
	}
	v, err := t.version(ctx, tx, steps[0].Columns)
	switch {
	case err != nil:
		return err
	case v.needed < 0, v.needed > len(steps):
		return fmt.Errorf("the table %q needs version %d, but this program knows only version %d", t.name, v.needed, len(steps))
	case v.done >= len(steps):
		return nil
	}
	if !v.counted {
		if err := execute(`ALTER TABLE {table:_schema} ADD COLUMN done INTEGER`); err != nil {
			return err
		}
	}
	for i, step := range steps[v.done:] {
		for _, statement := range step.Statements {
			if err := execute(statement); err != nil {
				return err
			}
		}
		if number := v.done + i + 1; step.Breaks || number == 1 {
			v.needed = number
		}
	}
	return execute(`UPDATE {table:_schema} SET version = ?1, done = ?2`, v.needed, len(steps))
}

// version is the row of the table of versions. If counted is false, the row has no column done, and
// every step up to version was executed.
type version struct {
	needed, done int
	counted      bool
}

// version reads the version of the table. It returns 0 if the table does not exist yet. first are
// the columns of version 1.
func (t *Table) version(ctx context.Context, tx *sql.Tx, first []string) (v version, err error) {
	schema := t.name + "_schema"
	var names [2]int
	for i, name := range []string{t.name, schema} {
		if err := tx.QueryRowContext(ctx, t.syntax.exists, name).Scan(&names[i]); err != nil {
			return v, err
		}
	}
	switch names {
	case [2]int{0, 0}:
		return t.recordVersion(ctx, tx, 0)
	case [2]int{1, 1}:
		if v, err = t.recordedVersion(ctx, tx); err != nil {
			return v, fmt.Errorf("the table %q does not belong to this store, or has no version: %w", schema, err)
		}
		return v, nil
	case [2]int{1, 0}:
		if first != nil {
			if found, err := t.columns(ctx, tx); err == nil && slices.Equal(found, first) {
				return t.recordVersion(ctx, tx, 1)
			}
		}
		return v, fmt.Errorf("the name %q is taken by something that does not belong to this store: the table %q does not exist", t.name, schema)
	default:
		return v, fmt.Errorf("the table %q exists, but the table %q does not", schema, t.name)
	}
}

// recordVersion creates the table of versions.
func (t *Table) recordVersion(ctx context.Context, tx *sql.Tx, n int) (version, error) {
	if _, err := tx.ExecContext(ctx, t.Text(`CREATE TABLE {table:_schema} (version INTEGER NOT NULL, done INTEGER)`)); err != nil {
		return version{}, err
	}
	_, err := tx.ExecContext(ctx, t.Text(`INSERT INTO {table:_schema} (version, done) VALUES (?1, ?1)`), n)
	return version{needed: n, done: n, counted: true}, err
}

// columns returns the names of the table's columns.
func (t *Table) columns(ctx context.Context, tx *sql.Tx) ([]string, error) {
	rows, err := tx.QueryContext(ctx, t.Text(`SELECT * FROM {table} LIMIT 0`))
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // the first error counts
	names, err := rows.Columns()
	return names, errors.Join(err, rows.Err())
}

func (t *Table) recordedVersion(ctx context.Context, tx *sql.Tx) (v version, err error) {
	rows, err := tx.QueryContext(ctx, t.Text(`SELECT * FROM {table:_schema}`))
	if err != nil {
		return v, err
	}
	defer rows.Close() //nolint:errcheck // the first error counts
	columns, err := rows.Columns()
	if err != nil {
		return v, err
	}
	var done sql.NullInt64
	into := []any{&v.needed, &done}
	v.counted = len(columns) == len(into)
	if !rows.Next() {
		return v, errors.Join(sql.ErrNoRows, rows.Err())
	}
	if err := rows.Scan(into[:min(len(columns), len(into))]...); err != nil {
		return v, err
	}
	v.done = v.needed
	if done.Valid {
		v.done = int(done.Int64)
	}
	return v, rows.Err()
}

// buildIndexes builds the missing indexes.
func (t *Table) buildIndexes(ctx context.Context, lock int64, steps []Step) error {
	var indexes []Index
	for _, step := range steps {
		indexes = append(indexes, step.Indexes...)
	}
	if t.syntax.lock == "" {
		for _, index := range indexes {
			if _, err := t.db.ExecContext(ctx, t.Text(index.create()+`IF NOT EXISTS {table:`+index.Suffix+`} ON {table} `+index.Definition)); err != nil {
				return err
			}
		}
		return nil
	}
	if len(indexes) == 0 {
		return nil
	}
	// The lock belongs to the session, because an index is built concurrently outside of
	// transactions. It is another lock than that of the statements: a transaction may wait for that
	// one, and building an index waits for transactions.
	lock = ^lock
	session, err := t.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer session.Close() //nolint:errcheck // the connection returns to the pool
	for _, index := range indexes {
		if err := t.buildConcurrently(ctx, session, lock, index); err != nil {
			return err
		}
	}
	return nil
}

// buildConcurrently builds an index unless a valid one exists. It polls for the lock instead of
// waiting for it in a statement, because building the index waits for every running statement.
func (t *Table) buildConcurrently(ctx context.Context, session *sql.Conn, lock int64, index Index) error {
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		valid, err := t.hasIndex(ctx, session, index, true)
		if err != nil || valid {
			return err
		}
		var mine bool
		if err := session.QueryRowContext(ctx, `SELECT pg_try_advisory_lock($1)`, lock).Scan(&mine); err != nil {
			return err
		}
		if mine {
			err := t.replaceIndex(ctx, session, index)
			_, unlocked := session.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, lock)
			return errors.Join(err, unlocked)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (t *Table) hasIndex(ctx context.Context, session *sql.Conn, index Index, valid bool) (has bool, err error) {
	const question = `SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass(quote_ident($1)) AND indisvalid = $2)`
	err = session.QueryRowContext(ctx, question, t.name+index.Suffix, valid).Scan(&has)
	return has, err
}

// replaceIndex builds an index while the lock is held. It drops an index that is invalid because
// its building was interrupted. The previous holder of the lock may have built the index, so the
// statement says IF NOT EXISTS.
func (t *Table) replaceIndex(ctx context.Context, session *sql.Conn, index Index) error {
	invalid, err := t.hasIndex(ctx, session, index, false)
	if err != nil {
		return err
	}
	if invalid {
		if _, err := session.ExecContext(ctx, t.Text(`DROP INDEX CONCURRENTLY IF EXISTS {table:`+index.Suffix+`}`)); err != nil {
			return err
		}
	}
	_, err = session.ExecContext(ctx, t.Text(index.create()+`CONCURRENTLY IF NOT EXISTS {table:`+index.Suffix+`} ON {table} `+index.Definition))
	return err
}
