package redact

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
)

// RawJSON is JSON text as it came, kept byte for byte. It prints its size alone, because a body may hold
// tokens and personal data. Convert it to []byte or hand it to json.Unmarshal to read it.
type RawJSON []byte

// String returns the size, not the content.
func (r RawJSON) String() string { return fmt.Sprintf("[%d bytes of JSON]", len(r)) }

// GoString returns what String does.
func (r RawJSON) GoString() string { return r.String() }

// Format writes what String returns, whatever the verb.
func (r RawJSON) Format(s fmt.State, _ rune) { Format(s, r.String()) }

// LogValue returns what String does.
func (r RawJSON) LogValue() slog.Value { return slog.StringValue(r.String()) }

// MarshalJSON returns the text as it is, null where there is none.
func (r RawJSON) MarshalJSON() ([]byte, error) {
	if len(r) == 0 {
		return []byte("null"), nil
	}
	return r, nil
}

// UnmarshalJSON keeps a copy of the text.
func (r *RawJSON) UnmarshalJSON(text []byte) error {
	if r == nil {
		return errors.New("cannot keep JSON in a nil RawJSON")
	}
	*r = append((*r)[:0:0], text...)
	return nil
}

// Fields are the members of a JSON object that the library has no name for, by their names. They survive
// decoding and encoding. They print their number alone.
type Fields map[string]RawJSON

// String returns how many fields there are, not which.
func (f Fields) String() string { return fmt.Sprintf("[%d unknown fields]", len(f)) }

// GoString returns what String does.
func (f Fields) GoString() string { return f.String() }

// Format writes what String returns, whatever the verb.
func (f Fields) Format(s fmt.State, _ rune) { Format(s, f.String()) }

// LogValue returns what String does.
func (f Fields) LogValue() slog.Value { return slog.StringValue(f.String()) }

// Merge adds members to those that are unknown already.
func Merge(unknown, more Fields) Fields {
	if unknown == nil {
		return more
	}
	maps.Copy(unknown, more)
	return unknown
}
