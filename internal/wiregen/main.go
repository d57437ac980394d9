// Command wiregen generates code for the wire types of the package in the current directory: how
// they are encoded and decoded as JSON, and what they print. go generate runs it.
//
// A wire type is a struct that embeds klarna.Unknown with the tag json:",embed". The tags of its
// fields name the members, with omitzero if a zero value is not sent. The tag wire:"show" marks a
// field that may be printed; a type without such a field prints [redacted]. wiregen does not
// generate a method that the package defines: for example, a type with two forms has its own decode
// method.
package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/format"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// output is the name of the generated file.
const output = "wire_gen.go"

func main() {
	code, err := generate(".")
	if err == nil {
		err = os.WriteFile(output, code, 0o644) //nolint:gosec // source code is readable for everyone
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "wiregen:", err)
		os.Exit(1)
	}
}

// generate returns the generated file for the package in a directory.
func generate(folder string) ([]byte, error) {
	source, err := load(folder)
	if err != nil {
		return nil, err
	}
	return source.generate()
}

func (s *source) generate() ([]byte, error) {
	list, err := s.wireTypes()
	if err != nil {
		return nil, err
	}
	var code bytes.Buffer
	w := &writer{Writer: &code, source: s}
	for _, t := range list {
		w.wireType(t)
	}
	formatted, err := format.Source(append(w.header(s.pkg.Name(), code.Bytes()), code.Bytes()...))
	if err != nil {
		return nil, fmt.Errorf("the generated code is invalid: %w", err)
	}
	return formatted, nil
}

// source is the package without its generated file.
type source struct {
	pkg     *types.Package
	methods map[string]bool // "Type.method"
}

func load(folder string) (*source, error) {
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	set := token.NewFileSet()
	var files []*ast.File
	imports := map[string]bool{}
	for _, name := range names {
		if filepath.Base(name) == output || strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
		for _, i := range file.Imports {
			imports[strings.Trim(i.Path.Value, `"`)] = true
		}
	}
	if len(files) == 0 {
		return nil, errors.New("no Go file in the folder")
	}
	exports, err := exportData(folder, imports)
	if err != nil {
		return nil, err
	}
	return newSource(set, files, exports), nil
}

// newSource type-checks the files of a package. exports maps the imports to their export data.
func newSource(set *token.FileSet, files []*ast.File, exports map[string]string) *source {
	s := &source{methods: map[string]bool{}}
	for _, file := range files {
		s.addMethods(file)
	}
	config := types.Config{
		Importer:         importerOf(set, exports),
		IgnoreFuncBodies: true,
		Error:            func(error) {}, // such as methods that are not generated yet
	}
	s.pkg, _ = config.Check(files[0].Name.Name, set, files, nil)
	return s
}

func importerOf(set *token.FileSet, exports map[string]string) types.Importer {
	return importer.ForCompiler(set, "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(exports[path])
	})
}

func (s *source) addMethods(file *ast.File) {
	for _, declaration := range file.Decls {
		f, ok := declaration.(*ast.FuncDecl)
		if !ok || f.Recv == nil {
			continue
		}
		receiver := f.Recv.List[0].Type
		if star, ok := receiver.(*ast.StarExpr); ok {
			receiver = star.X
		}
		if name, ok := receiver.(*ast.Ident); ok {
			s.methods[name.Name+"."+f.Name.Name] = true
		}
	}
}

// exportData returns the files with the export data of the packages.
func exportData(folder string, imports map[string]bool) (map[string]string, error) {
	arguments := []string{"list", "-deps", "-export", "-f", "{{.ImportPath}}\t{{.Export}}"}
	for path := range imports {
		arguments = append(arguments, path)
	}
	command := exec.Command("go", arguments...) //nolint:noctx // it ends without a time limit
	command.Dir = folder
	command.Stderr = os.Stderr
	text, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	exports := map[string]string{}
	for line := range strings.Lines(string(text)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		exports[path] = file
	}
	return exports, nil
}

// wireType is a type for which code is generated.
type wireType struct {
	name   string
	fields []field
	shown  []field
}

// field is a field of a wire type.
type field struct {
	name, member string
	of           types.Type
	omit         bool
}

func (s *source) wireTypes() ([]wireType, error) {
	var list []wireType
	scope := s.pkg.Scope()
	for _, name := range scope.Names() {
		named, ok := scope.Lookup(name).(*types.TypeName)
		if !ok || named.IsAlias() {
			continue
		}
		object, ok := named.Type().Underlying().(*types.Struct)
		if !ok || !isWire(object) {
			continue
		}
		if err := s.check(object); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		t := wireType{name: name}
		for i := range object.NumFields() {
			tag := newTag(object.Tag(i))
			member, rest, _ := strings.Cut(tag.get("json"), ",")
			f := field{name: object.Field(i).Name(), member: member, of: object.Field(i).Type(), omit: strings.Contains(rest, "omitzero")}
			if tag.get("wire") == "show" {
				t.shown = append(t.shown, f)
			}
			if member == "" || member == "-" {
				continue
			}
			t.fields = append(t.fields, f)
		}
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b wireType) int { return cmp.Compare(a.name, b.name) })
	if len(list) == 0 {
		return nil, errors.New("the package has no wire type")
	}
	return list, nil
}

// isWire reports whether a struct keeps its unknown members.
func isWire(s *types.Struct) bool {
	for i := range s.NumFields() {
		if newTag(s.Tag(i)).get("json") == ",embed" {
			return true
		}
	}
	return false
}

type tag map[string]string

func (t tag) get(key string) string { return t[key] }

func newTag(text string) tag {
	t := tag{}
	for part := range strings.FieldsSeq(text) {
		key, value, _ := strings.Cut(part, ":")
		t[key] = strings.Trim(value, `"`)
	}
	return t
}
