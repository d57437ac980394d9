package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/klarna-go/klarna-go/authorization"
)

// merchant is a Partner's back end. It calls its gateway, never Klarna.
type merchant struct {
	url        string // the merchant's own, which customers return to
	gatewayURL string
	http       *http.Client
	mux        *http.ServeMux
	order      order

	mu      sync.Mutex
	payment paymentAnswer
	option  string // the payment_option_id that Klarna's presentation contains
}

// order is the only cart of this shop.
type order struct {
	Reference string
	Currency  string
	Locale    string
	Lines     []cartLine
}

type cartLine struct {
	Name     string `json:"name"`
	Quantity int64  `json:"quantity"`
	// Total is in minor units, including tax. A discount is negative.
	Total int64 `json:"total"`
}

func (o *order) amount() int64 {
	var sum int64
	for _, l := range o.Lines {
		sum += l.Total
	}
	return sum
}

func newMerchant(url, gatewayURL string, client *http.Client, reference string) *merchant {
	m := &merchant{url: url, gatewayURL: gatewayURL, http: client, mux: http.NewServeMux(), order: order{
		Reference: reference,
		Currency:  "EUR",
		Locale:    "en-DE",
		Lines: []cartLine{
			{Name: "Espresso cups", Quantity: 2, Total: 109_00},
			{Name: "Spring discount", Quantity: 1, Total: -10_00},
			{Name: "Shipping", Quantity: 1, Total: 19_00},
		},
	}}
	m.mux.HandleFunc("GET /checkout", m.checkout)
	m.mux.HandleFunc("POST /checkout", m.pay)
	m.mux.HandleFunc("GET /return", m.returned)
	m.mux.HandleFunc("GET /order", m.readOrder)
	return m
}

// checkout shows the payment methods.
func (m *merchant) checkout(w http.ResponseWriter, r *http.Request) {
	var methods struct {
		PaymentMethods []struct {
			Type   string `json:"type"`
			Klarna struct {
				PaymentOption struct {
					ID string `json:"payment_option_id"`
				} `json:"payment_option"`
			} `json:"klarna"`
		} `json:"payment_methods"`
	}
	err := m.ask(r.Context(), http.MethodPost, "/payment-methods", methodsRequest{
		Amount: m.order.amount(), Currency: m.order.Currency, Locale: m.order.Locale,
	}, &methods)
	if err != nil {
		m.sorry(w)
		return
	}
	for _, method := range methods.PaymentMethods {
		if method.Type == "KLARNA" {
			m.mu.Lock()
			m.option = method.Klarna.PaymentOption.ID
			m.mu.Unlock()
		}
	}
	writeJSON(w, methods)
}

// pay begins the payment with Klarna and redirects the customer.
func (m *merchant) pay(w http.ResponseWriter, r *http.Request) {
	back, err := authorization.ReturnURL(m.url+"/return", authorization.PlaceholderID, authorization.PlaceholderState)
	if err != nil {
		m.sorry(w)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	err = m.askPayment(r.Context(), http.MethodPost, "/payments", paymentRequest{
		Reference:       m.order.Reference,
		Amount:          m.order.amount(),
		Currency:        m.order.Currency,
		PaymentOptionID: m.option,
		ReturnURL:       back,
		SessionToken:    r.PostFormValue("klarna_network_session_token"),
		Lines:           m.order.Lines,
	})
	switch {
	case err != nil:
		m.sorry(w)
	case m.payment.RedirectURL != "":
		http.Redirect(w, r, m.payment.RedirectURL, http.StatusSeeOther)
	default:
		m.conclude(w)
	}
}

// returned handles the return of the customer from Klarna, with or without a payment. The
// parameters of the URL prove nothing, so it reads the payment from the gateway.
func (m *merchant) returned(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.askPayment(r.Context(), http.MethodGet, "/payments/"+m.payment.ID, nil); err != nil {
		m.sorry(w)
		return
	}
	if m.payment.Status == pending {
		// The customer returned without paying and may choose again. The payment is canceled first,
		// so that it cannot be completed in another tab.
		if err := m.askPayment(r.Context(), http.MethodDelete, "/payments/"+m.payment.ID, nil); err != nil {
			m.sorry(w)
			return
		}
	}
	m.conclude(w)
}

// conclude asks for another payment method only if this payment has certainly ended unpaid.
// Otherwise the customer could pay twice.
func (m *merchant) conclude(w http.ResponseWriter) {
	page := "Your payment is being confirmed. Please do not pay again."
	switch m.payment.Status {
	case approved:
		page = "Thank you for your order."
	case declined, canceled, expired, failed:
		page = "Please choose another payment method."
	}
	writeJSON(w, map[string]any{"page": page, "status": m.payment.Status})
}

// readOrder returns the order, which the program reports at its end.
func (m *merchant) readOrder(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.askPayment(r.Context(), http.MethodGet, "/payments/"+m.payment.ID, nil); err != nil {
		m.sorry(w)
		return
	}
	writeJSON(w, m.payment)
}

func (m *merchant) sorry(w http.ResponseWriter) {
	http.Error(w, "We could not reach the payment provider. Please try again.", http.StatusBadGateway)
}

// askPayment calls the gateway and keeps the payment that it returns.
func (m *merchant) askPayment(ctx context.Context, method, path string, question any) error {
	var answer paymentAnswer // a new one, so that no member of an earlier answer remains
	if err := m.ask(ctx, method, path, question, &answer); err != nil {
		return err
	}
	m.payment = answer
	return nil
}

// ask calls the gateway.
func (m *merchant) ask(ctx context.Context, method, path string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, method, m.gatewayURL+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := m.http.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the gateway answered %s", response.Status)
	}
	return json.NewDecoder(response.Body).Decode(answer)
}
