package canary

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the tables of docs/secrets.md")

const document = "../../../docs/secrets.md"

// found is a place where a canary shows: a library and a way to hold the value.
type found struct{ library, place string }

// shown says which canaries of a subject show in a place.
type shown struct{ secret, person bool }

// result is a subject with the places in which its canaries show.
type result struct {
	subject

	at map[found]shown
}

var (
	once    sync.Once
	results []result
)

// look prints each subject with each library in each place. All tests share the result.
func look(t *testing.T) []result {
	t.Helper()
	once.Do(func() {
		for _, s := range subjects(t) {
			r := result{s, map[found]shown{}}
			for _, l := range libraries {
				for _, p := range s.places {
					text := guarded(func() string { return l.prints(p.of, p.zero) })
					r.at[found{l.name, p.name}] = shown{secret.in(text) != "" || s.derived.in(text) != "", person.in(text) != ""}
				}
			}
			results = append(results, r)
		}
	})
	if len(results) == 0 {
		t.Fatal("no subject was printed")
	}
	return results
}

// Keys, tokens and values that are configured with them show nothing in any library and place.
// Neither does a token or a key within another value.
func TestSecretsNeverShow(t *testing.T) {
	looked := 0
	for _, r := range look(t) {
		if r.group == asItCame {
			continue // a raw body is encoded as received, tokens included: the table lists it
		}
		for at, shown := range r.at {
			looked++
			if shown.secret || shown.person && r.group == "" {
				t.Errorf("%s, %s: %s must not show", at.library, at.place, r.name)
			}
		}
	}
	t.Logf("%d texts", looked)
}

func TestEachLibraryShowsAPlainText(t *testing.T) {
	type plain struct{ Text string }
	for _, l := range libraries {
		if text := l.prints(plain{secretText}, plain{}); secret.in(text) == "" {
			t.Errorf("%s prints %s", l.name, text)
		}
	}
}

// The table lists what shows. The test fails if something shows that the table does not list, and
// if the table lists something that does not show.
func TestTableListsWhatShows(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	tables := tablesOf(t, look(t))
	begin, end := []byte("<!-- tables, by internal/test/canary -->\n"), []byte("<!-- end of tables -->")
	before, rest, ok := bytes.Cut(text, begin)
	listed, after, ok2 := bytes.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no markers for the tables", document)
	}
	if *update {
		if err := os.WriteFile(document, slices.Concat(before, begin, []byte(tables), end, after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(strings.Split(string(listed), "\n"), strings.Split(tables, "\n")); diff != "" {
		t.Errorf("what shows is not what %s lists (-listed +shows):\n%s", document, diff)
	}
}

// tablesOf returns a table for each group, with a row for each library. Places with equal results
// share a column.
func tablesOf(t *testing.T, all []result) string {
	t.Helper()
	var b strings.Builder
	for _, g := range []group{asItCame, ofCalls, personal} {
		var members []result
		for _, r := range all {
			if r.group == g {
				members = append(members, r)
			}
		}
		writeTable(t, &b, g, members)
	}
	b.WriteString("\n")
	return b.String()
}

func writeTable(t *testing.T, b *strings.Builder, g group, members []result) {
	t.Helper()
	fmt.Fprintf(b, "\n### %s\n\n", g)
	cells := map[found][]string{} // the letters of the members that show
	there := map[string]int{}     // number of members in a place
	var places []string
	for i, s := range members {
		letter := string(rune('a' + i))
		fmt.Fprintf(b, "- %s: `%s`\n", letter, s.name)
		for at, shown := range s.at {
			if shown.secret || shown.person {
				cells[at] = append(cells[at], letter)
			}
		}
		for _, p := range s.places {
			if there[p.name]++; there[p.name] == 1 {
				places = append(places, p.name)
			}
		}
	}
	cell := func(library, place string) string {
		letters := cells[found{library, place}]
		switch slices.Sort(letters); len(letters) {
		case 0:
			return "safe"
		case there[place]:
			return "shows"
		default:
			return strings.Join(letters, " ")
		}
	}
	var columns [][]string // places with equal results
	for _, place := range places {
		i := slices.IndexFunc(columns, func(column []string) bool {
			return !slices.ContainsFunc(libraries, func(l library) bool { return cell(l.name, column[0]) != cell(l.name, place) })
		})
		if i < 0 {
			columns = append(columns, []string{place})
			continue
		}
		columns[i] = append(columns[i], place)
	}
	b.WriteString("\n| library |")
	for _, column := range columns {
		b.WriteString(" " + strings.Join(column, ", ") + " |")
	}
	b.WriteString("\n|---" + strings.Repeat("|---", len(columns)) + "|\n")
	shown, all := 0, 0
	for _, l := range libraries {
		fmt.Fprintf(b, "| %s |", l.name)
		for _, column := range columns {
			fmt.Fprintf(b, " %s |", cell(l.name, column[0]))
		}
		b.WriteString("\n")
		for _, place := range places {
			all += there[place]
			shown += len(cells[found{l.name, place}])
		}
	}
	t.Logf("%s: %d of %d cells show", g, shown, all)
}
