// Package dbtest provides real databases for tests: an SQLite file and a PostgreSQL server. It is a
// module of its own, so that users of klarna-go do not inherit the drivers.
package dbtest
