package authorization

import "github.com/klarna-go/klarna-go/klarna"

// Shipping is one way in which a part of the basket reaches somebody.
type Shipping struct {
	// ShippingReference is the caller's own, for line items and marketplace sellers to refer to.
	// Klarna's texts give 1 to 255 characters.
	ShippingReference string          `json:"shipping_reference,omitzero"`
	Recipient         *Recipient      `json:"recipient,omitzero"`
	Address           *Address        `json:"address,omitzero"`
	ShippingOption    *ShippingOption `json:"shipping_option,omitzero"`

	klarna.Unknown `json:",embed"`
}

// Recipient is who receives it. Klarna's texts give 1 to 99 characters for the names, the phone and
// the attention.
type Recipient struct {
	GivenName  string `json:"given_name,omitzero"`
	FamilyName string `json:"family_name,omitzero"`
	Email      string `json:"email,omitzero"`
	Phone      string `json:"phone,omitzero"`
	// Attention is for whose attention it is, at an organization.
	Attention string `json:"attention,omitzero"`

	klarna.Unknown `json:",embed"`
}

// ShippingOption is how it is shipped.
type ShippingOption struct {
	ShippingType           ShippingType            `json:"shipping_type,omitzero"`
	ShippingTypeAttributes []ShippingTypeAttribute `json:"shipping_type_attributes,omitzero"`
	ShippingCarrier        string                  `json:"shipping_carrier,omitzero"`

	klarna.Unknown `json:",embed"`
}

// ShippingType is where a shipment ends. Values that are not listed are kept.
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

// ShippingTypeAttribute says more of a ShippingType. Values that are not listed are kept.
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
