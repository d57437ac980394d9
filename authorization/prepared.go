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

// Prepared is an encoded authorize call. Store it before you send it: each repeat then sends the
// same bytes with the same idempotency key. This also holds for another version of this library,
// which may encode the same request differently.
type Prepared struct {
	// Body is the body of the request. It contains personal data.
	Body klarna.RawJSON
	// IdempotencyKey is the key of each repeat. If it is "", the key is derived from Reference,
	// Body and the session token, as Authorize derives it.
	IdempotencyKey string
	// Reference is the reference from which the key is derived: the payment transaction reference
	// or, without one, the payment request reference or the customer token reference.
	Reference string
}

// Format writes the reference, for every verb.
func (p Prepared) Format(s fmt.State, _ rune) { redact.Format(s, p.describe()) }

// LogValue returns the text that Format writes.
func (p Prepared) LogValue() slog.Value { return slog.StringValue(p.describe()) }

func (p *Prepared) describe() string { return "authorization.Prepared{" + p.Reference + "}" }

// PrepareAuthorize checks and encodes the call that [Client.Authorize] makes. It sends nothing.
// Pass it the options of the call. [Client.AuthorizePrepared] sends the result. The error is a
// [*klarna.Error] with the outcome [klarna.OutcomeNotSent].
func (c *Client) PrepareAuthorize(params AuthorizeParams, options ...klarna.CallOption) (*Prepared, error) {
	return c.prepare(operation.Authorize, &params, params.reference(), klarna.Secret{}, params.problems, options)
}

// PrepareFinalize checks and encodes the call that [Client.Finalize] makes. It sends nothing.
// [Client.FinalizePrepared] sends the result. The error is a [*klarna.Error] with the outcome
// [klarna.OutcomeNotSent].
func (c *Client) PrepareFinalize(first AuthorizeParams, approval Approval, options ...klarna.CallOption) (*Prepared, error) {
	final := first.final(approval)
	validate := func() []klarna.ValidationError { return append(approval.problems(&first), final.problems()...) }
	return c.prepare(operation.AuthorizeFinal, &final, first.reference(), approval.SessionToken, validate, options)
}

// AuthorizePrepared sends a first authorize call that [Client.PrepareAuthorize] prepared (POST
// payment/authorize). p does not contain the session token: use [klarna.WithSessionToken] again.
// The errors are those of [Client.Authorize].
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Client) AuthorizePrepared(ctx context.Context, p Prepared, options ...klarna.CallOption) (*Authorization, error) {
	return c.sendPrepared(ctx, operation.Authorize, p, options)
}

// FinalizePrepared sends a final authorize call that [Client.PrepareFinalize] prepared (POST
// payment/authorize). p does not contain the session token: pass the approval's with
// [klarna.WithSessionToken]. The errors are those of [Client.Authorize].
//
// Klarna's documentation: https://docs.klarna.com/payments/
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
	// The references in the body show whether an answer belongs to the request.
	var request AuthorizeParams
	err := request.UnmarshalJSON(p.Body.Bytes())
	call := authorizeCall(name, &request, wire.Verbatim(&request, p.Body.Bytes()), p.Reference)
	if err != nil {
		call.Operation, call.Body = name, p.Body // Do refuses the body
	}
	return c.sendAuthorize(ctx, call, options)
}
