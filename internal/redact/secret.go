package redact

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
)

// Secret is a string that must not be shown: an API key, a signing key, a session or customer token.
// Every way of printing it, in any formatting verb, in slog, in JSON and in text, gives [redacted]. The zero
// value is the absent secret.
//
// The string sits behind a pointer, because fmt cannot call the methods of an unexported field: there, too,
// it prints an address and not the secret.
type Secret struct{ value *string }

// NewSecret wraps a string. The empty string gives the zero Secret.
func NewSecret(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{value: &s}
}

// Reveal returns the string itself, to be sent or stored where it belongs.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.value == nil }

// Equal compares two secrets in a time that does not depend on where they differ.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// String returns [redacted], or nothing for the zero Secret.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return Text
}

// GoString returns what String does.
func (s Secret) GoString() string { return s.String() }

// Format writes what String returns, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { Format(f, s.String()) }

// LogValue returns what String does.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns what String does, so that JSON, XML and flags of another's making stay silent, too.
// This library's own encoder of requests to Klarna is the only one that writes the secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes the secret. It refuses the stand-in of a redacted one, which is what decoding an
// encoding made by MarshalText would otherwise send to Klarna as if it were a token.
func (s *Secret) UnmarshalText(text []byte) error {
	if string(text) == Text {
		return errors.New("a redacted secret cannot be read back")
	}
	*s = NewSecret(string(text))
	return nil
}
