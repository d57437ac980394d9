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

// Error describes a call that failed: Klarna's answer, if one came, and the [Outcome] of the call.
//
// Its text, its log value and its JSON contain the operation, the status, codes, ids and the names
// of refused parameters. They do not contain Klarna's message and reasons, which may quote personal
// data of the request. Developers read those from the fields.
type Error struct {
	// Operation names the call, for example authorization.authorize.
	Operation string
	// StatusCode is the HTTP status of the last attempt. It is 0 if no answer came or nothing was
	// sent.
	StatusCode int
	// Code and Type are Klarna's error_code and error_type. They are empty if the answer had none.
	Code Code
	Type string
	// ID is Klarna's error_id. Quote it to Klarna's support.
	ID string
	// Message is Klarna's error_message. It is meant for developers. Do not parse it, and do not
	// show it to a customer.
	Message string
	// DocURL is Klarna's documentation page of the error.
	DocURL string
	// ValidationErrors are the parameters that Klarna or, before sending, this library refused.
	ValidationErrors []ValidationError
	// CorrelationID is Klarna's id of the last answer, from Klarna-Correlation-Id.
	CorrelationID string
	// PartnerCorrelationID is the Partner-Correlation-Id that was sent.
	PartnerCorrelationID string
	// IdempotencyKey is the key of all attempts. Repeating a call of unknown outcome with it is
	// safe.
	IdempotencyKey string
	// RateLimit is the rate limit that the last answer reported.
	RateLimit RateLimit
	// Attempts are all attempts of the call, in order. It is empty if none was made.
	Attempts []Attempt
	// Outcome says what may have happened at Klarna.
	Outcome Outcome
	// Err is the cause, if it is not Klarna's answer: the context's error, a failed connection, or
	// an answer that cannot be read. Otherwise it is nil.
	Err error
}

// ValidationError is a parameter that was refused. It prints the parameter without the reasons.
type ValidationError struct {
	// Parameter is the JSON path, for example
	// supplementary_purchase_data.line_items[2].total_amount.
	Parameter string
	// Reasons say why the parameter was refused.
	Reasons []string
	// DocURL is Klarna's documentation page of the problem.
	DocURL string
}

// Attempt is one attempt of a call.
type Attempt struct {
	// Start is the time at which the attempt began, in UTC.
	Start time.Time
	// Duration is the time until the whole answer was read or the attempt failed.
	Duration time.Duration
	// StatusCode is the HTTP status of the answer, or 0 if no answer came.
	StatusCode int
	// Code, ErrorID and CorrelationID are those of the answer. They are empty if it had none.
	Code          Code
	ErrorID       string
	CorrelationID string
	// Sent reports whether the request, or a part of it, may have been sent.
	Sent bool
	// Replayed reports whether net/http sent the same request again on another connection, because
	// the first one turned out to be stale. The answer is the answer to the last copy. An earlier
	// copy may have been executed.
	Replayed bool
	// Wait is the planned pause after the attempt. It is 0 after the last one.
	Wait time.Duration
	// Err is the error of an attempt without a complete answer, or nil.
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
	if summary := e.summary(); summary != "" {
		b.WriteString(": " + summary)
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

// summary returns the part of the text that comes from Klarna's answer or from local validation.
func (e *Error) summary() string {
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

// parameters returns the names of the refused parameters, as many as there is room for. It adds the
// reasons of local validation, which contain no values. Klarna's reasons may contain some.
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

// cause returns the text of Err, shortened.
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

// MarshalText returns the text of Error, so that XML and YAML show nothing else.
func (e Error) MarshalText() ([]byte, error) { return []byte(e.Error()), nil }

// GobEncode returns an error, because package gob would encode what must not be shown.
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

// Format writes the status, the code, the error id and the error, whatever the verb.
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

// printableCode returns a code that looks like those of Klarna's documentation, or a placeholder.
func printableCode(c Code) string {
	if strings.Trim(string(c), "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
		return unprintable
	}
	return printable(string(c))
}

const (
	unprintable = "[unprintable]"

	// maxPrinted is the maximum length of a printed code or id, in bytes. maxPrintedParameters is
	// that of all refused parameters together.
	maxPrinted           = 160
	maxPrintedParameters = 640
)

// shorten returns at most n bytes of a text. If it leaves something out, the result ends with "…".
func shorten(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return cut(text, n-len("…")) + "…"
}

// printable returns s if it consists of characters of codes, ids and JSON paths, and a placeholder
// otherwise: an answer may quote text of the request in such a member.
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
