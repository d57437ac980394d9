package dbtest

import (
	"database/sql"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // the driver
)

// SQLite returns the file name of a new database for [OpenSQLite].
func SQLite(t testing.TB) (file string) {
	t.Helper()
	return filepath.Join(t.TempDir(), "test.db")
}

// OpenSQLite opens a file with a pool of its own, as a replica of a program does. The pool is
// closed when the test ends.
func OpenSQLite(t testing.TB, file string) *sql.DB {
	t.Helper()
	return open(t, "sqlite", "file:"+file+"?_pragma=busy_timeout(20000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)")
}

func open(t testing.TB, driver, name string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}
