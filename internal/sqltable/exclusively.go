package sqltable

import (
	"context"
	"database/sql"
	"strings"
	"time"
)

// Exclusively calls change in a transaction. It waits for other transactions that lock the same
// number, so that replicas that start at the same time create a missing table once. PostgreSQL's
// CREATE … IF NOT EXISTS alone fails if another transaction creates the same table at the same
// time.
//
// SQLite has no named locks. It refuses a transaction that another one has overtaken. While a new
// database switches to write-ahead logging, SQLite also refuses other connections immediately,
// whatever their busy timeout is. Exclusively retries a refused transaction for a short time. It
// recognizes the refusal by SQLite's own error text, which is the same in every driver.
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
	defer tx.Rollback() //nolint:errcheck // no effect after Commit; otherwise the first error counts
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
