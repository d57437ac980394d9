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

// olderCommit is a version whose code named other members and stored no key of the first call.
const olderCommit = "5f7b1bd8d323b43b2c561cc4a42e0d8f47c4a4f4"

// olderNames replaces the names that the program uses by those that they had at olderCommit.
var olderNames = strings.NewReplacer("authorization.AuthorizeParams", "authorization.Request", "sqlstore.DialectSQLite", "sqlstore.SQLite")

// twoVersionsRequest has members that one or both of the two versions do not name.
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
	t.Run("the newer one finishes what the older began", func(t *testing.T) {
		v := newPair(t, "APPROVED")
		v.dieInTheFirstCall(older)
		v.wants(newer, "recover", time.Minute, "AUTHORIZED")
		v.oneTransaction(2)
	})
	// The older program cannot open the newer seal. It must not change such a purchase.
	t.Run("the older one leaves what the newer began", func(t *testing.T) {
		v := newPair(t, "STEP_UP_REQUIRED")
		v.wants(newer, "begin", 0, "AWAITING_CUSTOMER")
		v.approves()
		v.wants(older, "recover", 3*time.Minute, "AWAITING_CUSTOMER")
		v.wants(newer, "recover", 4*time.Minute, "AUTHORIZED")
		v.oneTransaction(0)
	})
	t.Run("the older one works with a migrated schema", func(t *testing.T) {
		v := newPair(t, "STEP_UP_REQUIRED")
		if _, err := v.run(newer, "recover", 0); err == nil { // it migrates, and finds no purchase
			t.Fatal("a purchase exists before it began")
		}
		v.wants(older, "begin", 0, "AWAITING_CUSTOMER")
		v.approves()
		v.wants(older, "recover", 3*time.Minute, "AUTHORIZED")
		v.wants(newer, "recover", 0, "AUTHORIZED")
		v.oneTransaction(0)
	})
	t.Run("the newer one finalizes what the older began", func(t *testing.T) {
		v := newPair(t, "STEP_UP_REQUIRED")
		v.wants(older, "begin", 0, "AWAITING_CUSTOMER")
		v.approves()
		v.wants(newer, "recover", 3*time.Minute, "AUTHORIZED")
		v.oneTransaction(0)
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
	// lost is closed when the first call has been executed and its answer is withheld.
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
	v.mu.Lock()
	lost := v.lost
	if strings.HasSuffix(r.URL.Path, "/payment/authorize") {
		v.calls = append(v.calls, sent{r.Header.Get("Klarna-Idempotency-Key"), string(body)})
		v.lost = nil
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

// dieInTheFirstCall begins the purchase and kills the program when Klarna has executed its call.
func (v *pair) dieInTheFirstCall(program string) {
	v.Helper()
	lost := make(chan struct{})
	v.lost = lost
	command := v.command(program, "begin", 0)
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
		v.Fatalf("it ended before Klarna answered: %s", printed.String())
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

// oneTransaction checks that Klarna has one transaction, and that all first calls were the same.
func (v *pair) oneTransaction(first int) {
	v.Helper()
	if n := len(v.klarna.Transactions()); n != 1 {
		v.Errorf("Klarna has %d transactions", n)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if first > 0 && len(v.calls) != first {
		v.Fatalf("%d calls, want %d", len(v.calls), first)
	}
	for i := 1; i < first; i++ {
		if v.calls[i] != v.calls[0] {
			v.Errorf("the first call is\n%+v\nand was repeated as\n%+v", v.calls[0], v.calls[i])
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
		t.Fatalf("this is no git clone, and the test needs commit %s: %v", olderCommit, err)
	}
	git := exec.CommandContext(t.Context(), "git", "-C", strings.TrimSpace(string(root)), "archive", "-o", archive, olderCommit)
	if printed, err := git.CombinedOutput(); err != nil {
		t.Fatalf("commit %s is not in the history; fetch it (git fetch --unshallow): %v: %s", olderCommit, err, printed)
	}
	if printed, err := exec.CommandContext(t.Context(), "tar", "-xf", archive, "-C", tree).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, printed)
	}
	module := filepath.Join(tree, "internal", "dbtest")
	source, err := os.ReadFile("../purchaser/main.go")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(module, "purchaser"), 0o750); err != nil {
		t.Fatal(err)
	}
	source = []byte(olderNames.Replace(string(source)))
	if err := os.WriteFile(filepath.Join(module, "purchaser", "main.go"), source, 0o600); err != nil {
		t.Fatal(err)
	}
	return build(t, module, "older")
}

func build(t *testing.T, module, name string) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), name)
	command := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./purchaser")
	command.Dir = module
	command.Env = append(os.Environ(), "GOWORK=off")
	if printed, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, printed)
	}
	return program
}
