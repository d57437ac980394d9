package klarna

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/time/rate"
)

// Option configures a [Client].
type Option interface{ applyToClient(*settings) }

// CallOption configures one call.
type CallOption interface{ applyToCall(*callSettings) }

// SharedOption can be given to a [Client], for all of its calls, and to one call, where it wins.
type SharedOption interface {
	Option
	CallOption
}

type settings struct {
	baseURL      string
	authEncoding AuthEncoding
	username     string
	httpClient   *http.Client
	middleware   []Middleware
	certificate  func(*tls.CertificateRequestInfo) (*tls.Certificate, error)
	retries      RetryPolicy
	limiter      *rate.Limiter
	timeout      time.Duration
	metadata     *IntegrationMetadata
	maxResponse  int64
	validate     bool
	logger       *slog.Logger
	problems     []error
}

type clientOption func(*settings)

func (o clientOption) applyToClient(s *settings) { o(s) }

// WithBaseURL sends the calls to another host, such as a test double or an egress proxy: https, or
// http to a loopback address. The version /v2 is added where it is missing.
func WithBaseURL(rawURL string) Option {
	return clientOption(func(s *settings) {
		s.baseURL = rawURL
		if rawURL == "" {
			s.problems = append(s.problems, errors.New("klarna: WithBaseURL was given an empty URL"))
		}
	})
}

// WithAuthEncoding writes the API key into the Authorization header in another form than the raw
// one.
func WithAuthEncoding(encoding AuthEncoding) Option {
	return clientOption(func(s *settings) { s.authEncoding = encoding })
}

// WithUsername sends "Basic base64(<username>:<API key>)"; the username is the UUID shown beside
// the key.
func WithUsername(username string) Option {
	return clientOption(func(s *settings) {
		s.username = username
		if username == "" {
			s.problems = append(s.problems, errors.New("klarna: WithUsername was given an empty username"))
		}
	})
}

// WithHTTPClient sends the calls through the transport of an HTTP client of the caller's, which is
// read and never changed. Its Timeout, if set, becomes the time limit of an attempt; its Jar and
// CheckRedirect are not used: calls carry no cookies and follow no redirects. Put instrumentation
// into [WithMiddleware] and not into this transport: only what sits outside the header guard can be
// kept from sending tracing headers to Klarna, which Klarna forbids. Reading the body of an answer
// must end when the request's context ends or the body is closed, as with net/http.
func WithHTTPClient(client *http.Client) Option {
	return clientOption(func(s *settings) { s.httpClient = client })
}

// Middleware wraps the transport of every attempt, for instrumentation or tests. The first one
// given is the outermost. It sees the request with its credentials, and the answer before its body
// is limited in size: do not read it without a limit.
type Middleware func(http.RoundTripper) http.RoundTripper

// WithMiddleware adds middleware outside the header guard, so that headers it adds do not reach
// Klarna.
func WithMiddleware(middleware ...Middleware) Option {
	return clientOption(func(s *settings) { s.middleware = append(s.middleware, middleware...) })
}

// WithClientCertificate presents a client certificate (mTLS), which Klarna requires of Acquiring
// Partners. The function is asked at every handshake, so a renewed certificate is used without a
// restart; [LoadClientCertificate] makes one from files. It needs the client's own transport or a
// *http.Transport in [WithHTTPClient].
func WithClientCertificate(get func(*tls.CertificateRequestInfo) (*tls.Certificate, error)) Option {
	return clientOption(func(s *settings) {
		s.certificate = get
		if get == nil {
			s.problems = append(s.problems, errors.New("klarna: WithClientCertificate was given nil"))
		}
	})
}

// WithRetries replaces the retry policy; fields left zero keep their defaults.
func WithRetries(policy RetryPolicy) Option {
	return clientOption(func(s *settings) { s.retries = policy })
}

// WithRateLimit holds attempts back on this side so that no more than perSecond leave on average
// and burst at once. An attempt that could not leave before the context's deadline fails at once.
// There is no limit by default: Klarna's quotas differ per account and are told in every answer.
func WithRateLimit(perSecond float64, burst int) Option {
	return clientOption(func(s *settings) {
		if !(perSecond > 0) || burst < 1 {
			s.problems = append(s.problems, fmt.Errorf("klarna: WithRateLimit needs a rate above 0 and a burst of at least 1, not %v and %d", perSecond, burst))
			return
		}
		s.limiter = rate.NewLimiter(rate.Limit(perSecond), burst)
	})
}

const defaultMaxResponse = 4 << 20

// WithMaxResponseBytes bounds the size of an answer's body after decompression; 4 MiB by default. A
// larger one is an error.
func WithMaxResponseBytes(n int64) Option {
	return clientOption(func(s *settings) {
		s.maxResponse = n
		if n < 1 {
			s.problems = append(s.problems, errors.New("klarna: WithMaxResponseBytes needs at least 1"))
		}
	})
}

// WithoutLocalValidation sends requests that the library would refuse before sending.
func WithoutLocalValidation() Option {
	return clientOption(func(s *settings) { s.validate = false })
}

// WithLogger logs one record an attempt at Debug, and one a call at Debug or, if it failed, at Warn.
// Without it slog.Default does, which by default shows the calls that failed and nothing else. The
// message of the first is "klarna attempt", of the second "klarna call". Their attributes:
//
//	operation, method, partner_account_id, idempotency_key, partner_correlation_id
//	attempt            which try, from 1 (attempt records)
//	attempts           how many tries (call records)
//	status, error_code, error_id, correlation_id   of the answer, where it had them
//	sent               whether the request may have left (attempt records)
//	duration           of the attempt or the whole call
//	wait               the pause before the next attempt (attempt records)
//	cause              of a failure that is not an answer
//	outcome, parameters   of a failure, and what was refused (call records)
//
// No record holds a key, a token, a body, a query or a path.
func WithLogger(logger *slog.Logger) Option {
	return clientOption(func(s *settings) { s.logger = logger })
}

type sharedOption struct {
	client func(*settings)
	call   func(*callSettings)
}

func (o sharedOption) applyToClient(s *settings)   { o.client(s) }
func (o sharedOption) applyToCall(s *callSettings) { o.call(s) }

// WithTimeout bounds a whole call, retries and pauses included, in addition to its context. There
// is no such bound by default; each attempt has [RetryPolicy].AttemptTimeout. Klarna itself gives
// up after 59 s, so a shorter bound hides its answer.
func WithTimeout(d time.Duration) SharedOption {
	return sharedOption{
		client: func(s *settings) { s.timeout = d },
		call:   func(s *callSettings) { s.timeout = d },
	}
}

// WithIntegrationMetadata sends Klarna-Integration-Metadata, which names the integration to Klarna.
func WithIntegrationMetadata(m IntegrationMetadata) SharedOption {
	return sharedOption{
		client: func(s *settings) { s.metadata = &m },
		call:   func(s *callSettings) { s.metadata = &m },
	}
}

type callSettings struct {
	idempotencyKey string
	correlationID  string
	metadata       *IntegrationMetadata
	sessionToken   Secret
	customerToken  Secret
	timeout        time.Duration
	response       *Response
	once           bool
	logAttrs       []slog.Attr
}

type callOption func(*callSettings)

func (o callOption) applyToCall(s *callSettings) { o(s) }

// WithIdempotencyKey sets Klarna-Idempotency-Key, 1 to 255 printable ASCII characters, instead of
// the one that the library derives. It has no effect on calls that carry none, such as reads.
func WithIdempotencyKey(key string) CallOption {
	return callOption(func(s *callSettings) { s.idempotencyKey = key })
}

// WithCorrelationID sets Partner-Correlation-Id, at most 255 characters, which Klarna echoes.
// Letters and digits are safe; one of Klarna's texts allows nothing else. By default every call has
// a random one.
func WithCorrelationID(id string) CallOption {
	return callOption(func(s *callSettings) { s.correlationID = id })
}

// WithSessionToken sends the customer's klarna_network_session_token with the call.
func WithSessionToken(token Secret) CallOption {
	return callOption(func(s *callSettings) { s.sessionToken = token })
}

// WithCustomerToken sends a stored customer's token with the call.
func WithCustomerToken(token Secret) CallOption {
	return callOption(func(s *callSettings) { s.customerToken = token })
}

// WithLogAttrs adds attributes to the call's log records, such as the caller's own id of what it is
// made for. They must hold no secret.
func WithLogAttrs(attrs ...slog.Attr) CallOption {
	return callOption(func(s *callSettings) { s.logAttrs = append(s.logAttrs, attrs...) })
}

// WithoutRetries makes one attempt, whatever the client's retry policy says.
func WithoutRetries() CallOption {
	return callOption(func(s *callSettings) { s.once = true })
}

// WithResponse fills *response with the metadata of the call's last answer, also when the call
// fails; where none came its status is 0. It must not be shared between calls that run at once.
func WithResponse(response *Response) CallOption {
	return callOption(func(s *callSettings) { s.response = response })
}
