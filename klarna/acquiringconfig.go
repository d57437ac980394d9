package klarna

//go:generate go run github.com/klarna-go/klarna-go/internal/wiregen

// AcquiringConfig chooses a payment account: by PaymentAccountID, or by PaymentAcquiringAccountID
// and PaymentAccountReference together.
type AcquiringConfig struct {
	PaymentAccountID          string `json:"payment_account_id,omitzero"`
	PaymentAcquiringAccountID string `json:"payment_acquiring_account_id,omitzero"`
	PaymentAccountReference   string `json:"payment_account_reference,omitzero"`
	// SettlementCurrency is the ISO 4217 code of the currency that Klarna settles in. The
	// presentation API does not have it.
	SettlementCurrency string `json:"settlement_currency,omitzero"`

	Unknown `json:",embed"`
}
