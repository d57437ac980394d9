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

// guard is a place in package flow without which money is lost or taken twice, and what takes its
// place.
type guard struct{ name, file, is, becomes string }

// troubleGuards are places without which a silence or an account's trouble holds up others, or a
// client.
var troubleGuards = []guard{
	{
		"a claim has a deadline", "recovery.go",
		"err := k.c.claimCalls.call(ctx, \"\", strconv.FormatInt(k.c.claims.Add(1), 10), func(ctx context.Context) error {",
		"err := func(_ string, f func(context.Context) error) error { return f(ctx) }(strconv.FormatInt(k.c.claims.Add(1), 10), func(ctx context.Context) error {",
	},
	{
		"every call of the store has a deadline", "coordinator.go",
		"c.given, c.store = store, timely{store}", "c.given, c.store = store, store",
	},
	{
		"a function of WithClients that hangs or panics is abandoned", "coordinator.go",
		"	c.clients = finding(c.clientCalls, c.clients)\n", "	_ = finding\n",
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
		"the final call is the one that was stored", "finalize.go",
		"	if content.FinalBody != \"\" {\n",
		"	if request, e := content.request(); e == nil {\n" +
			"request.RequestPaymentTransaction.PaymentTransactionReference += c.now().Format(\" 150405.000000000\")\n" +
			"call, e := api.PrepareFinalize(request, approval)\nif e != nil {\nreturn nil, e\n}\n" +
			"call.IdempotencyKey = c.now().Format(\"150405.000000000\")\nreturn call, nil\n}\n" +
			"	if content.FinalBody != \"\" {\n",
	},
	{
		"the key of the first call is the one that was stored", "authorize.go",
		"IdempotencyKey: content.FirstKey,",
		"IdempotencyKey: c.now().Format(\"150405.000000000\"),",
	},
	{
		"the first call is repeated as it was stored", "authorize.go",
		"Body: klarna.NewRawJSON(content.first()),",
		"Body: klarna.NewRawJSON(content.first()[:len(content.first())-1] + `,\"x\":\"` + c.now().Format(\"150405.000000000\") + `\"}`),",
	},
	{
		"no answer gives an approval up in time", "finalize.go",
		"case !now.After(over), c.othersCredentials(ctx, p, failure):",
		"case c.othersCredentials(ctx, p, failure):",
	},
	{
		"conflicts of minutes end no final call", "finalize.go",
		"	switch {\n	case !now.After(over), ",
		"	switch {\n	case conflict(failure) && p.Tries > 8:\n		return c.giveUp(ctx, p, StateUnknown, \"\", failure)\n	case !now.After(over), ",
	},
	{
		"a first result that decides nothing is asked for again", "authorize.go",
		"return c.later(ctx, p, true, undecided(outcome))",
		"return c.end(ctx, p, StateUnknown, undecided(outcome).Error(), nil)",
	},
	{
		"a final result that decides nothing is asked for again", "finalize.go",
		"return c.finalizeFailed(ctx, p, true, undecided(outcome))",
		"return c.end(ctx, p, StateUnknown, undecided(outcome).Error(), nil)",
	},
	{
		"an event during a cancelation is heeded", "cancel.go",
		"if p.State != StateCanceling || p.Cause != causeAbandoned {",
		"if true {",
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
		"	if !settled || c.othersCredentials(ctx, p, failure) {\n		return c.later(ctx, p, mayHaveRun, failure)",
		"	if !settled || c.othersCredentials(ctx, p, failure) {\n		return c.end(ctx, p, StateDeclined, \"\", nil)",
	},
	{
		"a final call of unknown outcome is no decline", "finalize.go",
		"return c.later(ctx, p, mayHaveRun, failure)",
		"return c.end(ctx, p, StateDeclined, \"\", nil)",
	},
	{
		"the amount is the one that was approved", "finalize.go",
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
		"a conflict is no refusal", "advance.go",
		"	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooManyRequests:",
		"	case http.StatusRequestTimeout, http.StatusTooManyRequests:",
	},
	{
		"a failure of a turn that is over changes nothing", "advance.go",
		"		if p.State != state {\n			return false\n		}\n		now := c.time()\n		if answer", "		p.State = state\n		now := c.time()\n		if answer",
	},
}

// recoveryGuards are places whose want the chaos does not meet often enough, most of them such that
// one thing that hangs would hold up others, and the test that notices it.
var recoveryGuards = []struct {
	guard
	test string
}{
	{guard{
		"a callback that ignores its context is abandoned", "callback.go",
		"	case <-grace.C:\n	}\n	abandoned = true", "	case err := <-returned:\n		return err\n	}\n	abandoned = true",
	}, "TestACallbackThatHangs"},
	{guard{
		"what was found in a turn that is over ends nothing", "advance.go",
		"(to == StateAuthorized || p.turn() == found)", "(to == StateAuthorized || p.turn() == found || true)",
	}, "TestARefusalThatCameTooLateEndsNothing"},
	{guard{
		"who was overtaken before the call that cancels does not cancel", "cancel.go",
		"	case now.turn() != p.turn():\n", "	case now == nil:\n",
	}, "TestWhatIsHeardDuringACancelationIsHeeded"},
	{guard{
		"callbacks that hang are counted by account", "callback.go",
		"case k.accounts[account] >= k.most, k.abandonedNow >= k.inAll:", "case k.abandonedNow >= k.most:",
	}, "TestHangingCallbacksOfAnAccountRefuseNoOthers"},
	{guard{
		"a claim that finds every account busy is repeated", "recovery.go",
		"case !r.busy || !k.waitForAStep(ctx):", "default:",
	}, "TestABacklogOfOneAccountIsFinishedInOneGo"},
	{guard{
		"a step that was abandoned may end after recovery", "recovery.go",
		"if s.open == 0 && s.ended && !s.closed {", "if s.open == 0 && s.ended {",
	}, "TestAStepThatWasAbandonedEndsAfterRecovery"},
	{guard{
		"a slow step gives its slot back", "scheduler.go",
		"if s.patient || s.slow >= lingering {", "if true {",
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
		"what has the least time left comes first", "scheduler.go",
		"approvedLane(now.Add(Lane(i).tenMinutes()-tenMinutes))", "LaneApproved+Lane(i)",
	}, "TestLanesAreOrderedByTheTimeLeft"},
	{guard{
		"the rate follows the backlog", "scheduler.go",
		"s.most*(0.2+0.8*share)", "s.most*(0.2+0*share)",
	}, "TestTheRateFollowsTheBacklog"},
	{guard{
		"the pause shrinks with the time left", "scheduler.go",
		"max(ahead.tenMinutes()/30, mostUrgent)", "max(ahead.tenMinutes()/30, time.Minute)",
	}, "TestAnApprovalByEventIsUrgentWithoutARead"},
	{guard{
		"an event of an approval makes a purchase urgent", "record.go",
		"		return approvedLane(now.Add(finalizeWithin))\n", "		return p.lane()\n",
	}, "TestAnApprovalByEventIsUrgentWithoutARead"},
}

// Without any of these a test of package flow must fail. It runs with CHAOS_GUARDS=1 alone, as the
// other does.
func TestATestNoticesAMissingGuardOfRecovery(t *testing.T) {
	if os.Getenv("CHAOS_GUARDS") == "" {
		t.Skip("CHAOS_GUARDS is not set")
	}
	for _, g := range recoveryGuards {
		t.Run(g.name, func(t *testing.T) {
			output, failed := without(t, g.guard, "^"+g.test)
			if !failed || strings.Contains(output, "[build failed]") {
				t.Errorf("nobody noticed:\n%s", output)
			}
		})
	}
}

var violations = regexp.MustCompile(`[1-9]\d* violations`)

// Without any of the guards the chaos tests of package flow must fail, or they would show nothing.
// It builds and runs them once for each, and does so with CHAOS_GUARDS=1 alone.
func TestChaosIsSeenToNoticeAMissingGuard(t *testing.T) {
	if os.Getenv("CHAOS_GUARDS") == "" {
		t.Skip("CHAOS_GUARDS is not set")
	}
	for tests, guards := range map[string][]guard{"^TestNoC": guards, "^TestNoTrouble": troubleGuards} {
		for _, g := range guards {
			t.Run(g.name, func(t *testing.T) {
				output, failed := without(t, g, tests)
				seen := violations.FindAllString(output, -1)
				if failed && strings.Contains(output, "panic: ") {
					seen = append(seen, "a panic") // which ends the program
				}
				if !failed || len(seen) == 0 {
					t.Errorf("nobody noticed:\n%s", output)
				}
				t.Log(strings.Join(seen, ", "))
			})
		}
	}
}

// without runs tests of package flow without a guard.
func without(t *testing.T, g guard, tests string) (output string, failed bool) {
	t.Helper()
	folder, err := filepath.Abs("../../authorization/flow")
	if err != nil {
		t.Fatal(err)
	}
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
	command := exec.CommandContext(t.Context(), "go", "test", "-overlay", file, "-vet=off", "-run", tests, "-v", ".")
	command.Dir = folder
	printed, err := command.CombinedOutput()
	_, failed = errors.AsType[*exec.ExitError](err)
	return string(printed), failed
}
