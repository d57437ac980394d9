package klarnatest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// onBothTransports runs a test over a socket and without one: every fault must look the same.
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

func TestDropBeforeDoesNotExecute(t *testing.T) {
	onBothTransports(t, func(t *testing.T, server *klarnatest.Server, c client) {
		server.Script(klarnatest.Fault{Operation: createOperation, Kind: klarnatest.FaultDropBefore})
		if _, err := c.send("POST", requestsPath, draft(1), key); err == nil {
			t.Fatal("got an answer, want none")
		}
		equal(t, "executed", len(server.PaymentRequests()), 0)
		equal(t, "status in the log", server.Requests()[0].StatusCode, 0)
		c.want(201, "POST", requestsPath, draft(2), key)
	})
}

func TestDropAfterExecutesTheRequest(t *testing.T) {
	onBothTransports(t, func(t *testing.T, server *klarnatest.Server, c client) {
		server.Script(klarnatest.Fault{Operation: createOperation, Kind: klarnatest.FaultDropAfter})
		if _, err := c.send("POST", requestsPath, draft(1), key); err == nil {
			t.Fatal("got an answer, want none")
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

func TestHTMLFaultDoesNotExecute(t *testing.T) {
	onBothTransports(t, func(t *testing.T, server *klarnatest.Server, c client) {
		server.Script(klarnatest.Fault{Operation: createOperation, Kind: klarnatest.FaultHTML})
		r := c.want(502, "POST", requestsPath, draft(1))
		equal(t, "type", r.header.Get("Content-Type"), "text/html")
		equal(t, "body", strings.HasPrefix(string(r.raw), "<html>"), true)
		equal(t, "executed", len(server.PaymentRequests()), 0)

		server.Script(klarnatest.Fault{Kind: klarnatest.FaultHTML, StatusCode: 403})
		equal(t, "body", string(c.want(403, "POST", requestsPath, draft(1)).raw), "<html><body><h1>403 Forbidden</h1></body></html>")
	})
}

func TestErrorAfterExecutionExecutesTheRequest(t *testing.T) {
	onBothTransports(t, func(t *testing.T, server *klarnatest.Server, c client) {
		for name, tc := range map[string]struct {
			fault  klarnatest.Fault
			status int
		}{
			"a 500": {klarnatest.Fault{StatusCode: 500, Code: "TIMEOUT", AfterExecution: true}, 500},
			"HTML":  {klarnatest.Fault{Kind: klarnatest.FaultHTML, AfterExecution: true}, 502},
		} {
			t.Run(name, func(t *testing.T) {
				before := len(server.PaymentRequests())
				server.Script(tc.fault)
				again := freshKey()
				c.want(tc.status, "POST", requestsPath, draft(1), again)
				equal(t, "executed", len(server.PaymentRequests()), before+1)
				r := c.want(201, "POST", requestsPath, draft(1), again)
				equal(t, "the repetition finds what was made", r.text("payment_request_id"), server.PaymentRequests()[before].PaymentRequestID)
				equal(t, "executed", len(server.PaymentRequests()), before+1)
			})
		}
	})
}

func TestDelayFollowsTheClientsClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := newSocketless(t)
		server.Script(
			klarnatest.Fault{Kind: klarnatest.FaultDelay, Delay: 50 * time.Second},
			klarnatest.Fault{StatusCode: 500, Delay: 59 * time.Second},
		)
		start, clock := time.Now(), server.Now()
		c.want(201, "POST", requestsPath, draft(1))
		equal(t, "late by", time.Since(start), 50*time.Second)
		c.want(500, "POST", requestsPath, draft(2))
		equal(t, "an error late by", time.Since(start), 109*time.Second)
		equal(t, "the server's clock", server.Now(), clock)
	})
}

func TestDelayedRequestIsExecutedBeforeTheDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := newSocketless(t)
		c.http.Timeout = 10 * time.Second
		server.Script(klarnatest.Fault{Operation: createOperation, Kind: klarnatest.FaultDelay, Delay: time.Minute})
		if _, err := c.send("POST", requestsPath, draft(1), key); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("error %v", err)
		}
		equal(t, "executed", len(server.PaymentRequests()), 1)
		c.want(201, "POST", requestsPath, draft(1), key)
		equal(t, "executed", len(server.PaymentRequests()), 1)
	})
}

// halfOf sends a request and reads half of the answer's body.
func (c client) halfOf(ctx context.Context, path string) (half []byte, rest io.ReadCloser) {
	c.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.server.URL+path, nil)
	if err != nil {
		c.Fatal(err)
	}
	r.Header.Set("Authorization", "Basic "+c.server.APIKey)
	answer, err := c.http.Do(r)
	if err != nil {
		c.Fatal(err)
	}
	equal(c, "status", answer.StatusCode, 200)
	half = make([]byte, answer.ContentLength/2)
	if _, err := io.ReadFull(answer.Body, half); err != nil {
		c.Fatal(err)
	}
	return half, answer.Body
}

func TestStalledAnswerContinuesAfterRelease(t *testing.T) {
	onBothTransports(t, func(t *testing.T, server *klarnatest.Server, c client) {
		path := requestsPath + "/" + c.start(1)
		whole := c.want(200, "GET", path, nil)

		release := make(chan struct{})
		server.Script(klarnatest.Fault{Kind: klarnatest.FaultStall, Release: release})
		half, body := c.halfOf(t.Context(), path)
		close(release)
		rest, err := io.ReadAll(body)
		_ = body.Close()
		if err != nil {
			t.Error(err)
		}
		equal(t, "body", string(half)+string(rest), string(whole.raw))

		ctx, cancel := context.WithCancel(t.Context())
		server.Script(klarnatest.Fault{Kind: klarnatest.FaultStall})
		_, body = c.halfOf(ctx, path)
		cancel()
		if _, err := io.ReadAll(body); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		_ = body.Close()

		server.Script(klarnatest.Fault{Kind: klarnatest.FaultStall})
		_, body = c.halfOf(t.Context(), path)
		_ = body.Close()
		if n, err := body.Read(make([]byte, 1)); err == nil {
			t.Errorf("%d bytes came after the client had given up", n)
		}
	})
}

func TestWrongContentLengthFaults(t *testing.T) {
	onBothTransports(t, func(t *testing.T, server *klarnatest.Server, c client) {
		server.Script(klarnatest.Fault{Operation: createOperation, Kind: klarnatest.FaultLongLength})
		long, err := c.send("POST", requestsPath, draft(1))
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("error of a body that is shorter than announced: %v", err)
		}
		equal(t, "all of the body came", json.Valid(long.raw), true)

		server.Script(klarnatest.Fault{Operation: createOperation, Kind: klarnatest.FaultShortLength})
		short := c.want(201, "POST", requestsPath, draft(1))
		equal(t, "half of the body came", len(short.raw), len(long.raw)/2)
		equal(t, "it is JSON", json.Valid(short.raw), false)
		equal(t, "executed", len(server.PaymentRequests()), 2)
		c.want(201, "POST", requestsPath, draft(1))
	})
}

func TestFaultSkipsTheFirstRequests(t *testing.T) {
	server, c := newPair(t)
	server.Script(
		klarnatest.Fault{Operation: createOperation, Skip: 2, StatusCode: 500},
		klarnatest.Fault{Operation: createOperation, StatusCode: 504},
	)
	for _, status := range []int{504, 201, 500, 201} {
		c.want(status, "POST", requestsPath, draft(1))
	}
}

func TestSameSeedSelectsTheSameRequests(t *testing.T) {
	const calls = 400
	outcome := func(seed int64) string {
		server, c := newSocketless(t, klarnatest.WithSeed(seed))
		server.Script(
			klarnatest.Fault{Operation: "presentation.get", Probability: 0.25, StatusCode: 500},
			klarnatest.Fault{Probability: 0.25, StatusCode: 503},
		)
		var met strings.Builder
		for range calls {
			fmt.Fprintln(&met, c.do("GET", presentationPath+"?"+presentationQuery, nil).status)
		}
		return met.String()
	}
	first := outcome(1)
	equal(t, "the same again", outcome(1), first)
	equal(t, "another seed", outcome(2) == first, false)
	for status, share := range map[string]float64{"500": 0.25, "503": 0.75 * 0.25} {
		if n := float64(strings.Count(first, status)); n < 0.7*share*calls || n > 1.3*share*calls {
			t.Errorf("%v of %d calls were a %s, want a share of %v", n, calls, status, share)
		}
	}
}

func TestRandomFaultEndsAfterItsTimes(t *testing.T) {
	server, c := newSocketless(t)
	server.Script(klarnatest.Fault{Probability: 1, Times: 2})
	for _, status := range []int{503, 503, 200, 200} {
		c.want(status, "GET", presentationPath+"?"+presentationQuery, nil)
	}
}

// untilAnswered repeats a call with the same idempotency key, as a client must that does not know
// the outcome.
func (c client) untilAnswered(body any, headers ...string) (r response, attempts int) {
	c.Helper()
	headers = append(headers, freshKey())
	for attempts < 1000 {
		attempts++
		r, err := c.send("POST", authorizePath, body, headers...)
		if err == nil && r.status == 200 && r.body != nil {
			return r, attempts
		}
	}
	c.Fatal("no answer")
	return r, attempts
}

func TestRandomFaultsNeverDuplicateTransactions(t *testing.T) {
	onBothTransports(t, func(t *testing.T, server *klarnatest.Server, c client) {
		for _, f := range []klarnatest.Fault{
			{StatusCode: 429},
			{StatusCode: 500},
			{StatusCode: 500, AfterExecution: true},
			{Kind: klarnatest.FaultHTML},
			{Kind: klarnatest.FaultHTML, AfterExecution: true},
			{Kind: klarnatest.FaultDropBefore},
			{Kind: klarnatest.FaultDropAfter},
			{Kind: klarnatest.FaultTruncate},
			{Kind: klarnatest.FaultLongLength},
			{Kind: klarnatest.FaultShortLength},
		} {
			f.Probability = 0.06
			server.Script(f)
		}
		const purchases = 60
		attempts := 0
		for range purchases {
			first, n := c.untilAnswered(stepUp(1))
			if _, err := server.Approve(first.text("payment_request.payment_request_id")); err != nil {
				t.Fatal(err)
			}
			requests := server.PaymentRequests()
			final, m := c.untilAnswered(order(1), withToken(requests[len(requests)-1].SessionToken))
			equal(t, "result", c.result(final), "APPROVED")
			attempts += n + m
		}
		equal(t, "transactions", len(server.Transactions()), purchases)
		equal(t, "payment requests", len(server.PaymentRequests()), purchases)
		if attempts < 3*purchases { // of the 2 per purchase that suffice without faults
			t.Errorf("%d attempts met too few faults", attempts)
		}
	})
}

func TestClearedFaultsNeedNotBeMet(t *testing.T) {
	server, c := newPair(t)
	server.Script(klarnatest.Fault{Times: 9}, klarnatest.Fault{Probability: 1})
	server.ScriptWebhook("payment.*", klarnatest.WebhookFaultLose)
	c.want(503, "POST", requestsPath, draft(1))
	server.ClearFaults()
	c.want(201, "POST", requestsPath, draft(1))
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

// recorder is a testing.TB that keeps the messages that it gets.
type recorder struct {
	testing.TB
	cleanups []func()
	errors   []string
}

func (r *recorder) Helper()                   {}
func (r *recorder) Cleanup(f func())          { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(f string, a ...any) { r.errors = append(r.errors, fmt.Sprintf(f, a...)) }

func TestUnmetFaultsFailTheTest(t *testing.T) {
	fake := &recorder{TB: t}
	server := klarnatest.NewServer(fake)
	c := newClient(t, server)
	server.Script(klarnatest.Fault{Operation: createOperation, Times: 3, Kind: klarnatest.FaultHTML})
	server.ScriptAuthorize(klarnatest.AuthorizeRule{Result: "DECLINED"})
	server.ScriptWebhook("payment.*", klarnatest.WebhookFaultLose)
	// A random fault need not be met.
	server.Script(klarnatest.Fault{Operation: "presentation.get", Probability: 0.1})
	server.ScriptWebhooks(klarnatest.WebhookRule{Fault: klarnatest.WebhookFaultDuplicate, Probability: 0.1})
	c.want(502, "POST", requestsPath, draft(1))
	for _, f := range fake.cleanups {
		f()
	}
	got := strings.Join(fake.errors, "\n")
	for _, want := range []string{
		`FaultHTML at "authorization.payment_request.create", 2 of 3 times left`,
		`authorize answer was never used: DECLINED`,
		`WebhookFaultLose at "payment.*"`,
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
		klarnatest.FaultDelay: "FaultDelay", klarnatest.FaultShortLength: "FaultShortLength",
		klarnatest.WebhookFaultReorder: "WebhookFaultReorder", klarnatest.WebhookFault(0): "WebhookFault(0)",
		klarnatest.WebhookFaultDuplicate: "WebhookFaultDuplicate", klarnatest.WebhookFault(99): "WebhookFault(99)",
	} {
		equal(t, "name", value.String(), want)
	}
}

func TestScriptRefusesInvalidFaults(t *testing.T) {
	server := klarnatest.NewServer(t)
	for name, tc := range map[string]struct {
		script func()
		says   string
	}{
		"an unknown operation": {
			func() { server.Script(klarnatest.Fault{Operation: "authorization.cancel"}) }, `unknown operation "authorization.cancel"; the operations are presentation.get, `,
		},
		"an unknown kind":       {func() { server.Script(klarnatest.Fault{Kind: 99}) }, "FaultKind(99)"},
		"an invalid status":     {func() { server.Script(klarnatest.Fault{StatusCode: 100}) }, "status 100"},
		"a delay without Delay": {func() { server.Script(klarnatest.Fault{Kind: klarnatest.FaultDelay}) }, "FaultDelay with a Delay of 0s"},
		"a probability above 1": {func() { server.Script(klarnatest.Fault{Probability: 1.5}) }, "probability of 1.5"},
		"a probability of NaN":  {func() { server.Script(klarnatest.Fault{Probability: math.NaN()}) }, "probability of NaN"},
		"no webhook fault":      {func() { server.ScriptWebhooks(klarnatest.WebhookRule{}) }, "WebhookFault(0)"},
		"an unknown webhook fault": {
			func() { server.ScriptWebhook("*", klarnatest.WebhookFault(99)) }, "WebhookFault(99)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if message, _ := recover().(string); !strings.Contains(message, tc.says) {
					t.Errorf("panicked with %q, want %q", message, tc.says)
				}
			}()
			tc.script()
		})
	}
}

func TestAServerPrintsItsURLAndNoKey(t *testing.T) {
	server := klarnatest.NewServer(t)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		if got := fmt.Sprintf(verb, server); got != "klarnatest.Server{"+server.URL+"}" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}
