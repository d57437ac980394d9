package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/klarna-go/klarna-go/internal/redact"
)

// encoding holds the options for values without an encoder of their own.
var encoding = json.JoinOptions(json.Deterministic(true), json.WithMarshalers(json.JoinMarshalers(
	json.MarshalToFunc(func(enc *jsontext.Encoder, s redact.Secret) error {
		return enc.WriteToken(jsontext.String(s.Reveal()))
	}),
	json.MarshalToFunc(encodeTime),
)))

// decoding holds the options for values without a decoder of their own. They are as liberal as a
// Reader.
var decoding = json.JoinOptions(
	jsontext.AllowInvalidUTF8(true),
	jsontext.AllowDuplicateNames(true),
	json.WithUnmarshalers(json.UnmarshalFromFunc(decodeTime)),
)

// EncodeAny encodes any value for the wire, including secrets. An [Encoder] encodes itself. Raw
// JSON is written byte for byte.
func EncodeAny(value any) ([]byte, error) {
	switch v := value.(type) {
	case Encoder:
		return Encode(v.Encode)
	case redact.RawJSON:
		if !jsontext.Value(v.Bytes()).IsValid() {
			return nil, &Error{Reason: "raw JSON that is not valid", text: "cannot encode raw JSON that is not valid"}
		}
		return v.Bytes(), nil
	}
	text, err := json.Marshal(value, encoding)
	if err != nil {
		return nil, describe("encode", err)
	}
	return text, nil
}

// DecodeAny decodes one JSON value into any value. Its errors name the position and the kind of a
// wrong value, never the value.
func DecodeAny(text []byte, to any) error {
	if err := json.Unmarshal(bytes.TrimPrefix(text, []byte("\ufeff")), to, decoding); err != nil {
		return describe("decode", err)
	}
	return nil
}

// Encoder is a value that is sent, with the function that encodes it.
type Encoder struct {
	// Value is a pointer to a struct whose tags name its members.
	Value  any
	Encode func(*Writer)
}

// From returns an [Encoder] of a value.
func From[T any](value *T, encode func(*T, *Writer)) Encoder {
	return Encoder{Value: value, Encode: func(w *Writer) { encode(value, w) }}
}

// Verbatim returns an [Encoder] that writes text, which is the value as it was encoded before.
func Verbatim[T any](value *T, text []byte) Encoder {
	return Encoder{Value: value, Encode: func(w *Writer) { w.text = append(w.text, text...) }}
}

// Decoder is the destination of an answer, with the function that decodes it.
type Decoder struct {
	// Value is a pointer to a struct whose tags name its members.
	Value any
	read  func(*Reader) bool
}

// Into returns a [Decoder] into a value.
func Into[T any](value *T, decode func(*T, *Reader) bool) Decoder {
	return Decoder{Value: value, read: func(r *Reader) bool { return ReadValue(value, r, decode) }}
}

// Decode reads an answer and replaces what was read before.
func (d Decoder) Decode(text []byte) ([]Misfit, error) { return Read(text, d.read) }

// Unmarshal decodes a JSON text, which it copies, and replaces value. It is for UnmarshalJSON
// methods.
func Unmarshal[T any](text []byte, value *T, decode func(*T, *Reader) bool) error {
	_, err := Into(value, decode).Decode(bytes.Clone(text))
	return err
}

// Error is the reason why JSON could not be encoded or decoded. It quotes none of the JSON.
type Error struct {
	// Offset is the byte at which the text is invalid. It is 0 if only the type of the value is
	// wrong.
	Offset int64
	// Path is the JSON path of a value of the wrong type.
	Path string
	// Reason describes the value at Path that cannot be encoded: "a string that is not valid
	// UTF-8".
	Reason string
	text   string
}

func (e *Error) Error() string { return e.text }

// describe replaces an error of the JSON module by one without content: the module's errors quote
// characters and names, which may be hostile or personal data.
func describe(verb string, err error) error {
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		// The module exports no error to compare with.
		if verb == "encode" && strings.Contains(syntactic.Error(), "UTF-8") {
			path := Path(string(syntactic.JSONPointer))
			return &Error{Path: path, Reason: notUTF8, text: "cannot encode" + at(path) + " " + notUTF8}
		}
		return &Error{
			Offset: syntactic.ByteOffset,
			text:   fmt.Sprintf("invalid JSON (%s) at byte %d", syntaxKind(syntactic), syntactic.ByteOffset),
		}
	}
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		if own, ok := errors.AsType[*Error](semantic.Err); ok {
			return own // from an UnmarshalJSON method that calls this package
		}
		path := Path(string(semantic.JSONPointer))
		return &Error{
			Offset: semantic.ByteOffset,
			Path:   path,
			text:   fmt.Sprintf("cannot %s%s%s%s", verb, at(path), found(semantic.JSONKind), wanted(semantic.GoType)),
		}
	}
	return &Error{text: "cannot " + verb + " JSON"}
}

const notUTF8 = "a string that is not valid UTF-8"

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
