package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestGeneratedFilesAreCurrent fails if go generate ./... must be run.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	root := filepath.Join("..", "..")
	checked := 0
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != root && strings.HasPrefix(entry.Name(), "."):
			return filepath.SkipDir
		case entry.Name() != output:
			return nil
		}
		checked++
		committed, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		generated, err := generate(filepath.Dir(path))
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if diff := cmp.Diff(strings.Split(string(committed), "\n"), strings.Split(string(generated), "\n")); diff != "" {
			t.Errorf("%s is stale: run go generate (-committed +generated):\n%s", path, diff)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked < 4 {
		t.Errorf("%d files were found, want at least 4", checked)
	}
}

const head = `package p

import (
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"time"

	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

var _ fmt.State
var _ slog.Value
var _ netip.Addr
var _ url.URL
var _ time.Time
var _ wire.Reader

`

var exports = sync.OnceValues(func() (map[string]string, error) {
	return exportData(".", map[string]bool{
		"fmt": true, "log/slog": true, "net/netip": true, "net/url": true, "time": true, "github.com/klarna-go/klarna-go/klarna": true,
		"github.com/klarna-go/klarna-go/internal/redact": true, "github.com/klarna-go/klarna-go/internal/wire": true,
	})
})

// generateFrom returns the generated code for a package with these declarations. The code must
// compile with them.
func generateFrom(t *testing.T, declarations string) (string, error) {
	t.Helper()
	exports, err := exports()
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	parse := func(name, text string) *ast.File {
		file, err := parser.ParseFile(set, name, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		return file
	}
	byHand := parse("p.go", head+declarations)
	code, err := newSource(set, []*ast.File{byHand}, exports).generate()
	if err != nil {
		return "", err
	}
	config := types.Config{Importer: importerOf(set, exports)}
	if _, err := config.Check("p", set, []*ast.File{byHand, parse(output, string(code))}, nil); err != nil {
		t.Errorf("what was written does not compile: %v\n%s", err, code)
	}
	return string(code), nil
}

func TestEveryKindOfMemberIsGenerated(t *testing.T) {
	code, err := generateFrom(t, `
type Order struct {
	Name    string           `+"`json:\"name\" wire:\"show\"`"+`
	State   State            `+"`json:\"state,omitzero\" wire:\"show\"`"+`
	Profile Profile          `+"`json:\"profile,omitzero\"`"+`
	Count   int              `+"`json:\"count,omitzero\" wire:\"show\"`"+`
	Amount  int64            `+"`json:\"amount\"`"+`
	Tax     *int64           `+"`json:\"tax,omitzero\" wire:\"show\"`"+`
	Rate    *float64         `+"`json:\"rate,omitzero\"`"+`
	Live    bool             `+"`json:\"live,omitzero\"`"+`
	At      time.Time        `+"`json:\"at,omitzero\"`"+`
	Until   *time.Time       `+"`json:\"until,omitzero\"`"+`
	Token   klarna.Secret    `+"`json:\"token,omitzero\"`"+`
	Echo    klarna.RawJSON   `+"`json:\"echo,omitzero\"`"+`
	Tags    []string         `+"`json:\"tags,omitzero\"`"+`
	States  []State          `+"`json:\"states\"`"+`
	Lines   []Line           `+"`json:\"lines,omitzero\"`"+`
	Line    Line             `+"`json:\"line,omitzero\"`"+`
	Other   *Line            `+"`json:\"other,omitzero\"`"+`
	Raws    []klarna.RawJSON `+"`json:\"raws,omitzero\"`"+`
	Raw     klarna.RawJSON   `+"`json:\"-\"`"+`
	hidden  int

	klarna.Unknown `+"`json:\",embed\"`"+`
}

type Line struct {
	Name string `+"`json:\"name\"`"+`

	klarna.Unknown `+"`json:\",embed\"`"+`
}

type answer struct {
	Orders []Order `+"`json:\"orders\"`"+`

	klarna.Unknown `+"`json:\",embed\"`"+`
}

type State string

const (
	Open   State = "OPEN"
	Closed State = "CLOSED"
)

type Profile string

const Email Profile = "profile:email"

type NotOnTheWire struct{ A map[string]int }
`)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"func (x *Order) decode(", "func (x *Line) isZero() bool", "func (x *answer) encode(", `wire.ReadEnum(&x.State, r, []State{Closed, Open})`,
		"wire.ReadText(&x.Profile, r)", "wire.ReadPointer(&x.Tax, r, wire.ReadInt)", `if w.Member(x.Unknown, "amount", x.Amount == 0)`,
		"func (x Order) String() string", "func (x Order) Format(", "redact.ShowInt(x.Count)", "redact.ShowIntPointer(x.Tax)", "func (x Line) MarshalJSON()",
	} {
		if !strings.Contains(code, want) {
			t.Errorf("%s is missing in\n%s", want, code)
		}
	}
	for _, unwanted := range []string{"func (x Line) String()", "answer) MarshalJSON", "NotOnTheWire", "x.Raw,", "hidden", "func (x *Order) isZero()"} {
		if strings.Contains(code, unwanted) {
			t.Errorf("%s is in\n%s", unwanted, code)
		}
	}
}

func TestTypesOfAnotherPackageAreWritten(t *testing.T) {
	code, err := generateFrom(t, `
type Order struct {
	Config   *klarna.AcquiringConfig  `+"`json:\"config,omitzero\"`"+`
	Configs  []klarna.AcquiringConfig `+"`json:\"configs,omitzero\"`"+`
	Value    klarna.AcquiringConfig   `+"`json:\"value,omitzero\"`"+`
	Interval klarna.BillingInterval   `+"`json:\"interval,omitzero\"`"+`
	Side     klarna.Environment       `+"`json:\"side,omitzero\"`"+`

	klarna.Unknown `+"`json:\",embed\"`"+`
}

type config klarna.AcquiringConfig
`)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"return (*config)(to).decode(r)", "(*config)(x.Config).encode(w)", "(*config)(&x.Value).encode(w)",
		"wire.ReadEnum(&x.Interval, r, []klarna.BillingInterval{klarna.BillingIntervalDay,", "wire.ReadText(&x.Side, r)",
	} {
		if !strings.Contains(code, want) {
			t.Errorf("%s is missing in\n%s", want, code)
		}
	}
}

const order = "type Order struct {\n\tName string `json:\"name\" %s`\n\n\tklarna.Unknown `json:\",embed\"`\n}\n\n"

func TestHandWrittenMethodsAreKept(t *testing.T) {
	byHand := map[string]string{
		"decode(":        "func (x *Order) decode(r *wire.Reader) bool { return r.Skip() }",
		"encode(":        "func (x *Order) encode(w *wire.Writer) {}",
		"member(":        "func (x *Order) member(r *wire.Reader, name []byte) bool { return r.Skip() }",
		"String()":       `func (x Order) String() string { return "" }`,
		"MarshalJSON()":  "func (x Order) MarshalJSON() ([]byte, error) { return nil, nil }",
		"UnmarshalJSON(": "func (x *Order) UnmarshalJSON(text []byte) error { return nil }",
		"LogValue()":     "func (x Order) LogValue() slog.Value { return slog.Value{} }",
		"Format(":        "func (x Order) Format(s fmt.State, _ rune) {}",
	}
	for method, text := range byHand {
		t.Run(method, func(t *testing.T) {
			code, err := generateFrom(t, fmt.Sprintf(order, `wire:"show"`)+text)
			if err != nil {
				t.Fatal(err)
			}
			for other := range byHand {
				if written := strings.Contains(code, "Order) "+other); written != (other != method) {
					t.Errorf("%s is written: %t", other, written)
				}
			}
		})
	}
}

// Otherwise the methods of Unknown would print [redacted].
func TestHandWrittenStringIsPrintedAndLogged(t *testing.T) {
	code, err := generateFrom(t, fmt.Sprintf(order, "")+`func (x Order) String() string { return "" }`)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(code, "Order) Format(") || !strings.Contains(code, "Order) LogValue(") {
		t.Errorf("written is\n%s", code)
	}
}

func TestWrongStructsAreErrors(t *testing.T) {
	var fields strings.Builder
	for i := range 65 {
		fmt.Fprintf(&fields, "F%d string `json:\"f%d\"`; ", i, i)
	}
	many := fields.String()
	for name, test := range map[string]struct{ field, want string }{
		"a pointer without omitzero":       {"A *int64 `json:\"a\"`", "Order: A: a pointer needs omitzero"},
		"too many members":                 {many, "Order: it has 65 members, more than 64"},
		"a map":                            {"A map[string]int `json:\"a\"`", "Order: A: a map[string]int cannot be encoded"},
		"a channel":                        {"A chan int `json:\"a\"`", "Order: A: a chan int cannot be encoded"},
		"a function":                       {"A func() `json:\"a\"`", "Order: A: a func() cannot be encoded"},
		"an interface":                     {"A any `json:\"a\"`", "Order: A: a any cannot be encoded"},
		"an array":                         {"A [2]int `json:\"a\"`", "Order: A: a [2]int cannot be encoded"},
		"bytes":                            {"A []byte `json:\"a\"`", "Order: A: a []byte cannot be encoded"},
		"a small integer":                  {"A int32 `json:\"a\"`", "Order: A: a int32 cannot be encoded"},
		"an unsigned integer":              {"A uint64 `json:\"a\"`", "Order: A: a uint64 cannot be encoded"},
		"a small float":                    {"A float32 `json:\"a\"`", "Order: A: a float32 cannot be encoded"},
		"a complex number":                 {"A complex128 `json:\"a\"`", "Order: A: a complex128 cannot be encoded"},
		"a struct without a name":          {"A struct{ B int } `json:\"a\"`", "Order: A: a struct{B int} cannot be encoded"},
		"a struct without Unknown":         {"A Plain `json:\"a\"`", "Order: A: a p.Plain cannot be encoded"},
		"a list of lists":                  {"A [][]int `json:\"a\"`", "Order: A: a [][]int cannot be encoded"},
		"a list of pointers":               {"A []*int `json:\"a\"`", "Order: A: a []*int cannot be encoded"},
		"a pointer to a pointer":           {"A **int `json:\"a,omitzero\"`", "Order: A: a **int cannot be encoded"},
		"a pointer to a list":              {"A *[]int `json:\"a,omitzero\"`", "Order: A: a *[]int cannot be encoded"},
		"a type that does not exist":       {"A Missing `json:\"a\"`", "Order: A: a invalid type cannot be encoded"},
		"another package's type":           {"A url.Values `json:\"a\"`", "Order: A: a net/url.Values cannot be encoded"},
		"a foreign type without JSON":      {"A netip.Addr `json:\"a\"`", "Order: A: a net/netip.Addr cannot be encoded"},
		"two members of one name":          {"A, B int `json:\"a\"`", "Order: B: a is the name of another member"},
		"an exported field without a name": {"A int", "Order: A has no name in JSON"},
		"an option that is not known":      {"A int `json:\"a,omitempty\"`", "Order: A: omitempty is an unknown option"},
		"unknown members of another name":  {"Rest klarna.Unknown `json:\",embed\"`", "Order: Rest: the embedded type must be Unknown"},
		"a list that is shown":             {"A []string `json:\"a\" wire:\"show\"`", "Order: A: a []string cannot be shown"},
		"a secret that is shown":           {"A klarna.Secret `json:\"a\" wire:\"show\"`", "Order: A: a github.com/klarna-go/klarna-go/klarna.Secret cannot be shown"},
		"a word that is not known":         {"A string `json:\"a\" wire:\"hide\"`", `Order: A: wire:"hide" is unknown`},
	} {
		t.Run(name, func(t *testing.T) {
			code, err := generateFrom(t, "type Plain struct{ A int }\n\ntype Order struct {\n"+test.field+"\n\n\tklarna.Unknown `json:\",embed\"`\n}\n")
			if err == nil || err.Error() != test.want {
				t.Errorf("error %v, want %s\n%s", err, test.want, code)
			}
		})
	}
}

func TestPackageWithoutWireTypesIsAnError(t *testing.T) {
	if code, err := generateFrom(t, "type Plain struct{ A int }"); err == nil {
		t.Errorf("written is\n%s", code)
	}
	if _, err := generate(t.TempDir()); err == nil {
		t.Error("a folder without Go files is a package")
	}
}
