package strictjson_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/internal/strictjson"
)

type inner struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

type outer struct {
	Items []inner           `json:"items"`
	Map   map[string]inner  `json:"map"`
	Extra map[string]string `json:"extra"`
}

func TestUnmarshalRefuses(t *testing.T) {
	tests := map[string]struct {
		text string
		want string
		path string
	}{
		"nothing":                              {``, "invalid JSON (it ends too early) at byte 0", ""},
		"truncated text":                       {`{"items":[`, "invalid JSON (it ends too early) at byte 10", ""},
		"text that is none":                    {`nope`, "invalid JSON (syntax) at byte 1", ""},
		"text after the value":                 {`{}{}`, "invalid JSON (syntax) at byte 2", ""},
		"a name that comes twice":              {`{"items":[],"items":[]}`, "invalid JSON (duplicate member name) at byte 12", ""},
		"a name that comes twice, deep inside": {`{"unknown":{"a":{"b":1,"b":2}}}`, "invalid JSON (duplicate member name) at byte 23", ""},
		"a name that comes twice by escaping":  {`{"items":[],"\u0069tems":[]}`, "invalid JSON (duplicate member name) at byte 12", ""},
		"invalid UTF-8":                        {"{\"items\":[{\"name\":\"\xff\"}]}", "invalid JSON (syntax) at byte 19", ""},
		"half of a surrogate pair":             {`{"items":[{"name":"\ud83d"}]}`, "invalid JSON (syntax) at byte 19", ""},
		"a value of another type":              {`{"items":[{},{"count":"Ada"}]}`, "cannot decode items[1].count: a string as int", "items[1].count"},
		"an object for an array":               {`{"items":{}}`, "cannot decode items: an object as []strictjson_test.inner", "items"},
		"a number that does not fit":           {`{"items":[{"count":1e99}]}`, "cannot decode items[0].count: a number as int", "items[0].count"},
		"a name of the body's is not told":     {`{"map":{"Ada Lovelace":{"count":true}}}`, "cannot decode map.?.count: a boolean as int", "map.?.count"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := strictjson.Unmarshal([]byte(test.text), new(outer))
			e, ok := errors.AsType[*strictjson.Error](err)
			if !ok || e.Error() != test.want || e.Path != test.path {
				t.Errorf("error %v, path %q, want %s, %q", err, e.Path, test.want, test.path)
			}
		})
	}
}

func TestUnmarshalTakesNamesExactlyAndIgnoresTheUnknown(t *testing.T) {
	var got outer
	if err := strictjson.Unmarshal([]byte(` {"Items":[{"name":"x"}],"new":{"a":[1]},"extra":{"k":"v"}} `), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(outer{Extra: map[string]string{"k": "v"}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestMarshalIsDeterministicAndWritesSecrets(t *testing.T) {
	value := map[string]any{"c": redact.NewSecret("krn:\"é"), "a": redact.RawJSON(`{"z":1.0,"y":2}`), "b": []redact.Secret{{}}, "d": "<&>"}
	for range 50 {
		text, err := strictjson.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if want := `{"a":{"z":1.0,"y":2},"b":[""],"c":"krn:\"é","d":"<&>"}`; string(text) != want {
			t.Fatalf("%s, want %s", text, want)
		}
	}
}

// stubborn encodes itself.
type stubborn struct {
	At   time.Time      `json:"at,omitzero"`
	Raw  redact.RawJSON `json:"raw,omitzero"`
	Name redact.Secret  `json:"name,omitzero"`
}

type plainStubborn stubborn

func (s stubborn) MarshalJSON() ([]byte, error) { return strictjson.Marshal(plainStubborn(s)) }

func TestInPlaceTheBytesAreTheSame(t *testing.T) {
	inPlace := strictjson.InPlace(func(s *stubborn) *plainStubborn { return (*plainStubborn)(s) })
	at := time.Date(2026, 1, 2, 5, 4, 5, 6, time.FixedZone("", 7200))
	value := struct {
		A []stubborn           `json:"a"`
		B *stubborn            `json:"b"`
		C map[string]*stubborn `json:"c"`
	}{
		[]stubborn{{At: at}, {Raw: redact.RawJSON("{ \"b\" : 1.0, \"a\":\"\\u00e5\" }")}}, &stubborn{Name: redact.NewSecret("s")}, map[string]*stubborn{"z": {}, "y": nil},
	}
	want := `{"a":[{"at":"2026-01-02T03:04:05.000000006Z"},{"raw":{"b":1.0,"a":"å"}}],"b":{"name":"s"},"c":{"y":null,"z":{}}}`
	for name, v := range map[string]any{"by itself": value, "in place": inPlace(value), "behind a pointer": inPlace(&value)} {
		if text, err := strictjson.Marshal(v); err != nil || string(text) != want {
			t.Errorf("%s: %s, %v", name, text, err)
		}
	}
}

func TestMarshalRefusesWithoutQuoting(t *testing.T) {
	for name, value := range map[string]any{
		"a value that JSON has no word for": map[string]any{"a": func() {}},
		"invalid UTF-8":                     "Ada\xff",
		"raw text that is no JSON":          redact.RawJSON("Ada"),
		"raw text with a name twice":        redact.RawJSON(`{"Ada":1,"Ada":2}`),
	} {
		text, err := strictjson.Marshal(value)
		if text != nil || err == nil || strings.Contains(err.Error(), "Ada") {
			t.Errorf("%s: %s, %v", name, text, err)
		}
	}
}

func TestTimesAreReadInEveryFormOfISO8601(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Time{
		`"2026-01-02T03:04:05Z"`:           at,
		`"2026-01-02T05:04:05+02:00"`:      at,
		`"2026-01-02T05:04:05+0200"`:       at,
		`"2026-01-02T05:04:05+02"`:         at,
		`"2026-01-02T03:04:05.123456789Z"`: at.Add(123456789),
		`"2026-01-02"`:                     time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC),
		`"9999-12-31T23:59:59-12:00"`:      {}, // the year 10000 in UTC, which JSON cannot say again
		`"tomorrow"`:                       {},
		`1767322800`:                       {},
		`null`:                             {},
		`{"seconds":1}`:                    {},
	} {
		got := struct {
			At time.Time `json:"at"`
		}{time.Now()}
		if err := strictjson.Unmarshal([]byte(`{"at":`+text+`}`), &got); err != nil || !got.At.Equal(want) || got.At.Location() != time.UTC {
			t.Errorf("%s is read as %s (%v)", text, got.At, err)
		}
	}
}

func TestUnmarshalMembersReturnsWhatDoesNotFit(t *testing.T) {
	for text, want := range map[string]struct {
		value   inner
		misfits []string
		fails   bool
	}{
		`{"name":"a","count":1}`:        {inner{"a", 1}, nil, false},
		`{"name":"a","count":"many"}`:   {inner{"a", 0}, []string{"count"}, false},
		`{"name":7,"count":[],"new":1}`: {inner{}, []string{"count", "name"}, false},
		`"a"`:                           {inner{}, nil, false},
		``:                              {inner{}, nil, false},
		`{"name":"a","name":"b"}`:       {inner{}, nil, true},
	} {
		value, misfits, err := strictjson.UnmarshalMembers[inner]([]byte(text))
		if (err != nil) != want.fails || value != want.value || !slices.Equal(slices.Sorted(maps.Keys(misfits)), want.misfits) {
			t.Errorf("%s: %+v, %v, %v", text, value, slices.Sorted(maps.Keys(misfits)), err)
		}
	}
}

// picky calls an own finding Invalid.
type picky struct{}

func (*picky) UnmarshalJSON([]byte) error { return strictjson.Invalid("the token is an array") }

func TestAnOwnFindingIsToldAsItIs(t *testing.T) {
	var got struct {
		A picky `json:"a"`
	}
	if err := strictjson.Unmarshal([]byte(`{"a":"Ada"}`), &got); err == nil || err.Error() != "the token is an array" {
		t.Errorf("%v", err)
	}
}

func TestPath(t *testing.T) {
	for pointer, want := range map[string]string{
		"": "", "/": "", "/a": "a", "/line_items/2/name": "line_items[2].name", "/0/a": "[0].a", "/a/0/1": "a[0][1]",
		"/Ada": "?", "/a~1b": "?", "/a b/c": "?.c", "/" + strings.Repeat("a", 65): "?", "/a/-1": "a.?", "/a/4294967296": "a.4294967296",
	} {
		if got := strictjson.Path(pointer); got != want {
			t.Errorf("%q is %q, want %q", pointer, got, want)
		}
	}
}

func FuzzUnmarshal(f *testing.F) {
	for _, seed := range []string{`{"items":[{"name":"a","count":1}]}`, `{"a":1,"a":2}`, "\"\xff\"", `{`, `"\ud83d"`, `[1e999]`, `{"map":{"Ada":{"count":"x"}}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var got any
		if err := strictjson.Unmarshal(text, &got); err == nil {
			if !json.Valid(text) || !utf8.Valid(text) {
				t.Errorf("%q was taken", text)
			}
			again, err := strictjson.Marshal(got)
			var back any
			if err != nil || strictjson.Unmarshal(again, &back) != nil || !cmp.Equal(got, back) {
				t.Errorf("%q does not survive: %q, %v", text, again, err)
			}
		}
		var typed outer
		if err := strictjson.Unmarshal(text, &typed); err != nil {
			for _, c := range []byte(err.Error()) {
				if c < ' ' || c > '~' {
					t.Errorf("the error quotes: %q", err)
				}
			}
		}
	})
}

func FuzzPath(f *testing.F) {
	f.Add("/line_items/2/name")
	f.Add("/~0/~1//00000000000000000000001")
	f.Fuzz(func(t *testing.T, pointer string) {
		for _, c := range []byte(strictjson.Path(pointer)) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && strings.IndexByte("_.[]?", c) < 0 {
				t.Errorf("%q gives %q", pointer, strictjson.Path(pointer))
			}
		}
	})
}
