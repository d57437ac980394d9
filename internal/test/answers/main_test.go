package answers_test

import (
	"io"
	"log"
	"os"
	"testing"
)

// TestMain silences net/http, which logs the beginning of an unsolicited answer.
func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)
	os.Exit(m.Run())
}
