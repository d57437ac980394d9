package roundtrip

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/internal/redact"
)

// values is the number of random values of each type.
const values = 60

// codec is an encoder and a decoder of JSON.
type codec struct {
	name    string
	marshal func(any) ([]byte, error)
	decode  func([]byte, any) error
}

var codecs = []codec{
	{"encoding/json", json.Marshal, json.Unmarshal},
	{
		"the JSON module",
		func(v any) ([]byte, error) { return jsonv2.Marshal(v) },
		func(text []byte, v any) error { return jsonv2.Unmarshal(text, v) },
	},
}

// Check checks the wire types of the package in the current directory. types are pointers to zero
// values of all wire types that the package exports. Every value of a type must come back unchanged
// from both codecs, except for its secrets, which are dropped.
func Check(t *testing.T, types ...any) {
	t.Helper()
	checkComplete(t, types)
	for _, zero := range types {
		of := reflect.TypeOf(zero).Elem()
		t.Run(of.Name(), func(t *testing.T) {
			for _, c := range codecs {
				t.Run(c.name, func(t *testing.T) {
					checkZero(t, of, c)
					checkZeroThatIsSet(t, of, c)
					each(of, func(seed uint64, filling Filling) {
						filling.Secrets = true
						before := filled(of, seed, filling)
						filling.Secrets = false
						checkSurvival(t, c, before, filled(of, seed, filling), seed)
					})
				})
			}
		})
	}
}

// each calls check with seeds and ways to fill a value of a type.
func each(of reflect.Type, check func(seed uint64, filling Filling)) {
	for i := range uint64(values) {
		seed := i
		for _, c := range []byte(of.Name()) {
			seed = seed*31 + uint64(c)
		}
		check(seed, Filling{Full: i == 0, Misfits: i > 2})
	}
}

// filled returns a pointer to a random value.
func filled(of reflect.Type, seed uint64, filling Filling) any {
	value := reflect.New(of).Interface()
	Fill(rand.New(rand.NewPCG(seed, seed)), value, filling)
	return value
}

func checkSurvival(t *testing.T, c codec, before, want any, seed uint64) {
	t.Helper()
	of := reflect.TypeOf(before).Elem()
	text, err := c.marshal(before)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	if byValue, err := c.marshal(reflect.ValueOf(before).Elem().Interface()); err != nil || !bytes.Equal(text, byValue) {
		t.Fatalf("seed %d: by value (%v) it is\n%s\nand behind a pointer\n%s", seed, err, byValue, text)
	}
	if strings.Contains(string(text), "-secret") {
		t.Fatalf("seed %d: a secret is shown: %s", seed, text)
	}
	got := reflect.New(of).Interface()
	if err := c.decode(text, got); err != nil {
		t.Fatalf("seed %d: %v\n%s", seed, err, text)
	}
	if diff := Diff(want, got); diff != "" {
		t.Fatalf("seed %d (-before +after):\n%s", seed, diff)
	}
	once, err := c.marshal(got)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	if without, err := c.marshal(want); err != nil || !bytes.Equal(once, without) {
		t.Fatalf("seed %d: encoded again (%v) it is\n%s\nand was\n%s", seed, err, once, without)
	}
}

// checkZero checks that a value with nothing set is encoded as its required members.
func checkZero(t *testing.T, of reflect.Type, c codec) {
	t.Helper()
	text, err := c.marshal(reflect.New(of).Interface())
	if err != nil {
		t.Fatal(err)
	}
	var required []string
	for _, m := range membersOf(of) {
		if m.required && !m.embedded {
			required = append(required, m.name)
		}
	}
	slices.Sort(required)
	if diff := cmp.Diff(required, names(t, text)); diff != "" {
		t.Errorf("members of a value with nothing set (-want +got):\n%s", diff)
	}
}

// checkZeroThatIsSet checks that a zero value behind a pointer is encoded and decoded.
func checkZeroThatIsSet(t *testing.T, of reflect.Type, c codec) {
	t.Helper()
	before := reflect.New(of)
	set := map[string]bool{}
	for _, m := range membersOf(of) {
		if m.of.Kind() == reflect.Pointer {
			before.Elem().Field(m.field).Set(reflect.New(m.of.Elem()))
			set[m.name] = true
		}
	}
	if len(set) == 0 {
		return
	}
	text, err := c.marshal(before.Interface())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names(t, text) {
		delete(set, name)
	}
	if len(set) > 0 {
		t.Errorf("%v was set to zero and is not in %s", set, text)
	}
	after := reflect.New(of)
	if err := c.decode(text, after.Interface()); err != nil {
		t.Fatal(err)
	}
	for _, m := range membersOf(of) {
		if m.of.Kind() == reflect.Pointer && after.Elem().Field(m.field).IsNil() {
			t.Errorf("%s was zero and is nil", m.name)
		}
	}
}

func names(t *testing.T, text []byte) []string {
	t.Helper()
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	var list []string
	for name := range members {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// Diff compares wire types: secrets by their content, raw JSON by its meaning, and only exported
// fields.
func Diff(want, got any) string {
	return cmp.Diff(want, got,
		cmp.Transformer("secret", func(s redact.Secret) string { return s.Reveal() }),
		// encoding/json writes < as \u003c, which has the same meaning.
		cmp.Transformer("raw", func(r redact.RawJSON) string { return compact(r.Bytes()) }),
		cmp.FilterPath(func(p cmp.Path) bool {
			field, ok := p.Last().(cmp.StructField)
			return ok && !ast.IsExported(field.Name())
		}, cmp.Ignore()))
}

func compact(text []byte) string {
	value := jsontext.Value(bytes.Clone(text))
	if len(value) == 0 || value.Format(jsontext.Multiline(false), jsontext.SpaceAfterColon(false), jsontext.SpaceAfterComma(false)) != nil {
		return string(text)
	}
	return string(value)
}

// checkComplete compares types with those that the source of the package declares.
func checkComplete(t *testing.T, types []any) {
	t.Helper()
	var checked []string
	for _, zero := range types {
		checked = append(checked, reflect.TypeOf(zero).Elem().Name())
	}
	slices.Sort(checked)
	declared := Structs(t, isWireType)
	if len(declared) == 0 {
		t.Fatal("the package declares no wire type")
	}
	if diff := cmp.Diff(declared, checked); diff != "" {
		t.Errorf("wire types (-declared +checked):\n%s", diff)
	}
}

// Structs returns the sorted names of the structs that the package in the current directory exports
// and for which keep returns true. A nil keep keeps all. The names come from the source of the
// package, so that none is missing.
func Structs(t *testing.T, keep func(*ast.StructType) bool) []string {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok && spec.Name.IsExported() {
				if s, ok := spec.Type.(*ast.StructType); ok && (keep == nil || keep(s)) {
					list = append(list, spec.Name.Name)
				}
			}
			_, function := n.(*ast.FuncDecl)
			return !function
		})
	}
	slices.Sort(list)
	return list
}

// isWireType reports whether a struct keeps the members that it does not know.
func isWireType(s *ast.StructType) bool { return slices.ContainsFunc(s.Fields.List, isEmbed) }

func isEmbed(f *ast.Field) bool {
	return f.Tag != nil && strings.Contains(f.Tag.Value, `json:",embed"`)
}
