package authorization

import (
	"time"

	"github.com/klarna-go/klarna-go/klarna"
)

// Customer is who buys.
type Customer struct {
	// GivenName and FamilyName: Klarna's texts give 1 to 99 characters.
	GivenName  string `json:"given_name,omitzero"`
	FamilyName string `json:"family_name,omitzero"`
	Email      string `json:"email,omitzero"`
	// EmailLastVerifiedAt is when the caller last made sure that the address is the customer's, in
	// UTC.
	EmailLastVerifiedAt time.Time `json:"email_last_verified_at,omitzero"`
	// Phone has a digit at least; Klarna's texts give 1 to 99 digits, spaces and characters of +().-
	Phone string `json:"phone,omitzero"`
	// PhoneLastVerifiedAt is when the caller last made sure that the number is the customer's, in UTC.
	PhoneLastVerifiedAt time.Time `json:"phone_last_verified_at,omitzero"`
	// DateOfBirth is written YYYY-MM-DD.
	DateOfBirth            string                  `json:"date_of_birth,omitzero"`
	Address                *Address                `json:"address,omitzero"`
	NationalIdentification *NationalIdentification `json:"national_identification,omitzero"`
	// CustomerAccount is the customer's account with the Partner.
	CustomerAccount *CustomerAccount `json:"customer_account,omitzero"`
	// CustomerDevice is what the customer buys with.
	CustomerDevice *CustomerDevice `json:"customer_device,omitzero"`

	klarna.Unknown `json:",embed"`
}

// NationalIdentification is a number that a state knows the customer by.
type NationalIdentification struct {
	Number string `json:"number,omitzero"`
	// Country is the state's ISO 3166-1 alpha-2 code.
	Country string `json:"country,omitzero"`

	klarna.Unknown `json:",embed"`
}

// CustomerAccount is the customer's account with the Partner, and what was bought with it.
type CustomerAccount struct {
	// AccountIdentifier is the caller's own.
	AccountIdentifier string `json:"account_identifier,omitzero"`
	LoyaltyLevel      string `json:"loyalty_level,omitzero"`
	// CreatedAt and UpdatedAt are in UTC.
	CreatedAt time.Time  `json:"created_at,omitzero"`
	UpdatedAt time.Time  `json:"updated_at,omitzero"`
	LastLogin *LastLogin `json:"last_login,omitzero"`
	// PurchaseHistory is what the account bought earlier, DevicePurchaseHistory what was bought with
	// the device.
	PurchaseHistory       []PurchaseHistory `json:"purchase_history,omitzero"`
	DevicePurchaseHistory []PurchaseHistory `json:"device_purchase_history,omitzero"`

	klarna.Unknown `json:",embed"`
}

// LastLogin is how the customer last came into the account.
type LastLogin struct {
	// OccurredAt is in UTC.
	OccurredAt  time.Time `json:"occurred_at,omitzero"`
	LoginMethod string    `json:"login_method,omitzero"`

	klarna.Unknown `json:",embed"`
}

// PurchaseHistory sums up earlier purchases. A number that is not told is nil.
type PurchaseHistory struct {
	NumberOfPurchases         *int `json:"number_of_purchases,omitzero"`
	NumberOfPaidPurchases     *int `json:"number_of_paid_purchases,omitzero"`
	NumberOfDisputedPurchases *int `json:"number_of_disputed_purchases,omitzero"`
	// TotalAmount is of all of them, in minor units of Currency.
	TotalAmount *int64 `json:"total_amount,omitzero"`
	// Currency is the ISO 4217 code.
	Currency      string `json:"currency,omitzero"`
	PaymentMethod string `json:"payment_method,omitzero"`
	// FirstPurchaseAt and LastPurchaseAt are in UTC.
	FirstPurchaseAt time.Time `json:"first_purchase_at,omitzero"`
	LastPurchaseAt  time.Time `json:"last_purchase_at,omitzero"`

	klarna.Unknown `json:",embed"`
}

// CustomerDevice is what the customer buys with.
type CustomerDevice struct {
	AppIdentifier    string       `json:"app_identifier,omitzero"`
	DeviceIdentifier string       `json:"device_identifier,omitzero"`
	UserAgent        string       `json:"user_agent,omitzero"`
	IPAddress        string       `json:"ip_address,omitzero"`
	Geolocation      *Geolocation `json:"geolocation,omitzero"`

	klarna.Unknown `json:",embed"`
}

// Geolocation is where a device is.
type Geolocation struct {
	// Country is the ISO 3166-1 alpha-2 code.
	Country string `json:"country,omitzero"`
	// Latitude and Longitude are nil where they are not told; 0 is a place.
	Latitude  *float64 `json:"latitude,omitzero"`
	Longitude *float64 `json:"longitude,omitzero"`

	klarna.Unknown `json:",embed"`
}

// Address is a postal address. Klarna's texts give 1 to 99 characters for the street's lines, city
// and region, and 1 to 10 for the postal code.
type Address struct {
	StreetAddress  string `json:"street_address,omitzero"`
	StreetAddress2 string `json:"street_address2,omitzero"`
	PostalCode     string `json:"postal_code,omitzero"`
	City           string `json:"city,omitzero"`
	// Region is needed in the US and in AU: the part of its ISO 3166-2 code after the country.
	Region string `json:"region,omitzero"`
	// Country is the ISO 3166-1 alpha-2 code.
	Country string `json:"country,omitzero"`

	klarna.Unknown `json:",embed"`
}
