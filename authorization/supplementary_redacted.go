package authorization

import (
	"fmt"
	"log/slog"

	"github.com/klarna-go/klarna-go/internal/redact"
)

// None of these types prints its content, in any verb or log: each can hold a person's data, and what somebody buys is such
// data, too. All of them are here, without exception, so that nobody has to weigh it again for a new member. Whoever
// wants to see one encodes it.

// Format writes the type's name alone, whatever the verb.
func (SupplementaryPurchaseData) Format(s fmt.State, _ rune) {
	redact.Personal(s, "authorization.SupplementaryPurchaseData")
}

// LogValue returns the type's name alone.
func (SupplementaryPurchaseData) LogValue() slog.Value {
	return redact.LogPersonal("authorization.SupplementaryPurchaseData")
}

// Format writes the type's name alone, whatever the verb.
func (LineItem) Format(s fmt.State, _ rune) { redact.Personal(s, "authorization.LineItem") }

// LogValue returns the type's name alone.
func (LineItem) LogValue() slog.Value { return redact.LogPersonal("authorization.LineItem") }

// Format writes the type's name alone, whatever the verb.
func (LineItemMetadata) Format(s fmt.State, _ rune) {
	redact.Personal(s, "authorization.LineItemMetadata")
}

// LogValue returns the type's name alone.
func (LineItemMetadata) LogValue() slog.Value {
	return redact.LogPersonal("authorization.LineItemMetadata")
}

// Format writes the type's name alone, whatever the verb.
func (Customer) Format(s fmt.State, _ rune) { redact.Personal(s, "authorization.Customer") }

// LogValue returns the type's name alone.
func (Customer) LogValue() slog.Value { return redact.LogPersonal("authorization.Customer") }

// Format writes the type's name alone, whatever the verb.
func (NationalIdentification) Format(s fmt.State, _ rune) {
	redact.Personal(s, "authorization.NationalIdentification")
}

// LogValue returns the type's name alone.
func (NationalIdentification) LogValue() slog.Value {
	return redact.LogPersonal("authorization.NationalIdentification")
}

// Format writes the type's name alone, whatever the verb.
func (CustomerAccount) Format(s fmt.State, _ rune) {
	redact.Personal(s, "authorization.CustomerAccount")
}

// LogValue returns the type's name alone.
func (CustomerAccount) LogValue() slog.Value {
	return redact.LogPersonal("authorization.CustomerAccount")
}

// Format writes the type's name alone, whatever the verb.
func (LastLogin) Format(s fmt.State, _ rune) { redact.Personal(s, "authorization.LastLogin") }

// LogValue returns the type's name alone.
func (LastLogin) LogValue() slog.Value { return redact.LogPersonal("authorization.LastLogin") }

// Format writes the type's name alone, whatever the verb.
func (PurchaseHistory) Format(s fmt.State, _ rune) {
	redact.Personal(s, "authorization.PurchaseHistory")
}

// LogValue returns the type's name alone.
func (PurchaseHistory) LogValue() slog.Value {
	return redact.LogPersonal("authorization.PurchaseHistory")
}

// Format writes the type's name alone, whatever the verb.
func (CustomerDevice) Format(s fmt.State, _ rune) { redact.Personal(s, "authorization.CustomerDevice") }

// LogValue returns the type's name alone.
func (CustomerDevice) LogValue() slog.Value {
	return redact.LogPersonal("authorization.CustomerDevice")
}

// Format writes the type's name alone, whatever the verb.
func (Geolocation) Format(s fmt.State, _ rune) { redact.Personal(s, "authorization.Geolocation") }

// LogValue returns the type's name alone.
func (Geolocation) LogValue() slog.Value { return redact.LogPersonal("authorization.Geolocation") }

// Format writes the type's name alone, whatever the verb.
func (Address) Format(s fmt.State, _ rune) { redact.Personal(s, "authorization.Address") }

// LogValue returns the type's name alone.
func (Address) LogValue() slog.Value { return redact.LogPersonal("authorization.Address") }

// Format writes the type's name alone, whatever the verb.
func (Shipping) Format(s fmt.State, _ rune) { redact.Personal(s, "authorization.Shipping") }

// LogValue returns the type's name alone.
func (Shipping) LogValue() slog.Value { return redact.LogPersonal("authorization.Shipping") }

// Format writes the type's name alone, whatever the verb.
func (Recipient) Format(s fmt.State, _ rune) { redact.Personal(s, "authorization.Recipient") }

// LogValue returns the type's name alone.
func (Recipient) LogValue() slog.Value { return redact.LogPersonal("authorization.Recipient") }

// Format writes the type's name alone, whatever the verb.
func (ShippingOption) Format(s fmt.State, _ rune) { redact.Personal(s, "authorization.ShippingOption") }

// LogValue returns the type's name alone.
func (ShippingOption) LogValue() slog.Value {
	return redact.LogPersonal("authorization.ShippingOption")
}

// Format writes the type's name alone, whatever the verb.
func (Subscription) Format(s fmt.State, _ rune) { redact.Personal(s, "authorization.Subscription") }

// LogValue returns the type's name alone.
func (Subscription) LogValue() slog.Value { return redact.LogPersonal("authorization.Subscription") }

// Format writes the type's name alone, whatever the verb.
func (BillingPlan) Format(s fmt.State, _ rune) { redact.Personal(s, "authorization.BillingPlan") }

// LogValue returns the type's name alone.
func (BillingPlan) LogValue() slog.Value { return redact.LogPersonal("authorization.BillingPlan") }

// Format writes the type's name alone, whatever the verb.
func (OndemandService) Format(s fmt.State, _ rune) {
	redact.Personal(s, "authorization.OndemandService")
}

// LogValue returns the type's name alone.
func (OndemandService) LogValue() slog.Value {
	return redact.LogPersonal("authorization.OndemandService")
}

// Format writes the type's name alone, whatever the verb.
func (TravelReservation) Format(s fmt.State, _ rune) {
	redact.Personal(s, "authorization.TravelReservation")
}

// LogValue returns the type's name alone.
func (TravelReservation) LogValue() slog.Value {
	return redact.LogPersonal("authorization.TravelReservation")
}

// Format writes the type's name alone, whatever the verb.
func (Departure) Format(s fmt.State, _ rune) { redact.Personal(s, "authorization.Departure") }

// LogValue returns the type's name alone.
func (Departure) LogValue() slog.Value { return redact.LogPersonal("authorization.Departure") }

// Format writes the type's name alone, whatever the verb.
func (Arrival) Format(s fmt.State, _ rune) { redact.Personal(s, "authorization.Arrival") }

// LogValue returns the type's name alone.
func (Arrival) LogValue() slog.Value { return redact.LogPersonal("authorization.Arrival") }

// Format writes the type's name alone, whatever the verb.
func (Passenger) Format(s fmt.State, _ rune) { redact.Personal(s, "authorization.Passenger") }

// LogValue returns the type's name alone.
func (Passenger) LogValue() slog.Value { return redact.LogPersonal("authorization.Passenger") }

// Format writes the type's name alone, whatever the verb.
func (LodgingReservation) Format(s fmt.State, _ rune) {
	redact.Personal(s, "authorization.LodgingReservation")
}

// LogValue returns the type's name alone.
func (LodgingReservation) LogValue() slog.Value {
	return redact.LogPersonal("authorization.LodgingReservation")
}

// Format writes the type's name alone, whatever the verb.
func (Guest) Format(s fmt.State, _ rune) { redact.Personal(s, "authorization.Guest") }

// LogValue returns the type's name alone.
func (Guest) LogValue() slog.Value { return redact.LogPersonal("authorization.Guest") }

// Format writes the type's name alone, whatever the verb.
func (LodgingHost) Format(s fmt.State, _ rune) { redact.Personal(s, "authorization.LodgingHost") }

// LogValue returns the type's name alone.
func (LodgingHost) LogValue() slog.Value { return redact.LogPersonal("authorization.LodgingHost") }

// Format writes the type's name alone, whatever the verb.
func (EventReservation) Format(s fmt.State, _ rune) {
	redact.Personal(s, "authorization.EventReservation")
}

// LogValue returns the type's name alone.
func (EventReservation) LogValue() slog.Value {
	return redact.LogPersonal("authorization.EventReservation")
}

// Format writes the type's name alone, whatever the verb.
func (Insurance) Format(s fmt.State, _ rune) { redact.Personal(s, "authorization.Insurance") }

// LogValue returns the type's name alone.
func (Insurance) LogValue() slog.Value { return redact.LogPersonal("authorization.Insurance") }

// Format writes the type's name alone, whatever the verb.
func (Voucher) Format(s fmt.State, _ rune) { redact.Personal(s, "authorization.Voucher") }

// LogValue returns the type's name alone.
func (Voucher) LogValue() slog.Value { return redact.LogPersonal("authorization.Voucher") }

// Format writes the type's name alone, whatever the verb.
func (MarketplaceSeller) Format(s fmt.State, _ rune) {
	redact.Personal(s, "authorization.MarketplaceSeller")
}

// LogValue returns the type's name alone.
func (MarketplaceSeller) LogValue() slog.Value {
	return redact.LogPersonal("authorization.MarketplaceSeller")
}

// Format writes the type's name alone, whatever the verb.
func (SupplementaryCaptureData) Format(s fmt.State, _ rune) {
	redact.Personal(s, "authorization.SupplementaryCaptureData")
}

// LogValue returns the type's name alone.
func (SupplementaryCaptureData) LogValue() slog.Value {
	return redact.LogPersonal("authorization.SupplementaryCaptureData")
}

// Format writes the type's name alone, whatever the verb.
func (Shipment) Format(s fmt.State, _ rune) { redact.Personal(s, "authorization.Shipment") }

// LogValue returns the type's name alone.
func (Shipment) LogValue() slog.Value { return redact.LogPersonal("authorization.Shipment") }

// Format writes the type's name alone, whatever the verb.
func (ShipmentTracking) Format(s fmt.State, _ rune) {
	redact.Personal(s, "authorization.ShipmentTracking")
}

// LogValue returns the type's name alone.
func (ShipmentTracking) LogValue() slog.Value {
	return redact.LogPersonal("authorization.ShipmentTracking")
}

// Format writes the type's name alone, whatever the verb.
func (SupplementaryRefundData) Format(s fmt.State, _ rune) {
	redact.Personal(s, "authorization.SupplementaryRefundData")
}

// LogValue returns the type's name alone.
func (SupplementaryRefundData) LogValue() slog.Value {
	return redact.LogPersonal("authorization.SupplementaryRefundData")
}
