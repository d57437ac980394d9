package klarna_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

func TestACallWithoutRetriesIsAttemptedOnce(t *testing.T) {
	server := klarnatest.NewServer(t, klarnatest.WithoutSocket())
	client, err := klarna.NewClient(server.APIKey, klarna.WithBaseURL(server.URL),
		klarna.WithHTTPClient(&http.Client{Transport: server.Transport()}), klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: 5}))
	if err != nil {
		t.Fatal(err)
	}
	server.Script(klarnatest.Fault{StatusCode: http.StatusServiceUnavailable})
	call := klarna.Call{Operation: "test", Method: http.MethodGet, Route: "payment/presentation"}
	if _, err := client.Do(t.Context(), call, nil, klarna.WithoutRetries()); err == nil {
		t.Error("the one attempt did not fail")
	}
	if n := len(server.Requests()); n != 1 {
		t.Errorf("%d attempts, want 1", n)
	}
}

func TestAPreparedCallDoesNotShowItsBody(t *testing.T) {
	prepared := klarna.Prepared{Body: klarna.NewRawJSON(`{"name":"Ada"}`), IdempotencyKey: "key-1"}
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("m", "prepared", prepared)
	const want = "klarna.Prepared{[14 bytes of JSON], key-1}"
	for _, got := range []string{logged.String(), fmt.Sprintf("%v", prepared), fmt.Sprintf("%+v", &prepared), fmt.Sprintf("%#v", prepared), fmt.Sprintf("%d", prepared)} {
		if !strings.Contains(got, want) || strings.Contains(got, "Ada") {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestKeyFingerprintsOfDifferentKeysDiffer(t *testing.T) {
	fingerprint := func(key string) string {
		client, err := klarna.NewClient(key)
		if err != nil {
			t.Fatal(err)
		}
		if again := client.ForAccount("krn:1").KeyFingerprint(); again != client.KeyFingerprint() {
			t.Errorf("%s for an account, %s without", again, client.KeyFingerprint())
		}
		return client.KeyFingerprint()
	}
	a, b := fingerprint("klarna_test_api_one"), fingerprint("klarna_test_api_two")
	if a == b || len(a) != 16 {
		t.Errorf("%s and %s", a, b)
	}
}
