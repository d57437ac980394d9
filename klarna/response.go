package klarna

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/klarna-go/klarna-go/internal/redact"
)

// Response is the metadata of an answer. [WithResponse] captures it.
type Response struct {
	// StatusCode is the HTTP status, or 0 if no answer came.
	StatusCode int
	// Header is the answer's header.
	Header http.Header
	// Body is the answer's body as it came.
	Body RawJSON
	// CorrelationID is Klarna's id of the answer, from Klarna-Correlation-Id.
	CorrelationID string
	// PartnerCorrelationID is the Partner-Correlation-Id that was sent.
	PartnerCorrelationID string
	// IdempotencyKey is the idempotency key of the call, or "" if it has none.
	IdempotencyKey string
	// RateLimit is the rate limit that the answer reported.
	RateLimit RateLimit
	// MTLSStatus is Klarna-Mtls-Verification-Status: NOT_PRESENT, VALID or INVALID.
	MTLSStatus string
	// IPStatus is Klarna-Ip-Validation-Status: ALLOWED, DENIED or INVALID.
	IPStatus string
	// Attempts are all attempts of the call, in order.
	Attempts []Attempt
}

// RateLimit is the state of the quota that is nearest to exhaustion, from Klarna's X-Ratelimit
// headers. Limit, Remaining and Reset are -1 if the answer did not report them.
type RateLimit struct {
	// Limit is the number of calls in an interval.
	Limit int
	// Remaining is the number of calls left in the current interval.
	Remaining int
	// Reset is the time to the end of the interval.
	Reset time.Duration
	// Quotas are all quotas that the answer listed.
	Quotas []Quota
}

// Quota is a quota of a rate limit: at most Limit calls in each Window.
type Quota struct {
	Name   string
	Limit  int
	Window time.Duration
}

// String returns the status, the correlation id and the size of the body.
func (r Response) String() string {
	return fmt.Sprintf("klarna.Response{%d, correlation_id %s, %d bytes}", r.StatusCode, printable(r.CorrelationID), len(r.Body.Bytes()))
}

// GoString returns what String does.
func (r Response) GoString() string { return r.String() }

// Format writes what String returns, whatever the verb.
func (r Response) Format(s fmt.State, _ rune) { redact.Format(s, r.String()) }

// LogValue returns what String does.
func (r Response) LogValue() slog.Value { return slog.StringValue(r.String()) }

// MarshalText returns what String does, so that XML and YAML do not show the body and the header.
func (r Response) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// MarshalJSON encodes the fields that are safe to log, without the body and the header.
func (r Response) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{
		"status":                 r.StatusCode,
		"correlation_id":         printable(r.CorrelationID),
		"partner_correlation_id": printable(r.PartnerCorrelationID),
		"idempotency_key":        printable(r.IdempotencyKey),
		"mtls_status":            printable(r.MTLSStatus),
		"ip_status":              printable(r.IPStatus),
		"attempts":               len(r.Attempts),
		"bytes":                  len(r.Body.Bytes()),
	})
}

func parseRateLimit(h http.Header) RateLimit {
	limit, quotas, _ := strings.Cut(h.Get("X-Ratelimit-Limit"), ",")
	l := RateLimit{
		Limit:     headerInt(limit),
		Remaining: headerInt(h.Get("X-Ratelimit-Remaining")),
		Reset:     -1,
	}
	if reset, ok := parseSeconds(h.Get("X-Ratelimit-Reset")); ok {
		l.Reset = reset
	}
	for part := range strings.SplitSeq(quotas, ",") {
		if q, ok := parseQuota(part); ok {
			l.Quotas = append(l.Quotas, q)
		}
	}
	return l
}

// parseQuota reads a quota such as 40;w=1;name="account_…".
func parseQuota(s string) (Quota, bool) {
	limit, parameters, _ := strings.Cut(s, ";")
	q := Quota{Limit: headerInt(limit)}
	if q.Limit < 0 {
		return q, false
	}
	for p := range strings.SplitSeq(parameters, ";") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(p), "="); name {
		case "w":
			q.Window, _ = parseSeconds(value)
		case "name":
			q.Name = strings.Trim(value, `"`)
		}
	}
	return q, true
}

func headerInt(s string) int {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// maxSeconds is far above any real wait, and does not overflow a Duration.
const maxSeconds = 1 << 31

// parseSeconds reads whole seconds. A number above maxSeconds becomes maxSeconds, so that it does
// not overflow.
func parseSeconds(s string) (time.Duration, bool) {
	s = strings.TrimSpace(s)
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > maxSeconds {
		n = maxSeconds
	}
	return time.Duration(n) * time.Second, true
}

// firstValue returns the first value of a status header. Answers with "VALID, VALID" were observed.
func firstValue(value string) string {
	first, _, _ := strings.Cut(value, ",")
	return strings.TrimSpace(first)
}
