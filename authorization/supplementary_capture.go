package authorization

import "github.com/klarna-go/klarna-go/klarna"

// SupplementaryCaptureData is what Klarna is told of a capture: what is captured and how it is on
// its way. The answer echoes it; a member of the echo whose shape does not fit is kept in Unknown.
type SupplementaryCaptureData struct {
	// LineItems are those that are captured.
	LineItems []LineItem `json:"line_items,omitzero"`
	Shipments []Shipment `json:"shipments,omitzero"`

	klarna.Unknown `json:",embed"`
}

// Shipment is a parcel's way to the customer and, should it come back, its return.
type Shipment struct {
	Delivery *ShipmentTracking `json:"delivery,omitzero"`
	Return   *ShipmentTracking `json:"return,omitzero"`

	klarna.Unknown `json:",embed"`
}

// ShipmentTracking is how a parcel travels and where that can be followed.
type ShipmentTracking struct {
	TrackingNumber  string       `json:"tracking_number,omitzero"`
	TrackingURL     string       `json:"tracking_url,omitzero"`
	ShippingCarrier string       `json:"shipping_carrier,omitzero"`
	ShippingType    ShippingType `json:"shipping_type,omitzero"`
	// ShippingTypeAttribute is one, where a ShippingOption has several.
	ShippingTypeAttribute ShippingTypeAttribute `json:"shipping_type_attribute,omitzero"`
	// EstimatedDeliveryDate is written YYYY-MM-DD.
	EstimatedDeliveryDate string `json:"estimated_delivery_date,omitzero"`

	klarna.Unknown `json:",embed"`
}

// SupplementaryRefundData is what Klarna is told of a refund. A member of an echo whose shape does
// not fit is kept in Unknown.
type SupplementaryRefundData struct {
	// LineItems are those that are refunded.
	LineItems []LineItem `json:"line_items,omitzero"`

	klarna.Unknown `json:",embed"`
}
