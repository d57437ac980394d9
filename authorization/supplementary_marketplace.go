package authorization

import (
	"time"

	"github.com/klarna-go/klarna-go/klarna"
)

// MarketplaceSeller is who sells a part of the basket on the Partner's marketplace.
type MarketplaceSeller struct {
	// MarketplaceSellerReference is the caller's own. Klarna's texts give 1 to 255 characters.
	MarketplaceSellerReference string   `json:"marketplace_seller_reference,omitzero"`
	MarketplaceSellerName      string   `json:"marketplace_seller_name,omitzero"`
	MarketplaceSellerAddress   *Address `json:"marketplace_seller_address,omitzero"`
	ProductCategory            string   `json:"product_category,omitzero"`
	// LineItemReferences name the lines that the seller sells, ShippingReferences how they are
	// shipped.
	LineItemReferences []string `json:"line_item_references,omitzero"`
	ShippingReferences []string `json:"shipping_references,omitzero"`
	// SellerRegisteredAt, SellerUpdatedAt and SellerLastLoginAt are the seller's account's, in UTC.
	SellerRegisteredAt time.Time `json:"seller_registered_at,omitzero"`
	SellerUpdatedAt    time.Time `json:"seller_updated_at,omitzero"`
	SellerLastLoginAt  time.Time `json:"seller_last_login_at,omitzero"`
	// SellerRating is JSON text because Klarna's texts do not say whether a rating is a number or a
	// string.
	SellerRating klarna.RawJSON `json:"seller_rating,omitzero"`
	// NumberOfTransactions and VolumeOfTransactions are nil where they are not told. Klarna's texts do
	// not name the unit of the volume.
	NumberOfTransactions *int   `json:"number_of_transactions,omitzero"`
	VolumeOfTransactions *int64 `json:"volume_of_transactions,omitzero"`

	klarna.Unknown `json:",embed"`
}
