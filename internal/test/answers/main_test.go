package answers_test

import (
	"io"
	"log"
	"os"
	"testing"
)

// TestMain silences net/http, which logs the beginning of an answer that nobody asked for.
func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)
	os.Exit(m.Run())
}
