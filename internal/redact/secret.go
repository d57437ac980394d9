package redact

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
)

// Secret is a string that must not be shown: an API key, a signing key, a session or customer
// token. Every way of printing it, in any formatting verb, in slog, in JSON and in text, gives
// [redacted]. Reveal alone returns the string. The zero value is the absent secret.
//
// The string sits behind a function, because no printer looks into one: neither fmt in an
// unexported field, where it cannot call methods, nor a printer that follows pointers. For the same
// reason two secrets are compared with Equal, and never by reflect.DeepEqual.
type Secret struct {
	reveal func() string
	// there reports that there is a secret. Without a second field, the value is a single pointer,
	// which the printer spew takes for the address of a Secret: it may crash the program.
	there bool
}

// NewSecret wraps a string. The empty string gives the zero Secret.
func NewSecret(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{reveal: func() string { return s }, there: true}
}

// Reveal returns the string itself, to be sent or stored where it belongs.
func (s Secret) Reveal() string {
	if !s.there {
		return ""
	}
	return s.reveal()
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return !s.there }

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

// MarshalText returns what String does, so that JSON, XML, YAML and flags show nothing either.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes the secret. It refuses [redacted], because a decoder that reads back what
// MarshalText wrote would otherwise make a token of it.
func (s *Secret) UnmarshalText(text []byte) error {
	if string(text) == Text {
		return errors.New("a redacted secret cannot be read back")
	}
	*s = NewSecret(string(text))
	return nil
}

// FirstSecret returns the first of secrets that is not zero.
func FirstSecret(secrets ...Secret) Secret {
	for _, s := range secrets {
		if !s.IsZero() {
			return s
		}
	}
	return Secret{}
}
