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
	OpenerOrigin string         // whom the page tells what happened, "" when it is in the customer's own window
	Request      *requestOnPage // nil when there is none to show
	Choices      bool           // the customer may decide; otherwise
	Done         bool           // the customer decided, or somebody else did
	Agreement    string         // what approving means
	Notes        []string
	Offers       []offerOnPage
	Links        []link
}

type requestOnPage struct {
	ID                string
	Reference         string
	PurchaseReference string
	State             string
	Amount            string // "" when nothing is paid
	ExpiresAt         string // "" when it no longer matters
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
	Body        string // what the page tells the SDK
}

type offerOnPage struct {
	Value, Name, Price string
	Chosen             bool
}

type link struct{ Href, Text string }

// endings say what became of a payment request for which there is nothing to choose.
var endings = map[string]purchasePage{
	stateSubmitted:  {Heading: "Not paid", Sentence: "The customer left. The payment can still be made until it expires."},
	stateInProgress: {Heading: "Not paid yet", Sentence: "The payment is open in another window."},
	stateCompleted:  {Heading: "Payment approved", Sentence: "The shop has been told. You may close this page."},
	stateDeclined:   {Heading: "Payment declined", Sentence: "Klarna denied this payment. The shop may offer another way to pay."},
	stateExpired:    {Heading: "Payment expired", Sentence: "The time for this payment is over. Please start again in the shop."},
	stateCanceled:   {Heading: "Payment canceled", Sentence: "The shop canceled this payment."},
}

// open tells whether the customer may still decide.
func (r *paymentRequest) open() bool { return r.state == stateSubmitted || r.state == stateInProgress }

// page shows r. A page that is done offers no choices, even where the customer could come back.
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
		notes = append(notes, "Whoever approves allows the shop later payments, too.")
	}
	if r.draft.purchase.deniedTestCustomer() {
		notes = append(notes, "The customer’s email has “+denied”: whoever approves is declined.")
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
	// What is wrong with it was said to the caller when it came.
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

// shippingOffers are what the page lets a customer choose. Name and price are the double's.
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

// cartShipping is the choice of what the cart had.
const cartShipping = "cart"

func (r *paymentRequest) offersOnPage() []offerOnPage {
	offers := []offerOnPage{{cartShipping, "As in the cart", formatMoney(0, r.draft.currency), r.shipping == nil}}
	for _, o := range shippingOffers {
		chosen := r.shipping != nil && r.shipping.Reference == o.option.Reference
		offers = append(offers, offerOnPage{o.option.Reference, o.name, "+" + formatMoney(o.option.Price, r.draft.currency), chosen})
	}
	return offers
}

// offer finds the option of a choice. nil is the cart's.
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

// answer renders the page. returnURL is where a form may lead in the end, "" if nowhere.
func (p purchasePage) answer(status int, returnURL string) answer {
	var body bytes.Buffer
	if err := purchaseTemplate.Execute(&body, p); err != nil {
		panic(fmt.Sprintf("klarnatest: render the purchase page: %v", err)) // template and structure do not fit
	}
	return answer{status: status, body: body.Bytes(), header: http.Header{
		"Content-Type": {"text/html; charset=utf-8"},
		"Content-Security-Policy": {"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; base-uri 'none'; " +
			"frame-ancestors 'none'; form-action 'self' http: https:" + appScheme(returnURL)},
		// The address is the key to the payment. An origin must go with the forms, though, which
		// no-referrer would hide.
		"Referrer-Policy": {"same-origin"},
	}}
}

// appScheme is the source by which form-action allows the app link of a return_url. Browsers hold
// every redirect after a form to form-action, those of a shop too, so that no narrower one than a
// scheme is safe.
func appScheme(returnURL string) string {
	u, err := url.Parse(returnURL)
	if err != nil || slices.Contains([]string{"", "http", "https", "javascript", "data"}, u.Scheme) { // the last two are nobody's app
		return ""
	}
	return " " + u.Scheme + ":"
}
