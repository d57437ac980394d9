package wire_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/internal/wire"
)

func TestAnyValueIsEncodedDeterministically(t *testing.T) {
	value := map[string]any{
		"c": redact.NewSecret("krn:\"é"), "a": raw(`{"z":1.0,"y":2}`), "b": []redact.Secret{{}}, "d": "<&>",
		"e": time.Date(2026, 1, 2, 5, 4, 5, 0, time.FixedZone("", 7200)),
	}
	for range 50 {
		text, err := wire.EncodeAny(value)
		const want = `{"a":{"z":1.0,"y":2},"b":[""],"c":"krn:\"é","d":"<&>","e":"2026-01-02T03:04:05Z"}`
		if err != nil || string(text) != want {
			t.Fatalf("%s, %v, want %s", text, err, want)
		}
	}
	o := order{Name: "a", Token: redact.NewSecret("s")}
	if text, err := wire.EncodeAny(wire.From(&o, (*order).encode)); err != nil || string(text) != `{"name":"a","token":"s"}` {
		t.Errorf("an Encoder: %s, %v", text, err)
	}
}

func TestErrorsOfAnyValueQuoteNothing(t *testing.T) {
	for name, value := range map[string]any{
		"a value that JSON does not have": map[string]any{"a": func() {}},
		"text that is not UTF-8":          "Ada\xff",
		"raw text that is no JSON":        raw("Ada"),
		"raw text with a name twice":      raw(`{"Ada":1,"Ada":2}`),
	} {
		text, err := wire.EncodeAny(value)
		if text != nil || err == nil || strings.Contains(err.Error(), "Ada") {
			t.Errorf("%s: %s, %v", name, text, err)
		}
	}
	for text, want := range map[string]string{
		`{"items":[`: "invalid JSON (it ends too early) at byte 10", `nope`: "invalid JSON (syntax) at byte 1",
		`{"items":[{},{"count":"Ada"}]}`:          "cannot decode items[1].count: a string as int",
		`{"map":{"Ada Lovelace":{"count":true}}}`: "cannot decode map.?.count: a boolean as int",
	} {
		var to struct {
			Items []struct {
				Count int `json:"count"`
			} `json:"items"`
			Map map[string]struct {
				Count int `json:"count"`
			} `json:"map"`
		}
		if err := wire.DecodeAny([]byte(text), &to); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		} else if _, ok := errors.AsType[*wire.Error](err); !ok {
			t.Errorf("%s: %T", text, err)
		}
	}
	var liberal struct{ A, B string }
	if err := wire.DecodeAny([]byte("\ufeff{\"A\":\"x\xff\",\"B\":\"1\",\"B\":\"\\ud83d\"}"), &liberal); err != nil || liberal.A != "x\ufffd" {
		t.Errorf("%+v, %v", liberal, err)
	}
}

func TestPathHasTheFormOfValidationErrors(t *testing.T) {
	for pointer, want := range map[string]string{
		"": "", "/": "", "/a": "a", "/line_items/2/name": "line_items[2].name", "/0/a": "[0].a", "/a/0/1": "a[0][1]",
		"/Ada": "?", "/a~1b": "?", "/a b/c": "?.c", "/" + strings.Repeat("a", 65): "?", "/a/-1": "a.?", "/a/4294967296": "a.4294967296",
	} {
		if got := wire.Path(pointer); got != want {
			t.Errorf("%q is %q, want %q", pointer, got, want)
		}
	}
}

func FuzzPath(f *testing.F) {
	f.Add("/line_items/2/name")
	f.Add("/~0/~1//00000000000000000000001")
	f.Fuzz(func(t *testing.T, pointer string) {
		for _, c := range []byte(wire.Path(pointer)) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && strings.IndexByte("_.[]?", c) < 0 {
				t.Errorf("%q gives %q", pointer, wire.Path(pointer))
			}
		}
	})
}

func TestLookupFindsMembersByTheirPath(t *testing.T) {
	o := order{
		Name: "a", Inner: &order{Name: "b", Lines: []order{{Name: "c"}, {Inner: &order{Name: "d"}}}},
	}
	for path, want := range map[string][]string{
		"name": {"a"}, "inner.name": {"b"}, "inner.lines[].name": {"c", ""}, "inner.lines[].inner.name": {"missing", "d"},
		"inner.inner.name": {"missing"}, "lines[].name": nil, "new": {"missing"}, "name.new": {"missing"}, "": {"missing"},
	} {
		var got []string
		wire.Lookup(&o, path, func(v reflect.Value) {
			if !v.IsValid() {
				got = append(got, "missing")
			} else {
				got = append(got, v.String())
			}
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", path, diff)
		}
	}
	if got := wire.TextAt(&o, "inner.name"); got != "b" {
		t.Errorf("text %q", got)
	}
	if got := wire.TextAt(&o, "count") + wire.TextAt(&o, "inner.inner.name") + wire.TextAt(nil, "name"); got != "" {
		t.Errorf("got text %q, want none", got)
	}
}
