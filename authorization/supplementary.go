package authorization

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/klarna-go/klarna-go/klarna"
)

// SupplementaryPurchaseData is what Klarna is told of a purchase beside its amount: the basket, the
// customer, where it is shipped, what kind of service it is. Klarna asks for PurchaseReference,
// LineItems, Customer and Shipping at least; the more it is told, the more it approves.
//
// It is sent with authorize, payment requests and changes of a transaction, and a payment request
// echoes it. A member of an echo whose shape does not fit is kept in Unknown, so that it never
// costs the answer. Neither it nor anything in it prints its content.
type SupplementaryPurchaseData struct {
	// PurchaseReference is the caller's own. Klarna's texts give 1 to 255 characters.
	PurchaseReference string `json:"purchase_reference,omitzero"`
	// AdditionalData is a string of an older format.
	AdditionalData string `json:"additional_data,omitzero"`
	// LineItems are the basket. Their total amounts must sum to the purchase's amount: LinesTotal sums
	// them.
	LineItems []LineItem `json:"line_items,omitzero"`
	Customer  *Customer  `json:"customer,omitzero"`
	Shipping  []Shipping `json:"shipping,omitzero"`
	// Subscriptions are what a line item's subscription reference refers to.
	Subscriptions   []Subscription   `json:"subscriptions,omitzero"`
	OndemandService *OndemandService `json:"ondemand_service,omitzero"`

	TravelReservations  []TravelReservation  `json:"travel_reservations,omitzero"`
	LodgingReservations []LodgingReservation `json:"lodging_reservations,omitzero"`
	EventReservations   []EventReservation   `json:"event_reservations,omitzero"`
	// Insurances are those that stand for themselves; one of a reservation belongs there.
	Insurances         []Insurance         `json:"insurances,omitzero"`
	Vouchers           []Voucher           `json:"vouchers,omitzero"`
	MarketplaceSellers []MarketplaceSeller `json:"marketplace_sellers,omitzero"`

	// Unknown holds members that this version has no name for, here and in every object below. They
	// survive decoding and encoding, so a member that is new at Klarna can be sent before this library
	// names it.
	klarna.Unknown `json:",embed"`
}

// LineItem is a line of the basket. A discount is a line with a negative total, the cost of
// shipping is a line like any other.
type LineItem struct {
	Name     string `json:"name"`
	Quantity int64  `json:"quantity"`
	// TotalAmount is the whole line's, tax included, in minor units.
	TotalAmount int64 `json:"total_amount"`
	// TotalTaxAmount is the tax within TotalAmount, in minor units; nil where it is not told.
	TotalTaxAmount *int64 `json:"total_tax_amount,omitzero"`
	// UnitPrice is in minor units; nil where it is not told.
	UnitPrice         *int64 `json:"unit_price,omitzero"`
	ProductURL        string `json:"product_url,omitzero"`
	ImageURL          string `json:"image_url,omitzero"`
	ProductIdentifier string `json:"product_identifier,omitzero"`
	// LineItemReference is the caller's own name of the line, for a MarketplaceSeller to refer to.
	LineItemReference string `json:"line_item_reference,omitzero"`
	// ShippingReference names the Shipping that the line goes with.
	ShippingReference string `json:"shipping_reference,omitzero"`
	// SubscriptionReference names the Subscription that the line belongs to.
	SubscriptionReference string            `json:"subscription_reference,omitzero"`
	LineItemMetadata      *LineItemMetadata `json:"line_item_metadata,omitzero"`

	klarna.Unknown `json:",embed"`
}

// LineItemMetadata says more of a LineItem.
type LineItemMetadata struct {
	Categories []string `json:"categories,omitzero"`

	klarna.Unknown `json:",embed"`
}

// LinesTotal returns the sum of the lines' total amounts, in minor units: the amount of a purchase
// of these lines. A sum that is no int64 becomes the largest, or the smallest, there is.
func LinesTotal(lines []LineItem) int64 {
	total, _ := linesTotal(lines)
	return total
}

// linesTotal sums in 128 bits, so that an overflow does not depend on the order of the lines and
// their discounts.
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

// problems finds only what the contract proves wrong with the data of a purchase of this amount.
// path is where the data stand in the request.
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
