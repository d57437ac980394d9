// Package redact provides types for values that must never be printed: secrets, personal data, and
// raw bodies that may contain either. Such a value does not get into a log, an error text or a
// panic by accident. A method of its own returns it.
package redact

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Text is printed instead of a value that must not be shown.
const Text = "[redacted]"

// Unprintable is printed instead of an id or a state that does not look like one.
const Unprintable = "[unprintable]"

// Format writes text, so that package fmt does not print the fields of a redacted type.
func Format(s fmt.State, text string) {
	// fmt.State writes to memory, so the write does not fail.
	_, _ = io.WriteString(s, text)
}

// Describe returns what may be shown of a value that contains personal data: the name of its type,
// and the given ids, states, references and amounts.
func Describe(typeName string, shown ...string) string {
	if len(shown) == 0 {
		return typeName + "{" + Text + "}"
	}
	return typeName + "{" + strings.Join(shown, " ") + "}"
}

// Show returns an id, a state or a reference as it may be printed. An answer may contain any text
// in its place, so Show returns a placeholder unless the text is short and printable.
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

// ShowIntPointer returns a number as text, or "" for nil.
func ShowIntPointer[T ~int | ~int64](n *T) string {
	if n == nil {
		return ""
	}
	return ShowInt(*n)
}

// ShowInt returns a number as text.
func ShowInt[T ~int | ~int64](n T) string { return strconv.FormatInt(int64(n), 10) }
