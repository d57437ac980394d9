// Package strictjson is the one place that encodes and decodes JSON, and the only importer of the JSON module.
// Decoding refuses duplicate names and invalid UTF-8 and matches names exactly; encoding is deterministic, because idempotency keys
// are derived from the bytes, and it is the one encoder that writes secrets out.
package strictjson

import (
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/klarna-go/klarna-go/internal/redact"
)

var (
	encoding = encodingWith(nil)
	writers  = json.JoinMarshalers(
		json.MarshalToFunc(func(enc *jsontext.Encoder, s redact.Secret) error {
			return enc.WriteToken(jsontext.String(s.Reveal()))
		}),
		json.MarshalToFunc(encodeTime),
	)
)

func encodingWith(more *json.Marshalers) json.Options {
	return json.JoinOptions(json.Deterministic(true), json.WithMarshalers(json.JoinMarshalers(writers, more)))
}

var decoding = json.WithUnmarshalers(json.UnmarshalFromFunc(decodeTime))

// Marshal encodes a value for the wire, secrets included.
func Marshal(v any) ([]byte, error) {
	if p, ok := v.(inPlace); ok {
		return marshal(p.value, p.encoding)
	}
	return marshal(v, encoding)
}

func marshal(v any, options json.Options) ([]byte, error) {
	text, err := json.Marshal(v, options)
	if err != nil {
		return nil, describe("encode", err)
	}
	return text, nil
}

// InPlace returns what makes Marshal encode the values of T within another value where they stand, as the P that plain makes of them: the same
// struct without the MarshalJSON that would encode them by themselves first, and then again. The bytes are the same.
func InPlace[T, P any](plain func(*T) *P) func(value any) any {
	options := encodingWith(json.MarshalToFunc(func(enc *jsontext.Encoder, value *T) error {
		return json.MarshalEncode(enc, plain(value))
	}))
	return func(value any) any { return inPlace{value, options} }
}

type inPlace struct {
	value    any
	encoding json.Options
}

// Unmarshal decodes one JSON value. Its errors say where and what kind, never what stood there.
func Unmarshal(text []byte, v any) error {
	if d, ok := v.(Destination); ok {
		return Read(text, d.ReadJSON)
	}
	if err := json.Unmarshal(text, v, decoding); err != nil {
		return describe("decode", err)
	}
	return nil
}

// Error says why JSON could not be encoded or decoded without quoting any of it.
type Error struct {
	// Offset is the byte at which the text goes wrong; 0 where only the value's type was wrong.
	Offset int64
	// Path is the JSON path of a value of the wrong type.
	Path   string
	reason string
}

func (e *Error) Error() string { return e.reason }

// Invalid is the error of JSON that is well formed and makes no sense. Its reason must quote nothing of it.
func Invalid(reason string) error { return &Error{reason: reason} }

// describe replaces the module's error by one that holds no content: its texts quote characters and names
// that a hostile or personal body may have put there.
func describe(verb string, err error) error {
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return &Error{
			Offset: syntactic.ByteOffset,
			reason: fmt.Sprintf("invalid JSON (%s) at byte %d", syntaxKind(syntactic), syntactic.ByteOffset),
		}
	}
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		if own, ok := errors.AsType[*Error](semantic.Err); ok {
			return own // from an UnmarshalJSON that calls back here, or Invalid
		}
		path := Path(string(semantic.JSONPointer))
		return &Error{
			Offset: semantic.ByteOffset,
			Path:   path,
			reason: fmt.Sprintf("cannot %s%s%s%s", verb, at(path), found(semantic.JSONKind), wanted(semantic.GoType)),
		}
	}
	return &Error{reason: "cannot " + verb + " JSON"}
}

func syntaxKind(err *jsontext.SyntacticError) string {
	switch {
	case errors.Is(err.Err, jsontext.ErrDuplicateName):
		return "duplicate member name"
	case errors.Is(err.Err, io.ErrUnexpectedEOF):
		return "it ends too early"
	default:
		return "syntax"
	}
}

func at(path string) string {
	if path == "" {
		return ""
	}
	return " " + path + ":"
}

func found(kind jsontext.Kind) string {
	names := map[jsontext.Kind]string{'n': "null", 't': "a boolean", 'f': "a boolean", '"': "a string", '0': "a number", '{': "an object", '[': "an array"}
	if name, ok := names[kind]; ok {
		return " " + name
	}
	return " a value"
}

func wanted(t reflect.Type) string {
	if t == nil {
		return ""
	}
	return " as " + t.String()
}
