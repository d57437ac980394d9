// Package doccheck tests the documents: code in them compiles, links lead to files that exist, and
// commands can be run.
package doccheck_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../../.."

// documents returns the Markdown files of the repository.
func documents(t *testing.T) map[string]string {
	t.Helper()
	found := make(map[string]string)
	walk(t, ".md", func(path string, text []byte) { found[path] = string(text) })
	if len(found) < 3 {
		t.Fatalf("only %d documents found", len(found))
	}
	return found
}

func walk(t *testing.T, suffix string, visit func(path string, text []byte)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, suffix) {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil {
			visit(path, text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// trimmed returns the text without indentation and empty lines.
func trimmed(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

var goBlock = regexp.MustCompile("(?s)```go\n(.*?)```")

// Each block of Go in a document must be, line for line, a part of an Example that go test compiles
// and runs. The package documentation shows the whole file if it declares nothing but one Example
// and what that needs, so all of such a file is a part of the Example.
func TestGoBlocksArePartsOfExamples(t *testing.T) {
	var examples []string
	walk(t, "_test.go", func(path string, text []byte) {
		file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, example := range doc.Examples(file) {
			if _, whole := example.Code.(*ast.File); whole && example.Output != "" {
				examples = append(examples, trimmed(string(text)))
			}
		}
		for _, declaration := range file.Decls {
			f, ok := declaration.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(f.Name.Name, "Example") {
				continue
			}
			body := string(text[f.Body.Pos()-file.FileStart : f.Body.End()-file.FileStart])
			if strings.Contains(body, "// Output:") {
				examples = append(examples, trimmed(body))
			}
		}
	})
	blocks := 0
	for path, text := range documents(t) {
		for _, match := range goBlock.FindAllStringSubmatch(text, -1) {
			blocks++
			block := trimmed(match[1])
			if n := strings.Count(block, "\n"); n >= 15 {
				t.Errorf("%s: a block of %d lines is too long:\n%s", path, n, block)
			}
			if !containedInAny(examples, block) {
				t.Errorf("%s: no example contains\n%s", path, block)
			}
		}
	}
	if blocks < 5 {
		t.Errorf("only %d blocks of Go found", blocks)
	}
}

func containedInAny(texts []string, part string) bool {
	for _, text := range texts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestRelativeLinksExist(t *testing.T) {
	for path, text := range documents(t) {
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			target, _, _ := strings.Cut(match[1], "#")
			if target == "" || strings.Contains(target, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), target)); err != nil {
				t.Errorf("%s: the target of the link %s does not exist", path, match[1])
			}
		}
	}
}

var command = regexp.MustCompile(`go (?:run|test) (\./[\w/.-]+|\.ci/run)`)

func TestCommandsInDocumentsExist(t *testing.T) {
	for path, text := range documents(t) {
		for _, match := range command.FindAllStringSubmatch(text, -1) {
			target := strings.TrimSuffix(match[1], "...")
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s: %q names something that does not exist", path, match[0])
			}
		}
	}
}

// A newcomer sees the program's package path first. It must not depend on the location of the
// repository.
func TestDocumentsNameNoLocalPath(t *testing.T) {
	private := regexp.MustCompile(`(?:^|[\s"'(])/(?:home|root|work|Users|tmp)/`)
	for path, text := range documents(t) {
		if at := private.FindString(text); at != "" {
			t.Errorf("%s names %q", path, at)
		}
	}
}
