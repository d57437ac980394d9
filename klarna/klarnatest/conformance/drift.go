package conformance

import (
	"fmt"
	"io"
)

// Drift is a case whose result differs between two runs.
type Drift struct {
	Section   string    `json:"section"`
	Name      string    `json:"name"`
	Certainty Certainty `json:"certainty"`
	Before    string    `json:"before"`
	After     string    `json:"after"`
}

// Diff returns what changed at the host between two runs, in the order of the later one. It omits a
// case that was skipped in one of them, or that one of them does not have, because such a case says
// nothing about the host.
func Diff(before, after Report) []Drift {
	earlier := map[string]Result{}
	for _, result := range before.Results {
		earlier[result.Name] = result
	}
	var drifts []Drift
	for _, now := range after.Results {
		then, known := earlier[now.Name]
		if !known || then.Verdict == VerdictSkipped || now.Verdict == VerdictSkipped || then.ending() == now.ending() {
			continue
		}
		drifts = append(drifts, Drift{now.Section, now.Name, now.Certainty, then.ending(), now.ending()})
	}
	return drifts
}

// ending is what Diff compares. It excludes the detail, which may differ in each run.
func (r Result) ending() string {
	if r.Outcome == "" {
		return string(r.Verdict)
	}
	return r.Outcome
}

// WriteDrift writes drifts as text.
func WriteDrift(w io.Writer, drifts []Drift) error {
	p := &printer{w: w}
	p.line("Drift: %d", len(drifts))
	for _, d := range drifts {
		p.line("  %-18s %s", printable(d.Section), printable(d.Name))
		p.line("  %-18s   was: %s", "", printable(d.Before))
		p.line("  %-18s   now: %s", "", printable(d.After))
	}
	return p.err
}

// printer writes lines and keeps the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}
