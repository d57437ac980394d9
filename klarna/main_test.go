package klarna_test

import (
	"testing"

	"github.com/klarna-go/klarna-go/internal/test/leak"
)

// TestMain fails the package if a goroutine of the client's or of a connection outlives the tests.
func TestMain(m *testing.M) { leak.Main(m, "net/http.") }
