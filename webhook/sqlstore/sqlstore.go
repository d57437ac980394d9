// Package sqlstore is a [webhook.Store] in an SQL database, with which several replicas process
// each event once. It uses database/sql and imports no driver. It is tested with modernc.org/sqlite
// and github.com/jackc/pgx/v5/stdlib.
//
//	store, err := sqlstore.New(db, sqlstore.DialectPostgreSQL)
//	…
//	err = store.Migrate(ctx) // or once, at deployment
//	…
//	receive := webhook.Once(store, 90*time.Second, process)
//
// Call [Store.Prune] regularly, for example once an hour, from one replica or from all.
//
// The table is named klarna_webhook_events. The table klarna_webhook_events_schema holds the
// version of its schema.
//
// # Clock
//
// Leases and retention use the clock of the database. Replicas whose clocks differ by minutes
// therefore agree on the end of a lease. SQLite uses the clock of the machine, because all programs
// that share its file run there.
//
// # SQLite
//
// This package needs SQLite 3.35 or newer. SQLite allows one connection to write at a time. Set a
// busy timeout on every connection, so that the others wait and do not fail with SQLITE_BUSY. Use
// the write-ahead log. With modernc.org/sqlite:
//
//	sql.Open("sqlite", "file:events.db?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)")
//
// If a call fails nevertheless, the [webhook.Handler] answers 500 and Klarna delivers again. For a
// database in memory, call db.SetMaxOpenConns(1), because each connection has its own database.
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

// Dialect is the SQL dialect of a database.
type Dialect int

// The dialects of the databases that a [Store] supports.
const (
	DialectSQLite     = Dialect(sqltable.SQLite)
	DialectPostgreSQL = Dialect(sqltable.PostgreSQL)
)

// Store is a [webhook.Store] over database/sql.
type Store struct {
	table     *sqltable.Table
	tableName string
	retention time.Duration

	claim, complete, release, delete string
}

var _ webhook.Store = (*Store)(nil)

// Option configures a [Store].
type Option func(*Store)

// WithTable sets the name of the table, klarna_webhook_events by default. A name has at most 48
// lower-case letters, digits and underscores, and does not begin with a digit.
func WithTable(name string) Option { return func(s *Store) { s.tableName = name } }

// WithRetention sets the age at which [Store.Prune] deletes a completed event, 48 hours by default.
// It is at least 24 hours, longer than the 22 hours in which Klarna repeats a delivery. A duplicate
// of a deleted event would be processed again.
func WithRetention(d time.Duration) Option { return func(s *Store) { s.retention = d } }

const (
	defaultTable     = "klarna_webhook_events"
	defaultRetention = 48 * time.Hour
	minRetention     = 24 * time.Hour
)

// New returns a [Store] in db. Call [Store.Migrate] before the first claim to create its table. The
// Store does not close db. New returns an error if db is nil or if the dialect, the name of the
// table or the retention is not valid.
func New(db *sql.DB, d Dialect, options ...Option) (*Store, error) {
	s := &Store{tableName: defaultTable, retention: defaultRetention}
	for _, o := range options {
		if o != nil {
			o(s)
		}
	}
	var err error
	if s.table, err = sqltable.New("webhook/sqlstore", db, sqltable.Dialect(d), s.tableName); err != nil {
		return nil, err
	}
	if s.retention < minRetention {
		return nil, fmt.Errorf("webhook/sqlstore: a retention of %v is shorter than %v", s.retention, minRetention)
	}
	// One statement reads and changes the row, so a claim is atomic. It grants the claim if the row
	// does not exist or its lease has ended. Otherwise it does not change the row. The token in the
	// row identifies the claim that holds the event. The statement reads the clock once.
	const ended = `NOT e.completed AND e.until_ms < excluded.until_ms - ?3`
	s.claim = s.table.Text(`INSERT INTO {table} AS e (event_id, token, completed, until_ms) VALUES (?1, ?2, FALSE, {now} + ?3)
		ON CONFLICT (event_id) DO UPDATE SET
			token = CASE WHEN ` + ended + ` THEN excluded.token ELSE e.token END,
			until_ms = CASE WHEN ` + ended + ` THEN excluded.until_ms ELSE e.until_ms END
		RETURNING token, completed`)
	s.complete = s.table.Text(`UPDATE {table} SET completed = TRUE, until_ms = {now} WHERE event_id = ?1 AND token = ?2 AND NOT completed`)
	s.release = s.table.Text(`DELETE FROM {table} WHERE event_id = ?1 AND token = ?2 AND NOT completed`)
	// The outer condition repeats the age, so that a row that is claimed again after the inner
	// query is not deleted.
	s.delete = s.table.Text(`DELETE FROM {table} WHERE until_ms < (SELECT {now}) - ?1 AND event_id IN
		(SELECT event_id FROM {table} WHERE until_ms < (SELECT {now}) - ?1 LIMIT ?2)`)
	return s, nil
}

// Claim implements [webhook.Store].
func (s *Store) Claim(ctx context.Context, eventID string, lease time.Duration) (webhook.Claim, error) {
	id, token := rowID(eventID), rand.Text()
	// The lease is rounded up, because it must not end early.
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

// Complete implements [webhook.Store].
func (s *Store) Complete(ctx context.Context, eventID, token string) error {
	id := rowID(eventID)
	switch n, err := s.table.Change(ctx, s.complete, id, token); {
	case err != nil:
		return s.table.Failed("complete", err, id, token)
	case n == 0:
		return webhook.ErrLostClaim
	default:
		return nil
	}
}

// Release implements [webhook.Store].
func (s *Store) Release(ctx context.Context, eventID, token string) error {
	id := rowID(eventID)
	if _, err := s.table.Change(ctx, s.release, id, token); err != nil {
		return s.table.Failed("release", err, id, token)
	}
	return nil
}

// Prune deletes the events that were completed, or whose lease ended, longer ago than the
// retention. It returns the number of deleted events. It deletes a thousand events per transaction,
// so that deliveries do not wait. If it returns an error, the events of earlier transactions are
// deleted.
func (s *Store) Prune(ctx context.Context) (deleted int64, err error) {
	return s.table.Prune(ctx, s.delete, s.retention.Milliseconds())
}

// rowID returns the id of an event in the table: the event id itself if it is short printable
// ASCII, like Klarna's, and otherwise its digest. PostgreSQL does not index a long text, and a text
// does not contain every character.
func rowID(eventID string) string {
	plain := len(eventID) <= 255 && !strings.HasPrefix(eventID, digestPrefix)
	for i := 0; plain && i < len(eventID); i++ {
		plain = eventID[i] > ' ' && eventID[i] <= '~'
	}
	if plain {
		return eventID
	}
	sum := sha256.Sum256([]byte(eventID))
	return digestPrefix + hex.EncodeToString(sum[:])
}

const digestPrefix = "sha256:"
