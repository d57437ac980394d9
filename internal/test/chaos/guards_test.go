package chaos_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// guard is code in package flow that prevents a lost or duplicated payment, with a replacement that
// breaks it.
type guard struct{ name, file, is, becomes string }

// troubleGuards are code that keeps a store that does not answer, or the trouble of an account,
// from delaying other accounts or a client.
var troubleGuards = []guard{
	{
		"a claim has a deadline", "recovery.go",
		"err := k.c.claimCalls.call(ctx, \"\", strconv.FormatInt(k.c.claims.Add(1), 10), func(ctx context.Context) error {",
		"err := func(_ string, f func(context.Context) error) error { return f(ctx) }(strconv.FormatInt(k.c.claims.Add(1), 10), func(ctx context.Context) error {",
	},
	{
		"every call of the store has a deadline", "coordinator.go",
		"c.given, c.store = store, timeoutStore{store}", "c.given, c.store = store, store",
	},
	{
		"a function of WithClients that hangs or panics is abandoned", "coordinator.go",
		"	c.clients = findingClients(c.clientCalls, c.clients)\n", "	_ = findingClients\n",
	},
	{
		"a callback that ignores its context is abandoned", "callback.go",
		"	case <-grace.C:\n	}\n	abandoned = true", "	case err := <-returned:\n		return err\n	}\n	abandoned = true",
	},
	{
		"a callback that ends its goroutine has failed", "callback.go",
		"			returned <- err\n", "			if !errors.Is(err, errPanicked) {\n				returned <- err\n			} else {\n				select {}\n			}\n",
	},
}

var guards = []guard{
	{
		"the stored final call is sent", "finalize.go",
		"	if content.FinalBody != \"\" {\n",
		"	if request, e := content.request(); e == nil {\n" +
			"request.RequestPaymentTransaction.PaymentTransactionReference += c.now().Format(\" 150405.000000000\")\n" +
			"call, e := api.PrepareFinalize(request, approval)\nif e != nil {\nreturn nil, e\n}\n" +
			"call.IdempotencyKey = c.now().Format(\"150405.000000000\")\nreturn call, nil\n}\n" +
			"	if content.FinalBody != \"\" {\n",
	},
	{
		"the stored key of the first call is used", "authorize.go",
		"IdempotencyKey: content.FirstKey,",
		"IdempotencyKey: c.now().Format(\"150405.000000000\"),",
	},
	{
		"the first call is repeated as it was stored", "authorize.go",
		"Body: klarna.NewRawJSON(content.first()),",
		"Body: klarna.NewRawJSON(content.first()[:len(content.first())-1] + `,\"x\":\"` + c.now().Format(\"150405.000000000\") + `\"}`),",
	},
	{
		"no answer gives up an approval during its 60 minutes", "finalize.go",
		"case !now.After(over), c.hasOtherCredentials(ctx, p, failure):",
		"case c.hasOtherCredentials(ctx, p, failure):",
	},
	{
		"conflicts for minutes end no final call", "finalize.go",
		"	switch {\n	case !now.After(over), ",
		"	switch {\n	case conflict(failure) && p.Tries > 8:\n		return c.giveUp(ctx, p, StateUnknown, \"\", failure)\n	case !now.After(over), ",
	},
	{
		"an undecided first result is requested again", "authorize.go",
		"return c.retryLater(ctx, p, true, undecided(result))",
		"return c.end(ctx, p, StateUnknown, undecided(result).Error(), nil)",
	},
	{
		"an undecided final result is requested again", "finalize.go",
		"return c.finalizeFailed(ctx, p, true, undecided(result))",
		"return c.end(ctx, p, StateUnknown, undecided(result).Error(), nil)",
	},
	{
		"an event during a cancelation is processed", "cancel.go",
		"if p.State != StateCanceling || p.Cause != causeAbandoned {",
		"if true {",
	},
	{
		"a replica that was overtaken starts again", "save.go",
		"if err = c.store.Update(ctx, r); err != nil {",
		"if err = c.store.Update(ctx, r); errors.Is(err, ErrChanged) {\nerr = nil\n} else if err != nil {",
	},
	{
		"an update compares the version that was read", "save.go",
		"if err = c.store.Update(ctx, r); err != nil {",
		"if now, e := c.store.Load(ctx, r.ID); e == nil {\nr.Version = now.Version\n}\nif err = c.store.Update(ctx, r); err != nil {",
	},
	{
		"it is recorded before a call that it may have run", "advance.go",
		"p.ranBefore = p.MayHaveRun",
		"p.ranBefore = false",
	},
	{
		"a first call with an unknown outcome is not a decline", "authorize.go",
		"	if !settled || c.hasOtherCredentials(ctx, p, failure) {\n		return c.retryLater(ctx, p, mayHaveRun, failure)",
		"	if !settled || c.hasOtherCredentials(ctx, p, failure) {\n		return c.end(ctx, p, StateDeclined, \"\", nil)",
	},
	{
		"a final call with an unknown outcome is not a decline", "finalize.go",
		"return c.retryLater(ctx, p, mayHaveRun, failure)",
		"return c.end(ctx, p, StateDeclined, \"\", nil)",
	},
	{
		"the approved amount is finalized", "finalize.go",
		"	call, err := api.PrepareFinalize(request, approval)\n",
		"	other := approval\n	other.Amount = p.Amount\n	call, err := api.PrepareFinalize(request, other)\n",
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
		"a conflict is not a refusal", "advance.go",
		"	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooManyRequests:",
		"	case http.StatusRequestTimeout, http.StatusTooManyRequests:",
	},
	{
		"a failure under an earlier lease changes nothing", "save.go",
		"		if p.State != state {\n			return false\n		}\n		now := c.time()\n		if answer", "		p.State = state\n		now := c.time()\n		if answer",
	},
}

// recoveryGuards are code whose absence the chaos tests do not notice reliably, with the test that
// fails without it. Most of it keeps one hanging operation from delaying others.
var recoveryGuards = []struct {
	guard
	test string
}{
	{guard{
		"a callback that ignores its context is abandoned", "callback.go",
		"	case <-grace.C:\n	}\n	abandoned = true", "	case err := <-returned:\n		return err\n	}\n	abandoned = true",
	}, "TestACallbackThatHangs"},
	{guard{
		"a result found under an earlier lease ends nothing", "save.go",
		"(to == StateAuthorized || p.leaseID() == found)", "(to == StateAuthorized || p.leaseID() == found || true)",
	}, "TestALateRefusalEndsNothing"},
	{guard{
		"a replica that was overtaken before the cancel call does not cancel", "cancel.go",
		"	case now.leaseID() != p.leaseID():\n", "	case now == nil:\n",
	}, "TestChangesDuringACancelationAreRespected"},
	{guard{
		"callbacks that hang are counted by account", "callback.go",
		"case k.accounts[account] >= k.most, k.abandonedNow >= k.inAll:", "case k.abandonedNow >= k.most:",
	}, "TestHangingCallbacksDelayNoOtherAccount"},
	{guard{
		"a claim that finds every account busy is repeated", "recovery.go",
		"case !r.busy || !k.waitForAStep(ctx):", "default:",
	}, "TestAnAccountsBacklogIsFinishedInOneRun"},
	{guard{
		"an abandoned step may end after recovery", "recovery.go",
		"if s.open == 0 && s.ended && !s.closed {", "if s.open == 0 && s.ended {",
	}, "TestAnAbandonedStepMayEndAfterRecovery"},
	{guard{
		"a slow step gives its slot back", "scheduler.go",
		"if s.patient || s.slow >= maxSlow {", "if true {",
	}, "TestAnAccountInTroubleDelaysNoOther"},
	{guard{
		"Run returns when its grace is over", "recovery.go",
		"	case <-s.over.Done():\n	}\n	s.stop()", "	}\n	s.stop()",
	}, "TestRunReturnsThoughAStepIgnoresItsContext"},
	{guard{
		"a limited account is paused", "scheduler.go",
		"if learned.quiet > 0 {", "if false {",
	}, "TestALimitedAccountIsPausedAlone"},
	{guard{
		"a limited account runs fewer steps", "scheduler.go",
		"	case learned.limited:\n		a.window = max(a.window/2, 1)", "	case learned.limited:",
	}, "TestALimitedAccountRunsFewerStepsAtOnce"},
	{guard{
		"reports have a lane of their own", "record.go",
		"		return LaneReports\n", "		return LaneWaiting\n",
	}, "TestAnUnreportedPurchaseWaitsAmongTheReports"},
	{guard{
		"the purchase with the least time left comes first", "scheduler.go",
		"approvedLane(now.Add(Lane(i).tenMinutes()-tenMinutes))", "LaneApproved+Lane(i)",
	}, "TestLanesAreOrderedByTheTimeLeft"},
	{guard{
		"the rate follows the backlog", "scheduler.go",
		"s.most*(0.2+0.8*share)", "s.most*(0.2+0*share)",
	}, "TestTheRateFollowsTheBacklog"},
	{guard{
		"the pause shrinks with the time left", "scheduler.go",
		"max(ahead.tenMinutes()/30, shortestPause)", "max(ahead.tenMinutes()/30, time.Minute)",
	}, "TestAnApprovalByEventIsUrgentWithoutARead"},
	{guard{
		"an event of an approval makes a purchase urgent", "record.go",
		"		return approvedLane(now.Add(finalizeWithin))\n", "		return p.lane()\n",
	}, "TestAnApprovalByEventIsUrgentWithoutARead"},
}

// A test of package flow must fail without each of these guards. The test runs only with
// CHAOS_GUARDS=1, as the other does.
func TestRecoveryTestsDetectMissingGuards(t *testing.T) {
	if os.Getenv("CHAOS_GUARDS") == "" {
		t.Skip("CHAOS_GUARDS is not set")
	}
	for _, g := range recoveryGuards {
		t.Run(g.name, func(t *testing.T) {
			output, failed := without(t, g.guard, "^"+g.test)
			if !failed || strings.Contains(output, "[build failed]") {
				t.Errorf("no test failed:\n%s", output)
			}
		})
	}
}

var violations = regexp.MustCompile(`[1-9]\d* violations`)

// The chaos tests of package flow must fail without each of the guards; otherwise they would prove
// nothing. The test builds and runs them once for each guard, and only with CHAOS_GUARDS=1.
func TestChaosTestsDetectMissingGuards(t *testing.T) {
	if os.Getenv("CHAOS_GUARDS") == "" {
		t.Skip("CHAOS_GUARDS is not set")
	}
	for tests, guards := range map[string][]guard{"^TestNoC": guards, "^TestNoTrouble": troubleGuards} {
		for _, g := range guards {
			t.Run(g.name, func(t *testing.T) {
				var seen []string
				for seed := 1; seed <= 5 && len(seen) == 0; seed++ { // some violations depend on the seed
					output, failed := without(t, g, tests, fmt.Sprintf("CHAOS_SEED=%d", seed))
					seen = violations.FindAllString(output, -1)
					if failed && strings.Contains(output, "panic: ") {
						seen = append(seen, "a panic") // it ends the program
					}
					if failed != (len(seen) > 0) {
						t.Fatalf("the chaos tests failed for another reason:\n%s", output)
					}
				}
				if len(seen) == 0 {
					t.Error("no test failed")
				}
				t.Log(strings.Join(seen, ", "))
			})
		}
	}
}

// A change of package flow that rewords a guard fails here, not only in the tests that remove it.
func TestEveryGuardIsInTheSource(t *testing.T) {
	for _, g := range recoveryGuards {
		_, _ = g.source(t)
		hasTest(t, g.test)
	}
	for _, g := range slices.Concat(guards, troubleGuards) {
		_, _ = g.source(t)
	}
}

// source returns the file that contains a guard, and its text.
func (g guard) source(t *testing.T) (file, text string) {
	t.Helper()
	file, err := filepath.Abs(filepath.Join("../../../authorization/flow", g.file))
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(content), g.is); n != 1 {
		t.Errorf("%s: %s has it %d times, want once: update the guard\n%s", g.name, g.file, n, g.is)
	}
	return file, string(content)
}

// hasTest fails the test unless one test of package flow has a name that begins so.
func hasTest(t *testing.T, name string) {
	t.Helper()
	files, err := filepath.Glob("../../../authorization/flow/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		n += strings.Count(string(content), "\nfunc "+name)
	}
	if n != 1 {
		t.Errorf("%d tests of package flow are named %s, want one", n, name)
	}
}

// without runs tests of package flow without a guard.
func without(t *testing.T, g guard, tests string, environment ...string) (output string, failed bool) {
	t.Helper()
	source, text := g.source(t)
	if t.Failed() {
		t.FailNow()
	}
	replacement := filepath.Join(t.TempDir(), g.file)
	if err := os.WriteFile(replacement, []byte(strings.Replace(text, g.is, g.becomes, 1)), 0o600); err != nil {
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
	command := exec.CommandContext(t.Context(), "go", "test", "-overlay", file, "-vet=off", "-timeout", "3m", "-run", tests, "-v", ".")
	command.Dir, command.Env = filepath.Dir(source), append(os.Environ(), environment...)
	printed, err := command.CombinedOutput()
	_, failed = errors.AsType[*exec.ExitError](err)
	return string(printed), failed
}
