package klarnatest_test

import (
	"html"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// newBrowser returns a customer's browser without JavaScript, which does not follow redirects.
func newBrowser(c client) client {
	c.http = &http.Client{
		Transport:     c.http.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c
}

// browse requests an address as a browser does, without an API key. body is a form, "" for none.
func (c client) browse(status int, method, address, form string, headers ...string) response {
	c.Helper()
	path, found := strings.CutPrefix(address, c.server.URL)
	if !found {
		c.Fatalf("%s is not the server's", address)
	}
	headers = append([]string{"Authorization: ", "Klarna-Idempotency-Key: ", "Content-Type: application/x-www-form-urlencoded"}, headers...)
	var body any
	if form != "" {
		body = form
	}
	return c.want(status, method, path, body, headers...)
}

// page returns the text that a person reads on the page, and its markup.
func (r response) page() string { return html.UnescapeString(string(r.raw)) }

func (c client) shows(r response, texts ...string) {
	c.Helper()
	for _, text := range texts {
		if !strings.Contains(r.page(), text) {
			c.Errorf("the page does not show %q:\n%s", text, r.raw)
		}
	}
}

func (c client) showsNot(r response, texts ...string) {
	c.Helper()
	for _, text := range texts {
		if strings.Contains(r.page(), text) {
			c.Errorf("the page shows %q:\n%s", text, r.raw)
		}
	}
}

// newPurchase returns the customer's browser and the payment request that it can open.
func newPurchase(t testing.TB, draft obj) (*klarnatest.Server, client, klarnatest.PaymentRequest) {
	t.Helper()
	server, c := newPair(t)
	c.want(201, "POST", requestsPath, draft)
	return server, newBrowser(c), server.PaymentRequests()[0]
}

func TestTheCustomerDecidesWithoutJavaScript(t *testing.T) {
	for press, want := range map[string]struct{ state, reason string }{
		"approve": {"COMPLETED", ""},
		"decline": {"DECLINED", "CUSTOMER_DECLINED"},
		"leave":   {"SUBMITTED", "PURCHASE_FLOW_ABORTED"},
	} {
		t.Run(press, func(t *testing.T) {
			server, c, r := newPurchase(t, draft(1999))
			shown := c.browse(200, "GET", r.PaymentRequestURL, "")
			c.shows(shown, `name="action" value="`+press+`"`)
			equal(t, "state once shown", server.PaymentRequests()[0].State, "IN_PROGRESS")

			sent := c.browse(303, "POST", r.PaymentRequestURL, "action="+press, "Sec-Fetch-Site: same-origin")
			now := server.PaymentRequests()[0]
			equal(t, "state", now.State, want.state)
			equal(t, "reason", now.StateReason, want.reason)
			back, err := url.Parse(sent.header.Get("Location"))
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "shop", back.Host, "shop.example")
			equal(t, "id in the return URL", back.Query().Get("id"), r.PaymentRequestID)
			equal(t, "state in the return URL", back.Query().Get("state"), want.state)
			equal(t, "token in the return URL", back.Query().Get("token"), now.SessionToken)
		})
	}
}

func TestOnlyTheCustomersGETOpensThePayment(t *testing.T) {
	server, c, r := newPurchase(t, draft(1999))
	for name, look := range map[string]func() response{
		"a HEAD":       func() response { return c.browse(200, "HEAD", r.PaymentRequestURL, "") },
		"a prefetch":   func() response { return c.browse(200, "GET", r.PaymentRequestURL, "", "Sec-Purpose: prefetch") },
		"the end page": func() response { return c.browse(200, "GET", r.PaymentRequestURL+"/done", "") },
		"the QR code":  func() response { return c.browse(200, "GET", r.PaymentRequestURL+"/qr.svg", "") },
		"the way back": func() response { return c.browse(303, "GET", r.PaymentRequestURL+"/return", "") },
	} {
		look()
		equal(t, "state after "+name, server.PaymentRequests()[0].State, "SUBMITTED")
	}
}

func TestThePageShowsThePurchase(t *testing.T) {
	d := draft(11_800)
	d["supplementary_purchase_data"] = obj{
		"purchase_reference": "order-1001",
		"line_items": []obj{
			{"name": "Espresso cups", "quantity": 2, "total_amount": 12_900},
			{"name": "Spring discount", "quantity": 1, "total_amount": -1100},
		},
	}
	_, c, r := newPurchase(t, d)
	shown := c.browse(200, "GET", r.PaymentRequestURL, "")
	c.shows(shown, "Klarna double", "Test page, no money moves", "<title>Pay €118.00", `<html lang="en">`, "<main>", "<h1>Pay €118.00</h1>",
		"order-1001", "request-1", "Espresso cups", "€129.00", "−€11.00", r.PaymentRequestID, r.ExpiresAt.Format("expires 2 January 2006 15:04 UTC"))
	c.showsNot(shown, "+denied")
}

func TestThePageWritesAmountsForPeople(t *testing.T) {
	for want, tc := range map[string]struct {
		currency string
		amount   int64
	}{
		"€0.05":                       {"EUR", 5},
		"$1,234.50":                   {"USD", 123_450},
		"£12.00":                      {"GBP", 1200},
		"SEK\u00a0999.99":             {"SEK", 99_999},
		"HUF\u00a01,000,000.00":       {"HUF", 100_000_000},
		"€92,233,720,368,547,758.07":  {"EUR", 1<<63 - 1},
		"−€92,233,720,368,547,758.08": {"EUR", 0}, // on a line that other lines offset
	} {
		t.Run(want, func(t *testing.T) {
			d := draft(tc.amount)
			d["currency"] = tc.currency
			if strings.HasPrefix(want, "−") {
				d["supplementary_purchase_data"] = obj{"line_items": []obj{
					{"name": "a", "quantity": 1, "total_amount": int64(-1 << 63)},
					{"name": "b", "quantity": 1, "total_amount": int64(1<<63 - 1)},
					{"name": "c", "quantity": 1, "total_amount": 1},
				}}
			}
			_, c, r := newPurchase(t, d)
			c.shows(c.browse(200, "GET", r.PaymentRequestURL, ""), ">"+want+"<")
		})
	}
}

func TestHostileTextIsEscaped(t *testing.T) {
	const hostile = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	d := draft(1)
	d["payment_request_reference"] = hostile
	d["supplementary_purchase_data"] = obj{
		"purchase_reference": hostile,
		"line_items":         []obj{{"name": hostile, "quantity": 1, "total_amount": 1}},
	}
	server, c, r := newPurchase(t, d)
	if err := server.ChangeShipping(r.PaymentRequestID, klarnatest.ShippingOption{Type: hostile, Carrier: hostile}); err != nil {
		t.Fatal(err)
	}
	shown := c.browse(200, "GET", r.PaymentRequestURL, "")
	if strings.Contains(string(shown.raw), "<script>alert") || strings.Contains(string(shown.raw), "<img src=x") {
		t.Errorf("the page holds the shop's markup:\n%s", shown.raw)
	}
	equal(t, "times it is shown as text", strings.Count(shown.page(), hostile) >= 4, true)
}

func TestPageSetsSecurityHeaders(t *testing.T) {
	app := draft(1)
	app["customer_interaction_config"] = obj{"method": "SDK", "return_url": "shop-app://back"}
	script := draft(1)
	script["customer_interaction_config"] = obj{"method": "SDK", "return_url": "javascript:alert(1)"}
	for name, tc := range map[string]struct {
		draft  obj
		forms  string
		status int
		path   string
	}{
		"a shop on the web": {draft(1), "form-action 'self' http: https:", 200, ""},
		"a shop in an app":  {app, "form-action 'self' http: https: shop-app:", 200, ""},
		"a shop of no kind": {script, "form-action 'self' http: https:", 200, ""},
		"an error page":     {draft(1), "form-action 'self' http: https:", 404, "/nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			_, c, r := newPurchase(t, tc.draft)
			shown := c.browse(tc.status, "GET", r.PaymentRequestURL+tc.path, "")
			equal(t, "policy", shown.header.Get("Content-Security-Policy"), "default-src 'none'; style-src 'self'; script-src 'self'; "+
				"img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "+tc.forms)
			equal(t, "type", shown.header.Get("Content-Type"), "text/html; charset=utf-8")
			equal(t, "cache", shown.header.Get("Cache-Control"), "no-store")
			equal(t, "sniffing", shown.header.Get("X-Content-Type-Options"), "nosniff")
			equal(t, "referrer", shown.header.Get("Referrer-Policy"), "same-origin")
			equal(t, "other origins", shown.header.Get("Access-Control-Allow-Origin"), "")
		})
	}
}

func TestCrossSiteFormIsRefused(t *testing.T) {
	server, c, r := newPurchase(t, draft(1))
	for name, header := range map[string]string{
		"another site":                "Sec-Fetch-Site: cross-site",
		"another origin of the site":  "Sec-Fetch-Site: same-site",
		"an older browser, elsewhere": "Origin: https://evil.example",
		"a page without an origin":    "Origin: null",
	} {
		t.Run(name, func(t *testing.T) {
			c.browse(403, "POST", r.PaymentRequestURL, "action=approve", header)
			equal(t, "state", server.PaymentRequests()[0].State, "SUBMITTED")
		})
	}
	c.browse(303, "POST", r.PaymentRequestURL, "action=approve", "Origin: "+server.URL)
	equal(t, "state after the page's own form", server.PaymentRequests()[0].State, "COMPLETED")
}

func TestPageShowsAFinalState(t *testing.T) {
	for heading, end := range map[string]func(*klarnatest.Server, client, string){
		"Payment approved": func(s *klarnatest.Server, _ client, id string) { s.Approve(id) },
		"Payment declined": func(s *klarnatest.Server, _ client, id string) { s.Decline(id) },
		"Payment expired":  func(s *klarnatest.Server, _ client, _ string) { s.Advance(4 * 60 * 60 * 1e9) },
		"Payment canceled": func(_ *klarnatest.Server, c client, id string) { c.want(200, "DELETE", requestsPath+"/"+id, nil) },
	} {
		t.Run(heading, func(t *testing.T) {
			server, c, r := newPurchase(t, draft(1999))
			end(server, c, r.PaymentRequestID)
			state := server.PaymentRequests()[0].State
			for _, shown := range []response{
				c.browse(200, "GET", r.PaymentRequestURL, ""),
				c.browse(200, "GET", r.PaymentRequestURL+"/done", ""),
				c.browse(409, "POST", r.PaymentRequestURL, "action=approve"),
				c.browse(409, "POST", r.PaymentRequestURL, "action=shipping&option=express"),
			} {
				c.shows(shown, "<h1>"+heading+"</h1>", `data-state="`+state+`"`, " data-done", `href="`+r.PaymentRequestURL[len(server.URL):]+`/return"`)
				c.showsNot(shown, "<form", "expires")
			}
			equal(t, "state", server.PaymentRequests()[0].State, state)
			back := c.browse(303, "GET", r.PaymentRequestURL+"/return", "").header.Get("Location")
			equal(t, "back to the shop", strings.HasPrefix(back, "https://shop.example/back?id=krn%3A") && strings.HasSuffix(back, "&state="+state), true)
		})
	}
}

func TestPageWithoutReturnURLShowsTheResult(t *testing.T) {
	d := draft(1)
	d["customer_interaction_config"] = obj{"method": "QR_CODE"}
	server, c, r := newPurchase(t, d)
	done := r.PaymentRequestURL[len(server.URL):] + "/done"
	equal(t, "where leaving leads", c.browse(303, "POST", r.PaymentRequestURL, "action=leave").header.Get("Location"), done)
	shown := c.browse(200, "GET", server.URL+done, "")
	c.shows(shown, "<h1>Not paid</h1>", "Open the payment again")
	c.showsNot(shown, "Back to the shop")
	equal(t, "state", server.PaymentRequests()[0].State, "SUBMITTED")
	c.browse(404, "GET", r.PaymentRequestURL+"/return", "")

	c.browse(200, "GET", r.PaymentRequestURL, "")
	c.shows(c.browse(200, "GET", server.URL+done, ""), "<h1>Not paid yet</h1>")
	equal(t, "where approving leads", c.browse(303, "POST", r.PaymentRequestURL, "action=approve").header.Get("Location"), done)
	c.shows(c.browse(200, "GET", server.URL+done, ""), "<h1>Payment approved</h1>", "You may close this page")
}

func TestAReturnURLReachesTheBrowserInASCII(t *testing.T) {
	d := draft(1)
	d["customer_interaction_config"] = obj{"method": "HANDOVER", "return_url": "https://shop.example/köp och åter/{klarna.payment_request.state}"}
	_, c, r := newPurchase(t, d)
	equal(t, "address", c.browse(303, "POST", r.PaymentRequestURL, "action=approve").header.Get("Location"),
		"https://shop.example/k%C3%B6p%20och%20%C3%A5ter/COMPLETED")
}

func TestSDKWindowNotifiesItsOpener(t *testing.T) {
	server, c, r := newPurchase(t, draft(1))
	const query = "?origin=https%3A%2F%2Fshop.example%3A8443"
	shown := c.browse(200, "GET", r.PaymentRequestURL+query, "")
	c.shows(shown, `data-opener-origin="https://shop.example:8443"`, `data-payment-request-id="`+r.PaymentRequestID+`"`)
	c.showsNot(shown, " data-done")

	sent := c.browse(303, "POST", r.PaymentRequestURL+query, "action=approve&popup=1").header.Get("Location")
	equal(t, "where it stays", sent, r.PaymentRequestURL[len(server.URL):]+"/done"+query)
	c.shows(c.browse(200, "GET", server.URL+sent, ""), `data-opener-origin="https://shop.example:8443"`, `data-state="COMPLETED"`, " data-done")

	for name, form := range map[string]struct{ query, form string }{
		"without JavaScript": {query, "action=approve"},
		"without an opener":  {"", "action=approve&popup=1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, c, r := newPurchase(t, draft(1))
			sent := c.browse(303, "POST", r.PaymentRequestURL+form.query, form.form).header.Get("Location")
			equal(t, "goes to the shop", strings.HasPrefix(sent, "https://shop.example/"), true)
		})
	}
}

func TestTheCustomerChoosesShippingOnThePage(t *testing.T) {
	server, c, r := newPurchase(t, draft(1000))
	const query = "?origin=https%3A%2F%2Fshop.example"
	c.showsNot(c.browse(200, "GET", r.PaymentRequestURL, ""), "chosen here", "data-shipping")
	for _, step := range []struct {
		option string
		amount int64
	}{{"express", 1990}, {"pickup-point", 1290}, {"cart", 1000}, {"express", 1990}} {
		sent := c.browse(303, "POST", r.PaymentRequestURL+query, "action=shipping&option="+step.option).header.Get("Location")
		equal(t, "stays on the page", server.URL+sent, r.PaymentRequestURL+query)
		equal(t, "amount with "+step.option, server.PaymentRequests()[0].Amount, step.amount)
		c.shows(c.browse(200, "GET", server.URL+sent, ""), `value="`+step.option+`" checked`)
	}
	c.shows(c.browse(200, "GET", r.PaymentRequestURL, ""), "Express to the door, chosen here", "Pay €19.90", `"amount":1990`, `"shipping_type":"TO_DOOR"`)
	c.browse(303, "POST", r.PaymentRequestURL, "action=approve")
	read := c.want(200, "GET", requestsPath+"/"+r.PaymentRequestID, nil)
	equal(t, "shipping", read.text("state_context.shipping.shipping_reference"), "express")
}

func TestPageDeniesTheDeniedTestCustomer(t *testing.T) {
	d := draft(1)
	d["supplementary_purchase_data"] = obj{"customer": obj{"email": "jo+denied@example.com"}}
	server, c, r := newPurchase(t, d)
	c.shows(c.browse(200, "GET", r.PaymentRequestURL, ""), "“+denied”")
	sent := c.browse(303, "POST", r.PaymentRequestURL, "action=approve").header.Get("Location")
	equal(t, "state in the return URL", strings.HasSuffix(sent, "&state=DECLINED"), true)
	equal(t, "state", server.PaymentRequests()[0].State, "DECLINED")
}

func TestThePageAsksForTheCustomersToken(t *testing.T) {
	token := obj{"scopes": []string{"payment:customer_not_present"}, "customer_token_reference": "token-1"}
	t.Run("together with a payment", func(t *testing.T) {
		d := draft(1000)
		d["request_customer_token"] = token
		_, c, r := newPurchase(t, d)
		c.shows(c.browse(200, "GET", r.PaymentRequestURL, ""), "Pay €10.00", "to charge later payments", "Change the shipping")
	})
	t.Run("without a payment", func(t *testing.T) {
		server, c := newPair(t)
		c = newBrowser(c)
		o := stepUp(1000)
		delete(o, "request_payment_transaction")
		delete(o, "supplementary_purchase_data")
		o["request_customer_token"] = token
		c.want(200, "POST", authorizePath, o)
		address := server.PaymentRequests()[0].PaymentRequestURL
		shown := c.browse(200, "GET", address, "")
		c.shows(shown, "<h1>Allow later payments</h1>", "pays nothing now")
		c.showsNot(shown, "<table", "0.00", "shipping")
		c.browse(303, "POST", address, "action=approve")
		equal(t, "state", server.PaymentRequests()[0].State, "COMPLETED")
	})
}

func TestUnknownPagesAndFormsAreRefused(t *testing.T) {
	server, c, r := newPurchase(t, draft(1))
	for name, tc := range map[string]struct {
		status             int
		method, path, form string
	}{
		"an unknown payment":             {404, "GET", r.PaymentRequestURL + "x", ""},
		"an unknown payment's form":      {404, "POST", r.PaymentRequestURL + "x", "action=approve"},
		"a whole id in the path":         {404, "GET", server.URL + "/customer/payment-requests/" + r.PaymentRequestID, ""},
		"an unknown page":                {404, "GET", r.PaymentRequestURL + "/receipt", ""},
		"something else of the customer": {404, "GET", server.URL + "/customer/login", ""},
		"a form to the end page":         {405, "POST", r.PaymentRequestURL + "/done", "action=approve"},
		"a deletion":                     {405, "DELETE", r.PaymentRequestURL, ""},
		"no decision":                    {400, "POST", r.PaymentRequestURL, "action="},
		"no form":                        {400, "POST", r.PaymentRequestURL, "%zz"},
		"no body":                        {400, "POST", r.PaymentRequestURL, ""},
		"unknown shipping":               {400, "POST", r.PaymentRequestURL, "action=shipping&option=drone"},
		"an origin with a path":          {400, "GET", r.PaymentRequestURL + "?origin=https://shop.example/", ""},
		"an origin of another kind":      {400, "GET", r.PaymentRequestURL + "?origin=javascript://shop.example", ""},
		"any origin":                     {400, "GET", r.PaymentRequestURL + "?origin=*", ""},
		"an origin with a user":          {400, "GET", r.PaymentRequestURL + "?origin=https://a@shop.example", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.browse(tc.status, tc.method, tc.path, tc.form)
			equal(t, "state", server.PaymentRequests()[0].State, "SUBMITTED")
		})
	}
}

func TestQRCodeIsMarkedAsPlaceholder(t *testing.T) {
	d := draft(1)
	d["customer_interaction_config"] = obj{"method": "QR_CODE"}
	server, c := newPair(t)
	code := c.want(201, "POST", requestsPath, d).text("state_context.customer_interaction.qr_code.image_url")
	image := c.browse(200, "GET", code, "")
	equal(t, "type", image.header.Get("Content-Type"), "image/svg+xml")
	c.shows(image, "no QR code", server.PaymentRequests()[0].PaymentRequestURL)
}

func TestBrowsersAreServedWithoutASocket(t *testing.T) {
	server, c := newSocketless(t)
	c = newBrowser(c)
	id := c.start(1999)
	page := server.PaymentRequests()[0].PaymentRequestURL
	head := c.browse(200, "HEAD", page, "")
	equal(t, "bytes after a HEAD", len(head.raw), 0)
	c.shows(c.browse(200, "GET", page, ""), "Pay €19.99")
	c.browse(303, "POST", page, "action=approve", "Sec-Fetch-Site: same-origin")
	equal(t, "approved", server.PaymentRequests()[0].State, "COMPLETED")
	equal(t, "id", server.PaymentRequests()[0].PaymentRequestID, id)
	c.browse(200, "GET", server.URL+"/web-sdk/v2/klarna.mjs", "")
}

func TestPageAndSDKFilesAreComplete(t *testing.T) {
	server, c := newPair(t)
	for path, tc := range map[string]struct{ contentType, holds string }{
		"/web-sdk/v2/klarna.mjs": {"text/javascript; charset=utf-8", "export function KlarnaSDK("},
		"/customer/purchase.js":  {"text/javascript; charset=utf-8", "postMessage"},
		"/customer/purchase.css": {"text/css; charset=utf-8", "prefers-color-scheme: dark"},
		"/customer/icon.svg":     {"image/svg+xml", "<svg"},
		"/favicon.ico":           {"image/svg+xml", "<svg"},
	} {
		t.Run(path, func(t *testing.T) {
			file := c.browse(200, "GET", server.URL+path, "")
			c.shows(file, tc.holds)
			equal(t, "type", file.header.Get("Content-Type"), tc.contentType)
			equal(t, "origins that may import it", file.header.Get("Access-Control-Allow-Origin"), "*")
			equal(t, "pages that may embed it", file.header.Get("Cross-Origin-Resource-Policy"), "cross-origin")
			equal(t, "methods", c.browse(405, "POST", server.URL+path, "a=b").header.Get("Allow"), "GET, HEAD")
		})
	}
	c.browse(401, "GET", server.URL+"/web-sdk/v2/other.mjs", "")
}

func TestBrowserRequestsMeetNoFaults(t *testing.T) {
	server, c, r := newPurchase(t, draft(1))
	before := len(server.Requests())
	server.Script(klarnatest.Fault{})
	c.browse(200, "GET", r.PaymentRequestURL, "")
	c.browse(200, "GET", server.URL+"/favicon.ico", "")
	equal(t, "requests recorded", len(server.Requests()), before)
	c.want(503, "GET", requestsPath+"/"+r.PaymentRequestID, nil) // faults are for the API
}

// FuzzCustomerForm sends forms that no browser would send. Every answer must be one of the page's
// own, and must lead only to the page or to the shop.
func FuzzCustomerForm(f *testing.F) {
	for _, seed := range []struct{ page, query, form string }{
		{"", "origin=https://shop.example", "action=approve&popup=1"},
		{"/done", "", ""},
		{"", "origin=%00&origin=x", "action=shipping&option=express"},
		{"/return", "a;b", "action=leave"},
		{"/qr.svg", "", "%zz"},
	} {
		f.Add(seed.page, seed.query, seed.form)
	}
	f.Fuzz(func(t *testing.T, page, query, form string) {
		server, c := newSocketless(t)
		c.want(201, "POST", requestsPath, draft(1000))
		paid := server.PaymentRequests()[0]
		for _, method := range []string{"GET", "POST"} {
			address, err := url.Parse(paid.PaymentRequestURL)
			if err != nil {
				t.Fatal(err)
			}
			address.Path += page
			address.RawQuery = query
			request := (&http.Request{Method: method, URL: address, Header: http.Header{}}).WithContext(t.Context())
			if method == "POST" {
				request.Body = http.NoBody
				if form != "" {
					request.Body = io.NopCloser(strings.NewReader(form))
				}
			}
			answer, err := server.Transport().RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			switch location := answer.Header.Get("Location"); answer.StatusCode {
			case 200, 400, 401, 404, 405, 409:
			case 303:
				if !strings.HasPrefix(location, "https://shop.example/back?") && !strings.HasPrefix(server.URL+location, paid.PaymentRequestURL) {
					t.Errorf("%s %s leads to %q", method, address, location)
				}
			default:
				t.Errorf("%s %s: status %d", method, address, answer.StatusCode)
			}
		}
	})
}
