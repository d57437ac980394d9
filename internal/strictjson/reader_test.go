package strictjson_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/internal/strictjson"
)

// every reads an object of everything that a Reader can read.
type every struct {
	Text    string
	Secret  redact.Secret
	Bool    bool
	Int     *int64
	Time    time.Time
	Raw     redact.RawJSON
	Inner   string
	Unknown redact.Fields
}

func (e *every) read(r *strictjson.Reader, name []byte) bool {
	switch string(name) {
	case "text":
		return strictjson.Text(r, &e.Text)
	case "secret":
		return r.Secret(&e.Secret)
	case "bool":
		return r.Bool(&e.Bool)
	case "int":
		return strictjson.New(r, &e.Int, r.Int)
	case "time":
		return r.Time(&e.Time)
	case "raw":
		return r.Raw(&e.Raw)
	case "object":
		return r.Members(func(name []byte) bool {
			return string(name) == "inner" && strictjson.Text(r, &e.Inner) || r.Skip()
		})
	default:
		return r.Keep(&e.Unknown, name)
	}
}

var everyText = cmp.Options{
	cmp.Transformer("text", func(r redact.RawJSON) string { return string(r) }),
	cmp.Transformer("secret", func(s redact.Secret) string { return s.Reveal() }),
}

func TestAReaderReadsAnObjectInItsOrder(t *testing.T) {
	const text = ` { "text" : "a\u00e5\"b" , "secret":"s","bool":true,"int":-9007199254740993,"time":"2026-01-02T05:04:05+02:00","raw":[1, {"a":null}],
		"object":{"inner":"i","more":{"inner":"no"}},"new\n":{"b": 1.0} } `
	var got every
	if err := strictjson.Read([]byte(text), func(r *strictjson.Reader) bool {
		return r.Members(func(name []byte) bool { return got.read(r, name) })
	}); err != nil {
		t.Fatal(err)
	}
	want := every{
		Text: "aå\"b", Secret: redact.NewSecret("s"), Bool: true, Int: new(int64(-9007199254740993)), Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Raw: redact.RawJSON(`[1, {"a":null}]`), Inner: "i", Unknown: redact.Fields{"new\n": redact.RawJSON(`{"b": 1.0}`)},
	}
	if diff := cmp.Diff(want, got, everyText); diff != "" {
		t.Error(diff)
	}
}

func TestNullIsTheZeroValue(t *testing.T) {
	got := every{Text: "x", Secret: redact.NewSecret("x"), Bool: true, Int: new(int64(1)), Time: time.Now(), Raw: redact.RawJSON("1"), Inner: "x"}
	if err := strictjson.Read([]byte(`{"text":null,"secret":null,"bool":null,"int":null,"time":null,"raw":null,"object":null}`), func(r *strictjson.Reader) bool {
		return r.Members(func(name []byte) bool { return got.read(r, name) })
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(every{Raw: redact.RawJSON("null"), Inner: "x"}, got, everyText); diff != "" {
		t.Error(diff)
	}
}

func TestAMemberThatDoesNotFitIsAnErrorOrCanBeKept(t *testing.T) {
	for name, text := range map[string]string{
		"text": `[1]`, "secret": `"[redacted]"`, "bool": `"true"`, "int": `1.0`, "object": `"o"`,
	} {
		t.Run(name, func(t *testing.T) {
			body := []byte(`{"outer":{"` + name + `":` + text + `},"text":"t"}`)
			var got every
			err := strictjson.Read(body, func(r *strictjson.Reader) bool {
				return r.Members(func(string []byte) bool {
					return r.Members(func(name []byte) bool { return got.read(r, name) })
				})
			})
			e, ok := errors.AsType[*strictjson.Error](err)
			if !ok || e.Path != "outer."+name || !strings.HasPrefix(e.Error(), "cannot decode outer."+name+": a") || strings.Contains(e.Error(), "redacted") {
				t.Errorf("%v", err)
			}

			got = every{}
			if err := strictjson.Read(body, func(r *strictjson.Reader) bool {
				var read func(name []byte) bool
				read = func(name []byte) bool {
					if string(name) == "outer" {
						return r.Members(read)
					}
					return got.read(r, name) || r.Keep(&got.Unknown, name)
				}
				return r.Members(read)
			}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(every{Text: "t", Unknown: redact.Fields{name: redact.RawJSON(text)}}, got, everyText); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnObjectIsNotReadFromWhatIsNone(t *testing.T) {
	for _, text := range []string{`[]`, `"a"`, `7`, `true`} {
		fitted := true
		if err := strictjson.Read([]byte(text), func(r *strictjson.Reader) bool {
			fitted = r.Members(func([]byte) bool { return r.Skip() })
			return r.Skip()
		}); err != nil || fitted {
			t.Errorf("%s: %t, %v", text, fitted, err)
		}
	}
}

func TestRawIsKeptOfWhatIsReadAsWell(t *testing.T) {
	for _, test := range []struct {
		text, raw string
		fits      bool
	}{
		{`{"a" : {"b": 1} , "c":2}`, `{"b": 1}`, true}, {`{"a":{"b":"x"}}`, `{"b":"x"}`, false}, {`{"a":null}`, `null`, true}, {`{"a":[ ]}`, `[ ]`, false},
	} {
		var raw redact.RawJSON
		var fits bool
		if err := strictjson.Read([]byte(test.text), func(r *strictjson.Reader) bool {
			return r.Members(func(name []byte) bool {
				if string(name) != "a" {
					return r.Skip()
				}
				fits = r.RawOf(&raw, func() bool {
					return r.Members(func([]byte) bool { return r.Int(new(int64)) })
				})
				return true
			})
		}); err != nil || string(raw) != test.raw || fits != test.fits {
			t.Errorf("%s: %s, %t, %v", test.text, []byte(raw), fits, err)
		}
		if len(raw) != cap(raw) {
			t.Errorf("%s: appending to %s would write over what follows", test.text, []byte(raw))
		}
	}
}

func TestReadSaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		``: "invalid JSON (it ends too early) at byte 0", ` `: "invalid JSON (it ends too early) at byte 1", `{"a":[`: "invalid JSON (it ends too early) at byte 6",
		`{} {}`: "invalid JSON (syntax) at byte 3", `{"a":1,"a":2}`: "invalid JSON (duplicate member name) at byte 7",
		"{\"a\":\"\xff\"}": "invalid JSON (syntax) at byte 6", `{"a"}`: "invalid JSON (syntax) at byte 4", `{"a":1]`: "invalid JSON (syntax) at byte 6",
	} {
		err := strictjson.Read([]byte(text), func(r *strictjson.Reader) bool { return r.Members(func([]byte) bool { return r.Skip() }) })
		if err == nil || err.Error() != want || strictjson.Unmarshal([]byte(text), new(map[string]any)).Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// basket reads itself.
type basket struct {
	Owner *person
	Lines []person
	Tags  []string
	Kind  string
	Rest  redact.Fields
}

type person struct {
	Name string
	Age  int64
}

func (p *person) member(r *strictjson.Reader, name []byte) bool {
	switch string(name) {
	case "name":
		return strictjson.Text(r, &p.Name)
	case "age":
		return r.Int(&p.Age)
	default:
		return r.Skip()
	}
}

func (b *basket) ReadJSON(r *strictjson.Reader) bool {
	if !strictjson.Object(r, b, (*basket).member) {
		return false
	}
	if b.Kind == "" {
		return r.Invalid("it has no kind")
	}
	return true
}

func (b *basket) member(r *strictjson.Reader, name []byte) bool {
	switch string(name) {
	case "owner":
		return strictjson.NewObject(r, &b.Owner, (*person).member)
	case "lines":
		return strictjson.Slice(r, &b.Lines, func(p *person) bool { return strictjson.Object(r, p, (*person).member) })
	case "tags":
		return strictjson.Slice(r, &b.Tags, func(s *string) bool { return strictjson.Text(r, s) }) || r.Keep(&b.Rest, name)
	case "kind":
		if !r.IsString() {
			b.Kind = "other"
			return r.Skip()
		}
		return strictjson.Text(r, &b.Kind)
	default:
		return r.Keep(&b.Rest, name)
	}
}

func TestADestinationReadsItself(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want basket
		err  string
	}{
		"every member": {
			`{"kind":"k","owner":{"name":"a","age":7,"new":[]},"lines":[{"name":"b"},{},{"age":-1}],"tags":["x","y\u00e5"]}`,
			basket{Owner: &person{"a", 7}, Lines: []person{{Name: "b"}, {}, {Age: -1}}, Tags: []string{"x", "yå"}, Kind: "k"}, "",
		},
		"null for all of them":                    {`{"owner":null,"lines":null,"tags":null,"kind":7}`, basket{Kind: "other"}, ""},
		"arrays without elements":                 {`{"kind":"k","lines":[],"tags":[ ]}`, basket{Kind: "k", Lines: []person{}, Tags: []string{}}, ""},
		"null in an array":                        {`{"kind":"k","lines":[null],"tags":[null]}`, basket{Kind: "k", Lines: []person{{}}, Tags: []string{""}}, ""},
		"what does not fit deep inside":           {`{"kind":"k","lines":[{"age":1},{"age":"old"},{"age":2}]}`, basket{}, "cannot decode lines[1].age: a string"},
		"an object for an array":                  {`{"kind":"k","lines":{}}`, basket{}, "cannot decode lines: an object"},
		"an array for an object":                  {`{"kind":"k","owner":[{}]}`, basket{}, "cannot decode owner: an array"},
		"a number that does not fit":              {`{"kind":"k","owner":{"age":1e3}}`, basket{}, "cannot decode owner.age: a number"},
		"the first of two that do not fit":        {`{"kind":"k","owner":{"age":true,"name":1},"lines":7}`, basket{}, "cannot decode owner.age: a boolean"},
		"what does not fit and is kept":           {`{"kind":"k","tags":["x",1,{"a":[]}],"b":2}`, basket{Kind: "k", Rest: redact.Fields{"tags": redact.RawJSON(`["x",1,{"a":[]}]`), "b": redact.RawJSON("2")}}, ""},
		"what makes no sense":                     {`{}`, basket{}, "it has no kind"},
		"what is broken within what does not fit": {`{"kind":"k","lines":[1,{]}`, basket{}, "invalid JSON (syntax) at byte 24"},
		"a broken element":                        {`{"kind":"k","tags":["x" "y"]}`, basket{}, "invalid JSON (syntax) at byte 24"},
		"an array that ends too early":            {`{"kind":"k","tags":["x"`, basket{}, "invalid JSON (it ends too early) at byte 23"},
		"another kind of value":                   {`[]`, basket{}, "cannot decode an array"},
	} {
		t.Run(name, func(t *testing.T) {
			var got basket
			err := strictjson.Unmarshal([]byte(test.text), &got)
			if test.err != "" {
				if err == nil || err.Error() != test.err {
					t.Errorf("error %v, want %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, everyText); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatAReaderReadOutlivesTheNext(t *testing.T) {
	var first, second string
	for text, to := range map[string]*string{`"` + strings.Repeat("a", 300) + `"`: &first, `"` + strings.Repeat("b", 300) + `"`: &second} {
		if err := strictjson.Read([]byte(text), func(r *strictjson.Reader) bool { return strictjson.Text(r, to) }); err != nil {
			t.Fatal(err)
		}
	}
	if first != strings.Repeat("a", 300) || second != strings.Repeat("b", 300) {
		t.Errorf("%s, %s", first, second)
	}
}

func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		`{"text":"a","secret":"s","bool":true,"int":1,"time":"2026-01-02","raw":[],"object":{"inner":"i"},"new":1}`,
		`{"text":"\ud83d"}`, `{"a":1,"\u0061":2}`, `{"object":{"inner":1}}`, `{} {}`, `{"a":1,}`, `{"a"}`, `[`, `null`, ``, ` `, "\"\xff\"", `{"int":1e3}`, `{"object":null,"bool":0}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var got every
		err := strictjson.Read(text, func(r *strictjson.Reader) bool {
			return r.Members(func(name []byte) bool { return got.read(r, name) || r.Skip() }) || r.Skip()
		})
		var whole any
		if other := strictjson.Unmarshal(text, &whole); (err == nil) != (other == nil) {
			t.Fatalf("a Reader says %v, Unmarshal %v", err, other)
		}
		members, ok := whole.(map[string]any)
		if err != nil || !ok {
			return
		}
		if s, ok := members["text"].(string); ok && got.Text != s {
			t.Errorf("text %q, want %q", got.Text, s)
		}
		for name := range got.Unknown {
			if _, ok := members[name]; !ok {
				t.Errorf("%q is unknown and is not there", name)
			}
		}
	})
}
