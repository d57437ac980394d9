// Package problem collects the problems that local validation finds.
package problem

import "github.com/klarna-go/klarna-go/klarna"

// List is a list of problems. Callers add only what is wrong according to Klarna's documentation.
type List []klarna.ValidationError

// Add adds a problem with the parameter at a JSON path.
func (l *List) Add(path, reason string) {
	*l = append(*l, klarna.ValidationError{Parameter: path, Reasons: []string{reason}})
}

// Required adds a problem if value is empty.
func (l *List) Required(path, value string) {
	if value == "" {
		l.Add(path, "is required")
	}
}

// Amount adds a problem if value is negative.
func (l *List) Amount(path string, value int64) {
	if value < 0 {
		l.Add(path, "is negative")
	}
}
