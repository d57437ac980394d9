//go:build race

package dbtest_test

const raceEnabled = true
