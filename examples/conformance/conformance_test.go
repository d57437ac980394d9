package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"net/http/httptest"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
	"github.com/klarna-go/klarna-go/klarna/klarnatest/conformance"
)

func noEnvironment(string) string { return "" }

func environment(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

func at(double *klarnatest.Server, baseURL string) func(string) string {
	return environment(map[string]string{
		"KLARNA_API_KEY": double.APIKey, "KLARNA_PARTNER_ACCOUNT_ID": double.PartnerAccountID, "KLARNA_BASE_URL": baseURL,
	})
}

// play runs the program and wants an exit code.
func play(t *testing.T, getenv func(string) string, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(t.Context(), args, getenv, &out, &errs); code != want {
		t.Fatalf("exit %d, want %d\n%s%s", code, want, &errs, &out)
	}
	return out.String(), errs.String()
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

func TestWithoutAKeyTheBuiltInKlarnaConforms(t *testing.T) {
	stdout, _ := play(t, noEnvironment, 0)
	if !strings.HasPrefix(stdout, "KLARNA_API_KEY is not set: testing the built-in Klarna.\n") {
		t.Errorf("%.200s", stdout)
	}
	const want = `^\d\d sure facts held, 0 broken; \d\d+ likely facts and gaps turned out, 0 in an unforeseen way; 0 untested, 0 skipped$`
	if last := lastLine(stdout); !regexp.MustCompile(want).MatchString(last) {
		t.Errorf("last line %q, want %q", last, want)
	}
}

// spoilt is a double behind a proxy that takes something from its answers.
func spoilt(t *testing.T, double *klarnatest.Server, spoil func(*http.Response)) string {
	to, err := url.Parse(double.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(to) },
		ModifyResponse: func(r *http.Response) error { spoil(r); return nil },
	})
	t.Cleanup(proxy.Close)
	return proxy.URL
}

func TestABrokenFactIsExit1(t *testing.T) {
	double := klarnatest.NewServer(t)
	base := spoilt(t, double, func(r *http.Response) { r.Header.Del("X-Ratelimit-Reset") })
	stdout, _ := play(t, at(double, base), 1, "-run", "headers")
	const want = "the header X-Ratelimit-Reset is absent, want a whole number"
	if !strings.Contains(stdout, "Sure, broken: 1\n") || !strings.Contains(stdout, want) {
		t.Errorf("%q is not in\n%s", want, stdout)
	}
}

func TestAReportIsKeptAndComparedWith(t *testing.T) {
	double := klarnatest.NewServer(t)
	file := filepath.Join(t.TempDir(), "report.json")
	play(t, at(double, double.URL), 0, "-run", "^errors", "-json", file)

	same, _ := play(t, at(double, double.URL), 0, "-run", "^errors", "-baseline", file, "-json", file)
	if !strings.Contains(same, "\nDrift: 0\n") {
		t.Errorf("no \"Drift: 0\" in\n%s", same)
	}
	base := spoilt(t, double, func(r *http.Response) {
		body, _ := io.ReadAll(r.Body)
		body = bytes.ReplaceAll(body, []byte(`"doc_url":`), []byte(`"d0c_url":`))
		r.Body = io.NopCloser(bytes.NewReader(body))
	})
	drifted, _ := play(t, at(double, base), 0, "-run", "^errors", "-baseline", file)
	const want = "Drift: 1\n  errors             an error links to its documentation\n                       was: there\n                       now: absent\n"
	if !strings.Contains(drifted, want) {
		t.Errorf("no %q in\n%s", want, drifted)
	}
}

func TestAKeyAloneSkipsCasesThatNeedMore(t *testing.T) {
	double := klarnatest.NewServer(t)
	stdout, _ := play(t, at(double, double.URL), 0)
	for _, want := range []string{"Testing http://127.0.0.1:", "needs a customer\n", "needs a webhook URL\n", "needs a username\n", "Sure, held: "} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in\n%s", want, stdout)
		}
	}
	if strings.Contains(stdout, double.APIKey) {
		t.Error("the key is printed")
	}
	readOnly, _ := play(t, at(double, double.URL), 0, "-read-only", "-username", "x")
	if !strings.Contains(readOnly, "needs permission for changes\n") {
		t.Error(readOnly)
	}
}

// person reads what the program prints, and does it.
type person struct {
	bytes.Buffer
	double *klarnatest.Server
}

func (p *person) Write(text []byte) (int, error) {
	for _, request := range p.double.PaymentRequests() {
		if !bytes.Contains(text, []byte(request.PaymentRequestURL)) {
			continue
		}
		act := p.double.Approve
		if bytes.Contains(text, []byte("+denied")) {
			act = p.double.Decline
		}
		if _, err := act(request.PaymentRequestID); err != nil {
			return 0, err
		}
	}
	return p.Buffer.Write(text)
}

func TestInteractiveAsksAPerson(t *testing.T) {
	double := klarnatest.NewServer(t)
	p := &person{double: double}
	var stderr bytes.Buffer
	if code := run(t.Context(), []string{"-interactive", "-run", "completed payment request|denies|captured immediately"}, at(double, double.URL), p, &stderr); code != 0 {
		t.Fatalf("exit %d\n%s%s", code, &stderr, p)
	}
	if n := strings.Count(p.String(), "Approve the payment at this URL, within 10m0s:"); n != 2 {
		t.Errorf("%d approvals were asked for, want 2, in\n%s", n, p)
	}
	if n := strings.Count(p.String(), "denies the payment"); n != 1 {
		t.Errorf("%d denials were asked for, want 1, in\n%s", n, p)
	}
	if strings.Contains(p.String(), "Skipped") || strings.Contains(p.String(), "not tested") {
		t.Error(p)
	}
}

func TestWebhooksArriveAtTheAddressThatWasGiven(t *testing.T) {
	double := klarnatest.NewServer(t)
	// A port that was free a moment ago.
	listener := httptest.NewServer(nil)
	address := listener.Listener.Addr().String()
	listener.Close()
	stdout, _ := play(t, at(double, double.URL), 0, "-listen", address, "-webhook-url", "http://"+address+"/hooks", "-run", "signature|webhooks are listed")
	if want := "Sure, held: 2\n"; !strings.Contains(stdout, want) {
		t.Errorf("%q is not in\n%s", want, stdout)
	}
}

func TestAnInterruptedRunReportsWhatItHas(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	if code := run(ctx, nil, at(klarnatest.NewServer(t), conformance.TestHost), &stdout, &stderr); code != 1 {
		t.Errorf("exit %d", code)
	}
	if !strings.Contains(stdout.String(), "not tried: the run was canceled") {
		t.Errorf("%s%s", &stdout, &stderr)
	}
}

func TestWhatGoesWrongIsOneClearLine(t *testing.T) {
	double := klarnatest.NewServer(t)
	here := at(double, double.URL)
	noReport := filepath.Join(t.TempDir(), "no.json")
	if err := os.WriteFile(noReport, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		getenv func(string) string
		args   []string
		exit   int
		want   string
	}{
		"an unknown flag":          {noEnvironment, []string{"-nothing"}, 2, "flag provided but not defined"},
		"help":                     {noEnvironment, []string{"-h"}, 0, "Usage of conformance"},
		"no such case":             {noEnvironment, []string{"-run", "no such case"}, 1, `no case matches -run "no such case"`},
		"no regexp":                {noEnvironment, []string{"-run", "("}, 1, "-run: error parsing regexp"},
		"no baseline":              {noEnvironment, []string{"-baseline", noReport + "x"}, 1, "-baseline: open"},
		"a baseline of nothing":    {noEnvironment, []string{"-baseline", noReport}, 1, "-baseline: conformance: the report has no results"},
		"an account without key":   {environment(map[string]string{"KLARNA_PARTNER_ACCOUNT_ID": "a"}), nil, 1, "KLARNA_API_KEY is not set"},
		"a person at the double":   {noEnvironment, []string{"-interactive"}, 1, "its own customer"},
		"a live key":               {environment(map[string]string{"KLARNA_API_KEY": "klarna_live_api_x"}), nil, 1, "live key"},
		"another host":             {environment(map[string]string{"KLARNA_API_KEY": "k", "KLARNA_BASE_URL": "https://example.com"}), nil, 1, "loopback only"},
		"a receiver without URL":   {here, []string{"-listen", "127.0.0.1:0"}, 1, "-listen needs -webhook-url"},
		"a receiver's bad address": {here, []string{"-listen", "nowhere", "-webhook-url", "https://x.example"}, 1, "receive webhooks: "},
		"a file in no folder":      {here, []string{"-run", "a wrong key", "-json", filepath.Join(noReport, "x")}, 1, "-json: open"},
	} {
		t.Run(name, func(t *testing.T) {
			_, stderr := play(t, tc.getenv, tc.exit, tc.args...)
			if !strings.Contains(stderr, tc.want) {
				t.Errorf("%q is not in %q", tc.want, stderr)
			}
			if tc.exit == 1 && strings.Count(stderr, "\n") != 1 {
				t.Errorf("not one line: %q", stderr)
			}
		})
	}
}
