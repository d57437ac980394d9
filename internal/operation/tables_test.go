package operation_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/internal/operation"
)

var update = flag.Bool("update", false, "write the tables of docs/answers.md")

// TestAnswersDocumentMatchesTheData compares docs/answers.md with the data. With -update it writes
// the tables.
func TestAnswersDocumentMatchesTheData(t *testing.T) {
	const name = "../../docs/answers.md"
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	want := string(text)
	for marker, table := range map[string]string{
		"deciding": deciding(), "approval": approval(), "contradictions": contradictions(), "links": links(), "evidence": evidence(), "events": events(),
	} {
		begin, end := "<!-- "+marker+" -->\n", "<!-- end -->\n"
		before, rest, ok := strings.Cut(want, begin)
		_, after, ended := strings.Cut(rest, end)
		if !ok || !ended {
			t.Fatalf("%s has no place for the table %q", name, marker)
		}
		want = before + begin + "\n" + table + "\n" + end + after
	}
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("go test ./internal/operation -update writes it (-want +got):\n%s", diff)
	}
}

func table(head string, rows []string) string {
	columns := strings.Count(head, "|") + 1
	return "| " + head + " |\n|" + strings.Repeat("---|", columns) + "\n" + strings.Join(rows, "\n") + "\n"
}

func row(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |" }

func member(m operation.Member) string {
	text := "`" + strings.ReplaceAll(m.Path, operation.Or, "` or `") + "`"
	if m.Optional {
		text += " (may be missing)"
	}
	if w := m.When; w.Path != "" {
		not := ""
		if w.Not {
			not = "not "
		}
		text += fmt.Sprintf(" where `%s` is %s%s", w.Path, not, strings.Join(w.Values, ", "))
	}
	return text
}

func members(list []operation.Member) string {
	var texts []string
	for _, m := range list {
		texts = append(texts, member(m))
	}
	return strings.Join(texts, "<br>")
}

func call(o operation.Operation) string { return "`" + o.Method + " " + o.Route + "`" }

func deciding() string {
	var rows []string
	for _, o := range operation.All {
		decides := members(o.Decides)
		switch o.Content {
		case operation.Any:
			decides = "nothing: Klarna's documentation does not describe the answer"
		case operation.None:
			decides = "nothing: the answer has no body"
		}
		rows = append(rows, row("`"+o.Name+"`", call(o), decides))
	}
	return table("operation | call | members that decide", rows)
}

func approval() string {
	var rows []string
	for _, m := range operation.Approval {
		rows = append(rows, row(member(m)))
	}
	return table("members that decide an approval", rows)
}

func contradictions() string {
	var rows []string
	for _, o := range operation.All {
		if len(o.Excludes) > 0 {
			rows = append(rows, row("`"+o.Name+"`", members(o.Excludes)))
		}
	}
	return table("operation | members that must be absent", rows)
}

func links() string {
	var rows []string
	for _, o := range operation.All {
		if len(o.Links) > 0 {
			rows = append(rows, row("`"+o.Name+"`", members(o.Links)))
		}
	}
	return table("operation | URLs", rows)
}

func evidence() string {
	var rows []string
	for _, o := range operation.All {
		id, references := "", []string{}
		if o.ID != "" {
			id = "`" + o.ID + "`"
		}
		for _, r := range o.References {
			if r.Sent == r.Answered {
				references = append(references, "`"+r.Sent+"`")
				continue
			}
			references = append(references, "`"+r.Sent+"` as `"+r.Answered+"`")
		}
		rows = append(rows, row("`"+o.Name+"`", id, strings.Join(references, "<br>")))
	}
	return table("operation | ID in the path | references that were sent", rows)
}

func events() string {
	var rows []string
	for _, e := range operation.Events {
		family := "every event"
		if e.Family != "" {
			family = "payload of `" + e.Family + "*`"
		}
		rows = append(rows, row(family, members(e.Decides)))
	}
	return table("event | members that decide", rows)
}
