package klarnatest

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// SetInstruction sets the instruction of the presentation: "SHOW_KLARNA", "PRESELECT_KLARNA",
// "SHOW_ONLY_KLARNA", "HIDE_KLARNA" or any other text. "" restores the default: SHOW_ONLY_KLARNA
// for a customer who has already approved, SHOW_KLARNA for others.
func (s *Server) SetInstruction(instruction string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.instruction = instruction
	s.touch(s)
}

type presentationBody struct {
	Instruction   string         `json:"instruction"`
	PaymentStatus string         `json:"payment_status"`
	PaymentOption *paymentOption `json:"payment_option,omitempty"`
}

type paymentOption struct {
	ID            string       `json:"payment_option_id"`
	Header        text         `json:"header"`
	Subheader     text         `json:"subheader"`
	Badge         text         `json:"badge"`
	Message       text         `json:"message"`
	Terms         text         `json:"terms"`
	PaymentButton button       `json:"payment_button"`
	Icon          presentIcons `json:"icon"`
}

type text struct {
	Text  string     `json:"text,omitempty"`
	Parts []textPart `json:"parts,omitempty"`
}

type textPart struct {
	Type    string   `json:"type"`
	Text    string   `json:"text"`
	URL     string   `json:"url,omitempty"`
	Context string   `json:"context,omitempty"`
	Styles  []string `json:"styles,omitempty"`
}

type button struct {
	Text           string `json:"text"`
	ImageURL       string `json:"image_url"`
	ImageAlignment string `json:"image_alignment"`
}

type presentIcons struct {
	Alt               string `json:"alt"`
	BadgeImageURL     string `json:"badge_image_url"`
	RectangleImageURL string `json:"rectangle_image_url"`
	SquareImageURL    string `json:"square_image_url"`
}

var klarnaOption = paymentOption{
	ID:        "S0xBUk5B",
	Header:    text{Text: "Klarna"},
	Subheader: text{Text: "Pay now, later or over time"},
	Badge:     text{Text: "Popular"},
	Message: text{Parts: []textPart{
		{Type: "TEXT", Text: "Pay in a way that suits you.", Styles: []string{"BOLD"}},
		{Type: "TEXT", Text: " You continue at Klarna."},
	}},
	Terms: text{Parts: []textPart{
		{Type: "TEXT", Text: "By continuing you accept "},
		{Type: "LINK", Text: "Klarna's terms", URL: "https://www.klarna.com/terms/", Context: "INFO"},
	}},
	PaymentButton: button{
		Text:           "Pay with Klarna",
		ImageURL:       "https://x.klarnacdn.net/klarnatest/button.svg",
		ImageAlignment: "RIGHT",
	},
	Icon: presentIcons{
		Alt:               "Klarna",
		BadgeImageURL:     "https://x.klarnacdn.net/klarnatest/badge.svg",
		RectangleImageURL: "https://x.klarnacdn.net/klarnatest/rectangle.svg",
		SquareImageURL:    "https://x.klarnacdn.net/klarnatest/square.svg",
	},
}

func (s *Server) presentation(c *call) answer {
	return s.present(c.partner, c.request.URL.Query(), c.token)
}

// present answers a server's request and the browser SDK's in the same way.
func (s *Server) present(partner *account, query url.Values, sessionToken string) answer {
	found := checkPresentation(query)
	if len(found) > 0 {
		return invalid(found...)
	}
	body := presentationBody{Instruction: "SHOW_KLARNA", PaymentStatus: "REQUIRES_CUSTOMER_ACTION"}
	amount, _ := strconv.ParseInt(query.Get("amount"), 10, 64)
	token := s.tokens[sessionToken]
	if token != nil && token.account == partner && token.alive(s.clock.now()) && token.covers(query.Get("currency"), amount) {
		body = presentationBody{Instruction: "SHOW_ONLY_KLARNA", PaymentStatus: "PENDING_PARTNER_AUTHORIZATION"}
	}
	if s.instruction != "" {
		body.Instruction = s.instruction
	}
	if body.Instruction != "HIDE_KLARNA" {
		body.PaymentOption = &klarnaOption
	}
	return reply(http.StatusOK, body)
}

var localeForm = regexp.MustCompile(`^[a-z]{2,3}-[A-Z]{2}$`)

func checkPresentation(query url.Values) (found problems) {
	if currency := query.Get("currency"); currency == "" {
		found.add("currency", "is required")
	} else if !slices.Contains(currencies, currency) {
		found.add("currency", "is not a supported ISO 4217 currency")
	}
	if !localeForm.MatchString(query.Get("locale")) {
		found.add("locale", "is required, such as en-US")
	}
	checkIntents(query, &found)
	checkBillingInterval(query, &found)
	if s := query.Get("app_return_url"); s != "" {
		if !isBase64(s) {
			found.add("app_return_url", "must be base64")
		}
	}
	acquiring, reference := "acquiring_config[payment_acquiring_account_id]", "acquiring_config[payment_account_reference]"
	if query.Has(acquiring) != query.Has(reference) {
		found.add("acquiring_config", "payment_acquiring_account_id and payment_account_reference go together")
	}
	return found
}

// isBase64 accepts both alphabets, padded or not: Klarna's documentation says only that the value
// is base64.
func isBase64(s string) bool {
	s = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	_, err := base64.RawStdEncoding.DecodeString(s)
	return err == nil
}

func checkIntents(query url.Values, found *problems) {
	if query.Has("intents") {
		found.add("intents", "the name must be intents[], once for each intent")
	}
	intents := slices.Concat(query["intents[]"], query["intent"])
	for _, intent := range intents {
		if !slices.Contains([]string{"PAY", "SUBSCRIBE", "ADD_TO_WALLET"}, intent) {
			found.add("intents[]", "must be PAY, SUBSCRIBE or ADD_TO_WALLET")
		}
	}
	walletOnly := len(intents) > 0 && !slices.ContainsFunc(intents, func(s string) bool { return s != "ADD_TO_WALLET" })
	amount := query.Get("amount")
	switch n, err := strconv.ParseInt(amount, 10, 64); {
	case walletOnly && amount != "":
		found.add("amount", "must be left out when the only intent is ADD_TO_WALLET")
	case walletOnly:
	case amount == "":
		found.add("amount", "is required")
	case err != nil || n < 0:
		found.add("amount", "must be an integer in minor units")
	}
}

func checkBillingInterval(query url.Values, found *problems) {
	interval := query.Get("subscription_billing_interval")
	if interval == "" {
		return
	}
	if !slices.Contains([]string{"DAY", "WEEK", "MONTH", "YEAR"}, interval) {
		found.add("subscription_billing_interval", "must be DAY, WEEK, MONTH or YEAR")
	}
	if n, err := strconv.Atoi(query.Get("subscription_billing_interval_frequency")); err != nil || n < 1 {
		found.add("subscription_billing_interval_frequency", "is required with subscription_billing_interval and at least 1")
	}
}
