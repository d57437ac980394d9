package authorization

import "github.com/klarna-go/klarna-go/klarna"

// CreatePaymentRequestParams are the input of [Client.CreatePaymentRequest]. Members that are
// nested in an authorize call are at the top level here.
type CreatePaymentRequestParams struct {
	// Currency is the ISO 4217 code. Required.
	Currency string `json:"currency"`
	// Amount is the amount to approve, in minor units. It is nil for a request for a customer token
	// alone, which has no amount.
	Amount *int64 `json:"amount,omitzero"`
	// PaymentRequestReference is the caller's reference, 1 to 255 characters. Required.
	PaymentRequestReference string `json:"payment_request_reference" wire:"show"`
	// CustomerInteractionConfig says how the customer reaches Klarna and returns.
	CustomerInteractionConfig CustomerInteractionConfig `json:"customer_interaction_config"`
	// PaymentOptionID is the id of the payment option, from the presentation.
	PaymentOptionID string `json:"payment_option_id,omitzero"`
	// PaymentProgramEnablementCodes are Klarna's codes of the payment programs to enable.
	PaymentProgramEnablementCodes []string `json:"payment_program_enablement_codes,omitzero"`
	// ShippingConfig allows the customer to choose the shipping at Klarna.
	ShippingConfig *ShippingConfig `json:"shipping_config,omitzero"`
	// CollectCustomerProfile are the data that the customer is asked to share.
	CollectCustomerProfile []CustomerProfileField `json:"collect_customer_profile,omitzero"`
	// RequestCustomerToken requests a token for later payments.
	RequestCustomerToken *RequestCustomerToken `json:"request_customer_token,omitzero"`
	// AcquiringConfig selects a payment account of a Partner that has several.
	AcquiringConfig *klarna.AcquiringConfig `json:"acquiring_config,omitzero"`
	// SupplementaryPurchaseData describes the purchase.
	SupplementaryPurchaseData *SupplementaryPurchaseData `json:"supplementary_purchase_data,omitzero"`
	// KlarnaNetworkData is the string that a Partner sent under this name, byte for byte, at most
	// 10240 bytes.
	KlarnaNetworkData string `json:"klarna_network_data,omitzero"`
	// InteroperabilityData is the older name of KlarnaNetworkData (release 2512). Set one of them.
	InteroperabilityData string `json:"interoperability_data,omitzero"`
	// PointOfCheckout is the store of a payment in a store.
	PointOfCheckout *PointOfCheckout `json:"point_of_checkout,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// UpdatePaymentRequestParams are the input of [Client.UpdatePaymentRequest]. Fields that are empty
// or nil are not sent and change nothing.
type UpdatePaymentRequestParams struct {
	// Currency is the ISO 4217 code of the amount.
	Currency string `json:"currency,omitzero"`
	// Amount is the amount to approve, in minor units.
	Amount *int64 `json:"amount,omitzero"`
	// PaymentRequestReference is the caller's reference, at most 255 characters.
	PaymentRequestReference string `json:"payment_request_reference,omitzero" wire:"show"`
	// CustomerInteractionConfig says how the customer reaches Klarna and returns.
	CustomerInteractionConfig *CustomerInteractionConfig `json:"customer_interaction_config,omitzero"`
	// PaymentOptionID is the id of the payment option, from the presentation.
	PaymentOptionID string `json:"payment_option_id,omitzero"`
	// PaymentProgramEnablementCodes are Klarna's codes of the payment programs to enable.
	PaymentProgramEnablementCodes []string `json:"payment_program_enablement_codes,omitzero"`
	// ShippingConfig allows the customer to choose the shipping at Klarna.
	ShippingConfig *ShippingConfig `json:"shipping_config,omitzero"`
	// AcquiringConfig selects a payment account of a Partner that has several.
	AcquiringConfig *klarna.AcquiringConfig `json:"acquiring_config,omitzero"`
	// SupplementaryPurchaseData describes the purchase.
	SupplementaryPurchaseData *SupplementaryPurchaseData `json:"supplementary_purchase_data,omitzero"`

	// Unknown holds members that this version has no field for. It can also hold members of
	// CreatePaymentRequestParams to change.
	klarna.Unknown `json:",embed"`
}

// ShippingConfig allows the customer to choose the shipping at Klarna.
type ShippingConfig struct {
	// Mode is EDITABLE.
	Mode string `json:"mode,omitzero"`
	// SupportedCountries are the ISO 3166-1 alpha-2 codes of the countries that can be chosen.
	SupportedCountries []string `json:"supported_countries,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// CustomerProfileField is a part of the customer's profile that the customer is asked to share.
// Other values than the constants are sent unchanged.
type CustomerProfileField string

// The parts of a customer's profile.
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
		// The amount is not compared with the line items: Klarna accepts an update whose line items
		// sum to another amount.
		found.Amount("amount", *u.Amount)
	}
	return found.List
}
