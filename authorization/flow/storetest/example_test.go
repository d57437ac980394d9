package storetest_test

import (
	"testing"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/authorization/flow/storetest"
)

// The package of a store has this test. newStore returns a new store for each check.
func ExampleRun() {
	newStore := func(*testing.T) flow.Store { return flow.NewMemoryStore() }

	testStore := func(t *testing.T) { // TestStore of the package
		storetest.Run(t, newStore)
	}
	_ = testStore
	// Output:
}
