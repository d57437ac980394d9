package redact

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
)

// RawJSON is JSON text as it came, byte for byte. It prints its size alone, because a body may hold
// tokens and personal data; Bytes returns the text. The zero value is the absence of a text.
//
// The text sits behind a function, because no printer looks into one: neither fmt in an unexported
// field, where it cannot call methods, nor a printer that follows pointers. For the same reason
// two values are compared with Equal, and never by reflect.DeepEqual.
type RawJSON struct {
	text func() []byte
	// size is that of the text. Without a second field, the value is a single pointer, which the
	// printer spew takes for the address of a RawJSON: it crashes the program.
	size int
}

// NewRawJSON returns a copy of a JSON text. An empty text gives the zero RawJSON.
func NewRawJSON[T ~string | ~[]byte](text T) RawJSON {
	return RawJSONOf(append([]byte(nil), text...)) // a conversion of bytes would not copy
}

// RawJSONOf returns text itself, which must not change any more, as a RawJSON.
func RawJSONOf(text []byte) RawJSON {
	if len(text) == 0 {
		return RawJSON{}
	}
	return RawJSON{text: func() []byte { return text }, size: len(text)}
}

// Bytes returns the text, nil where there is none. The caller must not change it.
func (r RawJSON) Bytes() []byte {
	if r.text == nil {
		return nil
	}
	return r.text()
}

// IsZero reports whether there is no text.
func (r RawJSON) IsZero() bool { return r.text == nil }

// Equal reports whether two texts are the same, byte for byte.
func (r RawJSON) Equal(other RawJSON) bool { return bytes.Equal(r.Bytes(), other.Bytes()) }

// String returns the size, not the content.
func (r RawJSON) String() string { return fmt.Sprintf("[%d bytes of JSON]", r.size) }

// GoString returns what String does.
func (r RawJSON) GoString() string { return r.String() }

// Format writes what String returns, whatever the verb.
func (r RawJSON) Format(s fmt.State, _ rune) { Format(s, r.String()) }

// LogValue returns what String does.
func (r RawJSON) LogValue() slog.Value { return slog.StringValue(r.String()) }

// MarshalJSON returns the text as it is, null where there is none.
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

// Unknown are the members of a JSON object that the library has no name for, or whose value does
// not have the type that the library expects, by their names. They survive decoding and encoding.
//
// A wire type embeds it, for two reasons: its unknown members are at hand as its field Unknown, and
// it has the methods of Unknown, so that printing a value shows [redacted] and nothing else. A type
// that may show its id or its state has methods of its own.
type Unknown map[string]RawJSON

// String returns [redacted].
func (Unknown) String() string { return Text }

// GoString returns [redacted].
func (Unknown) GoString() string { return Text }

// Format writes [redacted], whatever the verb.
func (Unknown) Format(s fmt.State, _ rune) { Format(s, Text) }

// LogValue returns [redacted].
func (Unknown) LogValue() slog.Value { return slog.StringValue(Text) }

// MarshalYAML returns [redacted]: a package of YAML looks at the fields of a value that has no
// method of its own, which is neither private nor the value's wire form.
func (Unknown) MarshalYAML() (any, error) { return Text, nil }

// FirstJSON returns the first of texts that is neither missing nor null.
func FirstJSON(texts ...RawJSON) RawJSON {
	for _, r := range texts {
		if !r.IsZero() && string(r.Bytes()) != "null" {
			return r
		}
	}
	return RawJSON{}
}
