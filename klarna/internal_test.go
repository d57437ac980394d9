package klarna

import (
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPausesHaveFullJitter(t *testing.T) {
	policy := RetryPolicy{MinWait: 100 * time.Millisecond, MaxWait: time.Second, MaxServerWait: 30 * time.Second}
	for n, ceiling := range map[int]time.Duration{
		1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 3: 400 * time.Millisecond, 4: 800 * time.Millisecond, 5: time.Second, 33: time.Second, 1000: time.Second,
	} {
		lowest, highest := time.Duration(math.MaxInt64), time.Duration(0)
		for range 2000 {
			wait, ok := policy.wait(n, 0)
			if !ok || wait <= 0 || wait > ceiling {
				t.Fatalf("pause %d is %s, want above 0 and at most %s", n, wait, ceiling)
			}
			lowest, highest = min(lowest, wait), max(highest, wait)
		}
		if lowest > ceiling/20 || highest < ceiling-ceiling/20 {
			t.Errorf("pause %d is between %s and %s, which does not cover 0 to %s", n, lowest, highest, ceiling)
		}
	}
}

func TestTheServersPauseIsTheMinimum(t *testing.T) {
	policy := RetryPolicy{MinWait: time.Second, MaxWait: time.Second, MaxServerWait: 30 * time.Second}
	for range 1000 {
		if wait, ok := policy.wait(1, 30*time.Second); !ok || wait <= 30*time.Second || wait > 31*time.Second {
			t.Fatalf("a pause of %s", wait)
		}
	}
	if wait, ok := policy.wait(1, 30*time.Second+1); ok {
		t.Errorf("a pause of %s is above the maximum", wait)
	}
	policy.MaxServerWait = math.MaxInt64
	if wait, ok := policy.wait(1, math.MaxInt64); ok {
		t.Errorf("a pause that overflows became %s", wait)
	}
}

func TestRateLimitHeaders(t *testing.T) {
	tests := map[string]struct {
		header http.Header
		want   RateLimit
	}{
		"none": {nil, RateLimit{-1, -1, -1, nil}},
		"as documented": {
			http.Header{"X-Ratelimit-Limit": {`40, 40;w=1;name="account_x",100;w=1;name="psp_y"`}, "X-Ratelimit-Remaining": {"15"}, "X-Ratelimit-Reset": {"1"}},
			RateLimit{40, 15, time.Second, []Quota{{"account_x", 40, time.Second}, {"psp_y", 100, time.Second}}},
		},
		"only the number":                   {http.Header{"X-Ratelimit-Limit": {" 40 "}}, RateLimit{40, -1, -1, nil}},
		"nothing left":                      {http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {"0"}}, RateLimit{-1, 0, 0, nil}},
		"negative numbers":                  {http.Header{"X-Ratelimit-Limit": {"-1"}, "X-Ratelimit-Remaining": {"-1"}, "X-Ratelimit-Reset": {"-1"}}, RateLimit{-1, -1, -1, nil}},
		"no numbers":                        {http.Header{"X-Ratelimit-Limit": {"many"}, "X-Ratelimit-Remaining": {"1.5"}, "X-Ratelimit-Reset": {"+1"}}, RateLimit{-1, -1, -1, nil}},
		"numbers above the largest integer": {http.Header{"X-Ratelimit-Limit": {"99999999999999999999"}, "X-Ratelimit-Reset": {"99999999999999999999"}}, RateLimit{-1, -1, maxSeconds * time.Second, nil}},
		"invalid quotas are left out":       {http.Header{"X-Ratelimit-Limit": {`1,,x;w=1, 2 ; w=3 ; name="n" ; new=4,3`}}, RateLimit{1, -1, -1, []Quota{{"n", 2, 3 * time.Second}, {"", 3, 0}}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, parseRateLimit(test.header)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheFirstValueOfAStatusHeaderCounts(t *testing.T) {
	for value, want := range map[string]string{"": "", "VALID": "VALID", "VALID, VALID": "VALID", " INVALID ,VALID": "INVALID", "NOT_PRESENT": "NOT_PRESENT"} {
		if got := firstValue(value); got != want {
			t.Errorf("%q is read as %q, want %q", value, got, want)
		}
	}
}

func TestEveryListedCodeIsDocumented(t *testing.T) {
	for _, rule := range retryRules {
		if rule.Code != "" && !isDocumented(rule.Code) {
			t.Errorf("the retry table has %s, which is not a documented code", rule.Code)
		}
	}
	if !isDocumented(temporarilyUnavailable) || isDocumented("SOMETHING_NEW") || isDocumented("") {
		t.Error("isDocumented is wrong")
	}
}

func FuzzErrorBody(f *testing.F) {
	for _, seed := range []string{
		`{"error_id":"i","error_code":"VALIDATION_ERROR","validation_errors":[{"parameter":"a","reason":["r"],"doc_url":"d"}]}`,
		`{"errors":[{"parameter":"a","error_message":"m"},null,7]}`, `{"error_message":"` + strings.Repeat("m", 20<<10) + `","error_code":"NOT_FOUND"}`, `{"error_code":{"a":1}}`, `[`, "<html>", "{\"error_code\":\"\xff\"}", ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		body := parseErrorBody(text)
		kept := len(body.id) + len(body.kind) + len(body.code) + len(body.message) + len(body.docURL)
		for _, p := range body.problems {
			kept += len(p.Parameter) + len(strings.Join(p.Reasons, "")) + len(p.DocURL)
		}
		if len(body.problems) > maxValidationErrors || kept > maxErrorTexts {
			t.Errorf("kept %d problems and %d bytes", len(body.problems), kept)
		}
		for _, s := range []string{printableCode(Code(body.code)), printable(body.id)} {
			if strings.ContainsAny(s, "\r\n\x1b\"=, ") {
				t.Errorf("%q would be printed", s)
			}
		}
	})
}

func TestALongMessageDoesNotDisplaceTheCode(t *testing.T) {
	long := strings.Repeat("é", 20<<10)
	many := strings.Repeat(`{"parameter":"p","reason":["`+strings.Repeat("r", 300)+`"]},`, 300)
	body := parseErrorBody([]byte(`{"error_message":"` + long + `","validation_errors":[` + many + `7],"doc_url":"d","error_id":"i","error_type":"T","error_code":"NOT_FOUND"}`))
	if body.code != "NOT_FOUND" || body.id != "i" || body.kind != "T" || len(body.message) < 15<<10 || len(body.problems) > maxValidationErrors {
		t.Errorf("code %q, id %q, type %q, %d bytes of message, %d problems", body.code, body.id, body.kind, len(body.message), len(body.problems))
	}
	body = parseErrorBody([]byte(`{"validation_errors":[` + strings.Repeat(`{"parameter":"p"},`, 300) + `7]}`))
	if len(body.problems) != maxValidationErrors {
		t.Errorf("%d problems, want %d", len(body.problems), maxValidationErrors)
	}
}

func FuzzRateLimit(f *testing.F) {
	f.Add(`40, 40;w=1;name="a",100;w=1;name="b"`, "15", "1")
	f.Add("9223372036854775808", "-1", "99999999999999999999999")
	f.Fuzz(func(t *testing.T, limit, remaining, reset string) {
		l := parseRateLimit(http.Header{"X-Ratelimit-Limit": {limit}, "X-Ratelimit-Remaining": {remaining}, "X-Ratelimit-Reset": {reset}})
		if l.Limit < -1 || l.Remaining < -1 || l.Reset < -1 || l.Reset > maxSeconds*time.Second {
			t.Errorf("%+v", l)
		}
		for _, q := range l.Quotas {
			if q.Limit < 0 || q.Window < 0 || q.Window > maxSeconds*time.Second {
				t.Errorf("%+v", q)
			}
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"7", "-7", "9223372037", "99999999999999999999", "Fri, 31 Dec 1999 23:59:59 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "Friday, 31-Dec-99 23:59:59 GMT", "٣", "1e9"} {
		f.Add(seed, "1", 429)
		f.Add("", seed, 429)
		f.Add("", seed, 503)
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, after, reset string, status int) {
		asked := serverWait(status, http.Header{"Retry-After": {after}, "X-Ratelimit-Reset": {reset}}, now)
		if asked < 0 {
			t.Fatalf("a pause of %s", asked)
		}
		for _, most := range []time.Duration{30 * time.Second, math.MaxInt64} {
			policy := RetryPolicy{MinWait: time.Second, MaxWait: time.Minute, MaxServerWait: most}
			if wait, ok := policy.wait(3, asked); ok && (wait <= asked || asked > most) {
				t.Errorf("asked for %s, waits %s", asked, wait)
			}
		}
	})
}

func FuzzIntegrationMetadata(f *testing.F) {
	f.Add("A", "é", "\"\\\n\x7f", "😀")
	f.Add("a\xff", "\u2028", "\ufffd", "\U0010ffff")
	f.Fuzz(func(t *testing.T, name, reference, module, version string) {
		m := IntegrationMetadata{Integrator: Integrator{name, reference, module, version}}
		text, err := m.encode()
		if err != nil {
			return
		}
		for _, c := range []byte(text) {
			if c < ' ' || c > '~' {
				t.Fatalf("%q has the byte %#x", text, c)
			}
		}
		var back IntegrationMetadata
		if err := json.Unmarshal([]byte(text), &back); err != nil || !cmp.Equal(m, back) {
			t.Errorf("%+v came back as %+v (%v)", m, back, err)
		}
	})
}
