package klarnatest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

func TestHandlerServesTheOtherPaths(t *testing.T) {
	pages := http.NewServeMux()
	server := klarnatest.NewServer(t, klarnatest.WithHandler(pages))
	pages.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "page at "+r.URL.Path) })
	c := newClient(t, server)
	for _, path := range []string{"/", "/v1/payment", "/v20", "/customers", "/sandbox/x"} {
		equal(t, path, string(c.want(200, "GET", path, nil, "Authorization: ").raw), "page at "+path)
	}
	equal(t, "recorded", len(server.Requests()), 0)
	for path, status := range map[string]int{
		"/v2": 401, "/v2/nowhere": 401, "/customer/nothing": 404, "/browser/nothing": 404, "/web-sdk/v2/klarna.mjs": 200,
		"/web-sdk/other": 401, "/favicon.ico": 200,
	} {
		c.want(status, "GET", path, nil, "Authorization: ")
	}
}

func TestLatencyFollowsTheClientsClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := newSocketless(t, klarnatest.WithLatency(250*time.Millisecond))
		at, begin := server.Now(), time.Now()
		c.start(100)
		equal(t, "latency", time.Since(begin), 250*time.Millisecond)
		equal(t, "server's clock", server.Now(), at)

		begin = time.Now()
		c.want(200, "GET", "/favicon.ico", nil)
		equal(t, "latency for a browser", time.Since(begin), 0)

		ctx, stop := context.WithTimeout(t.Context(), time.Millisecond)
		defer stop()
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+authorizePath, strings.NewReader(mustJSON(t, stepUp(100))))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Basic "+server.APIKey)
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Klarna-Idempotency-Key", "k")
		if answer, err := c.http.Do(request); !errors.Is(err, context.DeadlineExceeded) {
			if err == nil {
				answer.Body.Close()
			}
			t.Errorf("a client that gives up: %v", err)
		}
		equal(t, "it is executed all the same", len(server.PaymentRequests()), 2)
	})
}

func TestShutdownWaitsForRequests(t *testing.T) {
	server, err := klarnatest.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	release := make(chan struct{})
	server.Script(klarnatest.Fault{Kind: klarnatest.FaultHold, Release: release})
	c := newClient(t, server)
	answered := make(chan error, 1)
	go func() {
		_, err := c.send("POST", authorizePath, stepUp(100))
		answered <- err
	}()
	for len(server.Requests()) == 0 {
		runtime.Gosched()
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Shutdown(t.Context()) }()
	close(release)
	if err := <-answered; err != nil {
		t.Errorf("the request that ran: %v", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the end: %v", err)
	}
	if _, err := c.send("GET", presentationPath, nil); err == nil {
		t.Error("the server still answers")
	}
}

func TestShutdownEndsWithItsContext(t *testing.T) {
	server, err := klarnatest.Start()
	if err != nil {
		t.Fatal(err)
	}
	server.Script(klarnatest.Fault{Kind: klarnatest.FaultHold})
	c := newClient(t, server)
	answered := make(chan error, 1)
	go func() {
		_, err := c.send("POST", authorizePath, stepUp(100))
		answered <- err
	}()
	for len(server.Requests()) == 0 {
		runtime.Gosched()
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := server.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if err := <-answered; err == nil {
		t.Error("the request was answered")
	}
}

func TestLogLimitDropsOldRecords(t *testing.T) {
	server, c := newSocketless(t, klarnatest.WithLogLimit(3), klarnatest.WithWebhookTransport(answering(204)))
	server.Subscribe("https://shop.example/webhook")
	for range 5 {
		c.start(100)
	}
	c.want(404, "GET", "/v2/last", nil)
	server.Flush()
	requests := server.Requests()
	equal(t, "requests", len(requests), 3)
	equal(t, "the last one", requests[2].Path, "/v2/last")
	equal(t, "deliveries", len(server.Deliveries()), 3)
}

func TestServerListsItsResources(t *testing.T) {
	server, c := newSocketless(t, klarnatest.WithWebhookTransport(answering(500)))
	second := server.AddAccount()
	if diff := cmp.Diff([]string{server.PartnerAccountID, second}, server.Accounts()); diff != "" {
		t.Error(diff)
	}

	key := server.NewSigningKey()
	subscribed := server.Subscribe("https://shop.example/webhook")
	if diff := cmp.Diff([]klarnatest.SigningKey{key, subscribed}, server.SigningKeys()); diff != "" {
		t.Error(diff)
	}
	created := c.webhook("https://shop.example/other", key.ID, "payment.*")
	c.start(100)
	server.Flush()
	webhooks := server.Webhooks()
	if len(webhooks) != 2 {
		t.Fatalf("%d webhooks", len(webhooks))
	}
	webhooks[0].WebhookID = ""
	want := []klarnatest.Webhook{
		{URL: "https://shop.example/webhook", EventTypes: []string{"*"}, SigningKeyID: subscribed.ID, Status: "ENABLED", Waiting: 1},
		{WebhookID: created, URL: "https://shop.example/other", EventTypes: []string{"payment.*"}, SigningKeyID: key.ID, Status: "ENABLED", Waiting: 1},
	}
	if diff := cmp.Diff(want, webhooks); diff != "" {
		t.Error(diff)
	}
}

func TestFaultsAreListedUntilMet(t *testing.T) {
	server, c := newSocketless(t)
	server.Subscribe("https://shop.example/webhook")
	equal(t, "operations", len(klarnatest.Operations()) > 20, true)
	server.Script(
		klarnatest.Fault{Operation: "presentation.get", Times: 2, Skip: 1, StatusCode: 503},
		klarnatest.Fault{Operation: "authorization.authorize", Probability: 1, Kind: klarnatest.FaultDropBefore},
	)
	server.ScriptWebhooks(klarnatest.WebhookRule{Fault: klarnatest.WebhookFaultLose, Times: 2})
	left := func() (list []int) {
		for _, f := range server.Faults() {
			list = append(list, f.Skip, f.Times)
		}
		for _, r := range server.WebhookRules() {
			list = append(list, r.Times)
		}
		return list
	}
	for i, want := range [][]int{{1, 2, 0, 0, 2}, {0, 2, 0, 0, 2}, {0, 1, 0, 0, 2}, {0, 0, 2}} {
		if diff := cmp.Diff(want, left()); diff != "" {
			t.Errorf("after %d: %s", i, diff)
		}
		c.do("GET", presentationPath+"?"+presentationQuery, nil)
	}
	if _, err := c.send("POST", authorizePath, stepUp(1)); err == nil {
		t.Error("the chance of 1 was not met")
	}
	server.ClearFaults()
	equal(t, "cleared", len(left()), 0)
}
