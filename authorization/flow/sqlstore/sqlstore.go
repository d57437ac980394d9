// Package sqlstore implements [flow.Store] in an SQL database: SQLite for one machine, PostgreSQL
// for several. It uses [database/sql] and imports no driver. It is tested with modernc.org/sqlite
// and github.com/jackc/pgx/v5/stdlib.
//
//	store, err := sqlstore.New(db, sqlstore.DialectPostgreSQL)
//	…
//	err = store.Migrate(ctx) // at start, or once at deployment
//
// Call [Store.Prune] once a day, from one replica or from all.
//
// # The table
//
// The table klarna_purchases has a row for each purchase:
//
//	id                  the purchase's ID
//	account             the partner account; "" for a Partner with its own credentials
//	lane                the queue of the row: see flow.Lane
//	payment_request_id  Klarna's ID of the payment request, or of the transaction if no
//	                    payment request was needed; NULL before
//	state               such as AWAITING_CUSTOMER: see flow.State
//	due_ms              when recovery processes the row next; NULL for never
//	was_due_ms          when the row was due before recovery last claimed it; NULL for never
//	version             the number of changes
//	changed_ms          when the row last changed
//	data                the other data, in JSON
//	sealed              encrypted data for recovery; NULL once the purchase has ended
//	reference           a hash of the account and the payment_transaction_reference
//	damaged_ms          when the row was first found damaged; NULL if it is intact
//
// Times are milliseconds of Unix time. This query finds purchases that have been overdue for five
// minutes:
//
//	SELECT id, state FROM klarna_purchases
//	WHERE due_ms < 1000 * extract(epoch FROM now() - interval '5 minutes')
//
// The table klarna_purchases_settings says which seal secret and which of Klarna's environments the
// purchases belong to. The table klarna_purchases_schema holds the version of the schema.
//
// # Durability
//
// A crash must not lose a purchase:
//
//   - On PostgreSQL leave synchronous_commit and fsync on, and fail over only to a replica that has
//     all commits (synchronous_standby_names).
//   - On SQLite leave PRAGMA synchronous at FULL. With the write-ahead log, NORMAL can lose the
//     last commits in a power failure.
//
// Connect to the primary: a replica that lags behind returns old versions.
//
// PostgreSQL needs its defaults for two other settings:
//
//   - The isolation level is READ COMMITTED. With a stricter level a conflicting update returns an
//     error of the database instead of [flow.ErrChanged].
//   - Autovacuum is on. It keeps the statistics that make a claim read an index instead of the
//     table.
//
// # SQLite
//
// SQLite 3.35 or newer is required. It allows one writer at a time. Set a busy timeout on every
// connection, so that other writers wait instead of failing with SQLITE_BUSY, and use the
// write-ahead log. With modernc.org/sqlite:
//
//	sql.Open("sqlite", "file:purchases.db?_pragma=busy_timeout(10000)"+
//		"&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
//
// Waiting writers do not queue. Under load a pool of one connection (db.SetMaxOpenConns(1)) is
// faster than a larger one, and no writer waits for seconds. A database in memory requires a pool
// of one connection, because each connection has its own database.
//
// Deleted data stays readable in the file until its place is used again. Sealed is encrypted there
// as well. PRAGMA secure_delete(ON) overwrites deleted data.
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

// Dialect is the SQL dialect of a database.
type Dialect int

// The databases that a Store can use.
const (
	DialectSQLite     = Dialect(sqltable.SQLite)
	DialectPostgreSQL = Dialect(sqltable.PostgreSQL)
)

// Store is a [flow.Store] over [database/sql]. [New] makes one.
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

// Option configures a [Store].
type Option func(*Store)

// WithTable sets the name of the table. The default is klarna_purchases. A name has up to 48
// lower-case letters, digits and underscores and does not begin with a digit.
func WithTable(name string) Option { return func(s *Store) { s.name = name } }

// WithRetention sets how long [Store.Prune] keeps purchases that have ended. The default is 90
// days, the minimum 25 hours: once a purchase is deleted, its ID can be begun again, and Klarna
// repeats the first answer to a call for 24 hours.
func WithRetention(d time.Duration) Option { return func(s *Store) { s.retention = d } }

const (
	defaultTable     = "klarna_purchases"
	defaultRetention = 90 * 24 * time.Hour
	leastRetention   = 25 * time.Hour
)

// New returns a [Store] whose table [Store.Migrate] has created or will create. It returns an error
// for a nil db, an unknown dialect, an invalid table name or a retention that is too short. The
// Store does not close db.
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
	// The age is compared twice, so that a row that changes between the inner and the outer query
	// is not deleted.
	const old = `due_ms IS NULL AND changed_ms < (SELECT {now}) - ?1 AND state IN ('AUTHORIZED', 'DECLINED', 'CANCELED', 'EXPIRED', 'REJECTED')`
	s.delete = s.table.Text(`DELETE FROM {table} WHERE ` + old + ` AND id ` + fmt.Sprintf(among[d], `SELECT id FROM {table} WHERE `+old+` ORDER BY changed_ms LIMIT ?2`))
	return s, nil
}

// among selects rows while others select rows concurrently. SQLite has one writer at a time.
// PostgreSQL locks the rows that it selects and skips those that others have locked. The IDs are in
// an array, because PostgreSQL may plan IN so that it repeats the selection or reads the whole
// table.
var among = map[Dialect]string{
	DialectSQLite:     `IN (%s)`,
	DialectPostgreSQL: `= ANY (ARRAY(%s FOR UPDATE SKIP LOCKED))`,
}

// Create implements [flow.Store].
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

// Load implements [flow.Store].
func (s *Store) Load(ctx context.Context, id string) (flow.Record, error) {
	return s.read(ctx, "load", s.load, id)
}

// FindPaymentRequest implements [flow.Store].
func (s *Store) FindPaymentRequest(ctx context.Context, paymentRequestID string) (flow.Record, error) {
	return s.read(ctx, "find a payment request", s.find, paymentRequestID)
}

// FindReference implements [flow.Store].
func (s *Store) FindReference(ctx context.Context, reference string) (flow.Record, error) {
	return s.read(ctx, "find a reference", s.findReference, reference)
}

// ListDamaged implements [flow.DamagedLister].
func (s *Store) ListDamaged(ctx context.Context, after string, limit int) ([]flow.Record, error) {
	var list []flow.Record
	if err := s.table.Rows(ctx, s.damaged, []any{after, max(limit, 0)}, func(rows *sql.Rows) error {
		var r flow.Record
		err := scan(rows, &r)
		list = append(list, r)
		return err
	}); err != nil {
		return nil, s.table.Failed("list damaged records", err, after)
	}
	return list, nil
}

// Setting implements [flow.Guarded].
func (s *Store) Setting(ctx context.Context, name string) (value string, err error) {
	err = s.table.Row(ctx, s.setting, []any{name}, &value)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", s.table.Failed("read a setting", err)
	}
	return value, nil
}

// ChangeSetting implements [flow.Guarded].
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
	// PostgreSQL returns an error for a text with such characters, and the ID may come from
	// outside.
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

// Update implements [flow.Store].
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

// taken reports whether another record has the payment request or the reference. It queries the
// table, because the error for it differs between drivers.
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

// Prune deletes purchases that have ended, that recovery does not process any more and whose last
// change is older than the retention. It returns their number. It keeps open purchases and those in
// [flow.StateUnknown], which a person has to settle. It deletes a thousand rows in each
// transaction, so that other writers do not wait long. If it returns an error, the rows of earlier
// transactions stay deleted.
func (s *Store) Prune(ctx context.Context) (deleted int64, err error) {
	return s.table.Prune(ctx, s.delete, s.retention.Milliseconds())
}
