package answers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
)

// Mutation is a JSON text that differs from another at one place.
type Mutation struct {
	// Path is where, as in Klarna's validation errors: payment_captures[0].currency.
	Path string
	// Was and Is are what stood there and what stands there now.
	Was, Is string
	Text    string
}

// The things that a value is changed into.
const (
	Missing  = "missing"
	Repeated = "repeated"
	BadByte  = "a string with a bad byte"
)

// changes are what each value is changed into in turn.
var changes = []struct{ is, text string }{
	{Missing, ""},
	{"null", `null`},
	{"a boolean", `true`},
	{"a number", `7`},
	{"a string", `"other"`},
	{"an array", `[1]`},
	{"an object", `{"other":1}`},
	{BadByte, "\"krn:\xff\""},
	{Repeated, ""},
}

// value is a JSON value: an object, an array or a text.
type value struct {
	kind    byte // '{', '[' or 0
	text    string
	names   []string // of an object's members
	members []*value
}

// Mutations yields the texts that differ from a JSON object in one value, at every depth.
func Mutations(text string) iter.Seq[Mutation] {
	root := parse(text)
	return func(yield func(Mutation) bool) { root.mutations(root, "", yield) }
}

func parse(text string) *value {
	text = strings.TrimSpace(text)
	v := new(value)
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	token, err := d.Token()
	if err != nil {
		panic(err)
	}
	delim, ok := token.(json.Delim)
	if !ok {
		v.text = text
		return v
	}
	v.kind = delim.String()[0]
	for d.More() {
		if v.kind == '{' {
			name, err := d.Token()
			if err != nil {
				panic(err)
			}
			v.names = append(v.names, name.(string)) //nolint:forcetypeassert // JSON has no other names
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			panic(err)
		}
		v.members = append(v.members, parse(string(raw)))
	}
	return v
}

// write writes v with the value changed in the place of the one that is being changed.
func (v *value) write(b *bytes.Buffer, changed *value, text string, is string) {
	if v.kind == 0 {
		b.WriteString(v.text)
		return
	}
	b.WriteByte(v.kind)
	wrote := false
	for i, member := range v.members {
		times := 1
		switch {
		case member != changed:
		case is == Missing:
			times = 0
		case is == Repeated:
			times = 2
		}
		for n := range times {
			if wrote {
				b.WriteByte(',')
			}
			wrote = true
			if v.kind == '{' {
				fmt.Fprintf(b, "%q:", v.names[i])
			}
			switch {
			case member == changed && is == Repeated && n == 1:
				b.WriteString(`7`)
			case member == changed && is != Repeated:
				b.WriteString(text)
			default:
				member.write(b, changed, text, is)
			}
		}
	}
	b.WriteByte(map[byte]byte{'{': '}', '[': ']'}[v.kind])
}

func (v *value) mutations(root *value, path string, yield func(Mutation) bool) bool {
	for i, member := range v.members {
		at := fmt.Sprintf("%s[%d]", path, i)
		if v.kind == '{' {
			at = strings.TrimPrefix(path+"."+v.names[i], ".")
		}
		for _, c := range changes {
			var b bytes.Buffer
			root.write(&b, member, c.text, c.is)
			if !yield(Mutation{Path: at, Was: member.describe(), Is: c.is, Text: b.String()}) {
				return false
			}
		}
		if !member.mutations(root, at, yield) {
			return false
		}
	}
	return true
}

func (v *value) describe() string {
	switch {
	case v.kind == '{':
		return "an object"
	case v.kind == '[':
		return "an array"
	case v.text[0] == '"':
		return "a string"
	case v.text[0] == 't', v.text[0] == 'f':
		return "a boolean"
	case v.text[0] == 'n':
		return "null"
	default:
		return "a number"
	}
}
