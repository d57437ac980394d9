package wire_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/internal/wire"
)

func TestWriterWritesEveryKindOfValue(t *testing.T) {
	o := full()
	for range 20 { // unknown members are a map, which has no order
		text, err := wire.Encode(o.encode)
		if err != nil {
			t.Fatal(err)
		}
		const want = `{"name":"å \"<&>` + "\u2028" + `","state":"OPEN","token":"canary","live":true,"count":-1,"price":0,"rate":-0.25,` +
			`"at":"2026-01-02T03:04:05.0000006Z","echo":{"b":1.0,"a":[]},"tags":["","x"],"lines":[{"name":"1"},{"name":"","z":[1]}],` +
			`"inner":{"name":"","count":2},"rows":[[1,2],[]],"":1.50,"a\n":"x","b":null}`
		if string(text) != want {
			t.Fatalf("%s\nwant\n%s", text, want)
		}
		var back order
		if misfits, err := wire.Into(&back, (*order).decode).Decode(text); err != nil || misfits != nil || diff(o, back) != "" {
			t.Fatalf("%v, %v\n%s", misfits, err, diff(o, back))
		}
	}
}

func TestUnsetMembersAreOmitted(t *testing.T) {
	for want, o := range map[string]order{
		`{"name":""}`:              {},
		`{"name":"","price":0}`:    {Price: new(int64)},
		`{"name":"","tags":[]}`:    {Tags: []string{}},
		`{"name":"","inner":null}`: {Unknown: redact.Unknown{"inner": raw(`null`)}},
		`{"name":"","echo":null}`:  {Echo: raw(`null`)},
	} {
		if text, err := wire.Encode(o.encode); err != nil || string(text) != want {
			t.Errorf("%s, %v, want %s", text, err, want)
		}
	}
}

func TestUnknownMembersReplaceUnsetOnes(t *testing.T) {
	for name, test := range map[string]struct {
		order     order
		want, err string
	}{
		"sorted, behind the named ones": {
			order{Name: "a", Unknown: redact.Unknown{"b": raw(`1`), "a": raw(`2`), "B": raw(`3`), "": raw(`4`), "é": raw(`5`)}},
			`{"name":"a","":4,"B":3,"a":2,"b":1,"é":5}`, "",
		},
		"in place of a required one":  {order{Unknown: redact.Unknown{"name": raw(`7`)}}, `{"name":7}`, ""},
		"in place of an optional one": {order{Unknown: redact.Unknown{"count": raw(`"many"`)}}, `{"name":"","count":"many"}`, ""},
		"together with a set required one": {
			order{Name: "a", Unknown: redact.Unknown{"name": raw(`7`)}}, "", "cannot encode name: a member that is in Unknown, too",
		},
		"together with a set optional one": {
			order{Lines: []order{{}, {Count: 1, Unknown: redact.Unknown{"count": raw(`1`)}}}}, "",
			"cannot encode lines[1].count: a member that is in Unknown, too",
		},
		"together with a set zero": {
			order{Price: new(int64), Unknown: redact.Unknown{"price": raw(`1`)}}, "", "cannot encode price: a member that is in Unknown, too",
		},
		"together with a set object": {
			order{Inner: &order{Inner: &order{}, Unknown: redact.Unknown{"inner": raw(`1`)}}}, "",
			"cannot encode inner.inner: a member that is in Unknown, too",
		},
		"without a value": {order{Unknown: redact.Unknown{"a": {}}}, `{"name":"","a":null}`, ""},
		"compact, with strings in their shortest form and numbers as they are": {
			order{Unknown: redact.Unknown{"a": raw("{ \"b\" : 1.50,\r\n\"a\":[ 1e2 , -0 ], \"\\u0063\" : \"\\u00e5\\/\\u003c&\\u2028\" }")}},
			`{"name":"","a":{"b":1.50,"a":[1e2,-0],"c":"å/<&` + "\u2028" + `"}}`, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := wire.Encode(test.order.encode)
			if string(text) != test.want || (err == nil) != (test.err == "") || err != nil && err.Error() != test.err {
				t.Errorf("%s, %v, want %s %s", text, err, test.want, test.err)
			}
			if lenient, err := wire.Marshal(test.order.encode); string(lenient) != test.want || (err == nil) != (test.err == "") {
				t.Errorf("for MarshalJSON: %s, %v", lenient, err)
			}
		})
	}
}

func TestWriterErrorsNameThePath(t *testing.T) {
	const utf8, number, year, rawJSON = "a string that is not valid UTF-8", "a number that JSON does not have", "a time whose year JSON cannot say", "raw JSON that is not valid"
	for name, test := range map[string]struct {
		order        order
		path, reason string
	}{
		"a string":                       {order{Name: "Ada\xff"}, "name", utf8},
		"a cut rune":                     {order{Name: "\xf0\x9f\x9b"}, "name", utf8},
		"an encoded surrogate":           {order{Name: "\xed\xa0\xbd"}, "name", utf8},
		"a string in a list":             {order{Name: "a", Tags: []string{"a", "b", "\xff"}}, "tags[2]", utf8},
		"a string in an object":          {order{Lines: []order{{}, {Inner: &order{Name: "\xff"}}}}, "lines[1].inner.name", utf8},
		"a state":                        {order{State: "\xff"}, "state", utf8},
		"a secret":                       {order{Token: redact.NewSecret("Ada\xff")}, "token", utf8},
		"the first of several":           {order{Inner: &order{Rate: math.NaN()}, Rate: math.Inf(1), Tags: []string{"\xff"}}, "rate", number},
		"not a number":                   {order{Rate: math.NaN()}, "rate", number},
		"infinity":                       {order{Inner: &order{Rate: math.Inf(-1)}}, "inner.rate", number},
		"a year of five digits":          {order{At: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, "at", year},
		"a year before the first":        {order{At: time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)}, "at", year},
		"a year of five digits in UTC":   {order{At: time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -7200))}, "at", year},
		"raw text that is no JSON":       {order{Echo: raw(`Ada`)}, "echo", rawJSON},
		"raw text of two values":         {order{Echo: raw(`1 2`)}, "echo", rawJSON},
		"raw text that ends too early":   {order{Echo: raw(`{"a":[`)}, "echo", rawJSON},
		"raw text that is white space":   {order{Echo: raw(` `)}, "echo", rawJSON},
		"raw text with a name twice":     {order{Inner: &order{Echo: raw(`{"b":{"a":1,"\u0061":2}}`)}}, "inner.echo", rawJSON},
		"raw text that is not UTF-8":     {order{Echo: raw("{\"a\":\"\xff\"}")}, "echo", rawJSON},
		"half a surrogate pair":          {order{Echo: raw(`"\ud83d"`)}, "echo", rawJSON},
		"a byte order mark":              {order{Echo: raw("\ufeff{}")}, "echo", rawJSON},
		"an unknown member":              {order{Inner: &order{Unknown: redact.Unknown{"new": raw(`{"a":}`)}}}, "inner.new", rawJSON},
		"a name that is not UTF-8":       {order{Inner: &order{Unknown: redact.Unknown{"Ada\xff": raw(`1`)}}}, "inner.?", utf8},
		"a name that shows what it is":   {order{Unknown: redact.Unknown{"Ada Lovelace": raw(`!`)}}, "?", rawJSON},
		"a path through what is refused": {order{Lines: []order{{Name: "\xff", Echo: raw(`]`)}, {Echo: raw(`!`)}}}, "lines[0].name", utf8},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := wire.Encode(test.order.encode)
			e, ok := errors.AsType[*wire.Error](err)
			if text != nil || !ok || e.Path != test.path || e.Reason != test.reason {
				t.Fatalf("%s, %v, want %s: %s", text, err, test.path, test.reason)
			}
			if e.Error() != "cannot encode "+test.path+": "+test.reason || strings.Contains(e.Error(), "Ada") {
				t.Errorf("the text is %q", e)
			}
		})
	}
}

func TestMarshalHidesSecretsAndEncodeRevealsThem(t *testing.T) {
	o := order{Name: "a", Token: redact.NewSecret("canary \"å"), Lines: []order{{Token: redact.NewSecret("canary")}, {}}}
	for want, encode := range map[string]func(func(*wire.Writer)) ([]byte, error){
		`{"name":"a","token":"canary \"å","lines":[{"name":"","token":"canary"},{"name":""}]}`:     wire.Encode,
		`{"name":"a","token":"[redacted]","lines":[{"name":"","token":"[redacted]"},{"name":""}]}`: wire.Marshal,
	} {
		if text, err := encode(o.encode); err != nil || string(text) != want {
			t.Errorf("%s, %v, want %s", text, err, want)
		}
	}
}

// Values that were read liberally can be stored: MarshalJSON writes what Encode refuses to send.
func TestMarshalReplacesInvalidUTF8(t *testing.T) {
	o := order{Name: "a", Echo: raw("{\"a\":\"x\xff\\ud83d\",\"a\":1}"), Unknown: redact.Unknown{"b": raw("\"\xff\"")}}
	if text, err := wire.Encode(o.encode); err == nil {
		t.Errorf("sent as %s", text)
	}
	const want = `{"name":"a","echo":{"a":"x` + "\ufffd\ufffd" + `","a":1},"b":"` + "\ufffd" + `"}`
	if text, err := wire.Marshal(o.encode); err != nil || string(text) != want {
		t.Errorf("%s, %v, want %s", text, err, want)
	}
	for _, o := range []order{{Name: "\xff"}, {Echo: raw(`{"a":}`)}, {Rate: math.NaN()}} {
		if text, err := wire.Marshal(o.encode); err == nil {
			t.Errorf("stored as %s", text)
		}
	}
}

func TestWritersShareNoBytes(t *testing.T) {
	first, err := wire.Encode((&order{Name: "first"}).encode)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wire.Encode((&order{Name: "second"}).encode); err != nil {
		t.Fatal(err)
	}
	large, err := wire.Encode((&order{Name: strings.Repeat("a", 100<<10)}).encode)
	if err != nil || len(large) != 100<<10+len(`{"name":""}`) || string(first) != `{"name":"first"}` {
		t.Errorf("%s, %d bytes, %v", first, len(large), err)
	}
}

func TestReusedWriterHasNoError(t *testing.T) {
	for range 50 {
		if _, err := wire.Encode((&order{Name: "\xff"}).encode); err == nil {
			t.Fatal("it was written")
		}
		if text, err := wire.Encode((&order{Name: "a"}).encode); err != nil || string(text) != `{"name":"a"}` {
			t.Fatal(string(text), err)
		}
	}
}

// member is a value of another package's type, which encodes itself.
type member struct{ text string }

func (m member) MarshalJSON() ([]byte, error) {
	if m.text == "" {
		return nil, errors.New("nothing to write")
	}
	return []byte(m.text), nil
}

func (m *member) UnmarshalJSON(text []byte) error {
	if string(text) == `"bad"` {
		return errors.New("bad")
	}
	m.text = string(text)
	return nil
}

func TestValuesOfOtherPackagesEncodeThemselves(t *testing.T) {
	write := func(m member) ([]byte, error) {
		return wire.Encode(func(w *wire.Writer) {
			w.Begin()
			w.Member(nil, "m", false)
			wire.WriteMarshaler(m, w)
			w.End(nil)
		})
	}
	if text, err := write(member{` [ 1 ] `}); err != nil || string(text) != `{"m":[1]}` {
		t.Errorf("%s, %v", text, err)
	}
	if text, err := write(member{}); err == nil || err.Error() != "cannot encode m: nothing to write" {
		t.Errorf("%s, %v", text, err)
	}
	for text, fits := range map[string]bool{`[1]`: true, `null`: true, `"bad"`: false} {
		var m member
		var took bool
		if _, err := wire.Read([]byte(text), func(r *wire.Reader) bool {
			took = wire.ReadUnmarshaler(&m, r)
			return took || r.Skip()
		}); err != nil || took != fits {
			t.Errorf("%s: %t, %v", text, took, err)
		}
	}
}

func FuzzReader(f *testing.F) {
	full, err := wire.Encode(new(full()).encode)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		string(full), `{"name":"\ud83d"}`, `{"a":1,"\u0061":2}`, `{"inner":{"name":1}}`, `{} {}`, `{"a":1,}`, `{"a"}`, `[`, `null`, ``, ` `, "\"\xff\"", "\ufeff{}",
		`{"count":1e3,"rate":1e999,"price":"7"}`, `{"inner":null,"live":0}`, "{\"\xff\":\"\xfe\"}", `{"rows":[[1],[true]],"tags":[[]],"lines":[{},7]}`, `{"count":1e400}`,
		`{"state":"open","token":"[redacted]","at":"2025-06-24T05:51"}`, `{"name":"a","name":"b"}`, `{"echo":{"a":1,"a":2}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var got order
		misfits, err := wire.Into(&got, (*order).decode).Decode(text)
		trimmed := []byte(strings.TrimPrefix(string(text), "\ufeff"))
		// encoding/json accepts the same JSON: it also reads invalid UTF-8 and repeated names.
		valid := json.Valid(trimmed)
		var whole any
		isObject := valid && json.NewDecoder(strings.NewReader(string(trimmed))) != nil && decodeNumbers(trimmed, &whole) == nil
		switch whole.(type) {
		case map[string]any, nil:
		default:
			isObject = false
		}
		if (err == nil) != isObject {
			t.Fatalf("a Reader says %v, encoding/json %t", err, valid)
		}
		if err != nil {
			for _, c := range []byte(err.Error()) {
				if c < ' ' || c > '~' {
					t.Fatalf("the error quotes: %q", err)
				}
			}
			return
		}
		members, _ := whole.(map[string]any)
		misfit, repeated := map[string]bool{}, map[string]bool{}
		for _, m := range misfits {
			misfit[m.Path] = true
			if m.Repeated {
				repeated[m.Path] = true // encoding/json takes the last member
			}
			if m.Found == "" || !utf8.ValidString(m.Path) {
				t.Fatalf("misfit %+v", m)
			}
		}
		if s, ok := members["name"].(string); ok && !misfit["name"] && got.Name != s {
			t.Errorf("name %q, want %q", got.Name, s)
		}
		if b, ok := members["live"].(bool); ok && !misfit["live"] && got.Live != b {
			t.Errorf("live %t, want %t", got.Live, b)
		}
		if n, ok := members["count"].(json.Number); ok && !misfit["count"] {
			if want, err := n.Int64(); err == nil && got.Count != want {
				t.Errorf("count %d, want %s", got.Count, n)
			}
		}
		if n, ok := members["rate"].(json.Number); ok && !misfit["rate"] {
			// A number beyond float64 is a misfit.
			if want, err := n.Float64(); err != nil || got.Rate != want {
				t.Errorf("rate %g, want %s", got.Rate, n)
			}
		}
		if list, ok := members["tags"].([]any); ok && !misfit["tags"] && len(list) != len(got.Tags) {
			t.Errorf("%d tags, want %d", len(got.Tags), len(list))
		}
		named := map[string]bool{}
		for name := range strings.FieldsSeq("name state token live count price rate at echo tags lines inner rows") {
			named[name] = true
		}
		for name := range members {
			if _, kept := got.Unknown[name]; !repeated[name] && kept == (named[name] && !misfit[name]) {
				t.Errorf("%q is unknown: %t", name, kept)
			}
		}
		for name, value := range got.Unknown {
			if _, ok := members[name]; !ok || !json.Valid(value.Bytes()) {
				t.Errorf("%q is unknown, and not there", name)
			}
		}
		// Every value that was read can be stored and read again.
		stored, err := wire.Marshal(got.encode)
		if err != nil || !json.Valid(stored) {
			t.Fatalf("%s, %v", stored, err)
		}
	})
}

// decodeNumbers decodes JSON and keeps the notation of numbers.
func decodeNumbers(text []byte, to any) error {
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	return d.Decode(to)
}

func FuzzWriter(f *testing.F) {
	for _, seed := range []string{``, `null`, `{ "b" : [1.50, "<\u00e5>"] }`, `{"a":1,"a":2}`, "\"\xff\"", `"\ud83d\ude00"`, `1e400`, `[`, "\ufeff1", `{"a":{}} `} {
		f.Add("å\"\\\u2028\x00", seed, "new", int64(-1), 0.5)
	}
	f.Add("\xff", `1`, "name", int64(0), math.Inf(1))
	f.Fuzz(func(t *testing.T, text, rawText, name string, count int64, rate float64) {
		o := order{
			Name: text, State: state(text), Token: redact.NewSecret(text), Count: count, Rate: rate, Echo: raw(rawText), Tags: []string{text},
			Unknown: redact.Unknown{name: raw(rawText)},
		}
		sent, err := wire.Encode(o.encode)
		if err != nil {
			e, ok := errors.AsType[*wire.Error](err)
			if !ok || sent != nil || e.Reason == "" || e.Path == "" && name != "" {
				t.Fatalf("%s, %v", sent, err)
			}
			return
		}
		if !utf8.Valid(sent) || !json.Valid(sent) {
			t.Fatalf("sent %q", sent)
		}
		if !utf8.ValidString(text) || !utf8.ValidString(name) || math.IsNaN(rate) || math.IsInf(rate, 0) || rawText != "" && !json.Valid([]byte(rawText)) {
			t.Fatalf("sent %q", sent)
		}
		var back order
		misfits, err := wire.Into(&back, (*order).decode).Decode(sent)
		if err != nil {
			t.Fatal(err)
		}
		if back.Token.Reveal() != o.Token.Reveal() && text != redact.Text {
			t.Errorf("token %q, want %q", back.Token.Reveal(), text)
		}
		if name != "name" && back.Name != text || name != "count" && back.Count != count || name != "rate" && back.Rate != rate {
			t.Errorf("back it is %q %d %g, %v", back.Name, back.Count, back.Rate, misfits)
		}
		if text == redact.Text {
			return // a token with this text is read as no token
		}
		if again, err := wire.Encode(back.encode); err != nil || string(again) != string(sent) {
			t.Errorf("sent again (%v) it is\n%s\nand was\n%s", err, again, sent)
		}
		if stored, err := wire.Marshal(o.encode); err != nil || text != "" && strings.Contains(string(stored), `"token":"`+text+`"`) {
			t.Errorf("stored as %s, %v", stored, err)
		}
	})
}
