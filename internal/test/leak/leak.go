// Package leak fails the tests of a package whose goroutines outlive them.
package leak

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// Main runs the tests of a package and exits. It fails them if goroutines of this module outlive
// them, or goroutines whose stack contains one of others.
func Main(m *testing.M, others ...string) {
	code := m.Run()
	if left := lingering(5*time.Second, others); code == 0 && left != "" {
		fmt.Fprintln(os.Stderr, "goroutines outlive the tests:\n"+left)
		code = 1
	}
	os.Exit(code)
}

// lingering returns the stacks of the goroutines that still run after a grace period.
func lingering(grace time.Duration, others []string) string {
	mine := append([]string{"klarna-go/klarna-go"}, others...)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(grace); ; <-tick.C {
		buffer := make([]byte, 1<<20)
		var left []string
		for stack := range strings.SplitSeq(string(buffer[:runtime.Stack(buffer, true)]), "\n\n") {
			if slices.ContainsFunc(mine, func(part string) bool { return strings.Contains(stack, part) }) && !strings.Contains(stack, "TestMain") {
				left = append(left, stack)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return strings.Join(left, "\n\n")
		}
	}
}
