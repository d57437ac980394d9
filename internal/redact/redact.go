// Package redact holds the types that carry what must never be printed: secrets, personal data and raw
// bodies that may contain either. A redacted value cannot reach a log, an error text or a panic by accident;
// whoever needs it asks for it by name.
package redact

import (
	"fmt"
	"io"
	"log/slog"
)

// Text is what stands in for a value that must not be shown.
const Text = "[redacted]"

// Format writes stand-in for any verb, so that no formatting of a redacted type falls through to reflection.
func Format(s fmt.State, standIn string) {
	// A failed write has nowhere to go: fmt.State only ever writes to memory.
	_, _ = io.WriteString(s, standIn)
}

// Personal formats a value that holds personal data: its type's name and nothing of its content.
func Personal(s fmt.State, typeName string) {
	Format(s, typeName+"{"+Text+"}")
}

// LogPersonal is Personal for log/slog.
func LogPersonal(typeName string) slog.Value {
	return slog.StringValue(typeName + "{" + Text + "}")
}
