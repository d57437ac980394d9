package authorization

import (
	"context"

	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

// Authorize makes the first authorize call of a purchase (POST payment/authorize). Give
// klarna.WithSessionToken when the Partner sent a token.
//
// The idempotency key is derived from the payment transaction's reference, the content and the
// session token, so a repeat of the very same call within 24 hours, after a time-out or a crash,
// gets the first answer. Repeat the request that was stored and do not build it anew: a time stamp
// or a renewed token makes it another call, and Klarna does not promise to refuse a second purchase
// for being of the same reference. That an order is authorized once is for the caller to see to.
//
// A declined payment is a result and not an error. Errors are *klarna.Error: CodeValidationError,
// found here before sending or by Klarna; CodeResourceConflict for a concurrent or a conflicting
// call; and those of every call.
func (c *Client) Authorize(ctx context.Context, params AuthorizeParams, options ...klarna.CallOption) (*Authorization, error) {
	return c.authorize(ctx, operation.Authorize, &params, params.reference(), klarna.Secret{}, params.problems, options)
}

// Finalize makes the final authorize call of a purchase whose customer has approved, within 60
// minutes of it. first is the request of the first call, from which the references come; the amount
// is the approved one, and the step-up configuration is left out. Where the customer's choice
// changed the amount, line items that no longer sum to it are left out as well.
//
// Webhook, redirect and recovery may all finalize: the same first request and the same approval are
// the same call to Klarna and have the same answer. Errors are those of Authorize.
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

// authorizeCall is an authorize call. One that asks for no payment is an operation of its own,
// because its answer is decided by other members.
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
