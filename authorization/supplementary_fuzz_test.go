package authorization

import (
	"bytes"
	"testing"

	"github.com/klarna-go/klarna-go/internal/strictjson"
)

// What was decoded can be encoded, and stays the same from then on.
func FuzzSupplementaryPurchaseData(f *testing.F) {
	for _, text := range []string{everyMember, `{}`, `null`, `[]`, `{"line_items":[null],"customer":1,"shipping":{"":[]}}`, `{"a":1,"a":2}`, `{"customer":{"x":null}}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var first, second SupplementaryPurchaseData
		if strictjson.Unmarshal(text, &first) != nil {
			return
		}
		encoded, err := strictjson.Marshal(first)
		if err != nil {
			t.Fatalf("decoded, but not encoded: %v", err)
		}
		if err := strictjson.Unmarshal(encoded, &second); err != nil {
			t.Fatalf("encoded, but not decoded: %v\n%s", err, encoded)
		}
		again, err := strictjson.Marshal(second)
		if err != nil || !bytes.Equal(encoded, again) {
			t.Fatalf("encoded again (%v) it is\n%s\nand was\n%s", err, again, encoded)
		}
	})
}
