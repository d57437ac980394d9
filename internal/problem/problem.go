// Package problem collects what a local validation finds.
package problem

import "github.com/klarna-go/klarna-go/klarna"

// List is what was found. It holds only what Klarna's documentation proves wrong; everything
// unproven goes through.
type List []klarna.ValidationError

// Add adds that the parameter at a JSON path is refused for a reason.
func (l *List) Add(path, reason string) {
	*l = append(*l, klarna.ValidationError{Parameter: path, Reasons: []string{reason}})
}

// Required adds a text that is missing.
func (l *List) Required(path, value string) {
	if value == "" {
		l.Add(path, "is required")
	}
}

// Amount adds an amount below zero.
func (l *List) Amount(path string, value int64) {
	if value < 0 {
		l.Add(path, "is negative")
	}
}
