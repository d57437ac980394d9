package authorization

import (
	"time"

	"github.com/klarna-go/klarna-go/klarna"
)

// Customer is the customer of a purchase. Klarna probably refuses names and phone numbers of more
// than 99 characters.
type Customer struct {
	// GivenName is the first name.
	GivenName string `json:"given_name,omitzero"`
	// FamilyName is the last name.
	FamilyName string `json:"family_name,omitzero"`
	// Email is the email address.
	Email string `json:"email,omitzero"`
	// EmailLastVerifiedAt is the time at which the caller last verified the email address, in UTC.
	EmailLastVerifiedAt time.Time `json:"email_last_verified_at,omitzero"`
	// Phone is the phone number. Klarna probably accepts only digits, spaces and the characters + (
	// ) . and -.
	Phone string `json:"phone,omitzero"`
	// PhoneLastVerifiedAt is the time at which the caller last verified the phone number, in UTC.
	PhoneLastVerifiedAt time.Time `json:"phone_last_verified_at,omitzero"`
	// DateOfBirth is a date written YYYY-MM-DD.
	DateOfBirth string `json:"date_of_birth,omitzero"`
	// Address is the address of the customer.
	Address *Address `json:"address,omitzero"`
	// NationalIdentification is the customer's national identification number.
	NationalIdentification *NationalIdentification `json:"national_identification,omitzero"`
	// CustomerAccount is the customer's account with the Partner.
	CustomerAccount *CustomerAccount `json:"customer_account,omitzero"`
	// CustomerDevice is the device on which the customer buys.
	CustomerDevice *CustomerDevice `json:"customer_device,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// NationalIdentification is a national identification number.
type NationalIdentification struct {
	// Number is the number.
	Number string `json:"number,omitzero"`
	// Country is the ISO 3166-1 alpha-2 code of the country that issued the number.
	Country string `json:"country,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// CustomerAccount is the customer's account with the Partner.
type CustomerAccount struct {
	// AccountIdentifier is the caller's identifier of the account.
	AccountIdentifier string `json:"account_identifier,omitzero"`
	// LoyaltyLevel is the level of the account in the Partner's loyalty program.
	LoyaltyLevel string `json:"loyalty_level,omitzero"`
	// CreatedAt is the time at which the account was created, in UTC.
	CreatedAt time.Time `json:"created_at,omitzero"`
	// UpdatedAt is the time of the last change of the account, in UTC.
	UpdatedAt time.Time `json:"updated_at,omitzero"`
	// LastLogin is the last login to the account.
	LastLogin *LastLogin `json:"last_login,omitzero"`
	// PurchaseHistory summarizes the earlier purchases of the account.
	PurchaseHistory []PurchaseHistory `json:"purchase_history,omitzero"`
	// DevicePurchaseHistory summarizes the earlier purchases on the device.
	DevicePurchaseHistory []PurchaseHistory `json:"device_purchase_history,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// LastLogin is a customer's last login to an account.
type LastLogin struct {
	// OccurredAt is the time of the login, in UTC.
	OccurredAt time.Time `json:"occurred_at,omitzero"`
	// LoginMethod is the way in which the customer logged in.
	LoginMethod string `json:"login_method,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// PurchaseHistory summarizes earlier purchases. A number that is nil is not sent.
type PurchaseHistory struct {
	// NumberOfPurchases is the number of all purchases.
	NumberOfPurchases *int `json:"number_of_purchases,omitzero"`
	// NumberOfPaidPurchases is the number of purchases that were paid.
	NumberOfPaidPurchases *int `json:"number_of_paid_purchases,omitzero"`
	// NumberOfDisputedPurchases is the number of purchases that were disputed.
	NumberOfDisputedPurchases *int `json:"number_of_disputed_purchases,omitzero"`
	// TotalAmount is the amount of all purchases, in minor units of Currency.
	TotalAmount *int64 `json:"total_amount,omitzero"`
	// Currency is the ISO 4217 code of the amount.
	Currency string `json:"currency,omitzero"`
	// PaymentMethod is the payment method of the purchases.
	PaymentMethod string `json:"payment_method,omitzero"`
	// FirstPurchaseAt is the time of the first purchase, in UTC.
	FirstPurchaseAt time.Time `json:"first_purchase_at,omitzero"`
	// LastPurchaseAt is the time of the last purchase, in UTC.
	LastPurchaseAt time.Time `json:"last_purchase_at,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// CustomerDevice is the device on which the customer buys.
type CustomerDevice struct {
	// AppIdentifier is the identifier of the app.
	AppIdentifier string `json:"app_identifier,omitzero"`
	// DeviceIdentifier is the identifier of the device.
	DeviceIdentifier string `json:"device_identifier,omitzero"`
	// UserAgent is the user agent of the browser.
	UserAgent string `json:"user_agent,omitzero"`
	// IPAddress is the IP address of the device.
	IPAddress string `json:"ip_address,omitzero"`
	// Geolocation is the location of the device.
	Geolocation *Geolocation `json:"geolocation,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// Geolocation is the location of a device.
type Geolocation struct {
	// Country is the ISO 3166-1 alpha-2 code of the country.
	Country string `json:"country,omitzero"`
	// Latitude is the latitude; nil is not sent, 0 is.
	Latitude *float64 `json:"latitude,omitzero"`
	// Longitude is the longitude; nil is not sent, 0 is.
	Longitude *float64 `json:"longitude,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// Address is a postal address. Klarna probably refuses street lines, cities and regions of more
// than 99 characters, and postal codes of more than 10.
type Address struct {
	// StreetAddress is the first line of the street address.
	StreetAddress string `json:"street_address,omitzero"`
	// StreetAddress2 is the second line of the street address.
	StreetAddress2 string `json:"street_address2,omitzero"`
	// PostalCode is the postal code.
	PostalCode string `json:"postal_code,omitzero"`
	// City is the city.
	City string `json:"city,omitzero"`
	// Region is the part of the region's ISO 3166-2 code after the country. Klarna needs it in the
	// US and in Australia.
	Region string `json:"region,omitzero"`
	// Country is the ISO 3166-1 alpha-2 code of the country.
	Country string `json:"country,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}
