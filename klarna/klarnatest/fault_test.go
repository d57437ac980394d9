package klarnatest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// Every fault looks the same over a socket and without one.
func onBothTransports(t *testing.T, test func(*testing.T, *klarnatest.Server, client)) {
	t.Run("over a socket", func(t *testing.T) {
		server, c := newPair(t)
		test(t, server, c)
	})
	t.Run("without a socket", func(t *testing.T) {
		server, c := newSocketless(t)
		test(t, server, c)
	})
}

const createOperation = "authorization.payment_request.create"

func TestAStatusFaultAnswersInKlarnasForm(t *testing.T) {
	onBothTransports(t, func(t *testing.T, server *klarnatest.Server, c client) {
		for name, tc := range map[string]struct {
			fault          klarnatest.Fault
			status         int
			code, codeType string
		}{
			"by default":      {klarnatest.Fault{}, 503, "TEMPORARY_UNAVAILABLE", "TECHNICAL_ERROR"},
			"a rate limit":    {klarnatest.Fault{StatusCode: 429}, 429, "RATE_LIMITED", "ACCESS_ERROR"},
			"a code of mine":  {klarnatest.Fault{StatusCode: 500, Code: "TIMEOUT"}, 500, "TIMEOUT", "TECHNICAL_ERROR"},
			"an unheard code": {klarnatest.Fault{StatusCode: 418, Code: "TEAPOT"}, 418, "TEAPOT", ""},
		} {
			t.Run(name, func(t *testing.T) {
				tc.fault.Header = http.Header{"retry-after": {"7"}}
				server.Script(tc.fault)
				r := c.want(tc.status, "POST", requestsPath, draft(1))
				equal(t, "code", r.text("error_code"), tc.code)
				equal(t, "type", r.text("error_type"), tc.codeType)
				equal(t, "id", len(r.text("error_id")), 36)
				equal(t, "header", r.header.Get("Retry-After"), "7")
				equal(t, "rate limit", r.header.Get("X-Ratelimit-Reset"), "1")
			})
		}
		equal(t, "executed", len(server.PaymentRequests()), 0)
	})
}

func TestADropBeforeExecutesNothing(t *testing.T) {
	onBothTransports(t, func(t *testing.T, server *klarnatest.Server, c client) {
		server.Script(klarnatest.Fault{Operation: createOperation, Kind: klarnatest.FaultDropBefore})
		if _, err := c.send("POST", requestsPath, draft(1), key); err == nil {
			t.Fatal("an answer came")
		}
		equal(t, "executed", len(server.PaymentRequests()), 0)
		equal(t, "status in the log", server.Requests()[0].StatusCode, 0)
		c.want(201, "POST", requestsPath, draft(2), key)
	})
}

func TestADropAfterHidesWhatWasExecuted(t *testing.T) {
	onBothTransports(t, func(t *testing.T, server *klarnatest.Server, c client) {
		server.Script(klarnatest.Fault{Operation: createOperation, Kind: klarnatest.FaultDropAfter})
		if _, err := c.send("POST", requestsPath, draft(1), key); err == nil {
			t.Fatal("an answer came")
		}
		r := c.want(201, "POST", requestsPath, draft(1), key)
		equal(t, "the repetition finds what was made", r.text("payment_request_id"), server.PaymentRequests()[0].PaymentRequestID)
		equal(t, "executed", len(server.PaymentRequests()), 1)
	})
}

func TestATruncatedBodyEndsInTheMiddle(t *testing.T) {
	onBothTransports(t, func(t *testing.T, server *klarnatest.Server, c client) {
		server.Script(klarnatest.Fault{Operation: createOperation, Kind: klarnatest.FaultTruncate})
		r, err := c.send("POST", requestsPath, draft(1))
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("error %v", err)
		}
		equal(t, "status", r.status, 201)
		equal(t, "some of the body came", len(r.raw) > 0, true)
		equal(t, "executed", len(server.PaymentRequests()), 1)
	})
}

func TestAPageOfHTMLComesFromInBetween(t *testing.T) {
	onBothTransports(t, func(t *testing.T, server *klarnatest.Server, c client) {
		server.Script(klarnatest.Fault{Operation: createOperation, Kind: klarnatest.FaultHTML})
		r := c.want(502, "POST", requestsPath, draft(1))
		equal(t, "type", r.header.Get("Content-Type"), "text/html")
		equal(t, "body", strings.HasPrefix(string(r.raw), "<html>"), true)
		equal(t, "executed", len(server.PaymentRequests()), 0)
	})
}

func TestFaultsAreMetInOrderAndByOperation(t *testing.T) {
	server, c := newPair(t)
	server.Script(
		klarnatest.Fault{Operation: createOperation, Times: 2, StatusCode: 500},
		klarnatest.Fault{Operation: createOperation, StatusCode: 504},
	)
	c.want(200, "GET", presentationPath+"?"+presentationQuery, nil)
	for _, status := range []int{500, 500, 504, 201} {
		c.want(status, "POST", requestsPath, draft(1))
	}
}

func TestAHeldRequestEndsWithItsContext(t *testing.T) {
	for name, inside := range map[string]bool{"server outside the bubble": false, "server inside": true} {
		t.Run(name, func(t *testing.T) {
			outside := klarnatest.NewServer(t)
			synctest.Test(t, func(t *testing.T) {
				server := outside
				if inside {
					server = klarnatest.NewServer(t, klarnatest.WithoutSocket())
				}
				c := client{t, server, &http.Client{Transport: server.Transport(), Timeout: 50 * time.Second}}
				server.Script(klarnatest.Fault{Operation: createOperation, Kind: klarnatest.FaultHold})
				start := time.Now()
				if _, err := c.send("POST", requestsPath, draft(1), key); !errors.Is(err, context.DeadlineExceeded) {
					t.Fatalf("error %v", err)
				}
				equal(t, "waited", time.Since(start), 50*time.Second)
				equal(t, "executed", len(server.PaymentRequests()), 0)
				c.want(201, "POST", requestsPath, draft(2), key)
				server.Script(klarnatest.Fault{Kind: klarnatest.FaultHold})
				if _, err := c.send("GET", presentationPath+"?"+presentationQuery, nil); err == nil {
					t.Error("a held read was answered")
				}
			})
		})
	}
}

// recorder is a testing.TB that keeps what it is told.
type recorder struct {
	testing.TB
	cleanups []func()
	errors   []string
}

func (r *recorder) Helper()                   {}
func (r *recorder) Cleanup(f func())          { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(f string, a ...any) { r.errors = append(r.errors, fmt.Sprintf(f, a...)) }

func TestWhatWasScriptedAndNotMetFailsTheTest(t *testing.T) {
	fake := &recorder{TB: t}
	server := klarnatest.NewServer(fake)
	c := newClient(t, server)
	server.Script(klarnatest.Fault{Operation: createOperation, Times: 3, Kind: klarnatest.FaultHTML})
	server.ScriptAuthorize(klarnatest.AuthorizeRule{Result: "DECLINED"})
	server.ScriptWebhook("payment.*", klarnatest.WebhookLose)
	c.want(502, "POST", requestsPath, draft(1))
	for _, f := range fake.cleanups {
		f()
	}
	got := strings.Join(fake.errors, "\n")
	for _, want := range []string{
		`FaultHTML at "authorization.payment_request.create", 2 of 3 times left`,
		`authorize answer was never asked for: DECLINED`,
		`WebhookLose at "payment.*"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in:\n%s", want, got)
		}
	}
	equal(t, "failures", len(fake.errors), 3)
}

func TestFaultsHaveNames(t *testing.T) {
	for value, want := range map[fmt.Stringer]string{
		klarnatest.FaultStatus: "FaultStatus", klarnatest.FaultHold: "FaultHold", klarnatest.FaultKind(99): "FaultKind(99)",
		klarnatest.WebhookDuplicate: "WebhookDuplicate", klarnatest.WebhookFault(99): "WebhookFault(99)",
	} {
		equal(t, "name", value.String(), want)
	}
}

func TestAFaultOfAnUnknownOperationIsRefusedAtOnce(t *testing.T) {
	server := klarnatest.NewServer(t)
	defer func() {
		message, _ := recover().(string)
		if !strings.Contains(message, `no operation "authorization.cancel"`) || !strings.Contains(message, "authorization.payment_request.cancel") {
			t.Errorf("panicked with %q", message)
		}
	}()
	server.Script(klarnatest.Fault{Operation: "authorization.cancel"})
}

func TestAServerPrintsItsURLAndNoKey(t *testing.T) {
	server := klarnatest.NewServer(t)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		if got := fmt.Sprintf(verb, server); got != "klarnatest.Server{"+server.URL+"}" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}
