package conformance

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/klarna-go/klarna-go/internal/sleep"
)

// TestHost is the base URL of Klarna's test environment.
const TestHost = "https://api-global.test.klarna.com"

// Target is a server, with what a run may use there. Cases that need an empty field are skipped. No
// formatting verb prints the key.
type Target struct {
	// BaseURL is [TestHost] or a URL on loopback, without the version "/v2". Every other host is
	// refused.
	BaseURL string
	// APIKey is a test key. A live one is refused.
	APIKey string `json:"-"`
	// Username is the UUID that Klarna shows next to the key.
	Username string
	// PartnerAccountID is the account to act for. If it is empty, the calls name no account.
	PartnerAccountID string
	// Currency and Locale are those of the account. The defaults are EUR and en-DE.
	Currency string
	Locale   string
	// Client sends the requests. Its redirect policy and cookies are not used. nil means a client
	// with the environment's proxy.
	Client *http.Client
	// Customer makes a customer visit a payment request's URL. It need not wait for the customer:
	// the run reads the payment request until its state changes.
	Customer func(ctx context.Context, visit Visit) error
	// WebhookURL is the URL below which the cases register webhooks, each with a path of its own.
	// Klarna accepts https on port 443 or 8443.
	WebhookURL string
	// Receiver receives the webhooks that are posted below WebhookURL.
	Receiver *Receiver
	// Patience is how long a run waits for a customer or a webhook. 0 means two minutes.
	Patience time.Duration
	// Wait waits for d. nil means real time; a test can move the server's clock instead.
	Wait func(ctx context.Context, d time.Duration) error
	// ReadOnly skips every case that sends requests other than GETs.
	ReadOnly bool
}

// Visit is what a customer must do.
type Visit struct {
	PaymentRequestID string
	// URL is the customer's URL, where Klarna's purchase journey begins.
	URL string
	// Deny asks for a customer whom Klarna denies: in its test environment one whose email has
	// "+denied" before the "@". Otherwise the customer approves.
	Deny bool
}

// String returns the host and nothing else.
func (t Target) String() string {
	u, err := url.Parse(t.BaseURL)
	if err != nil {
		return "conformance.Target{}"
	}
	return "conformance.Target{" + u.Hostname() + "}"
}

// Format writes the result of String for every verb.
func (t Target) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, t.String()) }

// LogValue returns the result of String.
func (t Target) LogValue() slog.Value { return slog.StringValue(t.String()) }

const (
	// requestTimeout is longer than Klarna's own 59 seconds, so that Klarna's answer to a time-out
	// is seen.
	requestTimeout  = 65 * time.Second
	defaultPatience = 2 * time.Minute
)

// host is a target that was checked.
type host struct {
	Target
	name   string // of the host, without port
	origin string
	client *http.Client
	own    *http.Transport // nil if the client is the caller's
	// known holds the variables with which every case begins.
	known vars
	// secrets must not appear in a report.
	secrets []string
}

func newHost(t Target) (*host, error) {
	u, err := url.Parse(t.BaseURL)
	if err != nil {
		// The error may contain credentials.
		return nil, errors.New("conformance: the base URL cannot be read")
	}
	if err := checkHost(u); err != nil {
		return nil, fmt.Errorf("conformance: %w", err)
	}
	if err := checkKey(t.APIKey); err != nil {
		return nil, fmt.Errorf("conformance: %w", err)
	}
	if t.Receiver != nil && t.WebhookURL == "" {
		return nil, errors.New("conformance: a receiver needs the webhook URL under which it is reached")
	}
	t.Currency, t.Locale = cmp.Or(t.Currency, "EUR"), cmp.Or(t.Locale, "en-DE")
	t.Patience = cmp.Or(t.Patience, defaultPatience)
	if t.Wait == nil {
		t.Wait = sleep.For
	}
	h := &host{Target: t, name: u.Hostname(), origin: u.Scheme + "://" + u.Host}
	h.dial()
	h.introduce()
	return h, nil
}

// checkHost accepts Klarna's test environment and loopback, because a run must not move live money.
func checkHost(u *url.URL) error {
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return errors.New("the base URL must be a scheme and a host only")
	}
	name := u.Hostname()
	ip, err := netip.ParseAddr(name)
	loopback := name == "localhost" || err == nil && ip.IsLoopback()
	switch {
	case loopback && (u.Scheme == "http" || u.Scheme == "https"):
		return nil
	case u.Scheme == "https" && TestHost == "https://"+name && (u.Port() == "" || u.Port() == "443"):
		return nil
	}
	return errors.New("the suite runs against " + TestHost + " and loopback only")
}

func checkKey(key string) error {
	switch {
	case key == "":
		return errors.New("the API key is missing")
	case strings.HasPrefix(key, "klarna_live_"):
		return errors.New("the key is a live key, but the suite needs a test key")
	case strings.Contains(key, "_client_"):
		return errors.New("the key is a client id, which no server API accepts")
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("the key has characters that are invalid in an API key")
	}
	return nil
}

func (h *host) dial() {
	var client http.Client
	if h.Client != nil {
		client = *h.Client
	}
	if client.Transport == nil {
		h.own = &http.Transport{
			Proxy:             http.ProxyFromEnvironment,
			TLSClientConfig:   &tls.Config{MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2: true,
		}
		client.Transport = h.own
	}
	client.Jar = nil
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	h.client = &client
}

// introduce sets the variables that cases may use from the start.
func (h *host) introduce() {
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	h.known = vars{
		"currency":      h.Currency,
		"locale":        h.Locale,
		"account":       h.PartnerAccountID,
		"account_short": h.PartnerAccountID[strings.LastIndexByte(h.PartnerAccountID, ':')+1:],
		"webhook_url":   strings.TrimRight(h.WebhookURL, "/"),
		"key":           h.APIKey,
		"key_password":  encode(":" + h.APIKey),
		"key_user":      encode(h.APIKey + ":"),
		"key_pair":      encode(h.Username + ":" + h.APIKey),
	}
	for _, name := range []string{"key", "key_password", "key_user", "key_pair"} {
		h.secrets = append(h.secrets, h.known.text(name))
	}
}

// hangUp closes the connections of a client that belongs to this run.
func (h *host) hangUp() {
	if h.own != nil {
		h.own.CloseIdleConnections()
	}
}

// has returns the needs that the target satisfies.
func (h *host) has() need {
	var offered need
	for need, there := range map[need]bool{
		needsAccount:    h.PartnerAccountID != "",
		needsUsername:   h.Username != "",
		needsCustomer:   h.Customer != nil,
		needsWebhookURL: h.WebhookURL != "",
		needsReceiver:   h.Receiver != nil,
		needsChanges:    !h.ReadOnly,
	} {
		if there {
			offered |= need
		}
	}
	return offered
}
