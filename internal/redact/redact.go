// Package redact has types for values that must never be printed: secrets, personal data and raw
// bodies that may contain either. A redacted value cannot reach a log, an error text or a panic by
// accident. Reading it takes an explicit call.
package redact

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Text replaces a value that must not be shown.
const Text = "[redacted]"

// Unprintable replaces an id or a state that does not have the form of one.
const Unprintable = "[unprintable]"

// Format writes standIn for every verb, so that no formatting of a redacted type uses reflection.
func Format(s fmt.State, standIn string) {
	// A failed write cannot be reported: fmt.State only writes to memory.
	_, _ = io.WriteString(s, standIn)
}

// Describe returns the printable description of a value that holds personal data: the name of its
// type, and the given ids, states, references and amounts.
func Describe(typeName string, shown ...string) string {
	if len(shown) == 0 {
		return typeName + "{" + Text + "}"
	}
	return typeName + "{" + strings.Join(shown, " ") + "}"
}

// Show returns the printable form of an id, a state or a reference. A foreign answer can contain
// any text in their place, so only a short one of printable characters is shown.
func Show[T ~string](text T) string {
	if len(text) > 4*255 {
		return Unprintable
	}
	for _, r := range string(text) {
		if r == utf8.RuneError || !strconv.IsPrint(r) {
			return Unprintable
		}
	}
	return string(text)
}

// ShowIntPointer returns the printable form of a number, or "" for nil.
func ShowIntPointer[T ~int | ~int64](n *T) string {
	if n == nil {
		return ""
	}
	return ShowInt(*n)
}

// ShowInt returns the printable form of a number.
func ShowInt[T ~int | ~int64](n T) string { return strconv.FormatInt(int64(n), 10) }
