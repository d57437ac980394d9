package klarna

import "github.com/klarna-go/klarna-go/internal/redact"

// Secret is a string that must not be shown, such as a session token. It is the one type for
// secrets in all packages of this module. The zero value is the absence of a secret. Its methods:
//
//	Reveal() string               the string itself, to be sent or stored where it belongs
//	IsZero() bool                 whether there is no secret
//	Equal(other Secret) bool      compares in a time that does not depend on where they differ
//	String() string               [redacted], or nothing for the zero Secret
//	GoString() string             as String, for %#v
//	Format(f fmt.State, c rune)   as String, for every verb of package fmt
//	LogValue() slog.Value         as String, for package log/slog
//	MarshalText() ([]byte, error) as String, so that JSON, XML and YAML show nothing either
//	UnmarshalText([]byte) error   takes the string, and refuses [redacted]
//
// Reveal alone gives the string away, wherever the Secret is held: in an unexported field, behind a
// pointer, in a map. Printers that use reflection find a function in it. So two secrets are
// compared with Equal, as package go-cmp does, and never by reflect.DeepEqual or ==.
type Secret = redact.Secret

// NewSecret wraps a string, for example a session token that the browser sent. An empty string
// gives the zero Secret.
func NewSecret(s string) Secret { return redact.NewSecret(s) }

// RawJSON is JSON text exactly as it came. It prints its size alone, because it may hold tokens and
// personal data. The zero value is the absence of a text. Its methods:
//
//	Bytes() []byte                the text, which must not be changed
//	IsZero() bool                 whether there is no text
//	Equal(other RawJSON) bool     compares byte for byte
//	String() string               the size, such as [12 bytes of JSON]
//	GoString() string             as String, for %#v
//	Format(f fmt.State, c rune)   as String, for every verb of package fmt
//	LogValue() slog.Value         as String, for package log/slog
//	MarshalJSON() ([]byte, error) the text, null where there is none
//	UnmarshalJSON([]byte) error   keeps a copy of the text
//
// As for a Secret, reflection finds a function in it, so compare with Equal.
type RawJSON = redact.RawJSON

// NewRawJSON returns a copy of a JSON text. An empty text gives the zero RawJSON.
func NewRawJSON[T ~string | ~[]byte](text T) RawJSON { return redact.NewRawJSON(text) }

// Unknown are the members of a JSON object that this library has no name for, and those whose value
// has an unexpected type, by their names. They survive decoding and encoding. Every wire type
// embeds it: its unknown members are in the field Unknown, and printing it shows [redacted], unless
// it has methods of its own that show an id or a state.
type Unknown = redact.Unknown
