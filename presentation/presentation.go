package presentation

import "github.com/klarna-go/klarna-go/klarna"

// Instruction says how the Partner must show Klarna in its list of payment methods.
type Instruction string

// The instructions. Klarna requires that an unknown instruction is obeyed as InstructionShowKlarna,
// which [Instruction.Effective] returns for it.
const (
	// InstructionShowKlarna means: show Klarna in the position that the merchant chooses.
	InstructionShowKlarna Instruction = "SHOW_KLARNA"
	// InstructionPreselectKlarna means: show Klarna first and preselect it. The other payment
	// methods may be collapsed.
	InstructionPreselectKlarna Instruction = "PRESELECT_KLARNA"
	// InstructionShowOnlyKlarna means: show only Klarna and collapse the other payment methods,
	// because the customer has already chosen.
	InstructionShowOnlyKlarna Instruction = "SHOW_ONLY_KLARNA"
	// InstructionHideKlarna means: do not show Klarna.
	InstructionHideKlarna Instruction = "HIDE_KLARNA"
)

// Effective returns i, or [InstructionShowKlarna] if this version does not know i.
func (i Instruction) Effective() Instruction {
	switch i {
	case InstructionPreselectKlarna, InstructionShowOnlyKlarna, InstructionHideKlarna:
		return i
	default:
		return InstructionShowKlarna
	}
}

// PaymentStatus says what the payment waits for. Unknown values are kept.
type PaymentStatus string

// The payment statuses.
const (
	// PaymentStatusPendingPartnerAuthorization means that the customer has already approved.
	// Authorize immediately, with the session token.
	PaymentStatusPendingPartnerAuthorization PaymentStatus = "PENDING_PARTNER_AUTHORIZATION"
	// PaymentStatusRequiresCustomerAction means that the customer has to act.
	PaymentStatusRequiresCustomerAction PaymentStatus = "REQUIRES_CUSTOMER_ACTION"
)

// Presentation is the answer to [Client.GetPresentation].
type Presentation struct {
	// Instruction says how to show Klarna. Switch over Instruction.Effective().
	Instruction Instruction `json:"instruction" wire:"show"`
	// PaymentStatus says what the payment waits for; "" if the answer has none.
	PaymentStatus PaymentStatus `json:"payment_status,omitzero" wire:"show"`
	// PaymentOption is the payment option to show; zero if the answer has none.
	PaymentOption PaymentOption `json:"payment_option,omitzero"`
	// SavedPaymentOption is the customer's saved payment option; zero if the answer has none.
	SavedPaymentOption PaymentOption `json:"saved_payment_option,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
	// Raw is the body of the answer, unchanged. An Acquiring Partner forwards it to its Partner.
	Raw klarna.RawJSON `json:"-"`
}

// PaymentOption is a payment option with the text and images that show it. Show the icon, the
// header and the subheader in the row of the option. Show the message, the terms and the button
// only while the option is selected. A member with an unexpected type is kept in Unknown.
type PaymentOption struct {
	// PaymentOptionID is Klarna's id of the option. Pass it to the authorize call.
	PaymentOptionID string `json:"payment_option_id,omitzero"`
	// Header is the first line of the row.
	Header Text `json:"header,omitzero"`
	// Subheader is the second line of the row.
	Subheader Text `json:"subheader,omitzero"`
	// Badge is a short text that highlights the option.
	Badge Text `json:"badge,omitzero"`
	// Message is shown while the option is selected.
	Message Text `json:"message,omitzero"`
	// Terms are shown while the option is selected.
	Terms Text `json:"terms,omitzero"`
	// PaymentButton is the button to pay.
	PaymentButton PaymentButton `json:"payment_button,omitzero"`
	// Icon is Klarna's icon.
	Icon Icon `json:"icon,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// PaymentButton is the button to pay with Klarna.
type PaymentButton struct {
	// Text is the text of the button.
	Text Text `json:"text,omitzero"`
	// ImageURL is the address of the image on the button.
	ImageURL string `json:"image_url,omitzero"`
	// ImageAlignment is LEFT or RIGHT.
	ImageAlignment string `json:"image_alignment,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// Icon is Klarna's icon in several shapes.
type Icon struct {
	// Alt is the alternative text of the images.
	Alt string `json:"alt,omitzero"`
	// BadgeImageURL is the address of the image of the badge.
	BadgeImageURL string `json:"badge_image_url,omitzero"`
	// RectangleImageURL is the address of a rectangular image.
	RectangleImageURL string `json:"rectangle_image_url,omitzero"`
	// SquareImageURL is the address of a square image.
	SquareImageURL string `json:"square_image_url,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}
