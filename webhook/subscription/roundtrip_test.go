package subscription

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/klarna-go/klarna-go/internal/test/roundtrip"
	"github.com/klarna-go/klarna-go/internal/wire"
)

func TestEveryWireTypeSurvivesBothEncoders(t *testing.T) {
	roundtrip.Check(t, new(SigningKey), new(Webhook), new(CreateWebhookParams), new(UpdateWebhookParams))
}

// object is a pointer to a wire type.
type object interface {
	encode(w *wire.Writer)
	decode(r *wire.Reader) bool
}

func TestWhatIsSentIsWhatTheTagsSay(t *testing.T) {
	encode := func(value any) ([]byte, error) { return wire.Encode(value.(object).encode) }
	decode := func(text []byte, value any) error {
		reflect.ValueOf(value).Elem().SetZero()
		_, err := wire.Read(bytes.Clone(text), value.(object).decode)
		return err
	}
	roundtrip.CheckSent(t, encode, decode, new(SigningKey), new(Webhook), new(CreateWebhookParams), new(UpdateWebhookParams))
}
