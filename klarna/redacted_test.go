package klarna_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/klarna"
)

// listedMethods returns the methods that the doc comment of a type lists, without the names of
// arguments and results.
func listedMethods(t *testing.T, file, name string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var doc string
	for _, d := range parsed.Decls {
		if general, ok := d.(*ast.GenDecl); ok && general.Tok == token.TYPE && general.Specs[0].(*ast.TypeSpec).Name.Name == name {
			doc = general.Doc.Text()
		}
	}
	line := regexp.MustCompile(`^\t(\w+)\((.*?)\)( \(.*?\)| [\[\]\w.]+)? +\S`)
	argument := regexp.MustCompile(`(?:\w+ )?([\[\]\w.]+)`)
	var methods []string
	for l := range strings.Lines(doc) {
		if m := line.FindStringSubmatch(l); m != nil {
			methods = append(methods, m[1]+"("+argument.ReplaceAllString(m[2], "$1")+")"+m[3])
		} else if strings.HasPrefix(l, "\t") {
			t.Errorf("%s: %s: no method in %q", file, name, l)
		}
	}
	slices.Sort(methods)
	return methods
}

// actualMethods returns the methods of a type and of a pointer to it.
func actualMethods[T any]() []string {
	pointer := reflect.TypeFor[*T]()
	short := strings.NewReplacer("redact.", "", "uint8", "byte", "int32", "rune")
	var methods []string
	for m := range pointer.Methods() {
		list := func(n int, of func(int) reflect.Type, from int) string {
			var types []string
			for i := from; i < n; i++ {
				types = append(types, of(i).String())
			}
			return strings.Join(types, ", ")
		}
		results := list(m.Type.NumOut(), m.Type.Out, 0)
		switch m.Type.NumOut() {
		case 0:
		case 1:
			results = " " + results
		default:
			results = " (" + results + ")"
		}
		methods = append(methods, short.Replace(m.Name+"("+list(m.Type.NumIn(), m.Type.In, 1)+")"+results))
	}
	return methods
}

func TestTheDocumentationListsAllMethods(t *testing.T) {
	for _, file := range []string{"redacted.go", "../webhook/redacted.go"} {
		for name, want := range map[string][]string{"Secret": actualMethods[klarna.Secret](), "RawJSON": actualMethods[klarna.RawJSON]()} {
			if diff := cmp.Diff(want, listedMethods(t, file, name)); diff != "" {
				t.Errorf("%s: %s (-methods +listed):\n%s", file, name, diff)
			}
		}
	}
}

func TestAResponseDoesNotEncodeBodyOrHeader(t *testing.T) {
	response := klarna.Response{
		StatusCode: http.StatusOK, Header: http.Header{"X-Personal": {"canary"}}, Body: klarna.NewRawJSON(`{"a":"canary"}`),
		CorrelationID: "c", PartnerCorrelationID: "p", IdempotencyKey: "i", MTLSStatus: "VALID", IPStatus: "a canary\n", Attempts: make([]klarna.Attempt, 2),
	}
	text, err := json.Marshal(map[string]any{"value": response, "pointer": &response})
	if err != nil {
		t.Fatal(err)
	}
	const one = `{"attempts":2,"bytes":14,"correlation_id":"c","idempotency_key":"i","ip_status":"[unprintable]","mtls_status":"VALID","partner_correlation_id":"p","status":200}`
	if diff := cmp.Diff(`{"pointer":`+one+`,"value":`+one+`}`, string(text)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
	const line = "klarna.Response{200, correlation_id c, 14 bytes}"
	asText, err := response.MarshalText()
	if err != nil || string(asText) != line || response.String() != line || response.GoString() != line || response.LogValue().String() != line {
		t.Errorf("prints %s and %s, %v", response, asText, err)
	}
}
