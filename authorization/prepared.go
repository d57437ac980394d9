package authorization

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

// Prepared is an authorize call as it is sent. Store it before the call is made: sending it again
// repeats the same bytes under the same idempotency key, also from another version of this library,
// which may encode the same request differently. The body holds personal data.
type Prepared struct {
	Body klarna.RawJSON
	// IdempotencyKey is the key of every repeat. Where it is "", it is derived from Reference, the
	// body and the session token, as that of Authorize is.
	IdempotencyKey string
	// Reference is the request's payment transaction reference.
	Reference string
}

// Format writes the reference, whatever the verb.
func (p Prepared) Format(s fmt.State, _ rune) { redact.Format(s, p.describe()) }

// LogValue returns what Format writes.
func (p Prepared) LogValue() slog.Value { return slog.StringValue(p.describe()) }

func (p *Prepared) describe() string { return "authorization.Prepared{" + p.Reference + "}" }

// PrepareAuthorize checks and encodes the call that Authorize makes, and sends nothing. Give it the
// options of the call. The error is a *klarna.Error of OutcomeNotSent.
func (c *Client) PrepareAuthorize(params AuthorizeParams, options ...klarna.CallOption) (*Prepared, error) {
	return c.prepare(operation.Authorize, &params, params.reference(), klarna.Secret{}, params.problems, options)
}

// PrepareFinalize checks and encodes the call that Finalize makes, and sends nothing.
func (c *Client) PrepareFinalize(first AuthorizeParams, approval Approval, options ...klarna.CallOption) (*Prepared, error) {
	final := first.final(approval)
	validate := func() []klarna.ValidationError { return append(approval.problems(&first), final.problems()...) }
	return c.prepare(operation.AuthorizeFinal, &final, first.reference(), approval.SessionToken, validate, options)
}

// AuthorizePrepared makes the first authorize call as it was prepared (POST payment/authorize). The
// session token is not part of p: give klarna.WithSessionToken again. Errors are those of
// Authorize.
func (c *Client) AuthorizePrepared(ctx context.Context, p Prepared, options ...klarna.CallOption) (*Authorization, error) {
	return c.sendPrepared(ctx, operation.Authorize, p, options)
}

// FinalizePrepared makes the final authorize call as it was prepared. The session token is not part
// of p: give klarna.WithSessionToken. Errors are those of Authorize.
func (c *Client) FinalizePrepared(ctx context.Context, p Prepared, options ...klarna.CallOption) (*Authorization, error) {
	return c.sendPrepared(ctx, operation.AuthorizeFinal, p, options)
}

func (c *Client) prepare(name string, request *AuthorizeParams, reference string, token klarna.Secret, validate func() []klarna.ValidationError, options []klarna.CallOption) (*Prepared, error) {
	call := authorizeCall(name, request, wire.From(request, (*AuthorizeParams).encode), reference)
	call.SessionToken, call.Validate = token, validate
	if c == nil || c.klarna == nil {
		return nil, notMadeByNew(name)
	}
	prepared, err := c.klarna.Prepare(call, options...)
	if err != nil {
		return nil, err
	}
	return &Prepared{Body: prepared.Body, IdempotencyKey: prepared.IdempotencyKey, Reference: reference}, nil
}

func (c *Client) sendPrepared(ctx context.Context, name string, p Prepared, options []klarna.CallOption) (*Authorization, error) {
	if p.IdempotencyKey != "" {
		options = append(slices.Clip(options), klarna.WithIdempotencyKey(p.IdempotencyKey))
	}
	// The references in the body are evidence of whose answer comes.
	var request AuthorizeParams
	err := request.UnmarshalJSON(p.Body.Bytes())
	call := authorizeCall(name, &request, wire.Verbatim(&request, p.Body.Bytes()), p.Reference)
	if err != nil {
		call.Operation, call.Body = name, p.Body // which is refused
	}
	return c.sendAuthorize(ctx, call, options)
}
