// Package redact holds the types that carry what must never be printed: secrets, personal data and
// raw bodies that may contain either. A redacted value cannot reach a log, an error text or a panic
// by accident; whoever needs it asks for it by name.
package redact

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Text is what stands in for a value that must not be shown.
const Text = "[redacted]"

// Unprintable is what stands in for an id or a state that looks like neither.
const Unprintable = "[unprintable]"

// Format writes stand-in for any verb, so that no formatting of a redacted type falls through to
// reflection.
func Format(s fmt.State, standIn string) {
	// A failed write has nowhere to go: fmt.State only ever writes to memory.
	_, _ = io.WriteString(s, standIn)
}

// Describe returns what may be shown of a value that holds personal data: the name of its type, and
// those of its members that are named: ids, states, references and amounts.
func Describe(typeName string, shown ...string) string {
	if len(shown) == 0 {
		return typeName + "{" + Text + "}"
	}
	return typeName + "{" + strings.Join(shown, " ") + "}"
}

// Show returns an id, a state or a reference as it may be printed. Another's answer can hold any
// text in their place, so only a short one of printable characters is shown.
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

// ShowIntPointer returns a number as it is printed, "" for nil.
func ShowIntPointer[T ~int | ~int64](n *T) string {
	if n == nil {
		return ""
	}
	return ShowInt(*n)
}

// ShowInt returns a number as it is printed.
func ShowInt[T ~int | ~int64](n T) string { return strconv.FormatInt(int64(n), 10) }
