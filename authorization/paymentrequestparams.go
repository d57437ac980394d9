package authorization

import (
	"fmt"
	"log/slog"

	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/klarna"
)

// PaymentRequestParams are what a payment request is created from. The members that an authorize call nests are at the top
// level here.
type PaymentRequestParams struct {
	// Currency is the ISO 4217 code. Required.
	Currency string `json:"currency"`
	// Amount is in minor units.
	Amount int64 `json:"amount"`
	// PaymentRequestReference is the caller's, 1 to 255 characters. Required.
	PaymentRequestReference   string                    `json:"payment_request_reference"`
	CustomerInteractionConfig CustomerInteractionConfig `json:"customer_interaction_config"`
	// PaymentOptionID is the one that the presentation gave.
	PaymentOptionID               string                     `json:"payment_option_id,omitzero"`
	PaymentProgramEnablementCodes []string                   `json:"payment_program_enablement_codes,omitzero"`
	ShippingConfig                *ShippingConfig            `json:"shipping_config,omitzero"`
	CollectCustomerProfile        []CustomerProfileField     `json:"collect_customer_profile,omitzero"`
	RequestCustomerToken          *RequestCustomerToken      `json:"request_customer_token,omitzero"`
	AcquiringConfig               *AcquiringConfig           `json:"acquiring_config,omitzero"`
	SupplementaryPurchaseData     *SupplementaryPurchaseData `json:"supplementary_purchase_data,omitzero"`
	// KlarnaNetworkData is the string that a Partner sent under this name, byte for byte, at most 10240.
	KlarnaNetworkData string `json:"klarna_network_data,omitzero"`
	// InteroperabilityData is the older name of KlarnaNetworkData (release 2512). Set one of the two.
	InteroperabilityData string           `json:"interoperability_data,omitzero"`
	PointOfCheckout      *PointOfCheckout `json:"point_of_checkout,omitzero"`

	// Unknown are members that this version has no name for.
	Unknown klarna.Fields `json:",embed"`
}

// PaymentRequestUpdate changes the members that it has; nil and empty ones stay as they are.
type PaymentRequestUpdate struct {
	Currency string `json:"currency,omitzero"`
	// Amount is in minor units.
	Amount                    *int64                     `json:"amount,omitzero"`
	PaymentRequestReference   string                     `json:"payment_request_reference,omitzero"`
	CustomerInteractionConfig *CustomerInteractionConfig `json:"customer_interaction_config,omitzero"`
	SupplementaryPurchaseData *SupplementaryPurchaseData `json:"supplementary_purchase_data,omitzero"`

	// Unknown are members that this version has no name for, such as others of PaymentRequestParams that are to change.
	Unknown klarna.Fields `json:",embed"`
}

// ShippingConfig lets the customer choose the shipping at Klarna.
type ShippingConfig struct {
	// Mode is EDITABLE.
	Mode string `json:"mode"`
	// SupportedCountries are ISO 3166-1 alpha-2 codes.
	SupportedCountries []string `json:"supported_countries,omitzero"`

	Unknown klarna.Fields `json:",embed"`
}

// CustomerProfileField is something that the customer is asked to share. Unknown values are sent as they are.
type CustomerProfileField string

// What can be asked for.
const (
	ProfileName                   CustomerProfileField = "profile:name"
	ProfileEmail                  CustomerProfileField = "profile:email"
	ProfilePhone                  CustomerProfileField = "profile:phone"
	ProfileLocale                 CustomerProfileField = "profile:locale"
	ProfileBillingAddress         CustomerProfileField = "profile:billing_address"
	ProfileCountry                CustomerProfileField = "profile:country"
	ProfileNationalIdentification CustomerProfileField = "profile:national_identification"
	ProfileDateOfBirth            CustomerProfileField = "profile:date_of_birth"
)

func (p *PaymentRequestParams) problems() []klarna.ValidationError {
	var found problems
	if p.Currency == "" {
		found.add("currency", "is required")
	}
	found.amount("amount", p.Amount)
	found.reference("payment_request_reference", p.PaymentRequestReference)
	found.interaction("customer_interaction_config", &p.CustomerInteractionConfig)
	found.networkData(p.KlarnaNetworkData, p.InteroperabilityData)
	return append(found, p.SupplementaryPurchaseData.problems("supplementary_purchase_data", p.Amount)...)
}

func (u *PaymentRequestUpdate) problems() []klarna.ValidationError {
	var found problems
	found.optionalReference("payment_request_reference", u.PaymentRequestReference)
	if u.CustomerInteractionConfig != nil {
		found.interaction("customer_interaction_config", u.CustomerInteractionConfig)
	}
	if u.Amount != nil {
		found.amount("amount", *u.Amount)
		found = append(found, u.SupplementaryPurchaseData.problems("supplementary_purchase_data", *u.Amount)...)
	}
	return found
}

// Format writes the reference, whatever the verb: the params hold personal data.
func (p PaymentRequestParams) Format(s fmt.State, _ rune) { redact.Format(s, p.describe()) }

// LogValue returns what Format writes.
func (p PaymentRequestParams) LogValue() slog.Value { return slog.StringValue(p.describe()) }

func (p *PaymentRequestParams) describe() string {
	return fmt.Sprintf("authorization.PaymentRequestParams{%s}", p.PaymentRequestReference)
}
