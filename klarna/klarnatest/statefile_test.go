package klarnatest_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

func statePath(t testing.TB) string { return filepath.Join(t.TempDir(), "state") }

// killed returns a copy of a state file as a killed server would leave it.
func killed(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	left := statePath(t)
	if err := os.WriteFile(left, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return left
}

// sameInFile fails the test if a restart would lose a part of the state.
func sameInFile(t testing.TB, server *klarnatest.Server, after string) {
	t.Helper()
	inMemory, inFile, err := server.StateInMemoryAndInFile()
	if err != nil {
		t.Fatalf("after %s: %v", after, err)
	}
	if inMemory != inFile {
		lines := func(s string) []string { return strings.Split(strings.ReplaceAll(s, ",", ",\n"), "\n") }
		t.Fatalf("after %s (-in memory +in the file):\n%s", after, cmp.Diff(lines(inMemory), lines(inFile)))
	}
}

func TestRandomOperationsAreInTheStateFile(t *testing.T) {
	receiver := klarnatest.WithWebhookTransport(moody{mathrand.New(mathrand.NewPCG(1, 0))})
	random := mathrand.New(mathrand.NewPCG(20251201, 0))
	for range 4 { // few, because the whole file is read at each step
		w := newWalk(t, random, klarnatest.WithStateFile(statePath(t)), receiver)
		w.server.Subscribe("https://shop.example/webhook")
		for range 40 {
			w.step()
			w.server.Flush()
			sameInFile(t, w.server, w.trace[len(w.trace)-1])
		}
		w.server.Close()
	}
}

// moody is a receiver of webhooks that sometimes answers.
type moody struct{ *mathrand.Rand }

func (m moody) RoundTrip(*http.Request) (*http.Response, error) {
	switch m.IntN(4) {
	case 0:
		return nil, errors.New("the receiver is unreachable")
	case 1:
		return &http.Response{StatusCode: http.StatusInternalServerError, Body: http.NoBody}, nil
	}
	return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody}, nil
}

// everything returns the changes of a server that random operations do not make.
func (c client) everything() map[string]func() {
	server := c.server
	receiver := "https://shop.example/webhook"
	return map[string]func(){
		"accounts": func() {
			account := server.AddAccount()
			token, err := server.IssueSessionTokenFor(account, "EUR", 100)
			if err != nil {
				c.Fatal(err)
			}
			c.want(200, "POST", "/v2/accounts/"+account+"/payment/authorize", order(100), withToken(token), "Klarna-Idempotency-Key: \xe9\xff")
		},
		"customer tokens": func() {
			stored := c.store()
			c.want(201, "POST", requestsPath, draft(100), withCustomer(stored))
			c.want(204, "DELETE", "/v2/payment/tokens/"+stored, nil)
			first := stepUp(100)
			first["request_customer_token"] = tokenRequest()
			c.token(c.want(200, "POST", authorizePath, first).text("payment_request.payment_request_id"))
		},
		"session tokens": func() {
			c.want(204, "DELETE", "/v2/payment/tokens/"+server.IssueSessionToken("EUR", 1), nil)
			c.want(201, "POST", "/v2/interoperability/tokens", nil, "Klarna-Idempotency-Key: k")
			test := c.want(201, "POST", "/v2/interoperability/test-tokens", nil, "Klarna-Idempotency-Key: k").text("interoperability_token")
			c.want(200, "POST", authorizePath, order(300), withToken(test))
		},
		"transactions": func() {
			id := c.pay(1000)
			path := "/v2/payment/transactions/" + id
			c.capture(id, 600)
			c.want(200, "PATCH", path, obj{"payment_transaction_reference": "other"})
			c.want(201, "POST", path+"/refund", obj{"refund_amount": 100, "refund_reference": "r"})
			if _, err := server.Chargeback(id, 50); err != nil {
				c.Fatal(err)
			}
			c.want(200, "POST", path+"/void", nil, "Klarna-Idempotency-Key: "+rand.Text())
		},
		"shipping": func() {
			id := c.start(500)
			option := klarnatest.ShippingOption{Reference: "x", Price: 90, Type: "TO_DOOR", Attributes: []string{"EXPRESS"}}
			if err := server.ChangeShipping(id, option); err != nil {
				c.Fatal(err)
			}
			c.token(id)
		},
		"requests that fail": func() {
			c.want(404, "GET", "/v2/nowhere?a=%ff&b=1&b=2", nil, "X-Bytes: \xff")
			c.want(400, "POST", authorizePath, "\xff")
			server.Script(klarnatest.Fault{Kind: klarnatest.FaultDropAfter}, klarnatest.Fault{Kind: klarnatest.FaultDropBefore})
			for range 2 {
				if _, err := c.send("POST", authorizePath, stepUp(1)); err == nil {
					c.Fatal("the answer was not interrupted")
				}
			}
		},
		"webhooks": func() {
			key := c.signingKey()
			id := c.webhook(receiver, key.ID, "payment.request.*")
			server.ScriptWebhook("*", klarnatest.WebhookFaultLate)
			c.start(1)
			c.want(200, "PATCH", "/v2/notification/webhooks/"+id, obj{"status": "DISABLED"})
			c.want(200, "PATCH", "/v2/notification/webhooks/"+id, obj{"status": "ENABLED"})
			server.ScriptWebhook("*", klarnatest.WebhookFaultReorder)
			c.start(1)
			c.want(204, "DELETE", "/v2/notification/webhooks/"+id, nil)
			c.want(204, "DELETE", "/v2/notification/signing-keys/"+key.ID, nil)
			server.Subscribe(receiver, "payment.*")
			server.ScriptWebhook("*", klarnatest.WebhookFaultReorder)
			c.start(1)
		},
		"settings": func() {
			server.SetInstruction("HIDE_KLARNA")
			server.SetDuplicateComplete(true)
		},
	}
}

func TestEveryChangeIsInTheStateFile(t *testing.T) {
	for name, opts := range map[string][]klarnatest.Option{
		"of a server that remembers all": nil,
		"of a server that forgets":       {klarnatest.WithRetention(time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			opts = append(opts, klarnatest.WithStateFile(statePath(t)), klarnatest.WithWebhookTransport(answering(503)))
			server, c := newSocketless(t, opts...)
			for name, do := range c.everything() {
				do()
				server.Flush()
				sameInFile(t, server, name)
				server.Advance(time.Minute)
				sameInFile(t, server, name+" and a minute")
			}
			c.allEndings()
			for range 8 {
				server.Advance(6 * time.Hour)
				sameInFile(t, server, "six hours")
			}
		})
	}
}

// seen returns everything that a client and a test can read from a server.
func (c client) seen() map[string]any {
	c.Helper()
	server := c.server
	all := map[string]any{
		"key":          server.APIKey,
		"client id":    server.ClientID,
		"account":      server.PartnerAccountID,
		"time":         server.Now(),
		"requests":     server.Requests(),
		"payments":     server.PaymentRequests(),
		"transactions": server.Transactions(),
		"captures":     server.Captures(),
		"refunds":      server.Refunds(),
		"deliveries":   fmt.Sprintf("%+v", server.Deliveries()),
	}
	paths := []string{presentationPath + "?" + presentationQuery, "/v2/notification/webhooks", "/v2/notification/signing-keys"}
	for _, r := range server.PaymentRequests() {
		paths = append(paths, requestsPath+"/"+r.PaymentRequestID)
	}
	for _, transaction := range server.Transactions() {
		paths = append(paths, "/v2/accounts/"+transaction.PartnerAccountID+"/payment/transactions/"+transaction.PaymentTransactionID)
	}
	for _, capture := range server.Captures() {
		paths = append(paths, "/v2/payment/captures/"+capture.PaymentCaptureID)
	}
	for _, refund := range server.Refunds() {
		paths = append(paths, "/v2/payment/refunds/"+refund.PaymentRefundID)
	}
	for _, path := range paths {
		r := c.do("GET", path, nil)
		all[path] = fmt.Sprintf("%d %s", r.status, r.raw)
	}
	return all
}

func TestAKilledServerComesBackAsItWas(t *testing.T) {
	path := statePath(t)
	unreachable := klarnatest.WithWebhookTransport(roundTrip(func(*http.Request) (*http.Response, error) {
		return nil, errors.New("the receiver is unreachable")
	}))
	// Without a socket both servers have the same address, so that every byte can be compared.
	first, c := newSocketless(t, klarnatest.WithStateFile(path), unreachable)
	for _, do := range c.everything() {
		do()
	}
	first.Flush()
	left := killed(t, path)
	before := c.seen()

	_, c = newSocketless(t, klarnatest.WithStateFile(left), unreachable)
	if diff := cmp.Diff(before, c.seen()); diff != "" {
		t.Errorf("before the kill and after (-before +after):\n%s", diff)
	}
}

func TestPaymentContinuesAfterARestart(t *testing.T) {
	path := statePath(t)
	first := klarnatest.NewServer(t, klarnatest.WithStateFile(path))
	c := newClient(t, first)
	const key = "Klarna-Idempotency-Key: first"
	answered := c.want(200, "POST", authorizePath, stepUp(700), key)
	id := answered.text("payment_request.payment_request_id")
	left := killed(t, path)

	second := klarnatest.NewServer(t, klarnatest.WithStateFile(left))
	c = newClient(t, second)
	if first.URL == second.URL {
		t.Fatalf("both servers are at %s", first.URL)
	}
	again := c.want(200, "POST", authorizePath, stepUp(700), key)
	equal(t, "the first answer", string(again.raw), string(answered.raw))
	c.want(409, "POST", authorizePath, stepUp(800), key)

	const urlPath = "state_context.customer_interaction.payment_request_url"
	address := c.want(200, "GET", requestsPath+"/"+id, nil).text(urlPath)
	equal(t, "payment_request_url", address, second.URL+strings.TrimPrefix(answered.text("payment_request."+urlPath), first.URL))
	equal(t, "in the ledger", second.PaymentRequests()[0].PaymentRequestURL, address)
	c.shows(c.browse(200, "GET", address, ""), "Pay €7.00")
	token := c.token(id)
	paid := c.want(200, "POST", authorizePath, order(700), withToken(token), key+"2")

	_, c = newSocketless(t, klarnatest.WithStateFile(killed(t, left)))
	equal(t, "by the token", string(c.want(200, "POST", authorizePath, order(700), withToken(token)).raw), string(paid.raw))
	equal(t, "by the key", string(c.want(200, "POST", authorizePath, order(700), withToken(token), key+"2").raw), string(paid.raw))
	c.want(409, "DELETE", requestsPath+"/"+id, nil)
	equal(t, "transactions", len(c.server.Transactions()), 1)
	c.server.CheckInvariants(t)
}

func TestJournalSurvivesAKill(t *testing.T) {
	path := statePath(t)
	first, c := newSocketless(t, klarnatest.WithStateFile(path))
	c.want(200, "POST", authorizePath, order(100), withToken(first.IssueSessionToken("EUR", 100)))
	second, c := newSocketless(t, klarnatest.WithStateFile(killed(t, path)))
	c.want(200, "POST", authorizePath, order(100), withToken(second.IssueSessionToken("EUR", 100)))
	equal(t, "two purchases of one reference", len(judge(t, second)), 1)
}

func TestForgottenCustomerTokenSurvivesARestart(t *testing.T) {
	path := statePath(t)
	server, c := newSocketless(t, klarnatest.WithStateFile(path), klarnatest.WithRetention(time.Hour))
	first := stepUp(100)
	first["request_customer_token"] = tokenRequest()
	id := c.want(200, "POST", authorizePath, first).text("payment_request.payment_request_id")
	c.token(id)
	token := server.PaymentRequests()[0].CustomerToken
	c.want(204, "DELETE", "/v2/payment/tokens/"+token, nil)
	server.Advance(90 * time.Minute)
	c.want(404, "DELETE", "/v2/payment/tokens/"+token, nil)
	before := c.want(200, "GET", requestsPath+"/"+id, nil)

	_, c = newSocketless(t, klarnatest.WithStateFile(killed(t, path)), klarnatest.WithRetention(time.Hour))
	equal(t, "after a restart", string(c.want(200, "GET", requestsPath+"/"+id, nil).raw), string(before.raw))
	c.want(400, "POST", requestsPath, draft(1), withCustomer(token))
}

// receive waits for the next delivery that reaches a receiver.
func receive(t *testing.T, arrivals <-chan *http.Request) {
	t.Helper()
	select {
	case <-arrivals:
	case <-t.Context().Done():
		t.Fatal("no webhook arrived")
	}
}

func TestWebhooksAreDeliveredAfterAKill(t *testing.T) {
	for _, tc := range []struct {
		name     string
		before   roundTrip
		script   klarnatest.WebhookFault
		attempt  int           // the attempt that succeeds
		wait     time.Duration // until the attempt that succeeds
		attempts int           // in the logs of both servers
	}{
		{"one that was being delivered, immediately", nil, 0, 1, 0, 1},
		{"one that failed, on its schedule", answering(500).(roundTrip), 0, 2, 10 * time.Second, 2},
		{"one that is delayed, when it is due", nil, klarnatest.WebhookFaultLate, 1, time.Minute, 1},
		{"one that is reordered, when it is due", nil, klarnatest.WebhookFaultReorder, 1, time.Minute, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := statePath(t)
			arrivals := make(chan *http.Request, 1)
			before := tc.before
			if before == nil {
				before = func(r *http.Request) (*http.Response, error) {
					arrivals <- r
					<-r.Context().Done() // until the first server is closed, at the end
					return nil, r.Context().Err()
				}
			}
			first, c := newSocketless(t, klarnatest.WithStateFile(path), klarnatest.WithWebhookTransport(before))
			key := first.Subscribe("https://shop.example/webhook", "payment.request.state-change.submitted")
			if tc.script > 0 {
				first.ScriptWebhook("*", tc.script)
			}
			c.start(100)
			switch {
			case tc.before != nil:
				first.Flush()
			case tc.script == 0:
				receive(t, arrivals)
			}
			left := killed(t, path)

			second, _ := newSocketless(t, klarnatest.WithStateFile(left), klarnatest.WithWebhookTransport(answering(204)))
			second.Flush()
			if tc.wait > 0 {
				second.Advance(tc.wait - time.Second)
				equal(t, "delivered before it is due", len(second.Deliveries()), tc.attempts-1)
				second.Advance(time.Second)
			}
			log := second.Deliveries()
			if len(log) != tc.attempts {
				t.Fatalf("%d deliveries, want %d", len(log), tc.attempts)
			}
			last := log[len(log)-1]
			equal(t, "attempt", last.Attempt, tc.attempt)
			equal(t, "status", last.StatusCode, 204)
			equal(t, "key", last.Header.Get("Klarna-Signing-Key-Id"), key.ID)
			equal(t, "event", log[0].EventID, last.EventID)
			second.Advance(48 * time.Hour)
			equal(t, "in the end, with the expired one's none", len(second.Deliveries()), tc.attempts)
		})
	}
}

func TestInterruptedDeliveryIsRepeatedAfterARestart(t *testing.T) {
	path := statePath(t)
	arrivals := make(chan *http.Request, 1)
	first, err := klarnatest.Start(klarnatest.WithStateFile(path), klarnatest.WithoutSocket(), klarnatest.WithWebhookTransport(
		roundTrip(func(r *http.Request) (*http.Response, error) {
			arrivals <- r
			<-r.Context().Done()
			return nil, r.Context().Err()
		})))
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	first.Subscribe("https://shop.example/webhook", "payment.request.state-change.submitted")
	client{t, first, &http.Client{Transport: first.Transport()}}.start(100)
	receive(t, arrivals)
	first.Close()

	second, _ := newSocketless(t, klarnatest.WithStateFile(path), klarnatest.WithWebhookTransport(answering(204)))
	second.Flush()
	equal(t, "deliveries", len(second.Deliveries()), 1)
	equal(t, "attempt", second.Deliveries()[0].Attempt, 1)
}

func TestOverdueActionsRunAtTheStart(t *testing.T) {
	for name, moved := range map[string]time.Duration{"by the machine's clock": 0, "by a clock that was moved": 1000 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			path := statePath(t)
			synctest.Test(t, func(t *testing.T) {
				opts := []klarnatest.Option{klarnatest.WithRunningClock(), klarnatest.WithWebhookTransport(answering(204))}
				first, c := newSocketless(t, append(opts, klarnatest.WithStateFile(path))...)
				first.Advance(moved)
				first.Subscribe("https://shop.example/webhook")
				token := c.token(c.start(100))
				abandoned := c.start(200)
				c.want(200, "POST", authorizePath, order(300), withToken(first.IssueSessionToken("EUR", 300)))
				synctest.Wait()
				left := killed(t, path)
				delivered, at := len(first.Deliveries()), first.Now()
				first.Close()

				down := 3*time.Hour + time.Second
				<-time.After(down)
				second, c := newSocketless(t, append(opts, klarnatest.WithStateFile(left))...)
				synctest.Wait()
				equal(t, "time", second.Now(), at.Add(down))
				equal(t, "the abandoned one", c.want(200, "GET", requestsPath+"/"+abandoned, nil).text("state"), "EXPIRED")
				equal(t, "its webhook", len(second.Deliveries()), delivered+1)
				c.want(409, "POST", authorizePath, order(100), withToken(token))

				// A transaction expires and closes, and a key and a token are removed.
				transaction := "/v2/payment/transactions/" + second.Transactions()[0].PaymentTransactionID
				<-time.After(28 * 24 * time.Hour)
				equal(t, "the transaction", c.want(200, "GET", transaction, nil).text("state"), "EXPIRED")
				left = killed(t, left)
				second.Close()
				<-time.After(7 * 24 * time.Hour)
				third, c := newSocketless(t, append(opts, klarnatest.WithStateFile(left))...)
				equal(t, "after its grace", c.want(200, "GET", transaction, nil).text("state"), "CLOSED")
				equal(t, "keys", third.Held()["idempotency keys"], 0)
				equal(t, "tokens", third.Held()["session tokens"], 0)
				equal(t, "appointments", third.Held()["appointments"], 0)
				c.want(400, "POST", authorizePath, order(100), withToken(token))
				third.Close()
			})
		})
	}
}

func TestRetentionContinuesAfterARestart(t *testing.T) {
	path := statePath(t)
	_, c := newSocketless(t, klarnatest.WithStateFile(path), klarnatest.WithRetention(time.Hour))
	c.allEndings()
	before := c.server.Held()["payment requests"]
	second, _ := newSocketless(t, klarnatest.WithStateFile(killed(t, path)), klarnatest.WithRetention(time.Hour))
	equal(t, "at first", second.Held()["payment requests"], before)
	second.Advance(time.Hour - time.Second)
	equal(t, "before the hour is over", len(second.Transactions()), 2)
	second.Advance(time.Second)
	equal(t, "then", len(second.Transactions()), 0)
	second.Advance(48 * time.Hour)
	for what, n := range second.Held() {
		equal(t, what, n, 0)
	}
}

func TestUntrustedStateFileIsLeftUnchanged(t *testing.T) {
	path := statePath(t)
	_, c := newSocketless(t, klarnatest.WithStateFile(path))
	c.pay(100)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	deltas := klarnatest.DeltasOf(whole)
	header, rest, _ := bytes.Cut(whole, []byte("\n"))
	flipped := bytes.Clone(whole)
	flipped[len(whole)/2] ^= 1
	for name, tc := range map[string]struct {
		file []byte
		want string
	}{
		"an empty one":                        {nil, "is not a state file"},
		"another kind of file":                {[]byte("key=value\n"), "is not a state file"},
		"one with a later version":            {klarnatest.StateFileOf(2, deltas...), `is of version "2", and this klarnatest reads version 1`},
		"one without a beginning":             {append(slices.Concat(header, []byte("\n")), rest[20:]...), "line 2: the checksum is wrong"},
		"one with a wrong bit":                {flipped, "the checksum is wrong"},
		"one whose first delta is incomplete": {whole[:len(header)+200], "line 2: the line is incomplete"},
		"a header alone":                      {slices.Concat(header, []byte("\n")), "it has no server"},
		"one with an unknown member":          {klarnatest.StateFileOf(1, `{"servers":{}}`), `unknown field "servers"`},
		"one with data after the JSON":        {klarnatest.StateFileOf(1, deltas[0]+"{}"), "there is data after the JSON"},
		"one without accounts":                {klarnatest.StateFileOf(1, `{"server":{"api_key":"k"}}`), "no key or no account"},
		"one with a time that is too late":    {klarnatest.StateFileOf(1, strings.Replace(deltas[0], `"frozen":"2`, `"frozen":"9`, 1)), "the clock is out of range"},
		"one with an unknown account":         {klarnatest.StateFileOf(1, deltas[0], `{"customer_tokens":[{"value":"v","account":"a"}]}`), `account "a"`},
	} {
		t.Run(name, func(t *testing.T) {
			path := statePath(t)
			if err := os.WriteFile(path, tc.file, 0o600); err != nil {
				t.Fatal(err)
			}
			server, err := klarnatest.Start(klarnatest.WithStateFile(path))
			if err == nil {
				server.Close()
				t.Fatal("the server started")
			}
			if !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("error %q, want it to name the file and %q", err, tc.want)
			}
			if left, _ := os.ReadFile(path); !bytes.Equal(left, tc.file) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestRecordsWithoutOwnerAreRefused(t *testing.T) {
	server := `{"server":{"api_key":"k","client_id":"c","accounts":["a"],"frozen":"2026-01-01T00:00:00Z"}}`
	const at = `"created_at":"2026-01-01T00:00:00Z"`
	for delta, want := range map[string]string{
		`{"payment_requests":[{"id":"r","account":"b",` + at + `}]}`:                                                         `account "b"`,
		`{"transactions":[{"id":"t","account":"b",` + at + `}]}`:                                                             `account "b"`,
		`{"captures":[{"id":"c","transaction":"t",` + at + `}]}`:                                                             `transaction "t" of c`,
		`{"refunds":[{"id":"r","transaction":"t",` + at + `}]}`:                                                              `transaction "t" of r`,
		`{"transactions":[{"id":"t","account":"a"}],"refunds":[{"id":"r","transaction":"t","capture":"c"}]}`:                 `capture "c" of r`,
		`{"chargebacks":[{"id":"b","transaction":"t",` + at + `}]}`:                                                          `transaction "t" of b`,
		`{"session_tokens":[{"value":"v","account":"b"}]}`:                                                                   `account "b"`,
		`{"session_tokens":[{"value":"v","account":"a","request":"r"}]}`:                                                     `payment request "r" of a session token`,
		`{"session_tokens":[{"value":"v","account":"a","answer":{"status":99}}]}`:                                            "status 99",
		`{"remembered":[{"account":"b"}]}`:                                                                                   `account "b"`,
		`{"remembered":[{"account":"a","answer":{"status":600}}]}`:                                                           "status 600",
		`{"remembered":[{"account":"a","answer":{"status":200},"fingerprint":"aaaa"}]}`:                                      "wrong length",
		`{"webhooks":[{"id":"w","signing_key":"k"}]}`:                                                                        `signing key "k" of w`,
		`{"shipments":[{"number":1,"webhook":"w","event_id":"e"}]}`:                                                          `webhook "w" of e`,
		`{"signing_keys":[{"id":"k"}],"webhooks":[{"id":"w","signing_key":"k"}],"shipments":[{"webhook":"w","attempt":-1}]}`: "delivered -1 times",
		`{"requests":[{"number":1,"header":"%"}]}`:                                                                           "header",
		`{"deliveries":[{"header":"%"}]}`:                                                                                    "header",
		`{"session_tokens":[{"value":"v","account":"a","answer":{"status":200,"header":"%"}}]}`:                              "header",
		`{"requests":[{"number":1,"query":"%"}]}`:                                                                            "query",
	} {
		path := statePath(t)
		if err := os.WriteFile(path, klarnatest.StateFileOf(1, server, delta), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := klarnatest.Start(klarnatest.WithStateFile(path), klarnatest.WithoutSocket())
		if err == nil {
			s.Close()
			t.Errorf("%s: the server started", delta)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %q, want %q", delta, err, want)
		}
	}
}

func TestUnfinishedLastLineIsIgnored(t *testing.T) {
	path := statePath(t)
	_, c := newSocketless(t, klarnatest.WithStateFile(path))
	id := c.start(100)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c.start(200)
	longer, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := len(whole); cut < len(longer); cut += 97 {
		left := statePath(t)
		if err := os.WriteFile(left, longer[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		server, err := klarnatest.Start(klarnatest.WithStateFile(left), klarnatest.WithoutSocket())
		if err != nil {
			t.Fatalf("cut after %d bytes: %v", cut, err)
		}
		equal(t, "the first one", server.PaymentRequests()[0].PaymentRequestID, id)
		server.Close()
		again, _ := os.ReadFile(left)
		if !bytes.HasSuffix(again, []byte("\n")) {
			t.Error("the incomplete line was not removed")
		}
	}
}

func TestTwoServersDoNotShareAStateFile(t *testing.T) {
	path := statePath(t)
	first := klarnatest.NewServer(t, klarnatest.WithStateFile(path))
	if _, err := klarnatest.Start(klarnatest.WithStateFile(path)); err == nil || !strings.Contains(err.Error(), "in use by another server") {
		t.Errorf("a second server: %v", err)
	}
	first.Close()
	second := klarnatest.NewServer(t, klarnatest.WithStateFile(path))
	equal(t, "the same key", second.APIKey, first.APIKey)
	second.Close()

	// A start that fails because the address is in use releases the file.
	other := klarnatest.NewServer(t)
	if _, err := klarnatest.Start(klarnatest.WithStateFile(path), klarnatest.WithAddr(strings.TrimPrefix(other.URL, "http://"))); err == nil {
		t.Fatal("two servers listen on one address")
	}
	klarnatest.NewServer(t, klarnatest.WithStateFile(path))
}

func TestStateFileIsReadableByItsOwnerOnly(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // without file modes
	}
	path := statePath(t)
	klarnatest.NewServer(t, klarnatest.WithStateFile(path)).Close()
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", []byte("left by a kill"), 0o644); err != nil {
		t.Fatal(err)
	}
	klarnatest.NewServer(t, klarnatest.WithStateFile(path))
	files, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		about, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, filepath.Base(file), about.Mode().String(), "-rw-------")
	}
	equal(t, "files", len(files), 2)
}

func TestStateFileSizeIsBounded(t *testing.T) {
	path := statePath(t)
	server, c := newSocketless(t, klarnatest.WithStateFile(path), klarnatest.WithRetention(time.Minute))
	largest := int64(0)
	for range 40 {
		for range 50 {
			c.start(100)
		}
		about, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		largest = max(largest, about.Size())
		server.Advance(25 * time.Hour)
	}
	if largest < 1<<20 || largest > 2<<20 {
		t.Errorf("the file had %d bytes", largest)
	}
	sameInFile(t, server, "many rewrites")
}

func TestAnswersWaitForTheStateFile(t *testing.T) {
	path := statePath(t)
	server := klarnatest.NewServer(t, klarnatest.WithStateFile(path))
	c := newClient(t, server)
	repair, err := server.BreakStateFile()
	if err != nil {
		t.Fatal(err)
	}
	const key = "Klarna-Idempotency-Key: k"
	equal(t, "code", c.want(500, "POST", authorizePath, stepUp(100), key).text("error_code"), "INTERNAL_ERROR")
	c.want(500, "GET", presentationPath+"?"+presentationQuery, nil)
	c.browse(500, "GET", server.URL+"/customer/icon.svg", "")
	repair()
	c.want(200, "POST", authorizePath, stepUp(100), key)
	equal(t, "payment requests", len(server.PaymentRequests()), 1)
	sameInFile(t, server, "the repair")
	if _, err := klarnatest.Start(klarnatest.WithStateFile(filepath.Join(path, "below", "a file"))); err == nil {
		t.Error("a state file was created in a missing directory")
	}
}

func TestCertificateSurvivesARestart(t *testing.T) {
	path := statePath(t)
	first := klarnatest.NewServer(t, klarnatest.WithStateFile(path), klarnatest.WithTLS())
	certificate, err := first.IssueClientCertificate()
	if err != nil {
		t.Fatal(err)
	}
	trusting := first.Client(certificate)
	first.Close()
	klarnatest.NewServer(t, klarnatest.WithStateFile(path)).Close() // without TLS in between
	second := klarnatest.NewServer(t, klarnatest.WithStateFile(path), klarnatest.WithTLS())
	r := client{t, second, trusting}.want(200, "GET", presentationPath+"?"+presentationQuery, nil)
	equal(t, "client certificate", r.header.Get("Klarna-Mtls-Verification-Status"), "VALID")
	trusting.CloseIdleConnections()

	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wrong := statePath(t)
	broken := regexp.MustCompile(`"authority":{[^}]*}`).ReplaceAllString(klarnatest.DeltasOf(data)[0], `"authority":{"certificate":"AAAA","key":"AAAA"}`)
	if err := os.WriteFile(wrong, klarnatest.StateFileOf(1, broken), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := klarnatest.Start(klarnatest.WithStateFile(wrong), klarnatest.WithTLS()); err == nil {
		t.Error("a server without a certificate started")
	}
}

// FuzzStateFile starts a server on an arbitrary file, or with an arbitrary delta after the first
// one. The start fails, or the server works.
func FuzzStateFile(f *testing.F) {
	path := statePath(f)
	server, err := klarnatest.Start(klarnatest.WithStateFile(path), klarnatest.WithoutSocket(), klarnatest.WithWebhookTransport(answering(500)))
	if err != nil {
		f.Fatal(err)
	}
	defer server.Close()
	c := client{f, server, &http.Client{Transport: server.Transport()}}
	server.Subscribe("https://shop.example/webhook")
	c.capture(c.pay(700), 100)
	c.store()
	c.token(c.start(500))
	server.Flush()
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	deltas, key := klarnatest.DeltasOf(whole), server.APIKey
	for _, delta := range deltas {
		f.Add([]byte(nil), delta)
	}
	f.Add(whole, "")
	f.Add([]byte("klarnatest state, version 1\n00000000 {}\n"), "")
	f.Fuzz(func(t *testing.T, file []byte, delta string) {
		if len(file) == 0 {
			file = klarnatest.StateFileOf(1, deltas[0], delta)
		}
		path := statePath(t)
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		opts := []klarnatest.Option{klarnatest.WithStateFile(path), klarnatest.WithoutSocket(), klarnatest.WithWebhookTransport(answering(204))}
		server, err := klarnatest.Start(opts...)
		if err != nil {
			return
		}
		defer server.Close()
		c := client{t, server, &http.Client{Transport: server.Transport()}}
		if server.APIKey != key { // the key may have characters that no header can hold
			return
		}
		c.start(100)
		for _, r := range server.PaymentRequests() {
			c.do("GET", requestsPath+"/"+url.PathEscape(r.PaymentRequestID), nil)
			c.do("GET", "/customer/payment-requests/"+url.PathEscape(strings.TrimPrefix(r.PaymentRequestID, "krn:payment:eu1:request:")), nil)
		}
		for _, transaction := range server.Transactions() {
			c.do("GET", "/v2/payment/transactions/"+url.PathEscape(transaction.PaymentTransactionID), nil)
			_, _ = server.Chargeback(transaction.PaymentTransactionID, 1)
		}
		server.Advance(40 * 24 * time.Hour)
	})
}

func BenchmarkStateFile(b *testing.B) {
	for name, opts := range map[string][]klarnatest.Option{
		"without": nil,
		"with":    {klarnatest.WithStateFile(statePath(b))},
	} {
		b.Run(name, func(b *testing.B) {
			server, err := klarnatest.Start(append(opts, klarnatest.WithoutSocket(), klarnatest.WithWebhookTransport(answering(204)))...)
			if err != nil {
				b.Fatal(err)
			}
			defer server.Close()
			server.Subscribe("https://shop.example/webhook")
			l := newLoad(b, server, server.Transport())
			for b.Loop() {
				if _, err := l.call(context.Background(), http.MethodPost, authorizePath, l.first, ""); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
