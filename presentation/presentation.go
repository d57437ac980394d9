package presentation

import "github.com/klarna-go/klarna-go/klarna"

// Instruction is what the Partner must do with Klarna in its list of payment methods.
type Instruction string

// The instructions. One that is not listed is to be obeyed as InstructionShowKlarna; Effective does
// so.
const (
	// InstructionShowKlarna: offer Klarna, in the merchant's own order.
	InstructionShowKlarna Instruction = "SHOW_KLARNA"
	// InstructionPreselectKlarna: put Klarna first and preselect it; the others may be collapsed.
	InstructionPreselectKlarna Instruction = "PRESELECT_KLARNA"
	// InstructionShowOnlyKlarna: show only Klarna and collapse the rest, because the customer has
	// already chosen.
	InstructionShowOnlyKlarna Instruction = "SHOW_ONLY_KLARNA"
	// InstructionHideKlarna: no Klarna at all.
	InstructionHideKlarna Instruction = "HIDE_KLARNA"
)

// Effective returns one of the four instructions: i itself, or InstructionShowKlarna for one that
// this version does not know.
func (i Instruction) Effective() Instruction {
	switch i {
	case InstructionPreselectKlarna, InstructionShowOnlyKlarna, InstructionHideKlarna:
		return i
	default:
		return InstructionShowKlarna
	}
}

// PaymentStatus says how far the customer is. Unknown values are kept.
type PaymentStatus string

// The payment statuses.
const (
	// PaymentStatusPendingPartnerAuthorization: the customer has approved already; authorize at
	// once with the session token.
	PaymentStatusPendingPartnerAuthorization PaymentStatus = "PENDING_PARTNER_AUTHORIZATION"
	PaymentStatusRequiresCustomerAction      PaymentStatus = "REQUIRES_CUSTOMER_ACTION"
)

// Presentation is Klarna's answer.
type Presentation struct {
	// Instruction is what to do; switch over its Effective value.
	Instruction   Instruction   `json:"instruction" wire:"show"`
	PaymentStatus PaymentStatus `json:"payment_status,omitzero" wire:"show"`
	// PaymentOption is how to show Klarna. Where the answer has none, all of it is empty.
	PaymentOption PaymentOption `json:"payment_option,omitzero"`
	// SavedPaymentOption is the customer's stored way to pay. Where the answer has none, all of it is
	// empty.
	SavedPaymentOption PaymentOption `json:"saved_payment_option,omitzero"`

	// Unknown holds members that this version has no name for.
	klarna.Unknown `json:",embed"`
	// Raw is Klarna's body as it came, for handing on to a Partner unmodified.
	Raw klarna.RawJSON `json:"-"`
}

// PaymentOption is one way to pay and how to show it: icon, header and subheader in its row;
// message, terms and button only while it is selected. Its members are as Klarna's newest texts
// have them; one of another shape is kept in Unknown.
type PaymentOption struct {
	// PaymentOptionID is opaque and goes into the authorize call.
	PaymentOptionID string        `json:"payment_option_id,omitzero"`
	Header          Text          `json:"header,omitzero"`
	Subheader       Text          `json:"subheader,omitzero"`
	Badge           Text          `json:"badge,omitzero"`
	Message         Text          `json:"message,omitzero"`
	Terms           Text          `json:"terms,omitzero"`
	PaymentButton   PaymentButton `json:"payment_button,omitzero"`
	Icon            Icon          `json:"icon,omitzero"`

	klarna.Unknown `json:",embed"`
}

// PaymentButton is Klarna's button.
type PaymentButton struct {
	Text     Text   `json:"text,omitzero"`
	ImageURL string `json:"image_url,omitzero"`
	// ImageAlignment is LEFT or RIGHT.
	ImageAlignment string `json:"image_alignment,omitzero"`

	klarna.Unknown `json:",embed"`
}

// Icon is Klarna's badge in several shapes.
type Icon struct {
	Alt               string `json:"alt,omitzero"`
	BadgeImageURL     string `json:"badge_image_url,omitzero"`
	RectangleImageURL string `json:"rectangle_image_url,omitzero"`
	SquareImageURL    string `json:"square_image_url,omitzero"`

	klarna.Unknown `json:",embed"`
}
