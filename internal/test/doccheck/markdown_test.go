package doccheck_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// prose calls visit for each line of a document outside blocks of code.
func prose(text string, visit func(number int, line string)) {
	fenced := false
	for i, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			fenced = !fenced
		case !fenced && !strings.HasPrefix(line, "    "):
			visit(i+1, line)
		}
	}
}

// Rows of tables and images cannot be broken.
func TestProseIsAtMost100ColumnsWide(t *testing.T) {
	for path, text := range documents(t) {
		prose(text, func(number int, line string) {
			if width := utf8.RuneCountInString(line); width > 100 && line[0] != '|' && line[0] != '!' {
				t.Errorf("%s:%d: got %d columns, want at most 100", path, number, width)
			}
		})
	}
}

var delimiterRow = regexp.MustCompile(`^\|(:?-+:?\|)+$`)

func TestEachTableIsInOnePiece(t *testing.T) {
	for path, text := range documents(t) {
		var rows []string
		at := 0
		check := func() {
			if len(rows) > 0 && (len(rows) < 3 || !delimiterRow.MatchString(rows[1])) {
				t.Errorf("%s:%d: got rows without a head, want a head, a delimiter and rows", path, at)
			}
			rows = nil
		}
		prose(text, func(number int, line string) {
			if !strings.HasPrefix(line, "|") {
				check()
				return
			}
			if rows = append(rows, line); len(rows) == 1 {
				at = number
			}
		})
		check()
	}
}

// anchor returns the name of a heading as the target of a link.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		default:
			return -1
		}
	}, heading)
}

func TestEachLinkIntoAPageNamesAHeading(t *testing.T) {
	pages := documents(t)
	headings := make(map[string]map[string]bool)
	for path, text := range pages {
		headings[path] = make(map[string]bool)
		prose(text, func(_ int, line string) {
			if heading := strings.TrimLeft(line, "#"); heading != line {
				headings[path][anchor(strings.TrimSpace(heading))] = true
			}
		})
	}
	links := 0
	for path, text := range pages {
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			target, fragment, ok := strings.Cut(match[1], "#")
			if !ok || strings.Contains(target, "://") {
				continue
			}
			links++
			page := path
			if target != "" {
				page = filepath.Join(filepath.Dir(path), target)
			}
			if !headings[page][fragment] {
				t.Errorf("%s: got the link %s, want one of the headings of %s", path, match[1], page)
			}
		}
	}
	if links == 0 {
		t.Error("got no link into a page, want some")
	}
}
