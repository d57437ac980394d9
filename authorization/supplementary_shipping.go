package authorization

import "github.com/klarna-go/klarna-go/klarna"

// Shipping is the shipment of a part of the purchase to one recipient.
type Shipping struct {
	// ShippingReference is the caller's reference, at most 255 characters. Line items and
	// marketplace sellers name it.
	ShippingReference string `json:"shipping_reference,omitzero"`
	// Recipient is the person who receives the shipment.
	Recipient *Recipient `json:"recipient,omitzero"`
	// Address is the address of the recipient.
	Address *Address `json:"address,omitzero"`
	// ShippingOption says how the shipment is sent.
	ShippingOption *ShippingOption `json:"shipping_option,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// Recipient is the person who receives a shipment. Klarna probably refuses names, phone numbers and
// attention lines of more than 99 characters.
type Recipient struct {
	// GivenName is the first name.
	GivenName string `json:"given_name,omitzero"`
	// FamilyName is the last name.
	FamilyName string `json:"family_name,omitzero"`
	// Email is the email address.
	Email string `json:"email,omitzero"`
	// Phone is the phone number.
	Phone string `json:"phone,omitzero"`
	// Attention is the person or department at an organization.
	Attention string `json:"attention,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// ShippingOption says how a shipment is sent.
type ShippingOption struct {
	// ShippingType is the destination of the shipment.
	ShippingType ShippingType `json:"shipping_type,omitzero"`
	// ShippingTypeAttributes are attributes of the shipping type.
	ShippingTypeAttributes []ShippingTypeAttribute `json:"shipping_type_attributes,omitzero"`
	// ShippingCarrier is the name of the carrier.
	ShippingCarrier string `json:"shipping_carrier,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// ShippingType is the destination of a shipment. Other values than the constants are kept and sent
// unchanged.
type ShippingType string

// The shipping types.
const (
	ShippingTypeToDoor          ShippingType = "TO_DOOR"
	ShippingTypeToCurb          ShippingType = "TO_CURB"
	ShippingTypeToMailbox       ShippingType = "TO_MAILBOX"
	ShippingTypePickupBox       ShippingType = "PICKUP_BOX"
	ShippingTypePickupPoint     ShippingType = "PICKUP_POINT"
	ShippingTypePickupStore     ShippingType = "PICKUP_STORE"
	ShippingTypePickupWarehouse ShippingType = "PICKUP_WAREHOUSE"
	ShippingTypeDigitalEmail    ShippingType = "DIGITAL_EMAIL"
	ShippingTypeDigitalDownload ShippingType = "DIGITAL_DOWNLOAD"
	ShippingTypeDigitalOther    ShippingType = "DIGITAL_OTHER"
	ShippingTypePhysicalOther   ShippingType = "PHYSICAL_OTHER"
)

// ShippingTypeAttribute is an attribute of a [ShippingType]. Other values than the constants are
// kept and sent unchanged.
type ShippingTypeAttribute string

// The attributes of a shipping type.
const (
	ShippingTypeAttributeSignatureRequired      ShippingTypeAttribute = "SIGNATURE_REQUIRED"
	ShippingTypeAttributeIdentificationRequired ShippingTypeAttribute = "IDENTIFICATION_REQUIRED"
	ShippingTypeAttributeContactlessDelivery    ShippingTypeAttribute = "CONTACTLESS_DELIVERY"
	ShippingTypeAttributeLeaveAtDoor            ShippingTypeAttribute = "LEAVE_AT_DOOR"
	ShippingTypeAttributeLeaveAtCurb            ShippingTypeAttribute = "LEAVE_AT_CURB"
	ShippingTypeAttributeLeaveWithNeighbour     ShippingTypeAttribute = "LEAVE_WITH_NEIGHBOUR"
	ShippingTypeAttributeExpress                ShippingTypeAttribute = "EXPRESS"
	ShippingTypeAttributeTracked                ShippingTypeAttribute = "TRACKED"
	ShippingTypeAttributeUntracked              ShippingTypeAttribute = "UNTRACKED"
)
