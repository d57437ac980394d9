package klarna_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jarcoal/httpmock"

	"github.com/klarna-go/klarna-go/klarna"
)

func TestWhatACallSends(t *testing.T) {
	server, requests := recorder(t, 200, "{}")
	client := newClient(t, server.URL, klarna.WithIntegrationMetadata(metadata("GATEWAY", "s-1"))).ForAccount(account)
	call := authorize()
	call.SessionToken = klarna.NewSecret("krn:network:us1:test:session-token:eyJ0")
	call.Query = url.Values{"intents[]": {"PAY", "SUBSCRIBE"}, "acquiring_config[payment_account_id]": {"krn:1"}}
	succeed(t, client, call, nil, klarna.WithCustomerToken(klarna.NewSecret("krn:customer")), klarna.WithCorrelationID("abc123"), klarna.WithIdempotencyKey("key"))
	want := sent{
		Method: "POST",
		URI:    "/v2/accounts/" + account + "/payment/authorize?acquiring_config%5Bpayment_account_id%5D=krn%3A1&intents%5B%5D=PAY&intents%5B%5D=SUBSCRIBE",
		Header: http.Header{
			"Accept":                       {"application/json"},
			"Accept-Encoding":              {"gzip"},
			"Authorization":                {"Basic " + testKey},
			"Content-Length":               {"18"},
			"Content-Type":                 {"application/json"},
			"Klarna-Customer-Token":        {"krn:customer"},
			"Klarna-Idempotency-Key":       {"key"},
			"Klarna-Integration-Metadata":  {`{"integrator":{"name":"GATEWAY","session_reference":"s-1"}}`},
			"Klarna-Network-Session-Token": {"krn:network:us1:test:session-token:eyJ0"},
			"Partner-Correlation-Id":       {"abc123"},
			"User-Agent":                   {"klarna-go/0.1.0 (" + runtime.Version() + ")"},
		},
		Body: `{"currency":"SEK"}`,
	}
	if diff := cmp.Diff(want, requests.only(t)); diff != "" {
		t.Error(diff)
	}
}

func TestWhatAReadSends(t *testing.T) {
	server, requests := recorder(t, 200, "{}")
	succeed(t, newClient(t, server.URL), read(), nil)
	got := requests.only(t)
	if id := got.Header.Get("Partner-Correlation-Id"); !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(id) {
		t.Errorf("the random correlation id is %q", id)
	}
	got.Header.Del("Partner-Correlation-Id")
	want := sent{Method: "GET", URI: "/v2/payment/requests/krn:payment:eu1:request:1", Header: http.Header{
		"Accept":          {"application/json"},
		"Accept-Encoding": {"gzip"},
		"Authorization":   {"Basic " + testKey},
		"User-Agent":      {"klarna-go/0.1.0 (" + runtime.Version() + ")"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPaths(t *testing.T) {
	call := func(route string, ids ...string) klarna.Call {
		return klarna.Call{Operation: "o", Method: "GET", Route: route, IDs: ids}
	}
	global := call("notification/webhooks")
	global.WithoutAccount = true
	tests := map[string]struct {
		account string
		call    klarna.Call
		want    string
	}{
		"colons stay raw":                  {account, call("a/{x}", "krn:payment:eu1:request:1"), "/v2/accounts/" + account + "/a/krn:payment:eu1:request:1"},
		"two ids in order":                 {"", call("a/{x}/b/{y}/c", "1", "2"), "/v2/a/1/b/2/c"},
		"a slash in an id is escaped":      {"", call("a/{x}", "1/../2"), "/v2/a/1%2F..%2F2"},
		"a question mark is escaped":       {"", call("a/{x}", "1?b=c#d"), "/v2/a/1%3Fb=c%23d"},
		"a percent sign is escaped":        {"", call("a/{x}", "%2e%2e"), "/v2/a/%252e%252e"},
		"a slash in an account":            {"krn:1/../2", call("a"), "/v2/accounts/krn:1%2F..%2F2/a"},
		"no account in a call without one": {account, global, "/v2/notification/webhooks"},
		"three dots are an id":             {"", call("a/{x}", "..."), "/v2/a/..."},
		"a letter that is not ASCII":       {"", call("a/{x}", "å"), "/v2/a/%C3%A5"},
		"spaces in an id are not trimmed":  {"", call("a/{x}", " 1"), "/v2/a/%201"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server, requests := recorder(t, 200, "{}")
			client := newClient(t, server.URL)
			if test.account != "" {
				client = client.ForAccount(test.account)
			}
			succeed(t, client, test.call, nil)
			if got := requests.only(t).URI; got != test.want {
				t.Errorf("called %s, want %s", got, test.want)
			}
		})
	}
}

func TestInvalidCallsAreRefusedBeforeSending(t *testing.T) {
	one := func(parameter, reason string) []klarna.ValidationError {
		return []klarna.ValidationError{{Parameter: parameter, Reasons: []string{reason}}}
	}
	get := func(route string, ids ...string) klarna.Call {
		return klarna.Call{Operation: "o", Method: "GET", Route: route, IDs: ids}
	}
	long := strings.Repeat("x", 256)
	tests := map[string]struct {
		account *string
		call    klarna.Call
		options []klarna.CallOption
		want    []klarna.ValidationError
	}{
		"an empty id":                   {call: get("a/{payment_request_id}", ""), want: one("payment_request_id", "is empty")},
		"a missing id":                  {call: get("a/{x}/{payment_request_id}", "1"), want: one("payment_request_id", "is empty")},
		"two dots as an id":             {call: get("a/{payment_request_id}/b", ".."), want: one("payment_request_id", "is not an id")},
		"one dot as an id":              {call: get("a/{payment_request_id}/b", "."), want: one("payment_request_id", "is not an id")},
		"an id with a line break":       {call: get("a/{payment_request_id}", "1\n"), want: one("payment_request_id", "is not an id")},
		"an id with a delete character": {call: get("a/{payment_request_id}", "1\x7f"), want: one("payment_request_id", "is not an id")},
		"an empty account":              {account: new(""), call: get("a"), want: one("partner_account_id", "is empty")},
		"two dots as an account":        {account: new(".."), call: get("a"), want: one("partner_account_id", "is not an id")},
		"a key that is too long":        {call: authorize(), options: []klarna.CallOption{klarna.WithIdempotencyKey(long)}, want: one("Klarna-Idempotency-Key", "is longer than 255 characters")},
		"a key with a line break":       {call: authorize(), options: []klarna.CallOption{klarna.WithIdempotencyKey("a\nb")}, want: one("Klarna-Idempotency-Key", "has characters that are not allowed in a header")},
		"a key of white space":          {call: authorize(), options: []klarna.CallOption{klarna.WithIdempotencyKey(" ")}, want: one("Klarna-Idempotency-Key", "begins or ends with a space")},
		"a key that net/http trims":     {call: authorize(), options: []klarna.CallOption{klarna.WithIdempotencyKey("a ")}, want: one("Klarna-Idempotency-Key", "begins or ends with a space")},
		"a correlation id too long":     {call: authorize(), options: []klarna.CallOption{klarna.WithCorrelationID(long)}, want: one("Partner-Correlation-Id", "is longer than 255 characters")},
		"a correlation id with é":       {call: authorize(), options: []klarna.CallOption{klarna.WithCorrelationID("é")}, want: one("Partner-Correlation-Id", "has characters that are not allowed in a header")},
		"a session token over both limits": {
			call: authorize(), options: []klarna.CallOption{klarna.WithSessionToken(klarna.NewSecret(strings.Repeat("t", 10241)))},
			want: one("Klarna-Network-Session-Token", "is longer than 10240 characters"),
		},
		"a session token that would inject a header": {
			call: with(func(c *klarna.Call) { c.SessionToken = klarna.NewSecret("a\r\nX-Evil: 1") }),
			want: one("Klarna-Network-Session-Token", "has characters that are not allowed in a header"),
		},
		"a customer token with a line break": {
			call: authorize(), options: []klarna.CallOption{klarna.WithCustomerToken(klarna.NewSecret("a\n"))},
			want: one("Klarna-Customer-Token", "has characters that are not allowed in a header"),
		},
		"metadata with two problems": {
			call: authorize(), options: []klarna.CallOption{klarna.WithIntegrationMetadata(klarna.IntegrationMetadata{})},
			want: []klarna.ValidationError{{Parameter: "Klarna-Integration-Metadata", Reasons: []string{
				"integrator.name: 1 to 50 characters, not 0", "integrator.session_reference: 1 to 100 characters, not 0",
			}}},
		},
		"a body over one megabyte": {
			call: with(func(c *klarna.Call) { c.Body = strings.Repeat("x", 1<<20-1) }), want: one("body", "is larger than 1 MB, the most that Klarna accepts"),
		},
		"a body that JSON cannot encode": {
			call: with(func(c *klarna.Call) { c.Body = map[string]any{"a": make(chan int)} }), want: one("body", "cannot encode a: a value as chan int"),
		},
		"a body with invalid UTF-8": {
			call: with(func(c *klarna.Call) { c.Body = "a\xff" }), want: one("body", "is a string that is not valid UTF-8"),
		},
		"a member with invalid UTF-8": {
			call: with(func(c *klarna.Call) { c.Body = map[string]any{"list": []any{1, map[string]string{"name": "a\xff"}}} }),
			want: one("list[1].name", "is a string that is not valid UTF-8"),
		},
		"an id with invalid UTF-8":      {call: get("a/{payment_request_id}", "1\xff"), want: one("payment_request_id", "is a string that is not valid UTF-8")},
		"an account with invalid UTF-8": {account: new("\xff"), call: get("a"), want: one("partner_account_id", "is a string that is not valid UTF-8")},
		"a query with invalid UTF-8": {
			call: klarna.Call{Operation: "o", Method: http.MethodGet, Route: "a", Query: url.Values{"locale": {"en\xff"}, "intents[]": {"PAY", "\xc3"}, "currency": {"EUR"}}},
			want: []klarna.ValidationError{
				{Parameter: "intents[]", Reasons: []string{"is a string that is not valid UTF-8"}},
				{Parameter: "locale", Reasons: []string{"is a string that is not valid UTF-8"}},
			},
		},
		"metadata with invalid UTF-8": {
			call: authorize(), options: []klarna.CallOption{klarna.WithIntegrationMetadata(metadata("a", "b\xff"))},
			want: one("Klarna-Integration-Metadata", "cannot encode integrator.session_reference: a string that is not valid UTF-8"),
		},
		"an invalid method": {call: klarna.Call{Operation: "o", Method: "GE T", Route: "a"}, want: one("method", "is not an HTTP method")},
		"problems that Validate returns": {
			call: with(func(c *klarna.Call) {
				c.Validate = func() []klarna.ValidationError { return one("currency", "is missing") }
			}),
			want: one("currency", "is missing"),
		},
		"several problems together": {
			account: new(""),
			call: with(func(c *klarna.Call) {
				c.Route, c.IDs = "a/{x}", []string{".."}
				c.Validate = func() []klarna.ValidationError { return one("currency", "is missing") }
			}),
			options: []klarna.CallOption{klarna.WithIdempotencyKey(long)},
			want: []klarna.ValidationError{
				{Parameter: "partner_account_id", Reasons: []string{"is empty"}},
				{Parameter: "x", Reasons: []string{"is not an id"}},
				{Parameter: "currency", Reasons: []string{"is missing"}},
				{Parameter: "Klarna-Idempotency-Key", Reasons: []string{"is longer than 255 characters"}},
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server, requests := recorder(t, 200, "{}")
			client := newClient(t, server.URL)
			if test.account != nil {
				client = client.ForAccount(*test.account)
			}
			var response klarna.Response
			err := fail(t, client, test.call, nil, append(test.options, klarna.WithResponse(&response))...)
			if diff := cmp.Diff(test.want, err.ValidationErrors); diff != "" {
				t.Error(diff)
			}
			if err.Code != klarna.CodeValidationError || err.Outcome != klarna.OutcomeNotSent || err.StatusCode != 0 || len(err.Attempts) != 0 {
				t.Errorf("%v", err)
			}
			if diff := cmp.Diff(klarna.RateLimit{Limit: -1, Remaining: -1, Reset: -1}, err.RateLimit); diff != "" {
				t.Errorf("a quota that no answer reported:\n%s", diff)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the text has more than one line: %s", err)
			}
			if n := len(requests.list()); n != 0 {
				t.Errorf("the server got %d requests", n)
			}
		})
	}
}

func TestTheLargestAllowedBodyIsSent(t *testing.T) {
	server, requests := recorder(t, 200, "{}")
	call := authorize()
	call.Body = strings.Repeat("x", 1<<20-2)
	succeed(t, newClient(t, server.URL), call, nil,
		klarna.WithSessionToken(klarna.NewSecret(strings.Repeat("t", 10240))), klarna.WithCorrelationID(strings.Repeat("c", 255)))
	if got := requests.only(t); len(got.Body) != 1<<20 || len(got.Header.Get("Klarna-Network-Session-Token")) != 10240 {
		t.Errorf("sent a body of %d bytes", len(got.Body))
	}
}

func TestLocalValidationCanBeTurnedOff(t *testing.T) {
	server, requests := recorder(t, 200, "{}")
	call := authorize()
	call.Validate = func() []klarna.ValidationError { return []klarna.ValidationError{{Parameter: "currency"}} }
	succeed(t, newClient(t, server.URL, klarna.WithoutLocalValidation()), call, nil)
	requests.only(t)
}

func TestSecretsInABodyAreSent(t *testing.T) {
	server, requests := recorder(t, 200, "{}")
	call := authorize()
	call.Body = struct {
		Token klarna.Secret  `json:"token"`
		Raw   klarna.RawJSON `json:"raw"`
	}{klarna.NewSecret("krn:é\""), klarna.NewRawJSON(`{"b":1.50,"a":2}`)}
	succeed(t, newClient(t, server.URL), call, nil)
	if got, want := requests.only(t).Body, `{"token":"krn:é\"","raw":{"b":1.50,"a":2}}`; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
}

func TestResponsesAreCaptured(t *testing.T) {
	for name, status := range map[string]int{"on success": 200, "on failure": 409} {
		t.Run(name, func(t *testing.T) {
			server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				h := w.Header()
				h.Set("Klarna-Correlation-Id", "k-1")
				h.Set("Klarna-Mtls-Verification-Status", "VALID, VALID")
				h.Set("Klarna-Ip-Validation-Status", "ALLOWED")
				h.Set("X-Ratelimit-Limit", `40, 40;w=1;name="account_1",100;w=60;name="psp_2"`)
				h.Set("X-Ratelimit-Remaining", "15")
				h.Set("X-Ratelimit-Reset", "1")
				h.Set("X-Something-New", "yes")
				w.WriteHeader(status)
				_, _ = io.WriteString(w, errorJSON("RESOURCE_CONFLICT"))
			})
			response := klarna.Response{StatusCode: 1, MTLSStatus: "left from another call"}
			_, err := newClient(t, server.URL).Do(t.Context(), authorize(), nil, klarna.WithResponse(&response), klarna.WithCorrelationID("p-1"))
			rateLimit := klarna.RateLimit{Limit: 40, Remaining: 15, Reset: time.Second, Quotas: []klarna.Quota{
				{Name: "account_1", Limit: 40, Window: time.Second}, {Name: "psp_2", Limit: 100, Window: time.Minute},
			}}
			want := []any{
				status, "k-1", "p-1", "VALID", "ALLOWED", rateLimit, "yes", errorJSON("RESOURCE_CONFLICT"), 1,
			}
			got := []any{
				response.StatusCode, response.CorrelationID, response.PartnerCorrelationID, response.MTLSStatus, response.IPStatus,
				response.RateLimit, response.Header.Get("X-Something-New"), string(response.Body.Bytes()), len(response.Attempts),
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if e, ok := errors.AsType[*klarna.Error](err); ok {
				if diff := cmp.Diff([]any{"k-1", "p-1", rateLimit}, []any{e.CorrelationID, e.PartnerCorrelationID, e.RateLimit}); diff != "" {
					t.Error(diff)
				}
			} else if status != 200 {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("without an answer", func(t *testing.T) {
		response := klarna.Response{StatusCode: 1}
		fail(t, stubbed(t, roundTrip(httpmock.NewErrorResponder(io.EOF))), authorize(), nil, klarna.WithResponse(&response))
		if response.StatusCode != 0 || len(response.Attempts) != 4 || response.RateLimit.Limit != -1 || response.Header != nil || !response.Body.IsZero() {
			t.Errorf("%+v, %d attempts", response.RateLimit, len(response.Attempts))
		}
	})
	t.Run("of the last attempt only", func(t *testing.T) {
		n := 0
		client := stubbed(t, func(r *http.Request) (*http.Response, error) {
			if n++; n > 1 {
				return nil, io.ErrUnexpectedEOF
			}
			response := respond(r, 503, errorJSON("TEMPORARY_UNAVAILABLE"))
			response.Header.Set("Klarna-Correlation-Id", "k-1")
			return response, nil
		})
		var response klarna.Response
		err := fail(t, client, authorize(), nil, klarna.WithResponse(&response))
		if response.Header != nil || !response.Body.IsZero() || err.StatusCode != 0 || err.Code != "" || err.Message != "" || err.CorrelationID != "" {
			t.Errorf("the first answer shows: %v", err)
		}
		if first := err.Attempts[0]; first.StatusCode != 503 || first.CorrelationID != "k-1" {
			t.Errorf("the first attempt is lost: %v", first)
		}
	})
}

func metadata(name, reference string) klarna.IntegrationMetadata {
	return klarna.IntegrationMetadata{Integrator: klarna.Integrator{Name: name, SessionReference: reference}}
}

func TestIntegrationMetadata(t *testing.T) {
	full := metadata("A", "é")
	full.Integrator.ModuleName, full.Integrator.ModuleVersion = "\"\\\n\x7f", "😀"
	full.Originators = []klarna.Integrator{{Name: "中", SessionReference: "\ufffd\U0010ffff"}}
	largest := metadata(strings.Repeat("😀", 50), strings.Repeat("é", 100))
	largest.Integrator.ModuleName, largest.Integrator.ModuleVersion = strings.Repeat("m", 50), strings.Repeat("v", 50)
	largest.Originators = make([]klarna.Integrator, 10)
	for i := range largest.Originators {
		largest.Originators[i] = klarna.Integrator{Name: "O", SessionReference: "s"}
	}
	t.Run("everything is ASCII on the wire", func(t *testing.T) {
		server, requests := recorder(t, 200, "{}")
		succeed(t, newClient(t, server.URL), authorize(), nil, klarna.WithIntegrationMetadata(full))
		want := `{"integrator":{"name":"A","session_reference":"\u00e9","module_name":"\"\\\n\u007f","module_version":"\ud83d\ude00"},` +
			`"originators":[{"name":"\u4e2d","session_reference":"\ufffd\udbff\udfff"}]}`
		if got := requests.only(t).Header.Get("Klarna-Integration-Metadata"); got != want {
			t.Errorf("sent\n%s, want\n%s", got, want)
		}
	})
	t.Run("the metadata of the call takes precedence", func(t *testing.T) {
		server, requests := recorder(t, 200, "{}")
		client := newClient(t, server.URL, klarna.WithIntegrationMetadata(metadata("CLIENT", "1")))
		succeed(t, client, authorize(), nil, klarna.WithIntegrationMetadata(metadata("CALL", "1")))
		succeed(t, client, authorize(), nil)
		var names []string
		for _, s := range requests.list() {
			names = append(names, s.Header.Get("Klarna-Integration-Metadata"))
		}
		want := []string{`{"integrator":{"name":"CALL","session_reference":"1"}}`, `{"integrator":{"name":"CLIENT","session_reference":"1"}}`}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("the longest values that are allowed", func(t *testing.T) {
		if _, err := klarna.NewClient(testKey, klarna.WithIntegrationMetadata(largest)); err != nil {
			t.Error(err)
		}
	})
	for name, test := range map[string]struct {
		change func(*klarna.IntegrationMetadata)
		want   string
	}{
		"a name of 51":                   {func(m *klarna.IntegrationMetadata) { m.Integrator.Name += "x" }, "integrator.name: 1 to 50 characters, not 51"},
		"a session reference of 101":     {func(m *klarna.IntegrationMetadata) { m.Integrator.SessionReference += "x" }, "integrator.session_reference: 1 to 100 characters, not 101"},
		"a module name of 51":            {func(m *klarna.IntegrationMetadata) { m.Integrator.ModuleName += "x" }, "integrator.module_name: 0 to 50 characters, not 51"},
		"a module version of 51":         {func(m *klarna.IntegrationMetadata) { m.Integrator.ModuleVersion += "x" }, "integrator.module_version: 0 to 50 characters, not 51"},
		"an originator without a name":   {func(m *klarna.IntegrationMetadata) { m.Originators[3].Name = "" }, "originators[3].name: 1 to 50 characters, not 0"},
		"eleven originators":             {func(m *klarna.IntegrationMetadata) { m.Originators = append(m.Originators, m.Originators[0]) }, "originators: at most 10"},
		"a name that is not valid UTF-8": {func(m *klarna.IntegrationMetadata) { m.Integrator.Name = "a\xff" }, "integration metadata: cannot encode integrator.name: a string that is not valid UTF-8"},
	} {
		t.Run("refused: "+name, func(t *testing.T) {
			m := largest
			m.Originators = append([]klarna.Integrator(nil), largest.Originators...)
			test.change(&m)
			if _, err := klarna.NewClient(testKey, klarna.WithIntegrationMetadata(m)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

func TestMiddlewareRunsInTheOrderGiven(t *testing.T) {
	var order []string
	named := func(name string) klarna.Middleware {
		return func(next http.RoundTripper) http.RoundTripper {
			return roundTrip(func(r *http.Request) (*http.Response, error) {
				order = append(order, name)
				return next.RoundTrip(r)
			})
		}
	}
	client := stubbed(t, func(r *http.Request) (*http.Response, error) {
		order = append(order, "transport")
		return respond(r, map[bool]int{true: 503, false: 200}[len(order) < 5], "{}"), nil
	}, klarna.WithMiddleware(named("first"), nil, named("second")), klarna.WithMiddleware(named("third")))
	succeed(t, client, authorize(), nil)
	want := []string{"first", "second", "third", "transport", "first", "second", "third", "transport"}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Errorf("around each attempt:\n%s", diff)
	}
}

func TestNoHeaderOfMiddlewareReachesKlarna(t *testing.T) {
	added := map[string]string{
		"Traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "Tracestate": "a=b", "Baggage": "user=1",
		"X-B3-Traceid": "1", "X-B3-Spanid": "1", "B3": "1-1-1", "X-Cloud-Trace-Context": "1", "X-Amzn-Trace-Id": "1", "Sentry-Trace": "1",
		"X-Datadog-Trace-Id": "1", "Newrelic": "1", "Uber-Trace-Id": "1", "Elastic-Apm-Traceparent": "1", "Cookie": "a=b",
		"Forwarded": "for=1", "X-Anything-At-All": "1", "Idempotency-Key": "1", "Klarna-Payment-Token": "1",
	}
	instrumented := func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			r = r.Clone(r.Context())
			for name, value := range added {
				r.Header.Set(name, value)
				r.Header[strings.ToLower(name)] = []string{value}
			}
			return next.RoundTrip(r)
		})
	}
	plain, plainRequests := recorder(t, 200, "{}")
	traced, tracedRequests := recorder(t, 200, "{}")
	fixed := []klarna.CallOption{klarna.WithCorrelationID("c")}
	succeed(t, newClient(t, plain.URL), authorize(), nil, fixed...)
	succeed(t, newClient(t, traced.URL, klarna.WithMiddleware(instrumented)), authorize(), nil, fixed...)
	if diff := cmp.Diff(plainRequests.only(t), tracedRequests.only(t)); diff != "" {
		t.Error(diff)
	}
}

func TestTheGuardDoesNotChangeTheRequest(t *testing.T) {
	var before, after http.Header
	client := stubbed(t, func(r *http.Request) (*http.Response, error) { return respond(r, 200, "{}"), nil },
		klarna.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
			return roundTrip(func(r *http.Request) (*http.Response, error) {
				r.Header.Set("Traceparent", "1")
				before = r.Header.Clone()
				response, err := next.RoundTrip(r)
				after = r.Header
				return response, err
			})
		}))
	succeed(t, client, authorize(), nil)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the guard changed its request:\n%s", diff)
	}
}

func TestTheCallersHTTPClientIsNeverChanged(t *testing.T) {
	transport := &http.Transport{MaxIdleConns: 3}
	defer transport.CloseIdleConnections()
	theirs := &http.Client{Transport: transport, Timeout: time.Minute}
	before, defaultBefore, defaultTransport := *theirs, *http.DefaultClient, http.DefaultTransport
	server, _ := recorder(t, 200, "{}")
	succeed(t, newClient(t, server.URL, klarna.WithHTTPClient(theirs)), authorize(), nil)
	succeed(t, newClient(t, server.URL, klarna.WithHTTPClient(nil)), authorize(), nil)
	succeed(t, newClient(t, server.URL, klarna.WithHTTPClient(&http.Client{})), authorize(), nil)
	if !reflect.DeepEqual(before, *theirs) || theirs.CheckRedirect != nil || theirs.Jar != nil || transport.MaxIdleConns != 3 {
		t.Error("the caller's client changed")
	}
	if !reflect.DeepEqual(defaultBefore, *http.DefaultClient) || http.DefaultTransport != defaultTransport {
		t.Error("http.DefaultClient or http.DefaultTransport changed")
	}
}

// TestAClientAndACallCanBeShared needs the race detector.
func TestAClientAndACallCanBeShared(t *testing.T) {
	server, requests := recorder(t, 200, `{"id":"a"}`)
	client := newClient(t, server.URL, klarna.WithIntegrationMetadata(metadata("A", "1")))
	call := authorize()
	call.Route, call.IDs = "a/{x}", []string{"krn:1"}
	call.Query = url.Values{"a": {"b"}, "c": {"d"}}
	call.SessionToken = klarna.NewSecret("t")
	call.Validate = func() []klarna.ValidationError { return nil }
	option := klarna.WithIntegrationMetadata(metadata("B", "1"))
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			bound := client
			if i%2 == 0 {
				bound = client.ForAccount(account)
			}
			for range 5 {
				var got session
				if _, err := bound.Do(t.Context(), call, &got, option); err != nil || got.ID != "a" {
					t.Errorf("%v", err)
				}
				_ = fmt.Sprint(call, client)
			}
		})
	}
	group.Wait()
	keys := make(map[string]bool)
	for _, s := range requests.list() {
		keys[s.Header.Get("Klarna-Idempotency-Key")] = true
	}
	if len(requests.list()) != 40 || len(keys) != 2 {
		t.Errorf("%d requests with %d keys, want 40 with one for each of two accounts", len(requests.list()), len(keys))
	}
}

func BenchmarkDo(b *testing.B) {
	transport := new(http.Transport)
	transport.RegisterProtocol("http", roundTrip(func(r *http.Request) (*http.Response, error) {
		return respond(r, http.StatusOK, `{"payment_request_id":"krn:payment:eu1:request:1","state":"SUBMITTED"}`), nil
	}))
	client, err := klarna.NewClient(testKey, klarna.WithBaseURL("http://127.0.0.1:1"), klarna.WithHTTPClient(&http.Client{Transport: transport}))
	if err != nil {
		b.Fatal(err)
	}
	for name, call := range map[string]klarna.Call{"read": read(), "authorize": authorize()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var answer struct {
					State string `json:"state"`
				}
				if _, err := client.Do(b.Context(), call, &answer); err != nil || answer.State != "SUBMITTED" {
					b.Fatal(answer, err)
				}
			}
		})
	}
}
