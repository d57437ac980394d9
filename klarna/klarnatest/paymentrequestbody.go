package klarnatest

import (
	"encoding/json"
	"time"
)

type paymentRequestBody struct {
	ID                string          `json:"payment_request_id"`
	Reference         string          `json:"payment_request_reference,omitempty"`
	Amount            int64           `json:"amount"`
	Currency          string          `json:"currency"`
	State             string          `json:"state"`
	PreviousState     string          `json:"previous_state,omitempty"`
	StateReason       string          `json:"state_reason,omitempty"`
	StateContext      stateContext    `json:"state_context"`
	ExpiresAt         time.Time       `json:"expires_at"`
	CreatedAt         time.Time       `json:"created_at"`
	UpdatedAt         time.Time       `json:"updated_at"`
	CanceledAt        time.Time       `json:"canceled_at,omitzero"`
	Purchase          json.RawMessage `json:"supplementary_purchase_data,omitempty"`
	InteractionConfig json.RawMessage `json:"customer_interaction_config,omitempty"`
	PaymentOptionID   string          `json:"payment_option_id,omitempty"`
}

type stateContext struct {
	CustomerInteraction customerInteraction `json:"customer_interaction"`
	tokenNames
	Customer *klarnaCustomer `json:"klarna_customer,omitempty"`
	Shipping *shippingBody   `json:"shipping,omitempty"`
}

type customerInteraction struct {
	Method            string  `json:"method"`
	PaymentRequestID  string  `json:"payment_request_id"`
	PaymentRequestURL string  `json:"payment_request_url"`
	QRCode            *qrCode `json:"qr_code,omitempty"`
}

type qrCode struct {
	ImageURL  string `json:"image_url"`
	TargetURL string `json:"target_url"`
}

// tokenNames encodes a session token under its present name and its older ones.
type tokenNames struct {
	SessionToken          string `json:"klarna_network_session_token,omitempty"`
	PaymentToken          string `json:"payment_token,omitempty"`
	InteroperabilityToken string `json:"interoperability_token,omitempty"`
}

type klarnaCustomer struct {
	Profile                customerProfile `json:"customer_profile"`
	CustomerToken          string          `json:"customer_token,omitempty"`
	CustomerTokenReference string          `json:"customer_token_reference,omitempty"`
}

type customerProfile struct {
	CustomerID    string  `json:"customer_id"`
	GivenName     string  `json:"given_name"`
	FamilyName    string  `json:"family_name"`
	Email         string  `json:"email"`
	EmailVerified bool    `json:"email_verified"`
	Phone         string  `json:"phone"`
	PhoneVerified bool    `json:"phone_verified"`
	Country       string  `json:"country"`
	Locale        string  `json:"locale"`
	Address       Address `json:"address"`
}

var testCustomer = klarnaCustomer{Profile: customerProfile{
	CustomerID:    "krn:customer:test:c0ffee00-0000-4000-8000-000000000001",
	GivenName:     "Astrid",
	FamilyName:    "Testsson",
	Email:         "astrid@example.com",
	EmailVerified: true,
	Phone:         "+46700000000",
	PhoneVerified: true,
	Country:       "SE",
	Locale:        "en-SE",
	Address:       Address{StreetAddress: "Sveavägen 46", PostalCode: "111 34", City: "Stockholm", Country: "SE"},
}}

func (r *paymentRequest) body() *paymentRequestBody {
	b := &paymentRequestBody{
		ID:                r.id,
		Reference:         r.draft.reference,
		Amount:            r.draft.amount,
		Currency:          r.draft.currency,
		State:             r.state,
		PreviousState:     r.previous,
		StateReason:       r.reason,
		ExpiresAt:         r.draft.expiresAt,
		CreatedAt:         r.createdAt,
		UpdatedAt:         r.updatedAt,
		CanceledAt:        r.canceledAt,
		Purchase:          r.draft.purchase.raw,
		InteractionConfig: r.draft.interaction.raw,
		PaymentOptionID:   r.draft.optionID,
	}
	b.StateContext.CustomerInteraction = customerInteraction{
		Method:            r.draft.interaction.method,
		PaymentRequestID:  r.id,
		PaymentRequestURL: r.customerURL,
	}
	if r.draft.interaction.method == "QR_CODE" {
		b.StateContext.CustomerInteraction.QRCode = &qrCode{ImageURL: r.customerURL + "/qr.svg", TargetURL: r.customerURL}
	}
	if r.state == stateCompleted {
		b.StateContext.tokenNames = tokenNames{r.token, r.token, r.token}
		customer := testCustomer
		if r.draft.purchase.email != "" {
			customer.Profile.Email = r.draft.purchase.email
		}
		if t := r.customerToken; t != nil {
			customer.CustomerToken, customer.CustomerTokenReference = t.value, t.reference
		}
		b.StateContext.Customer = &customer
		b.StateContext.Shipping = r.shipping.body(customer.Profile)
	}
	return b
}

type paymentRequestEvent struct {
	*paymentRequestBody
	tokenNames
	Customer *klarnaCustomer `json:"klarna_customer,omitempty"`
	Shipping *shippingBody   `json:"shipping,omitempty"`
}

// event returns r as a webhook encodes it: token, customer and shipping are at the top level as
// well as in state_context.
func (r *paymentRequest) event() paymentRequestEvent {
	b := r.body()
	return paymentRequestEvent{b, b.StateContext.tokenNames, b.StateContext.Customer, b.StateContext.Shipping}
}
