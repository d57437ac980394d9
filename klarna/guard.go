package klarna

import (
	"errors"
	"net/http"
	"runtime"
	"strings"
)

// The headers of the contract, in canonical form.
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

// version of this library, which calls send in their User-Agent.
const version = "0.1.0"

var userAgent = "klarna-go/" + version + " (" + runtime.Version() + ")"

// allowedHeaders are the headers that may leave. It is a list of what may and not of what may not,
// because every tracing system has names of its own, and Klarna forbids them all.
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

// guard stands between all middleware and the transport that sends.
type guard struct{ next http.RoundTripper }

var errNoIdempotencyKey = errors.New("klarna: the request lost its Klarna-Idempotency-Key in a middleware")

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

// withAllowedHeaders is the request without the headers that must stay.
func withAllowedHeaders(request *http.Request) *http.Request {
	clean := true
	for name := range request.Header {
		clean = clean && allowedHeaders[name]
	}
	if clean { // as always without a middleware
		return request
	}
	header := make(http.Header, len(request.Header))
	for name, values := range request.Header {
		if allowedHeaders[name] {
			header[name] = values
		}
	}
	// A RoundTripper must not change its request: a shallow copy gets the clean header.
	sent := *request
	sent.Header = header
	return &sent
}

// notSent marks the error of an attempt that certainly put nothing on a connection.
type notSent struct{ error }

func (e notSent) Unwrap() error { return e.error }

func closeBody(request *http.Request) {
	if request.Body != nil {
		// Nothing is lost if closing a body that is not sent fails.
		_ = request.Body.Close()
	}
}
