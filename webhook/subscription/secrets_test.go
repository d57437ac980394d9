package subscription_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/jarcoal/httpmock"

	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/webhook/subscription"
)

// canary is the secret. It must not appear as text, in hex, in base64 or as a list of bytes.
const canary = "c4n4rysigningkey8d1f"

func shows(text string) bool {
	bytesOf := strings.Trim(fmt.Sprintf("%d", []byte(canary)), "[]")
	for _, spelling := range []string{canary, hex.EncodeToString([]byte(canary)), base64.StdEncoding.EncodeToString([]byte(canary))[:24], bytesOf} {
		if strings.Contains(strings.ToLower(text), strings.ToLower(spelling)) {
			return true
		}
	}
	return false
}

func TestShowsFindsTheCanary(t *testing.T) {
	for _, text := range []string{canary, fmt.Sprintf("%X", canary), base64.URLEncoding.EncodeToString([]byte(canary)), fmt.Sprintf("%d", []byte("{"+canary+"}"))} {
		if !shows(text) {
			t.Errorf("the canary is not found in %s", text)
		}
	}
}

// everyVerb prints a value with all verbs of fmt, with log/slog and with encoding/json.
func everyVerb(v any) string {
	var b bytes.Buffer
	for verb := 'A'; verb <= 'z'; verb++ {
		for _, flags := range []string{"", "+", "#"} {
			fmt.Fprintf(&b, "%"+flags+string(verb)+"\n", v)
		}
	}
	asJSON, _ := json.Marshal(v)
	b.Write(asJSON)
	slog.New(slog.NewTextHandler(&b, nil)).Info("text", "v", v)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("json", "v", v)
	if err, ok := v.(error); ok {
		for ; err != nil; err = errors.Unwrap(err) {
			if _, mine := err.(quoting); mine { // the vault's own error contains the secret
				break
			}
			b.WriteString(err.Error())
		}
	}
	return b.String()
}

// quoting is an error of a vault's client that quotes the value that it could not write.
type quoting struct{ what string }

func (q quoting) Error() string { return "cannot write " + q.what }

// The secret is in Klarna's answers, in its errors, and in the error of a vault.
func TestNoSecretIsPrinted(t *testing.T) {
	const created = `{"signing_key_id":"` + otherKeyID + `","signing_key":"` + canary + `"}`
	for name, tc := range map[string]struct {
		created  string
		patch    int
		deletion int
		publish  func(subscription.SigningKey) error
		fails    bool
	}{
		"a rotation":                                  {created, 200, 204, nil, false},
		"a vault that quotes the key":                 {created, 200, 204, func(k subscription.SigningKey) error { return quoting{k.SigningKey.Reveal()} }, true},
		"a vault that quotes, and a key that remains": {created, 200, 403, func(k subscription.SigningKey) error { return fmt.Errorf("v: %w", quoting{k.SigningKey.Reveal()}) }, true},
		"a vault that prints the key":                 {created, 200, 204, func(k subscription.SigningKey) error { return fmt.Errorf("cannot write %+v", k) }, true},
		"a webhook that cannot be updated":            {created, 403, 204, nil, true},
		"a creation that cannot be read":              {`{"signing_key_id":1,"signing_key":"` + canary + `"}`, 200, 204, nil, true},
		"a secret that is no string":                  {`{"signing_key_id":"x","signing_key":["` + canary + `"]}`, 200, 204, nil, true},
		"a name twice":                                {`{"signing_key":"` + canary + `","signing_key":"` + canary + `"}`, 200, 204, nil, true},
		"a creation cut in the middle":                {created[:len(created)-2], 200, 204, nil, true},
		"a key without an id":                         {`{"signing_key":"` + canary + `"}`, 200, 204, func(subscription.SigningKey) error { return errors.New("no") }, true},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			mock := httpmock.NewMockTransport()
			client, err := klarna.NewClient(apiKey, klarna.WithHTTPClient(&http.Client{Transport: mock}), klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: 1}),
				klarna.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
			if err != nil {
				t.Fatal(err)
			}
			c := subscription.New(client)
			quote := `{"error_code":"OPERATION_FORBIDDEN","error_message":"` + canary + `","validation_errors":[{"parameter":"a","reason":"` + canary + `"}]}`
			mock.RegisterResponder("GET", host+"/v2/notification/webhooks", httpmock.NewStringResponder(200, `{"webhooks":[`+webhookBody+`]}`))
			mock.RegisterResponder("GET", host+"/v2/notification/signing-keys", httpmock.NewStringResponder(200, `{"signing_keys":[]}`))
			mock.RegisterResponder("POST", host+"/v2/notification/signing-keys", httpmock.NewStringResponder(201, tc.created))
			mock.RegisterResponder("DELETE", host+"/v2/notification/signing-keys/"+otherKeyID, httpmock.NewStringResponder(tc.deletion, quote))
			answer := quote
			if tc.patch == 200 {
				answer = strings.ReplaceAll(webhookBody, keyID, otherKeyID)
			}
			mock.RegisterResponder("PATCH", host+"/v2/notification/webhooks/"+webhookID, httpmock.NewStringResponder(tc.patch, answer))

			var seen subscription.SigningKey
			rotation, err := c.RotateKey(t.Context(), func(_ context.Context, key subscription.SigningKey) error {
				seen = key
				if tc.publish == nil {
					return nil
				}
				return tc.publish(key)
			})
			if (err != nil) != tc.fails {
				t.Fatalf("error %v", err)
			}
			var key *subscription.SigningKey
			if key, err = c.CreateSigningKey(t.Context()); err != nil {
				key = nil
			}
			printed := []any{rotation, seen, &seen, []subscription.SigningKey{seen}, map[string]any{"k": seen}, struct{ K subscription.SigningKey }{seen}, key, err}
			for i, v := range printed {
				if text := everyVerb(v); shows(text) {
					t.Errorf("value %d shows the secret", i)
				}
			}
			if _, rotateErr := c.RotateKey(t.Context(), func(_ context.Context, key subscription.SigningKey) error {
				if tc.publish == nil {
					return nil
				}
				return tc.publish(key)
			}); rotateErr != nil {
				if text := everyVerb(rotateErr); shows(text) {
					t.Errorf("the error shows the secret: %s", text)
				}
				if left, ok := errors.AsType[*subscription.KeyLeftError](rotateErr); ok && shows(everyVerb(*left)) {
					t.Error("the value of the error shows the secret")
				}
			}
			if shows(log.String()) || log.Len() == 0 {
				t.Error("the log shows the secret, or is empty")
			}
		})
	}
}

func TestTheErrorOfAVaultCanBeUnwrapped(t *testing.T) {
	_, c, _ := newRotated(t, 1)
	_, err := c.RotateKey(t.Context(), func(_ context.Context, key subscription.SigningKey) error { return quoting{key.SigningKey.Reveal()} })
	q, ok := errors.AsType[quoting](err)
	if !ok || strings.Contains(err.Error(), q.what) || !strings.Contains(err.Error(), "whose text may contain the secret") {
		t.Errorf("error %v", err)
	}
}

func TestAWebhookPrintsNoURL(t *testing.T) {
	text := everyVerb(subscription.Webhook{WebhookID: webhookID, URL: "https://gateway.example/?token=" + canary, Status: subscription.WebhookStatusEnabled})
	// encoding/json stores a webhook with its URL.
	text = strings.ReplaceAll(text, `"url":"https://gateway.example/?token=`+canary, "")
	if !strings.Contains(text, "subscription.Webhook{"+webhookID+" ENABLED}") {
		t.Errorf("prints %s", text)
	}
	for line := range strings.Lines(text) {
		if shows(line) && !strings.Contains(line, "%!p") && !strings.Contains(line, "%!w") {
			t.Errorf("prints %s", line)
		}
	}
}
