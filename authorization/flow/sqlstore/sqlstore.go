// Package sqlstore is a flow.Store in an SQL database: SQLite for one machine, PostgreSQL for
// several. It speaks database/sql and imports no driver; it is tested with modernc.org/sqlite and
// github.com/jackc/pgx/v5/stdlib.
//
//	store, err := sqlstore.New(db, sqlstore.DialectPostgreSQL)
//	…
//	err = store.Migrate(ctx) // or once, at deployment
//
// Call Prune now and then, once a day for example, from one replica or from all.
//
// # For whoever looks into the table
//
// It is named klarna_purchases and has a row a purchase:
//
//	id                  the purchase's
//	account             the partner account; "" for credentials of their own
//	lane                which kind of step is due; package flow has them all
//	payment_request_id  Klarna's; NULL before there is one, and the payment transaction's where it was paid at once
//	state               such as AWAITING_CUSTOMER; package flow has them all
//	due_ms              when recovery is to look at it; NULL when never again
//	was_due_ms          when it was due before recovery last took it up; NULL when it never did
//	version             how often it has changed
//	changed_ms          when it last did
//	data                the rest, in JSON
//	sealed              what recovery needs, encrypted; NULL once the purchase has ended
//	reference           a hash of the account and the payment_transaction_reference, which finds the purchase of an event
//	damaged_ms          when the row was first found damaged; NULL for one that is not
//
// Beside it, klarna_purchases_settings says which seal secret and which of Klarna's environments
// the table belongs to.
//
// Times are milliseconds of Unix time. What recovery should have seen to five minutes ago:
//
//	SELECT id, state FROM klarna_purchases WHERE due_ms < 1000 * extract(epoch FROM now() - interval '5 minutes')
//
// The table klarna_purchases_schema holds the version of the schema.
//
// # Durability
//
// A purchase must not be forgotten by a crash, so leave PostgreSQL's synchronous_commit and fsync
// on, and fail over only to a replica that has everything (synchronous_standby_names). On SQLite
// leave PRAGMA synchronous at FULL: with the write-ahead log, NORMAL forgets the last commits in a
// power failure.
//
// Give it the primary: a read from a replica that lags behind tells of purchases what is over.
//
// Isolation must be READ COMMITTED on PostgreSQL, which is its default: with a stricter one,
// whoever is overtaken gets an error of the database's instead of flow.ErrChanged. And autovacuum
// must be on, which it is by default: a claim of what is due reads an index and no table as soon as
// PostgreSQL knows that the table has grown.
//
// # SQLite
//
// SQLite lets one connection write at a time. Give every connection a busy timeout, so that the
// others wait instead of failing with SQLITE_BUSY, and use the write-ahead log. They do not wait in
// turn, though: under load, a pool of one connection (db.SetMaxOpenConns(1)) is faster than one of
// many, and nobody waits for seconds. With modernc.org/sqlite:
//
//	sql.Open("sqlite", "file:purchases.db?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
//
// SQLite 3.35 or newer is needed, and for a database in memory db.SetMaxOpenConns(1), because each
// connection would have its own. What is deleted or replaced stays readable in the file until its
// place is used again, and Sealed is encrypted there, too; PRAGMA secure_delete(ON) overwrites it.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/internal/sqltable"
)

// Dialect is the SQL that a database speaks.
type Dialect int

// The databases that a Store can use.
const (
	DialectSQLite     = Dialect(sqltable.SQLite)
	DialectPostgreSQL = Dialect(sqltable.PostgreSQL)
)

// Store is a flow.Store over database/sql.
type Store struct {
	table     *sqltable.Table
	name      string
	retention time.Duration

	create, load, find, findReference, update, version, claim, delete string
	damaged, setting, newSetting, changeSetting                       string
}

var (
	_ flow.Store         = (*Store)(nil)
	_ flow.Guarded       = (*Store)(nil)
	_ flow.DamagedLister = (*Store)(nil)
)

// Option configures a Store.
type Option func(*Store)

// WithTable names the table; klarna_purchases by default. A name has up to 48 lower-case letters,
// digits and underscores and does not begin with a digit.
func WithTable(name string) Option { return func(s *Store) { s.name = name } }

// WithRetention sets for how long Prune leaves purchases that have ended, 90 days by default. It is
// at least 25 hours: a purchase's id can be begun anew once it is forgotten, and for 24 hours
// Klarna answers a repeated call with the first one's result.
func WithRetention(d time.Duration) Option { return func(s *Store) { s.retention = d } }

const (
	defaultTable     = "klarna_purchases"
	defaultRetention = 90 * 24 * time.Hour
	leastRetention   = 25 * time.Hour
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
	if s.table, err = sqltable.New("flow/sqlstore", db, sqltable.Dialect(d), s.name); err != nil {
		return nil, err
	}
	if s.retention < leastRetention {
		return nil, fmt.Errorf("flow/sqlstore: a retention of %v is shorter than %v", s.retention, leastRetention)
	}
	s.create = s.table.Text(`INSERT INTO {table} (id, payment_request_id, account, lane, state, due_ms, data, sealed, reference, damaged_ms, version, changed_ms)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 1, {now}) ON CONFLICT DO NOTHING`)
	s.load = s.table.Text(`SELECT ` + columns + ` FROM {table} WHERE id = ?1`)
	s.find = s.table.Text(`SELECT ` + columns + ` FROM {table} WHERE payment_request_id = ?1`)
	s.findReference = s.table.Text(`SELECT ` + columns + ` FROM {table} WHERE reference = ?1`)
	s.update = s.table.Text(`UPDATE {table} SET payment_request_id = ?2, account = ?3, lane = ?4, state = ?5, due_ms = ?6, data = ?7, sealed = ?8,
		reference = ?9, damaged_ms = ?10, version = version + 1, changed_ms = {now} WHERE id = ?1 AND version = ?11`)
	s.damaged = s.table.Text(`SELECT ` + columns + ` FROM {table} WHERE damaged_ms IS NOT NULL AND id > ?1 ORDER BY id LIMIT ?2`)
	s.setting = s.table.Text(`SELECT value FROM {table:_settings} WHERE name = ?1`)
	s.newSetting = s.table.Text(`INSERT INTO {table:_settings} (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING`)
	s.changeSetting = s.table.Text(`UPDATE {table:_settings} SET value = ?2 WHERE name = ?1 AND value = ?3`)
	s.version = s.table.Text(`SELECT version FROM {table} WHERE id = ?1`)
	s.claim = s.table.Text(claims[d] + ` RETURNING ` + columns + `, was_due_ms`)
	// The age is asked for twice: a row that changes between the inner question and the outer is not
	// deleted.
	const old = `due_ms IS NULL AND changed_ms < (SELECT {now}) - ?1 AND state IN ('AUTHORIZED', 'DECLINED', 'CANCELED', 'EXPIRED', 'REJECTED')`
	s.delete = s.table.Text(`DELETE FROM {table} WHERE ` + old + ` AND id ` + fmt.Sprintf(among[d], `SELECT id FROM {table} WHERE `+old+` ORDER BY changed_ms LIMIT ?2`))
	return s, nil
}

// among is how rows are chosen that others choose from at the same time. SQLite writes one at a
// time. PostgreSQL locks what it chooses and skips what others have locked; it makes an array of
// that once and looks its ids up, where it may plan IN so that it chooses again and again, or reads
// the whole table.
var among = map[Dialect]string{
	DialectSQLite:     `IN (%s)`,
	DialectPostgreSQL: `= ANY (ARRAY(%s FOR UPDATE SKIP LOCKED))`,
}

// Create implements flow.Store.
func (s *Store) Create(ctx context.Context, r flow.Record) error {
	switch n, err := s.table.Change(ctx, s.create, arguments(r)...); {
	case err != nil:
		return s.table.Failed("create", err, values(r)...)
	case n == 0:
		return flow.ErrExists
	default:
		return nil
	}
}

// Load implements flow.Store.
func (s *Store) Load(ctx context.Context, id string) (flow.Record, error) {
	return s.read(ctx, "load", s.load, id)
}

// FindPaymentRequest implements flow.Store.
func (s *Store) FindPaymentRequest(ctx context.Context, paymentRequestID string) (flow.Record, error) {
	return s.read(ctx, "find a payment request", s.find, paymentRequestID)
}

// FindReference implements flow.Store.
func (s *Store) FindReference(ctx context.Context, reference string) (flow.Record, error) {
	return s.read(ctx, "find a reference", s.findReference, reference)
}

// ListDamaged implements flow.DamagedLister.
func (s *Store) ListDamaged(ctx context.Context, after string, limit int) ([]flow.Record, error) {
	var list []flow.Record
	if err := s.table.Rows(ctx, s.damaged, []any{after, max(limit, 0)}, func(rows *sql.Rows) error {
		var r flow.Record
		err := scan(rows, &r)
		list = append(list, r)
		return err
	}); err != nil {
		return nil, s.table.Failed("list what is damaged", err, after)
	}
	return list, nil
}

// Setting implements flow.Guarded.
func (s *Store) Setting(ctx context.Context, name string) (value string, err error) {
	err = s.table.Row(ctx, s.setting, []any{name}, &value)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", s.table.Failed("read a setting", err)
	}
	return value, nil
}

// ChangeSetting implements flow.Guarded.
func (s *Store) ChangeSetting(ctx context.Context, name, from, to string) error {
	statement, arguments := s.newSetting, []any{name, to}
	if from != "" {
		statement, arguments = s.changeSetting, []any{name, to, from}
	}
	switch n, err := s.table.Change(ctx, statement, arguments...); {
	case err != nil:
		return s.table.Failed("change a setting", err)
	case n == 0:
		return flow.ErrChanged
	default:
		return nil
	}
}

func (s *Store) read(ctx context.Context, doing, statement, key string) (r flow.Record, err error) {
	// PostgreSQL is not asked for what its texts cannot hold: that would be an error, and the id may
	// come from anywhere.
	if !utf8.ValidString(key) || strings.ContainsRune(key, 0) {
		return flow.Record{}, flow.ErrNotFound
	}
	found := false
	err = s.table.Rows(ctx, statement, []any{key}, func(rows *sql.Rows) error {
		found = true
		return scan(rows, &r)
	})
	switch {
	case err != nil:
		return flow.Record{}, s.table.Failed(doing, err, key)
	case !found:
		return flow.Record{}, flow.ErrNotFound
	default:
		return r, nil
	}
}

// Update implements flow.Store. Where another record has the payment request, its error is
// flow.ErrExists.
func (s *Store) Update(ctx context.Context, r flow.Record) error {
	switch n, err := s.table.Change(ctx, s.update, append(arguments(r), r.Version)...); {
	case err != nil && s.taken(ctx, r):
		return flow.ErrExists
	case err != nil:
		return s.table.Failed("update", err, values(r)...)
	case n > 0:
		return nil
	}
	var version int64
	switch err := s.table.Row(ctx, s.version, []any{r.ID}, &version); {
	case errors.Is(err, sql.ErrNoRows):
		return flow.ErrNotFound
	case err != nil:
		return s.table.Failed("update", err, values(r)...)
	default:
		return flow.ErrChanged
	}
}

// taken reports whether another record has the payment request or the reference. Each driver has
// its own error for it.
func (s *Store) taken(ctx context.Context, r flow.Record) bool {
	if r.PaymentRequestID != "" {
		if other, err := s.FindPaymentRequest(ctx, r.PaymentRequestID); err == nil && other.ID != r.ID {
			return true
		}
	}
	if r.Reference == "" {
		return false
	}
	other, err := s.FindReference(ctx, r.Reference)
	return err == nil && other.ID != r.ID
}

// Prune deletes purchases that have ended, that recovery is done with and that last changed longer
// ago than the retention, and returns how many. It keeps those in StateUnknown, which somebody has
// to settle, and those that are open. It deletes a thousand at a time, each in a transaction of its
// own, so that purchases need not wait; an error leaves deleted what was deleted.
func (s *Store) Prune(ctx context.Context) (deleted int64, err error) {
	return s.table.Prune(ctx, s.delete, s.retention.Milliseconds())
}
