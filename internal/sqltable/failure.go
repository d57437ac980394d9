package sqltable

import (
	"slices"
	"strings"
)

// failure is an error of the database's without the values that the statement was given, which some
// drivers quote.
type failure struct {
	text string
	err  error
}

// Failed tells what the store was doing, and what the database says without the values. The
// driver's own error is what it wraps.
func (t *Table) Failed(doing string, err error, values ...string) error {
	text := err.Error()
	// The longest first: a shorter one may be a part of it.
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) })
	for _, v := range values {
		if v != "" {
			text = strings.ReplaceAll(text, v, "[redacted]")
		}
	}
	return &failure{text: t.store + ": " + doing + ": " + text, err: err}
}

func (f *failure) Error() string { return f.text }

// Unwrap gives the driver's own error, for errors.Is and errors.As.
func (f *failure) Unwrap() error { return f.err }
