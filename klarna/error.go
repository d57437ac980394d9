package klarna

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/klarna-go/klarna-go/internal/redact"
)

// Error is a call that failed: Klarna's answer where there was one, and what became of the request.
//
// Its text, its log value and its JSON hold the operation, status, codes, ids and the names of
// refused parameters. Message and the reasons of a Klarna answer are left out there, because they
// may quote personal data of the request; they are for a developer to read from the fields.
type Error struct {
	// Operation names the call, for example authorization.authorize.
	Operation string
	// StatusCode is the HTTP status of the last attempt; 0 where it had no answer, or nothing was
	// sent.
	StatusCode int
	// Code and Type are Klarna's error_code and error_type, empty where the answer had none.
	Code Code
	Type string
	// ID is Klarna's error_id. Quote it to Klarna's support.
	ID string
	// Message is Klarna's error_message: for developers, not to be parsed, not to be shown to a
	// customer.
	Message string
	// DocURL is Klarna's documentation page of the error.
	DocURL string
	// ValidationErrors are the parameters that failed: Klarna's findings, or this library's own before
	// sending.
	ValidationErrors []ValidationError
	// CorrelationID is Klarna's Klarna-Correlation-Id, PartnerCorrelationID the one that this side
	// sent.
	CorrelationID        string
	PartnerCorrelationID string
	// IdempotencyKey is the key that every attempt carried. Repeating a call of unknown outcome with
	// it is safe.
	IdempotencyKey string
	// RateLimit is what the last answer said of the quota.
	RateLimit RateLimit
	// Attempts are all tries of the call, in order. It is empty when nothing was tried.
	Attempts []Attempt
	// Outcome says what may have happened to the money.
	Outcome Outcome
	// Err is the cause where it is not the answer itself: the context's error, a failed connection, an
	// answer that could not be read. It is nil otherwise.
	Err error
}

// ValidationError is one parameter that was refused. It prints the parameter without the reasons.
type ValidationError struct {
	// Parameter is the JSON path, for example supplementary_purchase_data.line_items[2].total_amount.
	Parameter string
	Reasons   []string
	DocURL    string
}

// Attempt is one try of a call.
type Attempt struct {
	// Start is when it began, in UTC.
	Start time.Time
	// Duration is how long it took to its end: the whole answer read, or the failure.
	Duration time.Duration
	// StatusCode is 0 where no answer came.
	StatusCode int
	// Code, ErrorID and CorrelationID are those of the answer, where it had them.
	Code          Code
	ErrorID       string
	CorrelationID string
	// Sent reports that the request, or a part of it, may have left.
	Sent bool
	// Replayed reports that net/http sent the same request again by itself, on another connection,
	// because the first turned out to be stale. The answer is that of the last copy; an earlier one
	// may have been executed.
	Replayed bool
	// Wait is the pause that was planned after it; 0 after the last one.
	Wait time.Duration
	// Err is what ended it without a whole answer.
	Err error
}

// Error describes the failure in one line that is safe to log and shorter than 2 KB.
func (e *Error) Error() string {
	if e == nil {
		return "<nil>"
	}
	var b strings.Builder
	b.WriteString("klarna")
	if e.Operation != "" {
		b.WriteString(": " + shorten(e.Operation, maxPrinted))
	}
	if head := e.head(); head != "" {
		b.WriteString(": " + head)
	}
	if e.Err != nil {
		b.WriteString(": " + e.cause())
	}
	b.WriteString(" (outcome " + e.Outcome.String())
	if n := len(e.Attempts); n > 1 {
		b.WriteString(", " + strconv.Itoa(n) + " attempts")
	}
	if id := printable(e.ID); id != "" {
		b.WriteString(", error_id " + id)
	}
	if id := printable(e.CorrelationID); id != "" {
		b.WriteString(", correlation_id " + id)
	}
	b.WriteByte(')')
	return b.String()
}

// head is what Klarna, or the local validation, said.
func (e *Error) head() string {
	var parts []string
	if e.StatusCode != 0 {
		parts = append(parts, strconv.Itoa(e.StatusCode))
	}
	switch {
	case e.Code != "":
		parts = append(parts, printableCode(e.Code))
	case e.StatusCode != 0:
		parts = append(parts, http.StatusText(e.StatusCode))
	}
	if problems := e.parameters(); len(problems) > 0 {
		parts = append(parts, "["+strings.Join(problems, "; ")+"]")
	}
	return strings.Join(parts, " ")
}

// parameters names what was refused, as many as there is room for. The reasons of a local
// validation are this library's own words and hold no values; Klarna's may.
func (e *Error) parameters() []string {
	var names []string
	left := maxPrintedParameters
	for i, v := range e.ValidationErrors {
		name := printable(v.Parameter)
		if e.StatusCode == 0 && len(v.Reasons) > 0 {
			name += ": " + strings.Join(v.Reasons, ", ")
		}
		name = shorten(name, 2*maxPrinted)
		if left -= len(name) + len("; "); left < 0 {
			return append(names, "and "+strconv.Itoa(len(e.ValidationErrors)-i)+" more")
		}
		names = append(names, name)
	}
	return names
}

// cause is the text of Err, as much of it as there is room for.
func (e *Error) cause() string { return shorten(e.Err.Error(), 3*maxPrinted) }

// Is reports whether target is the error's [Code].
func (e *Error) Is(target error) bool {
	code, ok := target.(Code)
	return ok && e != nil && e.Code != "" && code.canonical() == e.Code.canonical()
}

// Unwrap returns Err.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// GoString returns the text of Error.
func (e Error) GoString() string { return e.Error() }

// MarshalText returns the text of Error, so that XML and YAML show no more.
func (e Error) MarshalText() ([]byte, error) { return []byte(e.Error()), nil }

// GobEncode returns an error: an Error is no message for another program.
func (e Error) GobEncode() ([]byte, error) {
	return nil, errors.New("klarna: an Error cannot be encoded with package gob")
}

// Format writes the text of Error, whatever the verb.
func (e Error) Format(s fmt.State, _ rune) { redact.Format(s, e.Error()) }

// LogValue returns the fields that are safe to log, as a group.
func (e Error) LogValue() slog.Value { return slog.GroupValue(e.attrs()...) }

// MarshalJSON encodes the fields that are safe to log.
func (e Error) MarshalJSON() ([]byte, error) {
	members := make(map[string]any)
	for _, a := range e.attrs() {
		members[a.Key] = a.Value.Any()
	}
	return json.Marshal(members)
}

func (e *Error) attrs() []slog.Attr {
	attrs := []slog.Attr{
		slog.String("operation", e.Operation),
		slog.Int("status", e.StatusCode),
		slog.String("error_code", printableCode(e.Code)),
		slog.String("error_id", printable(e.ID)),
		slog.String("correlation_id", printable(e.CorrelationID)),
		slog.String("partner_correlation_id", printable(e.PartnerCorrelationID)),
		slog.String("idempotency_key", printable(e.IdempotencyKey)),
		slog.Int("attempts", len(e.Attempts)),
		slog.String("outcome", e.Outcome.String()),
	}
	if names := e.parameters(); len(names) > 0 {
		attrs = append(attrs, slog.Any("parameters", names))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.String("cause", e.cause()))
	}
	return attrs
}

// Format writes the parameter's name, whatever the verb.
func (v ValidationError) Format(s fmt.State, _ rune) { redact.Format(s, printable(v.Parameter)) }

// LogValue returns the parameter's name.
func (v ValidationError) LogValue() slog.Value { return slog.StringValue(printable(v.Parameter)) }

// MarshalText returns the parameter's name, so that the JSON of a list of them holds no reasons.
func (v ValidationError) MarshalText() ([]byte, error) { return []byte(printable(v.Parameter)), nil }

// Format writes what came back, whatever the verb.
func (a Attempt) Format(s fmt.State, _ rune) { redact.Format(s, a.describe()) }

// LogValue returns what Format writes.
func (a Attempt) LogValue() slog.Value { return slog.StringValue(a.describe()) }

// MarshalText returns what Format writes.
func (a Attempt) MarshalText() ([]byte, error) { return []byte(a.describe()), nil }

func (a *Attempt) describe() string {
	parts := []string{strconv.Itoa(a.StatusCode)}
	if a.Code != "" {
		parts = append(parts, printableCode(a.Code))
	}
	if a.ErrorID != "" {
		parts = append(parts, "error_id "+printable(a.ErrorID))
	}
	if a.Err != nil {
		parts = append(parts, a.Err.Error())
	}
	return "klarna.Attempt{" + strings.Join(parts, ", ") + "}"
}

// printableCode lets through what looks like the codes of Klarna's documentation.
func printableCode(c Code) string {
	if strings.Trim(string(c), "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
		return unprintable
	}
	return printable(string(c))
}

const (
	unprintable = "[unprintable]"

	// maxPrinted is the most bytes of a code or an id that are printed; maxPrintedParameters is the
	// most of all parameters that were refused.
	maxPrinted           = 160
	maxPrintedParameters = 640
)

// shorten returns at most n bytes of a text, and marks what it leaves out.
func shorten(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return cut(text, n-len("…")) + "…"
}

// printable lets through what codes, ids and JSON paths are made of. Anything else that an answer
// put there could be text of the request and is not printed.
func printable(s string) string {
	if len(s) > maxPrinted {
		return unprintable
	}
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte("_-.:[]{}/", c) >= 0:
		default:
			return unprintable
		}
	}
	return s
}
