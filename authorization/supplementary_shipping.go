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
	ShippingToDoor          ShippingType = "TO_DOOR"
	ShippingToCurb          ShippingType = "TO_CURB"
	ShippingToMailbox       ShippingType = "TO_MAILBOX"
	ShippingPickupBox       ShippingType = "PICKUP_BOX"
	ShippingPickupPoint     ShippingType = "PICKUP_POINT"
	ShippingPickupStore     ShippingType = "PICKUP_STORE"
	ShippingPickupWarehouse ShippingType = "PICKUP_WAREHOUSE"
	ShippingDigitalEmail    ShippingType = "DIGITAL_EMAIL"
	ShippingDigitalDownload ShippingType = "DIGITAL_DOWNLOAD"
	ShippingDigitalOther    ShippingType = "DIGITAL_OTHER"
	ShippingPhysicalOther   ShippingType = "PHYSICAL_OTHER"
)

// ShippingTypeAttribute says more of a ShippingType. Values that are not listed are kept.
type ShippingTypeAttribute string

// The attributes of a shipping type.
const (
	ShippingAttributeSignatureRequired      ShippingTypeAttribute = "SIGNATURE_REQUIRED"
	ShippingAttributeIdentificationRequired ShippingTypeAttribute = "IDENTIFICATION_REQUIRED"
	ShippingAttributeContactlessDelivery    ShippingTypeAttribute = "CONTACTLESS_DELIVERY"
	ShippingAttributeLeaveAtDoor            ShippingTypeAttribute = "LEAVE_AT_DOOR"
	ShippingAttributeLeaveAtCurb            ShippingTypeAttribute = "LEAVE_AT_CURB"
	ShippingAttributeLeaveWithNeighbour     ShippingTypeAttribute = "LEAVE_WITH_NEIGHBOUR"
	ShippingAttributeExpress                ShippingTypeAttribute = "EXPRESS"
	ShippingAttributeTracked                ShippingTypeAttribute = "TRACKED"
	ShippingAttributeUntracked              ShippingTypeAttribute = "UNTRACKED"
)
