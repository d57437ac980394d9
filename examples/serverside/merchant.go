package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
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
	option  string // Klarna's payment_option_id, as it was shown

	// book guards the notifications. A handler that waits for the gateway does not hold it, because
	// the gateway may notify before it answers.
	book          sync.Mutex
	notifications []notification
	keep          func(context.Context, notification) error
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

func (o *order) amount() int64 { return total(o.Lines) }

func total(lines []cartLine) int64 {
	var sum int64
	for _, l := range lines {
		sum += l.Total
	}
	return sum
}

// newMerchant returns the merchant of one order. notifications are those that were kept before, and
// keep stores another one.
func newMerchant(
	url, gatewayURL string, client *http.Client, reference string,
	notifications []notification, keep func(context.Context, notification) error,
) *merchant {
	m := &merchant{url: url, gatewayURL: gatewayURL, http: client, mux: http.NewServeMux(), order: order{
		Reference: reference,
		Currency:  "EUR",
		Locale:    "en-DE",
		Lines: []cartLine{
			{Name: "Espresso cups", Quantity: 2, Total: 45_00},
			{Name: "Spring discount", Quantity: 1, Total: -5_00},
			{Name: "Milk jug", Quantity: 1, Total: 50_00},
			{Name: "Sugar bowl", Quantity: 1, Total: 28_00},
		},
	}, notifications: notifications, keep: keep}
	m.mux.HandleFunc("GET /checkout", m.checkout)
	m.mux.HandleFunc("POST /checkout", m.pay)
	m.mux.HandleFunc("GET /return", m.returned)
	m.mux.HandleFunc("GET /order", m.readOrder)
	m.mux.HandleFunc("POST /notifications", m.notified)
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

// fulfill ships the order in two parcels, takes one back and releases the rest. The IDs are fixed
// before the first request, so that after a crash fulfill repeats the same operations.
func (m *merchant) fulfill(ctx context.Context) error {
	cups, jug := m.order.Lines[:2], m.order.Lines[2:3] // the sugar bowl is sold out
	for _, operation := range []struct {
		path    string
		request operationRequest
	}{
		{"captures", operationRequest{ID: "parcel-1", Amount: total(cups), Lines: cups}},
		{"captures", operationRequest{ID: "parcel-2", Amount: total(jug), Lines: jug}},
		{"refunds", operationRequest{ID: "return-1", Amount: total(cups), Capture: "parcel-1"}},
		{"voids", operationRequest{ID: "sold-out"}},
	} {
		if err := m.operate(ctx, operation.path, operation.request); err != nil {
			return fmt.Errorf("%s: %w", operation.request.ID, err)
		}
	}
	return nil
}

// operate requests an operation. One that is pending is no failure: its result is notified.
func (m *merchant) operate(ctx context.Context, path string, request operationRequest) error {
	m.mu.Lock()
	id := m.payment.ID
	m.mu.Unlock()
	var answer operationAnswer
	err := m.ask(ctx, http.MethodPost, "/payments/"+id+"/"+path, request, &answer)
	switch {
	case err != nil:
		return err
	case answer.Status == refused || answer.Status == unclear:
		return fmt.Errorf("it is %s: %s", answer.Status, answer.Reason)
	}
	return nil
}

// notified takes a notification once. The gateway repeats each until the answer is 204.
func (m *merchant) notified(w http.ResponseWriter, r *http.Request) {
	var n notification
	if !readJSON(w, r, &n) {
		return
	}
	m.book.Lock()
	defer m.book.Unlock()
	if !slices.ContainsFunc(m.notifications, func(known notification) bool { return known.ID == n.ID }) {
		if err := m.keep(r.Context(), n); err != nil {
			http.Error(w, "not kept", http.StatusInternalServerError)
			return
		}
		m.notifications = append(m.notifications, n)
	}
	w.WriteHeader(http.StatusNoContent)
}

// orderAnswer is the shop's own view of the order.
type orderAnswer struct {
	paymentAnswer
	// Operations are those whose result the gateway notified, in their order.
	Operations []operationAnswer `json:"operations,omitempty"`
}

// readOrder answers how the order stands: its payment, and what happened to its money since.
func (m *merchant) readOrder(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.askPayment(r.Context(), http.MethodGet, "/payments/"+m.payment.ID, nil); err != nil {
		m.sorry(w)
		return
	}
	writeJSON(w, orderAnswer{m.payment, m.operations()})
}

// operations returns the last result of each operation.
func (m *merchant) operations() []operationAnswer {
	m.book.Lock()
	defer m.book.Unlock()
	var list []operationAnswer
	for _, n := range m.notifications {
		if n.Operation == nil {
			continue
		}
		i := slices.IndexFunc(list, func(o operationAnswer) bool { return o.ID == n.Operation.ID })
		if i < 0 {
			list = append(list, *n.Operation)
		} else {
			list[i] = *n.Operation
		}
	}
	return list
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
