package authorization

import (
	"time"

	"github.com/klarna-go/klarna-go/klarna"
)

// TravelReservation is a journey, or one leg of it.
type TravelReservation struct {
	TravelType TravelType `json:"travel_type,omitzero"`
	// ReservationReference is the caller's own. Klarna's texts give 1 to 255 characters.
	ReservationReference string     `json:"reservation_reference,omitzero"`
	Departure            *Departure `json:"departure,omitzero"`
	Arrival              *Arrival   `json:"arrival,omitzero"`
	CarrierName          string     `json:"carrier_name,omitzero"`
	// Price is in minor units of Currency; nil where it is not told.
	Price *int64 `json:"price,omitzero"`
	// Currency is the ISO 4217 code.
	Currency      string      `json:"currency,omitzero"`
	TicketClass   string      `json:"ticket_class,omitzero"`
	Passengers    []Passenger `json:"passengers,omitzero"`
	Insurances    []Insurance `json:"insurances,omitzero"`
	AffiliateName string      `json:"affiliate_name,omitzero"`

	klarna.Unknown `json:",embed"`
}

// TravelType is the means of travel. Klarna has more than those listed; others are kept.
type TravelType string

// The travel types.
const (
	TravelTypeAir   TravelType = "AIR"
	TravelTypeBus   TravelType = "BUS"
	TravelTypeTrain TravelType = "TRAIN"
)

// Departure is where and when a journey begins. By bus and train it has DepartureLocation and
// Address; by air it has DepartureAirport and, directly, StreetAddress, City and Country.
type Departure struct {
	DepartureLocation string `json:"departure_location,omitzero"`
	DepartureAirport  string `json:"departure_airport,omitzero"`
	// DepartsAt is in UTC.
	DepartsAt     time.Time `json:"departs_at,omitzero"`
	Address       *Address  `json:"address,omitzero"`
	StreetAddress string    `json:"street_address,omitzero"`
	City          string    `json:"city,omitzero"`
	// Country is the ISO 3166-1 alpha-2 code.
	Country string `json:"country,omitzero"`

	klarna.Unknown `json:",embed"`
}

// Arrival is where and when a journey ends. By bus and train it has ArrivalLocation and Address; by
// air it has ArrivalAirport and, directly, StreetAddress, City and Country.
type Arrival struct {
	ArrivalLocation string `json:"arrival_location,omitzero"`
	ArrivalAirport  string `json:"arrival_airport,omitzero"`
	// ArrivesAt is in UTC.
	ArrivesAt     time.Time `json:"arrives_at,omitzero"`
	Address       *Address  `json:"address,omitzero"`
	StreetAddress string    `json:"street_address,omitzero"`
	City          string    `json:"city,omitzero"`
	// Country is the ISO 3166-1 alpha-2 code.
	Country string `json:"country,omitzero"`

	klarna.Unknown `json:",embed"`
}

// Passenger is who travels.
type Passenger struct {
	GivenName  string `json:"given_name,omitzero"`
	FamilyName string `json:"family_name,omitzero"`

	klarna.Unknown `json:",embed"`
}

// LodgingReservation is a stay.
type LodgingReservation struct {
	LodgingName string   `json:"lodging_name,omitzero"`
	Address     *Address `json:"address,omitzero"`
	// StartsAt and EndsAt are in UTC.
	StartsAt time.Time `json:"starts_at,omitzero"`
	EndsAt   time.Time `json:"ends_at,omitzero"`
	// NumberOfSpaces is nil where it is not told.
	NumberOfSpaces *int `json:"number_of_spaces,omitzero"`
	// Price is in minor units of Currency; nil where it is not told.
	Price *int64 `json:"price,omitzero"`
	// Currency is the ISO 4217 code.
	Currency    string  `json:"currency,omitzero"`
	LodgingType string  `json:"lodging_type,omitzero"`
	Guests      []Guest `json:"guests,omitzero"`
	// Hosts is, in spite of its name, one object.
	Hosts         *LodgingHost `json:"hosts,omitzero"`
	Insurances    []Insurance  `json:"insurances,omitzero"`
	AffiliateName string       `json:"affiliate_name,omitzero"`

	klarna.Unknown `json:",embed"`
}

// Guest is who stays. Klarna's texts name no member of a guest, so all that there are go into
// Unknown.
type Guest struct {
	GivenName  string `json:"given_name,omitzero"`
	FamilyName string `json:"family_name,omitzero"`

	klarna.Unknown `json:",embed"`
}

// LodgingHost is who lets a lodging.
type LodgingHost struct {
	// HostReference is the caller's own. Klarna's texts give 1 to 255 characters.
	HostReference string `json:"host_reference,omitzero"`
	HostType      string `json:"host_type,omitzero"`
	// CountryOfDomicile is the ISO 3166-1 alpha-2 code.
	CountryOfDomicile string `json:"country_of_domicile,omitzero"`
	// RegisteredAt is in UTC.
	RegisteredAt time.Time `json:"registered_at,omitzero"`
	// NumberOfReservations is nil where it is not told.
	NumberOfReservations *int `json:"number_of_reservations,omitzero"`

	klarna.Unknown `json:",embed"`
}

// EventReservation is a ticket to an event.
type EventReservation struct {
	EventName        string `json:"event_name,omitzero"`
	EventCompanyName string `json:"event_company_name,omitzero"`
	EventType        string `json:"event_type,omitzero"`
	// StartsAt and EndsAt are in UTC.
	StartsAt  time.Time `json:"starts_at,omitzero"`
	EndsAt    time.Time `json:"ends_at,omitzero"`
	VenueName string    `json:"venue_name,omitzero"`
	// AccessControlledVenue is nil where it is not told.
	AccessControlledVenue *bool       `json:"access_controlled_venue,omitzero"`
	Address               *Address    `json:"address,omitzero"`
	AffiliateName         string      `json:"affiliate_name,omitzero"`
	Insurances            []Insurance `json:"insurances,omitzero"`

	klarna.Unknown `json:",embed"`
}

// Insurance is sold with a reservation, or by itself.
type Insurance struct {
	InsuranceType        InsuranceType `json:"insurance_type,omitzero"`
	InsuranceCompanyName string        `json:"insurance_company_name,omitzero"`
	// Price is in minor units of Currency; nil where it is not told.
	Price *int64 `json:"price,omitzero"`
	// Currency is the ISO 4217 code.
	Currency string `json:"currency,omitzero"`

	klarna.Unknown `json:",embed"`
}

// InsuranceType is what an insurance is against. Values that are not listed are kept.
type InsuranceType string

// InsuranceTypeCancelation is the type that Klarna's texts show, with the one L that they write it
// with.
const InsuranceTypeCancelation InsuranceType = "CANCELATION"

// Voucher is a right to goods or services of somebody, within a time.
type Voucher struct {
	VoucherName    string `json:"voucher_name,omitzero"`
	VoucherType    string `json:"voucher_type,omitzero"`
	VoucherCompany string `json:"voucher_company,omitzero"`
	// StartsAt and EndsAt are in UTC.
	StartsAt      time.Time `json:"starts_at,omitzero"`
	EndsAt        time.Time `json:"ends_at,omitzero"`
	AffiliateName string    `json:"affiliate_name,omitzero"`

	klarna.Unknown `json:",embed"`
}
