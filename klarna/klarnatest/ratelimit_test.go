package klarnatest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

func TestRateLimitCountsRequestsPerSecond(t *testing.T) {
	start := time.Date(2026, 1, 1, 12, 0, 0, 250e6, time.UTC)
	server, c := newSocketless(t, klarnatest.WithRateLimit(3), klarnatest.WithTime(start))
	path := presentationPath + "?" + presentationQuery
	for i, want := range []struct {
		status    int
		remaining string
	}{{200, "2"}, {401, "1"}, {503, "0"}, {429, "0"}, {429, "0"}} {
		var headers []string
		switch want.status {
		case 401:
			headers = []string{"Authorization: "}
		case 503:
			server.Script(klarnatest.Fault{})
		}
		r := c.want(want.status, "GET", path, nil, headers...)
		equal(t, "Limit", r.header.Get("X-Ratelimit-Limit")[:14], `3, 3;w=1;name=`)
		equal(t, "Remaining", r.header.Get("X-Ratelimit-Remaining"), want.remaining)
		equal(t, "Reset", r.header.Get("X-Ratelimit-Reset"), "1")
		if i > 2 {
			equal(t, "code", r.text("error_code"), "RATE_LIMITED")
		}
	}
	server.Advance(749 * time.Millisecond)
	c.want(429, "GET", path, nil)
	server.Advance(time.Millisecond)
	equal(t, "Remaining in the next second", c.want(200, "GET", path, nil).header.Get("X-Ratelimit-Remaining"), "2")
}

func TestRateLimitedRequestIsNotRemembered(t *testing.T) {
	server, c := newSocketless(t, klarnatest.WithRateLimit(1))
	c.want(201, "POST", requestsPath, draft(1))
	c.want(429, "POST", requestsPath, draft(2), key)
	equal(t, "executed", len(server.PaymentRequests()), 1)
	server.Advance(time.Second)
	c.want(201, "POST", requestsPath, draft(3), key)
}

func TestARunningClockMovesTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := newSocketless(t, klarnatest.WithRunningClock(), klarnatest.WithRateLimit(1))
		path := presentationPath + "?" + presentationQuery
		for range 3 {
			c.want(200, "GET", path, nil)
			c.want(429, "GET", path, nil)
			<-time.After(time.Second)
		}
	})
}
