package authorization

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/klarna"
)

// frozen are the types of the requests in testdata/frozen.
var frozen = map[string]func() any{
	"authorize.json":              func() any { return new(AuthorizeParams) },
	"capture.json":                func() any { return new(CaptureTransactionParams) },
	"extension.json":              func() any { return new(ExtendTransactionParams) },
	"payment_request.json":        func() any { return new(CreatePaymentRequestParams) },
	"payment_request_update.json": func() any { return new(UpdatePaymentRequestParams) },
	"refund_of_capture.json":      func() any { return new(RefundCaptureParams) },
	"refund_of_transaction.json":  func() any { return new(RefundTransactionParams) },
	"transaction_update.json":     func() any { return new(UpdateTransactionParams) },
}

// TestFrozenRequestsKeepTheirBytes compares requests with the bytes that earlier versions sent.
// Idempotency keys are derived from the bytes. If they change, a repeat after an upgrade is another
// call and can move the money twice. Add files, and never change one.
func TestFrozenRequestsKeepTheirBytes(t *testing.T) {
	files, err := filepath.Glob("testdata/frozen/*.json")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range files {
		found = append(found, filepath.Base(file))
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(frozen)), found); diff != "" {
		t.Fatalf("files (-known +found):\n%s", diff)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want = bytes.TrimSuffix(want, []byte("\n"))
			request := frozen[filepath.Base(file)]()
			if err := Decode(want, request); err != nil {
				t.Fatal(err)
			}
			got, err := Encode(request)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(want, got) {
				t.Errorf("got the bytes\n%s\nwant\n%s", got, want)
			}
			// A member that was renamed would be in Unknown.
			walk(reflect.ValueOf(request), func(v reflect.Value) {
				if unknown, ok := reflect.TypeAssert[klarna.Unknown](v); ok {
					for name := range unknown {
						if name != "of_tomorrow" && name != "of_next_year" {
							t.Errorf("%s has no field", name)
						}
					}
				}
			})
			if !json.Valid(want) {
				t.Error("got no JSON")
			}
		})
	}
}
