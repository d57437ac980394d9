package klarna

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/time/rate"

	"github.com/klarna-go/klarna-go/internal/redact"
)

// Client calls Klarna's server API with one set of credentials. It is immutable and safe for
// concurrent use. Create one and share it: its connections, its rate limit and its retry budget are
// shared by all of its calls.
type Client struct {
	*core

	// account is the Partner account that calls are made for. forAccount reports whether ForAccount
	// was called, so that an empty account is an error and not a call for the caller's own account.
	account    string
	forAccount bool
}

// core is what a client and the clients that its ForAccount returns share.
type core struct {
	environment    Environment
	credentials    credentials
	base           url.URL           // scheme, host, and escaped path including the version, without a final slash
	transport      http.RoundTripper // the middleware, the guard and the transport that sends
	retries        RetryPolicy
	budget         *retryBudget
	limiter        *rate.Limiter // nil if there is no limit
	timeout        time.Duration // of a call; 0 if there is none
	attemptTimeout time.Duration
	metadata       string // default Klarna-Integration-Metadata, encoded
	maxResponse    int64
	validate       bool
	logger         *slog.Logger
}

// NewClient returns a client for an API key, klarna_test_api_… or klarna_live_api_…. The key
// decides the environment and the host. NewClient makes no call.
//
// It returns an error if the key is empty or is a client id, if a test key is used with the live
// host or the reverse, if the base URL is neither https nor loopback, or if options contradict each
// other.
func NewClient(apiKey string, options ...Option) (*Client, error) {
	s := settings{
		maxResponse: defaultMaxResponse,
		validate:    true,
	}
	for _, o := range options {
		if o != nil {
			o.applyToClient(&s)
		}
	}
	if err := errors.Join(s.problems...); err != nil {
		return nil, err
	}
	environment, err := checkKey(apiKey)
	if err != nil {
		return nil, err
	}
	base, err := baseURL(environment, s.baseURL)
	if err != nil {
		return nil, err
	}
	creds, err := newCredentials(NewSecret(apiKey), s.authEncoding, s.username)
	if err != nil {
		return nil, err
	}
	retries, err := s.retries.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &core{
		environment:    environment,
		credentials:    creds,
		base:           url.URL{Scheme: base.Scheme, Host: strings.TrimSuffix(base.Host, ":"), Path: strings.TrimRight(base.EscapedPath(), "/") + "/v2"},
		retries:        retries,
		budget:         newRetryBudget(retries.Budget),
		limiter:        s.limiter,
		timeout:        s.timeout,
		attemptTimeout: retries.AttemptTimeout,
		maxResponse:    s.maxResponse,
		validate:       s.validate,
		logger:         s.logger,
	}
	if c.logger == nil {
		c.logger = slog.Default()
	}
	if s.metadata != nil {
		if c.metadata, err = s.metadata.encode(); err != nil {
			return nil, fmt.Errorf("klarna: integration metadata: %w", err)
		}
	}
	if s.httpClient != nil && s.httpClient.Timeout > 0 {
		c.attemptTimeout = s.httpClient.Timeout
	}
	if c.transport, err = newTransport(&s); err != nil {
		return nil, err
	}
	return &Client{core: c}, nil
}

var errNoClient = errors.New("the Client was not made by NewClient")

// isZero reports whether the client was made without NewClient.
func (c *Client) isZero() bool { return c == nil || c.core == nil }

// ForAccount returns a client that makes calls for a Partner account, as an Acquiring Partner does:
// their paths start with /accounts/{partner_account_id}. It shares everything else with c and opens
// no connection, so it is cheap enough to use for each call. If the id is blank, is "." or "..", or
// contains a control character, each call fails with a validation error before it is sent.
func (c *Client) ForAccount(partnerAccountID string) *Client {
	bound := &Client{account: partnerAccountID, forAccount: true}
	if c != nil {
		bound.core = c.core
	}
	return bound
}

// Environment returns the environment of the API key, or "" if the key does not show it.
func (c *Client) Environment() Environment {
	if c.isZero() {
		return ""
	}
	return c.environment
}

// KeyFingerprint returns 16 hexadecimal digits that identify the client's API key. The key cannot
// be computed from them. KeyFingerprint returns "" if the Client was not made with [NewClient].
func (c *Client) KeyFingerprint() string {
	if c.isZero() {
		return ""
	}
	sum := sha256.Sum256([]byte("klarna-go API key fingerprint 1 " + c.credentials.key.Reveal()))
	return hex.EncodeToString(sum[:8])
}

// Format writes the environment, whatever the verb.
func (c Client) Format(s fmt.State, _ rune) { redact.Format(s, c.describe()) }

// LogValue returns what Format writes.
func (c Client) LogValue() slog.Value { return slog.StringValue(c.describe()) }

func (c *Client) describe() string {
	if c.core == nil {
		return "klarna.Client{}"
	}
	return fmt.Sprintf("klarna.Client{%s}", c.environment)
}

// url returns the URL of a call. Colons are not escaped: Klarna's ids contain them.
func (c *Client) url(call *Call) (*url.URL, []ValidationError) {
	var problems []ValidationError
	path := make([]byte, 0, 192)
	id := func(name, value string) {
		path = append(path, url.PathEscape(value)...)
		if reason := segmentProblem(value); reason != "" {
			problems = append(problems, ValidationError{Parameter: name, Reasons: []string{reason}})
		}
	}
	path = append(path, c.base.Path...)
	if c.forAccount && !call.WithoutAccount {
		path = append(path, "/accounts/"...)
		id("partner_account_id", c.account)
	}
	ids := call.IDs
	for segment := range strings.SplitSeq(call.Route, "/") {
		path = append(path, '/')
		name, isID := strings.CutPrefix(segment, "{")
		if !isID {
			path = append(path, segment...)
			continue
		}
		var value string
		if len(ids) > 0 {
			value, ids = ids[0], ids[1:]
		}
		id(strings.TrimSuffix(name, "}"), value)
	}
	u := c.base
	u.Path = string(path)
	if strings.Contains(u.Path, "%") {
		u.RawPath = u.Path
		u.Path, _ = url.PathUnescape(u.RawPath) // it was escaped above
	}
	u.RawQuery = call.Query.Encode()
	return &u, problems
}

// segmentProblem returns why an id must not be put into a path, or "". An empty id would read a
// list, and dots would lead to another path. Everything else is escaped, and Klarna decides.
func segmentProblem(s string) string {
	switch {
	case strings.TrimSpace(s) == "":
		return "is empty"
	case !utf8.ValidString(s):
		return notUTF8
	case s == ".", s == "..", strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "is not an id"
	default:
		return ""
	}
}
