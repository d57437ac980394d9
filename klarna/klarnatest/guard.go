package klarnatest

import (
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	headerSessionToken         = "Klarna-Network-Session-Token"
	headerCustomerToken        = "Klarna-Customer-Token"
	headerIdempotencyKey       = "Klarna-Idempotency-Key"
	headerIntegrationMetadata  = "Klarna-Integration-Metadata"
	headerPartnerCorrelationID = "Partner-Correlation-Id"
)

// sessionTokenHeaders are the present and former names of the session token's header, newest first.
var sessionTokenHeaders = []string{headerSessionToken, "Klarna-Interoperability-Token", "Klarna-Payment-Token"}

func sessionTokenOf(h http.Header) string {
	for _, name := range sessionTokenHeaders {
		if token := h.Get(name); token != "" {
			return token
		}
	}
	return ""
}

// tracingHeaders must not be forwarded to Klarna. An entry that ends in "-" is a prefix.
var tracingHeaders = []string{
	"Traceparent", "Tracestate", "Baggage", "B3", "X-B3-", "Uber-Trace-Id", "Uberctx-", "Sentry-Trace", "X-Datadog-",
	"X-Amzn-Trace-Id", "X-Cloud-Trace-Context", "Elastic-Apm-Traceparent", "Newrelic",
}

func isTracing(name string) bool {
	return slices.ContainsFunc(tracingHeaders, func(t string) bool {
		return name == t || strings.HasSuffix(t, "-") && strings.HasPrefix(name, t)
	})
}

// guard refuses a request before it reaches an operation. Such an answer is not remembered for an
// idempotency key.
func (s *Server) guard(c *call) *answer {
	switch {
	case !s.authorized(c.request.Header.Get("Authorization")):
		return new(failure(http.StatusUnauthorized, codeUnauthorized, "the API key is missing or invalid"))
	case c.allowance.exceeded:
		return new(failure(http.StatusTooManyRequests, codeRateLimited, "too many requests in this second"))
	case c.route == nil:
		return new(failure(http.StatusNotFound, codeNoRoute, "no such route"))
	case c.partner == nil && c.account == "":
		return new(failure(http.StatusForbidden, codeForbidden, "an Acquiring Partner names the account it acts for in the path"))
	case c.partner == nil:
		// 403 and not 404: a client would read a 404 as a payment that does not exist.
		return new(failure(http.StatusForbidden, codeForbidden, "the API key may not act for this account"))
	case len(c.body) > maxBody:
		// Neither type nor code of this error is documented, so it has no body.
		return &answer{status: http.StatusRequestEntityTooLarge}
	}
	var found problems
	checkHeaders(c, &found)
	switch {
	case c.route.is(takesBody) || c.route.is(mayTakeBody) && len(c.body) > 0:
		if refused := checkBody(c, &found); refused != nil {
			return refused
		}
	case len(c.body) > 0:
		found.add("body", "must be empty")
	}
	if len(found) > 0 {
		return new(invalid(found...))
	}
	return nil
}

func checkBody(c *call, found *problems) *answer {
	if len(c.body) == 0 {
		found.add("body", "is required")
		return nil
	}
	media, _, err := mime.ParseMediaType(c.request.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return new(failure(http.StatusBadRequest, codeContentType, "the body must be application/json"))
	}
	if err := checkJSON(c.body); err != nil {
		found.add("body", "%v", err)
	}
	return nil
}

func checkHeaders(c *call, found *problems) {
	total := 0
	for name, values := range c.request.Header {
		size := 0
		for _, value := range values {
			size += len(name) + len(value)
		}
		total += size
		switch {
		case isTracing(name):
			found.add(name, "tracing headers must not be sent")
		case slices.Contains(sessionTokenHeaders, name):
			if len(c.token) > 10240 {
				found.add(name, "must have at most 10240 characters")
			}
		case size > 6<<10:
			found.add(name, "a header must not be larger than 6 KB")
		}
	}
	if total > 20<<10 {
		found.add("headers", "all headers together must not be larger than 20 KB")
	}
	// The order is fixed, because that of a map is not.
	slices.SortFunc(*found, func(a, b problem) int { return strings.Compare(a.Parameter, b.Parameter) })

	key := c.request.Header.Get(headerIdempotencyKey)
	// Klarna requires a key on POST and PATCH.
	missing := key == "" && c.request.Method != http.MethodPut
	if c.route.is(keyed) && (missing || utf8.RuneCountInString(key) > 255) {
		found.add(headerIdempotencyKey, "is required on every POST and PATCH, 1 to 255 characters")
	}
	if utf8.RuneCountInString(c.request.Header.Get(headerPartnerCorrelationID)) > 255 {
		found.add(headerPartnerCorrelationID, "must have at most 255 characters")
	}
	if metadata := c.request.Header.Get(headerIntegrationMetadata); metadata != "" {
		checkIntegrationMetadata(metadata, found)
	}
}

func checkIntegrationMetadata(header string, found *problems) {
	if strings.ContainsFunc(header, func(r rune) bool { return r < ' ' || r > '~' }) {
		found.add(headerIntegrationMetadata, "must be ASCII; escape other characters")
	}
	raw := json.RawMessage(header)
	if err := checkJSON(raw); err != nil {
		found.add(headerIntegrationMetadata, "%v", err)
		return
	}
	o := object{path: headerIntegrationMetadata, found: found}
	if json.Unmarshal(raw, &o.members) != nil {
		found.add(headerIntegrationMetadata, "must be a JSON object")
		return
	}
	o.need("integrator")
	if integrator, ok := o.object("integrator"); ok {
		checkIntegrator(integrator)
	}
	originators := o.objects("originators")
	if len(originators) > 10 {
		found.add(o.at("originators"), "must have at most 10 entries")
	}
	for _, originator := range originators {
		checkIntegrator(originator)
	}
}

func checkIntegrator(o object) {
	o.need("name", "session_reference")
	o.text("name", 50)
	o.text("session_reference", 100)
	o.text("module_name", 50)
	o.text("module_version", 50)
}
