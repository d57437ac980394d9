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

// SharedOption configures a [Client] or one call. The option of a call takes precedence.
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

// WithBaseURL sends the calls to another host, such as a test double or an egress proxy. The URL
// must be https, or http to a loopback address. The version /v2 is added if it is missing.
func WithBaseURL(rawURL string) Option {
	return clientOption(func(s *settings) {
		s.baseURL = rawURL
		if rawURL == "" {
			s.problems = append(s.problems, errors.New("klarna: WithBaseURL: the URL is empty"))
		}
	})
}

// WithAuthEncoding sends the API key in another form than the raw one.
func WithAuthEncoding(encoding AuthEncoding) Option {
	return clientOption(func(s *settings) { s.authEncoding = encoding })
}

// WithUsername sends "Basic base64(<username>:<API key>)". The username is the UUID that Klarna
// shows next to the key.
func WithUsername(username string) Option {
	return clientOption(func(s *settings) {
		s.username = username
		if username == "" {
			s.problems = append(s.problems, errors.New("klarna: WithUsername: the username is empty"))
		}
	})
}

// WithHTTPClient makes the calls through the transport of an HTTP client, which is not changed. Its
// Timeout, if set, bounds each attempt. Its Jar and CheckRedirect are not used, because calls have
// no cookies and follow no redirects.
//
// Add instrumentation with [WithMiddleware] and not to this transport. Klarna forbids tracing
// headers, and only the headers that middleware adds are removed.
//
// Reading the body of an answer must end when the request's context ends or the body is closed, as
// it does with net/http.
func WithHTTPClient(client *http.Client) Option {
	return clientOption(func(s *settings) { s.httpClient = client })
}

// Middleware wraps the transport of each attempt, for instrumentation or tests. The first one given
// is the outermost. A middleware sees the credentials of the request. It also sees the answer
// before the size of the body is limited, so it must not read the body without a limit.
type Middleware func(http.RoundTripper) http.RoundTripper

// WithMiddleware adds middleware. The client sends only its own headers: it removes headers that
// middleware adds, such as tracing headers, which Klarna forbids.
func WithMiddleware(middleware ...Middleware) Option {
	return clientOption(func(s *settings) { s.middleware = append(s.middleware, middleware...) })
}

// WithClientCertificate presents a client certificate (mTLS), which Klarna requires of Acquiring
// Partners. It calls get in each TLS handshake, so a renewed certificate is used without a restart.
// [LoadClientCertificate] reads one from files. A transport given with [WithHTTPClient] must be an
// [*http.Transport].
func WithClientCertificate(get func(*tls.CertificateRequestInfo) (*tls.Certificate, error)) Option {
	return clientOption(func(s *settings) {
		s.certificate = get
		if get == nil {
			s.problems = append(s.problems, errors.New("klarna: WithClientCertificate: the function is nil"))
		}
	})
}

// WithRetries sets the retry policy. Fields that are zero have their default values.
func WithRetries(policy RetryPolicy) Option {
	return clientOption(func(s *settings) { s.retries = policy })
}

// WithRateLimit delays attempts so that the client sends at most perSecond on average and at most
// burst at the same time. If an attempt could not be sent before the context's deadline, it fails
// immediately. By default there is no limit: Klarna's quotas differ between accounts, and each
// answer reports them.
func WithRateLimit(perSecond float64, burst int) Option {
	return clientOption(func(s *settings) {
		if !(perSecond > 0) || burst < 1 {
			s.problems = append(s.problems, fmt.Errorf("klarna: WithRateLimit: the rate must be above 0 and the burst at least 1, not %v and %d", perSecond, burst))
			return
		}
		s.limiter = rate.NewLimiter(rate.Limit(perSecond), burst)
	})
}

const defaultMaxResponse = 4 << 20

// WithMaxResponseBytes bounds the size of the body of an answer, after decompression. A call with a
// larger answer fails. The default is 4 MiB.
func WithMaxResponseBytes(n int64) Option {
	return clientOption(func(s *settings) {
		s.maxResponse = n
		if n < 1 {
			s.problems = append(s.problems, errors.New("klarna: WithMaxResponseBytes: the size must be at least 1"))
		}
	})
}

// WithoutLocalValidation turns off the validation of requests before they are sent, so that only
// Klarna validates them.
func WithoutLocalValidation() Option {
	return clientOption(func(s *settings) { s.validate = false })
}

// WithLogger sets the logger. The default is [slog.Default], which by default shows only the calls
// that failed.
//
// Each attempt is logged at Debug, with the message "klarna attempt". Each call is logged at Debug
// or, if it failed, at Warn, with the message "klarna call". The attributes of the records:
//
//	operation, method, partner_account_id, idempotency_key, partner_correlation_id
//	attempt            number of the attempt, from 1 (attempt records)
//	attempts           number of attempts (call records)
//	status, error_code, error_id, correlation_id   of the answer, if it had them
//	sent               whether the request may have been sent (attempt records)
//	duration           of the attempt or of the whole call
//	wait               pause before the next attempt (attempt records)
//	cause              of a failure that is not an answer
//	outcome            of a call that failed (call records)
//	parameters         that were refused (call records)
//
// No record contains an API key, a token, a body, a query or a path.
func WithLogger(logger *slog.Logger) Option {
	return clientOption(func(s *settings) { s.logger = logger })
}

type sharedOption struct {
	client func(*settings)
	call   func(*callSettings)
}

func (o sharedOption) applyToClient(s *settings)   { o.client(s) }
func (o sharedOption) applyToCall(s *callSettings) { o.call(s) }

// WithTimeout bounds the duration of a whole call, including retries and pauses, in addition to its
// context. By default only the AttemptTimeout of the [RetryPolicy] bounds each attempt. Klarna
// answers after 59 s at the latest, so with a shorter timeout that answer can be lost.
func WithTimeout(d time.Duration) SharedOption {
	return sharedOption{
		client: func(s *settings) { s.timeout = d },
		call:   func(s *callSettings) { s.timeout = d },
	}
}

// WithIntegrationMetadata sends the Klarna-Integration-Metadata header, which names the
// integration.
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

// WithIdempotencyKey sets the Klarna-Idempotency-Key, 1 to 255 printable ASCII characters, instead
// of the one that the library derives. It has no effect on calls without a key, such as reads.
func WithIdempotencyKey(key string) CallOption {
	return callOption(func(s *callSettings) { s.idempotencyKey = key })
}

// WithCorrelationID sets the Partner-Correlation-Id, at most 255 characters, which Klarna echoes.
// Use letters and digits only: one page of Klarna's documentation allows nothing else. By default
// each call has a unique id.
func WithCorrelationID(id string) CallOption {
	return callOption(func(s *callSettings) { s.correlationID = id })
}

// WithSessionToken sends the customer's klarna_network_session_token with the call. An empty token
// is not sent.
func WithSessionToken(token Secret) CallOption {
	return callOption(func(s *callSettings) { s.sessionToken = token })
}

// WithCustomerToken sends a stored customer token with the call. An empty token is not sent.
func WithCustomerToken(token Secret) CallOption {
	return callOption(func(s *callSettings) { s.customerToken = token })
}

// WithLogAttrs adds attributes to the call's log records, such as the id of an order. They must not
// contain a secret.
func WithLogAttrs(attrs ...slog.Attr) CallOption {
	return callOption(func(s *callSettings) { s.logAttrs = append(s.logAttrs, attrs...) })
}

// WithoutRetries makes the call once, without regard to the client's [RetryPolicy].
func WithoutRetries() CallOption {
	return callOption(func(s *callSettings) { s.once = true })
}

// WithResponse sets *response to the metadata of the call's last answer, also if the call fails. If
// no answer came, the status is 0. Concurrent calls must not share a [Response].
func WithResponse(response *Response) CallOption {
	return callOption(func(s *callSettings) { s.response = response })
}
