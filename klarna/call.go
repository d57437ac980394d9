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

// Call is one request to Klarna's server API, as the API packages make it. It is read, never
// changed, and may be shared.
type Call struct {
	// Operation names the call in errors and logs, for example authorization.authorize. The
	// idempotency key is derived from it, too.
	Operation string
	// Method and Route are those of the operation where they are empty and the operation is one of
	// this library's.
	Method string
	// Route is the path after the version and the account, with placeholders:
	// payment/requests/{payment_request_id}.
	Route string
	// IDs fill the route's placeholders in order. An empty one fails the call, named by its
	// placeholder.
	IDs []string
	// WithoutAccount is for the calls that have no account in their path even when the client is bound
	// to one.
	WithoutAccount bool
	Query          url.Values
	// Body is encoded as JSON; nil sends none. A RawJSON is sent byte for byte.
	Body any
	// Reference is what makes the call the caller's own: with it the idempotency key is derived from
	// operation, account, ids, reference, session and customer token and body, so that a repeat after
	// a crash has the same key.
	Reference string
	// SessionToken goes into Klarna-Network-Session-Token and wins over WithSessionToken.
	SessionToken Secret
	// Validate finds what is wrong with the call before it is sent. Nil finds nothing.
	Validate func() []ValidationError
}

const (
	// maxRequest is the size above which Klarna answers 413.
	maxRequest = 1 << 20
	// maxToken is the larger of the two limits that Klarna's texts give for a session token.
	maxToken = 10240
	// maxHeaderText is the limit of idempotency keys and correlation ids.
	maxHeaderText = 255
)

// Do makes the call and decodes a successful answer into destination, a pointer, or ignores its
// body where destination is nil. It returns the answer's body as it came. Any failure is an
// [*Error].
func (c *Client) Do(ctx context.Context, call Call, destination any, options ...CallOption) (RawJSON, error) {
	if c.missing() {
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
	stopped  error  // what kept a further attempt from being made: the context, or the rate limit
}

// last returns the last attempt, or nil if there is none.
func (a *activeCall) last() *Attempt {
	if len(a.attempts) == 0 {
		return nil
	}
	return &a.attempts[len(a.attempts)-1]
}

// do returns an *Error, typed, so that no nil of it ever becomes a non-nil error.
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
		RetryMax:   a.client.retries.MaxAttempts, // one above what checkRetry allows: it alone decides
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
		// A pause that was not followed by an attempt: the context ended it, and go-retryablehttp
		// returned the bare error.
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
	if _, ok := errors.AsType[*unfitError](a.answer.unusable); ok {
		return a.failure(a.answer.unusable)
	}
	return a.failure(fmt.Errorf("the answer cannot be read: %w", a.answer.unusable))
}

// prepare checks everything and makes what every attempt sends; every problem is found before
// anything is sent.
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
			return a.invalid([]ValidationError{{Parameter: "body", Reasons: []string{"is larger than the 1 MB that Klarna takes"}}})
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

// unencodable is the problem of a body that JSON cannot say.
func unencodable(err error) ValidationError {
	problem := ValidationError{Parameter: "body", Reasons: []string{err.Error()}}
	if e, ok := errors.AsType[*wire.Error](err); ok && e.Reason != "" {
		problem = ValidationError{Parameter: cmp.Or(e.Path, "body"), Reasons: []string{"is " + e.Reason}}
	}
	return problem
}

// checkQuery finds what is not text.
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

// notUTF8 is the reason to refuse a string that Klarna could not read.
const notUTF8 = "is a string that is not valid UTF-8"

// checkHeaderText finds what keeps a text from being sent in a header as it is.
func checkHeaderText(problems []ValidationError, name, value string, most int) []ValidationError {
	refuse := func(reason string) {
		problems = append(problems, ValidationError{Parameter: name, Reasons: []string{reason}})
	}
	if len(value) > most {
		refuse(fmt.Sprintf("is longer than %d characters", most))
	}
	for i := range len(value) {
		if c := value[i]; c < ' ' || c > '~' {
			refuse("holds characters that a header cannot carry")
			break
		}
	}
	if strings.Trim(value, " ") != value {
		// net/http would trim it, so that what Klarna gets is not what was given, or nothing.
		refuse("begins or ends with a space")
	}
	return problems
}

// request returns the request that go-retryablehttp repeats. Its header is empty: RoundTrip makes a
// new one for each attempt.
func (a *activeCall) request(ctx context.Context) (*retryablehttp.Request, *Error) {
	// Made by hand and not by http.NewRequest, which would parse the address again.
	plain := http.Request{Method: a.call.Method, URL: a.url, Host: a.url.Host, Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	request, err := retryablehttp.FromRequest(plain.WithContext(ctx))
	if err == nil && a.sentBody != nil {
		err = request.SetBody(a.sentBody)
	}
	if err != nil || a.call.Method == "" || strings.Trim(a.call.Method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return nil, a.invalid([]ValidationError{{Parameter: "method", Reasons: []string{"cannot be made into a request"}}})
	}
	return request, nil
}

// invalid is the error of a call that this side refused. It has the shape of Klarna's own 400.
func (a *activeCall) invalid(problems []ValidationError) *Error {
	return &Error{
		Operation:        a.call.Operation,
		Code:             CodeValidationError,
		ValidationErrors: problems,
		RateLimit:        parseRateLimit(nil),
		Outcome:          OutcomeNotSent,
	}
}

// failure is the error of a call that was tried.
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
		MTLSStatus:           verdict(a.answer.header.Get(headerMTLSStatus)),
		IPStatus:             verdict(a.answer.header.Get(headerIPStatus)),
		Attempts:             a.attempts,
	}
	if last := a.last(); last != nil {
		r.StatusCode, r.CorrelationID = last.StatusCode, last.CorrelationID
	}
	return r
}

// String returns the operation: a call's body holds personal data.
func (c Call) String() string { return "klarna.Call{" + c.Operation + "}" }

// GoString returns what String does.
func (c Call) GoString() string { return c.String() }

// Format writes what String returns, whatever the verb.
func (c Call) Format(s fmt.State, _ rune) { redact.Format(s, c.String()) }

// LogValue returns what String does.
func (c Call) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText returns what String does, so that JSON, XML and YAML show nothing either.
func (c Call) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
