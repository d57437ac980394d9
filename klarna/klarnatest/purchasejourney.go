package klarnatest

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

const (
	customerPath         = "/customer/payment-requests/"
	paymentRequestPrefix = "krn:payment:eu1:request:"
)

// customer answers the browser of a customer. Its addresses, after payment_request_url, are:
//
//	(none)   GET opens the payment and shows it, POST carries out the customer's decision
//	/done    the result, without opening the payment
//	/return  a redirect to return_url
//	/qr.svg  an image in place of a QR code
func (s *Server) customer(r *http.Request, path string) answer {
	id, _ := strings.CutPrefix(path, "payment-requests/")
	id, page, _ := strings.Cut(id, "/")
	id = paymentRequestPrefix + id
	methods := []string{http.MethodGet, http.MethodHead}
	if page == "" {
		methods = append(methods, http.MethodPost)
	}
	if refused := refuseMethod(r, methods...); refused != nil {
		return *refused
	}
	origin := r.URL.Query().Get("origin")
	if origin != "" && !isOrigin(origin) {
		return sorry(http.StatusBadRequest, "Not a valid address", "What it gives as the origin of the shop’s page is none.")
	}
	if r.Method == http.MethodGet && page == "" && r.Header.Get("Sec-Purpose") == "" {
		// A HEAD request and a browser that prefetches open nothing: the customer has not seen the
		// page.
		_ = s.Open(id) // a payment request that cannot be opened is shown as it is
	}
	v, ok := s.look(id, page == "done")
	switch {
	case !ok:
		return notOnPage()
	case page == "return" && v.returnURL != "":
		return redirect(v.returnURL)
	case page == "qr.svg":
		return noQRCode(v.url)
	case page != "" && page != "done":
		return sorry(http.StatusNotFound, "Page not found", "There is no page at this address.")
	case r.Method == http.MethodPost:
		return s.choose(r, id, origin)
	}
	return v.answer(http.StatusOK, origin)
}

// view is a payment request as a browser sees it.
type view struct {
	page      purchasePage
	url       string
	returnURL string // with its placeholders filled
}

func (v view) answer(status int, origin string) answer {
	v.page.OpenerOrigin = origin
	return v.page.answer(status, v.returnURL)
}

func (s *Server) look(id string, done bool) (v view, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	r, ok := s.paymentRequests.byID[id]
	if !ok {
		return view{}, false
	}
	return view{r.page(done), r.customerURL, fillPlaceholders(r.draft.interaction.returnURL, r)}, true
}

// sameOrigin refuses a form that another site sends in the customer's name.
var sameOrigin = http.NewCrossOriginProtection()

// choose carries out the customer's decision and redirects the browser to return_url. It redirects
// to the result page if there is no return_url or another window waits for the result.
func (s *Server) choose(r *http.Request, id, origin string) answer {
	if err := sameOrigin.Check(r); err != nil {
		return sorry(http.StatusForbidden, "Not allowed", "The form did not come from this page.")
	}
	body, err := readForm(r)
	form, problem := url.ParseQuery(string(body))
	if err != nil || problem != nil {
		return sorry(http.StatusBadRequest, "Not a valid form", "The browser’s form cannot be read.")
	}
	query := ""
	if origin != "" {
		query = "?origin=" + url.QueryEscape(origin)
	}
	var back string
	switch form.Get("action") {
	case "approve":
		back, err = s.Approve(id)
	case "decline":
		back, err = s.Decline(id)
	case "leave":
		back, err = s.Abandon(id)
	case "shipping":
		option, ok := offer(form.Get("option"))
		if !ok {
			return sorry(http.StatusBadRequest, "Not a valid form", "There is no such shipping.")
		}
		if err = s.chooseShipping(id, option); err == nil {
			return redirect(r.URL.Path + query)
		}
	default:
		return sorry(http.StatusBadRequest, "Not a valid form", "It holds no decision.")
	}
	if err != nil {
		if v, ok := s.look(id, false); ok {
			return v.answer(http.StatusConflict, origin)
		}
		return notOnPage()
	}
	if back == "" || origin != "" && form.Has("popup") {
		back = r.URL.Path + "/done" + query
	}
	return redirect(back)
}

// isOrigin reports whether s is the origin of a web page, to which a message can be addressed.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && s == u.Scheme+"://"+u.Host
}

// notInLocation matches the characters that a return_url may contain and a header may not.
var notInLocation = regexp.MustCompile(`[^\x21-\x7e]+`)

// redirect makes the browser GET an address.
func redirect(to string) answer {
	location := notInLocation.ReplaceAllStringFunc(to, url.PathEscape)
	return answer{status: http.StatusSeeOther, header: http.Header{"Location": {location}}}
}

func notOnPage() answer {
	return sorry(http.StatusNotFound, "Payment not found", "There is no payment at this address.")
}

func sorry(status int, heading, sentence string) answer {
	return purchasePage{Heading: heading, Sentence: sentence}.answer(status, "")
}

// noQRCode returns an image that says that it is no QR code: a code of a loopback address would be
// useless to a phone.
func noQRCode(target string) answer {
	body := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 880 120" role="img" aria-label="Klarna double: no QR code">`+
		`<rect width="880" height="120" fill="#fff"/><g font-family="sans-serif" fill="#18211e">`+
		`<text x="20" y="50" font-size="24">Klarna double: no QR code. Open this address instead:</text>`+
		`<text x="20" y="88" font-size="16">%s</text></g></svg>`, html.EscapeString(target))
	return answer{status: http.StatusOK, body: []byte(body), header: http.Header{"Content-Type": {"image/svg+xml"}}}
}
