package redact

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
)

// Secret is a string that must not be shown: an API key, a signing key, a session token or a
// customer token. Each formatting verb, slog, JSON and other encodings show [redacted]. Only Reveal
// returns the string. The zero value holds no secret.
//
// A function holds the string, because printers do not look into functions. Package fmt calls no
// methods of a value in an unexported field, and other printers follow pointers. Compare two
// secrets with Equal and not with reflect.DeepEqual, which cannot compare functions.
type Secret struct {
	reveal func() string
	// present reports whether the Secret holds a string. It also keeps the printer spew from
	// crashing: without a second field the value is a single pointer, which spew takes for the
	// address of a Secret.
	present bool
}

// NewSecret returns a Secret that holds s. For an empty string it returns the zero Secret.
func NewSecret(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{reveal: func() string { return s }, present: true}
}

// Reveal returns the string itself, to send or store it.
func (s Secret) Reveal() string {
	if !s.present {
		return ""
	}
	return s.reveal()
}

// IsZero reports whether s holds no secret.
func (s Secret) IsZero() bool { return !s.present }

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

// MarshalText returns what String does, for JSON, XML, YAML and flags.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText sets the secret. It returns an error for [redacted], so that the output of
// MarshalText is not read back as a secret.
func (s *Secret) UnmarshalText(text []byte) error {
	if string(text) == Text {
		return errors.New("a redacted secret cannot be read back")
	}
	*s = NewSecret(string(text))
	return nil
}

// FirstSecret returns the first secret that is not zero.
func FirstSecret(secrets ...Secret) Secret {
	for _, s := range secrets {
		if !s.IsZero() {
			return s
		}
	}
	return Secret{}
}
