package authorization

import (
	"time"

	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/klarna"
)

// AuthorizeParams ask Klarna to authorize a purchase, or to step the customer up to it. It is never
// changed by a call.
//
// Keep the first request of a purchase until its end: Finalize and a repeat of Authorize need it
// unchanged. It survives json.Marshal and json.Unmarshal; the encoding holds what the request
// holds, personal data included.
type AuthorizeParams struct {
	// Currency is the ISO 4217 code. Required.
	Currency string `json:"currency"`
	// RequestPaymentTransaction is the payment; nil for a request that asks for a customer token
	// alone.
	RequestPaymentTransaction *RequestPaymentTransaction `json:"request_payment_transaction,omitzero"`
	SupplementaryPurchaseData *SupplementaryPurchaseData `json:"supplementary_purchase_data,omitzero"`
	// StepUpConfig is how the customer may be asked. Without it Klarna can only approve or decline.
	StepUpConfig    *StepUpConfig    `json:"step_up_config,omitzero"`
	AcquiringConfig *AcquiringConfig `json:"acquiring_config,omitzero"`
	// KlarnaNetworkData is the string that a Partner sent under this name, byte for byte, at most
	// 10240. It is never parsed.
	KlarnaNetworkData string `json:"klarna_network_data,omitzero"`
	// InteroperabilityData is the older name of KlarnaNetworkData (release 2512). Set one of the two.
	InteroperabilityData string                `json:"interoperability_data,omitzero"`
	RequestCustomerToken *RequestCustomerToken `json:"request_customer_token,omitzero"`
	// PointOfCheckout and PointOfTransaction are for payments in a store.
	PointOfCheckout    *PointOfCheckout    `json:"point_of_checkout,omitzero"`
	PointOfTransaction *PointOfTransaction `json:"point_of_transaction,omitzero"`
	// PaymentRequestID is optional in Klarna's newest text of the final call, and unknown to older
	// ones. Finalize does not set it.
	PaymentRequestID string `json:"payment_request_id,omitzero"`

	// Unknown are members that this version has no name for.
	klarna.Unknown `json:",embed"`
}

// RequestPaymentTransaction is the payment that is asked for.
type RequestPaymentTransaction struct {
	// Amount is in minor units.
	Amount int64 `json:"amount"`
	// PaymentTransactionReference is the caller's, 1 to 255 characters. Required. It must be the same
	// in the final call.
	PaymentTransactionReference string `json:"payment_transaction_reference"`
	// PaymentOptionID is the one that the presentation gave.
	PaymentOptionID string `json:"payment_option_id,omitzero"`
	// Capture is CaptureTimingLater or CaptureTimingNow.
	Capture CaptureTiming `json:"capture,omitzero"`
	// PaymentCaptureReference goes with CaptureTimingNow.
	PaymentCaptureReference       string   `json:"payment_capture_reference,omitzero"`
	PaymentProgramEnablementCodes []string `json:"payment_program_enablement_codes,omitzero"`

	klarna.Unknown `json:",embed"`
}

// CaptureTiming says when the payment is to be captured. Unknown values are sent as they are.
type CaptureTiming string

// The ways to capture.
const (
	CaptureTimingLater CaptureTiming = "LATER"
	CaptureTimingNow   CaptureTiming = "NOW"
)

// StepUpConfig is how the customer may be asked to approve.
type StepUpConfig struct {
	// PaymentRequestReference is the caller's, 1 to 255 characters. Required.
	PaymentRequestReference   string                    `json:"payment_request_reference"`
	CustomerInteractionConfig CustomerInteractionConfig `json:"customer_interaction_config"`
	// PaymentRequestExpiresAt is the older form of InteractionExpiry (release 2512): a date,
	// YYYY-MM-DD.
	PaymentRequestExpiresAt string `json:"payment_request_expires_at,omitzero"`

	klarna.Unknown `json:",embed"`
}

// CustomerInteractionConfig is how the customer comes to Klarna and back.
type CustomerInteractionConfig struct {
	// Method is InteractionMethodHandover, InteractionMethodQRCode or InteractionMethodSDK. An
	// authorize call requires it.
	Method InteractionMethod `json:"method,omitzero"`
	// ReturnURL is where Klarna sends the customer when done or aborted. Its placeholders have literal
	// braces: make it with the function ReturnURL.
	ReturnURL    string `json:"return_url,omitzero"`
	AppReturnURL string `json:"app_return_url,omitzero"`
	// InteractionExpiry is when the customer can no longer approve: 15 minutes to 48 hours from now,
	// 3 hours by default.
	InteractionExpiry *InteractionExpiry `json:"interaction_expiry,omitzero"`

	klarna.Unknown `json:",embed"`
}

// InteractionMethod is how the customer comes to Klarna. Unknown values are sent as they are.
type InteractionMethod string

// The methods.
const (
	// InteractionMethodHandover redirects the customer.
	InteractionMethodHandover InteractionMethod = "HANDOVER"
	// InteractionMethodQRCode is for a store.
	InteractionMethodQRCode InteractionMethod = "QR_CODE"
	// InteractionMethodSDK leaves it to the browser SDK.
	InteractionMethodSDK InteractionMethod = "SDK"
)

// InteractionExpiry is a duration or a time.
type InteractionExpiry struct {
	// Duration is in ISO 8601, such as PT15M.
	Duration string `json:"duration,omitzero"`
	// Timestamp is in UTC.
	Timestamp time.Time `json:"timestamp,omitzero"`

	klarna.Unknown `json:",embed"`
}

// AcquiringConfig chooses a payment account: by PaymentAccountID, or by the two others together.
type AcquiringConfig struct {
	PaymentAccountID          string `json:"payment_account_id,omitzero"`
	PaymentAcquiringAccountID string `json:"payment_acquiring_account_id,omitzero"`
	PaymentAccountReference   string `json:"payment_account_reference,omitzero"`
	// SettlementCurrency is the ISO 4217 code of the currency that Klarna settles in.
	SettlementCurrency string `json:"settlement_currency,omitzero"`

	klarna.Unknown `json:",embed"`
}

// RequestCustomerToken asks for a token for later payments.
type RequestCustomerToken struct {
	Scopes                 []Scope `json:"scopes"`
	CustomerTokenReference string  `json:"customer_token_reference"`

	klarna.Unknown `json:",embed"`
}

// Scope is what a customer token may be used for. Unknown values are sent as they are.
type Scope string

// The scopes.
const (
	ScopeCustomerPresent    Scope = "payment:customer_present"
	ScopeCustomerNotPresent Scope = "payment:customer_not_present"
	ScopeCustomerLogin      Scope = "customer:login"
)

// PointOfCheckout is the store: one of its three members.
type PointOfCheckout struct {
	// StoreID is Klarna's id of the store, StoreReference the caller's.
	StoreID        string `json:"store_id,omitzero"`
	StoreReference string `json:"store_reference,omitzero"`
	// Store describes the store, as JSON: Klarna's documentation does not settle its members.
	Store klarna.RawJSON `json:"store,omitzero"`

	klarna.Unknown `json:",embed"`
}

// PointOfTransaction is the terminal.
type PointOfTransaction struct {
	// Type is TERMINAL.
	Type              string `json:"type,omitzero"`
	TerminalReference string `json:"terminal_reference,omitzero"`

	klarna.Unknown `json:",embed"`
}

// reference is what makes the request the caller's own, "" where it has none.
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

// String returns the reference: a request holds personal data.
func (r AuthorizeParams) String() string {
	return redact.Describe("authorization.AuthorizeParams", redact.Show(r.reference()))
}
