package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/authorization/flow/sqlstore"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/webhook"
)

// state is the state of all parties, in memory or in files.
type state struct {
	// purchases and sealSecret belong to the gateway.
	purchases  flow.Store
	sealSecret klarna.Secret
	// order is the merchant's order number. resumed reports whether an earlier run left the order
	// unfinished.
	order   string
	resumed bool
	// notifications are those that the merchant got of this order.
	notifications []notification
	// klarnaFile is where the built-in Klarna keeps its own, "" for nowhere.
	klarnaFile string

	database    *sql.DB // nil if the state is in memory
	secretsFile string
	secrets     secrets
}

// secrets are the secrets of the gateway. In production, keep them with the program's other
// secrets, and not next to the data that they seal.
type secrets struct {
	Seal         string `json:"seal_secret"`
	SigningKeyID string `json:"signing_key_id,omitempty"`
	SigningKey   string `json:"signing_key,omitempty"`
}

func newOrder() string { return "order-" + strings.ToLower(rand.Text()[:8]) }

// openState opens the state in the file at path, or creates it. Without a path, the state is in
// memory.
func openState(ctx context.Context, path string) (*state, error) {
	if path == "" {
		return &state{purchases: flow.NewMemoryStore(), sealSecret: newSealSecret(), order: newOrder()}, nil
	}
	s := &state{klarnaFile: path + ".klarna", secretsFile: path + ".secrets"}
	if err := s.readSecrets(); err != nil {
		return nil, err
	}
	// With synchronous(FULL), committed data also survives a power failure.
	database, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return nil, err
	}
	s.database = database
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, database.Close())
	}
	return s, nil
}

func (s *state) open(ctx context.Context) error {
	purchases, err := sqlstore.New(s.database, sqlstore.DialectSQLite)
	if err != nil {
		return err
	}
	if err := purchases.Migrate(ctx); err != nil {
		return err
	}
	s.purchases = purchases
	for _, table := range []string{
		`CREATE TABLE IF NOT EXISTS merchant_orders (reference TEXT NOT NULL PRIMARY KEY, done BOOLEAN NOT NULL)`,
		`CREATE TABLE IF NOT EXISTS merchant_notifications (
			id TEXT NOT NULL PRIMARY KEY, reference TEXT NOT NULL, content BLOB NOT NULL)`,
		`CREATE TABLE IF NOT EXISTS parties (name TEXT NOT NULL PRIMARY KEY, address TEXT NOT NULL)`,
	} {
		if _, err := s.database.ExecContext(ctx, table); err != nil {
			return err
		}
	}
	switch err := s.database.QueryRowContext(ctx, `SELECT reference FROM merchant_orders WHERE NOT done`).Scan(&s.order); {
	case err == nil:
		s.resumed = true
		return s.readNotifications(ctx)
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	s.order = newOrder()
	_, err = s.database.ExecContext(ctx, `INSERT INTO merchant_orders (reference, done) VALUES (?, FALSE)`, s.order)
	return err
}

// finish records that the order has ended, so that the next run begins another one.
func (s *state) finish(ctx context.Context) error {
	if s.database == nil {
		return nil
	}
	_, err := s.database.ExecContext(ctx, `UPDATE merchant_orders SET done = TRUE WHERE reference = ?`, s.order)
	return err
}

func (s *state) close() error {
	if s.database == nil {
		return nil
	}
	return s.database.Close()
}

// keepNotification stores a notification that the merchant got.
func (s *state) keepNotification(ctx context.Context, n notification) error {
	if s.database == nil {
		return nil
	}
	content, err := json.Marshal(n)
	if err != nil {
		return err
	}
	_, err = s.database.ExecContext(ctx,
		`INSERT INTO merchant_notifications (id, reference, content) VALUES (?, ?, ?)`, n.ID, s.order, content)
	return err
}

func (s *state) readNotifications(ctx context.Context) error {
	rows, err := s.database.QueryContext(ctx,
		`SELECT content FROM merchant_notifications WHERE reference = ? ORDER BY rowid`, s.order)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var content []byte
		var n notification
		if err := rows.Scan(&content); err != nil {
			return err
		}
		if err := json.Unmarshal(content, &n); err != nil {
			return err
		}
		s.notifications = append(s.notifications, n)
	}
	return rows.Err()
}

// address is where a party listens: where it did in an earlier run, because others know it by that,
// or on a free port.
func (s *state) address(ctx context.Context, party string) (string, error) {
	address := "127.0.0.1:0"
	if s.database == nil {
		return address, nil
	}
	err := s.database.QueryRowContext(ctx, `SELECT address FROM parties WHERE name = ?`, party).Scan(&address)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return address, err
}

func (s *state) keepAddress(ctx context.Context, party, address string) error {
	if s.database == nil {
		return nil
	}
	_, err := s.database.ExecContext(ctx, `INSERT INTO parties (name, address) VALUES (?, ?) ON CONFLICT DO NOTHING`, party, address)
	return err
}

// signingKey returns the signing key of the webhook that an earlier run subscribed. If there was
// none, it subscribes one.
func (s *state) signingKey(subscribe func() webhook.Key) (webhook.Key, error) {
	if s.secrets.SigningKeyID == "" {
		key := subscribe()
		s.secrets.SigningKeyID, s.secrets.SigningKey = key.ID, key.Secret.Reveal()
		if err := s.writeSecrets(); err != nil {
			return webhook.Key{}, err
		}
	}
	return webhook.Key{ID: s.secrets.SigningKeyID, Secret: webhook.NewSecret(s.secrets.SigningKey)}, nil
}

func newSealSecret() klarna.Secret { return klarna.NewSecret(rand.Text() + rand.Text()) }

func (s *state) readSecrets() error {
	text, err := os.ReadFile(s.secretsFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.secrets.Seal = newSealSecret().Reveal()
		err = s.writeSecrets()
	case err == nil:
		err = json.Unmarshal(text, &s.secrets)
	}
	s.sealSecret = klarna.NewSecret(s.secrets.Seal)
	return err
}

// writeSecrets replaces the file atomically.
func (s *state) writeSecrets() error {
	if s.secretsFile == "" {
		return nil
	}
	text, err := json.Marshal(s.secrets)
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.secretsFile+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(s.secretsFile+".new", s.secretsFile)
}
