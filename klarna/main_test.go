package klarna_test

import (
	"log/slog"
	"testing"

	"github.com/klarna-go/klarna-go/internal/test/leak"
)

// TestMain silences the default logger. It fails the package if a goroutine of a client or of a
// connection outlives the tests.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	leak.Main(m, "net/http.")
}
