package authorization

import (
	"time"

	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/klarna"
)

// AuthorizeParams are the input of [Client.Authorize] and [Client.Finalize]. No call changes them.
//
// Keep the first request of a purchase until the purchase ends: [Client.Finalize] and a repeat of
// [Client.Authorize] need it unchanged. json.Marshal and json.Unmarshal keep all of it. The
// encoding contains the personal data of the request.
type AuthorizeParams struct {
	// Currency is the ISO 4217 code. Required.
	Currency string `json:"currency"`
	// RequestPaymentTransaction is the requested payment; nil if only a customer token is
	// requested.
	RequestPaymentTransaction *RequestPaymentTransaction `json:"request_payment_transaction,omitzero"`
	// SupplementaryPurchaseData describes the purchase.
	SupplementaryPurchaseData *SupplementaryPurchaseData `json:"supplementary_purchase_data,omitzero"`
	// StepUpConfig says how the customer can approve. Without it Klarna can only approve or
	// decline.
	StepUpConfig *StepUpConfig `json:"step_up_config,omitzero"`
	// AcquiringConfig selects a payment account of a Partner that has several.
	AcquiringConfig *klarna.AcquiringConfig `json:"acquiring_config,omitzero"`
	// KlarnaNetworkData is the string that a Partner sent under this name, byte for byte, at most
	// 10240 bytes. It is never parsed.
	KlarnaNetworkData string `json:"klarna_network_data,omitzero"`
	// InteroperabilityData is the older name of KlarnaNetworkData (release 2512). Set one of them.
	InteroperabilityData string `json:"interoperability_data,omitzero"`
	// RequestCustomerToken requests a token for later payments.
	RequestCustomerToken *RequestCustomerToken `json:"request_customer_token,omitzero"`
	// PointOfCheckout is the store of a payment in a store.
	PointOfCheckout *PointOfCheckout `json:"point_of_checkout,omitzero"`
	// PointOfTransaction is the terminal of a payment in a store.
	PointOfTransaction *PointOfTransaction `json:"point_of_transaction,omitzero"`
	// PaymentRequestID is an optional member of the final call in the newest version of Klarna's
	// documentation. Older versions do not have it. Finalize does not set it.
	PaymentRequestID string `json:"payment_request_id,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// RequestPaymentTransaction is the requested payment.
type RequestPaymentTransaction struct {
	// Amount is the amount to pay, in minor units.
	Amount int64 `json:"amount"`
	// PaymentTransactionReference is the caller's reference of the transaction, 1 to 255
	// characters. Required. The final call must have the same reference.
	PaymentTransactionReference string `json:"payment_transaction_reference"`
	// PaymentOptionID is the id of the payment option, from the presentation.
	PaymentOptionID string `json:"payment_option_id,omitzero"`
	// Capture says when the payment is captured.
	Capture CaptureTiming `json:"capture,omitzero"`
	// PaymentCaptureReference is the caller's reference of the capture that CaptureTimingNow makes,
	// at most 255 characters.
	PaymentCaptureReference string `json:"payment_capture_reference,omitzero"`
	// PaymentProgramEnablementCodes are Klarna's codes of the payment programs to enable.
	PaymentProgramEnablementCodes []string `json:"payment_program_enablement_codes,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// CaptureTiming says when a payment is captured. Other values than the constants are sent
// unchanged.
type CaptureTiming string

// The times of a capture.
const (
	// CaptureTimingLater leaves the capture to [Client.CaptureTransaction].
	CaptureTimingLater CaptureTiming = "LATER"
	// CaptureTimingNow captures the payment when it is authorized.
	CaptureTimingNow CaptureTiming = "NOW"
)

// StepUpConfig says how the customer can approve the payment.
type StepUpConfig struct {
	// PaymentRequestReference is the caller's reference of the payment request, 1 to 255
	// characters. Required.
	PaymentRequestReference string `json:"payment_request_reference"`
	// CustomerInteractionConfig says how the customer reaches Klarna and returns.
	CustomerInteractionConfig CustomerInteractionConfig `json:"customer_interaction_config"`
	// PaymentRequestExpiresAt is the older form of InteractionExpiry (release 2512), a date written
	// YYYY-MM-DD.
	PaymentRequestExpiresAt string `json:"payment_request_expires_at,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// CustomerInteractionConfig says how the customer reaches Klarna and returns.
type CustomerInteractionConfig struct {
	// Method is the way in which the customer reaches Klarna. An authorize call requires it.
	Method InteractionMethod `json:"method,omitzero"`
	// ReturnURL is the address to which Klarna sends the customer after an approval or an abort.
	// The braces of its placeholders must not be percent-encoded; the function ReturnURL writes
	// them.
	ReturnURL string `json:"return_url,omitzero"`
	// AppReturnURL is the app link to which Klarna's app sends the customer.
	AppReturnURL string `json:"app_return_url,omitzero"`
	// InteractionExpiry says until when the customer can approve: 15 minutes to 48 hours, by
	// default 3 hours.
	InteractionExpiry *InteractionExpiry `json:"interaction_expiry,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// InteractionMethod is the way in which the customer reaches Klarna. Other values than the
// constants are sent unchanged.
type InteractionMethod string

// The methods.
const (
	// InteractionMethodHandover redirects the customer to Klarna.
	InteractionMethodHandover InteractionMethod = "HANDOVER"
	// InteractionMethodQRCode shows a code that the customer scans in a store.
	InteractionMethodQRCode InteractionMethod = "QR_CODE"
	// InteractionMethodSDK opens Klarna with the browser SDK.
	InteractionMethodSDK InteractionMethod = "SDK"
)

// InteractionExpiry is either a duration or a time, 15 minutes to 48 hours from now.
type InteractionExpiry struct {
	// Duration is an ISO 8601 duration, such as PT15M.
	Duration string `json:"duration,omitzero"`
	// Timestamp is a time in UTC.
	Timestamp time.Time `json:"timestamp,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// acquiringConfig gives this package the wire code of [klarna.AcquiringConfig].
type acquiringConfig klarna.AcquiringConfig

// RequestCustomerToken requests a token for later payments.
type RequestCustomerToken struct {
	// Scopes are the uses that the token allows.
	Scopes []Scope `json:"scopes"`
	// CustomerTokenReference is the caller's reference of the token, at most 255 characters.
	CustomerTokenReference string `json:"customer_token_reference"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// Scope is a use of a customer token. Other values than the constants are sent unchanged.
type Scope string

// The scopes.
const (
	// ScopeCustomerPresent allows payments while the customer is present.
	ScopeCustomerPresent Scope = "payment:customer_present"
	// ScopeCustomerNotPresent allows payments without the customer. Klarna approves or declines
	// them and never requires a step-up.
	ScopeCustomerNotPresent Scope = "payment:customer_not_present"
	// ScopeCustomerLogin allows the customer to log in.
	ScopeCustomerLogin Scope = "customer:login"
)

// PointOfCheckout is the store of a payment in a store. Set one of StoreID, StoreReference and
// Store.
type PointOfCheckout struct {
	// StoreID is Klarna's id of the store.
	StoreID string `json:"store_id,omitzero"`
	// StoreReference is the caller's reference of the store.
	StoreReference string `json:"store_reference,omitzero"`
	// Store describes the store, as JSON, because Klarna's documentation does not list its members.
	Store klarna.RawJSON `json:"store,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// PointOfTransaction is the terminal of a payment in a store.
type PointOfTransaction struct {
	// Type is TERMINAL.
	Type string `json:"type,omitzero"`
	// TerminalReference is the caller's reference of the terminal.
	TerminalReference string `json:"terminal_reference,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// reference returns the caller's reference from which the idempotency key is derived, or "".
func (r *AuthorizeParams) reference() string {
	switch {
	case r.RequestPaymentTransaction != nil && r.RequestPaymentTransaction.PaymentTransactionReference != "":
		return r.RequestPaymentTransaction.PaymentTransactionReference
	case r.StepUpConfig != nil && r.StepUpConfig.PaymentRequestReference != "":
		return r.StepUpConfig.PaymentRequestReference
	case r.RequestCustomerToken != nil:
		return r.RequestCustomerToken.CustomerTokenReference
	default:
		return ""
	}
}

// String returns the reference alone, because a request contains personal data.
func (r AuthorizeParams) String() string {
	return redact.Describe("authorization.AuthorizeParams", redact.Show(r.reference()))
}
