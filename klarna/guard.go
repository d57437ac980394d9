package klarna

import (
	"errors"
	"net/http"
	"runtime"
	"strings"
)

// The headers of requests and answers, in canonical form.
const (
	headerAuthorization        = "Authorization"
	headerSessionToken         = "Klarna-Network-Session-Token"
	headerCustomerToken        = "Klarna-Customer-Token"
	headerIdempotencyKey       = "Klarna-Idempotency-Key"
	headerIntegrationMetadata  = "Klarna-Integration-Metadata"
	headerPartnerCorrelationID = "Partner-Correlation-Id"
	headerCorrelationID        = "Klarna-Correlation-Id"
	headerMTLSStatus           = "Klarna-Mtls-Verification-Status"
	headerIPStatus             = "Klarna-Ip-Validation-Status"
	headerAccept               = "Accept"
	headerContentType          = "Content-Type"
	headerUserAgent            = "User-Agent"
	headerReplayable           = "X-Idempotency-Key"
)

// version is the version of this library, which is part of the User-Agent.
const version = "0.1.0"

var userAgent = "klarna-go/" + version + " (" + runtime.Version() + ")"

// allowedHeaders is an allow list of the headers that are sent. Klarna forbids tracing headers, and
// a deny list could not name those of all tracing systems.
var allowedHeaders = map[string]bool{
	headerAuthorization:        true,
	headerSessionToken:         true,
	headerCustomerToken:        true,
	headerIdempotencyKey:       true,
	headerIntegrationMetadata:  true,
	headerPartnerCorrelationID: true,
	headerAccept:               true,
	headerContentType:          true,
	headerUserAgent:            true,
	headerReplayable:           true,
}

// guard checks and cleans the header of a request after all middleware, before the transport sends
// it.
type guard struct{ next http.RoundTripper }

var errNoIdempotencyKey = errors.New("klarna: a middleware removed the Klarna-Idempotency-Key header")

func (g guard) RoundTrip(request *http.Request) (*http.Response, error) {
	if needsIdempotencyKey(request.Method) && strings.TrimSpace(request.Header.Get(headerIdempotencyKey)) == "" {
		closeBody(request)
		return nil, notSent{errNoIdempotencyKey}
	}
	return g.next.RoundTrip(withAllowedHeaders(request))
}

func needsIdempotencyKey(method string) bool {
	return method == http.MethodPost || method == http.MethodPatch || method == http.MethodPut
}

// withAllowedHeaders returns the request with the allowed headers only.
func withAllowedHeaders(request *http.Request) *http.Request {
	clean := true
	for name := range request.Header {
		clean = clean && allowedHeaders[name]
	}
	if clean { // always so without middleware
		return request
	}
	header := make(http.Header, len(request.Header))
	for name, values := range request.Header {
		if allowedHeaders[name] {
			header[name] = values
		}
	}
	// A RoundTripper must not change its request, so a shallow copy gets the clean header.
	sent := *request
	sent.Header = header
	return &sent
}

// notSent is the error of an attempt that wrote nothing to a connection.
type notSent struct{ error }

func (e notSent) Unwrap() error { return e.error }

func closeBody(request *http.Request) {
	if request.Body != nil {
		// The body is not sent, so an error of Close does not matter.
		_ = request.Body.Close()
	}
}
