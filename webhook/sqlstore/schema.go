package sqlstore

import (
	"context"

	"github.com/klarna-go/klarna-go/internal/sqltable"
)

// steps lead from each version of the schema to the next.
var steps = []sqltable.Step{{
	Statements: []string{
		// until_ms is when the lease ends or, of a completed event, when it was completed.
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

// migration is the number of this package's lock.
const migration = 6012954214003

// Migrate creates the table, or brings one of an earlier version of this package to this one's. Any
// number of replicas may call it, also at once. It refuses a table that needs a later version of
// this package, and one of this name that is another's.
func (s *Store) Migrate(ctx context.Context) error {
	return s.table.Migrate(ctx, migration, steps...)
}
