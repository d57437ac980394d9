package sqltable

import (
	"slices"
	"strings"
)

// failure is an error of the database without the values of the statement, which some drivers
// quote.
type failure struct {
	text string
	err  error
}

// Failed returns an error that says what the store was doing, with the database's error text
// without the values. It wraps the driver's own error.
func (t *Table) Failed(doing string, err error, values ...string) error {
	text := err.Error()
	// The longest value is removed first, because a shorter one may be a part of it.
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) })
	for _, v := range values {
		if v != "" {
			text = strings.ReplaceAll(text, v, "[redacted]")
		}
	}
	return &failure{text: t.store + ": " + doing + ": " + text, err: err}
}

func (f *failure) Error() string { return f.text }

// Unwrap returns the driver's own error, for [errors.Is] and [errors.As].
func (f *failure) Unwrap() error { return f.err }
