package dbtest_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"

	"github.com/klarna-go/klarna-go/internal/test/dbtest"
	"github.com/klarna-go/klarna-go/webhook"
	"github.com/klarna-go/klarna-go/webhook/sqlstore"
	"github.com/klarna-go/klarna-go/webhook/storetest"
)

// database is a new, empty database that any number of replicas can open.
type database struct {
	dialect sqlstore.Dialect
	open    func() *sql.DB
}

func TestSQLite(t *testing.T) {
	testStore(t, func(t *testing.T) database {
		file := dbtest.SQLite(t)
		return database{sqlstore.DialectSQLite, func() *sql.DB { return dbtest.OpenSQLite(t, file) }}
	})
}

func TestPostgreSQL(t *testing.T) {
	server := dbtest.StartPostgres(t)
	testStore(t, func(t *testing.T) database {
		name := server.NewDatabase(t)
		return database{sqlstore.DialectPostgreSQL, func() *sql.DB { return server.Open(t, name) }}
	})
}

func testStore(t *testing.T, newDatabase func(*testing.T) database) {
	for _, tc := range []struct {
		name string
		test func(t *testing.T, newDatabase func(*testing.T) database)
	}{
		{"store conforms", testStoreConforms},
		{"two replicas conform", testTwoReplicasConform},
		{"replicas that start together migrate once", testConcurrentStartsMigrateOnce},
		{"migrate keeps the rows", testMigrateKeepsRows},
		{"migrate accepts a table without versions as version 1", testMigrateAcceptsTableWithoutVersions},
		{"migrate refuses tables of others", testMigrateRefusesForeignTables},
		{"migrate without a connection is an error", testMigrateWithoutAConnectionIsAnError},
		{"tables are separate and may have any name", testTablesAreSeparate},
		{"errors without a table hold no values", testErrorsWithoutATableHoldNoValues},
		{"prune deletes events after the retention", testPruneDeletesAfterTheRetention},
		{"prune keeps concurrent claims", testPruneKeepsConcurrentClaims},
		{"retention can be longer", testRetentionCanBeLonger},
		{"ids in the form of a digest do not collide", testIDsInDigestFormDoNotCollide},
		{"duplicates of a completed event do not extend its retention", testDuplicatesDoNotKeep},
		{"the driver's own error is wrapped", testDriversError},
		{"a table whose name is a statement is refused", testTableNames},
	} {
		t.Run(tc.name, func(t *testing.T) { tc.test(t, newDatabase) })
	}
}

func newStore(t *testing.T, d database, options ...sqlstore.Option) (*sqlstore.Store, *sql.DB) {
	t.Helper()
	db := d.open()
	s, err := sqlstore.New(db, d.dialect, options...)
	if err != nil {
		t.Fatal(err)
	}
	return s, db
}

func migrated(t *testing.T, d database, options ...sqlstore.Option) (*sqlstore.Store, *sql.DB) {
	t.Helper()
	s, db := newStore(t, d, options...)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, db
}

func claim(t *testing.T, s webhook.Store, id string, lease time.Duration, want webhook.ClaimStatus) (token string) {
	t.Helper()
	c, err := s.Claim(t.Context(), id, lease)
	if err != nil || c.Status != want {
		t.Fatalf("claim of %.40q: status %v, %v; want %v", id, c.Status, err, want)
	}
	return c.Token
}

func complete(t *testing.T, s webhook.Store, id string) {
	t.Helper()
	if err := s.Complete(t.Context(), id, claim(t, s, id, time.Hour, webhook.ClaimStatusGranted)); err != nil {
		t.Fatal(err)
	}
}

func testStoreConforms(t *testing.T, newDatabase func(*testing.T) database) {
	d := newDatabase(t)
	storetest.Run(t, func(t *testing.T) webhook.Store {
		s, _ := migrated(t, d)
		return s
	})
}

// Two replicas take turns with each claim.
func testTwoReplicasConform(t *testing.T, newDatabase func(*testing.T) database) {
	d := newDatabase(t)
	storetest.Run(t, func(t *testing.T) webhook.Store {
		one, _ := migrated(t, d)
		other, _ := migrated(t, d)
		return &alternating{stores: [2]webhook.Store{one, other}}
	})
}

type alternating struct {
	mu     sync.Mutex
	turn   int
	stores [2]webhook.Store
}

func (a *alternating) next() webhook.Store {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.turn++
	return a.stores[a.turn%2]
}

func (a *alternating) Claim(ctx context.Context, id string, lease time.Duration) (webhook.Claim, error) {
	return a.next().Claim(ctx, id, lease)
}

func (a *alternating) Complete(ctx context.Context, id, token string) error {
	return a.next().Complete(ctx, id, token)
}

func (a *alternating) Release(ctx context.Context, id, token string) error {
	return a.next().Release(ctx, id, token)
}

func testConcurrentStartsMigrateOnce(t *testing.T, newDatabase func(*testing.T) database) {
	for range 5 {
		d := newDatabase(t)
		var replicas sync.WaitGroup
		start := make(chan struct{})
		for range 12 {
			s, _ := newStore(t, d)
			replicas.Go(func() {
				<-start
				if err := s.Migrate(t.Context()); err != nil {
					t.Error(err)
					return
				}
				if _, err := s.Claim(t.Context(), "an event", time.Hour); err != nil {
					t.Error(err)
				}
			})
		}
		close(start)
		replicas.Wait()
	}
}

func testMigrateKeepsRows(t *testing.T, newDatabase func(*testing.T) database) {
	d := newDatabase(t)
	s, _ := migrated(t, d)
	complete(t, s, "an event")
	again, _ := migrated(t, d)
	claim(t, again, "an event", time.Hour, webhook.ClaimStatusCompleted)
}

// The statements are those of before the versions.
func testMigrateAcceptsTableWithoutVersions(t *testing.T, newDatabase func(*testing.T) database) {
	d := newDatabase(t)
	s, db := newStore(t, d)
	for _, statement := range []string{
		`CREATE TABLE klarna_webhook_events (event_id TEXT NOT NULL PRIMARY KEY, token TEXT NOT NULL, completed BOOLEAN NOT NULL, until_ms BIGINT NOT NULL)`,
		`CREATE INDEX klarna_webhook_events_until ON klarna_webhook_events (until_ms)`,
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	complete(t, s, "an event")
	for range 2 {
		again, _ := migrated(t, d)
		claim(t, again, "an event", time.Hour, webhook.ClaimStatusCompleted)
	}
	var version, done int
	if err := db.QueryRowContext(t.Context(), `SELECT version, done FROM klarna_webhook_events_schema`).Scan(&version, &done); err != nil || version != 1 || done != 1 {
		t.Errorf("version %d, %d steps done, %v; want 1 and 1", version, done, err)
	}
}

func testMigrateRefusesForeignTables(t *testing.T, newDatabase func(*testing.T) database) {
	const another = `the name "klarna_webhook_events" is taken by something that does not belong to this store: the table "klarna_webhook_events_schema" does not exist`
	for _, tc := range []struct {
		name string
		do   []string
		want string
	}{
		{"a table of other columns", []string{`CREATE TABLE klarna_webhook_events (event_id TEXT, token TEXT, completed BOOLEAN, until BIGINT)`}, another},
		{"a table with a further column", []string{`CREATE TABLE klarna_webhook_events (event_id TEXT, token TEXT, completed BOOLEAN, until_ms BIGINT, shop TEXT)`}, another},
		{"an index", []string{`CREATE TABLE others (id TEXT)`, `CREATE INDEX klarna_webhook_events ON others (id)`}, another},
		{"a newer version", []string{`CREATE TABLE klarna_webhook_events (id TEXT)`, `CREATE TABLE klarna_webhook_events_schema (version INTEGER)`, `INSERT INTO klarna_webhook_events_schema VALUES (99)`}, `the table "klarna_webhook_events" needs version 99, but this program knows only version 1`},
	} {
		s, db := newStore(t, newDatabase(t))
		for _, statement := range tc.do {
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			if err := s.Migrate(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "webhook/sqlstore: migrate: "+tc.want) {
				t.Errorf("%s: %v, want %s", tc.name, err, tc.want)
			}
		}
	}
}

func testMigrateWithoutAConnectionIsAnError(t *testing.T, newDatabase func(*testing.T) database) {
	s, db := newStore(t, newDatabase(t))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "webhook/sqlstore: migrate: ") {
		t.Errorf("%v", err)
	}
}

func testTablesAreSeparate(t *testing.T, newDatabase func(*testing.T) database) {
	d := newDatabase(t)
	one, _ := migrated(t, d, sqlstore.WithTable("order")) // a word of SQL's
	other, _ := migrated(t, d, sqlstore.WithTable("z"+strings.Repeat("9", 47)))
	complete(t, one, "an event")
	claim(t, other, "an event", time.Hour, webhook.ClaimStatusGranted)
}

func testErrorsWithoutATableHoldNoValues(t *testing.T, newDatabase func(*testing.T) database) {
	s, _ := newStore(t, newDatabase(t))
	_, claimErr := s.Claim(t.Context(), "canary-id", time.Hour)
	_, pruneErr := s.Prune(t.Context())
	for what, err := range map[string]error{
		"claim":    claimErr,
		"complete": s.Complete(t.Context(), "canary-id", "canary-token"),
		"release":  s.Release(t.Context(), "canary-id", "canary-token"),
		"prune":    pruneErr,
	} {
		if err == nil || !strings.HasPrefix(err.Error(), "webhook/sqlstore: "+what+": ") || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "canary") {
			t.Errorf("%s: %+v", what, err)
		}
	}
}

// age makes all rows of the table older.
func age(t *testing.T, db *sql.DB, by time.Duration) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), fmt.Sprintf(`UPDATE klarna_webhook_events SET until_ms = until_ms - %d`, by.Milliseconds())); err != nil {
		t.Fatal(err)
	}
}

func testPruneDeletesAfterTheRetention(t *testing.T, newDatabase func(*testing.T) database) {
	s, db := migrated(t, newDatabase(t))
	const many = 2500 // more than two batches
	for i := range many {
		complete(t, s, fmt.Sprintf("old-%d", i))
	}
	abandoned := claim(t, s, "abandoned", 0, webhook.ClaimStatusGranted)
	age(t, db, time.Minute)
	complete(t, s, "young")
	held := claim(t, s, "in flight", time.Hour, webhook.ClaimStatusGranted)
	late := claim(t, s, "late", 0, webhook.ClaimStatusGranted)

	age(t, db, 48*time.Hour-30*time.Second)
	if n, err := s.Prune(t.Context()); err != nil || n != many+1 {
		t.Fatalf("deleted %d, %v; want %d", n, err, many+1)
	}
	if n, err := s.Prune(t.Context()); err != nil || n != 0 {
		t.Fatalf("deleted %d, %v; want 0", n, err)
	}
	claim(t, s, "young", time.Hour, webhook.ClaimStatusCompleted)
	claim(t, s, "old-0", time.Hour, webhook.ClaimStatusGranted)
	if err := s.Complete(t.Context(), "abandoned", abandoned); !errors.Is(err, webhook.ErrLostClaim) {
		t.Errorf("the abandoned claim: %v, want ErrLostClaim", err)
	}
	for id, token := range map[string]string{"in flight": held, "late": late} {
		if err := s.Complete(t.Context(), id, token); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// An event that is old enough to be deleted may be claimed again at the same time. Then it must
// remain.
func testPruneKeepsConcurrentClaims(t *testing.T, newDatabase func(*testing.T) database) {
	d := newDatabase(t)
	s, db := migrated(t, d)
	replica, _ := migrated(t, d)
	const many = 1000
	for i := range many {
		claim(t, s, strconv.Itoa(i), 0, webhook.ClaimStatusGranted)
	}
	age(t, db, 72*time.Hour)
	var all sync.WaitGroup
	tokens := make([]string, many)
	for worker := range 4 {
		all.Go(func() {
			for i := worker; i < many; i += 4 {
				c, err := replica.Claim(t.Context(), strconv.Itoa(i), time.Hour)
				if err != nil || c.Status != webhook.ClaimStatusGranted {
					t.Errorf("%d: %v, %v", i, c.Status, err)
				}
				tokens[i] = c.Token
			}
		})
	}
	claimed := make(chan struct{})
	pruned := make(chan error, 1)
	go func() {
		for {
			if _, err := s.Prune(t.Context()); err != nil {
				pruned <- err
				return
			}
			select {
			case <-claimed:
				pruned <- nil
				return
			default:
			}
		}
	}()
	all.Wait()
	close(claimed)
	if err := <-pruned; err != nil {
		t.Fatal(err)
	}
	for i, token := range tokens {
		if err := s.Complete(t.Context(), strconv.Itoa(i), token); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
}

func testDriversError(t *testing.T, newDatabase func(*testing.T) database) {
	d := newDatabase(t)
	s, _ := newStore(t, d)
	err := s.Release(t.Context(), "an event", "a token") // without a table
	if d.dialect == sqlstore.DialectPostgreSQL {
		if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != "42P01" {
			t.Errorf("%v, want one of code 42P01", err)
		}
		return
	}
	if e, ok := errors.AsType[*sqlite.Error](err); !ok || e.Code() != 1 {
		t.Errorf("%v, want one of code 1", err)
	}
}

func testTableNames(t *testing.T, newDatabase func(*testing.T) database) {
	d := newDatabase(t)
	s, db := migrated(t, d)
	complete(t, s, "an event")
	for _, name := range []string{"", `x"; DROP TABLE klarna_webhook_events; --`, "public.x", strings.Repeat("x", 49)} {
		if _, err := sqlstore.New(db, d.dialect, sqlstore.WithTable(name)); err == nil {
			t.Errorf("%q is accepted", name)
		}
	}
	if _, err := sqlstore.New(db, 0); err == nil {
		t.Error("a database without a dialect is accepted")
	}
	if _, err := sqlstore.New(db, d.dialect, sqlstore.WithRetention(time.Hour)); err == nil {
		t.Error("a retention of an hour is accepted")
	}
	claim(t, s, "an event", time.Hour, webhook.ClaimStatusCompleted)
}

func testDuplicatesDoNotKeep(t *testing.T, newDatabase func(*testing.T) database) {
	s, db := migrated(t, newDatabase(t))
	complete(t, s, "an event")
	age(t, db, 47*time.Hour)
	claim(t, s, "an event", time.Hour, webhook.ClaimStatusCompleted)
	age(t, db, 2*time.Hour)
	if n, err := s.Prune(t.Context()); err != nil || n != 1 {
		t.Errorf("deleted %d, %v; want 1", n, err)
	}
}

func testRetentionCanBeLonger(t *testing.T, newDatabase func(*testing.T) database) {
	s, db := migrated(t, newDatabase(t), sqlstore.WithRetention(30*24*time.Hour))
	complete(t, s, "an event")
	age(t, db, 29*24*time.Hour)
	if n, err := s.Prune(t.Context()); err != nil || n != 0 {
		t.Errorf("deleted %d, %v; want 0", n, err)
	}
	age(t, db, 2*24*time.Hour)
	if n, err := s.Prune(t.Context()); err != nil || n != 1 {
		t.Errorf("deleted %d, %v; want 1", n, err)
	}
}

// An id in Klarna's form is stored as it is. Other ids are stored as their digest, which must not
// be taken for another id.
func testIDsInDigestFormDoNotCollide(t *testing.T, newDatabase func(*testing.T) database) {
	s, db := migrated(t, newDatabase(t))
	complete(t, s, "Å")
	complete(t, s, "8f5f2b4e-0b1f-4a53-9d0c-8f3f1f4d2c11")
	rows, err := db.QueryContext(t.Context(), `SELECT event_id FROM klarna_webhook_events ORDER BY event_id`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if rows.Err() != nil || len(ids) != 2 || ids[0] != "8f5f2b4e-0b1f-4a53-9d0c-8f3f1f4d2c11" || !strings.HasPrefix(ids[1], "sha256:") {
		t.Fatalf("the table holds %q, %v", ids, rows.Err())
	}
	claim(t, s, ids[1], time.Hour, webhook.ClaimStatusGranted)
}
