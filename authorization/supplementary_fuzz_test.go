package authorization

import (
	"testing"

	"github.com/klarna-go/klarna-go/internal/test/roundtrip"
)

// A decoded value can be encoded, and its encoding decodes and encodes to the same text.
func FuzzSupplementaryPurchaseData(f *testing.F) {
	for _, text := range []string{
		everyMember, `{}`, `null`, `[]`, `{"line_items":[null],"customer":1,"shipping":{"":[]}}`, `{"a":1,"a":2}`, `{"customer":{"x":null}}`,
		"{\"a\":\"\xff\"}", "{\"customer\":{\"\xff\":\"\\ud83d\"}}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		roundtrip.CheckAnyBytes(t, Encode, Decode, text, new(SupplementaryPurchaseData))
	})
}
