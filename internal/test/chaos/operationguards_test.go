package chaos_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// operationGuards are code that prevents an operation after the approval from being lost, repeated
// or recorded with a wrong result, with the test of package flow that fails without it.
var operationGuards = []struct {
	guard
	test string
}{
	{guard{
		"a refusal ends nothing while an earlier call is in doubt", "operationstep.go",
		"case refused && attempt.doubt.IsZero():", "case refused:",
	}, "TestARefusalDuringADoubtEndsNoOperation"},
	{guard{
		"a refusal under an earlier lease ends nothing", "operationstep.go",
		"(attempt == nil || p.LeaseUntil.Equal(attempt.lease)); !ended", "true; !ended",
	}, "TestARefusalUnderAnEarlierLeaseEndsNothing"},
	{guard{
		"a conflict is not a refusal", "operationstep.go",
		"http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly", "http.StatusRequestTimeout, http.StatusTooEarly",
	}, "TestAnOperationIsExecutedOnceDespiteFaults"},
	{guard{
		"an answer without a code is not a refusal", "operationstep.go",
		"e.Outcome == klarna.OutcomeUnknown || e.Code == \"\" {", "e.Outcome == klarna.OutcomeUnknown {",
	}, "TestAnOperationIsExecutedOnceDespiteFaults"},
	{guard{
		"a key is not used when it may have expired", "operationstep.go",
		"now.After(o.KeyAt.Add(idempotent))", "false",
	}, "TestARepeatAfter25HoursLooksForTheReference"},
	{guard{
		"the doubt is recorded before the call leaves", "operationstep.go",
		"	o.DoubtAt = now\n", "",
	}, "TestACallCutOffByACrashIsInDoubt"},
	{guard{
		"the stored key is used", "operationstep.go",
		"klarna.WithIdempotencyKey(call.Key))", "klarna.WithIdempotencyKey(operationKey(p, o, c.now().String(), 1)))",
	}, "TestAnOperationIsExecutedOnceDespiteFaults"},
	{guard{
		"no single answer proves that an operation is absent", "operationstep.go",
		"	again, err := c.observe(ctx, api, p, eventFacts{})\n	if err != nil {\n		return found, err\n	}\n	return p.find(o, again), nil",
		"	return found, nil",
	}, "TestOneChangedLookUpRepeatsNoOperation"},
	{guard{
		"a missing list proves nothing", "observation.go",
		"	case !listed:\n", "	case false:\n",
	}, "TestATransactionThatListsNothingProvesNothing"},
	{guard{
		"an id with other content is refused", "operationcall.go",
		"	if err != nil {\n		return err\n	}\n	if content, err := c.openOperations(p); err == nil && !same {",
		"	if err != nil || same || !same {\n		return err\n	}\n	if content, err := c.openOperations(p); err == nil && !same {",
	}, "TestAnIDWithOtherContentIsNeverSent"},
	{guard{
		"a reference names one operation", "operationcall.go",
		"o.Kind == d.Kind && o.Reference == d.Reference {", "false && o == nil {",
	}, "TestTwoEqualPartialRefundsAreTwo"},
	{guard{
		"more than the authorized amount is refused", "operationcall.go",
		"if sure && o.Amount > left {\n			return fmt.Sprintf(\"the capture", "if false {\n			return fmt.Sprintf(\"the capture",
	}, "TestAnImpossibleOperationIsRefusedLocally"},
	{guard{
		"an apparently impossible operation is looked up", "operationcall.go",
		"			if !looked && !p.isReleased(d.Kind) {", "			if looked {",
	}, "TestAnApparentlyImpossibleOperationIsLookedUp"},
	{guard{
		"a purchase is due while an operation is pending", "operationrecord.go",
		"		at = earliest(at, next)\n", "",
	}, "TestAnOperationIsExecutedOnceDespiteFaults"},
	{guard{
		"a report of an operation is kept until it succeeds", "report.go",
		"for len(p.UnreportedOperations) > 0 && p.UnreportedOperations[0].Number <= reported {", "for len(p.UnreportedOperations) > 0 {",
	}, "TestReportsOfOperationsAreRepeatedInOrder"},
	{guard{
		"a read that is older than the record is not a difference", "observation.go",
		"stale = p.Version != version", "stale = false",
	}, "TestAReadOlderThanTheRecordIsNoDifference"},
	{guard{
		"the sealed call is sent", "operationcall.go",
		"	if call.Kind != o.Kind ||", "	if call.Kind == \"\" &&",
	}, "TestADamagedCallIsNotSent"},
	{guard{
		"a failure under an earlier lease removes no doubt", "operationstep.go",
		"o.State != OperationStatePending || !p.LeaseUntil.Equal(attempt.lease) {", "o.State != OperationStatePending {",
	}, "TestALateFailureRemovesNoDoubt"},
	{guard{
		"the operations of a purchase are made one after the other", "operationstep.go",
		"		o := p.pendingOperation()\n", "		o := p.operation(id)\n		if o == nil || o.State != OperationStatePending {\n			o = p.pendingOperation()\n		}\n",
	}, "TestOperationsOfAPurchaseAreMadeInOrder"},
	{guard{
		"an operation is recorded over the version that it was judged by", "operationcall.go",
		"	p.addOperation(o)\n	p.DueAt = p.dueAfter(now)\n	return c.save(ctx, p)", "	return c.change(ctx, p, func() bool {\n		if p.operation(o.ID) != nil {\n			return false\n		}\n		if err := c.seal(p, &next); err != nil {\n			return false\n		}\n		p.addOperation(o)\n		p.DueAt = p.dueAfter(now)\n		return true\n	})",
	}, "TestConcurrentCapturesNeverExceedTheAuthorization"},
	{guard{
		"an executed operation is done, also after it was refused", "operationstep.go",
		"if o.State == to || to != OperationStateDone && o.State != OperationStatePending {", "if o.State == to || o.State != OperationStatePending {",
	}, "TestALateEventSettlesUnknownAndRefusedOperations"},
}

// A test of package flow must fail without each of these guards. The test runs only with
// CHAOS_GUARDS=1, like the others.
func TestOperationTestsDetectMissingGuards(t *testing.T) {
	if os.Getenv("CHAOS_GUARDS") == "" {
		t.Skip("CHAOS_GUARDS is not set")
	}
	for _, g := range operationGuards {
		t.Run(g.name, func(t *testing.T) {
			output, failed := without(t, g.guard, "^"+g.test+"$")
			if !failed || strings.Contains(output, "[build failed]") {
				t.Errorf("no test failed:\n%s", output)
			}
		})
	}
}

// journeyGuards are the guards whose absence the chaos tests of operations notice reliably, by
// their names in operationGuards.
var journeyGuards = []string{
	"a refusal ends nothing while an earlier call is in doubt", "a conflict is not a refusal", "a key is not used when it may have expired",
	"a purchase is due while an operation is pending", "a report of an operation is kept until it succeeds",
	"the operations of a purchase are made one after the other", "an operation is recorded over the version that it was judged by",
}

// The chaos tests of operations must fail without these guards.
func TestOperationChaosDetectsMissingGuards(t *testing.T) {
	if os.Getenv("CHAOS_GUARDS") == "" {
		t.Skip("CHAOS_GUARDS is not set")
	}
	tried := 0
	for _, g := range operationGuards {
		if !slices.Contains(journeyGuards, g.name) {
			continue
		}
		tried++
		t.Run(g.name, func(t *testing.T) {
			var seen []string
			for seed := 1; seed <= 5 && len(seen) == 0; seed++ {
				output, _ := without(t, g.guard, "^TestJourneysSurviveChaos$", fmt.Sprintf("CHAOS_SEED=%d", seed))
				if strings.Contains(output, "[build failed]") {
					t.Fatal(output)
				}
				seen = violations.FindAllString(output, -1)
			}
			if len(seen) == 0 {
				t.Error("no test failed")
			}
			t.Log(strings.Join(seen, ", "))
		})
	}
	if tried != len(journeyGuards) {
		t.Errorf("found %d guards, want %d", tried, len(journeyGuards))
	}
}

func TestEveryOperationGuardIsInTheSource(t *testing.T) {
	for _, g := range operationGuards {
		_, _ = g.source(t)
		hasTest(t, g.test)
	}
}
