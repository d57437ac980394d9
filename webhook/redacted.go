package webhook

import "github.com/klarna-go/klarna-go/internal/redact"

// Secret is a string that must not be shown: printing, logging or encoding it gives [redacted]; its method Reveal
// returns the string. It is the same type as klarna.Secret.
type Secret = redact.Secret

// NewSecret wraps a string, such as a signing key.
func NewSecret(s string) Secret { return redact.NewSecret(s) }

// RawJSON is JSON text exactly as it came. It prints its size alone; convert it to []byte, or hand it to
// json.Unmarshal, to read it. It is the same type as klarna.RawJSON.
type RawJSON = redact.RawJSON

// Fields are the members of a JSON object that this library has no name for.
type Fields = redact.Fields
