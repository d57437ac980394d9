package flow_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/internal/test/dbtest"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// olderCommit is the first version whose records and seals every later version must accept. It
// is built with its own program, so that later renames do not concern it.
const olderCommit = "cad03c1f5d44bf91d17a9a5f06558933c20c9b7d"

// unnamed is removed from the source of the older version, so that only the newer one names
// settlement_currency.
const unnamed = `	// SettlementCurrency is the ISO 4217 code of the currency that Klarna settles in.
	SettlementCurrency string ` + "`json:\"settlement_currency,omitzero\"`\n"

// twoVersionsRequest has a member that only the newer version names, and one that neither does.
const twoVersionsRequest = `{
	"currency": "EUR",
	"acquiring_config": {"settlement_currency": "EUR"},
	"of_tomorrow": {"b": 1, "a": [2]},
	"request_payment_transaction": {"amount": 10000},
	"supplementary_purchase_data": {"purchase_reference": "order-1", "line_items": [{"name": "Shoes", "quantity": 1, "total_amount": 10000}]},
	"step_up_config": {"customer_interaction_config": {"method": "HANDOVER", "return_url": "https://shop.example/back"}}
}`

// Two programs, built from an older commit and from this code, share one store. The test builds
// both, and runs only with TWO_VERSIONS=1.
func TestTwoVersionsShareAStore(t *testing.T) {
	if os.Getenv("TWO_VERSIONS") == "" {
		return
	}
	older, newer := buildOlder(t), buildNewer(t)
	for _, way := range []struct{ name, begins, finishes string }{
		{"the newer one finishes what the older began", older, newer},
		{"the older one finishes what the newer began", newer, older},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Run("after a first call whose answer was lost", func(t *testing.T) {
				v := newPair(t, "APPROVED")
				v.diesInACall(way.begins, "begin", 0)
				v.wants(way.finishes, "recover", time.Minute, "AUTHORIZED")
				v.wants(way.begins, "recover", time.Minute, "AUTHORIZED")
				v.oneTransaction([]int{0, 0})
			})
			t.Run("after an approval", func(t *testing.T) {
				v := newPair(t, "STEP_UP_REQUIRED")
				v.wants(way.begins, "begin", 0, "AWAITING_CUSTOMER")
				v.approves()
				v.wants(way.finishes, "recover", 3*time.Minute, "AUTHORIZED")
				v.wants(way.begins, "recover", 3*time.Minute, "AUTHORIZED")
				v.oneTransaction([]int{0, 1})
			})
			t.Run("after a final call whose answer was lost", func(t *testing.T) {
				v := newPair(t, "STEP_UP_REQUIRED")
				v.wants(way.begins, "begin", 0, "AWAITING_CUSTOMER")
				v.approves()
				v.diesInACall(way.begins, "recover", 2*time.Minute)
				v.wants(way.finishes, "recover", 4*time.Minute, "AUTHORIZED")
				v.wants(way.begins, "recover", 4*time.Minute, "AUTHORIZED")
				v.oneTransaction([]int{0, 1, 1})
			})
			t.Run("after both began it", func(t *testing.T) {
				v := newPair(t, "STEP_UP_REQUIRED")
				v.wants(way.begins, "begin", 0, "AWAITING_CUSTOMER")
				v.wants(way.finishes, "begin", 0, "AWAITING_CUSTOMER")
				v.approves()
				var both sync.WaitGroup
				for _, program := range []string{way.begins, way.finishes} {
					both.Go(func() {
						if _, err := v.run(program, "recover", 3*time.Minute); err != nil {
							t.Error(err)
						}
					})
				}
				both.Wait()
				v.wants(way.begins, "recover", 4*time.Minute, "AUTHORIZED")
				v.oneTransaction(nil)
			})
		})
	}
	t.Run("the older one works with a migrated schema", func(t *testing.T) {
		v := newPair(t, "STEP_UP_REQUIRED")
		if _, err := v.run(newer, "recover", 0); err == nil { // it migrates, and finds no purchase
			t.Fatal("a purchase exists before it began")
		}
		v.wants(older, "begin", 0, "AWAITING_CUSTOMER")
		v.approves()
		v.wants(older, "recover", 3*time.Minute, "AUTHORIZED")
		v.wants(newer, "recover", 0, "AUTHORIZED")
		v.oneTransaction([]int{0, 1})
	})
}

// sent is an authorize call as Klarna received it.
type sent struct{ Key, Body string }

// pair is one store and one Klarna, with the calls of both programs.
type pair struct {
	*testing.T
	klarna *klarnatest.Server
	url    string
	file   string

	mu    sync.Mutex
	calls []sent
	// lost is closed when the next call has been executed and its answer is withheld.
	lost chan struct{}
}

func newPair(t *testing.T, result string) *pair {
	v := &pair{T: t, file: dbtest.SQLite(t), klarna: klarnatest.NewServer(t, klarnatest.WithoutSocket())}
	v.klarna.ScriptAuthorize(klarnatest.AuthorizeRule{Result: result})
	door := httptest.NewServer(v)
	t.Cleanup(door.Close)
	v.url = door.URL
	return v
}

// ServeHTTP passes a call on to klarnatest.
func (v *pair) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var lost chan struct{}
	v.mu.Lock()
	if strings.HasSuffix(r.URL.Path, "/payment/authorize") {
		v.calls = append(v.calls, sent{r.Header.Get("Klarna-Idempotency-Key"), string(body)})
		lost, v.lost = v.lost, nil
	}
	v.mu.Unlock()
	answer, err := v.klarna.Transport().RoundTrip(r)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer answer.Body.Close()
	if lost != nil {
		close(lost)
		<-r.Context().Done() // until the program is killed
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), answer.Header)
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body)
}

func (v *pair) command(program, do string, ahead time.Duration) *exec.Cmd {
	v.Helper()
	text, err := json.Marshal(map[string]any{
		"Do": do, "File": v.file, "KlarnaURL": v.url, "APIKey": v.klarna.APIKey, "Account": v.klarna.PartnerAccountID,
		"Request": json.RawMessage(twoVersionsRequest), "Ahead": ahead,
	})
	if err != nil {
		v.Fatal(err)
	}
	return exec.CommandContext(v.Context(), program, string(text))
}

func (v *pair) run(program, do string, ahead time.Duration) (state string, err error) {
	v.Helper()
	printed, err := v.command(program, do, ahead).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, printed)
	}
	_, after, found := strings.Cut(string(printed), "status ")
	if !found {
		return "", fmt.Errorf("no status: %s", printed)
	}
	return strings.Fields(after)[0], nil
}

func (v *pair) wants(program, do string, ahead time.Duration, state string) {
	v.Helper()
	if got, err := v.run(program, do, ahead); err != nil || got != state {
		v.Fatalf("%s of %s: %s, %v, want %s", do, filepath.Base(program), got, err, state)
	}
}

// diesInACall kills the program when Klarna has executed its authorize call.
func (v *pair) diesInACall(program, do string, ahead time.Duration) {
	v.Helper()
	lost := make(chan struct{})
	v.mu.Lock()
	v.lost = lost
	v.mu.Unlock()
	command := v.command(program, do, ahead)
	var printed bytes.Buffer
	command.Stdout, command.Stderr = &printed, &printed
	if err := command.Start(); err != nil {
		v.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = command.Wait()
		close(ended)
	}()
	select {
	case <-lost:
	case <-ended:
		v.Fatalf("the program ended before Klarna answered: %s", printed.String())
	}
	_ = command.Process.Kill()
	<-ended
}

func (v *pair) approves() {
	v.Helper()
	for _, request := range v.klarna.PaymentRequests() {
		if _, err := v.klarna.Approve(request.PaymentRequestID); err != nil {
			v.Fatal(err)
		}
	}
}

// oneTransaction checks that Klarna has one transaction. calls says which authorize calls are the
// same: 0 is the first call, 1 the final one. All calls must have the members of the request.
func (v *pair) oneTransaction(calls []int) {
	v.Helper()
	if n := len(v.klarna.Transactions()); n != 1 {
		v.Errorf("Klarna has %d transactions", n)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for i, call := range v.calls {
		for _, member := range []string{`"settlement_currency":"EUR"`, `"of_tomorrow":{`} {
			if !strings.Contains(call.Body, member) {
				v.Errorf("call %d lacks %s: %s", i, member, call.Body)
			}
		}
	}
	if calls == nil {
		return
	}
	if len(v.calls) != len(calls) {
		v.Fatalf("%d calls, want %d", len(v.calls), len(calls))
	}
	var which [2]*sent
	for i, call := range calls {
		switch first := which[call]; {
		case first == nil:
			which[call] = &v.calls[i]
		case *first != v.calls[i]:
			v.Errorf("the call was\n%+v\nand was repeated as\n%+v", *first, v.calls[i])
		}
	}
}

// buildNewer builds the program from this code.
func buildNewer(t *testing.T) string {
	t.Helper()
	return build(t, "..", "newer")
}

// buildOlder builds the program from the older commit, which the history of this clone must
// contain.
func buildOlder(t *testing.T) string {
	t.Helper()
	tree := t.TempDir()
	archive := filepath.Join(tree, "tree.tar")
	root, err := exec.CommandContext(t.Context(), "git", "rev-parse", "--show-toplevel").Output()
	if err != nil {
		t.Fatalf("this is not a git clone, and the test needs commit %s: %v", olderCommit, err)
	}
	git := exec.CommandContext(t.Context(), "git", "-C", strings.TrimSpace(string(root)), "archive", "-o", archive, olderCommit)
	if printed, err := git.CombinedOutput(); err != nil {
		t.Fatalf("commit %s is not in the history; fetch it (git fetch --unshallow): %v: %s", olderCommit, err, printed)
	}
	if printed, err := exec.CommandContext(t.Context(), "tar", "-xf", archive, "-C", tree).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, printed)
	}
	source := filepath.Join(tree, "authorization", "request.go")
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte(unnamed)); n != 1 {
		t.Fatalf("the older version names the member %d times", n)
	}
	if err := os.WriteFile(source, bytes.Replace(text, []byte(unnamed), nil, 1), 0o600); err != nil {
		t.Fatal(err)
	}
	in(t, tree, "generate", "./authorization")
	return build(t, filepath.Join(tree, "internal", "dbtest"), "older")
}

func build(t *testing.T, module, name string) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), name)
	in(t, module, "build", "-o", program, "./purchaser")
	return program
}

// in runs the go command in a module.
func in(t *testing.T, module string, arguments ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", arguments...)
	command.Dir = module
	command.Env = append(os.Environ(), "GOWORK=off")
	if printed, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, printed)
	}
}
