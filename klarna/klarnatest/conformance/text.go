package conformance

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// groups are the parts of the text of a report. Those that need attention come first.
var groups = []struct {
	title string
	has   func(Result) bool
}{
	{"Sure, broken", func(r Result) bool { return r.Verdict == VerdictBroken }},
	{"Sure, not tested", func(r Result) bool { return r.Verdict == VerdictUntested && r.Certainty == CertaintySure }},
	{"Likely, turned out differently", func(r Result) bool {
		return r.Certainty == CertaintyLikely && (r.Verdict == VerdictUnforeseen || r.Verdict == VerdictTurnedOut && !r.asExpected())
	}},
	{"Likely, turned out as expected", func(r Result) bool {
		return r.Certainty == CertaintyLikely && r.Verdict == VerdictTurnedOut && r.asExpected()
	}},
	{"Gap, known now", func(r Result) bool { return r.Certainty == CertaintyGap && r.Verdict == VerdictTurnedOut }},
	{"Gap, turned out in an unforeseen way", func(r Result) bool { return r.Certainty == CertaintyGap && r.Verdict == VerdictUnforeseen }},
	{"Likely or gap, not tested", func(r Result) bool { return r.Verdict == VerdictUntested && r.Certainty != CertaintySure }},
	{"Sure, held", func(r Result) bool { return r.Verdict == VerdictHeld }},
	{"Skipped", func(r Result) bool { return r.Verdict == VerdictSkipped }},
}

// asExpected reports whether a likely fact turned out as expected. Words of the answer follow after
// a semicolon.
func (r Result) asExpected() bool {
	return r.Outcome == r.Expected || strings.HasPrefix(r.Outcome, r.Expected+";")
}

// WriteText writes the report as text.
func (r Report) WriteText(w io.Writer) error {
	p := &printer{w: w}
	p.line("Klarna's documentation, Network API v2, against %s, %s: %d cases", printable(r.Host), r.At.Format(time.DateTime+" MST"), len(r.Results))
	for _, group := range groups {
		var list []Result
		for _, result := range r.Results {
			if group.has(result) {
				list = append(list, result)
			}
		}
		if len(list) == 0 {
			continue
		}
		p.line("\n%s: %d", group.title, len(list))
		for _, result := range list {
			p.result(result)
		}
	}
	if len(r.Left) > 0 {
		p.line("\nLeft behind at the host: %d", len(r.Left))
		for _, left := range r.Left {
			p.line("  %s", printable(left))
		}
	}
	return p.err
}

func (p *printer) result(r Result) {
	p.line("  %-18s %s", printable(r.Section), printable(r.Name))
	for _, note := range []struct{ before, text string }{{"→ ", r.Outcome}, {"", r.Detail}} {
		if note.text != "" {
			p.line("  %-18s   %s%s", "", note.before, printable(note.text))
		}
	}
	if r.Certainty == CertaintyLikely && (r.Verdict == VerdictUnforeseen || r.Verdict == VerdictTurnedOut && !r.asExpected()) {
		p.line("  %-18s   %s", "", "expected: "+printable(r.Expected))
	}
}

// Summary returns the counts in one line: "41 sure facts held, 1 broken, …".
func (r Report) Summary() string {
	count := map[Verdict]int{}
	for _, result := range r.Results {
		count[result.Verdict]++
	}
	return fmt.Sprintf("%d sure facts held, %d broken; %d likely facts and gaps turned out, %d in an unforeseen way; %d untested, %d skipped",
		count[VerdictHeld], count[VerdictBroken], count[VerdictTurnedOut], count[VerdictUnforeseen], count[VerdictUntested], count[VerdictSkipped])
}
