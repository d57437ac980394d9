package answers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
)

// Mutation is a JSON text with one changed value.
type Mutation struct {
	// Path is the path of the value, as in Klarna's validation errors:
	// payment_captures[0].currency.
	Path string
	// Was and Is are the value before and after the change.
	Was, Is string
	Text    string
}

// The values that replace a value.
const (
	Missing  = "missing"
	Repeated = "repeated"
	BadByte  = "a string with a bad byte"
)

// changes are the replacements for each value.
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

// value is a JSON value: an object, an array or a scalar.
type value struct {
	kind    byte // '{', '[' or 0
	text    string
	names   []string // names of the members of an object
	members []*value
}

// Mutations yields the variants of a JSON object with one changed value, at every depth.
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

// write writes v with other text in place of the changed values.
func (v *value) write(b *bytes.Buffer, changed map[*value]bool, text, is string) {
	if v.kind == 0 {
		b.WriteString(v.text)
		return
	}
	b.WriteByte(v.kind)
	wrote := false
	for i, member := range v.members {
		times := 1
		switch {
		case !changed[member]:
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
			case changed[member] && is == Repeated && n == 1:
				b.WriteString(`7`)
			case changed[member] && is != Repeated:
				b.WriteString(text)
			default:
				member.write(b, changed, text, is)
			}
		}
	}
	b.WriteByte(map[byte]byte{'{': '}', '[': ']'}[v.kind])
}

func (v *value) mutations(root *value, path string, yield func(Mutation) bool) bool {
	return v.walk(path, func(at, _ string, member *value) bool {
		for _, c := range changes {
			if !yield(member.mutation(root, at, c.is, c.text)) {
				return false
			}
		}
		return true
	})
}

// walk calls visit for each value below v with its path and name, until visit returns false.
func (v *value) walk(path string, visit func(at, name string, member *value) bool) bool {
	for i, member := range v.members {
		at, name := fmt.Sprintf("%s[%d]", path, i), ""
		if v.kind == '{' {
			name = v.names[i]
			at = strings.TrimPrefix(path+"."+name, ".")
		}
		if !visit(at, name, member) || !member.walk(at, visit) {
			return false
		}
	}
	return true
}

// mutation returns root with v changed.
func (v *value) mutation(root *value, at, is, text string) Mutation {
	var b bytes.Buffer
	root.write(&b, map[*value]bool{v: true}, text, is)
	return Mutation{Path: at, Was: v.describe(), Is: is, Text: b.String()}
}

// Spellings yields other notations of a JSON object: with one number in another notation, with
// results and states in lower case, and with a byte order mark.
func Spellings(text string) iter.Seq[Mutation] {
	root := parse(text)
	return func(yield func(Mutation) bool) {
		more := root.walk("", func(at, _ string, member *value) bool {
			if member.describe() != "a number" {
				return true
			}
			for _, spelled := range []string{member.text + ".0", member.text + "000e-3", `"` + member.text + `"`} {
				if !yield(member.mutation(root, at, spelled, spelled)) {
					return false
				}
			}
			return true
		})
		_ = more && yield(Mutation{Is: "in lower case", Text: inLowerCase.Replace(text)}) &&
			yield(Mutation{Is: "behind a byte order mark", Text: "\ufeff" + text})
	}
}

var inLowerCase = func() *strings.Replacer {
	var pairs []string
	for _, word := range []string{
		"APPROVED", "DECLINED", "STEP_UP_REQUIRED", "SUBMITTED", "IN_PROGRESS", "COMPLETED", "CANCELED", "AUTHORIZED",
	} {
		pairs = append(pairs, `"`+word+`"`, `"`+strings.ToLower(word)+`"`)
	}
	return strings.NewReplacer(pairs...)
}()

// Names returns the names of the members of a JSON object, at every depth.
func Names(text string) []string {
	found := make(map[string]bool)
	parse(text).walk("", func(_, name string, _ *value) bool {
		found[name] = true
		return true
	})
	delete(found, "") // the name of list elements
	return slices.Sorted(maps.Keys(found))
}

// EveryNamed yields changes of a JSON text that change all members with a name in the same way.
func EveryNamed(name string) iter.Seq2[string, func(text string) string] {
	return func(yield func(string, func(string) string) bool) {
		for _, c := range changes {
			if !yield(c.is, func(text string) string { return changeNamed(text, name, c.is, c.text) }) {
				return
			}
		}
	}
}

func changeNamed(text, name, is, to string) string {
	root, changed := parse(text), make(map[*value]bool)
	root.walk("", func(_, n string, member *value) bool {
		changed[member] = n == name
		return true
	})
	var b bytes.Buffer
	root.write(&b, changed, to, is)
	return b.String()
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
