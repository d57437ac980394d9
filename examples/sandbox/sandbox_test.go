package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// TestMain lets the test's own binary be the program, for tests that kill it.
func TestMain(m *testing.M) {
	if args, ok := os.LookupEnv("SANDBOX_ARGS"); ok {
		os.Exit(run(context.Background(), strings.Split(args, "\n"), os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// facts is what the program prints.
type facts struct {
	text, url, key, account, clientID, signingKey, secret string
	commands                                              []string
}

// readFacts reads until the program waits.
func readFacts(t *testing.T, stdout io.Reader) (f facts) {
	t.Helper()
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		f.text += lines.Text() + "\n"
		if strings.HasPrefix(lines.Text(), "Ctrl-C") {
			break
		}
	}
	for pattern, to := range map[string]*string{
		`Klarna is at (\S+),`:   &f.url,
		`API key +(\S+)`:        &f.key,
		`Account +(\S+)`:        &f.account,
		`Client id +(\S+)`:      &f.clientID,
		`Signing key +(\S+)`:    &f.signingKey,
		`  its secret +(\S+)\n`: &f.secret,
	} {
		found := regexp.MustCompile(pattern).FindStringSubmatch(f.text)
		if found == nil {
			t.Fatalf("the program does not print %q:\n%s", pattern, f.text)
		}
		*to = found[1]
	}
	for part := range strings.SplitSeq(f.text, "\n# ") {
		if _, command, ok := strings.Cut(part, "\ncurl"); ok {
			f.commands = append(f.commands, "curl"+command)
		} else if _, command, ok := strings.Cut(part, "\nurl="); ok {
			f.commands = append(f.commands, "url="+command)
		}
	}
	f.commands[len(f.commands)-1], _, _ = strings.Cut(f.commands[len(f.commands)-1], "\n\nCtrl-C")
	return f
}

// start runs the program until stop is called, which a test does at its end at the latest.
func start(t *testing.T, args ...string) (f facts, stop func() string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	reader, writer := io.Pipe()
	var stderr bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, append([]string{"-addr", "127.0.0.1:0"}, args...), writer, &stderr)
		writer.Close()
	}()
	rest := make(chan string, 1)
	output := bufio.NewReader(reader)
	ended := false
	stop = func() string {
		if ended {
			return ""
		}
		ended = true
		cancel()
		go func() {
			text, _ := io.ReadAll(output)
			rest <- string(text)
		}()
		if c := <-code; c != 0 || stderr.Len() > 0 {
			t.Errorf("exit %d: %s", c, &stderr)
		}
		return <-rest
	}
	t.Cleanup(func() { stop() })
	return readFacts(t, output), stop
}

// fails runs the program, which must not start.
func fails(t *testing.T, args ...string) (code int, stderr string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out, errs bytes.Buffer
	code = run(ctx, args, &out, &errs)
	if out.Len() > 0 {
		t.Errorf("the program started:\n%s", &out)
	}
	return code, errs.String()
}

func TestTheCommandsWorkWhenTheyArePasted(t *testing.T) {
	for name, args := range map[string][]string{
		"over http":              nil,
		"over https":             {"-tls", filepath.Join(t.TempDir(), "certificates")},
		"of Acquiring Partner's": {"-acquiring"},
	} {
		t.Run(name, func(t *testing.T) {
			f, _ := start(t, args...)
			if len(f.commands) != 3 {
				t.Fatalf("%d commands:\n%s", len(f.commands), f.text)
			}
			if _, err := exec.LookPath("curl"); err != nil {
				readCommands(t, f)
				return
			}
			shell := exec.CommandContext(t.Context(), "sh", "-e")
			shell.Stdin = strings.NewReader(strings.Join(f.commands, "\necho; echo ---\n"))
			output, err := shell.CombinedOutput()
			if err != nil {
				t.Fatalf("%v:\n%s", err, output)
			}
			answers := strings.Split(string(output), "\n---\n")
			for i, want := range []string{
				`^\{"instruction":"SHOW_KLARNA"`, `^` + f.url + `/customer/payment-requests/[0-9a-f-]{36}\n`, `^https://shop\.example/back\?state=COMPLETED\n`,
			} {
				if i >= len(answers) || !regexp.MustCompile(want).MatchString(answers[i]) {
					t.Errorf("command %d: want %s in:\n%s", i+1, want, output)
				}
			}
		})
	}
}

// readCommands looks at the commands where there is no curl to run them.
func readCommands(t *testing.T, f facts) {
	t.Helper()
	for i, command := range f.commands {
		if strings.Count(command, "'")%2 != 0 || i < 2 && !strings.Contains(command, f.url+"/v2/") {
			t.Errorf("command %d: %s", i+1, command)
		}
	}
	_, body, _ := strings.Cut(f.commands[1], "-d '")
	body, _, _ = strings.Cut(body, "'")
	if !json.Valid([]byte(body)) {
		t.Errorf("not JSON: %s", body)
	}
}

func TestTheProgramEndsInOrder(t *testing.T) {
	f, stop := start(t)
	// A receiver that hangs while the time moves holds nothing up.
	called := make(chan struct{}, 100)
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or net/http would not notice that the client is gone
		called <- struct{}{}
		<-r.Context().Done()
	}))
	defer hanging.Close()
	c := visitor{t, f.url, http.DefaultTransport}
	c.act("webhooks", url.Values{"url": {hanging.URL}, "events": {"payment.*"}})
	c.authorize(f.key, "order-1")
	<-called
	c.act("time", url.Values{"by": {"1h"}})
	if text := c.page(); !strings.Contains(text, "The sandbox’s time") {
		t.Errorf("the page while the time moves: %s", text)
	}
	c.act("time", url.Values{"by": {"1h"}})
	if rest := stop(); rest != "\nStopped.\n" {
		t.Errorf("at the end: %q", rest)
	}
}

func TestInvalidFlagsAreRefused(t *testing.T) {
	notPEM := filepath.Join(t.TempDir(), "not.pem")
	if err := os.WriteFile(notPEM, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"an address that others reach", []string{"-addr", "0.0.0.0:0"}, 2, "add -public"},
		{"an address without a host", []string{"-addr", ":0"}, 2, "add -public"},
		{"a name that may mean anything", []string{"-addr", "sandbox.example:0"}, 2, "add -public"},
		{"no address", []string{"-addr", "127.0.0.1:port"}, 1, "listen on 127.0.0.1:port"},
		{"a word", []string{"now"}, 2, `unexpected argument "now"`},
		{"an unknown flag", []string{"-port", "1"}, 2, "not defined"},
		{"a negative latency", []string{"-latency", "-1s"}, 2, "must not be negative"},
		{"authorities without TLS", []string{"-client-ca", notPEM}, 2, "-client-ca needs -tls"},
		{"authorities that are none", []string{"-tls", t.TempDir(), "-client-ca", notPEM}, 1, "contains no certificate"},
		{"authorities that are not there", []string{"-tls", t.TempDir(), "-client-ca", notPEM + "x"}, 1, "no such file"},
		{"a state file that is none", []string{"-state", notPEM}, 1, "is not a state file"},
		{"a directory that is a file", []string{"-addr", "127.0.0.1:0", "-tls", notPEM}, 1, "not a directory"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, stderr := fails(t, tc.args...)
			if code != tc.code || !strings.Contains(stderr, tc.want) {
				t.Errorf("exit %d: %s", code, stderr)
			}
		})
	}
	code, stderr := fails(t, "-help")
	if code != 0 {
		t.Errorf("-help: exit %d", code)
	}
	for _, flag := range []string{"addr address", "public", "state file", "acquiring", "latency duration", "rate number", "seed number", "tls directory", "client-ca file", "retention duration"} {
		if !strings.Contains(stderr, "\n  -"+flag) && !strings.HasPrefix(stderr, "  -"+flag) {
			t.Errorf("-help does not list -%s:\n%s", flag, stderr)
		}
	}
}

func TestFlagsReachTheServer(t *testing.T) {
	f, _ := start(t, "-rate", "1", "-latency", "1ms", "-seed", "7", "-retention", "24h", "-acquiring")
	c := visitor{t, f.url, http.DefaultTransport}
	statuses := map[int]bool{}
	for range 3 {
		statuses[c.get("/v2/payment/presentation", "Authorization", "Basic "+f.key).status] = true
	}
	if !statuses[http.StatusForbidden] || !statuses[http.StatusTooManyRequests] {
		t.Errorf("statuses %v, want one for the forgotten account and one for the rate", statuses)
	}
}

func TestCertificatesAreThoseOfMTLS(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "new", "certificates")
	ours := klarnatest.NewServer(t, klarnatest.WithTLS()) // whose client certificates are another authority's
	other, err := ours.IssueClientCertificate()
	if err != nil {
		t.Fatal(err)
	}
	authorities := filepath.Join(t.TempDir(), "authorities.pem")
	if err := os.WriteFile(authorities, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ours.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	f, _ := start(t, "-tls", directory, "-client-ca", authorities)
	trusted, err := os.ReadFile(filepath.Join(directory, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(trusted)
	certificate, err := tls.LoadX509KeyPair(filepath.Join(directory, "client.pem"), filepath.Join(directory, "client-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for name, certificates := range map[string][]tls.Certificate{"NOT_PRESENT": nil, "VALID": {certificate}, "VALID, of -client-ca": {other}} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: certificates}}
		c := visitor{t, f.url, transport}
		status := c.get("/v2/nowhere").header.Get("Klarna-Mtls-Verification-Status")
		if want, _, _ := strings.Cut(name, ","); status != want {
			t.Errorf("%s: %s", name, status)
		}
		if !strings.Contains(c.page(), "Klarna double") {
			t.Error("the page is not at the same address")
		}
		transport.CloseIdleConnections()
	}
	if about, err := os.Stat(filepath.Join(directory, "client-key.pem")); err != nil || runtime.GOOS != "windows" && about.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v %v", about.Mode(), err)
	}
}

func TestTheStateSurvivesAKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := exec.Command(self)
	program.Env = append(os.Environ(), "SANDBOX_ARGS=-addr\n127.0.0.1:0\n-state\n"+path)
	stdout, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	defer program.Wait()
	defer program.Process.Kill()
	before := readFacts(t, stdout)
	c := visitor{t, before.url, http.DefaultTransport}
	var ids []string
	for i := range 20 {
		ids = append(ids, c.authorize(before.key, fmt.Sprintf("order-%d", i)))
	}
	c.act("payment-requests", url.Values{"id": {ids[0]}, "action": {"decline"}})
	c.act("time", url.Values{"by": {"1m"}})
	c.act("accounts", nil)
	if code, stderr := fails(t, "-addr", "127.0.0.1:0", "-state", path); code != 1 || !strings.Contains(stderr, "in use by another server") {
		t.Errorf("a second sandbox: exit %d: %s", code, stderr)
	}
	shown := c.page()
	if err := program.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := program.Wait(); err == nil {
		t.Fatal("the program was not killed")
	}

	after, _ := start(t, "-state", path)
	if after.key != before.key || after.account != before.account || after.clientID != before.clientID || after.signingKey != before.signingKey ||
		after.secret != before.secret {
		t.Errorf("before the kill\n%s\nand after\n%s", before.text, after.text)
	}
	c.url = after.url
	again := strings.ReplaceAll(c.page(), after.url, before.url)
	if without := regexp.MustCompile(`(?s)<p class="clock".*?</p>`); without.ReplaceAllString(shown, "") != without.ReplaceAllString(again, "") {
		t.Errorf("the page before the kill\n%s\nand after\n%s", shown, again)
	}
}

// visitor is a browser without JavaScript.
type visitor struct {
	*testing.T
	url       string
	transport http.RoundTripper
}

// answer is what a visitor got.
type answer struct {
	status int
	header http.Header
	text   string
}

func (v visitor) do(r *http.Request) answer {
	v.Helper()
	got, err := v.transport.RoundTrip(r)
	if err != nil {
		v.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		v.Fatal(err)
	}
	return answer{got.StatusCode, got.Header, string(text)}
}

func (v visitor) get(path string, header ...string) answer {
	v.Helper()
	r, err := http.NewRequest(http.MethodGet, v.url+path, nil)
	if err != nil {
		v.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return v.do(r)
}

func (v visitor) page() string {
	v.Helper()
	got := v.get("/")
	if got.status != http.StatusOK {
		v.Fatalf("the page: %d", got.status)
	}
	return got.text
}

var noticeOnPage = regexp.MustCompile(`(?s)<div id="notice" role="status">(.*?)</div>`)

// act sends a form and returns what the page then says.
func (v visitor) act(path string, form url.Values) string {
	v.Helper()
	r, err := http.NewRequest(http.MethodPost, v.url+"/sandbox/"+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	got := v.do(r)
	if got.status != http.StatusSeeOther {
		v.Fatalf("%s: %d", path, got.status)
	}
	to, section, _ := strings.Cut(got.header.Get("Location"), "#")
	text := v.get(to).text
	if !strings.Contains(text, `id="`+section+`"`) {
		v.Errorf("%s leads to %q, which is not on the page", path, section)
	}
	found := noticeOnPage.FindStringSubmatch(text)
	if found == nil {
		v.Fatalf("no place for what there is to say: %s", text)
	}
	return html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(found[1], ""))
}

// authorize asks for a payment as a client of the server API does.
func (v visitor) authorize(key, reference string) (paymentRequestID string) {
	v.Helper()
	body := fmt.Sprintf(`{"currency":"EUR","request_payment_transaction":{"amount":1999,"payment_transaction_reference":%[1]q},
		"supplementary_purchase_data":{"customer":{"email":"jo@example.com"}},"step_up_config":{"payment_request_reference":%[1]q,
		"customer_interaction_config":{"method":"HANDOVER","return_url":"https://shop.example/back?token={klarna.payment_request.klarna_network_session_token}"}}}`, reference)
	r, err := http.NewRequest(http.MethodPost, v.url+"/v2/payment/authorize", strings.NewReader(body))
	if err != nil {
		v.Fatal(err)
	}
	r.Header.Set("Authorization", "Basic "+key)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Klarna-Idempotency-Key", rand.Text())
	var got struct {
		Request struct {
			ID string `json:"payment_request_id"`
		} `json:"payment_request"`
	}
	if err := json.Unmarshal([]byte(v.do(r).text), &got); err != nil || got.Request.ID == "" {
		v.Fatalf("authorize: %v", err)
	}
	return got.Request.ID
}

// open makes a sandbox inside the test.
func open(t *testing.T, s settings) (*klarnatest.Server, visitor) {
	t.Helper()
	mux := http.NewServeMux()
	server, err := klarnatest.Start(klarnatest.WithHandler(mux), klarnatest.WithLogLimit(1000), klarnatest.WithWebhookTransport(silent{}))
	if err != nil {
		t.Fatal(err)
	}
	server.NewSigningKey()
	pages := newPages(server, s)
	pages.register(mux)
	t.Cleanup(func() {
		server.Close()
		pages.wait()
	})
	return server, visitor{t, server.URL, http.DefaultTransport}
}

// silent is a receiver of webhooks that is not there.
type silent struct{}

func (silent) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("nobody is there")
}

func TestAPersonIsTheCustomer(t *testing.T) {
	server, c := open(t, settings{})
	for _, tc := range []struct {
		name, action string
		form         url.Values
		says         string
		state        string
		amount       int64
	}{
		{"who opens the payment", "open", nil, "The customer opened the payment.", "IN_PROGRESS", 1999},
		{"who approves", "approve", nil, "The customer approved. The browser goes back to https://shop.example/back?token=krn", "COMPLETED", 1999},
		{"who is declined", "decline", nil, "Klarna declined the customer. The browser goes back", "DECLINED", 1999},
		{"who leaves", "abandon", nil, "The customer left without paying. The browser goes back", "SUBMITTED", 1999},
		{"who ships otherwise", "shipping", url.Values{"price": {"4.90"}, "type": {"TO_DOOR"}}, "The customer changed the shipping.", "IN_PROGRESS", 2489},
		{"who ships for less", "shipping", url.Values{"price": {"-1"}, "type": {"TO_DOOR"}}, "The customer changed the shipping.", "IN_PROGRESS", 1899},
		{"who ships for a word", "shipping", url.Values{"price": {"much"}}, `"much" is not an amount such as 4.90`, "SUBMITTED", 1999},
		{"who ships for a fraction", "shipping", url.Values{"price": {"1.234"}}, `"1.234" is not an amount with two decimals`, "SUBMITTED", 1999},
		{"who dances", "dance", nil, "unknown action of a customer", "SUBMITTED", 1999},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c.T = t
			id := c.authorize(server.APIKey, tc.name)
			form := url.Values{"id": {id}, "action": {tc.action}}
			maps.Copy(form, tc.form)
			if says := c.act("payment-requests", form); !strings.Contains(says, tc.says) {
				t.Errorf("says %q, want %q", says, tc.says)
			}
			requests := server.PaymentRequests()
			if r := requests[len(requests)-1]; r.State != tc.state || r.Amount != tc.amount {
				t.Errorf("%s %d, want %s %d", r.State, r.Amount, tc.state, tc.amount)
			}
			text := c.page()
			for _, want := range []string{tc.name, ">" + tc.state + "<", money(tc.amount, "EUR")} {
				if !strings.Contains(text, want) {
					t.Errorf("the page does not show %q", want)
				}
			}
		})
	}
	c.T = t
	if says := c.act("payment-requests", url.Values{"id": {"none"}, "action": {"open"}}); !strings.Contains(says, `no payment request "none"`) {
		t.Errorf("says %q", says)
	}
}

func TestAPersonMovesTheTime(t *testing.T) {
	server, c := open(t, settings{})
	c.authorize(server.APIKey, "order-1")
	before := server.Now()
	for form, says := range map[string]string{
		"by=3h": "The clock advanced by 3h0m0s.", "custom=90m": "The clock advanced by 1h30m0s.", "by=-1h": "duration above 0", "custom=soon": "duration above 0",
		"by=": "duration above 0", "custom=999999h": "at most 20 years",
	} {
		values, err := url.ParseQuery(form)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.act("time", values); !strings.Contains(got, says) {
			t.Errorf("%s says %q, want %q", form, got, says)
		}
	}
	if moved := server.Now().Sub(before).Round(time.Minute); moved != 270*time.Minute {
		t.Errorf("the time moved by %v", moved)
	}
	if !strings.Contains(c.page(), ">EXPIRED<") {
		t.Error("the payment request did not expire")
	}
}

func TestAPersonLetsThingsGoWrong(t *testing.T) {
	server, c := open(t, settings{})
	for _, tc := range []struct{ name, path, form, says string }{
		{"a status", "faults", "kind=Status&operation=presentation.get&times=2&status=500", "Status 500 at presentation.get, 2 times"},
		{"the usual status", "faults", "kind=Status", "Status 503 at any operation, once"},
		{"after execution, later", "faults", "kind=HTML&after=on&skip=3&delay=50ms", "HTML after execution 50ms late at any operation, once, after 3 more"},
		{"by chance", "faults", "kind=DropAfter&probability=5", "DropAfter at any operation, 5 % of the time"},
		{"by chance, so often", "faults", "kind=DropAfter&probability=5&times=3", "DropAfter at any operation, 5 % of the time, 3 times"},
		{"always", "faults", "kind=Delay&delay=1s&probability=100", "Delay 1s late at any operation, always"},
		{"a delay of nothing", "faults", "kind=Delay", "a Delay needs a duration"},
		{"no kind", "faults", "kind=Fire", `unknown kind "Fire"`},
		{"no operation", "faults", "kind=Status&operation=payment.steal", `unknown operation "payment.steal"`},
		{"no status", "faults", "kind=Status&status=200", "status is a number from 400 to 599"},
		{"no number", "faults", "kind=Status&times=many", "times is a number from 1"},
		{"no probability", "faults", "kind=Status&probability=101", "probability is a number from 1 to 100"},
		{"no duration", "faults", "kind=Status&delay=2h", "delay is a duration up to an hour"},
		{"a webhook twice", "webhook-faults", "fault=Duplicate&event=payment.request.*", "Duplicate webhooks of payment.request.*, once"},
		{"a webhook late", "webhook-faults", "fault=Late&delay=5m&times=2", "Late webhooks of *, 2 times, by 5m0s"},
		{"a webhook lost by chance", "webhook-faults", "fault=Lose&probability=50", "Lose webhooks of *, 50 % of the time"},
		{"no webhook fault", "webhook-faults", "fault=Burn", `unknown fault "Burn"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c.T = t
			form, err := url.ParseQuery(tc.form)
			if err != nil {
				t.Fatal(err)
			}
			if says := c.act(tc.path, form); !strings.Contains(says, tc.says) {
				t.Errorf("says %q, want %q", says, tc.says)
			}
			listed := strings.Contains(html.UnescapeString(c.page()), "<li>"+tc.says+"</li>")
			if refused := strings.HasPrefix(tc.name, "no ") || tc.name == "a delay of nothing"; listed == refused {
				t.Errorf("listed: %v", listed)
			}
		})
	}
	c.T = t
	faults, rules := len(server.Faults()), len(server.WebhookRules())
	if faults != 6 || rules != 3 {
		t.Errorf("%d faults and %d rules are scripted", faults, rules)
	}
	if says := c.act("faults/clear", nil); says == "" || len(server.Faults())+len(server.WebhookRules()) > 0 {
		t.Errorf("cleared: %q", says)
	}
}

func TestAPersonLooksAfterWebhooksAndAccounts(t *testing.T) {
	server, c := open(t, settings{})
	for form, says := range map[string]string{"": "needs an address", "shop.example": "needs an address", "ftp://shop.example/": "needs an address"} {
		if got := c.act("webhooks", url.Values{"url": {form}}); !strings.Contains(got, says) {
			t.Errorf("%q says %q", form, got)
		}
	}
	c.act("webhooks", url.Values{"url": {"https://shop.example/hook"}, "events": {"payment.request.*, identity.*"}})
	webhooks := server.Webhooks()
	if len(webhooks) != 1 || !slices.Equal(webhooks[0].EventTypes, []string{"payment.request.*", "identity.*"}) {
		t.Fatalf("webhooks %+v", webhooks)
	}
	c.authorize(server.APIKey, "order-1")
	server.Flush()
	text := c.page()
	for _, want := range []string{"https://shop.example/hook", "payment.request.*, identity.*", "1 on the way", "no answer", "nobody is there"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	server.Script(klarnatest.Fault{Kind: klarnatest.FaultDropBefore})
	if says := c.act("webhooks/delete", url.Values{"id": {webhooks[0].WebhookID}}); !strings.Contains(says, "because of a fault") {
		t.Errorf("with a fault: %q", says)
	}
	if says := c.act("webhooks/delete", url.Values{"id": {webhooks[0].WebhookID}}); says != "\nThe webhook is deleted.\n" || len(server.Webhooks()) > 0 {
		t.Errorf("deleted: %q", says)
	}
	if says := c.act("webhooks/delete", url.Values{"id": {"../x"}}); !strings.Contains(says, "was not deleted") {
		t.Errorf("a webhook that is not there: %q", says)
	}

	c.act("accounts", nil)
	if accounts := server.Accounts(); len(accounts) != 2 || !strings.Contains(c.page(), accounts[1]) {
		t.Errorf("accounts %v", accounts)
	}
}

func TestTheLatestIsOnThePageAlone(t *testing.T) {
	server, c := open(t, settings{})
	for i := range shownPayments + 1 {
		c.authorize(server.APIKey, fmt.Sprintf("order-%d", i))
	}
	text := c.page()
	for _, want := range []string{"the last 50 of 51", "the last 20 of 51", ">order-50<"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	if strings.Contains(text, ">order-0<") {
		t.Error("the page shows the oldest")
	}
}

func TestALongBodyIsCut(t *testing.T) {
	for body, want := range map[string]string{
		`{"a":[1]}`: "{\n  \"a\": [\n    1\n  ]\n}",
		"\xff{":     "\uFFFD{",
		strings.Repeat("x", shownBody-1) + "åå": strings.Repeat("x", shownBody-1) + "\n…",
	} {
		if got := readable([]byte(body)); got != want {
			t.Errorf("%.20q is shown as %.40q", body, got)
		}
	}
}

func TestAnUnchangedPageIsNotSentAgain(t *testing.T) {
	mux := http.NewServeMux()
	server := klarnatest.NewServer(t) // whose clock stands still
	newPages(server, settings{}).register(mux)
	look := func(tag string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "/sandbox/live", nil)
		r.Host, r.RemoteAddr = "127.0.0.1:8787", "127.0.0.1:1"
		r.Header.Set("If-None-Match", tag)
		recorder := httptest.NewRecorder()
		mux.ServeHTTP(recorder, r)
		return recorder
	}
	tag := look("").Header().Get("ETag")
	for name, want := range map[string]int{tag: http.StatusNotModified, `"other"`: http.StatusOK} {
		if got := look(name); got.Code != want {
			t.Errorf("%s: %d", name, got.Code)
		}
	}
	server.AddAccount()
	if got := look(tag); got.Code != http.StatusOK {
		t.Errorf("after a change: %d", got.Code)
	}
}

func TestBrowsersRunNothingButThePagesOwnScript(t *testing.T) {
	server, c := open(t, settings{})
	c.authorize(server.APIKey, `"><script>alert(1)</script>`)
	page := c.get("/")
	text, policy := page.text, page.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy %q lacks %q", policy, want)
		}
	}
	if inline := regexp.MustCompile(`<script>|<script [^>]*[^>]>[^<]|<style| style=| on[a-z]+=`).FindString(text); inline != "" {
		t.Errorf("the page has %q, which the policy forbids", inline)
	}
	for _, path := range regexp.MustCompile(`(?:src|href)="(/[^"#]*)"`).FindAllStringSubmatch(text, -1) {
		if got := c.get(path[1]); got.status != http.StatusOK {
			t.Errorf("%s: %d", path[1], got.status)
		}
	}
	ids := map[string]bool{}
	for _, id := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		if ids[id[1]] {
			t.Errorf("two elements are %q", id[1])
		}
		ids[id[1]] = true
	}
	for _, anchor := range regexp.MustCompile(`href="#([^"]*)"`).FindAllStringSubmatch(text, -1) {
		if !ids[anchor[1]] {
			t.Errorf("#%s leads nowhere", anchor[1])
		}
	}
}

func TestAnotherSiteChangesNothing(t *testing.T) {
	server, c := open(t, settings{})
	for name, header := range map[string][2]string{
		"a form of another site": {"Sec-Fetch-Site", "cross-site"},
		"an old browser's":       {"Origin", "https://evil.example"},
	} {
		r, err := http.NewRequest(http.MethodPost, server.URL+"/sandbox/accounts", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(header[0], header[1])
		if got := c.do(r); got.status != http.StatusForbidden {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	// A name that another site lets lead to loopback.
	r, err := http.NewRequest(http.MethodGet, server.URL+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "evil.example:8787"
	if got := c.do(r); got.status != http.StatusMisdirectedRequest {
		t.Errorf("under another name: %d", got.status)
	}
	r.Host = "localhost:8787"
	if got := c.do(r); got.status != http.StatusOK {
		t.Errorf("under its own name: %d", got.status)
	}
	if n := len(server.Accounts()); n != 1 {
		t.Errorf("%d accounts", n)
	}
	r, err = http.NewRequest(http.MethodPost, server.URL+"/sandbox/accounts", strings.NewReader("a="+strings.Repeat("x", 65<<10)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if got := c.do(r); got.status != http.StatusBadRequest {
		t.Errorf("a form that is too long: %d", got.status)
	}
}

func TestSecretsAreShownOnlyOnTheSameMachine(t *testing.T) {
	mux := http.NewServeMux()
	server := klarnatest.NewServer(t, klarnatest.WithWebhookTransport(silent{}))
	key := server.Subscribe("https://shop.example/hook")
	p := newPages(server, settings{public: true})
	p.register(mux)
	c := visitor{t, server.URL, http.DefaultTransport}
	id := c.authorize(server.APIKey, "order-1")
	back, err := server.Approve(id)
	if err != nil {
		t.Fatal(err)
	}
	number := p.say(notice{Text: "done", Link: back})
	token := server.PaymentRequests()[0].SessionToken
	c.get("/v2/payment/tokens/" + token)
	server.Flush()
	secrets := map[string]string{
		"API key": server.APIKey, "client id": server.ClientID, "signing key": html.EscapeString(key.Secret), "session token": token, "personal data": "jo@example.com",
	}
	for name, tc := range map[string]struct {
		remote, host string
		shown        bool
	}{
		"this machine":      {"127.0.0.1:1", "127.0.0.1:8787", true},
		"this one, by IPv6": {"[::1]:1", "localhost:8787", true},
		"another machine":   {"192.0.2.1:1", "sandbox.example:8787", false},
		"through a proxy":   {"127.0.0.1:1", "sandbox.example", false},
		"with a false name": {"192.0.2.1:1", "127.0.0.1:8787", false},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, fmt.Sprintf("/?said=%d", number), nil)
			r.RemoteAddr, r.Host = tc.remote, tc.host
			recorder := httptest.NewRecorder()
			mux.ServeHTTP(recorder, r)
			text := recorder.Body.String()
			if recorder.Code != http.StatusOK || !strings.Contains(text, "order-1") {
				t.Fatalf("%d %s", recorder.Code, text)
			}
			for what, secret := range secrets {
				if strings.Contains(text, secret) != tc.shown {
					t.Errorf("the %s is shown: %v", what, !tc.shown)
				}
			}
		})
	}
}

// FuzzForm sends anything to every form: it leads back to the page and never panics.
func FuzzForm(f *testing.F) {
	for _, form := range []string{
		"id=x&action=shipping&price=-92233720368547758.08&type=%00", "by=9999999999h", "custom=1ns", "kind=Status&times=-1&probability=0&status=400",
		"kind=Delay&delay=1h0m1s", "fault=Reorder&event=**&delay=0s", "url=http%3A%2F%2F%5B%3A%3A1%5D%3A99999%2F&events=,,", "id=%2e%2e%2f", "",
	} {
		for _, path := range []string{"payment-requests", "time", "faults", "webhook-faults", "faults/clear", "webhooks", "webhooks/delete", "accounts"} {
			f.Add(path, form)
		}
	}
	f.Fuzz(func(t *testing.T, path, form string) {
		server, err := klarnatest.Start(klarnatest.WithoutSocket(), klarnatest.WithWebhookTransport(silent{}))
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		mux := http.NewServeMux()
		p := newPages(server, settings{})
		p.register(mux)
		defer p.wait()
		for _, r := range []*http.Request{
			{Method: http.MethodPost, URL: &url.URL{Path: "/sandbox/" + path}, Body: io.NopCloser(strings.NewReader(form))},
			{Method: http.MethodGet, URL: &url.URL{Path: "/"}},
		} {
			r.Host, r.RemoteAddr = "127.0.0.1", "127.0.0.1:1"
			r.Header = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
			recorder := httptest.NewRecorder()
			mux.ServeHTTP(recorder, r)
			if recorder.Code >= 500 {
				t.Errorf("%s %s: %d %s", r.Method, r.URL, recorder.Code, recorder.Body)
			}
		}
	})
}
