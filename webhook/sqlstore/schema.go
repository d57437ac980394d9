package sqlstore

import (
	"context"

	"github.com/klarna-go/klarna-go/internal/sqltable"
)

// steps are the migrations from each version of the schema to the next.
var steps = []sqltable.Step{{
	Statements: []string{
		// until_ms is the end of the lease, or the completion of a completed event.
		`CREATE TABLE {table} (
			event_id TEXT {as is} NOT NULL PRIMARY KEY,
			token TEXT {as is} NOT NULL,
			completed BOOLEAN NOT NULL,
			until_ms BIGINT NOT NULL
		)`,
		`CREATE INDEX {table:_until} ON {table} (until_ms)`,
	},
	Columns: []string{"event_id", "token", "completed", "until_ms"},
}}

// migrationLock is the number of the lock that this package takes for a migration.
const migrationLock = 6012954214003

// Migrate creates the table, or migrates the table of an earlier version of this package. Several
// replicas may call it concurrently. It returns an error if the table needs a later version of this
// package, or if the table of this name belongs to another program.
func (s *Store) Migrate(ctx context.Context) error {
	return s.table.Migrate(ctx, migrationLock, steps...)
}
