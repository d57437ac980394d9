package conformance

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// sample is a report with every verdict.
func sample() Report {
	return Report{
		Host: "127.0.0.1", At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Results: []Result{
			{Section: "errors", Name: "a wrong key is refused", Certainty: CertaintySure, Verdict: VerdictHeld},
			{Section: "errors", Name: "a route", Certainty: CertaintySure, Verdict: VerdictBroken, Detail: "step 1 of 1, GET x: the status is 418, want 404"},
			{Section: "payment request", Name: "how long one lives", Certainty: CertaintyLikely, Verdict: VerdictTurnedOut, Outcome: "3 hours", Expected: "3 hours"},
			{Section: "payment request", Name: "a method", Certainty: CertaintyLikely, Verdict: VerdictTurnedOut, Outcome: `accepted; result "APPROVED"`, Expected: "accepted"},
			{Section: "credentials", Name: "base64", Certainty: CertaintyLikely, Verdict: VerdictTurnedOut, Outcome: `refused; the status 401; error_code "UNAUTHORIZED"`, Expected: "accepted"},
			{Section: "credentials", Name: "a prefix", Certainty: CertaintyLikely, Verdict: VerdictTurnedOut, Outcome: "accepted later", Expected: "accepted"},
			{Section: "credentials", Name: "a form", Certainty: CertaintyLikely, Verdict: VerdictUnforeseen, Detail: "the status is 418, error_code absent", Expected: "accepted"},
			{Section: "headers", Name: "a header of 7 KB", Certainty: CertaintyGap, Verdict: VerdictTurnedOut, Outcome: "refused; the status 431"},
			{Section: "headers", Name: "a trailer", Certainty: CertaintyGap, Verdict: VerdictUnforeseen, Detail: "the status is 418, error_code absent"},
			{Section: "webhook", Name: "a signature", Certainty: CertaintySure, Verdict: VerdictUntested, Detail: "step 2 of 3, the webhook: waited in vain"},
			{Section: "webhook", Name: "a payload", Certainty: CertaintyGap, Verdict: VerdictUntested, Detail: "step 2 of 3, the webhook: waited in vain"},
			{Section: "transaction", Name: "a capture", Certainty: CertaintySure, Verdict: VerdictSkipped, Detail: "needs a customer"},
		},
		Left: []string{"DELETE http://127.0.0.1/v2/notification/webhooks/w: the status is 500"},
	}
}

const sampleText = `Klarna's documentation, Network API v2, against 127.0.0.1, 2026-01-02 03:04:05 UTC: 12 cases

Sure, broken: 1
  errors             a route
                       step 1 of 1, GET x: the status is 418, want 404

Sure, not tested: 1
  webhook            a signature
                       step 2 of 3, the webhook: waited in vain

Likely, turned out differently: 3
  credentials        base64
                       → refused; the status 401; error_code "UNAUTHORIZED"
                       expected: accepted
  credentials        a prefix
                       → accepted later
                       expected: accepted
  credentials        a form
                       the status is 418, error_code absent
                       expected: accepted

Likely, turned out as expected: 2
  payment request    how long one lives
                       → 3 hours
  payment request    a method
                       → accepted; result "APPROVED"

Gap, known now: 1
  headers            a header of 7 KB
                       → refused; the status 431

Gap, turned out in an unforeseen way: 1
  headers            a trailer
                       the status is 418, error_code absent

Likely or gap, not tested: 1
  webhook            a payload
                       step 2 of 3, the webhook: waited in vain

Sure, held: 1
  errors             a wrong key is refused

Skipped: 1
  transaction        a capture
                       needs a customer

Left behind at the host: 1
  DELETE http://127.0.0.1/v2/notification/webhooks/w: the status is 500
`

func TestTheTextOfAReport(t *testing.T) {
	var text strings.Builder
	if err := sample().WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sampleText, text.String()); diff != "" {
		t.Error(diff)
	}
	const summary = "1 sure facts held, 1 broken; 5 likely facts and gaps turned out, 2 in an unforeseen way; 2 untested, 1 skipped"
	if got := sample().Summary(); got != summary {
		t.Errorf("%q, want %q", got, summary)
	}
}

// Each result is in the text once, whatever its verdict and certainty.
func TestTextContainsEveryResult(t *testing.T) {
	for _, certainty := range []Certainty{CertaintySure, CertaintyLikely, CertaintyGap} {
		for _, verdict := range []Verdict{VerdictHeld, VerdictBroken, VerdictTurnedOut, VerdictUnforeseen, VerdictUntested, VerdictSkipped} {
			if certainty == CertaintySure && (verdict == VerdictTurnedOut || verdict == VerdictUnforeseen) || certainty != CertaintySure && (verdict == VerdictHeld || verdict == VerdictBroken) {
				continue // no case has this combination
			}
			var text strings.Builder
			r := Report{Results: []Result{{Name: "the sentence", Certainty: certainty, Verdict: verdict, Outcome: "o"}}}
			if err := r.WriteText(&text); err != nil || strings.Count(text.String(), "the sentence") != 1 {
				t.Errorf("%s, %s: %v in\n%s", certainty, verdict, err, &text)
			}
		}
	}
}

// A report that was read from a file may have been tampered with, and a terminal shows it.
func TestTextContainsNoControlCharacters(t *testing.T) {
	hostile := "a\x1b[2J\nb\x00" + strings.Repeat("x", 1000)
	r := Report{Host: hostile, Results: []Result{
		{Section: hostile, Name: hostile, Certainty: CertaintyLikely, Verdict: VerdictTurnedOut, Outcome: hostile, Expected: hostile + "2", Detail: hostile},
	}, Left: []string{hostile}}
	var text strings.Builder
	if err := errors.Join(r.WriteText(&text), WriteDrift(&text, []Drift{{hostile, hostile, CertaintyGap, hostile, hostile}})); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(text.String(), "\x1b\x00") {
		t.Errorf("%q", text.String())
	}
	for line := range strings.Lines(text.String()) {
		if n := len([]rune(line)); n > 3*maxShown {
			t.Errorf("a line of %d characters", n)
		}
	}
}

func TestReportSurvivesARoundTrip(t *testing.T) {
	var first, second strings.Builder
	want := sample()
	if err := want.WriteJSON(&first); err != nil {
		t.Fatal(err)
	}
	got, err := ReadReport(strings.NewReader(first.String()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := got.WriteJSON(&second); err != nil || first.String() != second.String() {
		t.Errorf("%v: not the same bytes", err)
	}
	if !strings.HasPrefix(first.String(), "{\n  \"host\": \"127.0.0.1\",\n  \"at\": \"2026-01-02T03:04:05Z\",\n  \"results\": [\n    {\n      \"section\": \"errors\",\n") {
		t.Errorf("%.200s", first.String())
	}
}

func TestReadReportRefusesOtherInput(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"nothing":      {"", "unexpected end"},
		"another JSON": {"{}", "no results"},
		"no JSON":      {"<html>", "invalid character"},
		"too much":     {strings.Repeat(" ", maxReport+1), "larger than 8 MB"},
	} {
		if _, err := ReadReport(strings.NewReader(tc.text)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
	if _, err := ReadReport(failing{}); err == nil {
		t.Error("a reader that fails is read")
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestFailingWriterIsAnError(t *testing.T) {
	for name, err := range map[string]error{
		"text":  sample().WriteText(brokenPipe{}),
		"JSON":  sample().WriteJSON(brokenPipe{}),
		"drift": WriteDrift(brokenPipe{}, []Drift{{}}),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestReportIsOKIfSureFactsHold(t *testing.T) {
	for _, tc := range []struct {
		certainty Certainty
		verdict   Verdict
		want      bool
	}{
		{CertaintySure, VerdictHeld, true}, {CertaintySure, VerdictSkipped, true}, {CertaintySure, VerdictBroken, false}, {CertaintySure, VerdictUntested, false},
		{CertaintyLikely, VerdictTurnedOut, true}, {CertaintyLikely, VerdictUnforeseen, true}, {CertaintyLikely, VerdictUntested, true}, {CertaintyGap, VerdictUnforeseen, true}, {CertaintyGap, VerdictUntested, true},
	} {
		r := Report{Results: []Result{{Certainty: CertaintySure, Verdict: VerdictHeld}, {Certainty: tc.certainty, Verdict: tc.verdict}}}
		if r.OK() != tc.want {
			t.Errorf("%s, %s: OK is %t", tc.certainty, tc.verdict, !tc.want)
		}
	}
}

func TestDiffReportsChangesAtTheHost(t *testing.T) {
	result := func(name string, v Verdict, outcome string) Result {
		return Result{Section: "s", Name: name, Certainty: CertaintyGap, Verdict: v, Outcome: outcome, Detail: fmt.Sprint(time.Now())}
	}
	before := Report{Results: []Result{
		result("same", VerdictHeld, ""), result("breaks", VerdictHeld, ""), result("turns", VerdictTurnedOut, "3 hours"), result("as before", VerdictTurnedOut, "x"),
		result("was skipped", VerdictSkipped, ""), result("is skipped", VerdictHeld, ""), result("is gone", VerdictHeld, ""), result("silent", VerdictHeld, ""),
	}}
	after := Report{Results: []Result{
		result("turns", VerdictTurnedOut, "48 hours"), result("as before", VerdictTurnedOut, "x"), result("same", VerdictHeld, ""), result("breaks", VerdictBroken, ""),
		result("was skipped", VerdictBroken, ""), result("is skipped", VerdictSkipped, ""), result("is new", VerdictHeld, ""), result("silent", VerdictUntested, ""),
	}}
	got := Diff(before, after)
	want := []Drift{
		{"s", "turns", CertaintyGap, "3 hours", "48 hours"}, {"s", "breaks", CertaintyGap, "held", "broken"}, {"s", "silent", CertaintyGap, "held", "untested"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var text strings.Builder
	if err := WriteDrift(&text, got[:2]); err != nil {
		t.Fatal(err)
	}
	const wantText = `Drift: 2
  s                  turns
                       was: 3 hours
                       now: 48 hours
  s                  breaks
                       was: held
                       now: broken
`
	if diff := cmp.Diff(wantText, text.String()); diff != "" {
		t.Error(diff)
	}
}

func TestRunsAreReproducible(t *testing.T) {
	_, target := newDouble(t, nil, nil)
	_, other := newDouble(t, nil, nil)
	first, second := run(t, target), run(t, other)
	first.At, second.At = time.Time{}, time.Time{}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Error(diff)
	}
	if drift := Diff(first, second); drift != nil {
		t.Error(drift)
	}
}

func TestTargetsKeyIsNeverPrinted(t *testing.T) {
	target := Target{BaseURL: "https://u:p4ss@h.example", APIKey: testKey, Username: "u53r"}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "target", target)
	shown := fmt.Sprintf("%v %+v %#v %s %q %x %v", target, target, target, target, target, target, &target) + target.String() + log.String()
	for _, secret := range []string{testKey, fmt.Sprintf("%x", testKey), "u53r", "p4ss"} {
		if strings.Contains(shown, secret) {
			t.Errorf("%q is in %s", secret, shown)
		}
	}
	if !strings.Contains(shown, "h.example") {
		t.Error(shown)
	}
	target.BaseURL = ":"
	if got := target.String(); got != "conformance.Target{}" {
		t.Error(got)
	}
}
