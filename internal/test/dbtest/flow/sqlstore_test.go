package flow_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/authorization/flow/sqlstore"
	"github.com/klarna-go/klarna-go/authorization/flow/storetest"
	"github.com/klarna-go/klarna-go/internal/sqltable"
	"github.com/klarna-go/klarna-go/internal/test/dbtest"
)

// database is a new, empty database that any number of replicas can open.
type database struct {
	dialect sqlstore.Dialect
	open    func() *sql.DB
}

func TestSQLite(t *testing.T) {
	testStore(t, sqliteDatabase)
}

func TestPostgreSQL(t *testing.T) {
	server := dbtest.StartPostgres(t)
	testStore(t, func(t testing.TB) database { return postgresDatabase(t, server) })
}

func sqliteDatabase(t testing.TB) database {
	file := dbtest.SQLite(t)
	return database{sqlstore.DialectSQLite, func() *sql.DB { return bounded(dbtest.OpenSQLite(t, file)) }}
}

func postgresDatabase(t testing.TB, server *dbtest.Postgres) database {
	name := server.NewDatabase(t)
	return database{sqlstore.DialectPostgreSQL, func() *sql.DB { return bounded(server.Open(t, name)) }}
}

func bounded(db *sql.DB) *sql.DB {
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	return db
}

func testStore(t *testing.T, newDatabase func(testing.TB) database) {
	for _, tc := range []struct {
		name string
		test func(t *testing.T, newDatabase func(testing.TB) database)
	}{
		{"store conforms", testStoreConforms},
		{"two replicas conform", testTwoReplicasConform},
		{"replicas that often die finish every purchase", testReplicasThatDie},
		{"replicas that start together migrate once", testConcurrentStartsMigrateOnce},
		{"replicas that start together migrate an older version", testReplicasMigrateAnOlderVersion},
		{"a program of the previous version works on the migrated table", testProgramOfTheVersionBefore},
		{"a failed migration changes nothing", testFailedMigration},
		{"migrate keeps the rows", testMigrateKeepsRows},
		{"migrate refuses tables of others", testMigrateRefusesForeignTables},
		{"tables are separate and may have any name", testTablesAreSeparate},
		{"people can read the table", testTheTableCanBeRead},
		{"impossible ids are not found", testImpossibleIDsAreNotFound},
		{"errors hold no values", testErrorsHoldNoValues},
		{"prune deletes ended purchases after the retention", testPrune},
		{"prune keeps concurrent changes", testPruneKeepsConcurrentChanges},
		{"operations of two replicas are made once", testOperations},
		{"a claim costs the same with a million ended purchases", testClaimWithAMillionEnded},
	} {
		t.Run(tc.name, func(t *testing.T) { tc.test(t, newDatabase) })
	}
}

func newStore(t testing.TB, d database, options ...sqlstore.Option) (*sqlstore.Store, *sql.DB) {
	t.Helper()
	db := d.open()
	s, err := sqlstore.New(db, d.dialect, options...)
	if err != nil {
		t.Fatal(err)
	}
	return s, db
}

func migrated(t testing.TB, d database, options ...sqlstore.Option) (*sqlstore.Store, *sql.DB) {
	t.Helper()
	s, db := newStore(t, d, options...)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, db
}

func execute(t testing.TB, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

var noon = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

func create(t testing.TB, s flow.Store, r flow.Record) {
	t.Helper()
	if r.Data == nil {
		r.Data = []byte(`{}`)
	}
	if err := s.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}

func testStoreConforms(t *testing.T, newDatabase func(testing.TB) database) {
	storetest.Run(t, func(t *testing.T) flow.Store {
		s, _ := migrated(t, newDatabase(t))
		return s
	})
}

// Two replicas take turns with each call.
func testTwoReplicasConform(t *testing.T, newDatabase func(testing.TB) database) {
	storetest.Run(t, func(t *testing.T) flow.Store {
		d := newDatabase(t)
		one, _ := migrated(t, d)
		other, _ := migrated(t, d)
		return &alternating{stores: [2]flow.Store{one, other}}
	})
}

type alternating struct {
	turn   atomic.Int64
	stores [2]flow.Store
}

func (a *alternating) next() flow.Store { return a.stores[a.turn.Add(1)%2] }

func (a *alternating) Create(ctx context.Context, r flow.Record) error {
	return a.next().Create(ctx, r)
}

func (a *alternating) Load(ctx context.Context, id string) (flow.Record, error) {
	return a.next().Load(ctx, id)
}

func (a *alternating) FindPaymentRequest(ctx context.Context, id string) (flow.Record, error) {
	return a.next().FindPaymentRequest(ctx, id)
}

func (a *alternating) FindReference(ctx context.Context, reference string) (flow.Record, error) {
	return a.next().FindReference(ctx, reference)
}

func (a *alternating) Setting(ctx context.Context, name string) (string, error) {
	return a.next().(flow.Guarded).Setting(ctx, name)
}

func (a *alternating) ChangeSetting(ctx context.Context, name, from, to string) error {
	return a.next().(flow.Guarded).ChangeSetting(ctx, name, from, to)
}

func (a *alternating) ListDamaged(ctx context.Context, after string, limit int) ([]flow.Record, error) {
	return a.next().(flow.DamagedLister).ListDamaged(ctx, after, limit)
}

func (a *alternating) Update(ctx context.Context, r flow.Record) error {
	return a.next().Update(ctx, r)
}

func (a *alternating) ClaimDue(ctx context.Context, params flow.ClaimParams) ([]flow.Claimed, error) {
	return a.next().ClaimDue(ctx, params)
}

// dueIn returns the parameters of a claim from the default lane of records.
func dueIn(now, until time.Time, limit int) flow.ClaimParams {
	return flow.ClaimParams{Now: now, Until: until, Limit: limit, Lanes: []flow.Lane{0}}
}

// Four replicas process purchases, each of which has five steps to its final state. They abandon a
// third of their claims, which are due again later. At the end each purchase must have had each of
// its steps once, and a claim for each attempt.
func testReplicasThatDie(t *testing.T, newDatabase func(testing.TB) database) {
	const purchases, steps = 100, 5
	d := newDatabase(t)
	first, _ := migrated(t, d)
	for i := range purchases {
		create(t, first, flow.Record{ID: strconv.Itoa(i), State: flow.StateBegun, DueAt: noon, Data: []byte("0"), Sealed: []byte("sealed")})
	}
	var clock, open, claims, deaths atomic.Int64
	open.Store(purchases)
	work := func(s flow.Store, random *rand.Rand) error {
		for open.Load() > 0 {
			now := noon.Add(time.Duration(clock.Add(1)) * time.Second)
			list, err := s.ClaimDue(t.Context(), dueIn(now, now.Add(20*time.Second), 3))
			if err != nil {
				return err
			}
			for _, r := range list {
				claims.Add(1)
				if random.IntN(3) == 0 {
					deaths.Add(1)
					continue
				}
				step, err := strconv.Atoi(string(r.Data))
				if err != nil {
					return err
				}
				r.Data, r.DueAt = []byte(strconv.Itoa(step+1)), now
				if step+1 == steps {
					r.State, r.DueAt, r.Sealed = flow.StateAuthorized, time.Time{}, nil
				}
				switch err := s.Update(t.Context(), r.Record); {
				case err == nil && step+1 == steps:
					open.Add(-1)
				case errors.Is(err, flow.ErrChanged):
					// The lease has ended and another replica has claimed the purchase, as if this
					// one had died.
					deaths.Add(1)
				case err != nil:
					return err
				}
			}
		}
		return nil
	}
	var replicas sync.WaitGroup
	for i := range 4 {
		s, _ := newStore(t, d)
		replicas.Go(func() {
			if err := work(s, rand.New(rand.NewPCG(uint64(i), 0))); err != nil {
				t.Error(err)
				open.Store(0)
			}
		})
	}
	replicas.Wait()
	versions := int64(0)
	for i := range purchases {
		r, err := first.Load(t.Context(), strconv.Itoa(i))
		if err != nil || r.State != flow.StateAuthorized || string(r.Data) != strconv.Itoa(steps) || !r.DueAt.IsZero() {
			t.Errorf("%d: %v, %s, due %v, %v", i, r.State, r.Data, r.DueAt, err)
		}
		versions += r.Version
	}
	if want := purchases + claims.Load() + purchases*steps; versions != want || claims.Load() != purchases*steps+deaths.Load() || deaths.Load() == 0 {
		t.Errorf("%d versions, want %d; %d claims, of which %d were abandoned", versions, want, claims.Load(), deaths.Load())
	}
	t.Logf("%d claims, of which %d were abandoned", claims.Load(), deaths.Load())
}

func testConcurrentStartsMigrateOnce(t *testing.T, newDatabase func(testing.TB) database) {
	for range 5 {
		d := newDatabase(t)
		var replicas sync.WaitGroup
		start := make(chan struct{})
		for i := range 12 {
			s, _ := newStore(t, d)
			replicas.Go(func() {
				<-start
				if err := s.Migrate(t.Context()); err != nil {
					t.Error(err)
					return
				}
				if err := s.Create(t.Context(), flow.Record{ID: strconv.Itoa(i), Data: []byte(`{}`)}); err != nil {
					t.Error(err)
				}
			})
		}
		close(start)
		replicas.Wait()
	}
}

// versions are the steps of a table with several versions.
var versions = []sqltable.Step{
	{Statements: []string{`CREATE TABLE {table} (id TEXT NOT NULL PRIMARY KEY)`}},
	{Statements: []string{`ALTER TABLE {table} ADD COLUMN changes INTEGER NOT NULL DEFAULT 0`}},
	{Statements: []string{`UPDATE {table} SET changes = changes + 1`}, Indexes: []sqltable.Index{{Suffix: "_changes", Definition: "(changes)"}}, Breaks: true},
}

const lock = 1

func newTable(t testing.TB, d database) (*sqltable.Table, *sql.DB) {
	t.Helper()
	db := d.open()
	table, err := sqltable.New("a/store", db, sqltable.Dialect(d.dialect), "things")
	if err != nil {
		t.Fatal(err)
	}
	return table, db
}

func testReplicasMigrateAnOlderVersion(t *testing.T, newDatabase func(testing.TB) database) {
	for older := range versions {
		d := newDatabase(t)
		table, db := newTable(t, d)
		if older > 0 {
			if err := table.Migrate(t.Context(), lock, versions[:older]...); err != nil {
				t.Fatal(err)
			}
			execute(t, db, `INSERT INTO things (id) VALUES ('a thing')`)
		}
		var replicas sync.WaitGroup
		start := make(chan struct{})
		for range 8 {
			replica, _ := newTable(t, d)
			replicas.Go(func() {
				<-start
				if err := replica.Migrate(t.Context(), lock, versions...); err != nil {
					t.Error(err)
				}
			})
		}
		close(start)
		replicas.Wait()
		var things, changes, version int
		if err := db.QueryRowContext(t.Context(), `SELECT count(*), coalesce(sum(changes), 0), (SELECT sum(version * done / 3) FROM things_schema) FROM things`).Scan(&things, &changes, &version); err != nil {
			t.Fatal(err)
		}
		if want := min(older, 1); things != want || changes != want || version != len(versions) {
			t.Errorf("from version %d: %d things with %d changes, version %d; want %d with %d, version %d", older, things, changes, version, want, want, len(versions))
		}
		if older > 0 {
			execute(t, db, `INSERT INTO things (id) VALUES ('of an older program')`)
		}
		if err := table.Migrate(t.Context(), lock, versions[:2]...); err == nil || err.Error() != `a/store: migrate: the table "things" needs version 3, but this program knows only version 2` {
			t.Errorf("to an older version: %v", err)
		}
	}
}

// The statements are those of the first version. Its Migrate refused a version other than 1.
func testProgramOfTheVersionBefore(t *testing.T, newDatabase func(testing.TB) database) {
	d := newDatabase(t)
	db := d.open()
	for _, statement := range []string{
		`CREATE TABLE klarna_purchases_schema (version INTEGER NOT NULL)`,
		`INSERT INTO klarna_purchases_schema (version) VALUES (1)`,
		`CREATE TABLE klarna_purchases (id TEXT NOT NULL PRIMARY KEY, payment_request_id TEXT UNIQUE, state TEXT NOT NULL, due_ms BIGINT, was_due_ms BIGINT,
			version BIGINT NOT NULL, changed_ms BIGINT NOT NULL, data TEXT NOT NULL, sealed ` + map[sqlstore.Dialect]string{sqlstore.DialectSQLite: "BLOB", sqlstore.DialectPostgreSQL: "BYTEA"}[d.dialect] + `)`,
		`CREATE INDEX klarna_purchases_due ON klarna_purchases (due_ms) WHERE due_ms IS NOT NULL`,
		`CREATE INDEX klarna_purchases_ended ON klarna_purchases (changed_ms) WHERE due_ms IS NULL`,
	} {
		execute(t, db, statement)
	}
	insert := func(id string) {
		execute(t, db, fmt.Sprintf(`INSERT INTO klarna_purchases (id, payment_request_id, state, due_ms, data, sealed, version, changed_ms)
			VALUES ('%s', NULL, 'BEGUN', %d, '{}', NULL, 1, 1)`, id, noon.UnixMilli()))
	}
	insert("before")
	newer, _ := migrated(t, d)
	insert("after")
	var version int
	if err := db.QueryRowContext(t.Context(), `SELECT version FROM klarna_purchases_schema`).Scan(&version); err != nil || version != 1 {
		t.Errorf("the program of version 1 finds version %d, %v", version, err)
	}
	params := dueIn(noon, noon.Add(time.Minute), 10)
	params.Lanes = []flow.Lane{flow.LaneWaiting}
	list, err := newer.ClaimDue(t.Context(), params)
	if err != nil || len(list) != 2 {
		t.Fatalf("what the older program wrote: %d claimed, %v", len(list), err)
	}
	moved := list[0].Record
	moved.PartnerAccountID, moved.Lane = "an account", flow.LaneBegun
	if err := newer.Update(t.Context(), moved); err != nil {
		t.Fatal(err)
	}
	// The older program claims what the newer one has updated, and updates it.
	execute(t, db, fmt.Sprintf(`UPDATE klarna_purchases SET was_due_ms = due_ms, due_ms = %d, version = version + 1 WHERE id IN (
		SELECT id FROM klarna_purchases WHERE due_ms <= %[1]d ORDER BY due_ms LIMIT 10)`, noon.Add(time.Minute).UnixMilli()))
	execute(t, db, `UPDATE klarna_purchases SET state = 'FINALIZING', data = '{"a":1}', version = version + 1 WHERE version = 4`)
	got, err := newer.Load(t.Context(), moved.ID)
	if err != nil || got.State != flow.StateFinalizing || got.PartnerAccountID != "an account" || got.Lane != flow.LaneBegun || got.Version != 5 {
		t.Errorf("then the record is %+v, %v", got, err)
	}
}

func testFailedMigration(t *testing.T, newDatabase func(testing.TB) database) {
	table, db := newTable(t, newDatabase(t))
	if err := table.Migrate(t.Context(), lock, versions[:1]...); err != nil {
		t.Fatal(err)
	}
	wrong := []sqltable.Step{versions[0], versions[1], {Statements: []string{`CREATE INDEX {table:_changes} ON {table} (changes)`, `UPDATE {table} SET nothing = 1`}}}
	if err := table.Migrate(t.Context(), lock, wrong...); err == nil || !strings.HasPrefix(err.Error(), "a/store: migrate: ") {
		t.Errorf("%v", err)
	}
	var version int
	if err := db.QueryRowContext(t.Context(), `SELECT version FROM things_schema`).Scan(&version); err != nil || version != 1 {
		t.Errorf("version %d, %v; want 1", version, err)
	}
	if err := table.Migrate(t.Context(), lock, versions...); err != nil {
		t.Errorf("and then: %v", err)
	}
}

func testMigrateKeepsRows(t *testing.T, newDatabase func(testing.TB) database) {
	d := newDatabase(t)
	s, _ := migrated(t, d)
	create(t, s, flow.Record{ID: "a purchase"})
	again, _ := migrated(t, d)
	if _, err := again.Load(t.Context(), "a purchase"); err != nil {
		t.Error(err)
	}
}

func testMigrateRefusesForeignTables(t *testing.T, newDatabase func(testing.TB) database) {
	for _, tc := range []struct {
		name string
		do   []string
		want string
	}{
		{"a table", []string{`CREATE TABLE klarna_purchases (id TEXT)`}, `the name "klarna_purchases" is taken by something that does not belong to this store: the table "klarna_purchases_schema" does not exist`},
		{"a view", []string{`CREATE VIEW klarna_purchases AS SELECT 1 AS id`}, `the name "klarna_purchases" is taken by something that does not belong to this store: the table "klarna_purchases_schema" does not exist`},
		{"only a table of versions", []string{`CREATE TABLE klarna_purchases_schema (version INTEGER)`}, `the table "klarna_purchases_schema" exists, but the table "klarna_purchases" does not`},
		{"both tables", []string{`CREATE TABLE klarna_purchases (id TEXT)`, `CREATE TABLE klarna_purchases_schema (id TEXT)`}, `the table "klarna_purchases_schema" does not belong to this store, or has no version: `},
		{"a table of versions that is empty", []string{`CREATE TABLE klarna_purchases (id TEXT)`, `CREATE TABLE klarna_purchases_schema (version INTEGER)`}, `the table "klarna_purchases_schema" does not belong to this store, or has no version: `},
		{"a newer version", []string{`CREATE TABLE klarna_purchases (id TEXT)`, `CREATE TABLE klarna_purchases_schema (version INTEGER)`, `INSERT INTO klarna_purchases_schema VALUES (99)`}, `the table "klarna_purchases" needs version 99, but this program knows only version 3`},
		{"an impossible version", []string{`CREATE TABLE klarna_purchases (id TEXT)`, `CREATE TABLE klarna_purchases_schema (version INTEGER)`, `INSERT INTO klarna_purchases_schema VALUES (-1)`}, `the table "klarna_purchases" needs version -1, but this program knows only version 3`},
	} {
		s, db := newStore(t, newDatabase(t))
		for _, statement := range tc.do {
			execute(t, db, statement)
		}
		for range 2 {
			if err := s.Migrate(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "flow/sqlstore: migrate: "+tc.want) {
				t.Errorf("%s: %v, want %s", tc.name, err, tc.want)
			}
		}
	}
}

func testTablesAreSeparate(t *testing.T, newDatabase func(testing.TB) database) {
	d := newDatabase(t)
	// The first name is a word of SQL.
	for _, name := range []string{"order", "z" + strings.Repeat("9", 47), "klarna_purchases"} {
		s, _ := migrated(t, d, sqlstore.WithTable(name))
		create(t, s, flow.Record{ID: "a purchase", PaymentRequestID: "a payment request"})
		if again, _ := migrated(t, d, sqlstore.WithTable(name)); again.Create(t.Context(), flow.Record{ID: "a purchase"}) == nil {
			t.Errorf("%s: created twice", name)
		}
	}
}

func testTheTableCanBeRead(t *testing.T, newDatabase func(testing.TB) database) {
	s, db := migrated(t, newDatabase(t))
	create(t, s, flow.Record{ID: "å", State: flow.StateBegun, Data: []byte(`{"a":1}`)})
	create(t, s, flow.Record{ID: "b", PaymentRequestID: "krn:1", State: flow.StateFinalizing, DueAt: noon, Data: []byte(`{}`), Sealed: []byte{0, 1}})
	if list, err := s.ClaimDue(t.Context(), dueIn(noon, noon.Add(time.Minute), 10)); err != nil || len(list) != 1 {
		t.Fatalf("%d, %v", len(list), err)
	}
	rows, err := db.QueryContext(t.Context(), `SELECT id, coalesce(payment_request_id, 'NULL'), state, coalesce(due_ms, -1), coalesce(was_due_ms, -1), version, data, coalesce(length(sealed), -1), changed_ms FROM klarna_purchases ORDER BY version`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got []string
	for rows.Next() {
		var id, request, state, data string
		var due, wasDue, version, sealed, changed int64
		if err := rows.Scan(&id, &request, &state, &due, &wasDue, &version, &data, &sealed, &changed); err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(id, " ", request, " ", state, " ", due, " ", wasDue, " ", version, " ", data, " ", sealed))
		if age := time.Since(time.UnixMilli(changed)); age < -time.Minute || age > time.Minute {
			t.Errorf("%s was changed %v ago", id, age)
		}
	}
	want := fmt.Sprintf(`[å NULL BEGUN -1 -1 1 {"a":1} -1 b krn:1 FINALIZING %d %d 2 {} 2]`, noon.Add(time.Minute).UnixMilli(), noon.UnixMilli())
	if fmt.Sprint(got) != want || rows.Err() != nil {
		t.Errorf("the table holds\n%v, want\n%v; %v", got, want, rows.Err())
	}
}

func testImpossibleIDsAreNotFound(t *testing.T, newDatabase func(testing.TB) database) {
	s, _ := migrated(t, newDatabase(t))
	create(t, s, flow.Record{ID: "a"})
	for _, id := range []string{"", "a\x00", "\xff", strings.Repeat("x", 1<<20)} {
		if _, err := s.Load(t.Context(), id); !errors.Is(err, flow.ErrNotFound) {
			t.Errorf("Load of %.10q: %v, want ErrNotFound", id, err)
		}
		if _, err := s.FindPaymentRequest(t.Context(), id); !errors.Is(err, flow.ErrNotFound) {
			t.Errorf("FindPaymentRequest of %.10q: %v, want ErrNotFound", id, err)
		}
	}
}

// Without a table everything fails. With a table, text that PostgreSQL cannot store fails.
func testErrorsHoldNoValues(t *testing.T, newDatabase func(testing.TB) database) {
	d := newDatabase(t)
	s, _ := newStore(t, d)
	r := flow.Record{ID: "canary-id", PaymentRequestID: "canary-request", Data: []byte(`"canary-data"`), Sealed: []byte("canary-sealed")}
	_, load := s.Load(t.Context(), r.ID)
	_, find := s.FindPaymentRequest(t.Context(), r.PaymentRequestID)
	_, claim := s.ClaimDue(t.Context(), dueIn(noon, noon, 1))
	_, prune := s.Prune(t.Context())
	all := map[string]error{
		"create": s.Create(t.Context(), r), "load": load, "find a payment request": find, "update": s.Update(t.Context(), r),
		"claim what is due": claim, "prune": prune,
	}
	if d.dialect == sqlstore.DialectPostgreSQL {
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.Data = []byte("canary\xff")
		all["create "] = s.Create(t.Context(), r)
		create(t, s, flow.Record{ID: r.ID})
		r.Version = 1
		all["update "] = s.Update(t.Context(), r)
	}
	for what, err := range all {
		what = strings.TrimSpace(what)
		if err == nil || !strings.HasPrefix(err.Error(), "flow/sqlstore: "+what+": ") || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "canary") {
			t.Errorf("%s: %+v", what, err)
		}
	}
}

// age makes all rows of the table older.
func age(t *testing.T, db *sql.DB, by time.Duration) {
	t.Helper()
	execute(t, db, fmt.Sprintf(`UPDATE klarna_purchases SET changed_ms = changed_ms - %d`, by.Milliseconds()))
}

func testPrune(t *testing.T, newDatabase func(testing.TB) database) {
	d := newDatabase(t)
	s, db := migrated(t, d)
	const many = 2500 // more than two batches
	ends := []flow.State{flow.StateAuthorized, flow.StateDeclined, flow.StateCanceled, flow.StateExpired, flow.StateRejected}
	for i := range many {
		create(t, s, flow.Record{ID: strconv.Itoa(i), PaymentRequestID: strconv.Itoa(i), State: ends[i%len(ends)]})
	}
	create(t, s, flow.Record{ID: "due", State: flow.StateAuthorized, DueAt: time.UnixMilli(1).UTC()})
	create(t, s, flow.Record{ID: "reopened", State: flow.StateAuthorized})
	for _, kept := range []flow.State{flow.StateUnknown, flow.StateAwaitingCustomer, flow.StateFinalizing, "OF_TOMORROW"} {
		create(t, s, flow.Record{ID: string(kept), State: kept})
	}
	age(t, db, time.Minute)
	create(t, s, flow.Record{ID: "young", State: flow.StateAuthorized})
	if err := s.Update(t.Context(), flow.Record{ID: "reopened", State: flow.StateAuthorized, Version: 1, Data: []byte(`{}`)}); err != nil {
		t.Fatal(err)
	}
	prune := func(s *sqlstore.Store, want int64) {
		t.Helper()
		if n, err := s.Prune(t.Context()); err != nil || n != want {
			t.Errorf("deleted %d, %v; want %d", n, err, want)
		}
	}
	prune(s, 0)
	age(t, db, 90*24*time.Hour-30*time.Second)
	longer, _ := newStore(t, d, sqlstore.WithRetention(91*24*time.Hour))
	prune(longer, 0)
	prune(s, many)
	prune(s, 0)
	for id, want := range map[string]error{"0": flow.ErrNotFound, "due": nil, "reopened": nil, "young": nil, "UNKNOWN": nil, "AWAITING_CUSTOMER": nil, "FINALIZING": nil, "OF_TOMORROW": nil} {
		if _, err := s.Load(t.Context(), id); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", id, err, want)
		}
	}
	create(t, s, flow.Record{ID: "0", PaymentRequestID: "0", State: flow.StateAuthorized})
	shorter, _ := newStore(t, d, sqlstore.WithRetention(25*time.Hour))
	prune(shorter, 2)
}

// A row that is old enough to be deleted may change at the same time. Then it must remain.
func testPruneKeepsConcurrentChanges(t *testing.T, newDatabase func(testing.TB) database) {
	d := newDatabase(t)
	s, db := migrated(t, d)
	replica, _ := migrated(t, d)
	const many = 1000
	for i := range many {
		create(t, s, flow.Record{ID: strconv.Itoa(i), State: flow.StateAuthorized})
	}
	age(t, db, 365*24*time.Hour)
	var all sync.WaitGroup
	var kept [many]bool
	for worker := range 4 {
		all.Go(func() {
			for i := many - 1 - worker; i >= 0; i -= 4 {
				err := replica.Update(t.Context(), flow.Record{ID: strconv.Itoa(i), State: flow.StateAuthorized, Version: 1, Data: []byte(`{}`)})
				if kept[i] = err == nil; !kept[i] && !errors.Is(err, flow.ErrNotFound) {
					t.Errorf("%d: %v", i, err)
				}
			}
		})
	}
	deleted, err := s.Prune(t.Context())
	all.Wait()
	if err != nil {
		t.Fatal(err)
	}
	left := 0
	for i, kept := range kept {
		_, err := s.Load(t.Context(), strconv.Itoa(i))
		if kept != (err == nil) {
			t.Errorf("%d was updated: %v; exists: %v", i, kept, err)
		}
		if kept {
			left++
		}
	}
	t.Logf("%d updated, %d deleted", left, deleted)
	if int64(left)+deleted != many {
		t.Errorf("%d updated and %d deleted of %d", left, deleted, many)
	}
}
