package sqlstore

import "context"

// steps lead from each version of the schema to the next. What is released does not change: a table may have been created by it.
var steps = [][]string{{
	`CREATE TABLE {table} (
		id TEXT {as is} NOT NULL PRIMARY KEY,
		payment_request_id TEXT {as is} UNIQUE,
		state TEXT NOT NULL,
		due_ms BIGINT,
		was_due_ms BIGINT,
		version BIGINT NOT NULL,
		changed_ms BIGINT NOT NULL,
		data TEXT NOT NULL,
		sealed {bytes}
	)`,
	// Recovery looks at what is due and Prune at what has ended, and neither at the other.
	`CREATE INDEX {table:_due} ON {table} (due_ms) WHERE due_ms IS NOT NULL`,
	`CREATE INDEX {table:_ended} ON {table} (changed_ms) WHERE due_ms IS NULL`,
}, {
	// Rows of older releases have neither, and programs of older releases write neither.
	`ALTER TABLE {table} ADD COLUMN reference TEXT {as is}`,
	`ALTER TABLE {table} ADD COLUMN damaged_ms BIGINT`,
	`CREATE UNIQUE INDEX {table:_reference} ON {table} (reference) WHERE reference IS NOT NULL`,
	`CREATE INDEX {table:_damaged} ON {table} (id) WHERE damaged_ms IS NOT NULL`,
	`CREATE TABLE {table:_settings} (name TEXT {as is} NOT NULL PRIMARY KEY, value TEXT NOT NULL)`,
}}

// migration is the number of this package's lock.
const migration = 6012954214004

// Migrate creates the table, or brings one of an earlier version of this package to this one's, all or nothing. Any number of replicas may call it, also
// at once. It refuses a table of this name that is another's, and one of a later version of this package.
func (s *Store) Migrate(ctx context.Context) error {
	return s.table.Migrate(ctx, migration, steps...)
}
