package klarna

import "github.com/klarna-go/klarna-go/internal/redact"

// Secret is a string that must not be shown, such as a session token. Printing, logging or encoding it gives
// [redacted]; its method Reveal returns the string, IsZero reports its absence, Equal compares two in constant
// time. It is the one type for secrets in all packages of this module.
type Secret = redact.Secret

// NewSecret wraps a string, for example a session token that the browser sent. An empty string gives the zero
// Secret, which stands for none.
func NewSecret(s string) Secret { return redact.NewSecret(s) }

// RawJSON is JSON text exactly as it came. It prints its size alone; convert it to []byte, or hand it to
// json.Unmarshal, to read it.
type RawJSON = redact.RawJSON

// Fields are the members of a JSON object that this library has no name for. They survive decoding and
// encoding, and print their number alone.
type Fields = redact.Fields
