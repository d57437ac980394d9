package sqltable

import (
	"context"
	"database/sql"
	"strings"
	"time"
)

// Exclusively calls change in a transaction of its own, after others that lock the same number and
// before others: replicas that start at once create what is missing once. PostgreSQL's CREATE … IF
// NOT EXISTS alone fails where another creates the same at the same time.
//
// SQLite has no locks to name; it refuses a transaction that others have overtaken. And while a new
// database is put into write-ahead mode, its other connections are refused at once, whatever their
// busy timeout is. What is refused is tried again for a moment. The text is SQLite's own, the same
// in every driver.
func (t *Table) Exclusively(ctx context.Context, lock int64, change func(*sql.Tx) error) error {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for patience := 500; ; patience-- {
		err := t.transaction(ctx, lock, change)
		if err == nil || t.syntax.lock != "" || patience == 0 || !strings.Contains(err.Error(), "database is locked") {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (t *Table) transaction(ctx context.Context, lock int64, change func(*sql.Tx) error) error {
	tx, err := t.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it has nothing to do, and otherwise the first error counts
	if t.syntax.lock != "" {
		if _, err := tx.ExecContext(ctx, t.syntax.lock, lock); err != nil {
			return err
		}
	}
	if err := change(tx); err != nil {
		return err
	}
	return tx.Commit()
}
