package storetest_test

import (
	"testing"

	"github.com/klarna-go/klarna-go/webhook"
	"github.com/klarna-go/klarna-go/webhook/storetest"
)

// The package of a store has this test. Its newStore opens a store of its own.
func ExampleRun() {
	newStore := func(*testing.T) webhook.Store { return webhook.NewMemoryStore() }

	testStore := func(t *testing.T) { // TestStore of the package
		storetest.Run(t, newStore)
	}
	_ = testStore
	// Output:
}
