package klarnatest

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

var purchaseTemplate = template.Must(template.ParseFS(browserFiles, "browser/purchase.html"))

// purchasePage is what browser/purchase.html shows.
type purchasePage struct {
	Heading      string
	Sentence     string
	OpenerOrigin string         // origin of the notified page, "" in the customer's own window
	Request      *requestOnPage // nil if none is shown
	Choices      bool           // the customer may decide
	Done         bool           // the payment request was decided, by the customer or otherwise
	Agreement    string         // the meaning of an approval
	Notes        []string
	Offers       []offerOnPage
	Links        []link
}

type requestOnPage struct {
	ID                string
	Reference         string
	PurchaseReference string
	State             string
	Amount            string // "" if nothing is paid
	ExpiresAt         string // "" if it no longer matters
	Lines             []lineOnPage
	Shipping          *shippingOnPage
}

type lineOnPage struct {
	Name     string
	Quantity int64
	Price    string
}

type shippingOnPage struct {
	Name, Price string
	Body        string // the message to the SDK
}

type offerOnPage struct {
	Value, Name, Price string
	Chosen             bool
}

type link struct{ Href, Text string }

// endings maps a final state to the page that describes it.
var endings = map[string]purchasePage{
	stateSubmitted:  {Heading: "Not paid", Sentence: "The customer left. The payment can still be made until it expires."},
	stateInProgress: {Heading: "Not paid yet", Sentence: "The payment is open in another window."},
	stateCompleted:  {Heading: "Payment approved", Sentence: "The shop has been notified. You may close this page."},
	stateDeclined:   {Heading: "Payment declined", Sentence: "Klarna denied this payment. The shop may offer another way to pay."},
	stateExpired:    {Heading: "Payment expired", Sentence: "The time for this payment is over. Please start again in the shop."},
	stateCanceled:   {Heading: "Payment canceled", Sentence: "The shop canceled this payment."},
}

// open reports whether the customer may still decide.
func (r *paymentRequest) open() bool { return r.state == stateSubmitted || r.state == stateInProgress }

// page returns the page of r. With done it offers no choices, even if the customer could come back.
func (r *paymentRequest) page(done bool) purchasePage {
	p := endings[r.state]
	p.Choices = r.open() && !done
	p.Done = !p.Choices
	path := customerPath + strings.TrimPrefix(r.id, paymentRequestPrefix)
	if p.Choices {
		amount := formatMoney(r.draft.amount, r.draft.currency)
		p.Heading, p.Sentence, p.Agreement = "Pay "+amount, "", "The customer pays "+amount
		if r.draft.tokenOnly {
			p.Heading, p.Agreement = "Allow later payments", "The customer agrees, and pays nothing now"
		} else {
			p.Offers = r.offersOnPage()
		}
		p.Notes = r.notesOnPage()
	}
	if r.draft.interaction.returnURL != "" {
		p.Links = append(p.Links, link{path + "/return", "Back to the shop"})
	}
	if r.open() {
		p.Links = append(p.Links, link{path, "Open the payment again"})
	}
	p.Request = r.onPage()
	return p
}

func (r *paymentRequest) notesOnPage() (notes []string) {
	if r.draft.token != nil && !r.draft.tokenOnly {
		notes = append(notes, "An approval also allows the shop to charge later payments.")
	}
	if r.draft.purchase.deniedTestCustomer() {
		notes = append(notes, "The customer’s email has “+denied”: Klarna declines the approval.")
	}
	return notes
}

func (r *paymentRequest) onPage() *requestOnPage {
	v := &requestOnPage{
		ID:        r.id,
		Reference: r.draft.reference,
		State:     r.state,
		Amount:    formatMoney(r.draft.amount, r.draft.currency),
		Shipping:  r.shippingOnPage(),
	}
	if r.draft.tokenOnly {
		v.Amount = ""
	}
	if r.open() {
		v.ExpiresAt = r.draft.expiresAt.Format("2 January 2006 15:04 MST")
	}
	if r.draft.purchase.raw == nil {
		return v
	}
	// Problems in the data were already reported when it arrived.
	data := readObject(r.draft.purchase.raw, new(problems))
	v.PurchaseReference = data.text("purchase_reference", 255)
	for _, line := range data.objects("line_items") {
		v.Lines = append(v.Lines, lineOnPage{
			Name:     line.text("name", 255),
			Quantity: line.integer("quantity"),
			Price:    formatMoney(line.integer("total_amount"), r.draft.currency),
		})
	}
	return v
}

// shippingOffers are the choices of shipping on the page. Their names and prices are the package's
// own.
var shippingOffers = []struct {
	name   string
	option ShippingOption
}{
	{"Express to the door", ShippingOption{
		Reference: "express", Price: 990, Type: "TO_DOOR", Attributes: []string{"EXPRESS", "TRACKED"}, Carrier: "Klarnatest Post",
	}},
	{"Pick-up point", ShippingOption{
		Reference: "pickup-point", Price: 290, Type: "PICKUP_POINT", Attributes: []string{"TRACKED"}, Carrier: "Klarnatest Post",
		Address: Address{StreetAddress: "Drottninggatan 71", PostalCode: "111 36", City: "Stockholm", Country: "SE"},
	}},
}

// cartShipping is the choice of the cart's shipping.
const cartShipping = "cart"

func (r *paymentRequest) offersOnPage() []offerOnPage {
	offers := []offerOnPage{{cartShipping, "As in the cart", formatMoney(0, r.draft.currency), r.shipping == nil}}
	for _, o := range shippingOffers {
		chosen := r.shipping != nil && r.shipping.Reference == o.option.Reference
		offers = append(offers, offerOnPage{o.option.Reference, o.name, "+" + formatMoney(o.option.Price, r.draft.currency), chosen})
	}
	return offers
}

// offer returns the option of a choice, nil for the cart's shipping.
func offer(value string) (option *ShippingOption, ok bool) {
	for _, o := range shippingOffers {
		if o.option.Reference == value {
			return &o.option, true
		}
	}
	return nil, value == cartShipping
}

func (r *paymentRequest) shippingOnPage() *shippingOnPage {
	if r.shipping == nil {
		return nil
	}
	v := &shippingOnPage{Name: r.shipping.Type, Price: formatMoney(r.shipping.Price, r.draft.currency)}
	for _, o := range shippingOffers {
		if o.option.Reference == r.shipping.Reference {
			v.Name = o.name
		}
	}
	b := r.shipping.body(testCustomer.Profile)
	v.Body = string(encode(struct {
		Reference string             `json:"shipping_reference,omitempty"`
		Address   Address            `json:"address"`
		Option    shippingOptionBody `json:"shipping_option"`
		Amount    int64              `json:"amount"`
	}{b.Reference, b.Address, b.Option, r.draft.amount}))
	return v
}

// answer renders the page. returnURL is the address to which a form may lead in the end, "" if
// there is none.
func (p purchasePage) answer(status int, returnURL string) answer {
	var body bytes.Buffer
	if err := purchaseTemplate.Execute(&body, p); err != nil {
		// The template does not match the structure.
		panic(fmt.Sprintf("klarnatest: render the purchase page: %v", err))
	}
	return answer{status: status, body: body.Bytes(), header: http.Header{
		"Content-Type": {"text/html; charset=utf-8"},
		"Content-Security-Policy": {"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; base-uri 'none'; " +
			"frame-ancestors 'none'; form-action 'self' http: https:" + appScheme(returnURL)},
		// The address gives access to the payment, so other sites must not see it. no-referrer
		// would also hide the origin of forms, which the server checks.
		"Referrer-Policy": {"same-origin"},
	}}
}

// appScheme returns the source with which form-action allows the app link of a return_url. Browsers
// apply form-action to every redirect after a form, including a shop's, so that no source narrower
// than a scheme is safe.
func appScheme(returnURL string) string {
	u, err := url.Parse(returnURL)
	// The last two schemes never belong to an app.
	if err != nil || slices.Contains([]string{"", "http", "https", "javascript", "data"}, u.Scheme) {
		return ""
	}
	return " " + u.Scheme + ":"
}
