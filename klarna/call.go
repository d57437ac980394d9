package klarna

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/klarna-go/klarna-go/internal/idempotency"
	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/internal/wire"
)

// Call describes one request to Klarna's server API. [Client.Do] does not change it, so concurrent
// calls may share it.
type Call struct {
	// Operation names the call in errors and logs, for example authorization.authorize. It is part
	// of the idempotency key.
	Operation string
	// Method is the HTTP method. It may be empty if Operation is an operation of this library.
	Method string
	// Route is the path after the version and the account, with placeholders, such as
	// payment/requests/{payment_request_id}. It may be empty if Operation is an operation of this
	// library.
	Route string
	// IDs are the values of the placeholders in Route, in order. If one is empty, the call fails
	// with a validation error that names the placeholder.
	IDs []string
	// WithoutAccount leaves the account out of the path, even if the client is bound to an account.
	WithoutAccount bool
	// Query holds the query parameters.
	Query url.Values
	// Body is encoded as JSON. A [RawJSON] is sent byte for byte. If Body is nil, the request has
	// no body.
	Body any
	// Reference is the caller's id of what the call is for, such as an order number. If it is set,
	// the idempotency key is derived from operation, account, ids, reference, session token,
	// customer token and body, so that a repeat after a crash has the same key. If it is empty, the
	// key is random.
	Reference string
	// SessionToken is sent in Klarna-Network-Session-Token. It takes precedence over
	// [WithSessionToken].
	SessionToken Secret
	// Validate returns what is wrong with the call, before it is sent. It may be nil.
	Validate func() []ValidationError
}

const (
	// maxRequest is the size above which Klarna answers 413.
	maxRequest = 1 << 20
	// maxToken is the larger of the two limits that Klarna's documentation gives for a session
	// token.
	maxToken = 10240
	// maxHeaderText is the limit of idempotency keys and correlation ids.
	maxHeaderText = 255
)

// Do makes the call and decodes a successful answer into destination, a pointer. If destination is
// nil, it ignores the body of the answer. Do returns the body as it came. Each error it returns is
// an [*Error].
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Client) Do(ctx context.Context, call Call, destination any, options ...CallOption) (RawJSON, error) {
	if c.isZero() {
		return RawJSON{}, &Error{Operation: call.Operation, Outcome: OutcomeNotSent, Err: errNoClient}
	}
	a := &activeCall{client: c, call: call, start: time.Now()}
	a.settings.timeout = c.timeout
	for _, o := range options {
		if o != nil {
			o.applyToCall(&a.settings)
		}
	}
	if !call.SessionToken.IsZero() {
		a.settings.sessionToken = call.SessionToken
	}
	a.destination = destination
	err := a.do(ctx)
	raw := redact.RawJSONOf(a.answer.body)
	if a.settings.response != nil {
		*a.settings.response = a.response()
	}
	a.log(ctx, err)
	if err != nil {
		return raw, err
	}
	return raw, nil
}

// activeCall is a call in progress. It is the http.RoundTripper of its own retrying client, which
// makes one attempt after the other, so it needs no lock.
type activeCall struct {
	client         *Client
	call           Call
	settings       callSettings
	destination    any
	start          time.Time
	idempotencyKey string
	correlationID  string
	metadata       string // Klarna-Integration-Metadata, "" for none
	url            *url.URL
	sentBody       []byte
	http           http.Client
	retrying       retryablehttp.Client

	attempts []Attempt
	answer   answer // to the last attempt
	stopped  error  // why no further attempt was made: the context ended, or the rate limit
}

// last returns the last attempt, or nil if there is none.
func (a *activeCall) last() *Attempt {
	if len(a.attempts) == 0 {
		return nil
	}
	return &a.attempts[len(a.attempts)-1]
}

// do makes the call. Its result has the type *Error, so that a nil one cannot become a non-nil
// error.
func (a *activeCall) do(ctx context.Context) *Error {
	if err := a.prepare(ctx); err != nil {
		return err
	}
	if a.settings.timeout > 0 {
		bounded, cancel := context.WithTimeout(ctx, a.settings.timeout)
		defer cancel()
		ctx = bounded
	}
	request, err := a.request(ctx)
	if err != nil {
		return err
	}
	a.http.Transport = a
	a.retrying = retryablehttp.Client{
		HTTPClient: &a.http,
		RetryMax:   a.client.retries.MaxAttempts, // more than checkRetry allows, so only checkRetry decides
		CheckRetry: a.checkRetry,
		Backoff: func(time.Duration, time.Duration, int, *http.Response) time.Duration {
			return a.last().Wait
		},
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	response, doErr := a.retrying.Do(request)
	if response != nil {
		_ = response.Body.Close() // it is empty: RoundTrip has read the answer
	}
	if last := a.last(); a.stopped == nil && last != nil && last.Wait > 0 {
		// No attempt followed the pause: the context ended it, and go-retryablehttp returned only
		// the context's error.
		a.stopped = ctx.Err()
	}
	return a.conclude(ctx, doErr)
}

// conclude turns the last attempt into the call's result.
func (a *activeCall) conclude(ctx context.Context, doErr error) *Error {
	last := a.last()
	if last == nil {
		return a.failure(joinCauses(a.stopped, causeOf(ctx, doErr)))
	}
	if last.Err == nil && last.StatusCode < http.StatusInternalServerError {
		a.client.budget.refund()
	}
	switch {
	case last.Err != nil:
		return a.failure(joinCauses(last.Err, a.stopped))
	case last.StatusCode < 200 || last.StatusCode > 299:
		return a.failure(a.stopped)
	case a.answer.unusable == nil:
		return nil
	}
	if _, ok := errors.AsType[*unusableError](a.answer.unusable); ok {
		return a.failure(a.answer.unusable)
	}
	return a.failure(fmt.Errorf("the answer cannot be read: %w", a.answer.unusable))
}

// prepare checks the call and makes what each attempt sends. It reports all problems together.
func (a *activeCall) prepare(ctx context.Context) *Error {
	if ctx == nil {
		return a.invalid([]ValidationError{{Parameter: "context", Reasons: []string{"is nil"}}})
	}
	s := &a.settings
	if o := operation.Of(a.call.Operation); o != nil {
		a.call.Method = cmp.Or(a.call.Method, o.Method)
		a.call.Route = cmp.Or(a.call.Route, o.Route)
	}
	address, problems := a.client.url(&a.call)
	problems = checkQuery(problems, a.call.Query)
	if a.call.Validate != nil && a.client.validate {
		problems = append(problems, a.call.Validate()...)
	}
	problems = checkHeaderText(problems, "Klarna-Network-Session-Token", s.sessionToken.Reveal(), maxToken)
	problems = checkHeaderText(problems, "Klarna-Customer-Token", s.customerToken.Reveal(), maxToken)
	problems = checkHeaderText(problems, "Klarna-Idempotency-Key", s.idempotencyKey, maxHeaderText)
	problems = checkHeaderText(problems, "Partner-Correlation-Id", s.correlationID, maxHeaderText)
	a.metadata = a.client.metadata
	if s.metadata != nil {
		var err error
		if a.metadata, err = s.metadata.encode(); err != nil {
			problems = append(problems, ValidationError{Parameter: headerIntegrationMetadata, Reasons: strings.Split(err.Error(), "\n")})
		}
	}
	if len(problems) > 0 {
		return a.invalid(problems)
	}
	a.url = address

	if a.call.Body != nil {
		var err error
		if a.sentBody, err = wire.EncodeAny(a.call.Body); err != nil {
			return a.invalid([]ValidationError{unencodable(err)})
		}
		if len(a.sentBody) > maxRequest {
			return a.invalid([]ValidationError{{Parameter: "body", Reasons: []string{"is larger than 1 MB, the most that Klarna accepts"}}})
		}
	}
	if needsIdempotencyKey(a.call.Method) {
		a.idempotencyKey = s.idempotencyKey
		if a.idempotencyKey == "" {
			recipe := idempotency.Call{
				Operation: a.call.Operation, Account: a.client.account, Reference: a.call.Reference,
				SessionToken: s.sessionToken, IDs: a.call.IDs, Body: a.sentBody, CustomerToken: s.customerToken,
			}
			a.idempotencyKey = recipe.Key()
		}
	}
	a.correlationID = s.correlationID
	if a.correlationID == "" {
		a.correlationID = a.newCorrelationID()
	}
	return nil
}

// unencodable returns the problem of a body that cannot be encoded as JSON.
func unencodable(err error) ValidationError {
	problem := ValidationError{Parameter: "body", Reasons: []string{err.Error()}}
	if e, ok := errors.AsType[*wire.Error](err); ok && e.Reason != "" {
		problem = ValidationError{Parameter: cmp.Or(e.Path, "body"), Reasons: []string{"is " + e.Reason}}
	}
	return problem
}

// checkQuery adds a problem for each query parameter that is not valid UTF-8.
func checkQuery(problems []ValidationError, query url.Values) []ValidationError {
	var names []string
	for name, values := range query {
		if !utf8.ValidString(name) || slices.ContainsFunc(values, func(value string) bool { return !utf8.ValidString(value) }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		problems = append(problems, ValidationError{Parameter: name, Reasons: []string{notUTF8}})
	}
	return problems
}

// notUTF8 is the reason for refusing a string that Klarna could not read.
const notUTF8 = "is a string that is not valid UTF-8"

// checkHeaderText adds the problems of a string that a header cannot carry unchanged.
func checkHeaderText(problems []ValidationError, name, value string, limit int) []ValidationError {
	refuse := func(reason string) {
		problems = append(problems, ValidationError{Parameter: name, Reasons: []string{reason}})
	}
	if len(value) > limit {
		refuse(fmt.Sprintf("is longer than %d characters", limit))
	}
	for i := range len(value) {
		if c := value[i]; c < ' ' || c > '~' {
			refuse("has characters that are not allowed in a header")
			break
		}
	}
	if strings.Trim(value, " ") != value {
		// net/http would trim it, so Klarna would get another value, or none.
		refuse("begins or ends with a space")
	}
	return problems
}

// request returns the request that go-retryablehttp repeats. Its header is empty: RoundTrip makes a
// new one for each attempt.
func (a *activeCall) request(ctx context.Context) (*retryablehttp.Request, *Error) {
	// http.NewRequest would parse the URL again.
	plain := http.Request{Method: a.call.Method, URL: a.url, Host: a.url.Host, Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	request, err := retryablehttp.FromRequest(plain.WithContext(ctx))
	if err == nil && a.sentBody != nil {
		err = request.SetBody(a.sentBody)
	}
	if err != nil || a.call.Method == "" || strings.Trim(a.call.Method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return nil, a.invalid([]ValidationError{{Parameter: "method", Reasons: []string{"is not an HTTP method"}}})
	}
	return request, nil
}

// invalid returns the error of a call that local validation refused. It looks like Klarna's own
// 400.
func (a *activeCall) invalid(problems []ValidationError) *Error {
	return &Error{
		Operation:        a.call.Operation,
		Code:             CodeValidationError,
		ValidationErrors: problems,
		RateLimit:        parseRateLimit(nil),
		Outcome:          OutcomeNotSent,
	}
}

// failure returns the error of a call that failed after it was prepared.
func (a *activeCall) failure(cause error) *Error {
	e := &Error{
		Operation:            a.call.Operation,
		PartnerCorrelationID: a.correlationID,
		IdempotencyKey:       a.idempotencyKey,
		RateLimit:            parseRateLimit(a.answer.header),
		Attempts:             a.attempts,
		Outcome:              outcome(a.attempts),
		Err:                  cause,
	}
	last := a.last()
	if last == nil {
		return e
	}
	e.StatusCode, e.Code, e.ID, e.CorrelationID = last.StatusCode, last.Code, last.ErrorID, last.CorrelationID
	e.Type = a.answer.problem.kind
	e.Message = a.answer.problem.message
	e.DocURL = a.answer.problem.docURL
	e.ValidationErrors = a.answer.problem.problems
	return e
}

func (a *activeCall) response() Response {
	r := Response{
		Header:               a.answer.header,
		Body:                 redact.RawJSONOf(a.answer.body),
		PartnerCorrelationID: a.correlationID,
		IdempotencyKey:       a.idempotencyKey,
		RateLimit:            parseRateLimit(a.answer.header),
		MTLSStatus:           firstValue(a.answer.header.Get(headerMTLSStatus)),
		IPStatus:             firstValue(a.answer.header.Get(headerIPStatus)),
		Attempts:             a.attempts,
	}
	if last := a.last(); last != nil {
		r.StatusCode, r.CorrelationID = last.StatusCode, last.CorrelationID
	}
	return r
}

// String returns the operation only, because the body may hold personal data.
func (c Call) String() string { return "klarna.Call{" + c.Operation + "}" }

// GoString returns what String does.
func (c Call) GoString() string { return c.String() }

// Format writes what String returns, whatever the verb.
func (c Call) Format(s fmt.State, _ rune) { redact.Format(s, c.String()) }

// LogValue returns what String does.
func (c Call) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText returns what String does, so that JSON, XML and YAML do not show the body.
func (c Call) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
