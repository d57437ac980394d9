package klarna_test

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/internal/test/answers"
	"github.com/klarna-go/klarna-go/internal/test/rawserver"
	"github.com/klarna-go/klarna-go/klarna"
)

const foreignCanary = "canary-of-another-customer"

// foreignAnswer returns an answer that echoes the correlation id of another request.
func foreignAnswer(status int) string {
	body := `{"error_id":"` + foreignCanary + `","error_code":"` + strings.ToUpper(foreignCanary) + `","id":"` + foreignCanary + `"}`
	if status == http.StatusNoContent {
		body = ""
	}
	return "HTTP/1.1 " + strconv.Itoa(status) + " " + foreignCanary + "\r\nPartner-Correlation-Id: " + foreignCanary + "\r\nKlarna-Correlation-Id: " + foreignCanary +
		"\r\nRetry-After: 7\r\nX-Ratelimit-Limit: 77\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

// TestNothingOfAForeignAnswerIsKept covers each status, and answers that are cut.
func TestNothingOfAForeignAnswerIsKept(t *testing.T) {
	const endless = "HTTP/1.1 200 OK\r\nPartner-Correlation-Id: " + foreignCanary + "\r\nKlarna-Correlation-Id: " + foreignCanary + "\r\n"
	answers := map[string]string{
		"that is cut":       endless + "Content-Length: 100\r\n\r\n{\"id\":\"" + foreignCanary,
		"that is too large": endless + "Content-Length: 2000\r\n\r\n" + strings.Repeat(foreignCanary, 100)[:2000],
		"that is not JSON":  endless + "Content-Length: 26\r\n\r\n" + foreignCanary,
	}
	for _, status := range []int{200, 204, 302, 400, 401, 404, 409, 429, 500, 503} {
		answers["of status "+strconv.Itoa(status)] = foreignAnswer(status)
	}
	for name, text := range answers {
		t.Run(name, func(t *testing.T) {
			connections := make(chan int, 16)
			url := rawserver.Listen(t, func(n int, conn net.Conn) {
				if _, err := readSent(bufio.NewReader(conn)); err != nil {
					return
				}
				connections <- n
				_, _ = io.WriteString(conn, text)
				if !strings.Contains(name, "cut") {
					hold(conn) // until the client closes it
				}
			})
			var logged bytes.Buffer
			logger := slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
			var response klarna.Response
			var got session
			client := newClient(t, url, klarna.WithLogger(logger), klarna.WithMaxResponseBytes(1000))
			start := time.Now()
			raw, failed := client.Do(t.Context(), authorize(), &got, klarna.WithResponse(&response))
			within(t, soon, start) // nobody waits for the Retry-After of another
			err, ok := errors.AsType[*klarna.Error](failed)
			if !ok || !errors.Is(failed, klarna.ErrForeignAnswer) || err.Outcome != klarna.OutcomeUnknown {
				t.Fatalf("%v", failed)
			}
			if len(err.Attempts) != 4 || len(connections) != 4 {
				t.Errorf("%d attempts on %d connections, want 4 on 4", len(err.Attempts), len(connections))
			}
			asJSON, _ := json.Marshal([]any{err, err.Attempts, response.Attempts})
			shown := fmt.Sprintf("%v %+v %#v %v %q %v %v %v %v %s %s", err, err.ValidationErrors, got, response, response.Body.Bytes(), response.Header, err.Message, err.Code, err.ID, asJSON, raw.Bytes()) +
				err.CorrelationID + response.CorrelationID + logged.String()
			if strings.Contains(strings.ToLower(shown), foreignCanary) {
				t.Errorf("the foreign answer shows in %s", shown)
			}
			if response.StatusCode != 0 || err.StatusCode != 0 || err.RateLimit.Limit != -1 {
				t.Errorf("status %d, quota %d", err.StatusCode, err.RateLimit.Limit)
			}
		})
	}
}

// TestEvidenceDecidesWhoseAnswerItIs checks the rules of evidence one by one.
func TestEvidenceDecidesWhoseAnswerItIs(t *testing.T) {
	path := klarna.Call{Operation: "authorization.payment_request.read", IDs: []string{"p-1"}}
	void := klarna.Call{Operation: "authorization.transaction.void", IDs: []string{"t-1"}, Reference: "t-1"}
	for name, test := range map[string]struct {
		call    klarna.Call
		options []klarna.CallOption
		echo    []string
		body    string
		foreign bool
	}{
		"no evidence":                                         {call: path, body: `{}`},
		"the echo confirms":                                   {call: path, echo: []string{"mine"}, body: `{}`},
		"the echo contradicts":                                {call: path, echo: []string{"other"}, body: `{}`, foreign: true},
		"an empty echo says nothing":                          {call: path, echo: []string{""}, body: `{}`},
		"one of two echoes confirms":                          {call: path, echo: []string{"other", "mine"}, body: `{}`},
		"one of two folded echoes confirms":                   {call: path, echo: []string{"other, mine"}, body: `{}`},
		"the id in the path":                                  {call: path, body: `{"payment_request_id":"p-1"}`},
		"another id":                                          {call: path, body: `{"payment_request_id":"p-2"}`, foreign: true},
		"another id, though the echo confirms":                {call: path, echo: []string{"mine"}, body: `{"payment_request_id":"p-2"}`, foreign: true},
		"the id does not confirm a call that is not repeated": {call: path, echo: []string{"other"}, body: `{"payment_request_id":"p-1"}`, foreign: true},
		"the id confirms a repeat with a derived key":         {call: void, echo: []string{"other"}, body: `{"payment_transaction_id":"t-1"}`},
		"another id of a repeat":                              {call: void, echo: []string{"other"}, body: `{"payment_transaction_id":"t-2"}`, foreign: true},
		"a repeat without evidence for it":                    {call: void, echo: []string{"other"}, body: `{}`, foreign: true},
		"the id confirms a repeat with the caller's key": {
			call: klarna.Call{Operation: "authorization.transaction.extend", IDs: []string{"t-1"}}, options: []klarna.CallOption{klarna.WithIdempotencyKey("key")},
			echo: []string{"other"}, body: `{"payment_transaction_id":"t-1"}`,
		},
		"the id does not confirm a call with a random key": {
			call: klarna.Call{Operation: "authorization.transaction.extend", IDs: []string{"t-1"}}, echo: []string{"other"}, body: `{"payment_transaction_id":"t-1"}`, foreign: true,
		},
		"a deletion with another id": {call: klarna.Call{Operation: "subscription.webhook.delete", IDs: []string{"w-1"}}, body: `{"webhook_id":"w-2"}`, foreign: true},
	} {
		t.Run(name, func(t *testing.T) {
			client := stubbed(t, func(r *http.Request) (*http.Response, error) {
				response := respond(r, 200, test.body)
				response.Header["Partner-Correlation-Id"] = test.echo
				return response, nil
			}, klarna.WithRetries(once))
			_, err := client.Do(t.Context(), test.call, nil, append(test.options, klarna.WithCorrelationID("mine"))...)
			if errors.Is(err, klarna.ErrForeignAnswer) != test.foreign || !test.foreign && err != nil {
				t.Errorf("%v", err)
			}
		})
	}
}

// A server with an answer left over does not wait for the request.
func TestAnAnswerBeforeTheRequestIsChecked(t *testing.T) {
	url := rawserver.Listen(t, func(n int, conn net.Conn) {
		if n == 1 {
			_, _ = io.WriteString(conn, foreignAnswer(200))
			hold(conn)
			return
		}
		if s, err := readSent(bufio.NewReader(conn)); err == nil && len(s.Body) > 900_000 {
			_, _ = io.WriteString(conn, answer("200", "{}"))
		}
	})
	call := authorize()
	call.Body = strings.Repeat("x", 1<<20-100)
	var response klarna.Response
	succeed(t, newClient(t, url), call, nil, klarna.WithResponse(&response))
	if len(response.Attempts) < 2 || !response.Attempts[0].Sent {
		t.Errorf("%v", response.Attempts)
	}
}

func TestCorrelationIDsDoNotRepeat(t *testing.T) {
	seen := make(map[string]int)
	client := stubbed(t, func(r *http.Request) (*http.Response, error) {
		id := r.Header.Get("Partner-Correlation-Id")
		if seen[id]++; seen[id] == 1 {
			return respond(r, 503, "{}"), nil
		}
		return respond(r, 200, "{}"), nil
	}, klarna.WithRetries(klarna.RetryPolicy{MinWait: time.Nanosecond, MaxWait: time.Millisecond, Budget: 1000}))
	for range 200 {
		succeed(t, client, authorize(), nil)
	}
	if len(seen) != 200 {
		t.Errorf("200 calls had %d ids", len(seen))
	}
	for id, n := range seen {
		if n != 2 || len(id) != 32 {
			t.Fatalf("%q was sent %d times, want 2: the attempts of a call share it", id, n)
		}
	}
}

// Klarna may answer a repeat with the first answer, including its echo. A DECLINED and a refusal
// contain no reference, so only the echo shows whose they are.
func TestTheEchoOfTheFirstCallConfirmsARepeat(t *testing.T) {
	for _, tc := range []struct {
		name, reference string
		status          int
		foreign         bool
	}{
		{"a success of the same key", "order-1", 200, false},
		{"a refusal of the same key", "order-1", 400, false},
		{"a success of another key", "order-2", 200, true},
		{"a refusal of another key", "order-2", 400, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var first, last string
			client := newClient(t, "https://klarna.example", over(func(r *http.Request) (*http.Response, error) {
				last = r.Header.Get("Partner-Correlation-Id")
				if first == "" {
					first = last
				}
				answer := httptest.NewRecorder()
				answer.Header().Set("Partner-Correlation-Id", first)
				answer.WriteHeader(tc.status)
				_, _ = answer.WriteString(`{"error_code":"VALIDATION_ERROR","payment_transaction_response":{"result":"DECLINED"}}`)
				return answer.Result(), nil
			}), klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: 1}))
			call := func(reference string) error {
				_, err := client.Do(t.Context(), klarna.Call{
					Operation: "custom", Method: http.MethodPost, Route: "custom", Body: map[string]string{"a": "b"}, Reference: reference,
				}, new(map[string]any))
				return err
			}
			_ = call("order-1")
			err := call(tc.reference)
			if errors.Is(err, klarna.ErrForeignAnswer) != tc.foreign {
				t.Errorf("%v, want foreign %t", err, tc.foreign)
			}
			if first == last {
				t.Error("two calls have the same correlation id")
			}
		})
	}
}

// An answer that cannot be read may name another object or another reference before it breaks off.
func TestABrokenAnswerMayBeForeign(t *testing.T) {
	read := answers.Calls[slices.IndexFunc(answers.Calls, func(c answers.Call) bool { return c.Operation == "authorization.payment_request.read" })]
	authorize := answers.Calls[slices.IndexFunc(answers.Calls, func(c answers.Call) bool { return c.Operation == "authorization.authorize" })]
	for _, call := range []answers.Call{read, authorize} {
		for _, n := range []string{"1", "2"} {
			body := call.Answer(n)
			for name, broken := range map[string]string{"cut": body[:len(body)-1], "garbage behind it": body + "x", "an answer behind it": body + call.Answer("1")} {
				client := stubbed(t, func(r *http.Request) (*http.Response, error) { return respond(r, 200, broken), nil }, klarna.WithRetries(once))
				var response klarna.Response
				_, err := call.Do(t.Context(), client, "1", klarna.WithResponse(&response))
				if errors.Is(err, klarna.ErrForeignAnswer) != (n == "2") || klarna.OutcomeOf(err) != klarna.OutcomeUnknown || err == nil {
					t.Errorf("%s, %s: %v", call.Operation, name, err)
				}
				if kept := response.Body.Bytes(); (len(kept) > 0) != (n == "1") {
					t.Errorf("%s, %s: %d bytes are kept", call.Operation, name, len(kept))
				}
			}
		}
	}
}

// An id that several calls have in common, such as that of a transaction, does not make the answer
// of one the answer of another: the echo shows that their keys differ.
func TestTheIDDoesNotConfirmAnotherKeysAnswer(t *testing.T) {
	capture := klarna.Call{Operation: "authorization.transaction.capture", IDs: []string{"t-1"}, Reference: "c-1", Body: map[string]any{}}
	void := klarna.Call{Operation: "authorization.transaction.void", IDs: []string{"t-1"}, Reference: "t-1"}
	read := klarna.Call{Operation: "authorization.transaction.read", IDs: []string{"t-1"}}
	for name, tc := range map[string]struct {
		first, second klarna.Call
		options       []klarna.CallOption // of the first call
		later         []klarna.CallOption // of the second
		foreign       bool
	}{
		"a void answered with a capture":            {first: capture, second: void, foreign: true},
		"a capture answered with a void":            {first: void, second: capture, foreign: true},
		"a void answered with a read":               {first: read, second: void, foreign: true},
		"a void with the caller's correlation id":   {first: capture, second: void, later: []klarna.CallOption{klarna.WithCorrelationID("mine")}, foreign: true},
		"a void again":                              {first: void, second: void},
		"a void again, with the caller's id":        {first: void, second: void, later: []klarna.CallOption{klarna.WithCorrelationID("mine")}},
		"a void whose first call had a caller's id": {first: void, second: void, options: []klarna.CallOption{klarna.WithCorrelationID("7d9f9f1e0b7a4a6d9c4b1f2e3d4c5b6a")}},
	} {
		t.Run(name, func(t *testing.T) {
			var echo string
			client := stubbed(t, func(r *http.Request) (*http.Response, error) {
				if echo == "" {
					echo = r.Header.Get("Partner-Correlation-Id")
				}
				response := respond(r, 200, `{"payment_transaction_id":"t-1"}`)
				response.Header.Set("Partner-Correlation-Id", echo)
				return response, nil
			}, klarna.WithRetries(once))
			if _, err := client.Do(t.Context(), tc.first, nil, tc.options...); err != nil {
				t.Fatal(err)
			}
			_, err := client.Do(t.Context(), tc.second, nil, tc.later...)
			if errors.Is(err, klarna.ErrForeignAnswer) != tc.foreign || !tc.foreign && err != nil {
				t.Errorf("%v, want foreign %t", err, tc.foreign)
			}
		})
	}
}

// Two merchants number their orders alike, and a merchant changes an order. The references are then
// the same, and only the echo differs between the answers.
func TestAReferenceDoesNotConfirmAnotherCallsAnswer(t *testing.T) {
	n := func(operation string) answers.Call {
		return answers.Calls[slices.IndexFunc(answers.Calls, func(c answers.Call) bool { return c.Operation == operation })]
	}
	for _, tc := range []struct {
		name          string
		call          answers.Call
		account       string
		options, also []klarna.CallOption // of both calls, and of the second
		foreign       bool
	}{
		{name: "a repeat", call: n("authorization.authorize")},
		{name: "another account", call: n("authorization.authorize"), account: "krn:2", foreign: true},
		{name: "another account's final call", call: n("authorization.authorize.final"), account: "krn:2", foreign: true},
		{name: "another account's capture", call: n("authorization.transaction.capture"), account: "krn:2", foreign: true},
		{name: "another account's payment request", call: n("authorization.payment_request.create"), account: "krn:2", foreign: true},
		{name: "another key", call: n("authorization.payment_request.create"), also: []klarna.CallOption{klarna.WithIdempotencyKey("k")}, foreign: true},
		{name: "another key for the same session token", call: n("authorization.authorize.final"), also: []klarna.CallOption{klarna.WithIdempotencyKey("k")}},
		{
			name: "another session token for the same key", call: n("authorization.authorize"),
			options: []klarna.CallOption{klarna.WithIdempotencyKey("k")}, also: []klarna.CallOption{klarna.WithSessionToken(klarna.NewSecret("newer"))},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var echo string
			client := stubbed(t, func(r *http.Request) (*http.Response, error) {
				if echo == "" {
					echo = r.Header.Get("Partner-Correlation-Id")
				}
				response := respond(r, 200, tc.call.Answer("1"))
				response.Header.Set("Partner-Correlation-Id", echo)
				return response, nil
			}, klarna.WithRetries(once))
			if _, err := tc.call.Do(t.Context(), client.ForAccount("krn:1"), "1", tc.options...); err != nil {
				t.Fatal(err)
			}
			_, err := tc.call.Do(t.Context(), client.ForAccount(cmp.Or(tc.account, "krn:1")), "1", append(slices.Clip(tc.options), tc.also...)...)
			if errors.Is(err, klarna.ErrForeignAnswer) != tc.foreign || !tc.foreign && err != nil {
				t.Errorf("%v, want foreign %t", err, tc.foreign)
			}
		})
	}
}

func TestAnEchoMayBeWrittenDifferently(t *testing.T) {
	for name, rewrite := range map[string]func(id string) string{
		"upper case": strings.ToUpper,
		"hyphens": func(id string) string {
			return id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:]
		},
		"quotes": strconv.Quote,
		"a list": func(id string) string { return "other, " + id + " ," },
	} {
		for _, call := range []klarna.Call{authorize(), {Operation: "authorization.payment_request.read", IDs: []string{"p-1"}}} {
			client := stubbed(t, func(r *http.Request) (*http.Response, error) {
				response := respond(r, 200, `{"payment_request_id":"p-1"}`)
				response.Header.Set("Partner-Correlation-Id", rewrite(r.Header.Get("Partner-Correlation-Id")))
				return response, nil
			}, klarna.WithRetries(once))
			if _, err := client.Do(t.Context(), call, nil); err != nil {
				t.Errorf("%s in %s: %v", name, call.Operation, err)
			}
		}
	}
}

func TestACorrelationIDMayHaveCommas(t *testing.T) {
	client := newClient(t, "https://klarna.example", over(func(r *http.Request) (*http.Response, error) {
		answer := httptest.NewRecorder()
		answer.Header().Set("Partner-Correlation-Id", r.Header.Get("Partner-Correlation-Id"))
		_, _ = answer.WriteString(`{}`)
		return answer.Result(), nil
	}))
	_, err := client.Do(t.Context(), klarna.Call{Operation: "custom", Method: http.MethodGet, Route: "custom"}, nil,
		klarna.WithCorrelationID("order 1, try 2"))
	if err != nil {
		t.Error(err)
	}
}

// over makes a client send its calls with a function.
func over(f roundTrip) klarna.Option { return klarna.WithHTTPClient(&http.Client{Transport: f}) }
