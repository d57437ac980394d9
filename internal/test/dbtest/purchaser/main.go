// Command purchaser is a replica for the test of two versions: it makes one call of a Coordinator
// on an SQLite file and prints the state. The test also builds the program of an older commit, so
// the argument and the output must stay the same.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"os"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/authorization/flow/sqlstore"
	"github.com/klarna-go/klarna-go/klarna"
)

// order is the test's instruction, as JSON in the first argument.
type order struct {
	Do        string // begin or recover
	File      string
	KlarnaURL string
	APIKey    string
	Account   string
	Request   json.RawMessage
	// Ahead is how far the clock is ahead, so that a lease ends immediately.
	Ahead time.Duration
}

func main() {
	status, err := run(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("status", status.State, status.PaymentRequestID)
}

func run(text string) (*flow.Status, error) {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", "file:"+o.File+"?_pragma=busy_timeout(20000)&_pragma=journal_mode(WAL)")
	if err != nil {
		return nil, err
	}
	store, err := sqlstore.New(db, sqlstore.DialectSQLite)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := store.Migrate(ctx); err != nil {
		return nil, err
	}
	client, err := klarna.NewClient(o.APIKey, klarna.WithBaseURL(o.KlarnaURL), klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: 1}))
	if err != nil {
		return nil, err
	}
	c, err := flow.New(client, store, klarna.NewSecret("two-versions-0123456789abcdef0123456789"),
		flow.WithLogger(slog.New(slog.NewTextHandler(os.Stderr, nil))),
		flow.WithClock(func() time.Time { return time.Now().Add(o.Ahead) }))
	if err != nil {
		return nil, err
	}
	if o.Do == "begin" {
		var request authorization.AuthorizeParams
		if err := json.Unmarshal(o.Request, &request); err != nil {
			return nil, err
		}
		return c.Begin(ctx, flow.Purchase{ID: "order-1", PartnerAccountID: o.Account, Request: request})
	}
	if _, err := c.Recover(ctx); err != nil {
		return nil, err
	}
	record, err := store.Load(ctx, "order-1")
	if err != nil {
		return nil, err
	}
	return &flow.Status{State: record.State, PaymentRequestID: record.PaymentRequestID}, nil
}
