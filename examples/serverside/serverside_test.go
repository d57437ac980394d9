package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

const transactionID = `krn:payment:eu1:transaction:[0-9a-f-]{36}`

// endings are the true last lines.
var endings = map[string]string{
	"approve":           `payment approved: ` + transactionID,
	"instant":           `payment approved: ` + transactionID,
	"decline":           `payment declined \(the customer is offered another payment method\)`,
	"abandon":           `payment canceled \(the customer came back without paying\)`,
	"expire":            `payment expired \(the customer never acted\)`,
	"duplicate-webhook": `payment approved once: ` + transactionID + ` \(the webhook came twice\)`,
	"lost-webhook":      `payment approved without its webhook: ` + transactionID + ` \(the payment request was read instead\)`,
}

// TestMain makes the program run in a process of its own, so that a test can kill it.
func TestMain(m *testing.M) {
	if os.Getenv("SERVERSIDE_TEST_RUN") != "" {
		later, err := time.ParseDuration(os.Getenv("SERVERSIDE_TEST_LATER"))
		if err != nil {
			panic(err)
		}
		now = func() time.Time { return time.Now().Add(later) }
		os.Exit(run(context.Background(), os.Args[1:], noEnvironment, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

func program(ctx context.Context, arguments ...string) *exec.Cmd {
	return laterProgram(ctx, 0, arguments...)
}

// laterProgram is the program on a clock that is ahead, as if it were started that much later.
func laterProgram(ctx context.Context, later time.Duration, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, os.Args[0], arguments...)
	command.Env = append(os.Environ(), "SERVERSIDE_TEST_RUN=1", "SERVERSIDE_TEST_LATER="+later.String())
	return command
}

// leaseOver is longer than the lease of a killed run.
const leaseOver = 21 * time.Second

func TestARunKilledAtAnyStepIsCompleted(t *testing.T) {
	t.Parallel()
	whole, err := program(t.Context()).Output()
	if err != nil {
		t.Fatal(err)
	}
	steps := len(lines(string(whole))) - 1
	if steps < 29 {
		t.Fatalf("only %d steps", steps)
	}
	for step := 1; step <= steps; step++ {
		t.Run(fmt.Sprintf("step %d", step), func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "purchases.db")
			killed, err := program(t.Context(), "-state", file, "-kill", strconv.Itoa(step)).Output()
			if err == nil {
				t.Fatal("it was not killed")
			}
			got := lines(string(killed))
			if last := got[len(got)-1]; len(got) != step || !regexp.MustCompile(`^ *\d+ .* killed +[\d.]+ ms$`).MatchString(last) {
				t.Errorf("killed at step %d it printed\n%s", step, killed)
			}
			printed, err := laterProgram(t.Context(), leaseOver, "-state", file).Output()
			if err != nil {
				t.Fatalf("%v after\n%s", err, printed)
			}
			got = lines(string(printed))
			if last := got[len(got)-1]; !regexp.MustCompile("^payment approved: " + transactionID + "$").MatchString(last) {
				t.Errorf("last line %q", last)
			}
			if want := "Continuing order-"; !strings.Contains(string(printed), want) {
				t.Errorf("it did not say %q in\n%s", want, printed)
			}
			executedOnce(t, file)
		})
	}
}

// executedOnce checks what the built-in Klarna executed in the runs on a state file.
func executedOnce(t *testing.T, file string) {
	t.Helper()
	double, err := klarnatest.Start(klarnatest.WithStateFile(file + ".klarna"))
	if err != nil {
		t.Fatal(err)
	}
	defer double.Close()
	double.CheckInvariants(t)
	var got []string
	for _, x := range double.Transactions() {
		got = append(got, fmt.Sprintf("transaction %d, captured %d, refunded %d, voided %d, %s",
			x.Amount, x.CapturedAmount, x.RefundedAmount, x.VoidedAmount, x.State))
	}
	for _, c := range double.Captures() {
		got = append(got, fmt.Sprintf("capture %d, refunded %d", c.Amount, c.RefundedAmount))
	}
	for _, r := range double.Refunds() {
		got = append(got, fmt.Sprintf("refund %d", r.Amount))
	}
	want := []string{
		"transaction 11800, captured 9000, refunded 4000, voided 2800, COMPLETED",
		"capture 4000, refunded 4000", "capture 5000, refunded 0", "refund 4000",
	}
	if !slices.Equal(got, want) {
		t.Errorf("Klarna executed %q, want %q", got, want)
	}
}

func TestAResumedRunSaysThatItWaits(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "purchases.db")
	if err := program(t.Context(), "-state", file, "-kill", "16").Run(); err == nil {
		t.Fatal("it was not killed")
	}
	printed, err := laterProgram(t.Context(), leaseOver-7*time.Second, "-state", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(printed), "Waiting, for up to 20 seconds"); n != 1 {
		t.Errorf("it said %d times that it waits, want once, in\n%s", n, printed)
	}
	executedOnce(t, file)
}

func TestAKilledRunWithoutPaymentIsReported(t *testing.T) {
	t.Parallel()
	for scenario, end := range map[string]string{"decline": "declined", "abandon": "canceled"} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			whole, err := program(t.Context(), "-scenario", scenario).Output()
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "purchases.db")
			// A webhook may come while the cancellation is reported, which makes one step more.
			last := strconv.Itoa(len(lines(string(whole))) - 2)
			if err := program(t.Context(), "-scenario", scenario, "-state", file, "-kill", last).Run(); err == nil {
				t.Fatal("it was not killed")
			}
			for _, want := range []string{"payment " + end + " (in an earlier run)", "payment approved: "} { // and then another
				printed, err := laterProgram(t.Context(), leaseOver, "-state", file).Output()
				got := lines(string(printed))
				if err != nil || !strings.HasPrefix(got[len(got)-1], want) {
					t.Fatalf("%v, want %q after\n%s", err, want, printed)
				}
			}
		})
	}
}

func TestAFinishedOrderIsFollowedByAnother(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "purchases.db")
	seen := map[string]bool{}
	for range 2 {
		printed, err := program(t.Context(), "-state", file).Output()
		if err != nil {
			t.Fatal(err)
		}
		seen[regexp.MustCompile("payment approved: "+transactionID).FindString(string(printed))] = true
	}
	if len(seen) != 2 || seen[""] {
		t.Errorf("the payments %v", seen)
	}
}

func noEnvironment(string) string { return "" }

func environment(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

func lines(text string) []string { return strings.Split(strings.TrimRight(text, "\n"), "\n") }

func TestEveryScenarioEndsWithItsOwnTrueLine(t *testing.T) {
	if len(endings) != len(scenarios) || len(scenarioNames()) != len(scenarios) {
		t.Fatalf("%d scenarios, %d names, %d endings", len(scenarios), len(scenarioNames()), len(endings))
	}
	for name, want := range endings {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), []string{"-scenario", name}, noEnvironment, &stdout, &stderr); code != 0 {
				t.Fatalf("exit %d: %s", code, &stderr)
			}
			got := lines(stdout.String())
			if last := got[len(got)-1]; !regexp.MustCompile("^" + want + "$").MatchString(last) {
				t.Errorf("last line %q, want %q", last, want)
			}
			for _, line := range got[:len(got)-1] {
				if n := len([]rune(line)); n > 100 {
					t.Errorf("%d columns: %s", n, line)
				}
			}
			if stderr.Len() > 0 {
				t.Errorf("stderr: %s", &stderr)
			}
		})
	}
}

func TestStepsTellTheJourneyInOrder(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), nil, noEnvironment, &stdout, &stderr); code != 0 {
		t.Fatalf("exit %d: %s", code, &stderr)
	}
	text := stdout.String()
	for _, want := range []string{
		`1 customer → merchant .*GET /checkout .*200 CARD, KLARNA`,
		`gateway → Klarna .*GET …/presentation  EUR 118.00, PAY .*200 SHOW_KLARNA`,
		`gateway → Klarna .*POST …/authorize  EUR 118.00 .*200 STEP_UP_REQUIRED`,
		`customer → Klarna .*approves`,
		`Klarna → gateway .*webhook  payment.request…completed .*200`,
		`gateway → Klarna .*POST …/authorize  final, EUR 118.00 .*200 APPROVED`,
		`gateway → merchant .*POST /notifications  approved .*204`,
		`customer → merchant .*GET /return  COMPLETED .*200 approved`,
		`gateway → Klarna .*POST …/transactions/….{8}/capture  40.00 +201 `,
		`gateway → merchant .*POST /notifications  parcel-1, done .*204`,
		`gateway → Klarna .*POST …/transactions/….{8}/capture  50.00 +no answer`,
		`gateway → Klarna .*POST …/transactions/….{8}/capture  50.00 +201 `,
		`gateway → merchant .*POST /notifications  parcel-2, done .*204`,
		`gateway → Klarna .*POST …/captures/….{8}/refund  40.00 +201 `,
		`gateway → merchant .*POST /notifications  return-1, done .*204`,
		`gateway → Klarna .*POST …/transactions/….{8}/void +200 COMPLETED`,
		`gateway → merchant .*POST /notifications  sold-out, done .*204`,
	} {
		at := regexp.MustCompile(want).FindStringIndex(text)
		if at == nil {
			t.Fatalf("no step like %q after the ones before it, in\n%s", want, stdout.String())
		}
		text = text[at[1]:]
	}
}

func TestJSONIsOneObjectALine(t *testing.T) {
	for name := range scenarios {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), []string{"-json", "-scenario", name}, noEnvironment, &stdout, &stderr); code != 0 {
				t.Fatalf("exit %d: %s", code, &stderr)
			}
			all := lines(stdout.String())
			for i, line := range all {
				var object map[string]any
				if err := json.Unmarshal([]byte(line), &object); err != nil {
					t.Fatalf("line %d: %v: %s", i+1, err, line)
				}
				if i == len(all)-1 {
					if outcome, _ := object["outcome"].(string); !strings.HasPrefix(outcome, "payment ") {
						t.Errorf("the last line has no outcome: %s", line)
					}
					continue
				}
				if number, _ := object["step"].(float64); int(number) != i+1 {
					t.Errorf("line %d is step %v", i+1, object["step"])
				}
				for _, member := range []string{"from", "to", "call", "result"} {
					if s, _ := object[member].(string); s == "" {
						t.Errorf("line %d has no %s: %s", i+1, member, line)
					}
				}
			}
		})
	}
}

func TestAFailureIsOneLineAndExit1(t *testing.T) {
	double := klarnatest.NewServer(t)
	good := map[string]string{"KLARNA_API_KEY": double.APIKey, "KLARNA_PARTNER_ACCOUNT_ID": double.PartnerAccountID, "KLARNA_BASE_URL": double.URL}
	with := func(name, value string) map[string]string {
		changed := maps.Clone(good)
		changed[name] = value
		return changed
	}
	for _, tc := range []struct {
		name string
		args []string
		env  map[string]string
		want string
	}{
		{"an unknown scenario", []string{"-scenario", "refund"}, nil, `unknown scenario "refund"; choose one of approve`},
		{"no key", nil, with("KLARNA_API_KEY", ""), "KLARNA_API_KEY is not set"},
		{"no account", nil, with("KLARNA_PARTNER_ACCOUNT_ID", ""), "KLARNA_PARTNER_ACCOUNT_ID is not set"},
		{"a scenario that needs the double", []string{"-scenario", "decline"}, good, "the scenario decline needs the built-in Klarna"},
		{"a live key", nil, with("KLARNA_API_KEY", "klarna_live_api_x"), "KLARNA_API_KEY is a live key"},
		{"a client id", nil, with("KLARNA_API_KEY", "klarna_test_client_x"), "klarna: this is a client id"},
		{"a refused key", nil, with("KLARNA_API_KEY", "klarna_test_api_refused"), "Klarna refused the API key: check KLARNA_API_KEY"},
		{"no network", nil, with("KLARNA_BASE_URL", "http://"+closedPort(t)), "Klarna cannot be reached: check the network"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), tc.args, environment(tc.env), &stdout, &stderr); code != 1 {
				t.Errorf("exit %d, want 1", code)
			}
			got := lines(stderr.String())
			if len(got) != 1 || !strings.HasPrefix(got[0], "serverside: "+tc.want) {
				t.Errorf("stderr %q, want one line that starts with %q", got, tc.want)
			}
			if strings.Contains(stdout.String()+stderr.String(), "klarna_test_api_refused") {
				t.Error("the key was printed")
			}
		})
	}
}

// closedPort is an address on loopback where nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// With a key in the environment the same program talks to another host, here a double on loopback,
// prints the URL, and polls until the person has acted.
func TestWithAKeyItPrintsTheURLAndPolls(t *testing.T) {
	for _, tc := range []struct {
		name string
		act  func(*klarnatest.Server, string) (string, error)
		code int
		want string
		// operations is the number of captures and refunds that follow.
		operations int
	}{
		{"the person approves", (*klarnatest.Server).Approve, 0, `^payment approved: ` + transactionID + `$`, 3},
		{"the person is declined", (*klarnatest.Server).Decline, 0, `^payment declined$`, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			double := klarnatest.NewServer(t)
			code, last, _ := playWithPerson(t.Context(), t, double, func(id string) {
				if _, err := tc.act(double, id); err != nil {
					t.Error(err)
				}
			})
			if code != tc.code || !regexp.MustCompile(tc.want).MatchString(last) {
				t.Errorf("exit %d, last line %q, want %d and %q", code, last, tc.code, tc.want)
			}
			if got := len(double.Captures()) + len(double.Refunds()); got != tc.operations {
				t.Errorf("got %d captures and refunds, want %d", got, tc.operations)
			}
		})
	}
}

func TestAnInterruptCancelsThePayment(t *testing.T) {
	double := klarnatest.NewServer(t)
	ctx, interrupt := context.WithCancel(t.Context())
	code, _, stderr := playWithPerson(ctx, t, double, func(string) { interrupt() })
	if code != 1 || stderr != "serverside: interrupted; the payment request is canceled\n" {
		t.Errorf("exit %d, stderr %q", code, stderr)
	}
	if requests := double.PaymentRequests(); len(requests) != 1 || requests[0].State != "CANCELED" {
		t.Errorf("payment requests %+v", requests)
	}
}

// playWithPerson runs the program against the double as if it were Klarna's test host. When the URL
// is printed, act is what the person does with it.
func playWithPerson(ctx context.Context, t *testing.T, double *klarnatest.Server, act func(id string)) (code int, last, stderr string) {
	t.Helper()
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	read, write := io.Pipe()
	var errors bytes.Buffer
	ended := make(chan int)
	go func() {
		code := run(ctx, nil, environment(map[string]string{
			"KLARNA_API_KEY": double.APIKey, "KLARNA_PARTNER_ACCOUNT_ID": double.PartnerAccountID, "KLARNA_BASE_URL": double.URL,
		}), write, &errors)
		_ = write.Close()
		ended <- code
	}()
	printed := bufio.NewScanner(read)
	for printed.Scan() {
		last = printed.Text()
		for _, r := range double.PaymentRequests() {
			if strings.TrimSpace(last) == r.PaymentRequestURL {
				act(r.PaymentRequestID)
			}
		}
	}
	return <-ended, last, errors.String()
}
