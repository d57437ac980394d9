package klarnatest_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// inbox is a webhook receiver that answers 200, or the status that the test sets.
type inbox struct {
	URL    string
	mu     sync.Mutex
	answer int
	got    []response
}

func newInbox(t testing.TB) *inbox {
	in := &inbox{answer: 200}
	receiver := httptest.NewServer(in)
	t.Cleanup(receiver.Close)
	in.URL = receiver.URL
	return in
}

func (in *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	event := response{header: r.Header, raw: raw}
	_ = json.Unmarshal(raw, &event.body)
	in.mu.Lock()
	defer in.mu.Unlock()
	in.got = append(in.got, event)
	if in.answer == http.StatusFound {
		w.Header().Set("Location", "/elsewhere")
	}
	w.WriteHeader(in.answer)
}

func (in *inbox) events() []response {
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([]response(nil), in.got...)
}

// types lists the last parts of the event types that were received.
func (in *inbox) types() string {
	var names []string
	for _, e := range in.events() {
		t := e.text("metadata.event_type")
		names = append(names, t[strings.LastIndexByte(t, '.')+1:])
	}
	return strings.Join(names, " ")
}

func (in *inbox) last(t testing.TB, eventType string) response {
	t.Helper()
	events := in.events()
	for _, event := range slices.Backward(events) {
		if event.text("metadata.event_type") == eventType {
			return event
		}
	}
	t.Fatalf("no event %s among %s", eventType, in.types())
	return response{}
}

func TestAWebhookIsSignedOverItsRawBody(t *testing.T) {
	server, c := newPair(t)
	inbox := newInbox(t)
	signingKey := server.Subscribe(inbox.URL, "payment.request.state-change.submitted")
	c.start(100)
	server.Flush()

	event := inbox.last(t, "payment.request.state-change.submitted")
	mac := hmac.New(sha256.New, []byte(signingKey.Secret))
	mac.Write(event.raw)
	equal(t, "signature", event.header.Get("Klarna-Signature"), hex.EncodeToString(mac.Sum(nil)))
	equal(t, "key id", event.header.Get("Klarna-Signing-Key-Id"), signingKey.ID)
	equal(t, "content type", event.header.Get("Content-Type"), "application/json")
	for path, want := range map[string]any{
		"metadata.event_version":        "v2",
		"metadata.subject_account_id":   server.PartnerAccountID,
		"metadata.recipient_account_id": server.PartnerAccountID,
		"metadata.live":                 false,
		"metadata.occurred_at":          server.Now().Format(time.RFC3339),
		"payload.state":                 "SUBMITTED",
	} {
		equal(t, path, event.get(path), want)
	}
	again, _ := json.Marshal(event.body)
	if string(again) == string(event.raw) {
		t.Error("a receiver that encodes the event again would pass the signature check")
	}
}

func TestASigningKeyNeverShowsItsSecret(t *testing.T) {
	k := klarnatest.SigningKey{ID: "key-1", Secret: "s3cr3t"}
	asJSON, _ := json.Marshal(k)
	shown := fmt.Sprintf("%v %+v %#v %s %q %x %v %+v", k, k, k, k, k, k, &k, []klarnatest.SigningKey{k}) + k.String() + k.GoString() + string(asJSON)
	if strings.Contains(shown, "s3cr3t") || strings.Contains(shown, fmt.Sprintf("%x", "s3cr3t")) {
		t.Error(shown)
	}
}

func TestAWebhookIsRetriedOnKlarnasSchedule(t *testing.T) {
	for name, status := range map[string]int{"a 500": 500, "an undocumented 2xx": 203, "a redirect": 302} {
		t.Run("after "+name, func(t *testing.T) {
			server, c := newPair(t)
			inbox := newInbox(t)
			inbox.answer = status
			server.Subscribe(inbox.URL, "payment.request.state-change.submitted")
			start := server.Now()
			c.start(100)
			server.Flush()
			equal(t, "immediate attempts", len(server.Deliveries()), 1)
			server.Advance(48 * time.Hour)

			var waits []time.Duration
			at := start
			for i, d := range server.Deliveries() {
				waits = append(waits, d.At.Sub(at))
				at = d.At
				equal(t, "attempt", d.Attempt, i+1)
				equal(t, "answer", d.StatusCode, status)
				equal(t, "event", d.EventID, server.Deliveries()[0].EventID)
			}
			want := []time.Duration{
				0, 10 * time.Second, 2 * time.Minute, 15 * time.Minute, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
			}
			if !reflect.DeepEqual(waits, want) {
				t.Errorf("waits %v, want %v", waits, want)
			}
			equal(t, "the clock", server.Now(), start.Add(48*time.Hour))
		})
	}
}

func TestARetryThatSucceedsIsTheLast(t *testing.T) {
	server, c := newPair(t)
	inbox := newInbox(t)
	inbox.answer = 503
	server.Subscribe(inbox.URL, "*.submitted", "payment.request.state-change.submitted")
	c.start(100)
	server.Advance(0)
	inbox.mu.Lock()
	inbox.answer = 204
	inbox.mu.Unlock()
	server.Advance(24 * time.Hour)
	equal(t, "attempts", len(server.Deliveries()), 2)
}

func TestUnreachableReceiverIsLogged(t *testing.T) {
	server, c := newPair(t)
	server.Subscribe("http://127.0.0.1:1/", "payment.request.state-change.submitted")
	server.Subscribe("://", "payment.request.state-change.submitted")
	c.start(100)
	server.Flush()
	for _, d := range server.Deliveries() {
		equal(t, "answer", d.StatusCode, 0)
		if d.Err == nil {
			t.Errorf("%s: no error", d.URL)
		}
	}
}

func TestWebhookGetsOnlySubscribedTypes(t *testing.T) {
	server, c := newPair(t)
	for pattern, want := range map[string]string{
		"payment.*":                              "submitted in-progress completed authorized",
		"payment.request.*":                      "submitted in-progress completed",
		"payment.request.state-change.completed": "completed",
		"settlement.*":                           "",
	} {
		in := newInbox(t)
		server.Subscribe(in.URL, pattern)
		t.Cleanup(func() { equal(t, pattern, in.types(), want) })
	}
	c.want(200, "POST", authorizePath, order(1), withToken(c.token(c.start(1))))
	server.Flush()
}

func TestUpdateEmitsAnEvent(t *testing.T) {
	server, c := newPair(t)
	inbox := newInbox(t)
	server.Subscribe(inbox.URL, "payment.request.updated")
	id := c.start(1)
	c.want(200, "PATCH", requestsPath+"/"+id, obj{"payment_option_id": "x"})
	c.want(200, "DELETE", requestsPath+"/"+id, nil)
	server.Flush()
	equal(t, "events", inbox.types(), "updated")
}

func TestADuplicateWebhookHasTheSameEventID(t *testing.T) {
	server, c := newPair(t)
	inbox := newInbox(t)
	server.Subscribe(inbox.URL)
	server.ScriptWebhook("payment.request.state-change.completed", klarnatest.WebhookFaultDuplicate)
	c.token(c.start(1))
	server.Flush()
	equal(t, "events", inbox.types(), "submitted in-progress completed completed")
	got := inbox.events()
	equal(t, "event_id", got[2].text("metadata.event_id"), got[3].text("metadata.event_id"))
	equal(t, "other event_id", got[1].text("metadata.event_id") != got[2].text("metadata.event_id"), true)
}

func TestALostWebhookIsNeverDelivered(t *testing.T) {
	server, c := newPair(t)
	inbox := newInbox(t)
	server.Subscribe(inbox.URL, "payment.request.*")
	server.ScriptWebhook("payment.request.state-change.com*", klarnatest.WebhookFaultLose)
	c.token(c.start(1))
	server.Advance(48 * time.Hour)
	equal(t, "events", inbox.types(), "submitted in-progress")
}

func TestLateWebhookFollowsTheServersClock(t *testing.T) {
	server, c := newPair(t)
	inbox := newInbox(t)
	server.Subscribe(inbox.URL)
	// The pattern does not match: a wildcard must be the last part.
	server.ScriptWebhook("*.submitted", klarnatest.WebhookFaultLate)
	server.ClearFaults()
	server.ScriptWebhooks(
		klarnatest.WebhookRule{EventType: "payment.request.*", Fault: klarnatest.WebhookFaultLate},
		klarnatest.WebhookRule{EventType: "payment.request.*", Fault: klarnatest.WebhookFaultLate, Delay: 10 * time.Second},
	)
	c.token(c.start(1))
	server.Flush()
	equal(t, "immediately", inbox.types(), "completed")
	server.Advance(10 * time.Second)
	equal(t, "after 10 seconds", inbox.types(), "completed in-progress")
	server.Advance(50 * time.Second)
	equal(t, "after a minute", inbox.types(), "completed in-progress submitted")
	equal(t, "the time of the event", inbox.events()[2].text("metadata.occurred_at"), server.Now().Add(-time.Minute).Format(time.RFC3339))
}

func TestReorderedWebhookFollowsTheNext(t *testing.T) {
	server, c := newPair(t)
	inbox, other := newInbox(t), newInbox(t)
	server.Subscribe(inbox.URL)
	server.Subscribe(other.URL, "payment.request.state-change.completed")
	server.ScriptWebhook("payment.request.state-change.submitted", klarnatest.WebhookFaultReorder)
	server.ScriptWebhook("payment.request.state-change.completed", klarnatest.WebhookFaultReorder)
	c.token(c.start(1))
	server.Flush()
	equal(t, "nothing came after the last", inbox.types(), "in-progress submitted")
	server.Advance(time.Minute)
	equal(t, "events", inbox.types(), "in-progress submitted completed")
	equal(t, "events of another webhook", other.types(), "completed")
	c.start(1)
	server.Advance(time.Hour)
	equal(t, "once each", inbox.types(), "in-progress submitted completed submitted")
}

func TestReorderedWebhooksAreSwappedInPairs(t *testing.T) {
	server, c := newPair(t)
	inbox := newInbox(t)
	server.Subscribe(inbox.URL)
	server.ScriptWebhooks(klarnatest.WebhookRule{Fault: klarnatest.WebhookFaultReorder, Probability: 1})
	c.want(200, "POST", authorizePath, order(1), withToken(c.token(c.start(1))))
	server.Flush()
	equal(t, "events", inbox.types(), "in-progress submitted authorized completed")
}

func TestSameSeedSelectsTheSameWebhooks(t *testing.T) {
	outcome := func(seed int64) string {
		server, c := newSocketless(t, klarnatest.WithSeed(seed), klarnatest.WithWebhookTransport(answering(200)))
		server.Subscribe("https://shop.example/webhook", "payment.request.state-change.submitted")
		server.ScriptWebhooks(
			klarnatest.WebhookRule{Fault: klarnatest.WebhookFaultLose, Probability: 0.3},
			klarnatest.WebhookRule{Fault: klarnatest.WebhookFaultDuplicate, Probability: 0.3, Times: 9},
		)
		var arrived strings.Builder
		for range 100 {
			before := len(server.Deliveries())
			c.want(201, "POST", requestsPath, draft(1))
			server.Flush()
			fmt.Fprint(&arrived, len(server.Deliveries())-before)
		}
		return arrived.String()
	}
	first := outcome(7)
	equal(t, "the same again", outcome(7), first)
	equal(t, "another seed", outcome(8) == first, false)
	equal(t, "twice", strings.Count(first, "2"), 9)
	if lost := strings.Count(first, "0"); lost < 15 || lost > 45 {
		t.Errorf("%d of 100 were lost, want about 30", lost)
	}
}

// answering returns a receiver without a socket.
func answering(status int) http.RoundTripper {
	return roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Body: http.NoBody}, nil
	})
}

func TestHangingReceiverDelaysNoOther(t *testing.T) {
	server, c := newPair(t)
	called, release := make(chan struct{}, 100), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		called <- struct{}{}
		<-release
	}))
	t.Cleanup(slow.Close)
	arrived := make(chan struct{}, 100)
	quick := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived <- struct{}{} }))
	t.Cleanup(quick.Close)
	server.Subscribe(slow.URL, "payment.request.state-change.submitted")
	server.Subscribe(quick.URL, "payment.request.state-change.submitted")
	c.start(1)
	<-called
	for range 20 {
		c.start(1)
	}
	for range 21 {
		<-arrived
	}
	equal(t, "second calls of the receiver that hangs", len(called), 0)
	close(release)
	server.Flush()
	equal(t, "deliveries", len(server.Deliveries()), 42)
}

func TestDeliveriesOfOneWebhookMayOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		running := 0
		var mu sync.Mutex
		server, c := newSocketless(t, klarnatest.WithParallelDeliveries(3),
			klarnatest.WithWebhookTransport(roundTrip(func(*http.Request) (*http.Response, error) {
				mu.Lock()
				running++
				mu.Unlock()
				<-release
				return answering(204).RoundTrip(nil)
			})))
		server.Subscribe("https://shop.example/webhook", "payment.request.state-change.submitted")
		for range 5 {
			c.start(1)
		}
		synctest.Wait()
		equal(t, "concurrent deliveries", running, 3)
		close(release)
		server.Flush()
		equal(t, "deliveries", running, 5)
	})
}

// A connection is kept between consecutive deliveries and closed after the last one.
func TestReceiverConnectionEndsWithTheDeliveries(t *testing.T) {
	server, c := newPair(t)
	opened, closed := 0, 0
	var mu sync.Mutex
	gate := make(chan struct{})
	receiver := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-gate }))
	allClosed := make(chan struct{}, 100)
	receiver.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		switch state {
		case http.StateNew:
			opened++
		case http.StateClosed:
			if closed++; closed == opened {
				allClosed <- struct{}{}
			}
		}
	}
	receiver.Start()
	t.Cleanup(receiver.Close)
	server.Subscribe(receiver.URL, "payment.request.state-change.submitted")
	for range 20 {
		c.start(1)
	}
	close(gate)
	server.Flush()
	<-allClosed
	equal(t, "deliveries", len(server.Deliveries()), 20)
	mu.Lock()
	defer mu.Unlock()
	equal(t, "connections", opened, 1)
}

func TestAReceiverCallsBackIntoTheServer(t *testing.T) {
	server := klarnatest.NewServer(t)
	c := newClient(t, server)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var event response
		_ = json.NewDecoder(r.Body).Decode(&event.body)
		token := event.text("payload.klarna_network_session_token")
		if final, err := c.send("POST", authorizePath, order(100), withToken(token)); err != nil || c.result(final) != "APPROVED" {
			t.Errorf("final authorize: %s, %v", final.raw, err)
		}
	}))
	t.Cleanup(receiver.Close)
	server.Subscribe(receiver.URL, "payment.request.state-change.completed")
	c.token(c.start(100))
	server.Flush()
	equal(t, "transactions", len(server.Transactions()), 1)
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestRunningClockRetriesAutomatically(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		third := make(chan time.Duration)
		attempts := 0
		server, c := newSocketless(t, klarnatest.WithRunningClock(),
			klarnatest.WithWebhookTransport(roundTrip(func(*http.Request) (*http.Response, error) {
				if attempts++; attempts == 3 {
					third <- time.Since(start)
				}
				return nil, errors.New("no receiver")
			})))
		server.Subscribe("https://shop.example/webhook", "payment.request.state-change.submitted")
		c.start(100)
		equal(t, "third attempt", <-third, 10*time.Second+2*time.Minute)
		server.Advance(15 * time.Minute)
		equal(t, "attempts after an advance on top", len(server.Deliveries()), 4)
		equal(t, "clock", server.Now().Sub(start), 17*time.Minute+10*time.Second)
	})
}
