package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Verdict is how a case ended.
type Verdict string

const (
	// VerdictHeld is a sure fact that is true of the host.
	VerdictHeld Verdict = "held"
	// VerdictBroken is a sure fact that is not.
	VerdictBroken Verdict = "broken"
	// VerdictTurnedOut is a likely fact or a gap whose Outcome is known now.
	VerdictTurnedOut Verdict = "turned out"
	// VerdictUnforeseen is a likely fact or a gap that turned out in none of the ways that the case
	// knows.
	VerdictUnforeseen Verdict = "unforeseen"
	// VerdictUntested is a case that said nothing, because what it begins with failed or the host
	// did not answer.
	VerdictUntested Verdict = "untested"
	// VerdictSkipped is a case that needs what the target does not offer.
	VerdictSkipped Verdict = "skipped"
)

// Report is what a run found out. Its JSON is stable: the same host gives the same results in the
// same order.
type Report struct {
	// Host is the name of the host, without port.
	Host string `json:"host"`
	// At is when the run began, in UTC.
	At      time.Time `json:"at"`
	Results []Result  `json:"results"`
	// Left are the calls that should have undone something and did not.
	Left []string `json:"left,omitempty"`
}

// Result is how one case ended.
type Result struct {
	Section   string    `json:"section"`
	Name      string    `json:"name"`
	Certainty Certainty `json:"certainty"`
	Verdict   Verdict   `json:"verdict"`
	// Outcome is how a likely fact or a gap turned out.
	Outcome string `json:"outcome,omitempty"`
	// Expected is how a likely fact should turn out.
	Expected string `json:"expected,omitempty"`
	// Detail says why a case is broken, unforeseen, untested or skipped.
	Detail string `json:"detail,omitempty"`
}

// OK tells whether no sure fact is broken and none could not be tested.
func (r Report) OK() bool {
	for _, result := range r.Results {
		if result.Certainty == CertaintySure && (result.Verdict == VerdictBroken || result.Verdict == VerdictUntested) {
			return false
		}
	}
	return true
}

// WriteJSON writes the report for a machine to keep.
func (r Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(r)
}

// maxReport is how much [ReadReport] reads, a hundred times what a report has.
const maxReport = 8 << 20

// ReadReport reads what [Report.WriteJSON] wrote, also by an older or a newer suite.
func ReadReport(from io.Reader) (Report, error) {
	raw, err := io.ReadAll(io.LimitReader(from, maxReport+1))
	if err != nil {
		return Report{}, fmt.Errorf("conformance: read report: %w", err)
	}
	if len(raw) > maxReport {
		return Report{}, fmt.Errorf("conformance: the report is larger than %d MB", maxReport>>20)
	}
	var r Report
	if err := json.Unmarshal(raw, &r); err != nil {
		return Report{}, fmt.Errorf("conformance: read report: %w", err)
	}
	if len(r.Results) == 0 {
		return Report{}, errors.New("conformance: the report has no results")
	}
	return r, nil
}
