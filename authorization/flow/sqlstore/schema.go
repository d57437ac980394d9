package sqlstore

import (
	"context"

	"github.com/klarna-go/klarna-go/internal/sqltable"
)

// steps are the steps from each version of the schema to the next.
var steps = []sqltable.Step{
	{Statements: []string{
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
		// Recovery reads only due rows, and Prune only rows that have ended.
		`CREATE INDEX {table:_due} ON {table} (due_ms) WHERE due_ms IS NOT NULL`,
		`CREATE INDEX {table:_ended} ON {table} (changed_ms) WHERE due_ms IS NULL`,
	}},
	// Older releases write neither of the two columns.
	{
		Statements: []string{
			`ALTER TABLE {table} ADD COLUMN reference TEXT {as is}`,
			`ALTER TABLE {table} ADD COLUMN damaged_ms BIGINT`,
			`CREATE TABLE {table:_settings} (name TEXT {as is} NOT NULL PRIMARY KEY, value TEXT NOT NULL)`,
		},
		Indexes: []sqltable.Index{
			{Suffix: "_reference", Unique: true, Definition: `(reference) WHERE reference IS NOT NULL`},
			{Suffix: "_damaged", Definition: `(id) WHERE damaged_ms IS NOT NULL`},
		},
	},
	// An older release writes rows without an account and a lane: they are in lane 10 of the
	// account "". It uses its own index.
	{
		Statements: []string{
			`ALTER TABLE {table} ADD COLUMN account TEXT {as is} NOT NULL DEFAULT ''`,
			`ALTER TABLE {table} ADD COLUMN lane SMALLINT NOT NULL DEFAULT 10`,
		},
		Indexes: []sqltable.Index{{Suffix: "_lanes", Definition: `(lane, account, due_ms) WHERE due_ms IS NOT NULL`}},
	},
}

// migration is the number of this package's database lock.
const migration = 6012954214004

// Migrate creates the table or migrates it from an earlier version of this package. Any number of
// replicas may call it, also at the same time. On PostgreSQL it builds new indexes concurrently.
// That can take minutes for a large table, and the table can be written to meanwhile.
//
// A program of the previous version continues to work with the migrated table, so a release can be
// rolled out replica by replica, and rolled back. Migrate returns an error if the table needs a
// later version of this package, or if a table of this name does not belong to a Store.
func (s *Store) Migrate(ctx context.Context) error {
	return s.table.Migrate(ctx, migration, steps...)
}
