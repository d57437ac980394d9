package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// put returns value with to at the path; absent removes the member. Missing parents are created,
// and "*" matches every element.
func put(value any, path string, to any) any {
	if path == "" {
		return to
	}
	step, rest, _ := strings.Cut(path, ".")
	index, err := strconv.Atoi(step)
	if step == "*" || err == nil {
		elements, _ := value.(list)
		if len(elements) == 0 && to != absent {
			elements = list{nil}
		}
		for i := range elements {
			if step == "*" || i == index {
				elements[i] = put(elements[i], rest, to)
			}
		}
		return elements
	}
	members, ok := value.(object)
	if !ok {
		if to == absent {
			return value
		}
		members = object{}
	}
	switch changed := put(members[step], rest, to); changed {
	case absent, nil:
		delete(members, step)
	default:
		members[step] = changed
	}
	return members
}

// absent makes put remove a member.
var absent any = struct{ absent bool }{true}

// mutation breaks one check in every answer from the step on.
type mutation struct {
	check check
	from  int
}

// apply changes an answer or a delivered webhook so that the check no longer holds. It re-encodes a
// body that it changes.
func (m mutation) apply(status *int, h http.Header, body []byte) []byte {
	breakBy := absent
	if m.check.is.rule == isAbsent {
		breakBy = "mutated"
	}
	switch m.check.of.part {
	case theStatus:
		*status = http.StatusTeapot
	case theHeader:
		h.Del(m.check.of.name)
		if breakBy != absent {
			h.Set(m.check.of.name, "mutated")
		}
	default:
		value, err := readJSON(body)
		if err != nil {
			value = object{}
		}
		value = put(value, m.check.of.name, breakBy)
		if value == absent {
			return nil
		}
		body, _ = json.Marshal(value)
	}
	return body
}

// through applies the mutation to answers.
func (m mutation) through(next http.RoundTripper) http.RoundTripper {
	count := 0
	return throughTransport(func(r *http.Request) (*http.Response, error) {
		answer, err := next.RoundTrip(r)
		if count++; err != nil || count <= m.from {
			return answer, err
		}
		body, _ := io.ReadAll(answer.Body)
		body = m.apply(&answer.StatusCode, answer.Header, body)
		answer.Body = io.NopCloser(bytes.NewReader(body))
		return answer, nil
	})
}

// onDelivery applies the mutation to webhooks.
func (m mutation) onDelivery(next http.RoundTripper) http.RoundTripper {
	count := 0
	return throughTransport(func(r *http.Request) (*http.Response, error) {
		if count++; count <= m.from {
			return next.RoundTrip(r)
		}
		body, _ := io.ReadAll(r.Body)
		var none int
		changed := r.Clone(r.Context())
		changed.Body = io.NopCloser(bytes.NewReader(m.apply(&none, changed.Header, body)))
		return next.RoundTrip(changed)
	})
}

// calls counts the requests that steps send if they need not wait.
func calls(steps []step) int {
	n := 0
	for _, s := range steps {
		if s.call != "" {
			n++
		}
	}
	return n
}

// mutate runs a case against a server whose answer to step i is changed.
func mutate(t *testing.T, c Case, i int, broken check) Result {
	t.Helper()
	m := mutation{check: broken}
	if s := c.steps[i]; s.delivery != "" {
		m.from = s.nth
		_, target := newDouble(t, nil, m.onDelivery)
		return run(t, target, c).Results[0]
	}
	m.from = calls(c.steps[:i])
	if c.fixture != nil {
		m.from += calls(c.fixture.steps)
	}
	_, target := newDouble(t, m.through, nil)
	return run(t, target, c).Results[0]
}

// Each assertion of each case is broken in the server's answers, one at a time, and the case must
// notice. This shows that the case can fail at a real host.
func TestEveryAssertionCanFail(t *testing.T) {
	_, target := newDouble(t, nil, nil)
	for number, before := range run(t, target).Results {
		c := Cases()[number]
		t.Run(c.Section+", "+c.Name, func(t *testing.T) {
			noticed := 0
			for i, s := range c.steps {
				for _, given := range s.given {
					if r := mutate(t, c, i, given); r.Verdict != VerdictUntested {
						t.Errorf("step %d without %s: %s %s", i+1, given.of, r.Verdict, r.Outcome)
					}
				}
				for _, want := range s.want {
					noticed++
					switch r := mutate(t, c, i, want); {
					case r.Verdict != VerdictBroken:
						t.Errorf("step %d without %s: %s", i+1, want.of, r.Verdict)
					case want.of.part != theStatus && !strings.Contains(r.Detail, want.of.String()) && !strings.Contains(r.Detail, "not JSON"):
						t.Errorf("step %d without %s does not say so: %s", i+1, want.of, r.Detail)
					}
				}
				for _, turn := range s.variants {
					if name, _, _ := strings.Cut(before.Outcome, ";"); turn.name != name {
						continue
					}
					for _, when := range turn.when {
						noticed++
						if r := mutate(t, c, i, when); r.ending() == before.ending() || r.Verdict == VerdictUntested {
							t.Errorf("without %s it turned out as before: %s %s", when.of, r.Verdict, r.Outcome)
						}
					}
				}
			}
			if noticed == 0 {
				t.Error("no assertion was ever taken from the case")
			}
		})
	}
}

var kindSamples = map[kind]any{
	aString: "text", anObject: object{"x": "y"}, aList: list{"x"}, aNumber: json.Number("7"), aBoolean: true,
}

// answerThat builds a minimal answer for which the checks hold.
func answerThat(t *testing.T, hold checks, known vars) exchange {
	t.Helper()
	x := exchange{header: http.Header{}}
	for _, c := range hold {
		var value any
		switch c.is.rule {
		case isOneOf:
			filled, err := known.fill(c.is.values[0])
			if err != nil {
				t.Fatal(err)
			}
			value = filled
		case hasForm:
			value = c.is.form.sample
		case hasKind:
			value = kindSamples[c.is.kind]
		case isThere:
			if value = "x"; c.of.part == theBody {
				value = object{}
			}
		case spans:
			since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			x.body = put(x.body, c.is.since, since.Format(time.RFC3339))
			value = since.Add(c.is.span).Format(time.RFC3339)
		case isAbsent:
			continue
		}
		switch c.of.part {
		case theStatus:
			x.status, _ = strconv.Atoi(fmt.Sprint(value))
		case theHeader:
			x.header.Set(c.of.name, value.(string))
		case theBody:
			if n, ok := value.(int); ok {
				value = json.Number(strconv.Itoa(n))
			}
			x.body = put(x.body, c.of.name, value)
		}
	}
	return x
}

// A turn that an earlier one hides would never be reported.
func TestEveryTurnIsReachable(t *testing.T) {
	for _, c := range Cases() {
		last := c.steps[len(c.steps)-1]
		for _, want := range last.variants {
			_, target := newDouble(t, nil, nil)
			h, err := newHost(target)
			if err != nil {
				t.Fatal(err)
			}
			known := h.known.clone()
			for _, steps := range [][]step{fixtureOf(c).steps, c.steps} {
				for _, s := range steps {
					for name := range s.capture {
						known[name] = "captured " + name
					}
				}
			}
			var got Result
			r := &runner{host: h}
			if err := r.matchVariant(last, answerThat(t, want.when, known), known, &got); err != nil {
				t.Fatal(err)
			}
			if name, _, _ := strings.Cut(got.Outcome, ";"); name != want.name {
				t.Errorf("%s, %s: an answer made for %q turned out %s %q", c.Section, c.Name, want.name, got.Verdict, got.Outcome)
			}
		}
	}
}

func fixtureOf(c Case) fixture {
	if c.fixture == nil {
		return fixture{}
	}
	return *c.fixture
}

func TestTheSuiteIsWellFormed(t *testing.T) {
	names := map[string]bool{}
	for _, c := range Cases() {
		if names[c.Name] {
			t.Errorf("two cases are called %q", c.Name)
		}
		names[c.Name] = true
		if c.Section == "" || c.Name == "" {
			t.Errorf("%q has no section or no name", c.Section+c.Name)
		}
		wants := 0
		for i, s := range c.steps {
			wants += len(s.want)
			if len(s.variants) > 0 && (c.Certainty == CertaintySure || i != len(c.steps)-1) {
				t.Errorf("%s: step %d may not turn out in several ways", c.Name, i+1)
			}
			if kinds := min(len(s.call), 1) + min(len(s.delivery), 1) + min(int(s.visit), 1); kinds != 1 {
				t.Errorf("%s: step %d has %d kinds, want one", c.Name, i+1, kinds)
			}
		}
		if turns := c.steps[len(c.steps)-1].variants; (c.Certainty == CertaintySure) != (wants > 0) || (c.Certainty == CertaintySure) != (len(turns) == 0) {
			t.Errorf("%s is %s, with %d facts and %d ways to turn out", c.Name, c.Certainty, wants, len(turns))
		} else if c.Certainty != CertaintySure && len(turns) < 2 {
			t.Errorf("%s cannot turn out otherwise", c.Name)
		}
	}
}

// A case that sends a POST, PATCH or PUT may create resources. Those that it captures must be
// undone.
func TestCasesUndoWhatTheyCreate(t *testing.T) {
	server, target := newDouble(t, nil, nil)
	run(t, target)
	made := server.PaymentRequests()
	if len(made) < 50 {
		t.Errorf("only %d payment requests were made", len(made))
	}
	for _, p := range made {
		if p.Amount == 0 {
			continue // for a customer token without a payment: it ends when the token is issued
		}
		if p.State == "SUBMITTED" || p.State == "IN_PROGRESS" || p.State == "COMPLETED" && p.PaymentTransactionID == "" {
			t.Errorf("the payment request %s is left %s", p.Reference, p.State)
		}
	}
	for _, path := range []string{"signing-keys", "webhooks"} {
		c := Case{Name: path, Certainty: CertaintySure, steps: []step{{call: "GET notification/" + path, want: checks{
			status(200), member(strings.ReplaceAll(path, "-", "_") + ".0").isAbsent(),
		}}}}
		if r := run(t, target, c).Results[0]; r.Verdict != VerdictHeld {
			t.Errorf("%s are left: %s", path, r.Detail)
		}
	}
}
