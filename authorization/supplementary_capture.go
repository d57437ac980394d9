package authorization

import "github.com/klarna-go/klarna-go/klarna"

// SupplementaryCaptureData describes a capture to Klarna: the captured line items and their
// shipments. Klarna echoes it. A member of the echo with an unexpected type is kept in Unknown.
type SupplementaryCaptureData struct {
	// LineItems are the captured line items.
	LineItems []LineItem `json:"line_items,omitzero"`
	// Shipments are the shipments of the captured line items.
	Shipments []Shipment `json:"shipments,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// Shipment is a parcel, with the tracking of its delivery and of its return.
type Shipment struct {
	// Delivery is the tracking of the way to the customer.
	Delivery *ShipmentTracking `json:"delivery,omitzero"`
	// Return is the tracking of the way back.
	Return *ShipmentTracking `json:"return,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// ShipmentTracking says how a parcel is shipped and where it can be tracked.
type ShipmentTracking struct {
	// TrackingNumber is the carrier's number of the parcel.
	TrackingNumber string `json:"tracking_number,omitzero"`
	// TrackingURL is the address at which the parcel can be tracked.
	TrackingURL string `json:"tracking_url,omitzero"`
	// ShippingCarrier is the name of the carrier.
	ShippingCarrier string `json:"shipping_carrier,omitzero"`
	// ShippingType is the destination of the parcel.
	ShippingType ShippingType `json:"shipping_type,omitzero"`
	// ShippingTypeAttribute is one attribute of the shipping type. A ShippingOption can have
	// several.
	ShippingTypeAttribute ShippingTypeAttribute `json:"shipping_type_attribute,omitzero"`
	// EstimatedDeliveryDate is a date written YYYY-MM-DD.
	EstimatedDeliveryDate string `json:"estimated_delivery_date,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// SupplementaryRefundData describes a refund to Klarna. A member of an echo with an unexpected type
// is kept in Unknown.
type SupplementaryRefundData struct {
	// LineItems are the refunded line items.
	LineItems []LineItem `json:"line_items,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}
