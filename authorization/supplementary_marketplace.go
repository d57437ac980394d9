package authorization

import (
	"time"

	"github.com/klarna-go/klarna-go/klarna"
)

// MarketplaceSeller is the seller of a part of the purchase on the Partner's marketplace.
type MarketplaceSeller struct {
	// MarketplaceSellerReference is the caller's reference of the seller, at most 255 characters.
	MarketplaceSellerReference string `json:"marketplace_seller_reference,omitzero"`
	// MarketplaceSellerName is the name of the seller.
	MarketplaceSellerName string `json:"marketplace_seller_name,omitzero"`
	// MarketplaceSellerAddress is the address of the seller.
	MarketplaceSellerAddress *Address `json:"marketplace_seller_address,omitzero"`
	// ProductCategory is the category of the seller's products.
	ProductCategory string `json:"product_category,omitzero"`
	// LineItemReferences are the references of the line items that the seller sells.
	LineItemReferences []string `json:"line_item_references,omitzero"`
	// ShippingReferences are the references of the Shipping of those line items.
	ShippingReferences []string `json:"shipping_references,omitzero"`
	// SellerRegisteredAt is the time at which the seller's account was created, in UTC.
	SellerRegisteredAt time.Time `json:"seller_registered_at,omitzero"`
	// SellerUpdatedAt is the time of the last change of the seller's account, in UTC.
	SellerUpdatedAt time.Time `json:"seller_updated_at,omitzero"`
	// SellerLastLoginAt is the time of the last login to the seller's account, in UTC.
	SellerLastLoginAt time.Time `json:"seller_last_login_at,omitzero"`
	// SellerRating is JSON, because Klarna's documentation does not say whether a rating is a
	// number or a string.
	SellerRating klarna.RawJSON `json:"seller_rating,omitzero"`
	// NumberOfTransactions is the number of the seller's transactions; nil is not sent.
	NumberOfTransactions *int `json:"number_of_transactions,omitzero"`
	// VolumeOfTransactions is the volume of the seller's transactions; nil is not sent. Klarna's
	// documentation does not give its unit.
	VolumeOfTransactions *int64 `json:"volume_of_transactions,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}
