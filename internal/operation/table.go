package operation

import (
	"slices"
	"strings"
)

// The names of the operations.
const (
	Presentation = "presentation.get"

	Authorize      = "authorization.authorize"
	AuthorizeFinal = "authorization.authorize.final"
	AuthorizeToken = "authorization.authorize.token"

	PaymentRequestCreate = "authorization.payment_request.create"
	PaymentRequestRead   = "authorization.payment_request.read"
	PaymentRequestUpdate = "authorization.payment_request.update"
	PaymentRequestCancel = "authorization.payment_request.cancel"

	TransactionRead    = "authorization.transaction.read"
	TransactionUpdate  = "authorization.transaction.update"
	TransactionCapture = "authorization.transaction.capture"
	TransactionVoid    = "authorization.transaction.void"
	TransactionRefund  = "authorization.transaction.refund"
	TransactionExtend  = "authorization.transaction.extend"
	CaptureRead        = "authorization.capture.read"
	CaptureRefund      = "authorization.capture.refund"
	RefundRead         = "authorization.refund.read"
	ChargebackRead     = "authorization.chargeback.read"

	SigningKeyCreate = "subscription.signing_key.create"
	SigningKeyList   = "subscription.signing_key.list"
	SigningKeyRead   = "subscription.signing_key.read"
	SigningKeyDelete = "subscription.signing_key.delete"
	WebhookCreate    = "subscription.webhook.create"
	WebhookList      = "subscription.webhook.list"
	WebhookRead      = "subscription.webhook.read"
	WebhookUpdate    = "subscription.webhook.update"
	WebhookDelete    = "subscription.webhook.delete"
	WebhookSimulate  = "subscription.webhook.simulate"
)

const (
	authorizeRoute = "payment/authorize"

	paymentRequestsRoute = "payment/requests"
	paymentRequestRoute  = paymentRequestsRoute + "/{payment_request_id}"
	transactionRoute     = "payment/transactions/{payment_transaction_id}"
	captureRoute         = "payment/captures/{payment_capture_id}"

	signingKeysRoute = "notification/signing-keys"
	signingKeyRoute  = signingKeysRoute + "/{signing_key_id}"
	webhooksRoute    = "notification/webhooks"
	webhookRoute     = webhooksRoute + "/{webhook_id}"
)

// The members of an answer to an authorize call.
const (
	result        = "payment_transaction_response.result"
	transaction   = "payment_transaction_response.payment_transaction"
	transactionID = transaction + ".payment_transaction_id"
	tokenResult   = "customer_token_response.result"
	token         = "customer_token_response.customer_token"
	requestID     = "payment_request.payment_request_id"
	requestURL    = "payment_request." + interaction + ".payment_request_url"
	interaction   = "state_context.customer_interaction"
	// A token is a string, which is read as the member customer_token, or an object.
	tokenSecret = token + ".customer_token_id" + Or + token + ".customer_token"
)

var (
	approved  = Condition{Path: result, Values: []string{"APPROVED"}}
	declined  = Condition{Path: result, Values: []string{"DECLINED"}}
	steppedUp = Condition{Path: result, Values: []string{"STEP_UP_REQUIRED"}}

	tokenGranted   = Condition{Path: tokenResult, Values: []string{"APPROVED"}}
	tokenSteppedUp = Condition{Path: tokenResult, Values: []string{"STEP_UP_REQUIRED"}}

	// In an unknown state the customer may still be able to approve.
	open = Condition{Path: "state", Values: []string{"COMPLETED", "EXPIRED", "CANCELED", "DECLINED"}, Not: true}
)

// Approval are the members of a completed payment request that decide what its customer approved. A
// payment request without them can be read, but its approval cannot.
var Approval = []Member{
	{Path: "amount"},
	{Path: "currency", Optional: true},
	{Path: "state_context.klarna_network_session_token" + Or + "state_context.interoperability_token" + Or + "state_context.payment_token"},
}

// approvalWithin returns Approval for a payment request that is a part of an answer.
func approvalWithin(prefix string) []Member {
	members := slices.Clone(Approval)
	for i := range members {
		members[i].Path = prefix + strings.ReplaceAll(members[i].Path, Or, Or+prefix)
	}
	return members
}

// authorize returns an authorize operation that requests a payment.
func authorize(name string) Operation {
	return Operation{
		Name: name, Method: "POST", Route: authorizeRoute,
		Decides: []Member{
			{Path: result},
			{Path: transactionID, When: approved},
			{Path: requestID, When: steppedUp},
		},
		Single: approvalWithin("payment_request."),
		Excludes: []Member{
			{Path: transactionID, When: declined}, {Path: transaction, When: declined},
			{Path: transactionID, When: steppedUp}, {Path: transaction, When: steppedUp},
		},
		Links: []Member{
			{Path: requestURL, When: steppedUp},
			{Path: "payment_request." + interaction + ".qr_code.target_url", When: steppedUp},
		},
		References: []Reference{
			{"request_payment_transaction.payment_transaction_reference", transaction + ".payment_transaction_reference"},
			{"step_up_config.payment_request_reference", "payment_request.payment_request_reference"},
			{"request_customer_token.customer_token_reference", token + ".customer_token_reference"},
		},
	}
}

// paymentRequest returns an operation whose answer is a payment request.
func paymentRequest(name, method, route string, evidence ...Reference) Operation {
	o := Operation{
		Name: name, Method: method, Route: route,
		Decides: []Member{{Path: "payment_request_id"}, {Path: "state"}},
		Single:  Approval,
		Links: []Member{
			{Path: interaction + ".payment_request_url", When: open},
			{Path: interaction + ".qr_code.target_url", When: open},
		},
		References: evidence,
	}
	if route == paymentRequestRoute {
		o.ID = "payment_request_id"
	}
	return o
}

// object returns an operation whose answer is the object that the last id of the route names, or
// one that belongs to that object.
func object(name, method, route, id string, decides ...string) Operation {
	o := Operation{Name: name, Method: method, Route: route, ID: id}
	for _, path := range decides {
		o.Decides = append(o.Decides, Member{Path: path})
	}
	return o
}

// with adds references to an operation.
func (o Operation) with(references ...Reference) Operation {
	o.References = append(slices.Clip(o.References), references...)
	return o
}

// undescribed marks an operation whose answer Klarna's documentation does not describe.
func (o Operation) undescribed() Operation {
	o.Content = Any
	return o
}

// empty marks an operation whose answer has no body.
func (o Operation) empty() Operation {
	o.Content = None
	return o
}

// All are the operations.
var All = []Operation{
	object(Presentation, "GET", "payment/presentation", "", "instruction"),

	authorize(Authorize),
	authorize(AuthorizeFinal),
	{
		Name: AuthorizeToken, Method: "POST", Route: authorizeRoute,
		// Klarna's own examples read the one result, an integration reads the other.
		Decides: []Member{
			{Path: tokenResult + Or + result},
			{Path: tokenSecret, When: tokenGranted},
			{Path: tokenSecret, When: approved},
			{Path: requestID, When: steppedUp},
			{Path: requestID, When: tokenSteppedUp},
		},
		Links: []Member{
			{Path: requestURL},
			{Path: "payment_request." + interaction + ".qr_code.target_url"},
		},
		References: []Reference{
			{"request_customer_token.customer_token_reference", token + ".customer_token_reference"},
			{"step_up_config.payment_request_reference", "payment_request.payment_request_reference"},
		},
	},

	paymentRequest(PaymentRequestCreate, "POST", paymentRequestsRoute,
		Reference{"payment_request_reference", "payment_request_reference"}),
	paymentRequest(PaymentRequestRead, "GET", paymentRequestRoute),
	// An update may change the reference, so the reference in its answer is no evidence.
	paymentRequest(PaymentRequestUpdate, "PATCH", paymentRequestRoute),
	paymentRequest(PaymentRequestCancel, "DELETE", paymentRequestRoute),

	object(TransactionRead, "GET", transactionRoute, "payment_transaction_id", "payment_transaction_id"),
	object(TransactionUpdate, "PATCH", transactionRoute, "payment_transaction_id").undescribed(),
	object(TransactionCapture, "POST", transactionRoute+"/capture", "payment_transaction_id", "payment_capture_id").
		with(Reference{"payment_capture_reference", "payment_capture_reference"}),
	object(TransactionVoid, "POST", transactionRoute+"/void", "payment_transaction_id").undescribed(),
	object(TransactionRefund, "POST", transactionRoute+"/refund", "payment_transaction_id").undescribed().
		with(Reference{"refund_reference", "refund_reference"}, Reference{"refund_reference", "payment_refund_reference"}),
	object(TransactionExtend, "POST", transactionRoute+"/authorize", "payment_transaction_id").undescribed(),
	object(CaptureRead, "GET", captureRoute, "payment_capture_id", "payment_capture_id"),
	object(CaptureRefund, "POST", captureRoute+"/refund", "payment_capture_id", "payment_refund_id").
		with(Reference{"payment_refund_reference", "payment_refund_reference"}),
	object(RefundRead, "GET", "payment/refunds/{payment_refund_id}", "payment_refund_id", "payment_refund_id"),
	object(ChargebackRead, "GET", "payment/chargebacks/{payment_chargeback_id}", "payment_chargeback_id").undescribed(),

	object(SigningKeyCreate, "POST", signingKeysRoute, "", "signing_key_id", "signing_key"),
	object(SigningKeyList, "GET", signingKeysRoute, "", "signing_keys", "signing_keys[].signing_key_id"),
	object(SigningKeyRead, "GET", signingKeyRoute, "signing_key_id", "signing_key_id"),
	object(SigningKeyDelete, "DELETE", signingKeyRoute, "signing_key_id").empty(),
	object(WebhookCreate, "POST", webhooksRoute, "", "webhook_id").with(Reference{"url", "url"}),
	object(WebhookList, "GET", webhooksRoute, "", "webhooks", "webhooks[].webhook_id", "webhooks[].url", "webhooks[].signing_key_id"),
	object(WebhookRead, "GET", webhookRoute, "webhook_id", "webhook_id"),
	object(WebhookUpdate, "PATCH", webhookRoute, "webhook_id", "webhook_id"),
	object(WebhookDelete, "DELETE", webhookRoute, "webhook_id").empty(),
	object(WebhookSimulate, "POST", webhookRoute+"/simulate", "webhook_id").empty(),
}

// The families of events whose payload has a type.
const (
	RequestEvents     = "payment.request."
	TransactionEvents = "payment.transaction."
	DisputeEvents     = "payment.dispute."
)

// Events are the families of events.
var Events = []Event{
	{"", []Member{{Path: "metadata.event_id"}, {Path: "metadata.event_type"}}},
	{RequestEvents, []Member{{Path: "payment_request_id"}}},
	// Klarna's documentation is not definite about these payloads.
	{TransactionEvents, []Member{{Path: "payment_transaction_id", Optional: true}}},
	{DisputeEvents, []Member{{Path: "payment_dispute_id", Optional: true}}},
}
