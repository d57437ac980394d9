package klarna

import "github.com/klarna-go/klarna-go/internal/redact"

// Secret is a string that must not be shown, such as a session token. All packages of this module
// use it for secrets. The zero value holds no secret. Its methods:
//
//	Reveal() string               the string itself, to send or store it
//	IsZero() bool                 whether it holds no secret
//	Equal(other Secret) bool      compares in a time that does not depend on where they differ
//	String() string               [redacted], or nothing for the zero Secret
//	GoString() string             as String, for %#v
//	Format(f fmt.State, c rune)   as String, for every verb of package fmt
//	LogValue() slog.Value         as String, for package log/slog
//	MarshalText() ([]byte, error) as String, for JSON, XML and YAML
//	UnmarshalText([]byte) error   sets the string, and returns an error for [redacted]
//
// Only Reveal returns the string. This is also true for a Secret in an unexported field, behind a
// pointer or in a map. Printers that use reflection must not find the string, so a Secret holds it
// in a function. Functions cannot be compared: compare secrets with Equal, as package go-cmp does,
// and not with reflect.DeepEqual or ==.
type Secret = redact.Secret

// NewSecret returns a [Secret] that holds s, for example a session token that the browser sent. For
// an empty string it returns the zero Secret.
func NewSecret(s string) Secret { return redact.NewSecret(s) }

// RawJSON is JSON text exactly as it came. It prints only its size, because it may contain tokens
// and personal data. The zero value holds no text. Its methods:
//
//	Bytes() []byte                the text, which must not be changed
//	IsZero() bool                 whether it holds no text
//	Equal(other RawJSON) bool     compares byte for byte
//	String() string               the size, such as [12 bytes of JSON]
//	GoString() string             as String, for %#v
//	Format(f fmt.State, c rune)   as String, for every verb of package fmt
//	LogValue() slog.Value         as String, for package log/slog
//	MarshalJSON() ([]byte, error) the text, or null if it holds none
//	UnmarshalJSON([]byte) error   keeps a copy of the text
//
// Like a [Secret], it contains a function, so compare with Equal.
type RawJSON = redact.RawJSON

// NewRawJSON returns a [RawJSON] that holds a copy of a JSON text. For an empty text it returns the
// zero RawJSON.
func NewRawJSON[T ~string | ~[]byte](text T) RawJSON { return redact.NewRawJSON(text) }

// Unknown holds, by name, the members of a JSON object that this library has no field for, and the
// members whose value has an unexpected type. They survive decoding and encoding. Each wire type
// embeds it as the field Unknown. Printing a wire type shows [redacted], unless the type has its
// own methods, which show ids and states.
type Unknown = redact.Unknown
