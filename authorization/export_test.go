package authorization

import (
	"bytes"
	"reflect"

	"github.com/klarna-go/klarna-go/internal/wire"
)

// object is a pointer to a wire type.
type object interface {
	encode(w *wire.Writer)
	decode(r *wire.Reader) bool
}

// Encode encodes a wire type as it is sent, secrets included. value is a pointer.
func Encode(value any) ([]byte, error) { return wire.Encode(value.(object).encode) }

// Decode decodes an answer into a wire type. value is a pointer.
func Decode(text []byte, value any) error {
	reflect.ValueOf(value).Elem().SetZero()
	_, err := wire.Read(bytes.Clone(text), value.(object).decode)
	return err
}
