package redact

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
)

// Secret is a string that must not be shown: an API key, a signing key, a session or customer
// token. Every formatting verb, slog, JSON and text show [redacted]. Only [Secret.Reveal] returns
// the string. The zero value holds no secret.
//
// A function holds the string, because printers do not look into functions: neither fmt in an
// unexported field, where it cannot call methods, nor a printer that follows pointers. For the same
// reason two secrets must be compared with [Secret.Equal], not with reflect.DeepEqual.
type Secret struct {
	reveal func() string
	// present reports whether there is a secret. Without a second field, the value is a single
	// pointer, which the printer spew takes for the address of a Secret: it may crash the program.
	present bool
}

// NewSecret returns a secret string. The empty string gives the zero Secret.
func NewSecret(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{reveal: func() string { return s }, present: true}
}

// Reveal returns the string, for sending or storing it.
func (s Secret) Reveal() string {
	if !s.present {
		return ""
	}
	return s.reveal()
}

// IsZero reports whether s has no secret.
func (s Secret) IsZero() bool { return !s.present }

// Equal compares two secrets in a time that does not depend on where they differ.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// String returns [redacted], or "" for the zero Secret.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return Text
}

// GoString returns the result of [Secret.String].
func (s Secret) GoString() string { return s.String() }

// Format writes the result of [Secret.String] for every verb.
func (s Secret) Format(f fmt.State, _ rune) { Format(f, s.String()) }

// LogValue returns the result of [Secret.String].
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns the result of [Secret.String], so that JSON, XML, YAML and flags do not show
// the secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText sets the secret. It returns an error for [redacted], which MarshalText writes: the
// stand-in must not become a token.
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
