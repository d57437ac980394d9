package authorization

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/klarna-go/klarna-go/klarna"
)

// SupplementaryPurchaseData describes a purchase to Klarna: the line items, the customer, the
// shipping and the kind of service. Klarna asks at least for PurchaseReference, LineItems, Customer
// and Shipping. More data makes an approval more likely. A string has at most 255 characters unless
// Klarna's documentation gives another limit.
//
// It is part of authorize calls, payment requests and changes of a transaction. Klarna echoes it in
// payment requests. A member of an echo with an unexpected type is kept in Unknown and does not
// make the answer fail. Neither the type nor any type in it prints its contents.
type SupplementaryPurchaseData struct {
	// PurchaseReference is the caller's reference of the purchase, at most 255 characters.
	PurchaseReference string `json:"purchase_reference,omitzero"`
	// AdditionalData is a string in an older format.
	AdditionalData string `json:"additional_data,omitzero"`
	// LineItems are the line items of the purchase. The sum of their total amounts, which
	// LinesTotal returns, must be the amount of the purchase.
	LineItems []LineItem `json:"line_items,omitzero"`
	// Customer is the customer.
	Customer *Customer `json:"customer,omitzero"`
	// Shipping are the shipments of the purchase.
	Shipping []Shipping `json:"shipping,omitzero"`
	// Subscriptions are the subscriptions that the subscription references of line items name.
	Subscriptions []Subscription `json:"subscriptions,omitzero"`
	// OndemandService is the service that the customer pays for by use.
	OndemandService *OndemandService `json:"ondemand_service,omitzero"`
	// TravelReservations are the journeys of the purchase.
	TravelReservations []TravelReservation `json:"travel_reservations,omitzero"`
	// LodgingReservations are the stays of the purchase.
	LodgingReservations []LodgingReservation `json:"lodging_reservations,omitzero"`
	// EventReservations are the tickets of the purchase.
	EventReservations []EventReservation `json:"event_reservations,omitzero"`
	// Insurances are the insurances that belong to no reservation.
	Insurances []Insurance `json:"insurances,omitzero"`
	// Vouchers are the vouchers of the purchase.
	Vouchers []Voucher `json:"vouchers,omitzero"`
	// MarketplaceSellers are the sellers on the Partner's marketplace.
	MarketplaceSellers []MarketplaceSeller `json:"marketplace_sellers,omitzero"`

	// Unknown holds members that this version has no field for, here and in each object below.
	// Encoding keeps them, so a new member of Klarna's can be sent before this library has a field
	// for it.
	klarna.Unknown `json:",embed"`
}

// LineItem is a line of the purchase. A discount is a line with a negative total. The shipping cost
// is a line without special members.
type LineItem struct {
	// Name is the name of the item.
	Name string `json:"name"`
	// Quantity is the number of items in the line.
	Quantity int64 `json:"quantity"`
	// TotalAmount is the amount of the whole line, in minor units, including tax.
	TotalAmount int64 `json:"total_amount"`
	// TotalTaxAmount is the tax in TotalAmount, in minor units; nil is not sent.
	TotalTaxAmount *int64 `json:"total_tax_amount,omitzero"`
	// UnitPrice is the price of one item, in minor units; nil is not sent.
	UnitPrice *int64 `json:"unit_price,omitzero"`
	// ProductURL is the address of the product's page.
	ProductURL string `json:"product_url,omitzero"`
	// ImageURL is the address of the product's image.
	ImageURL string `json:"image_url,omitzero"`
	// ProductIdentifier is the identifier of the product.
	ProductIdentifier string `json:"product_identifier,omitzero"`
	// LineItemReference is the caller's reference of the line, which a MarketplaceSeller can name.
	LineItemReference string `json:"line_item_reference,omitzero"`
	// ShippingReference is the reference of the Shipping that the line is part of.
	ShippingReference string `json:"shipping_reference,omitzero"`
	// SubscriptionReference is the reference of the Subscription that the line belongs to.
	SubscriptionReference string `json:"subscription_reference,omitzero"`
	// LineItemMetadata holds more data of the line.
	LineItemMetadata *LineItemMetadata `json:"line_item_metadata,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// LineItemMetadata holds more data of a [LineItem].
type LineItemMetadata struct {
	// Categories are the categories of the product.
	Categories []string `json:"categories,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// LinesTotal returns the sum of the total amounts of the lines, in minor units. A purchase with
// these lines must have this amount. If the sum does not fit into an int64, LinesTotal returns the
// largest or the smallest int64.
func LinesTotal(lines []LineItem) int64 {
	total, _ := linesTotal(lines)
	return total
}

// linesTotal adds in 128 bits, so that the order of the lines does not decide whether the sum
// overflows.
func linesTotal(lines []LineItem) (total int64, exact bool) {
	var high, low uint64
	for i := range lines {
		amount := lines[i].TotalAmount
		var carry uint64
		low, carry = bits.Add64(low, uint64(amount), 0)       //nolint:gosec // its two's complement
		high, _ = bits.Add64(high, uint64(amount>>63), carry) //nolint:gosec // its sign
	}
	total = int64(low)
	switch negative := high>>63 == 1; {
	case high == uint64(total>>63): // high is no more than the sign
		return total, true
	case negative:
		return math.MinInt64, false
	default:
		return math.MaxInt64, false
	}
}

// problems returns what Klarna's documentation proves wrong with the data of a purchase of this
// amount. path is the path of the data in the request.
func (d *SupplementaryPurchaseData) problems(path string, amount int64) []klarna.ValidationError {
	if d == nil || len(d.LineItems) == 0 {
		return nil
	}
	reason := "sum to a number that is too large for an amount"
	if total, exact := linesTotal(d.LineItems); exact {
		if total == amount {
			return nil
		}
		reason = fmt.Sprintf("sum to %d, but the amount is %d", total, amount)
	}
	return []klarna.ValidationError{{Parameter: path + ".line_items", Reasons: []string{reason}}}
}
