package klarnatest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// ShippingOption is a way of shipping that a customer chooses at Klarna in place of the cart's.
type ShippingOption struct {
	// Reference becomes the shipping_reference.
	Reference string
	// Price is what the choice adds to the amount, in minor units. It is negative if the choice
	// costs less than the cart's shipping.
	Price int64
	// Type is the shipping_type, such as "PICKUP_POINT".
	Type string
	// Attributes are the shipping_type_attributes, such as "EXPRESS".
	Attributes []string
	// Carrier is the shipping_carrier.
	Carrier string
	// Address is the destination. The zero value means the test customer's home.
	Address Address
}

// Address is an address in Klarna's format. Country is ISO 3166-1 alpha-2.
type Address struct {
	StreetAddress  string `json:"street_address"`
	StreetAddress2 string `json:"street_address2,omitempty"`
	PostalCode     string `json:"postal_code"`
	City           string `json:"city"`
	Region         string `json:"region,omitempty"`
	Country        string `json:"country"`
}

// ChangeShipping acts as a customer who chooses other shipping: the option's price is added to the
// amount, in place of the price of an option chosen before. If the customer has not opened the page
// yet, ChangeShipping opens it. Leaving undoes the choice. After Approve the amount is the one
// approved, and answers and events contain the choice as shipping. The choice has no event of its
// own: Klarna documents none, and the customer may choose again.
func (s *Server) ChangeShipping(paymentRequestID string, option ShippingOption) error {
	option.Attributes = slices.Clone(option.Attributes)
	return s.chooseShipping(paymentRequestID, &option)
}

// ChangeAmount makes the customer approve amount, in minor units, without a choice of shipping that
// explains it. Klarna documents no such journey, but a caller must be ready for an amount other
// than the one it asked for.
func (s *Server) ChangeAmount(paymentRequestID string, amount int64) error {
	if amount < 0 {
		return fmt.Errorf("klarnatest: the amount cannot be %d", amount)
	}
	_, err := s.visit(paymentRequestID, func(r *paymentRequest) {
		r.draft.amount, r.shipping, r.updatedAt = amount, nil, s.clock.now()
	})
	return err
}

func (s *Server) chooseShipping(paymentRequestID string, option *ShippingOption) error {
	var refused error
	_, err := s.visit(paymentRequestID, func(r *paymentRequest) { refused = s.setShipping(r, option) })
	return errors.Join(err, refused)
}

// cartAmount returns the amount without the shipping that the customer chose.
func (r *paymentRequest) cartAmount() int64 {
	if r.shipping == nil {
		return r.draft.amount
	}
	return r.draft.amount - r.shipping.Price
}

// setShipping replaces the shipping chosen before by option. nil stands for the cart's shipping.
func (s *Server) setShipping(r *paymentRequest, option *ShippingOption) error {
	if r.draft.tokenOnly {
		return errors.New("klarnatest: a payment request without a payment has no shipping")
	}
	amount := r.cartAmount()
	if option != nil {
		amount += option.Price
	}
	if amount < 0 {
		return fmt.Errorf("klarnatest: the shipping would make the amount %d", amount)
	}
	r.draft.amount, r.shipping, r.updatedAt = amount, option, s.clock.now()
	s.touch(r)
	return nil
}

type shippingBody struct {
	Reference string             `json:"shipping_reference,omitempty"`
	Recipient shippingRecipient  `json:"recipient"`
	Address   Address            `json:"address"`
	Option    shippingOptionBody `json:"shipping_option"`
}

type shippingRecipient struct {
	GivenName  string `json:"given_name"`
	FamilyName string `json:"family_name"`
	Email      string `json:"email"`
	Phone      string `json:"phone"`
}

type shippingOptionBody struct {
	Type       string   `json:"shipping_type,omitempty"`
	Attributes []string `json:"shipping_type_attributes,omitempty"`
	Carrier    string   `json:"shipping_carrier,omitempty"`
}

// body returns the customer's choice as an element of a purchase's shipping. It returns nil if
// nothing was chosen.
func (o *ShippingOption) body(customer customerProfile) *shippingBody {
	if o == nil {
		return nil
	}
	return &shippingBody{
		Reference: o.Reference,
		Recipient: shippingRecipient{customer.GivenName, customer.FamilyName, customer.Email, customer.Phone},
		Address:   cmp.Or(o.Address, customer.Address),
		Option:    shippingOptionBody{o.Type, o.Attributes, o.Carrier},
	}
}
