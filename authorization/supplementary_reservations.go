package authorization

import (
	"time"

	"github.com/klarna-go/klarna-go/klarna"
)

// TravelReservation is a journey or one leg of a journey.
type TravelReservation struct {
	// TravelType is the means of travel.
	TravelType TravelType `json:"travel_type,omitzero"`
	// ReservationReference is the caller's reference of the reservation, at most 255 characters.
	ReservationReference string `json:"reservation_reference,omitzero"`
	// Departure is the start of the journey.
	Departure *Departure `json:"departure,omitzero"`
	// Arrival is the end of the journey.
	Arrival *Arrival `json:"arrival,omitzero"`
	// CarrierName is the name of the carrier.
	CarrierName string `json:"carrier_name,omitzero"`
	// Price is the price in minor units of Currency; nil is not sent.
	Price *int64 `json:"price,omitzero"`
	// Currency is the ISO 4217 code of the price.
	Currency string `json:"currency,omitzero"`
	// TicketClass is the class of the ticket.
	TicketClass string `json:"ticket_class,omitzero"`
	// Passengers are the persons who travel.
	Passengers []Passenger `json:"passengers,omitzero"`
	// Insurances are the insurances of the journey.
	Insurances []Insurance `json:"insurances,omitzero"`
	// AffiliateName is the name of the affiliate.
	AffiliateName string `json:"affiliate_name,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// TravelType is a means of travel. Klarna has more values than the constants. Other values are kept
// and sent unchanged.
type TravelType string

// The travel types.
const (
	TravelTypeAir   TravelType = "AIR"
	TravelTypeBus   TravelType = "BUS"
	TravelTypeTrain TravelType = "TRAIN"
)

// Departure is the place and time at which a journey starts. A journey by bus or train has
// DepartureLocation and Address. A journey by air has DepartureAirport, StreetAddress, City and
// Country.
type Departure struct {
	// DepartureLocation is the stop or station.
	DepartureLocation string `json:"departure_location,omitzero"`
	// DepartureAirport is the airport.
	DepartureAirport string `json:"departure_airport,omitzero"`
	// DepartsAt is the time of departure, in UTC.
	DepartsAt time.Time `json:"departs_at,omitzero"`
	// Address is the address of the stop or station.
	Address *Address `json:"address,omitzero"`
	// StreetAddress is the street address of the airport.
	StreetAddress string `json:"street_address,omitzero"`
	// City is the city of the airport.
	City string `json:"city,omitzero"`
	// Country is the ISO 3166-1 alpha-2 code of the airport's country.
	Country string `json:"country,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// Arrival is the place and time at which a journey ends. A journey by bus or train has
// ArrivalLocation and Address. A journey by air has ArrivalAirport, StreetAddress, City and
// Country.
type Arrival struct {
	// ArrivalLocation is the stop or station.
	ArrivalLocation string `json:"arrival_location,omitzero"`
	// ArrivalAirport is the airport.
	ArrivalAirport string `json:"arrival_airport,omitzero"`
	// ArrivesAt is the time of arrival, in UTC.
	ArrivesAt time.Time `json:"arrives_at,omitzero"`
	// Address is the address of the stop or station.
	Address *Address `json:"address,omitzero"`
	// StreetAddress is the street address of the airport.
	StreetAddress string `json:"street_address,omitzero"`
	// City is the city of the airport.
	City string `json:"city,omitzero"`
	// Country is the ISO 3166-1 alpha-2 code of the airport's country.
	Country string `json:"country,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// Passenger is a person who travels.
type Passenger struct {
	// GivenName is the first name.
	GivenName string `json:"given_name,omitzero"`
	// FamilyName is the last name.
	FamilyName string `json:"family_name,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// LodgingReservation is a stay.
type LodgingReservation struct {
	// LodgingName is the name of the lodging.
	LodgingName string `json:"lodging_name,omitzero"`
	// Address is the address of the lodging.
	Address *Address `json:"address,omitzero"`
	// StartsAt is the start of the stay, in UTC.
	StartsAt time.Time `json:"starts_at,omitzero"`
	// EndsAt is the end of the stay, in UTC.
	EndsAt time.Time `json:"ends_at,omitzero"`
	// NumberOfSpaces is the number of spaces that are reserved; nil is not sent.
	NumberOfSpaces *int `json:"number_of_spaces,omitzero"`
	// Price is the price in minor units of Currency; nil is not sent.
	Price *int64 `json:"price,omitzero"`
	// Currency is the ISO 4217 code of the price.
	Currency string `json:"currency,omitzero"`
	// LodgingType is the kind of lodging.
	LodgingType string `json:"lodging_type,omitzero"`
	// Guests are the persons who stay.
	Guests []Guest `json:"guests,omitzero"`
	// Hosts is the host. In spite of its name it is one object.
	Hosts *LodgingHost `json:"hosts,omitzero"`
	// Insurances are the insurances of the stay.
	Insurances []Insurance `json:"insurances,omitzero"`
	// AffiliateName is the name of the affiliate.
	AffiliateName string `json:"affiliate_name,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// Guest is a person who stays.
type Guest struct {
	// GivenName is the first name.
	GivenName string `json:"given_name,omitzero"`
	// FamilyName is the last name.
	FamilyName string `json:"family_name,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// LodgingHost is the host of a lodging.
type LodgingHost struct {
	// HostReference is the caller's reference of the host, at most 255 characters.
	HostReference string `json:"host_reference,omitzero"`
	// HostType is the kind of host.
	HostType string `json:"host_type,omitzero"`
	// CountryOfDomicile is the ISO 3166-1 alpha-2 code of the host's country.
	CountryOfDomicile string `json:"country_of_domicile,omitzero"`
	// RegisteredAt is the time at which the host was registered, in UTC.
	RegisteredAt time.Time `json:"registered_at,omitzero"`
	// NumberOfReservations is the number of the host's reservations; nil is not sent.
	NumberOfReservations *int `json:"number_of_reservations,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// EventReservation is a ticket to an event.
type EventReservation struct {
	// EventName is the name of the event.
	EventName string `json:"event_name,omitzero"`
	// EventCompanyName is the name of the company of the event.
	EventCompanyName string `json:"event_company_name,omitzero"`
	// EventType is the kind of event.
	EventType string `json:"event_type,omitzero"`
	// StartsAt is the start of the event, in UTC.
	StartsAt time.Time `json:"starts_at,omitzero"`
	// EndsAt is the end of the event, in UTC.
	EndsAt time.Time `json:"ends_at,omitzero"`
	// VenueName is the name of the venue.
	VenueName string `json:"venue_name,omitzero"`
	// AccessControlledVenue says whether access to the venue is controlled; nil is not sent.
	AccessControlledVenue *bool `json:"access_controlled_venue,omitzero"`
	// Address is the address of the venue.
	Address *Address `json:"address,omitzero"`
	// AffiliateName is the name of the affiliate.
	AffiliateName string `json:"affiliate_name,omitzero"`
	// Insurances are the insurances of the reservation.
	Insurances []Insurance `json:"insurances,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// Insurance is an insurance, sold with a reservation or separately.
type Insurance struct {
	// InsuranceType is the risk that is insured.
	InsuranceType InsuranceType `json:"insurance_type,omitzero"`
	// InsuranceCompanyName is the name of the insurance company.
	InsuranceCompanyName string `json:"insurance_company_name,omitzero"`
	// Price is the price in minor units of Currency; nil is not sent.
	Price *int64 `json:"price,omitzero"`
	// Currency is the ISO 4217 code of the price.
	Currency string `json:"currency,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// InsuranceType is a risk that is insured. Other values than the constant are kept and sent
// unchanged.
type InsuranceType string

// InsuranceTypeCancelation is the type in Klarna's documentation, which spells it with one L.
const InsuranceTypeCancelation InsuranceType = "CANCELATION"

// Voucher is a voucher for goods or services.
type Voucher struct {
	// VoucherName is the name of the voucher.
	VoucherName string `json:"voucher_name,omitzero"`
	// VoucherType is the kind of voucher.
	VoucherType string `json:"voucher_type,omitzero"`
	// VoucherCompany is the name of the company of the voucher.
	VoucherCompany string `json:"voucher_company,omitzero"`
	// StartsAt is the time from which the voucher is valid, in UTC.
	StartsAt time.Time `json:"starts_at,omitzero"`
	// EndsAt is the time until which the voucher is valid, in UTC.
	EndsAt time.Time `json:"ends_at,omitzero"`
	// AffiliateName is the name of the affiliate.
	AffiliateName string `json:"affiliate_name,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}
