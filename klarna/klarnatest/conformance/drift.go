package conformance

import (
	"fmt"
	"io"
)

// Drift is a case that ended differently in two runs.
type Drift struct {
	Section   string    `json:"section"`
	Name      string    `json:"name"`
	Certainty Certainty `json:"certainty"`
	Before    string    `json:"before"`
	After     string    `json:"after"`
}

// Diff tells what changed at the host from one run to another, in the order of the later one. A
// case that was skipped in either run, or that one of them does not have, tells nothing about the
// host and is left out.
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

// ending is what two runs are compared by. A detail may hold what differs every time.
func (r Result) ending() string {
	if r.Outcome == "" {
		return string(r.Verdict)
	}
	return r.Outcome
}

// WriteDrift writes drifts for a person.
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
