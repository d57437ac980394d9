package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/klarna-go/klarna-go/internal/test/fakedb"
	"github.com/klarna-go/klarna-go/webhook"
	"github.com/klarna-go/klarna-go/webhook/sqlstore"
)

// Replicas that share the database process each event once.
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

	receive := webhook.Once(store, 90*time.Second, func(_ context.Context, event *webhook.Event) error {
		fmt.Println("processed", event.Metadata.EventID)
		return nil
	})

	event := &webhook.Event{Metadata: webhook.Metadata{EventID: "event-1", EventType: webhook.EventTypePaymentRequestCompleted}}
	for range 2 { // Klarna delivers the event twice
		if err := receive(ctx, event); err != nil {
			log.Fatal(err)
		}
	}
	// Output: processed event-1
}

// A job that runs every hour deletes old events.
func ExampleStore_Prune() {
	db := openDatabase() // in a program: sql.Open("sqlite", "file:events.db?…")
	defer db.Close()
	store, err := sqlstore.New(db, sqlstore.DialectSQLite, sqlstore.WithTable("shop_events"), sqlstore.WithRetention(7*24*time.Hour))
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

// openDatabase returns a fake database that records claims in memory. The examples use it because
// this module has no driver.
func openDatabase() *sql.DB {
	tokens, completed := map[any]driver.Value{}, map[any]bool{}
	fake := &fakedb.DB{Statement: func(query string, arguments []driver.NamedValue) (*fakedb.Answer, error) {
		switch {
		case strings.HasPrefix(query, "INSERT") && len(arguments) == 3: // a claim
			id := arguments[0].Value
			if tokens[id] == nil {
				tokens[id] = arguments[1].Value
			}
			return &fakedb.Answer{Values: [][]driver.Value{{tokens[id], completed[id]}}}, nil
		case strings.HasPrefix(query, "UPDATE"):
			completed[arguments[0].Value] = true
			return &fakedb.Answer{Affected: 1}, nil
		case strings.HasPrefix(query, "DELETE"):
			return &fakedb.Answer{Affected: 3}, nil
		default:
			return &fakedb.Answer{Values: [][]driver.Value{{int64(0)}}}, nil
		}
	}}
	return fake.Pool()
}
