package redact

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
)

// RawJSON is JSON text as it was received, byte for byte. It prints only its size, because a body
// may contain tokens and personal data; [RawJSON.Bytes] returns the text. The zero value means that
// there is no text.
//
// A function holds the text, because printers do not look into functions: neither fmt in an
// unexported field, where it cannot call methods, nor a printer that follows pointers. For the same
// reason two values must be compared with [RawJSON.Equal], not with reflect.DeepEqual.
type RawJSON struct {
	text func() []byte
	// size is the length of the text. Without a second field, the value is a single pointer, which
	// the printer spew takes for the address of a RawJSON: it crashes the program.
	size int
}

// NewRawJSON returns a copy of a JSON text. An empty text gives the zero RawJSON.
func NewRawJSON[T ~string | ~[]byte](text T) RawJSON {
	return RawJSONOf(append([]byte(nil), text...)) // a conversion of bytes would not copy
}

// RawJSONOf returns text as a RawJSON without a copy. The caller must not change text afterwards.
func RawJSONOf(text []byte) RawJSON {
	if len(text) == 0 {
		return RawJSON{}
	}
	return RawJSON{text: func() []byte { return text }, size: len(text)}
}

// Bytes returns the text, or nil if there is none. The caller must not change it.
func (r RawJSON) Bytes() []byte {
	if r.text == nil {
		return nil
	}
	return r.text()
}

// IsZero reports whether r has no text.
func (r RawJSON) IsZero() bool { return r.text == nil }

// Equal reports whether r and other have the same bytes.
func (r RawJSON) Equal(other RawJSON) bool { return bytes.Equal(r.Bytes(), other.Bytes()) }

// String returns the size, not the content.
func (r RawJSON) String() string { return fmt.Sprintf("[%d bytes of JSON]", r.size) }

// GoString returns the result of [RawJSON.String].
func (r RawJSON) GoString() string { return r.String() }

// Format writes the result of [RawJSON.String] for every verb.
func (r RawJSON) Format(s fmt.State, _ rune) { Format(s, r.String()) }

// LogValue returns the result of [RawJSON.String].
func (r RawJSON) LogValue() slog.Value { return slog.StringValue(r.String()) }

// MarshalJSON returns the text as it is, or null if there is none.
func (r RawJSON) MarshalJSON() ([]byte, error) {
	if r.IsZero() {
		return []byte("null"), nil
	}
	return r.Bytes(), nil
}

// UnmarshalJSON keeps a copy of the text.
func (r *RawJSON) UnmarshalJSON(text []byte) error {
	if r == nil {
		return errors.New("cannot keep JSON in a nil RawJSON")
	}
	*r = NewRawJSON(text)
	return nil
}

// Unknown holds the members of a JSON object, by name, that have no field or whose value does not
// have the expected type. They survive decoding and encoding.
//
// A wire type embeds Unknown for two reasons: its unknown members are in its field Unknown, and the
// methods of Unknown make it print [redacted]. A type that may show its id or its state has methods
// of its own.
type Unknown map[string]RawJSON

// String returns [redacted].
func (Unknown) String() string { return Text }

// GoString returns [redacted].
func (Unknown) GoString() string { return Text }

// Format writes [redacted] for every verb.
func (Unknown) Format(s fmt.State, _ rune) { Format(s, Text) }

// LogValue returns [redacted].
func (Unknown) LogValue() slog.Value { return slog.StringValue(Text) }

// MarshalYAML returns [redacted]. Without this method a YAML package would encode the fields, which
// may be private and do not have their wire form.
func (Unknown) MarshalYAML() (any, error) { return Text, nil }

// FirstJSON returns the first value that is neither empty nor null.
func FirstJSON(values ...RawJSON) RawJSON {
	for _, r := range values {
		if !r.IsZero() && string(r.Bytes()) != "null" {
			return r
		}
	}
	return RawJSON{}
}
