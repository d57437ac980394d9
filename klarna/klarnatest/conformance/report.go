package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Verdict is the result of a case.
type Verdict string

const (
	// VerdictHeld means that a sure fact is true of the host.
	VerdictHeld Verdict = "held"
	// VerdictBroken means that a sure fact is not true of the host.
	VerdictBroken Verdict = "broken"
	// VerdictTurnedOut means that the Outcome of a likely fact or a gap is known.
	VerdictTurnedOut Verdict = "turned out"
	// VerdictUnforeseen means that a likely fact or a gap turned out in a way that the case does
	// not list.
	VerdictUnforeseen Verdict = "unforeseen"
	// VerdictUntested means that a case has no result, because a precondition failed or the host
	// did not answer.
	VerdictUntested Verdict = "untested"
	// VerdictSkipped means that a case needs something that the target does not offer.
	VerdictSkipped Verdict = "skipped"
)

// Report is the result of a run. Its JSON is stable: the same host gives the same results in the
// same order.
type Report struct {
	// Host is the name of the host, without port.
	Host string `json:"host"`
	// At is the time at which the run began, in UTC.
	At      time.Time `json:"at"`
	Results []Result  `json:"results"`
	// Left lists the calls that should have undone something and failed.
	Left []string `json:"left,omitempty"`
}

// Result is the result of one case.
type Result struct {
	Section   string    `json:"section"`
	Name      string    `json:"name"`
	Certainty Certainty `json:"certainty"`
	Verdict   Verdict   `json:"verdict"`
	// Outcome is how a likely fact or a gap turned out.
	Outcome string `json:"outcome,omitempty"`
	// Expected is the expected outcome of a likely fact.
	Expected string `json:"expected,omitempty"`
	// Detail is the reason why a case is broken, unforeseen, untested or skipped.
	Detail string `json:"detail,omitempty"`
}

// OK reports whether every sure fact was tested or skipped and none is broken.
func (r Report) OK() bool {
	for _, result := range r.Results {
		if result.Certainty == CertaintySure && (result.Verdict == VerdictBroken || result.Verdict == VerdictUntested) {
			return false
		}
	}
	return true
}

// WriteJSON writes the report as JSON, which [ReadReport] reads.
func (r Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(r)
}

// maxReport is the number of bytes that [ReadReport] reads, a hundred times the size of a report.
const maxReport = 8 << 20

// ReadReport reads what [Report.WriteJSON] wrote, including reports of an older or a newer suite.
// It returns an error if the input is not a report.
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
