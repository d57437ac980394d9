// Package sqlstore is a webhook.Store in an SQL database, so that several replicas process each event once. It speaks
// database/sql and imports no driver; it is tested with modernc.org/sqlite and github.com/jackc/pgx/v5/stdlib.
//
//	store, err := sqlstore.New(db, sqlstore.PostgreSQL)
//	…
//	err = store.Migrate(ctx) // or once, at deployment
//	…
//	receive := webhook.Once(store, 5*time.Minute, process)
//
// Call Prune now and then, once an hour for example, from one replica or from all.
//
// # Whose clock
//
// Leases and retention go by the database's clock and by no program's: replicas whose clocks differ by minutes agree on when a
// lease ends, because none of them is asked. SQLite has no clock of its own, and needs none: all that share its file run on one machine.
//
// # SQLite
//
// SQLite lets one connection write at a time. Give every connection a busy timeout, so that the others wait instead of failing
// with SQLITE_BUSY, and use the write-ahead log; with modernc.org/sqlite:
//
//	sql.Open("sqlite", "file:events.db?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)")
//
// A call that fails all the same is an error like another: the Handler answers 500, and Klarna delivers again. SQLite 3.35 or newer is needed,
// and for a database in memory db.SetMaxOpenConns(1), because each connection would have its own.
package sqlstore

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/klarna-go/klarna-go/webhook"
)

// Dialect is the SQL that a database speaks.
type Dialect int

// The databases that a Store can use.
const (
	SQLite Dialect = iota + 1
	PostgreSQL
)

type dialect struct {
	// now is the database's clock, not a transaction's beginning: milliseconds of Unix time.
	now string
	// asIs compares texts byte by byte.
	asIs string
	// lock keeps another Migrate waiting until the transaction ends; "" where the database does so itself.
	lock string
	// parameter is what stands before a parameter's number.
	parameter string
}

var dialects = map[Dialect]dialect{
	SQLite: {
		now:       `CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)`,
		asIs:      `COLLATE BINARY`,
		parameter: "?",
	},
	PostgreSQL: {
		now:  `CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS bigint)`,
		asIs: `COLLATE "C"`,
		// CREATE … IF NOT EXISTS fails where another creates the same at the same time. The number is this package's own.
		lock:      `SELECT pg_advisory_xact_lock(6012954214003)`,
		parameter: "$",
	},
}

// Store is a webhook.Store over database/sql.
type Store struct {
	db        *sql.DB
	table     string
	retention time.Duration
	lock      string

	create                           []string
	claim, complete, release, delete string
}

var _ webhook.Store = (*Store)(nil)

// Option configures a Store.
type Option func(*Store)

// WithTable names the table; klarna_webhook_events by default. A name has up to 48 lower-case letters, digits and underscores and does not
// begin with a digit.
func WithTable(name string) Option { return func(s *Store) { s.table = name } }

// WithRetention sets for how long Prune leaves completed events, 48 hours by default. It must be longer than Klarna
// retries, which is 22 hours, for a duplicate of a forgotten event is processed again: at least 24 hours.
func WithRetention(d time.Duration) Option { return func(s *Store) { s.retention = d } }

const (
	defaultTable     = "klarna_webhook_events"
	defaultRetention = 48 * time.Hour
	leastRetention   = 24 * time.Hour
)

// tableName leaves room for what the index adds within PostgreSQL's 63 bytes.
var tableName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,47}$`)

// New returns a Store whose table Migrate has created or will create. The Store does not close db.
func New(db *sql.DB, d Dialect, options ...Option) (*Store, error) {
	s := &Store{db: db, table: defaultTable, retention: defaultRetention}
	for _, o := range options {
		if o != nil {
			o(s)
		}
	}
	speech, known := dialects[d]
	switch {
	case db == nil:
		return nil, errors.New("webhook/sqlstore: the database is nil")
	case !known:
		return nil, errors.New("webhook/sqlstore: the dialect is neither SQLite nor PostgreSQL")
	case !tableName.MatchString(s.table), strings.HasPrefix(s.table, "sqlite_"):
		return nil, errors.New("webhook/sqlstore: the table's name is not one of up to 48 lower-case letters, digits and underscores")
	case s.retention < leastRetention:
		return nil, fmt.Errorf("webhook/sqlstore: a retention of %v is shorter than %v", s.retention, leastRetention)
	}
	s.lock = speech.lock
	for _, statement := range []struct {
		into *string
		text string
	}{
		// One statement asks and answers, so there is no moment between the two. It grants where there is no such event, or one whose lease has
		// ended, and otherwise leaves the row as it is; the token in the row tells whose the claim is. It looks at the clock once.
		{&s.claim, `INSERT INTO {table} AS e (event_id, token, completed, until_ms) VALUES (?1, ?2, FALSE, {now} + ?3)
			ON CONFLICT (event_id) DO UPDATE SET
				token = CASE WHEN {ended} THEN excluded.token ELSE e.token END,
				until_ms = CASE WHEN {ended} THEN excluded.until_ms ELSE e.until_ms END
			RETURNING token, completed`},
		{&s.complete, `UPDATE {table} SET completed = TRUE, until_ms = {now} WHERE event_id = ?1 AND token = ?2 AND NOT completed`},
		{&s.release, `DELETE FROM {table} WHERE event_id = ?1 AND token = ?2 AND NOT completed`},
		// The age is asked for twice: a row that is claimed anew between the inner question and the outer is not deleted.
		{&s.delete, `DELETE FROM {table} WHERE until_ms < (SELECT {now}) - ?1 AND event_id IN
			(SELECT event_id FROM {table} WHERE until_ms < (SELECT {now}) - ?1 LIMIT ?2)`},
	} {
		*statement.into = s.text(speech, statement.text)
	}
	s.create = []string{
		// until_ms is when the lease ends or, of a completed event, when it was completed.
		s.text(speech, `CREATE TABLE IF NOT EXISTS {table} (
			event_id TEXT {as is} NOT NULL PRIMARY KEY,
			token TEXT {as is} NOT NULL,
			completed BOOLEAN NOT NULL,
			until_ms BIGINT NOT NULL
		)`),
		s.text(speech, `CREATE INDEX IF NOT EXISTS {index} ON {table} (until_ms)`),
	}
	return s, nil
}

// text writes a statement in a dialect. The only foreign text in it is the table's name, which has been checked.
func (s *Store) text(d dialect, statement string) string {
	return strings.NewReplacer(
		"{ended}", "NOT e.completed AND e.until_ms < excluded.until_ms - "+d.parameter+"3",
		"{table}", `"`+s.table+`"`,
		"{index}", `"`+s.table+`_until"`,
		"{as is}", d.asIs,
		"{now}", d.now,
		"?", d.parameter,
	).Replace(statement)
}

// Migrate creates the table and its index where they are missing. Any number of replicas may call it, also at once.
func (s *Store) Migrate(ctx context.Context) error {
	if s.lock == "" {
		return s.migrateUnlocked(ctx)
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return failed("migrate", err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it has nothing to do, and otherwise the first error counts
	for _, statement := range append([]string{s.lock}, s.create...) {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return failed("migrate", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return failed("migrate", err)
	}
	return nil
}

// migrateUnlocked is Migrate on SQLite. While a new database is put into write-ahead mode, its other connections are refused at once, whatever
// their busy timeout is: they try again for a moment. The text is SQLite's own, the same in every driver.
func (s *Store) migrateUnlocked(ctx context.Context) error {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for patience := 500; ; patience-- {
		err := s.createAll(ctx)
		if err == nil {
			return nil
		}
		if patience == 0 || !strings.Contains(err.Error(), "database is locked") {
			return failed("migrate", err)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return failed("migrate", ctx.Err())
		}
	}
}

func (s *Store) createAll(ctx context.Context) error {
	for _, statement := range s.create {
		if _, err := s.db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
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
	if err := s.row(ctx, s.claim, []any{id, token, milliseconds}, &holder, &completed); err != nil {
		return webhook.Claim{}, failed("claim", err, id, token)
	}
	switch {
	case completed:
		return webhook.Claim{Status: webhook.Completed}, nil
	case holder == token:
		return webhook.Claim{Status: webhook.Granted, Token: token}, nil
	default:
		return webhook.Claim{Status: webhook.InFlight}, nil
	}
}

// row reads the one row of a statement that also writes, and reads to the end: a driver may tell only there that the writing failed.
func (s *Store) row(ctx context.Context, statement string, arguments []any, into ...any) error {
	rows, err := s.db.QueryContext(ctx, statement, arguments...)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Next has closed it, or the first error counts
	found := false
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		found = true
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if !found {
		return sql.ErrNoRows
	}
	return rows.Close()
}

// Complete implements webhook.Store.
func (s *Store) Complete(ctx context.Context, eventID, token string) error {
	id := key(eventID)
	result, err := s.db.ExecContext(ctx, s.complete, id, token)
	if err != nil {
		return failed("complete", err, id, token)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return failed("complete", err, id, token)
	}
	if n == 0 {
		return webhook.ErrLostClaim
	}
	return nil
}

// Release implements webhook.Store.
func (s *Store) Release(ctx context.Context, eventID, token string) error {
	id := key(eventID)
	if _, err := s.db.ExecContext(ctx, s.release, id, token); err != nil {
		return failed("release", err, id, token)
	}
	return nil
}

// batch bounds for how long Prune holds what others may want.
const batch = 1000

// Prune deletes the events that were completed, or whose claim was abandoned, longer ago than the retention, and returns how many. It does so a
// thousand at a time, each in a transaction of its own, so that deliveries need not wait; an error leaves deleted what was deleted.
func (s *Store) Prune(ctx context.Context) (deleted int64, err error) {
	for {
		result, err := s.db.ExecContext(ctx, s.delete, s.retention.Milliseconds(), batch)
		if err != nil {
			return deleted, failed("prune", err)
		}
		n, err := result.RowsAffected()
		if err != nil {
			return deleted, failed("prune", err)
		}
		deleted += n
		if n < batch {
			return deleted, nil
		}
	}
}

// key is what stands in the table for an event id: the id itself where it is like those of Klarna's, readable for whoever looks into the
// table, and otherwise its digest. An index of PostgreSQL takes no long text, and a text of PostgreSQL not every character.
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

// failure is an error of the database's without the values that the statement was given, which some drivers quote.
type failure struct {
	text string
	err  error
}

func failed(doing string, err error, values ...string) error {
	text := err.Error()
	for _, v := range values {
		if v != "" {
			text = strings.ReplaceAll(text, v, "[redacted]")
		}
	}
	return &failure{text: "webhook/sqlstore: " + doing + ": " + text, err: err}
}

func (f *failure) Error() string { return f.text }

// Unwrap gives the driver's own error, for errors.Is and errors.As.
func (f *failure) Unwrap() error { return f.err }
