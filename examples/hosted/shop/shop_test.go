package shop_test

import (
	"encoding/json"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/examples/hosted/shop"
	"github.com/klarna-go/klarna-go/klarna"
)

// checkoutDouble is an Acquiring Partner that says of its one session what a test wants.
type checkoutDouble struct {
	answer  string
	status  int
	asked   []string
	key     string
	session map[string]any
}

func (d *checkoutDouble) RoundTrip(r *http.Request) (*http.Response, error) {
	d.asked = append(d.asked, r.Method+" "+r.URL.String())
	d.key = r.Header.Get("Authorization")
	if r.Body != nil {
		if err := json.NewDecoder(r.Body).Decode(&d.session); err != nil {
			return nil, err
		}
	}
	return &http.Response{StatusCode: d.status, Status: http.StatusText(d.status), Header: http.Header{}, Body: io.NopCloser(strings.NewReader(d.answer)), Request: r}, nil
}

func newShop(answer string) (*shop.Shop, *checkoutDouble) {
	d := &checkoutDouble{answer: answer, status: http.StatusOK}
	return shop.New(shop.Config{
		URL: "https://shop.example", CheckoutURL: "https://pay.example", Key: klarna.NewSecret("the-key"), Transport: d,
		Aside: func(string) template.HTML { return "<aside>beside</aside>" }, Logger: slog.New(slog.DiscardHandler),
	}), d
}

func send(t *testing.T, s *shop.Shop, method, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestTheCartSumsItsLines(t *testing.T) {
	s, _ := newShop("")
	body := send(t, s, http.MethodGet, "/").Body.String()
	for _, want := range []string{"<h1>Your cart</h1>", "€56.00", "−€6.00", "€118.00", `<form method="post" action="/pay">`} {
		if !strings.Contains(body, want) {
			t.Errorf("the cart lacks %s", want)
		}
	}
	if w := send(t, s, http.MethodGet, "/nowhere"); w.Code != http.StatusNotFound {
		t.Errorf("no page: %d", w.Code)
	}
}

// order has a customer check out, and returns the path of the order.
func order(t *testing.T, s *shop.Shop, d *checkoutDouble) string {
	t.Helper()
	w := send(t, s, http.MethodPost, "/pay")
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "https://pay.example/checkout/s1" {
		t.Fatalf("%d to %q", w.Code, w.Header().Get("Location"))
	}
	path, ok := strings.CutPrefix(d.session["return_url"].(string), "https://shop.example")
	if !ok {
		t.Fatalf("return_url %v", d.session["return_url"])
	}
	return path
}

const session = `{"session_id":"s1","checkout_url":"https://pay.example/checkout/s1","status":"NEW","amount":11800}`

func TestTheOrderGoesToTheCheckout(t *testing.T) {
	s, d := newShop(session)
	path := order(t, s, d)
	if d.key != "Bearer the-key" || d.asked[0] != "POST https://pay.example/sessions" || d.session["amount"] != 11800.0 || d.session["currency"] != "EUR" {
		t.Errorf("%s with %s: %v", d.asked, d.key, d.session)
	}
	if path != "/orders/"+d.session["reference"].(string) {
		t.Errorf("the customer comes back to %s", path)
	}
}

func TestOnlyTheCheckoutsWordIsAConfirmation(t *testing.T) {
	for name, test := range map[string]struct {
		answer string
		want   []string
		not    string
	}{
		"paid": {
			`{"session_id":"s1","status":"PAID","amount":11800,"method":"KLARNA"}`,
			[]string{"Thank you for your order", "It is paid with Klarna", "€118.00", "<aside>beside</aside>"}, "Other shipping",
		},
		"paid with other shipping": {
			`{"session_id":"s1","status":"PAID","amount":12790,"method":"KLARNA"}`, []string{"Other shipping", "€9.90", "€127.90"}, "not paid",
		},
		"paid with the stand-in": {
			`{"session_id":"s1","status":"PAID","amount":11800,"method":"CARD"}`, []string{"nobody was charged"}, "with Klarna",
		},
		"waiting": {
			`{"session_id":"s1","status":"WAITING","checkout_url":"https://pay.example/checkout/s1"}`,
			[]string{"Your order is not paid yet", `href="https://pay.example/checkout/s1"`}, "Thank you",
		},
		"unpaid":  {`{"session_id":"s1","status":"UNPAID"}`, []string{"Your order is not paid yet"}, "Thank you"},
		"unclear": {`{"session_id":"s1","status":"UNCLEAR"}`, []string{"Your order is not paid yet"}, "Thank you"},
	} {
		t.Run(name, func(t *testing.T) {
			s, d := newShop(session)
			path := order(t, s, d)
			d.answer = test.answer
			body := send(t, s, http.MethodGet, path+"?status=PAID&payment_request_state=COMPLETED").Body.String()
			for _, want := range test.want {
				if !strings.Contains(body, want) {
					t.Errorf("the page lacks %q", want)
				}
			}
			if strings.Contains(body, test.not) {
				t.Errorf("the page has %q", test.not)
			}
			if last := d.asked[len(d.asked)-1]; last != "GET https://pay.example/sessions/s1" {
				t.Errorf("the shop asked %s", last)
			}
		})
	}
}

func TestACheckoutThatIsDownConfirmsNothing(t *testing.T) {
	s, d := newShop(session)
	path := order(t, s, d)
	d.status = http.StatusInternalServerError
	for name, w := range map[string]*httptest.ResponseRecorder{
		"the order": send(t, s, http.MethodGet, path), "the cart": send(t, s, http.MethodPost, "/pay"),
	} {
		if w.Code != http.StatusBadGateway || !strings.Contains(w.Body.String(), "We cannot reach the checkout") {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	if w := send(t, s, http.MethodGet, "/orders/KK-ANOTHER"); w.Code != http.StatusNotFound {
		t.Errorf("no such order: %d", w.Code)
	}
}

func TestHeaders(t *testing.T) {
	s, _ := newShop("")
	w := send(t, s, http.MethodGet, "/")
	want := "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; form-action 'self' https://pay.example; " +
		"base-uri 'none'; frame-ancestors 'none'"
	if got := w.Header().Get("Content-Security-Policy"); got != want {
		t.Errorf("%q\nwant %q", got, want)
	}
	if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%v", w.Header())
	}
}

func TestAnotherSiteOrdersForNobody(t *testing.T) {
	s, d := newShop(session)
	if w := send(t, s, http.MethodPost, "/pay", "Sec-Fetch-Site", "cross-site"); w.Code != http.StatusForbidden || len(d.asked) != 0 {
		t.Errorf("%d, asked %v", w.Code, d.asked)
	}
}
