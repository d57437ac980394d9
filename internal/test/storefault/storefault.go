// Package storefault tests the conformance suites of the stores with stores that have a fault.
package storefault

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Found checks that each fault is found by the check that is there for it. Others may find it as
// well. by are the names of the checks, by fault; check returns the one of a name, nil for none.
func Found[S any](t *testing.T, patience time.Duration, by map[string]string, check func(name string) func(ctx context.Context, s S) error, broken func(fault string) S) {
	for fault, name := range by {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			c := check(name)
			if c == nil {
				t.Fatalf("there is no check %q", name)
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			err := c(ctx, broken(fault))
			if err == nil {
				t.Errorf("the check that %s found nothing", name)
			}
			t.Log(err)
		})
	}
}

// FailsTheTest checks that what the checks find also fails the test that runs them: a store with
// the fault does, in the check whose name begins so, and one without a fault does not. That test is
// another process's.
func FailsTheTest(t *testing.T, fault, check string, run func(t *testing.T, fault string)) {
	const variable = "STORETEST_FAULT"
	if fault, ok := os.LookupEnv(variable); ok {
		run(t, fault)
		return
	}
	for fault, failed := range map[string]bool{"": false, fault: true} {
		program := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$") //nolint:gosec // this program
		program.Env = append(os.Environ(), variable+"="+fault)
		output, err := program.CombinedOutput()
		if (err != nil) != failed || strings.Contains(string(output), "--- FAIL: "+t.Name()+"/"+strings.ReplaceAll(check, " ", "_")) != failed {
			t.Errorf("a store that %q: %v\n%s", fault, err, output)
		}
	}
}
