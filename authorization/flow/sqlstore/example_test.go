package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/authorization/flow/sqlstore"
	"github.com/klarna-go/klarna-go/internal/test/fakedb"
	"github.com/klarna-go/klarna-go/klarna"
)

// Replicas that share the database share the purchases.
func ExampleNew() {
	db := openDatabase() // in a program: sql.Open("pgx", "postgres://…")
	defer db.Close()
	store, err := sqlstore.New(db, sqlstore.DialectPostgreSQL)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	if err := store.Migrate(ctx); err != nil { // or once, at deployment
		log.Fatal(err)
	}

	client, err := klarna.NewClient(apiKey) // the credentials
	if err != nil {
		log.Fatal(err)
	}
	coordinator, err := flow.New(client, store, klarna.NewSecret("64 random hexadecimal characters, the same in every replica"))
	if err != nil {
		log.Fatal(err)
	}
	_, err = coordinator.GetStatus(ctx, "order-1")
	fmt.Println("order-1 exists:", !errors.Is(err, flow.ErrNotFound))
	// Output: order-1 exists: false
}

// A job that runs every day deletes purchases that ended a year ago.
func ExampleStore_Prune() {
	db := openDatabase() // in a program: sql.Open("sqlite", "file:purchases.db?…")
	defer db.Close()
	store, err := sqlstore.New(db, sqlstore.DialectSQLite, sqlstore.WithTable("shop_purchases"), sqlstore.WithRetention(365*24*time.Hour))
	if err != nil {
		log.Fatal(err)
	}

	deleted, err := store.Prune(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("deleted:", deleted)
	// Output: deleted: 3
}

const apiKey = "klarna_test_api_key"

// openDatabase returns a fake database. The examples use it because this module has no driver.
func openDatabase() *sql.DB {
	fake := &fakedb.DB{Statement: func(query string, _ []driver.NamedValue) (*fakedb.Answer, error) {
		switch {
		case strings.HasPrefix(query, "DELETE"):
			return &fakedb.Answer{Affected: 3}, nil
		case strings.HasPrefix(query, "SELECT id,"):
			return new(fakedb.Answer), nil // no row
		case strings.Contains(query, "SELECT EXISTS"), strings.Contains(query, "pg_try_advisory_lock"):
			return &fakedb.Answer{Values: [][]driver.Value{{true}}}, nil
		default:
			return &fakedb.Answer{Values: [][]driver.Value{{int64(0)}}}, nil
		}
	}}
	return fake.Pool()
}
