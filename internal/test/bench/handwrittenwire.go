package main

import (
	"encoding/json"
	"time"
)

// The wire structures of the hand-written client. They have the members that ours decode and
// encode, for encoding/json.

type hwText struct {
	Text  string `json:"text"`
	Parts []struct {
		Type    string   `json:"type"`
		Text    string   `json:"text"`
		URL     string   `json:"url"`
		Context string   `json:"context"`
		Styles  []string `json:"styles"`
	} `json:"parts"`
}

type hwPaymentOption struct {
	PaymentOptionID string `json:"payment_option_id"`
	Header          hwText `json:"header"`
	Subheader       hwText `json:"subheader"`
	Badge           hwText `json:"badge"`
	Message         hwText `json:"message"`
	Terms           hwText `json:"terms"`
	PaymentButton   struct {
		Text           hwText `json:"text"`
		ImageURL       string `json:"image_url"`
		ImageAlignment string `json:"image_alignment"`
	} `json:"payment_button"`
	Icon struct {
		Alt               string `json:"alt"`
		BadgeImageURL     string `json:"badge_image_url"`
		RectangleImageURL string `json:"rectangle_image_url"`
		SquareImageURL    string `json:"square_image_url"`
	} `json:"icon"`
}

type hwPresentation struct {
	Instruction        string           `json:"instruction"`
	PaymentStatus      string           `json:"payment_status"`
	PaymentOption      *hwPaymentOption `json:"payment_option"`
	SavedPaymentOption *hwPaymentOption `json:"saved_payment_option"`
}

type hwAuthorization struct {
	PaymentTransactionResponse *struct {
		Result             string         `json:"result"`
		ResultReason       string         `json:"result_reason"`
		PaymentTransaction *hwTransaction `json:"payment_transaction"`
	} `json:"payment_transaction_response"`
	PaymentRequest *hwPaymentRequest `json:"payment_request"`
}

type hwTransaction struct {
	PaymentTransactionID        string    `json:"payment_transaction_id"`
	PaymentTransactionReference string    `json:"payment_transaction_reference"`
	Amount                      int64     `json:"amount"`
	Currency                    string    `json:"currency"`
	State                       string    `json:"state"`
	ExpiresAt                   time.Time `json:"expires_at"`
}

type hwPaymentRequest struct {
	PaymentRequestID        string    `json:"payment_request_id"`
	PaymentRequestReference string    `json:"payment_request_reference"`
	Amount                  int64     `json:"amount"`
	Currency                string    `json:"currency"`
	State                   string    `json:"state"`
	PreviousState           string    `json:"previous_state"`
	StateReason             string    `json:"state_reason"`
	ExpiresAt               time.Time `json:"expires_at"`
	CreatedAt               time.Time `json:"created_at"`
	UpdatedAt               time.Time `json:"updated_at"`
	StateContext            struct {
		CustomerInteraction struct {
			Method            string `json:"method"`
			PaymentRequestID  string `json:"payment_request_id"`
			PaymentRequestURL string `json:"payment_request_url"`
		} `json:"customer_interaction"`
		SessionToken   string          `json:"klarna_network_session_token"`
		KlarnaCustomer json.RawMessage `json:"klarna_customer"`
		Shipping       json.RawMessage `json:"shipping"`
	} `json:"state_context"`
	SupplementaryPurchaseData json.RawMessage `json:"supplementary_purchase_data"`
	CustomerInteractionConfig json.RawMessage `json:"customer_interaction_config"`
}

type hwEvent struct {
	Metadata struct {
		EventID            string    `json:"event_id"`
		EventType          string    `json:"event_type"`
		EventVersion       string    `json:"event_version"`
		OccurredAt         time.Time `json:"occurred_at"`
		SubjectAccountID   string    `json:"subject_account_id"`
		RecipientAccountID string    `json:"recipient_account_id"`
		WebhookID          string    `json:"webhook_id"`
		Live               bool      `json:"live"`
	} `json:"metadata"`
	Payload hwPaymentRequest `json:"payload"`
}

type hwAddress struct {
	StreetAddress  string `json:"street_address,omitempty"`
	StreetAddress2 string `json:"street_address2,omitempty"`
	PostalCode     string `json:"postal_code,omitempty"`
	City           string `json:"city,omitempty"`
	Region         string `json:"region,omitempty"`
	Country        string `json:"country,omitempty"`
}

type hwLineItem struct {
	Name              string `json:"name"`
	Quantity          int64  `json:"quantity"`
	TotalAmount       int64  `json:"total_amount"`
	TotalTaxAmount    *int64 `json:"total_tax_amount,omitempty"`
	UnitPrice         *int64 `json:"unit_price,omitempty"`
	ProductURL        string `json:"product_url,omitempty"`
	ImageURL          string `json:"image_url,omitempty"`
	ProductIdentifier string `json:"product_identifier,omitempty"`
	LineItemReference string `json:"line_item_reference,omitempty"`
}

type hwCustomer struct {
	GivenName   string     `json:"given_name,omitempty"`
	FamilyName  string     `json:"family_name,omitempty"`
	Email       string     `json:"email,omitempty"`
	Phone       string     `json:"phone,omitempty"`
	DateOfBirth string     `json:"date_of_birth,omitempty"`
	Address     *hwAddress `json:"address,omitempty"`
}

type hwShipping struct {
	ShippingReference string `json:"shipping_reference,omitempty"`
	Recipient         *struct {
		GivenName  string `json:"given_name,omitempty"`
		FamilyName string `json:"family_name,omitempty"`
		Email      string `json:"email,omitempty"`
		Phone      string `json:"phone,omitempty"`
	} `json:"recipient,omitempty"`
	Address        *hwAddress `json:"address,omitempty"`
	ShippingOption *struct {
		ShippingType           string   `json:"shipping_type,omitempty"`
		ShippingTypeAttributes []string `json:"shipping_type_attributes,omitempty"`
		ShippingCarrier        string   `json:"shipping_carrier,omitempty"`
	} `json:"shipping_option,omitempty"`
}

type hwAuthorizeRequest struct {
	Currency                  string `json:"currency"`
	RequestPaymentTransaction *struct {
		Amount                      int64  `json:"amount"`
		PaymentTransactionReference string `json:"payment_transaction_reference"`
		PaymentOptionID             string `json:"payment_option_id,omitempty"`
	} `json:"request_payment_transaction,omitempty"`
	SupplementaryPurchaseData *struct {
		PurchaseReference string       `json:"purchase_reference,omitempty"`
		LineItems         []hwLineItem `json:"line_items,omitempty"`
		Customer          *hwCustomer  `json:"customer,omitempty"`
		Shipping          []hwShipping `json:"shipping,omitempty"`
	} `json:"supplementary_purchase_data,omitempty"`
	StepUpConfig *struct {
		PaymentRequestReference   string `json:"payment_request_reference"`
		CustomerInteractionConfig struct {
			Method       string `json:"method"`
			ReturnURL    string `json:"return_url,omitempty"`
			AppReturnURL string `json:"app_return_url,omitempty"`
		} `json:"customer_interaction_config"`
	} `json:"step_up_config,omitempty"`
	KlarnaNetworkData string `json:"klarna_network_data,omitempty"`
}
