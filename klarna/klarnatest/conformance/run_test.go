package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// testKey is a key that is easy to find in a report.
const testKey = "klarna_test_api_c4n4ry"

// answering returns a target whose host answers every request with the result of a function.
func answering(answer func(*http.Request) (status int, body string)) Target {
	return through(func(r *http.Request) (*http.Response, error) {
		status, body := answer(r)
		return response(status, strings.NewReader(body)), nil
	})
}

func through(f throughTransport) Target {
	return Target{
		BaseURL: "http://127.0.0.1:1", APIKey: testKey, PartnerAccountID: "krn:partner:global:account:test:A", Client: &http.Client{Transport: f},
		Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
}

func response(status int, body io.Reader) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(body)}
}

// fact returns a sure case of one request.
func fact(name string, want ...check) Case {
	return Case{Section: "test", Name: name, Certainty: CertaintySure, steps: []step{{call: "GET payment/thing", want: want}}}
}

// question returns a gap of one request.
func question(name string, turns ...variant) Case {
	return Case{Section: "test", Name: name, Certainty: CertaintyGap, steps: []step{{call: "GET payment/thing", variants: turns}}}
}

func TestLiveTargetIsRefused(t *testing.T) {
	sent := false
	good := answering(func(*http.Request) (int, string) { sent = true; return 200, "{}" })
	for name, tc := range map[string]struct {
		change func(*Target)
		want   string
	}{
		"the live host":                    {func(t *Target) { t.BaseURL = "https://api-global.klarna.com" }, "loopback only"},
		"another host":                     {func(t *Target) { t.BaseURL = "https://example.com" }, "loopback only"},
		"a host that begins alike":         {func(t *Target) { t.BaseURL = TestHost + ".example.com" }, "loopback only"},
		"another port":                     {func(t *Target) { t.BaseURL = TestHost + ":8443" }, "loopback only"},
		"the test host without TLS":        {func(t *Target) { t.BaseURL = "http://api-global.test.klarna.com" }, "loopback only"},
		"a private address":                {func(t *Target) { t.BaseURL = "http://192.168.0.1" }, "loopback only"},
		"another scheme":                   {func(t *Target) { t.BaseURL = "ftp://127.0.0.1" }, "loopback only"},
		"no host":                          {func(t *Target) { t.BaseURL = "" }, "loopback only"},
		"a URL that cannot be read":        {func(t *Target) { t.BaseURL = "https://user:" + testKey + "@host:port" }, "cannot be read"},
		"a user":                           {func(t *Target) { t.BaseURL = "http://u:p@127.0.0.1" }, "a scheme and a host only"},
		"a path":                           {func(t *Target) { t.BaseURL = "http://127.0.0.1/v2" }, "a scheme and a host only"},
		"no key":                           {func(t *Target) { t.APIKey = "" }, "API key is missing"},
		"a live key":                       {func(t *Target) { t.APIKey = "klarna_live_api_c4n4ry" }, "live key"},
		"a client id":                      {func(t *Target) { t.APIKey = "klarna_test_client_c4n4ry" }, "client id"},
		"a key with a line break":          {func(t *Target) { t.APIKey = testKey + "\n" }, "characters"},
		"a receiver without a webhook URL": {func(t *Target) { t.Receiver = new(Receiver) }, "webhook URL"},
	} {
		t.Run(name, func(t *testing.T) {
			target := good
			tc.change(&target)
			_, err := Run(t.Context(), target, fact("f", status(200)))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			} else if strings.Contains(err.Error(), "c4n4ry") {
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
	if sent {
		t.Error("a request was sent")
	}
}

func TestTestTargetsAreAccepted(t *testing.T) {
	for _, base := range []string{TestHost, TestHost + "/", TestHost + ":443", "http://127.0.0.1:8080", "http://[::1]:8080", "https://localhost"} {
		target := answering(func(*http.Request) (int, string) { return 200, "{}" })
		target.BaseURL = base
		if r := run(t, target, fact("f", status(200))).Results[0]; r.Verdict != VerdictHeld {
			t.Errorf("%s: %s %s", base, r.Verdict, r.Detail)
		}
	}
}

func TestVerdictOfACase(t *testing.T) {
	host := answering(func(r *http.Request) (int, string) {
		return 200, `{"state":"NEW","amount":1000,"list":[{"id":"a"},{"id":"b"}],"at":"2026-01-02T03:04:05Z","text":"t\u001b[2J","deep":{"x":null}}`
	})
	likely := func(turns ...variant) Case {
		c := question("likely", turns...)
		c.Certainty = CertaintyLikely
		return c
	}
	given := fact("given", status(200))
	given.steps[0].given = checks{status(201)}
	for name, tc := range map[string]struct {
		c    Case
		want Result
	}{
		"a fact that is true": {
			fact("f", status(200, 201), success(), member("list.*.id").is("b"), member("list.1.id").is("b"), member("amount").is(1000), member("deep.x").isAbsent(),
				member("at").looksLike(aTimestamp), member("list").isOfKind(aList), member("deep").isOfKind(anObject), header("X").isAbsent()),
			Result{Verdict: VerdictHeld},
		},
		"a wrong status":   {fact("f", status(201)), Result{Verdict: VerdictBroken, Detail: "the status is 200, want 201"}},
		"one of several":   {fact("f", status(201, 202)), Result{Verdict: VerdictBroken, Detail: "the status is 200, want 201 or 202"}},
		"a wrong word":     {fact("f", member("state").is("OLD", "OLDER")), Result{Verdict: VerdictBroken, Detail: `state is "NEW", want "OLD" or "OLDER"`}},
		"a wrong text":     {fact("f", member("text").is("u")), Result{Verdict: VerdictBroken, Detail: `text is a string, want "u"`}},
		"a number in text": {fact("f", member("amount").is("1000")), Result{Verdict: VerdictBroken, Detail: `amount is 1000, want "1000"`}},
		"a missing member": {fact("f", member("deep.x").exists()), Result{Verdict: VerdictBroken, Detail: "deep.x is absent, want it there"}},
		"a member too many": {
			fact("f", member("deep").isAbsent()), Result{Verdict: VerdictBroken, Detail: "deep is an object, want it absent"},
		},
		"a missing header":    {fact("f", header("x-y").exists()), Result{Verdict: VerdictBroken, Detail: "the header X-Y is absent, want it there"}},
		"a missing signature": {fact("f", header("s").signedBy("k")), Result{Verdict: VerdictBroken, Detail: "the header S is absent, want the HMAC-SHA256 of the raw body in lowercase hex"}},
		"a time too early":    {fact("f", member("at").spansFrom("at", time.Hour)), Result{Verdict: VerdictBroken, Detail: "at is a string, want 1h0m0s after at"}},
		"an index past the end": {
			fact("f", member("list.2").exists()), Result{Verdict: VerdictBroken, Detail: "list.2 is absent, want it there"},
		},
		"a form that does not fit": {fact("f", member("state").looksLike(wholeNumber)), Result{Verdict: VerdictBroken, Detail: `state is "NEW", want a whole number`}},
		"a case that cannot begin": {given, Result{Verdict: VerdictUntested, Detail: "the status is 200, want 201"}},
		"the first that holds": {
			question("q", variant{name: "no", when: checks{status(201)}}, variant{name: "yes", when: checks{status(200)}}, variant{name: "too late", when: checks{status(200)}}),
			Result{Verdict: VerdictTurnedOut, Outcome: "yes"},
		},
		"with what the answer shows": {
			question("q", variant{name: "yes", when: checks{status(200)}, show: []subject{member("state"), member("text"), member("none")}}),
			Result{Verdict: VerdictTurnedOut, Outcome: `yes; state "NEW"; text a string; none absent`},
		},
		"in no way":             {question("q", variant{name: "no", when: checks{status(201)}}), Result{Verdict: VerdictUnforeseen, Detail: "the status is 200, error_code absent"}},
		"as expected":           {likely(variant{name: "yes", when: checks{status(200)}}), Result{Verdict: VerdictTurnedOut, Outcome: "yes", Expected: "yes"}},
		"likely, and otherwise": {likely(variant{name: "no", when: checks{status(201)}}, variant{name: "yes", when: checks{}}), Result{Verdict: VerdictTurnedOut, Outcome: "yes", Expected: "no"}},
		"a variable that is not there": {
			fact("f", member("state").is("${nothing}")), Result{Verdict: VerdictUntested, Detail: "the variable nothing is unknown"},
		},
		"what needs a customer": {
			Case{steps: []step{{visit: approves}}}, Result{Verdict: VerdictSkipped, Detail: "needs a customer"},
		},
		"what needs several": {
			Case{needs: needsUsername, steps: []step{{delivery: "x"}}}, Result{Verdict: VerdictSkipped, Detail: "needs a username, a webhook receiver"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, host, tc.c).Results[0]
			tc.want.Section, tc.want.Name, tc.want.Certainty = tc.c.Section, tc.c.Name, tc.c.Certainty
			if (got.Verdict == VerdictBroken || got.Verdict == VerdictUntested) && tc.want.Detail != "" {
				tc.want.Detail = "step 1 of 1, GET payment/thing: " + tc.want.Detail
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBodyThatIsNotJSONIsReported(t *testing.T) {
	for _, body := range []string{"<html>", "{", `{}{}`, strings.Repeat("[", 100_000)} {
		host := answering(func(*http.Request) (int, string) { return 200, body })
		got := run(t, host, fact("f", member("state").exists())).Results[0]
		if got.Verdict != VerdictBroken || !strings.HasSuffix(got.Detail, "the body is not JSON") {
			t.Errorf("%.10s: %s %s", body, got.Verdict, got.Detail)
		}
	}
}

// failing reads some bytes and then fails.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// endless never ends.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	return len(p), nil
}

func TestSilentHostLeavesCasesUntested(t *testing.T) {
	refused := errors.New("connection refused, " + testKey)
	flood := new(endless)
	for name, tc := range map[string]struct {
		answer throughTransport
		want   string
	}{
		"the host is down": {
			func(*http.Request) (*http.Response, error) { return nil, refused }, "connection refused, [redacted]",
		},
		"the answer is cut": {
			func(*http.Request) (*http.Response, error) {
				return response(200, io.MultiReader(strings.NewReader("{"), failing{})), nil
			}, "the answer was cut: unexpected EOF",
		},
		"the answer does not end": {
			func(*http.Request) (*http.Response, error) { return response(200, flood), nil }, "the answer is larger than 4 MB",
		},
		"the time is up": {
			func(*http.Request) (*http.Response, error) { return nil, context.DeadlineExceeded }, "the time was up",
		},
	} {
		t.Run(name, func(t *testing.T) {
			sent := 0
			report := run(t, through(func(r *http.Request) (*http.Response, error) {
				sent++
				return tc.answer(r)
			}), fact("1", status(200)), fact("2", status(200)), question("3", variant{name: "x"}), fact("4", status(200)), fact("5", status(200)))
			for i, r := range report.Results {
				want := "step 1 of 1, GET payment/thing: " + tc.want
				if i >= giveUpAfter {
					want = "not tried: 3 cases in a row got no answer"
				}
				if r.Verdict != VerdictUntested || r.Detail != want {
					t.Errorf("case %d: %s %q, want %q", i+1, r.Verdict, r.Detail, want)
				}
			}
			if sent != giveUpAfter {
				t.Errorf("%d requests, want %d", sent, giveUpAfter)
			}
			if report.OK() {
				t.Error("a report of nothing is OK")
			}
		})
	}
	if flood.read > (giveUpAfter+1)*maxAnswer {
		t.Errorf("%d bytes were read", flood.read)
	}
}

func TestAnAnswerResetsTheSilenceCount(t *testing.T) {
	sent := 0
	report := run(t, through(func(*http.Request) (*http.Response, error) {
		if sent++; sent%3 != 0 {
			return nil, io.ErrUnexpectedEOF
		}
		return response(200, strings.NewReader("{}")), nil
	}), fact("1", status(200)), fact("2", status(200)), fact("3", status(200)), fact("4", status(200)), fact("5", status(200)), fact("6", status(200)))
	var got []Verdict
	for _, r := range report.Results {
		got = append(got, r.Verdict)
	}
	if diff := cmp.Diff([]Verdict{VerdictUntested, VerdictUntested, VerdictHeld, VerdictUntested, VerdictUntested, VerdictHeld}, got); diff != "" {
		t.Error(diff)
	}
}

func TestCleaningContinuesAfterTheContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var deleted []string
	target := through(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodDelete {
			deleted = append(deleted, r.URL.Path)
			if r.Context().Err() != nil {
				return nil, r.Context().Err()
			}
			return response(200, strings.NewReader("{}")), nil
		}
		cancel()
		return response(201, strings.NewReader(`{"payment_request_id":"krn:1"}`)), nil
	})
	c := Case{Name: "c", Certainty: CertaintySure, cleanup: undone(), steps: []step{requested(), {call: readRequest, poll: checks{status(200)}}}}
	report, err := Run(ctx, target, c, fact("f", status(200)))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"step 2 of 2, GET payment/requests/${request}: the run was canceled", "not tried: the run was canceled"} {
		if r := report.Results[i]; r.Verdict != VerdictUntested || r.Detail != want {
			t.Errorf("case %d: %s %q, want %q", i+1, r.Verdict, r.Detail, want)
		}
	}
	if diff := cmp.Diff([]string{"/v2/accounts/krn:partner:global:account:test:A/payment/requests/krn:1"}, deleted); diff != "" {
		t.Error(diff)
	}
}

func TestFailedCleanUpsAreListed(t *testing.T) {
	c := Case{Name: "c", Certainty: CertaintySure, steps: []step{requested()}, cleanup: []step{
		{call: cancelRequest}, {call: voidPayment}, {call: "DELETE payment/requests/${request_url}"},
	}}
	c.steps[0].want = checks{status(200)} // broken: its effects must be undone too
	for name, tc := range map[string]struct {
		status int
		err    error
		want   []string
	}{
		"an error of the host": {500, nil, []string{"DELETE http://127.0.0.1:1/v2/accounts/krn:partner:global:account:test:A/payment/requests/krn:1: the status is 500"}},
		"no answer":            {0, io.ErrUnexpectedEOF, []string{"DELETE http://127.0.0.1:1/v2/accounts/krn:partner:global:account:test:A/payment/requests/krn:1: unexpected EOF"}},
		"gone already":         {404, nil, nil},
		"final already":        {409, nil, nil},
		"undone":               {200, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			report := run(t, through(func(r *http.Request) (*http.Response, error) {
				if r.Method == http.MethodDelete && tc.err != nil {
					return nil, tc.err
				} else if r.Method == http.MethodDelete {
					return response(tc.status, strings.NewReader("{}")), nil
				}
				return response(201, strings.NewReader(`{"payment_request_id":"krn:1"}`)), nil
			}), c)
			if report.Results[0].Verdict != VerdictBroken {
				t.Errorf("%s %s", report.Results[0].Verdict, report.Results[0].Detail)
			}
			if diff := cmp.Diff(tc.want, report.Left); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Ids from the host must not change the path of the next request.
func TestHostileIDDoesNotChangeThePath(t *testing.T) {
	for id, want := range map[string]string{
		"a/../../b?c#d": "/v2/payment/requests/a%2F..%2F..%2Fb%3Fc%23d",
		"krn:a:b":       "/v2/payment/requests/krn:a:b",
		"..":            "",
		"":              "",
	} {
		var read []string
		target := answering(func(r *http.Request) (int, string) {
			if r.Method == http.MethodGet {
				read = append(read, r.URL.EscapedPath())
			}
			return 201, `{"payment_request_id":"` + id + `"}`
		})
		target.PartnerAccountID = ""
		run(t, target, Case{Name: "c", Certainty: CertaintySure, steps: []step{requested(), {call: readRequest, want: checks{status(201)}}}})
		if got := strings.Join(read, " "); got != want {
			t.Errorf("%q was read at %q, want %q", id, got, want)
		}
	}
}

func TestNoRedirectIsFollowed(t *testing.T) {
	sent := 0
	report := run(t, through(func(*http.Request) (*http.Response, error) {
		sent++
		r := response(307, strings.NewReader(""))
		r.Header.Set("Location", "https://elsewhere.example/")
		return r, nil
	}), fact("f", status(307)))
	if sent != 1 || report.Results[0].Verdict != VerdictHeld {
		t.Errorf("%d requests, %s %s", sent, report.Results[0].Verdict, report.Results[0].Detail)
	}
}

func TestRateLimitedRequestIsRepeated(t *testing.T) {
	for name, tc := range map[string]struct {
		limited int
		reset   string
		waits   []time.Duration
		want    Verdict
	}{
		"after the reset":                 {1, "2", []time.Duration{2 * time.Second}, VerdictHeld},
		"after a second without a header": {1, "", []time.Duration{time.Second}, VerdictHeld},
		"not after a reset far away":      {2, "86400", []time.Duration{10 * time.Second, 10 * time.Second}, VerdictHeld},
		"three times":                     {9, "-1", []time.Duration{time.Second, time.Second, time.Second}, VerdictUntested},
	} {
		t.Run(name, func(t *testing.T) {
			var waits []time.Duration
			var keys, bodies []string
			target := through(func(r *http.Request) (*http.Response, error) {
				body, _ := io.ReadAll(r.Body)
				keys, bodies = append(keys, r.Header.Get("Klarna-Idempotency-Key")), append(bodies, string(body))
				answer := response(201, strings.NewReader("{}"))
				if len(keys) <= tc.limited {
					answer = response(429, strings.NewReader("{}"))
					answer.Header.Set("X-Ratelimit-Reset", tc.reset)
				}
				return answer, nil
			})
			target.Wait = func(_ context.Context, d time.Duration) error {
				waits = append(waits, d)
				return nil
			}
			c := Case{Name: "c", Certainty: CertaintySure, steps: []step{{call: createRequest, body: raw(`{"a":1}`), want: checks{status(201)}}}}
			if r := run(t, target, c).Results[0]; r.Verdict != tc.want {
				t.Errorf("%s %s", r.Verdict, r.Detail)
			}
			if diff := cmp.Diff(tc.waits, waits); diff != "" {
				t.Error(diff)
			}
			if keys, bodies = slices.Compact(keys), slices.Compact(bodies); len(keys) != 1 || len(bodies) != 1 || bodies[0] != `{"a":1}` {
				t.Errorf("the repetition was another request: %q %q", keys, bodies)
			}
		})
	}
}

func TestWaitingEndsAfterThePatience(t *testing.T) {
	target := answering(func(*http.Request) (int, string) { return 200, `{"state":"SUBMITTED"}` })
	target.WebhookURL, target.Receiver = "https://hooks.example", new(Receiver)
	var waited time.Duration
	target.Wait = func(_ context.Context, d time.Duration) error {
		waited += d
		return nil
	}
	report := run(t, target,
		Case{Name: "poll", steps: []step{{call: "GET payment/thing", poll: checks{member("state").is("COMPLETED")}}}},
		Case{Name: "await", steps: []step{{delivery: "nothing"}}})
	for i, want := range []string{
		`step 1 of 1, GET payment/thing: waited in vain: state is "SUBMITTED", want "COMPLETED"`, "step 1 of 1, the webhook: waited in vain",
	} {
		if r := report.Results[i]; r.Verdict != VerdictUntested || r.Detail != want {
			t.Errorf("%s %q, want %q", r.Verdict, r.Detail, want)
		}
	}
	if waited != 2*defaultPatience {
		t.Errorf("waited %v", waited)
	}
}

func TestRunWaitsInRealTimeByDefault(t *testing.T) {
	target := answering(func(*http.Request) (int, string) { return 200, "{}" })
	target.Wait = nil
	h, err := newHost(target)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if err := h.Wait(t.Context(), time.Minute); err != nil || time.Since(start) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := h.Wait(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute+time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestAbsentCustomerLeavesTheCaseUntested(t *testing.T) {
	target := answering(func(*http.Request) (int, string) { return 200, "{}" })
	target.Customer = func(context.Context, Visit) error { return errors.New("no customer is there for " + testKey) }
	r := run(t, target, Case{Name: "c", Certainty: CertaintySure, steps: []step{{visit: approves}}}).Results[0]
	if want := "step 1 of 1, the customer's visit: no customer is there for [redacted]"; r.Verdict != VerdictUntested || r.Detail != want {
		t.Errorf("%s %q, want %q", r.Verdict, r.Detail, want)
	}
}

// A target with nothing but a key, read only, must receive only GETs.
func TestAReadOnlyRunSendsOnlyGETs(t *testing.T) {
	methods := map[string]int{}
	_, target := newDouble(t, func(next http.RoundTripper) http.RoundTripper {
		return throughTransport(func(r *http.Request) (*http.Response, error) {
			methods[r.Method]++
			return next.RoundTrip(r)
		})
	}, nil)
	target.ReadOnly = true
	report := run(t, target)
	if len(methods) != 1 || methods["GET"] < 20 {
		t.Errorf("methods %v", methods)
	}
	for _, r := range report.Results {
		if r.Verdict == VerdictSkipped && !strings.Contains(r.Detail, "permission for changes") {
			t.Errorf("%s: %s", r.Name, r.Detail)
		}
	}
}

// A fixture that many cases share is built once.
func TestSharedFixtureIsBuiltOnce(t *testing.T) {
	server, target := newDouble(t, nil, nil)
	visits := 0
	customer := target.Customer
	target.Customer = func(ctx context.Context, v Visit) error {
		visits++
		return customer(ctx, v)
	}
	var sharing []Case
	for _, c := range Cases() {
		if c.fixture == paid {
			sharing = append(sharing, c)
		}
	}
	run(t, target, sharing...)
	if len(sharing) < 10 || visits != 1 || len(server.Transactions()) != 1 {
		t.Errorf("%d cases, %d visits, %d transactions", len(sharing), visits, len(server.Transactions()))
	}
	visits = 0
	run(t, target)
	if visits > 8 {
		t.Errorf("%d visits, more than a person has patience for", visits)
	}
}

// A host that failed once may work for the cases that do not begin with the failing step.
func TestFailedFixtureIsNotRebuilt(t *testing.T) {
	sent := 0
	shared := &fixture{name: "something shared", steps: []step{{call: "GET payment/shared"}}}
	on := func(name string) Case {
		c := fact(name, status(200))
		c.fixture = shared
		return c
	}
	report := run(t, through(func(r *http.Request) (*http.Response, error) {
		sent++
		if strings.HasSuffix(r.URL.Path, "/shared") {
			return nil, io.ErrUnexpectedEOF
		}
		return response(200, strings.NewReader("{}")), nil
	}), on("1"), on("2"), on("3"), on("4"), fact("5", status(200)))
	for i, r := range report.Results[:4] {
		if want := "something shared: step 1 of 1, GET payment/shared: unexpected EOF"; r.Verdict != VerdictUntested || r.Detail != want {
			t.Errorf("case %d: %s %q, want %q", i+1, r.Verdict, r.Detail, want)
		}
	}
	if r := report.Results[4]; r.Verdict != VerdictHeld || sent != 2 {
		t.Errorf("%s %q after %d requests", r.Verdict, r.Detail, sent)
	}
}

// This host echoes the credentials and tokens in every place that a report reads.
func TestReportsHoldNoSecrets(t *testing.T) {
	type echo func(r *http.Request, answer *http.Response, secrets string) (body func(any) any)
	for place, tc := range map[string]struct {
		trace string // the echo's trace in the report
		echo  echo
	}{
		"in headers": {"the header X-Ratelimit-Limit is a string", func(_ *http.Request, answer *http.Response, secrets string) func(any) any {
			for _, name := range append(wordHeaders[1:], "X-Ratelimit-Limit", correlation) {
				answer.Header.Set(name, secrets)
			}
			return nil
		}},
		"in errors": {"error_code is a string", func(_ *http.Request, answer *http.Response, secrets string) func(any) any {
			return func(body any) any {
				if answer.StatusCode >= 400 {
					body = put(put(body, "error_code", secrets), "error_type", secrets)
				}
				return body
			}
		}},
		"in states": {"state is a string", func(r *http.Request, _ *http.Response, secrets string) func(any) any {
			return func(body any) any {
				if r.Method != http.MethodPost {
					body = put(put(put(body, "state", secrets), "instruction", secrets), "payment_status", secrets)
				}
				return body
			}
		}},
		"in states, cut to the length of a word": {`is "[redacted]"`, func(r *http.Request, _ *http.Response, _ string) func(any) any {
			part := strings.TrimPrefix(r.Header.Get("Authorization"), "Basic ")
			part = "x " + part[:min(len(part), 58)]
			return func(body any) any { return put(put(body, "state", part), "instruction", part[2:]) }
		}},
		"in results": {"result is a string", func(_ *http.Request, _ *http.Response, secrets string) func(any) any {
			return func(body any) any { return put(body, result, secrets) }
		}},
	} {
		t.Run(place, func(t *testing.T) {
			var given []string
			_, target := newDouble(t, func(next http.RoundTripper) http.RoundTripper {
				return throughTransport(func(r *http.Request) (*http.Response, error) {
					given = append(given, strings.TrimPrefix(r.Header.Get("Authorization"), "Basic "))
					answer, err := next.RoundTrip(r)
					if err != nil {
						return nil, err
					}
					raw, _ := io.ReadAll(answer.Body)
					value, _ := readJSON(raw)
					for _, path := range []string{sessionTokenPath, "signing_key"} {
						for _, token := range at(value, path) {
							given = append(given, token.(string))
						}
					}
					last := given[max(0, len(given)-3):]
					if change := tc.echo(r, answer, strings.Join(last, " ")); change != nil && value != nil {
						raw, _ = json.Marshal(change(value))
					}
					answer.Body = io.NopCloser(strings.NewReader(string(raw)))
					return answer, nil
				})
			}, nil)
			report := run(t, target)
			var text strings.Builder
			if err := errors.Join(report.WriteText(&text), report.WriteJSON(&text)); err != nil {
				t.Fatal(err)
			}
			h, _ := newHost(target)
			for _, secret := range h.secrets {
				for i := 0; i+24 <= len(secret); i += 8 {
					if strings.Contains(text.String(), secret[i:i+24]) {
						t.Fatalf("the report holds a part of a secret: %q", secret[i:i+24])
					}
				}
			}
			for _, form := range []string{"session-token:ey", "klarna_test_api_"} {
				if strings.Contains(text.String(), form) {
					t.Errorf("the report holds %q", form)
				}
			}
			if !strings.Contains(text.String(), tc.trace) {
				t.Errorf("nothing was echoed: %q is not in the report", tc.trace)
			}
		})
	}
}
