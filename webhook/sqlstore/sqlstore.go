// Package sqlstore is a webhook.Store in an SQL database, so that several replicas process each
// event once. It speaks database/sql and imports no driver; it is tested with modernc.org/sqlite
// and github.com/jackc/pgx/v5/stdlib.
//
//	store, err := sqlstore.New(db, sqlstore.DialectPostgreSQL)
//	…
//	err = store.Migrate(ctx) // or once, at deployment
//	…
//	receive := webhook.Once(store, 90*time.Second, process)
//
// Call Prune now and then, once an hour for example, from one replica or from all.
//
// The table is named klarna_webhook_events. The table klarna_webhook_events_schema holds the
// version of its schema.
//
// # Whose clock
//
// Leases and retention go by the database's clock and by no program's: replicas whose clocks differ
// by minutes agree on when a lease ends, because none of them is asked. SQLite has no clock of its
// own, and needs none: all that share its file run on one machine.
//
// # SQLite
//
// SQLite lets one connection write at a time. Give every connection a busy timeout, so that the
// others wait instead of failing with SQLITE_BUSY, and use the write-ahead log; with
// modernc.org/sqlite:
//
//	sql.Open("sqlite", "file:events.db?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)")
//
// A call that fails all the same is an error like another: the Handler answers 500, and Klarna
// delivers again. SQLite 3.35 or newer is needed, and for a database in memory
// db.SetMaxOpenConns(1), because each connection would have its own.
package sqlstore

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/klarna-go/klarna-go/internal/sqltable"
	"github.com/klarna-go/klarna-go/webhook"
)

// Dialect is the SQL that a database speaks.
type Dialect int

// The databases that a Store can use.
const (
	DialectSQLite     = Dialect(sqltable.SQLite)
	DialectPostgreSQL = Dialect(sqltable.PostgreSQL)
)

// Store is a webhook.Store over database/sql.
type Store struct {
	table     *sqltable.Table
	name      string
	retention time.Duration

	claim, complete, release, delete string
}

var _ webhook.Store = (*Store)(nil)

// Option configures a Store.
type Option func(*Store)

// WithTable names the table; klarna_webhook_events by default. A name has up to 48 lower-case
// letters, digits and underscores and does not begin with a digit.
func WithTable(name string) Option { return func(s *Store) { s.name = name } }

// WithRetention sets for how long Prune leaves completed events, 48 hours by default. It must be
// longer than Klarna retries, which is 22 hours, for a duplicate of a forgotten event is processed
// again: at least 24 hours.
func WithRetention(d time.Duration) Option { return func(s *Store) { s.retention = d } }

const (
	defaultTable     = "klarna_webhook_events"
	defaultRetention = 48 * time.Hour
	leastRetention   = 24 * time.Hour
)

// New returns a Store whose table Migrate has created or will create. The Store does not close db.
func New(db *sql.DB, d Dialect, options ...Option) (*Store, error) {
	s := &Store{name: defaultTable, retention: defaultRetention}
	for _, o := range options {
		if o != nil {
			o(s)
		}
	}
	var err error
	if s.table, err = sqltable.New("webhook/sqlstore", db, sqltable.Dialect(d), s.name); err != nil {
		return nil, err
	}
	if s.retention < leastRetention {
		return nil, fmt.Errorf("webhook/sqlstore: a retention of %v is shorter than %v", s.retention, leastRetention)
	}
	// One statement asks and answers, so there is no moment between the two. It grants where there is
	// no such event, or one whose lease has ended, and otherwise leaves the row as it is; the token in
	// the row tells whose the claim is. It looks at the clock once.
	const ended = `NOT e.completed AND e.until_ms < excluded.until_ms - ?3`
	s.claim = s.table.Text(`INSERT INTO {table} AS e (event_id, token, completed, until_ms) VALUES (?1, ?2, FALSE, {now} + ?3)
		ON CONFLICT (event_id) DO UPDATE SET
			token = CASE WHEN ` + ended + ` THEN excluded.token ELSE e.token END,
			until_ms = CASE WHEN ` + ended + ` THEN excluded.until_ms ELSE e.until_ms END
		RETURNING token, completed`)
	s.complete = s.table.Text(`UPDATE {table} SET completed = TRUE, until_ms = {now} WHERE event_id = ?1 AND token = ?2 AND NOT completed`)
	s.release = s.table.Text(`DELETE FROM {table} WHERE event_id = ?1 AND token = ?2 AND NOT completed`)
	// The age is asked for twice: a row that is claimed anew between the inner question and the outer
	// is not deleted.
	s.delete = s.table.Text(`DELETE FROM {table} WHERE until_ms < (SELECT {now}) - ?1 AND event_id IN
		(SELECT event_id FROM {table} WHERE until_ms < (SELECT {now}) - ?1 LIMIT ?2)`)
	return s, nil
}

// Claim implements webhook.Store.
func (s *Store) Claim(ctx context.Context, eventID string, lease time.Duration) (webhook.Claim, error) {
	id, token := key(eventID), rand.Text()
	// Rounded up, as a lease must not end early.
	milliseconds := int64(lease / time.Millisecond)
	if lease%time.Millisecond > 0 {
		milliseconds++
	}
	var holder string
	var completed bool
	if err := s.table.Row(ctx, s.claim, []any{id, token, milliseconds}, &holder, &completed); err != nil {
		return webhook.Claim{Token: token}, s.table.Failed("claim", err, id, token)
	}
	switch {
	case completed:
		return webhook.Claim{Status: webhook.ClaimStatusCompleted}, nil
	case holder == token:
		return webhook.Claim{Status: webhook.ClaimStatusGranted, Token: token}, nil
	default:
		return webhook.Claim{Status: webhook.ClaimStatusInFlight}, nil
	}
}

// Complete implements webhook.Store.
func (s *Store) Complete(ctx context.Context, eventID, token string) error {
	id := key(eventID)
	switch n, err := s.table.Change(ctx, s.complete, id, token); {
	case err != nil:
		return s.table.Failed("complete", err, id, token)
	case n == 0:
		return webhook.ErrLostClaim
	default:
		return nil
	}
}

// Release implements webhook.Store.
func (s *Store) Release(ctx context.Context, eventID, token string) error {
	id := key(eventID)
	if _, err := s.table.Change(ctx, s.release, id, token); err != nil {
		return s.table.Failed("release", err, id, token)
	}
	return nil
}

// Prune deletes the events that were completed, or whose claim was abandoned, longer ago than the
// retention, and returns how many. It does so a thousand at a time, each in a transaction of its
// own, so that deliveries need not wait; an error leaves deleted what was deleted.
func (s *Store) Prune(ctx context.Context) (deleted int64, err error) {
	return s.table.Prune(ctx, s.delete, s.retention.Milliseconds())
}

// key is what stands in the table for an event id: the id itself where it is like those of
// Klarna's, readable for whoever looks into the table, and otherwise its digest. An index of
// PostgreSQL takes no long text, and a text of PostgreSQL not every character.
func key(eventID string) string {
	plain := len(eventID) <= 255 && !strings.HasPrefix(eventID, digested)
	for i := 0; plain && i < len(eventID); i++ {
		plain = eventID[i] > ' ' && eventID[i] <= '~'
	}
	if plain {
		return eventID
	}
	sum := sha256.Sum256([]byte(eventID))
	return digested + hex.EncodeToString(sum[:])
}

const digested = "sha256:"
