// Package dbtest gives tests a real database: a file of SQLite's, and a PostgreSQL of their own. It
// is a module of its own, so that who uses klarna-go does not inherit the drivers.
package dbtest
