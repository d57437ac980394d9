package sqltable

import (
	"context"
	"database/sql"
	"fmt"
)

// Migrate brings the table to the newest version, which is how many steps there are: a step is the statements that lead from a version to the next,
// and the first creates the table. The version stands in another table, which is named like this one with _schema behind it. Any number of replicas
// may call it, also at once; all is done by one of them, or nothing. What has the table's name and is another's is refused, as is a version that is newer
// than the steps.
func (t *Table) Migrate(ctx context.Context, lock int64, steps ...[]string) error {
	err := t.Exclusively(ctx, lock, func(tx *sql.Tx) error {
		version, err := t.version(ctx, tx)
		switch {
		case err != nil:
			return err
		case version == len(steps):
			return nil
		case version < 0, version > len(steps):
			return fmt.Errorf("the table %q is of version %d, and this program knows no more than version %d", t.name, version, len(steps))
		}
		for _, step := range steps[version:] {
			for _, statement := range step {
				if _, err := tx.ExecContext(ctx, t.Text(statement)); err != nil {
					return err
				}
			}
		}
		_, err = tx.ExecContext(ctx, t.Text(`UPDATE {table:_schema} SET version = ?1`), len(steps))
		return err
	})
	if err != nil {
		return t.Failed("migrate", err)
	}
	return nil
}

// version reads the table's; 0 where there is none yet.
func (t *Table) version(ctx context.Context, tx *sql.Tx) (version int, err error) {
	schema := t.name + "_schema"
	var names [2]int
	for i, name := range []string{t.name, schema} {
		if err := tx.QueryRowContext(ctx, t.speech.exists, name).Scan(&names[i]); err != nil {
			return 0, err
		}
	}
	switch names {
	case [2]int{0, 0}:
		for _, statement := range []string{`CREATE TABLE {table:_schema} (version INTEGER NOT NULL)`, `INSERT INTO {table:_schema} (version) VALUES (0)`} {
			if _, err := tx.ExecContext(ctx, t.Text(statement)); err != nil {
				return 0, err
			}
		}
		return 0, nil
	case [2]int{1, 1}:
		if err := tx.QueryRowContext(ctx, t.Text(`SELECT version FROM {table:_schema}`)).Scan(&version); err != nil {
			return 0, fmt.Errorf("the table %q is not this store's, or tells no version: %w", schema, err)
		}
		return version, nil
	case [2]int{1, 0}:
		return 0, fmt.Errorf("there is something named %q that is not this store's: there is no table %q", t.name, schema)
	default:
		return 0, fmt.Errorf("there is a table %q, and no table %q", schema, t.name)
	}
}
