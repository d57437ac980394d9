package chaos_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// guard is a place in package flow without which money is lost or taken twice, and what takes its place.
type guard struct{ name, file, is, becomes string }

var guards = []guard{
	{
		"the final call has the references of the first", "finalize.go",
		"answer, err := c.authorizations(p).Finalize(ctx, content.Request, approval, klarna.WithIdempotencyKey(p.FinalKey))",
		"content.Request.RequestPaymentTransaction.PaymentTransactionReference += c.now().Format(\" 150405.000000000\")\n" +
			"answer, err := c.authorizations(p).Finalize(ctx, content.Request, approval, klarna.WithIdempotencyKey(p.FinalKey))",
	},
	{
		"the key of the first call depends on nothing but the call", "authorize.go",
		"klarna.WithSessionToken(content.SessionToken))",
		"klarna.WithSessionToken(content.SessionToken), klarna.WithIdempotencyKey(c.now().Format(\"150405.000000000\")))",
	},
	{
		"the first call is repeated as it was stored", "authorize.go",
		"answer, err := c.authorizations(p).Authorize(ctx, content.Request",
		"content.Request.InteroperabilityData = c.now().Format(\"150405.000000000\")\n" +
			"answer, err := c.authorizations(p).Authorize(ctx, content.Request",
	},
	{
		"who was overtaken starts anew", "coordinator.go",
		"if err = c.store.Update(ctx, r); err != nil {",
		"if err = c.store.Update(ctx, r); errors.Is(err, ErrChanged) {\nerr = nil\n} else if err != nil {",
	},
	{
		"an update is of the version that was read", "coordinator.go",
		"if err = c.store.Update(ctx, r); err != nil {",
		"if now, e := c.store.Load(ctx, r.ID); e == nil {\nr.Version = now.Version\n}\nif err = c.store.Update(ctx, r); err != nil {",
	},
	{
		"that a call may have run is known before it runs", "advance.go",
		"p.ranBefore = p.MayHaveRun",
		"p.ranBefore = false",
	},
	{
		"a first call of unknown outcome is no decline", "authorize.go",
		"	if !settled {\n		return c.later(ctx, p, mayHaveRun, failure)",
		"	if !settled {\n		return c.end(ctx, p, StateDeclined, \"\", nil)",
	},
	{
		"a final call of unknown outcome is no decline", "finalize.go",
		"return c.later(ctx, p, mayHaveRun, failure)",
		"return c.end(ctx, p, StateDeclined, \"\", nil)",
	},
	{
		"the amount is the one that was approved", "finalize.go",
		"Finalize(ctx, content.Request, approval, ",
		"Finalize(ctx, content.Request, authorization.Approval{Amount: p.Amount, Currency: approval.Currency, SessionToken: approval.SessionToken}, ",
	},
	{
		"the policy is asked about another amount", "inquire.go",
		"if accepted && approval.Amount != p.Amount {",
		"if false {",
	},
	{
		"a purchase is due from its beginning", "authorize.go",
		"DueAt: now.Add(lease), Version: 1",
		"Version: 1",
	},
	{
		"a purchase is due while it waits for its customer", "authorize.go",
		"		p.DueAt = c.lookAgain(p, request)\n",
		"		p.DueAt = time.Time{}\n",
	},
	{
		"a report is due until it has succeeded", "record.go",
		"		if len(p.Unreported) > 0 {\n			p.DueAt = now.Add(lease)",
		"		if false {\n			p.DueAt = now.Add(lease)",
	},
	{
		"a conflict is no refusal", "advance.go",
		"	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooManyRequests:",
		"	case http.StatusRequestTimeout, http.StatusTooManyRequests:",
	},
}

var violations = regexp.MustCompile(`[1-9]\d* violations`)

// Without any of the guards the chaos tests of package flow must fail, or they would show nothing. It builds and runs them once for each, and does so
// with CHAOS_GUARDS=1 alone.
func TestChaosIsSeenToNoticeAMissingGuard(t *testing.T) {
	if os.Getenv("CHAOS_GUARDS") == "" {
		t.Skip("CHAOS_GUARDS is not set")
	}
	folder, err := filepath.Abs("../../authorization/flow")
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range guards {
		t.Run(g.name, func(t *testing.T) {
			source := filepath.Join(folder, g.file)
			text, err := os.ReadFile(source)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(text), g.is); n != 1 {
				t.Fatalf("%s has it %d times, want once", g.file, n)
			}
			replacement := filepath.Join(t.TempDir(), g.file)
			if err := os.WriteFile(replacement, []byte(strings.Replace(string(text), g.is, g.becomes, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			overlay, err := json.Marshal(map[string]map[string]string{"Replace": {source: replacement}})
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "overlay.json")
			if err := os.WriteFile(file, overlay, 0o600); err != nil {
				t.Fatal(err)
			}
			command := exec.CommandContext(t.Context(), "go", "test", "-overlay", file, "-vet=off", "-run", "^TestNoC", "-v", ".")
			command.Dir = folder
			output, err := command.CombinedOutput()
			seen := violations.FindAllString(string(output), -1)
			if _, failed := errors.AsType[*exec.ExitError](err); !failed || len(seen) == 0 {
				t.Errorf("nobody noticed: %v\n%s", err, output)
			}
			t.Log(strings.Join(seen, ", "))
		})
	}
}
