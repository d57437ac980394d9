package authorization

import (
	"context"

	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

// Authorize makes the first authorize call of a purchase (POST payment/authorize). Use
// [klarna.WithSessionToken] if the Partner sent a session token.
//
// The idempotency key is derived from the payment transaction reference, the content and the
// session token. A repeat of the same call within 24 hours, after a timeout or a crash, returns the
// first answer. Repeat the stored request and do not build a new one: another timestamp or another
// session token makes another call, and Klarna does not promise to refuse a second purchase with
// the same reference. The caller must ensure that an order is authorized once.
//
// A declined payment is a result and not an error. The error is a [*klarna.Error]. It is
// [klarna.CodeValidationError] if the request is invalid, which is found before it is sent or by
// Klarna, and [klarna.CodeResourceConflict] if a concurrent or earlier call conflicts with it.
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Client) Authorize(ctx context.Context, params AuthorizeParams, options ...klarna.CallOption) (*Authorization, error) {
	return c.authorize(ctx, operation.Authorize, &params, params.reference(), klarna.Secret{}, params.problems, options)
}

// Finalize makes the final authorize call of a purchase that the customer has approved (POST
// payment/authorize). It has to be called within 60 minutes of the approval. first is the request
// of the first call. The final request has the references of first and the amount of the approval.
// It has no step-up configuration, and no line items if they do not sum to the approved amount.
//
// The handlers of the webhook and of the redirect and a recovery job may all call Finalize: calls
// with the same first request and approval are the same call to Klarna and return the same answer.
// The errors are those of [Client.Authorize].
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Client) Finalize(ctx context.Context, first AuthorizeParams, approval Approval, options ...klarna.CallOption) (*Authorization, error) {
	final := first.final(approval)
	validate := func() []klarna.ValidationError { return append(approval.problems(&first), final.problems()...) }
	return c.authorize(ctx, operation.AuthorizeFinal, &final, first.reference(), approval.SessionToken, validate, options)
}

func (c *Client) authorize(ctx context.Context, name string, request *AuthorizeParams, reference string, token klarna.Secret, validate func() []klarna.ValidationError, options []klarna.CallOption) (*Authorization, error) {
	call := authorizeCall(name, request, wire.From(request, (*AuthorizeParams).encode), reference)
	call.SessionToken, call.Validate = token, validate
	return c.sendAuthorize(ctx, call, options)
}

// authorizeCall returns an authorize call. A call that requests no payment is another operation,
// because other members decide its answer.
func authorizeCall(name string, request *AuthorizeParams, body wire.Encoder, reference string) klarna.Call {
	if request.RequestPaymentTransaction == nil {
		name = operation.AuthorizeToken
	}
	return klarna.Call{Operation: name, Body: body, Reference: reference}
}

func (c *Client) sendAuthorize(ctx context.Context, call klarna.Call, options []klarna.CallOption) (*Authorization, error) {
	var answer authorizeAnswer
	raw, err := c.send(ctx, call, wire.Into(&answer, (*authorizeAnswer).decode), options)
	if err != nil {
		return nil, err
	}
	result := answer.result(call.Operation == operation.AuthorizeToken)
	return &Authorization{Result: result, CustomerToken: answer.CustomerToken, Raw: raw}, nil
}
