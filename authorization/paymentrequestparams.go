package authorization

import "github.com/klarna-go/klarna-go/klarna"

// CreatePaymentRequestParams are what a payment request is created from. The members that an
// authorize call nests are at the top level here.
type CreatePaymentRequestParams struct {
	// Currency is the ISO 4217 code. Required.
	Currency string `json:"currency"`
	// Amount is in minor units; nil for a request for a customer token alone, which has no amount.
	Amount *int64 `json:"amount,omitzero"`
	// PaymentRequestReference is the caller's, 1 to 255 characters. Required.
	PaymentRequestReference   string                    `json:"payment_request_reference" wire:"show"`
	CustomerInteractionConfig CustomerInteractionConfig `json:"customer_interaction_config"`
	// PaymentOptionID is the one that the presentation gave.
	PaymentOptionID               string                     `json:"payment_option_id,omitzero"`
	PaymentProgramEnablementCodes []string                   `json:"payment_program_enablement_codes,omitzero"`
	ShippingConfig                *ShippingConfig            `json:"shipping_config,omitzero"`
	CollectCustomerProfile        []CustomerProfileField     `json:"collect_customer_profile,omitzero"`
	RequestCustomerToken          *RequestCustomerToken      `json:"request_customer_token,omitzero"`
	AcquiringConfig               *klarna.AcquiringConfig    `json:"acquiring_config,omitzero"`
	SupplementaryPurchaseData     *SupplementaryPurchaseData `json:"supplementary_purchase_data,omitzero"`
	// KlarnaNetworkData is the string that a Partner sent under this name, byte for byte, at most
	// 10240.
	KlarnaNetworkData string `json:"klarna_network_data,omitzero"`
	// InteroperabilityData is the older name of KlarnaNetworkData (release 2512). Set one of the two.
	InteroperabilityData string           `json:"interoperability_data,omitzero"`
	PointOfCheckout      *PointOfCheckout `json:"point_of_checkout,omitzero"`

	// Unknown are members that this version has no name for.
	klarna.Unknown `json:",embed"`
}

// UpdatePaymentRequestParams changes the members that it has; nil and empty ones stay as they are.
type UpdatePaymentRequestParams struct {
	Currency string `json:"currency,omitzero"`
	// Amount is in minor units.
	Amount                    *int64                     `json:"amount,omitzero"`
	PaymentRequestReference   string                     `json:"payment_request_reference,omitzero" wire:"show"`
	CustomerInteractionConfig *CustomerInteractionConfig `json:"customer_interaction_config,omitzero"`
	// PaymentOptionID is the one that the presentation gave.
	PaymentOptionID               string                     `json:"payment_option_id,omitzero"`
	PaymentProgramEnablementCodes []string                   `json:"payment_program_enablement_codes,omitzero"`
	ShippingConfig                *ShippingConfig            `json:"shipping_config,omitzero"`
	AcquiringConfig               *klarna.AcquiringConfig    `json:"acquiring_config,omitzero"`
	SupplementaryPurchaseData     *SupplementaryPurchaseData `json:"supplementary_purchase_data,omitzero"`

	// Unknown are members that this version has no name for, such as others of
	// CreatePaymentRequestParams that are to change.
	klarna.Unknown `json:",embed"`
}

// ShippingConfig lets the customer choose the shipping at Klarna.
type ShippingConfig struct {
	// Mode is EDITABLE.
	Mode string `json:"mode,omitzero"`
	// SupportedCountries are ISO 3166-1 alpha-2 codes.
	SupportedCountries []string `json:"supported_countries,omitzero"`

	klarna.Unknown `json:",embed"`
}

// CustomerProfileField is something that the customer is asked to share. Unknown values are sent as
// they are.
type CustomerProfileField string

// What can be asked for.
const (
	CustomerProfileFieldName                   CustomerProfileField = "profile:name"
	CustomerProfileFieldEmail                  CustomerProfileField = "profile:email"
	CustomerProfileFieldPhone                  CustomerProfileField = "profile:phone"
	CustomerProfileFieldLocale                 CustomerProfileField = "profile:locale"
	CustomerProfileFieldBillingAddress         CustomerProfileField = "profile:billing_address"
	CustomerProfileFieldCountry                CustomerProfileField = "profile:country"
	CustomerProfileFieldNationalIdentification CustomerProfileField = "profile:national_identification"
	CustomerProfileFieldDateOfBirth            CustomerProfileField = "profile:date_of_birth"
)

func (p *CreatePaymentRequestParams) problems() []klarna.ValidationError {
	var found problems
	found.Required("currency", p.Currency)
	if p.Amount != nil {
		found.Amount("amount", *p.Amount)
	}
	found.reference("payment_request_reference", p.PaymentRequestReference)
	found.interaction("customer_interaction_config", &p.CustomerInteractionConfig, false)
	found.networkData(p.KlarnaNetworkData, p.InteroperabilityData)
	if p.Amount != nil {
		found.List = append(found.List, p.SupplementaryPurchaseData.problems("supplementary_purchase_data", *p.Amount)...)
	}
	return found.List
}

func (u *UpdatePaymentRequestParams) problems() []klarna.ValidationError {
	var found problems
	found.optionalReference("payment_request_reference", u.PaymentRequestReference)
	if u.CustomerInteractionConfig != nil {
		found.interaction("customer_interaction_config", u.CustomerInteractionConfig, false)
	}
	if u.Amount != nil {
		// Not compared with the lines: Klarna takes an update whose lines sum to another amount.
		found.Amount("amount", *u.Amount)
	}
	return found.List
}
