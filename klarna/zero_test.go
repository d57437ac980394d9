package klarna_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/klarna"
)

func TestZeroClientReturnsErrors(t *testing.T) {
	for name, c := range map[string]*klarna.Client{"zero": {}, "nil": nil, "bound nil": (*klarna.Client)(nil).ForAccount("a")} {
		_, done := c.Do(t.Context(), read(), nil)
		_, prepared := c.Prepare(read())
		for method, err := range map[string]error{"Do": done, "Prepare": prepared} {
			if err == nil || klarna.OutcomeOf(err) != klarna.OutcomeNotSent || !strings.Contains(err.Error(), "not made by NewClient") {
				t.Errorf("%s of a %s Client: %v", method, name, err)
			}
		}
		if c.Environment() != "" || c.KeyFingerprint() != "" {
			t.Errorf("a %s Client has an environment or a key", name)
		}
	}
}

// The test is not parallel, because it sets the default logger.
func TestTheDefaultLoggerIsSlogs(t *testing.T) {
	before := slog.Default()
	defer slog.SetDefault(before)
	var text bytes.Buffer
	slog.SetDefault(slog.New(slog.NewTextHandler(&text, nil)))
	url, _ := script(t, "200", "400 VALIDATION_ERROR")
	client := newClient(t, url, klarna.WithLogger(nil))
	succeed(t, client, read(), nil)
	if text.Len() > 0 {
		t.Errorf("a call that succeeded is logged: %s", text.String())
	}
	fail(t, client, read(), nil)
	if got := text.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "level=WARN") {
		t.Errorf("a call that failed is logged as %q", got)
	}
}
