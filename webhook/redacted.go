package webhook

import "github.com/klarna-go/klarna-go/internal/redact"

// Secret is a string that must not be printed, such as a signing key. It is the same type as
// Secret of package klarna. The zero value means that no secret is set. Its methods:
//
//	Reveal() string               returns the string, to send or store it
//	IsZero() bool                 reports whether no secret is set
//	Equal(other Secret) bool      compares in constant time
//	String() string               returns [redacted], or "" for the zero Secret
//	GoString() string             as String, for %#v
//	Format(f fmt.State, c rune)   as String, for every verb of package fmt
//	LogValue() slog.Value         as String, for package log/slog
//	MarshalText() ([]byte, error) as String, for JSON, XML and YAML
//	UnmarshalText([]byte) error   sets the string, and refuses [redacted]
//
// Only Reveal returns the string, also for a Secret in an unexported field, behind a pointer or in
// a map: printers that use reflection find a function. Compare secrets with Equal, as package
// go-cmp does, not with reflect.DeepEqual or ==.
type Secret = redact.Secret

// NewSecret returns s as a [Secret]. An empty string gives the zero Secret.
func NewSecret(s string) Secret { return redact.NewSecret(s) }

// RawJSON is JSON exactly as it came. It prints only its size, because it may contain tokens and
// personal data. It is the same type as RawJSON of package klarna. The zero value means that no
// JSON is set. Its methods:
//
//	Bytes() []byte                returns the JSON; do not change it
//	IsZero() bool                 reports whether no JSON is set
//	Equal(other RawJSON) bool     compares byte for byte
//	String() string               returns the size, such as [12 bytes of JSON]
//	GoString() string             as String, for %#v
//	Format(f fmt.State, c rune)   as String, for every verb of package fmt
//	LogValue() slog.Value         as String, for package log/slog
//	MarshalJSON() ([]byte, error) returns the JSON, or null if none is set
//	UnmarshalJSON([]byte) error   keeps a copy of the JSON
//
// Compare values with Equal, not with reflect.DeepEqual: as in a [Secret], reflection finds a
// function.
type RawJSON = redact.RawJSON

// NewRawJSON returns a copy of text as a [RawJSON]. An empty text gives the zero RawJSON.
func NewRawJSON[T ~string | ~[]byte](text T) RawJSON { return redact.NewRawJSON(text) }

// Unknown holds the members of a JSON object that this module does not know, and those whose value
// has an unexpected type, by name. Decoding and encoding keep them. Every wire type embeds Unknown.
// A wire type prints as [redacted], unless its own methods show an id or a state.
type Unknown = redact.Unknown
