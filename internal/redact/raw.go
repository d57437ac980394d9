package redact

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
)

// RawJSON is JSON text as it came, byte for byte. It prints only its size, because a body may
// contain tokens and personal data. Bytes returns the text. The zero value holds no text.
//
// A function holds the text, because printers do not look into functions. Package fmt calls no
// methods of a value in an unexported field, and other printers follow pointers. Compare two values
// with Equal and not with reflect.DeepEqual, which cannot compare functions.
type RawJSON struct {
	text func() []byte
	// size is the size of the text. It also keeps the printer spew from crashing: without a second
	// field the value is a single pointer, which spew takes for the address of a RawJSON.
	size int
}

// NewRawJSON returns a RawJSON that holds a copy of text. For an empty text it returns the zero
// RawJSON.
func NewRawJSON[T ~string | ~[]byte](text T) RawJSON {
	return RawJSONOf(append([]byte(nil), text...)) // a conversion of bytes would not copy
}

// RawJSONOf returns a RawJSON that holds text itself, which the caller must not change any more.
func RawJSONOf(text []byte) RawJSON {
	if len(text) == 0 {
		return RawJSON{}
	}
	return RawJSON{text: func() []byte { return text }, size: len(text)}
}

// Bytes returns the text, or nil if r holds none. The caller must not change it.
func (r RawJSON) Bytes() []byte {
	if r.text == nil {
		return nil
	}
	return r.text()
}

// IsZero reports whether r holds no text.
func (r RawJSON) IsZero() bool { return r.text == nil }

// Equal reports whether r and other hold the same bytes.
func (r RawJSON) Equal(other RawJSON) bool { return bytes.Equal(r.Bytes(), other.Bytes()) }

// String returns the size, not the content.
func (r RawJSON) String() string { return fmt.Sprintf("[%d bytes of JSON]", r.size) }

// GoString returns what String does.
func (r RawJSON) GoString() string { return r.String() }

// Format writes what String returns, whatever the verb.
func (r RawJSON) Format(s fmt.State, _ rune) { Format(s, r.String()) }

// LogValue returns what String does.
func (r RawJSON) LogValue() slog.Value { return slog.StringValue(r.String()) }

// MarshalJSON returns the text as it is, or null if r holds none.
func (r RawJSON) MarshalJSON() ([]byte, error) {
	if r.IsZero() {
		return []byte("null"), nil
	}
	return r.Bytes(), nil
}

// UnmarshalJSON keeps a copy of the text.
func (r *RawJSON) UnmarshalJSON(text []byte) error {
	if r == nil {
		return errors.New("cannot decode JSON into a nil RawJSON")
	}
	*r = NewRawJSON(text)
	return nil
}

// Unknown holds, by name, the members of a JSON object that the library has no field for, and the
// members whose value does not have the type that the library expects. They survive decoding and
// encoding.
//
// A wire type embeds it. This gives the type a field Unknown, and methods that print [redacted]
// only. A type that may show its id or its state defines its own methods.
type Unknown map[string]RawJSON

// String returns [redacted].
func (Unknown) String() string { return Text }

// GoString returns [redacted].
func (Unknown) GoString() string { return Text }

// Format writes [redacted], whatever the verb.
func (Unknown) Format(s fmt.State, _ rune) { Format(s, Text) }

// LogValue returns [redacted].
func (Unknown) LogValue() slog.Value { return slog.StringValue(Text) }

// MarshalYAML returns [redacted]. Without it, a YAML package would encode the fields of a value,
// which would show personal data and is not the wire form of the value.
func (Unknown) MarshalYAML() (any, error) { return Text, nil }

// FirstJSON returns the first value that is neither zero nor null.
func FirstJSON(values ...RawJSON) RawJSON {
	for _, r := range values {
		if !r.IsZero() && string(r.Bytes()) != "null" {
			return r
		}
	}
	return RawJSON{}
}
