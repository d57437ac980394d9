package doccheck_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// width is the number of columns that comments and Markdown have at most. A tab counts four.
const width = 100

// public are the packages whose documentation users read.
var public = []string{
	"klarna", "klarna/klarnatest", "klarna/klarnatest/conformance", "presentation", "authorization",
	"authorization/flow", "authorization/flow/sqlstore", "authorization/flow/storetest",
	"webhook", "webhook/sqlstore", "webhook/storetest", "webhook/subscription",
}

// unplain are words and phrases that have a plainer form, and that form.
var unplain = []struct{ word, plain string }{
	{`in work`, "in progress"},
	{`(?:is|are|be|was|were) at it`, "is processing it"},
	{`texts`, "documentation, or the thing's own name"},
	{`tells?`, "reports, returns, says"},
	{`told`, "reported, informed"},
	{`heed(?:s|ed|ing)?`, "respect, obey, stop when"},
	{`anew`, "again"},
	{`upon`, "on, when"},
	{`whoever`, "the caller, a replica, a person who"},
	{`for good`, "permanently"},
	{`what became`, "the result"},
	{`deeds?`, "operation"},
	{`outdoes?`, "wins over"},
	{`none of its business`, "ignored"},
	{`speed of light`, "immediately"},
	{`bear to be`, "be idempotent"},
	{`and the like`, "say which"},
	{`by and by`, "eventually"},
	{`that there is (?:not|none|no)`, "does not exist"},
}

// line is one line of prose and where it stands.
type line struct {
	path string
	at   int
	text string
}

func columns(text string) int {
	return utf8.RuneCountInString(strings.ReplaceAll(text, "\t", "    "))
}

// goComments returns the comment lines of the module's Go files, as they stand in the file.
func goComments(t *testing.T) (lines []line) {
	t.Helper()
	walk(t, ".go", func(path string, text []byte) {
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, text, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		source := strings.Split(string(text), "\n")
		for _, group := range file.Comments {
			output := false // what an example prints is not prose
			for _, comment := range group.List {
				output = output || strings.HasPrefix(comment.Text, "// Output:") || strings.HasPrefix(comment.Text, "// Unordered output:")
				at := files.Position(comment.Pos())
				if output || strings.HasPrefix(comment.Text, "//go:") || strings.HasPrefix(comment.Text, "//nolint") {
					continue
				}
				for i := range strings.Split(comment.Text, "\n") {
					whole := source[at.Line-1+i]
					if i == 0 && strings.TrimSpace(whole[:at.Column-1]) != "" {
						whole = comment.Text // a comment behind code is as long as the code lets it be
					}
					lines = append(lines, line{path, at.Line + i, whole})
				}
			}
		}
	})
	if len(lines) < 5000 {
		t.Fatalf("only %d lines of comments found", len(lines))
	}
	return lines
}

// markdown returns the lines of prose of the documents: neither tables nor code.
func markdown(t *testing.T) (lines []line) {
	t.Helper()
	for path, text := range documents(t) {
		fenced, n := false, 0
		for text := range strings.Lines(text) {
			n++
			text = strings.TrimRight(text, "\n")
			if strings.HasPrefix(strings.TrimSpace(text), "```") {
				fenced = !fenced
				continue
			}
			if !fenced && !strings.HasPrefix(text, "|") {
				lines = append(lines, line{path, n, text})
			}
		}
	}
	return lines
}

func TestNoCommentIsWiderThan100Columns(t *testing.T) {
	for _, l := range goComments(t) {
		if n := columns(l.text); n > width && !strings.Contains(l.text, "://") {
			t.Errorf("%s:%d: %d columns: %s", l.path, l.at, n, strings.TrimSpace(l.text))
		}
	}
}

func TestProseIsPlain(t *testing.T) {
	var patterns []*regexp.Regexp
	for _, u := range unplain {
		patterns = append(patterns, regexp.MustCompile(`(?i)\b`+u.word+`\b`))
	}
	lines := append(goComments(t), markdown(t)...)
	lines = append(lines, sentences(t)...)
	for _, l := range lines {
		if strings.Contains(l.path, "doccheck") {
			continue
		}
		for i, p := range patterns {
			if word := p.FindString(l.text); word != "" {
				t.Errorf("%s:%d: %q: write %q instead: %s", l.path, l.at, word, unplain[i].plain, strings.TrimSpace(l.text))
			}
		}
	}
}

// sentences returns the sentences among the string literals of what ships: texts of errors and
// logs.
func sentences(t *testing.T) (lines []line) {
	t.Helper()
	walk(t, ".go", func(path string, text []byte) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING && strings.Count(literal.Value, " ") > 1 {
				lines = append(lines, line{path, files.Position(literal.Pos()).Line, literal.Value})
			}
			return true
		})
	})
	return lines
}

// words are the words of a name in camel case.
func words(name string) (n int) {
	before := rune('a')
	for _, r := range name {
		if unicode.IsUpper(r) && !unicode.IsUpper(before) {
			n++
		}
		before = r
	}
	return n
}

func TestNamesOfTestsHaveAtMostEightWords(t *testing.T) {
	walk(t, "_test.go", func(path string, text []byte) {
		file, err := parser.ParseFile(token.NewFileSet(), path, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range file.Decls {
			f, ok := declaration.(*ast.FuncDecl)
			if !ok || f.Recv != nil {
				continue
			}
			for _, kind := range []string{"Test", "Fuzz", "Benchmark"} {
				if name, ok := strings.CutPrefix(f.Name.Name, kind); ok && words(name) > 8 {
					t.Errorf("%s: the name %s has %d words", path, f.Name.Name, words(name))
				}
			}
		}
	})
}

// declared is an exported declaration and its documentation.
type declared struct {
	path, name string
	method     *ast.FuncDecl // nil for what is no method
	doc        string
}

// declarations returns the exported declarations of a public package, without its tests.
func declarations(t *testing.T, folder string) (list []declared) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %d files, %v", folder, len(paths), err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, "_gen.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if file.Doc != nil {
			list = append(list, declared{path, "package " + file.Name.Name, nil, file.Doc.Text()})
		}
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				name := d.Name.Name
				if d.Recv != nil {
					name = receiver(d) + "." + name
				}
				if d.Name.IsExported() && ast.IsExported(name) {
					list = append(list, declared{path, name, d, d.Doc.Text()})
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					for name, doc := range specified(d, spec) {
						list = append(list, declared{path, name, nil, doc})
					}
				}
			}
		}
	}
	return list
}

func specified(d *ast.GenDecl, spec ast.Spec) map[string]string {
	found := map[string]string{}
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		if spec.Name.IsExported() {
			found[spec.Name.Name] = d.Doc.Text() + spec.Doc.Text()
		}
	case *ast.ValueSpec:
		for _, name := range spec.Names {
			if name.IsExported() {
				found[name.Name] = spec.Doc.Text()
				if !d.Lparen.IsValid() {
					found[name.Name] = d.Doc.Text()
				}
			}
		}
	}
	return found
}

func receiver(f *ast.FuncDecl) string {
	of := f.Recv.List[0].Type
	if star, ok := of.(*ast.StarExpr); ok {
		of = star.X
	}
	if generic, ok := of.(*ast.IndexExpr); ok {
		of = generic.X
	}
	name, _ := of.(*ast.Ident)
	return name.Name
}

// A method of a Client that takes a context calls Klarna.
func TestEachCallNamesItsDocumentation(t *testing.T) {
	calls := 0
	for _, folder := range []string{"authorization", "presentation", "webhook/subscription"} {
		for _, d := range declarations(t, folder) {
			if d.method == nil || !strings.HasPrefix(d.name, "Client.") || !takesContext(d.method) {
				continue
			}
			calls++
			if !strings.Contains(d.doc, "https://docs.klarna.com/") {
				t.Errorf("%s: the comment of %s names no page of Klarna's documentation", d.path, d.name)
			}
		}
	}
	if calls < 25 {
		t.Errorf("only %d calls found", calls)
	}
}

func takesContext(f *ast.FuncDecl) bool {
	for _, p := range f.Type.Params.List {
		if s, ok := p.Type.(*ast.SelectorExpr); ok && s.Sel.Name == "Context" {
			return true
		}
	}
	return false
}

func TestEachExportedNameHasADocComment(t *testing.T) {
	for _, folder := range public {
		for _, d := range declarations(t, folder) {
			if d.method != nil && d.doc == "" {
				t.Errorf("%s: %s has no doc comment", d.path, d.name)
			}
		}
	}
}

var mention = regexp.MustCompile(`\[?\*?\b(?:(?:klarna|klarnatest|authorization|presentation|flow|sqlstore|storetest|webhook|subscription)\.)?[A-Z]\w*(?:\.[A-Z]\w*)?\]?`)

// A doc comment links the first mention of each other exported name. Words that are also English
// are not demanded.
func TestDocCommentsLinkWhatTheyName(t *testing.T) {
	known := map[string][]string{} // by the name of the package
	all := map[string][]declared{}
	for _, folder := range public {
		list := declarations(t, folder)
		all[folder] = list
		for _, d := range list {
			known[filepath.Base(folder)] = append(known[filepath.Base(folder)], d.name)
		}
	}
	linked := 0
	for _, folder := range public {
		for _, d := range all[folder] {
			seen := map[string]bool{}
			for text := range strings.Lines(d.doc) {
				if strings.HasPrefix(text, "\t") || strings.HasPrefix(text, " ") || strings.HasPrefix(text, "#") {
					continue // code, lists and headings
				}
				for _, found := range mention.FindAllString(text, -1) {
					name := strings.Trim(found, "[]*")
					isLink := strings.HasPrefix(found, "[") && strings.HasSuffix(found, "]")
					if isLink {
						linked++
					}
					if seen[name] || !mustLink(known, folder, d.name, name) {
						continue
					}
					seen[name] = true
					if !isLink {
						t.Errorf("%s: the comment of %s does not link %s", d.path, d.name, name)
					}
				}
			}
		}
	}
	t.Logf("%d links", linked)
	if linked < 200 {
		t.Errorf("only %d links found", linked)
	}
}

// mustLink reports whether a mention of name in the comment of own is to be a link.
func mustLink(known map[string][]string, folder, own, name string) bool {
	if name == own || strings.HasSuffix(own, "."+name) || strings.HasPrefix(own, name+".") {
		return false
	}
	if in, rest, ok := strings.Cut(name, "."); ok && unicode.IsLower(rune(in[0])) {
		return slices.Contains(known[in], rest)
	}
	return (strings.Contains(name, ".") || words(name) > 1) && slices.Contains(known[filepath.Base(folder)], name)
}

// The folders of what ships hold nothing that only tests use.
func TestInternalHoldsWhatShips(t *testing.T) {
	entries, err := os.ReadDir(filepath.Join(root, "internal"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.Name() == "test" || entry.Name() == "wiregen" {
			continue
		}
		used := false
		walk(t, ".go", func(path string, text []byte) {
			ships := !strings.HasSuffix(path, "_test.go") && !strings.Contains(path, "internal/test/")
			used = used || ships && strings.Contains(string(text), "/internal/"+entry.Name()+`"`)
		})
		if !used {
			t.Errorf("internal/%s is used by tests alone: it belongs to internal/test", entry.Name())
		}
	}
}
