package checkout_test

import (
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/examples/hosted/checkout"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
	"github.com/klarna-go/klarna-go/webhook"
)

const (
	partnerKey = "the-partner's-own-key"
	orderURL   = "https://shop.example/orders/1"
	cartURL    = "https://shop.example/cart"
)

// stage is a checkout with Klarna's double, and a browser that follows no redirect.
type stage struct {
	t           *testing.T
	klarna      *klarnatest.Server
	coordinator *flow.Coordinator
	url         string
	browser     *http.Client
	// later is how far the coordinator's clock is ahead.
	later atomic.Int64
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, klarna: klarnatest.NewServer(t), browser: &http.Client{
		Transport:     new(http.Transport),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	t.Cleanup(s.browser.CloseIdleConnections)
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	s.url = server.URL
	quiet := slog.New(slog.DiscardHandler)
	client, err := klarna.NewClient(s.klarna.APIKey, klarna.WithBaseURL(s.klarna.URL), klarna.WithLogger(quiet), klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: 1}))
	if err != nil {
		t.Fatal(err)
	}
	if s.coordinator, err = flow.New(client, flow.NewMemoryStore(), klarna.NewSecret(strings.Repeat("s", 32)), flow.WithLogger(quiet),
		flow.WithClock(func() time.Time { return time.Now().Add(time.Duration(s.later.Load())) })); err != nil {
		t.Fatal(err)
	}
	key := s.klarna.Subscribe(server.URL+"/klarna/webhook", "payment.request.*")
	verifier, err := webhook.NewVerifier(webhook.Key{ID: key.ID, Secret: webhook.NewSecret(key.Secret)})
	if err != nil {
		t.Fatal(err)
	}
	c, err := checkout.New(checkout.Config{
		URL: server.URL, Client: client, Coordinator: s.coordinator, Verifier: verifier, PartnerAccountID: s.klarna.PartnerAccountID,
		PartnerKey: klarna.NewSecret(partnerKey), ClientID: s.klarna.ClientID, SDK: s.klarna.URL + "/web-sdk/v2/klarna.mjs",
		Sources: []string{s.klarna.URL}, Logger: quiet,
		Aside: func(string) template.HTML { return "<aside>beside</aside>" },
	})
	if err != nil {
		t.Fatal(err)
	}
	handler = c
	return s
}

func order() checkout.Order {
	return checkout.Order{
		Reference: "order-1", Amount: 118_00, Currency: "EUR", Locale: "en-DE", ReturnURL: orderURL, CancelURL: cartURL,
		LineItems: []checkout.Line{{Name: "Cup", Quantity: 2, TotalAmount: 120_00}, {Name: "Discount", Quantity: 1, TotalAmount: -2_00}},
	}
}

// answer is what a browser or a server was answered.
type answer struct {
	status   int
	header   http.Header
	location string
	body     string
}

// json decodes an answer of strings.
func (a answer) json(t *testing.T) map[string]string {
	t.Helper()
	var m map[string]string
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	return m
}

func (s *stage) send(method, path, contentType, body string, header ...string) answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := s.browser.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, response.Header.Get("Location"), string(got)}
}

func (s *stage) get(path string) answer { s.t.Helper(); return s.send(http.MethodGet, path, "", "") }

func (s *stage) initiate(path string) answer {
	s.t.Helper()
	return s.send(http.MethodPost, path+"/initiate", "application/json", `{"paymentOptionId":"S0xBUk5B"}`)
}

func (s *stage) pay(path, method string) answer {
	s.t.Helper()
	return s.send(http.MethodPost, path+"/pay", "application/x-www-form-urlencoded", url.Values{"method": {method}, "payment_option_id": {"S0xBUk5B"}}.Encode())
}

func (s *stage) ask(method, path string, question any) answer {
	s.t.Helper()
	body, err := json.Marshal(question)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.send(method, path, "application/json", string(body), "Authorization", "Bearer "+partnerKey)
}

// open begins a session of the order and returns it, and the path of its page.
func (s *stage) open(o checkout.Order) (checkout.Session, string) {
	s.t.Helper()
	a := s.ask(http.MethodPost, "/sessions", o)
	session := s.session(a)
	if a.status != http.StatusCreated || session.CheckoutURL != s.url+"/checkout/"+session.ID {
		s.t.Fatalf("%d %s", a.status, a.body)
	}
	return session, "/checkout/" + session.ID
}

func (s *stage) session(a answer) checkout.Session {
	s.t.Helper()
	var session checkout.Session
	if err := json.Unmarshal([]byte(a.body), &session); err != nil {
		s.t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	return session
}

// stepUp has the customer click Klarna's button and returns the payment request that this leads to.
func (s *stage) stepUp(path string) string {
	s.t.Helper()
	a := s.initiate(path)
	at := a.json(s.t)["paymentRequestUrl"]
	for _, r := range s.klarna.PaymentRequests() {
		if at != "" && r.PaymentRequestURL == at {
			return r.PaymentRequestID
		}
	}
	s.t.Fatalf("%d %s: no payment request", a.status, a.body)
	return ""
}

// do is what the customer does at Klarna. It returns the path that the browser is sent back to.
func (s *stage) do(act func(string) (string, error), id string) string {
	s.t.Helper()
	back, err := act(id)
	if err != nil {
		s.t.Fatal(err)
	}
	path, ok := strings.CutPrefix(back, s.url)
	if !ok {
		s.t.Fatalf("Klarna sends the customer to %q", back)
	}
	return path
}

// loseWebhooks loses n of them, or all where n is 0.
func (s *stage) loseWebhooks(n int) {
	if n == 0 {
		n = 1000
		s.t.Cleanup(s.klarna.ClearFaults)
	}
	s.klarna.ScriptWebhooks(klarnatest.WebhookRule{Fault: klarnatest.WebhookFaultLose, Times: n})
}

func TestAPartnerProvesWhoItIs(t *testing.T) {
	s := newStage(t)
	for _, key := range []string{"", "Bearer ", "Bearer another", partnerKey} {
		a := s.send(http.MethodPost, "/sessions", "application/json", "{}", "Authorization", key)
		if a.status != http.StatusUnauthorized || a.header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%q: %d", key, a.status)
		}
	}
}

func TestOrdersThatAreRefused(t *testing.T) {
	s := newStage(t)
	for name, change := range map[string]func(*checkout.Order){
		"no reference":                             func(o *checkout.Order) { o.Reference = "" },
		"lines that do not sum to the amount":      func(o *checkout.Order) { o.Amount++ },
		"no amount":                                func(o *checkout.Order) { o.Amount, o.LineItems = 0, nil },
		"no currency":                              func(o *checkout.Order) { o.Currency = "" },
		"no locale":                                func(o *checkout.Order) { o.Locale = "" },
		"a return URL that is a script":            func(o *checkout.Order) { o.ReturnURL = "javascript:alert(1)" },
		"a cancel URL that is a path of this site": func(o *checkout.Order) { o.CancelURL = "/cart" },
	} {
		t.Run(name, func(t *testing.T) {
			o := order()
			change(&o)
			if a := s.ask(http.MethodPost, "/sessions", o); a.status != http.StatusBadRequest || a.json(t)["error_code"] != "BAD_REQUEST" {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	if a := s.send(http.MethodPost, "/sessions", "application/json", "{", "Authorization", "Bearer "+partnerKey); a.status != http.StatusBadRequest {
		t.Errorf("no JSON: %d", a.status)
	}
}

func TestAnOrderIsOneSession(t *testing.T) {
	s := newStage(t)
	first, _ := s.open(order())
	if again, _ := s.open(order()); again.ID != first.ID {
		t.Errorf("the repeated order is session %s and not %s", again.ID, first.ID)
	}
	other := order()
	other.Amount, other.LineItems = 1, []checkout.Line{{Name: "Cup", Quantity: 1, TotalAmount: 1}}
	if a := s.ask(http.MethodPost, "/sessions", other); a.status != http.StatusConflict {
		t.Errorf("the reference with another amount: %d %s", a.status, a.body)
	}
	if a := s.ask(http.MethodGet, "/sessions/none", nil); a.status != http.StatusNotFound {
		t.Errorf("no such session: %d", a.status)
	}
}

const notConfirmed = "Klarna has not confirmed your payment yet. Please try again in a moment: you will not pay twice."

func TestInitiateAnswersEachOutcome(t *testing.T) {
	down := klarnatest.Fault{Operation: "authorization.authorize", Kind: klarnatest.FaultStatus}
	for name, test := range map[string]struct {
		set    func(*stage)
		status int
		want   func(s *stage, path string) map[string]string
	}{
		"a step-up leads to Klarna": {
			func(*stage) {}, http.StatusOK,
			func(s *stage, _ string) map[string]string {
				return map[string]string{"paymentRequestUrl": s.klarna.PaymentRequests()[0].PaymentRequestURL}
			},
		},
		"an approval leads to the return page": {
			func(s *stage) { s.klarna.ScriptAuthorize(klarnatest.AuthorizeRule{Result: "APPROVED"}) }, http.StatusOK,
			func(s *stage, path string) map[string]string {
				return map[string]string{"returnUrl": s.url + path + "/return"}
			},
		},
		"a decline is an error that invites another method": {
			func(s *stage) {
				s.klarna.ScriptAuthorize(klarnatest.AuthorizeRule{Result: "DECLINED", Reason: "SECRET_OF_KLARNA'S"})
			}, http.StatusPaymentRequired,
			func(*stage, string) map[string]string {
				return map[string]string{
					"error_code": "DECLINED",
					"message":    "Klarna did not approve this payment, and no money was taken. Please choose another way to pay.",
				}
			},
		},
		"a refusal is one, too": {
			func(s *stage) {
				s.klarna.Script(klarnatest.Fault{Operation: "authorization.authorize", Kind: klarnatest.FaultStatus, StatusCode: 400, Code: "VALIDATION_ERROR"})
			}, http.StatusPaymentRequired,
			func(*stage, string) map[string]string {
				return map[string]string{
					"error_code": "REJECTED",
					"message":    "This order cannot be paid with Klarna, and no money was taken. Please choose another way to pay.",
				}
			},
		},
		"without Klarna the customer may try again": {
			func(s *stage) { s.klarna.Script(down) }, http.StatusServiceUnavailable,
			func(*stage, string) map[string]string {
				return map[string]string{"error_code": "UNAVAILABLE", "message": notConfirmed}
			},
		},
		"and where Klarna does not decide, too": {
			func(s *stage) { s.klarna.ScriptAuthorize(klarnatest.AuthorizeRule{Result: "MAYBE"}) }, http.StatusServiceUnavailable,
			func(*stage, string) map[string]string {
				return map[string]string{"error_code": "UNAVAILABLE", "message": notConfirmed}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			_, path := s.open(order())
			test.set(s)
			a := s.initiate(path)
			if got, want := fmt.Sprint(a.json(t)), fmt.Sprint(test.want(s, path)); a.status != test.status || got != want {
				t.Errorf("%d %s\nwant %d %s", a.status, got, test.status, want)
			}
		})
	}
}

func TestTheTokenOfTheCustomerIsSent(t *testing.T) {
	s := newStage(t)
	session, path := s.open(order())
	token := s.klarna.IssueSessionToken("EUR", 118_00)
	body, err := json.Marshal(map[string]string{"klarnaNetworkSessionToken": token, "paymentOptionId": "S0xBUk5B"})
	if err != nil {
		t.Fatal(err)
	}
	a := s.send(http.MethodPost, path+"/initiate", "application/json", string(body))
	if a.json(t)["returnUrl"] != s.url+path+"/return" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := s.get(path + "/return"); a.location != orderURL {
		t.Errorf("the customer goes to %q", a.location)
	}
	told := s.session(s.ask(http.MethodGet, "/sessions/"+session.ID, nil))
	if told.Status != checkout.StatusPaid || told.Method != "KLARNA" || told.PaymentTransactionID != s.klarna.Transactions()[0].PaymentTransactionID {
		t.Errorf("the Partner is told %+v", told)
	}
}

func TestTheAmountComesFromTheSession(t *testing.T) {
	s := newStage(t)
	_, path := s.open(order())
	s.send(http.MethodPost, path+"/initiate", "application/json", `{"paymentOptionId":"S0xBUk5B","amount":1,"currency":"SEK"}`)
	if r := s.klarna.PaymentRequests()[0]; r.Amount != 118_00 || r.Currency != "EUR" {
		t.Errorf("%d %s", r.Amount, r.Currency)
	}
	if a := s.send(http.MethodPost, path+"/initiate", "application/json", `[`); a.status != http.StatusBadRequest {
		t.Errorf("no JSON: %d", a.status)
	}
}

func TestAnAttemptIsSharedUntilItHasEnded(t *testing.T) {
	s := newStage(t)
	s.loseWebhooks(0)
	_, path := s.open(order())
	var tabs sync.WaitGroup
	var answers [2]answer
	for i := range answers {
		tabs.Go(func() { answers[i] = s.initiate(path) })
	}
	tabs.Wait()
	if answers[0].body != answers[1].body || len(s.klarna.PaymentRequests()) != 1 {
		t.Fatalf("two tabs: %s and %s, %d payment requests", answers[0].body, answers[1].body, len(s.klarna.PaymentRequests()))
	}
	first := s.stepUp(path)
	s.do(s.klarna.Abandon, first)
	if again := s.stepUp(path); again != first {
		t.Errorf("a customer who comes back gets %s and not %s", again, first)
	}
	s.do(s.klarna.Decline, first)
	if a := s.initiate(path); a.status != http.StatusPaymentRequired {
		t.Errorf("a tab that has not heard of the decline: %d %s", a.status, a.body)
	}
	second := s.stepUp(path)
	if second == first {
		t.Error("after a decline there is no other purchase")
	}
	s.klarna.Advance(s.klarna.PaymentRequests()[1].ExpiresAt.Sub(s.klarna.Now()))
	if third := s.stepUp(path); third == second {
		t.Error("after an expiry there is no other purchase")
	}
	s.do(s.klarna.Approve, s.klarna.PaymentRequests()[2].PaymentRequestID)
	if a := s.initiate(path); a.json(t)["returnUrl"] != s.url+path+"/return" {
		t.Errorf("an order that is paid: %d %s", a.status, a.body)
	}
	if n := len(s.klarna.Transactions()); n != 1 {
		t.Errorf("%d transactions", n)
	}
}

func TestAClickAfterAnUnknownOutcomeRepeats(t *testing.T) {
	s := newStage(t)
	_, path := s.open(order())
	s.klarna.Script(klarnatest.Fault{Operation: "authorization.authorize", Kind: klarnatest.FaultDropAfter})
	if a := s.initiate(path); a.status != http.StatusServiceUnavailable {
		t.Fatalf("%d %s", a.status, a.body)
	}
	s.stepUp(path)
	if n := len(s.klarna.PaymentRequests()); n != 1 {
		t.Errorf("%d payment requests", n)
	}
}

func TestPagesSayThatKlarnaHasNotDecided(t *testing.T) {
	s := newStage(t)
	session, path := s.open(order())
	s.klarna.ScriptAuthorize(klarnatest.AuthorizeRule{Result: "MAYBE"})
	s.initiate(path)
	for _, page := range []string{path, path + "/plain"} {
		if a := s.get(page); !strings.Contains(a.body, notConfirmed) {
			t.Errorf("%s:\n%s", page, a.body)
		}
	}
	if a := s.pay(path, "klarna"); a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, notConfirmed) {
		t.Errorf("a repeat: %d\n%s", a.status, a.body)
	}
	if a := s.pay(path, "card"); a.status != http.StatusConflict || !strings.Contains(a.body, "so that you do not pay twice") {
		t.Errorf("the card: %d\n%s", a.status, a.body)
	}
	if told := s.session(s.ask(http.MethodGet, "/sessions/"+session.ID, nil)); told.Status != checkout.StatusWaiting {
		t.Errorf("the Partner is told %+v", told)
	}
	keys := map[string]bool{}
	for _, r := range s.klarna.Requests() {
		if r.Operation == "authorization.authorize" {
			keys[r.Header.Get("Klarna-Idempotency-Key")] = true
		}
	}
	if len(keys) != 1 {
		t.Errorf("%d purchases were begun", len(keys))
	}
}

func TestWhereTheReturnLeads(t *testing.T) {
	for name, test := range map[string]struct {
		act    func(s *stage, path, id string) string
		to     string // of the session's pages, or elsewhere
		notice string
	}{
		"a customer who has paid sees the shop's confirmation": {
			func(s *stage, _, id string) string { return s.do(s.klarna.Approve, id) }, orderURL, "",
		},
		"without the webhook, too": {
			func(s *stage, _, id string) string { s.loseWebhooks(2); return s.do(s.klarna.Approve, id) }, orderURL, "",
		},
		"one who left may go on": {
			func(s *stage, _, id string) string { return s.do(s.klarna.Abandon, id) }, "", "You have not paid yet. Your order is kept",
		},
		"one who was declined may choose another method": {
			func(s *stage, _, id string) string { return s.do(s.klarna.Decline, id) }, "", "Klarna did not approve this payment",
		},
		"one who says to have paid waits": {
			func(_ *stage, path, _ string) string { return path + "/return?payment_request_state=COMPLETED" }, "/waiting", "",
		},
		"one whose payment Klarna does not tell of waits": {
			func(s *stage, _, id string) string {
				s.loseWebhooks(2)
				back := s.do(s.klarna.Approve, id)
				s.klarna.Script(klarnatest.Fault{Operation: "authorization.payment_request.read", Kind: klarnatest.FaultStatus})
				return back
			}, "/waiting", "",
		},
		"one whose payment is being finalized waits": {
			func(s *stage, _, id string) string {
				s.loseWebhooks(2)
				back := s.do(s.klarna.Approve, id)
				s.klarna.Script(klarnatest.Fault{Operation: "authorization.authorize", Kind: klarnatest.FaultStatus})
				return back
			}, "/waiting", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			_, path := s.open(order())
			a := s.get(test.act(s, path, s.stepUp(path)))
			want := test.to
			if !strings.HasPrefix(want, "https") {
				want = path + want
			}
			if a.status != http.StatusSeeOther || a.location != want {
				t.Fatalf("%d to %q, want %q", a.status, a.location, want)
			}
			if test.notice == "" {
				return
			}
			if page := s.get(path); !strings.Contains(page.body, test.notice) || strings.Contains(page.body, `tabindex="-1" hidden`) {
				t.Errorf("the page does not say %q:\n%s", test.notice, page.body)
			}
		})
	}
}

func TestTheWebhookAloneMakesThePayment(t *testing.T) {
	s := newStage(t)
	session, path := s.open(order())
	s.do(s.klarna.Approve, s.stepUp(path))
	s.klarna.Flush()
	if n := len(s.klarna.Transactions()); n != 1 {
		t.Fatalf("%d transactions", n)
	}
	if told := s.session(s.ask(http.MethodGet, "/sessions/"+session.ID, nil)); told.Status != checkout.StatusPaid {
		t.Errorf("the Partner is told %+v", told)
	}
	for _, page := range []string{path, path + "/plain", path + "/waiting", path + "/return"} {
		if a := s.get(page); a.location != orderURL {
			t.Errorf("%s leads to %q", page, a.location)
		}
	}
}

func TestAForgedWebhookIsRefused(t *testing.T) {
	s := newStage(t)
	a := s.send(http.MethodPost, "/klarna/webhook", "application/json", `{"metadata":{}}`, "Klarna-Signature", strings.Repeat("0", 64), "Klarna-Signing-Key-Id", "k")
	if a.status != http.StatusBadRequest {
		t.Errorf("%d", a.status)
	}
}

func TestTheWaitingPageGoesOnByItself(t *testing.T) {
	s := newStage(t)
	session, path := s.open(order())
	id := s.stepUp(path)
	s.loseWebhooks(2)
	s.do(s.klarna.Approve, id)
	s.klarna.Script(klarnatest.Fault{Operation: "authorization.authorize", Kind: klarnatest.FaultStatus, Times: 1000})
	for _, page := range []string{path, path + "/plain", path + "/return"} {
		if a := s.get(page); a.location != path+"/waiting" {
			t.Errorf("%s leads to %q while the payment is being finalized", page, a.location)
		}
	}
	page := s.get(path + "/waiting")
	for _, want := range []string{`<noscript><meta http-equiv="refresh" content="3"></noscript>`, `src="/assets/waiting.mjs"`, `data-status="WAITING"`} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the waiting page lacks %s", want)
		}
	}
	if a := s.get(path + "/status"); a.json(t)["status"] != "WAITING" {
		t.Errorf("%s", a.body)
	}
	if told := s.session(s.ask(http.MethodGet, "/sessions/"+session.ID, nil)); told.Status != checkout.StatusWaiting || told.PaymentTransactionID != "" {
		t.Errorf("the Partner is told %+v", told)
	}

	s.klarna.ClearFaults()
	if _, err := s.coordinator.HandleReturn(t.Context(), s.klarna.PaymentRequests()[0].Reference); err != nil {
		t.Fatal(err)
	}
	if a := s.get(path + "/status"); a.json(t)["status"] != "PAID" {
		t.Errorf("%s", a.body)
	}
	if a := s.get(path + "/waiting"); a.location != orderURL {
		t.Errorf("a payment that has arrived leads to %q", a.location)
	}
	if n := len(s.klarna.Transactions()); n != 1 {
		t.Errorf("%d transactions", n)
	}
}

func TestPagesThatAskAgainAndAgainSpareKlarna(t *testing.T) {
	s := newStage(t)
	_, path := s.open(order())
	s.stepUp(path)
	before := len(s.klarna.Requests())
	for range 5 {
		if a := s.get(path + "/status"); a.json(t)["status"] != "OPEN" {
			t.Fatalf("%s", a.body)
		}
	}
	if n := len(s.klarna.Requests()) - before; n != 1 {
		t.Errorf("Klarna was asked %d times", n)
	}
	if a := s.get(path + "/waiting"); a.status != http.StatusOK {
		t.Errorf("the waiting page of a payment that Klarna has not told of: %d", a.status)
	}
}

func TestAnotherMethodEndsThePaymentWithKlarnaFirst(t *testing.T) {
	t.Run("where there is none", func(t *testing.T) {
		s := newStage(t)
		session, path := s.open(order())
		if a := s.pay(path, "card"); a.location != path+"/return" || s.get(a.location).location != orderURL {
			t.Errorf("%d to %q", a.status, a.location)
		}
		if told := s.session(s.ask(http.MethodGet, "/sessions/"+session.ID, nil)); told.Status != checkout.StatusPaid || told.Method != "CARD" {
			t.Errorf("the Partner is told %+v", told)
		}
		if a := s.initiate(path); a.json(t)["returnUrl"] != s.url+path+"/return" || len(s.klarna.PaymentRequests()) != 0 {
			t.Errorf("Klarna after the card: %d %s", a.status, a.body)
		}
	})
	t.Run("where it can be canceled", func(t *testing.T) {
		s := newStage(t)
		_, path := s.open(order())
		id := s.stepUp(path)
		if a := s.pay(path, "card"); a.location != path+"/return" {
			t.Errorf("%d to %q", a.status, a.location)
		}
		if _, err := s.klarna.Approve(id); err == nil {
			t.Error("the customer may still pay with Klarna, a second time")
		}
	})
	t.Run("where the customer has paid with it", func(t *testing.T) {
		s := newStage(t)
		session, path := s.open(order())
		s.do(s.klarna.Approve, s.stepUp(path))
		s.klarna.Flush()
		if a := s.pay(path, "card"); a.location != path+"/return" {
			t.Errorf("%d to %q", a.status, a.location)
		}
		if told := s.session(s.ask(http.MethodGet, "/sessions/"+session.ID, nil)); told.Method != "KLARNA" {
			t.Errorf("the Partner is told %+v", told)
		}
	})
	t.Run("where that cannot be", func(t *testing.T) {
		s := newStage(t)
		session, path := s.open(order())
		s.stepUp(path)
		s.klarna.Script(klarnatest.Fault{Operation: "authorization.payment_request.cancel", Kind: klarnatest.FaultStatus})
		a := s.pay(path, "card")
		if a.status != http.StatusConflict || !strings.Contains(a.body, "so that you do not pay twice") {
			t.Errorf("%d %s", a.status, a.body)
		}
		if told := s.session(s.ask(http.MethodGet, "/sessions/"+session.ID, nil)); told.Status == checkout.StatusPaid {
			t.Errorf("the Partner is told %+v", told)
		}
	})
}

func TestThePageWithoutJavaScriptObeysTheInstruction(t *testing.T) {
	for instruction, want := range map[string]string{
		"SHOW_KLARNA":      "card klarna",
		"PRESELECT_KLARNA": "klarna checked card",
		"SHOW_ONLY_KLARNA": "klarna checked others card",
		"HIDE_KLARNA":      "card",
		"SOMETHING_NEW":    "card klarna",
		"":                 "card", // Klarna is out of reach
	} {
		t.Run(instruction, func(t *testing.T) {
			s := newStage(t)
			_, path := s.open(order())
			if instruction == "" {
				s.klarna.Script(klarnatest.Fault{Operation: "presentation.get", Kind: klarnatest.FaultStatus})
			}
			s.klarna.SetInstruction(instruction)
			a := s.get(path + "/plain")
			var got []string
			for part := range strings.FieldsSeq(a.body) {
				switch {
				case part == `id="klarna">`:
					got = append(got, "klarna")
				case part == `id="card">`:
					got = append(got, "card")
				case strings.HasPrefix(part, `id="others">`):
					got = append(got, "others")
				case part == "checked>":
					got = append(got, "checked")
				}
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%v, want %s\n%s", got, want, a.body)
			}
		})
	}
}

func TestThePlainPageLeadsToKlarnaAndBack(t *testing.T) {
	s := newStage(t)
	_, path := s.open(order())
	if page := s.get(path); !strings.Contains(page.body, `<noscript><meta http-equiv="refresh" content="0; url=`+path+`/plain"></noscript>`) {
		t.Error("the page does not lead to the one without JavaScript")
	}
	a := s.pay(path, "klarna")
	if a.status != http.StatusSeeOther || a.location != s.klarna.PaymentRequests()[0].PaymentRequestURL {
		t.Fatalf("%d to %q", a.status, a.location)
	}
	s.do(s.klarna.Decline, s.klarna.PaymentRequests()[0].PaymentRequestID)
	s.klarna.Flush()
	s.klarna.ScriptAuthorize(klarnatest.AuthorizeRule{Result: "DECLINED"})
	if a := s.pay(path, "klarna"); a.status != http.StatusPaymentRequired || !strings.Contains(a.body, "Klarna did not approve this payment") {
		t.Errorf("a decline: %d\n%s", a.status, a.body)
	}
	if a := s.pay(path, "barter"); a.status != http.StatusBadRequest {
		t.Errorf("an unknown method: %d", a.status)
	}
}

func TestAnUnclearPaymentOffersNoSecondOne(t *testing.T) {
	s := newStage(t)
	session, path := s.open(order())
	s.klarna.ScriptAuthorize(klarnatest.AuthorizeRule{Result: "MAYBE"})
	s.initiate(path)
	s.later.Store(int64(24 * time.Hour)) // Klarna never decided
	if _, err := s.coordinator.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{path, path + "/plain"} {
		if a := s.get(page); !strings.Contains(a.body, "Please do not pay again") || strings.Contains(a.body, "<form") {
			t.Errorf("%s:\n%s", page, a.body)
		}
	}
	if a := s.pay(path, "card"); a.status != http.StatusConflict {
		t.Errorf("the card: %d", a.status)
	}
	if told := s.session(s.ask(http.MethodGet, "/sessions/"+session.ID, nil)); told.Status != checkout.StatusUnclear {
		t.Errorf("the Partner is told %+v", told)
	}
}

func TestHeaders(t *testing.T) {
	s := newStage(t)
	_, path := s.open(order())
	sdk := " " + s.klarna.URL
	own := "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
	forms := "form-action 'self' https://shop.example" + sdk + "; base-uri 'none'; frame-ancestors 'none'"
	for name, test := range map[string]struct{ path, policy string }{
		"the page with the SDK": {path, "default-src 'none'; script-src 'self'" + sdk + "; connect-src 'self'" + sdk + "; style-src 'self'" + sdk +
			"; img-src 'self'" + sdk + "; font-src 'self'" + sdk + "; frame-src" + sdk + "; " + forms},
		"the page without JavaScript": {path + "/plain", own + forms},
		"no page":                     {"/checkout/none", own + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"},
		"a script":                    {"/assets/checkout.mjs", "default-src 'none'; frame-ancestors 'none'"},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.get(test.path)
			for header, want := range map[string]string{
				"Content-Security-Policy":      test.policy,
				"Cache-Control":                "no-store",
				"X-Content-Type-Options":       "nosniff",
				"Referrer-Policy":              "strict-origin",
				"Cross-Origin-Opener-Policy":   "same-origin-allow-popups",
				"Cross-Origin-Resource-Policy": "same-origin",
			} {
				if got := a.header.Get(header); got != want {
					t.Errorf("%s: %q\nwant %q", header, got, want)
				}
			}
			if strings.Contains(a.body, "style=") || strings.Contains(a.body, "<style") || strings.Contains(a.body, "<script>") {
				t.Error("something is inline")
			}
		})
	}
}

func TestAnotherSitePaysForNobody(t *testing.T) {
	s := newStage(t)
	_, path := s.open(order())
	for _, target := range []string{path + "/initiate", path + "/pay"} {
		for name, header := range map[string][]string{
			"by its fetch metadata": {"Sec-Fetch-Site", "cross-site"},
			"by its origin":         {"Origin", "https://evil.example"},
		} {
			a := s.send(http.MethodPost, target, "text/plain", "method=card", header...)
			if a.status != http.StatusForbidden || !strings.Contains(a.body, "The request came from another site") {
				t.Errorf("%s %s: %d", target, name, a.status)
			}
		}
	}
	if n := len(s.klarna.PaymentRequests()); n != 0 {
		t.Errorf("%d payment requests", n)
	}
	if a := s.send(http.MethodPost, "/klarna/webhook", "application/json", "{}", "Origin", "https://evil.example"); a.status != http.StatusBadRequest {
		t.Errorf("a webhook is judged by its signature alone, but: %d", a.status)
	}
}

func TestWhatOthersWroteIsText(t *testing.T) {
	s := newStage(t)
	o := order()
	o.LineItems[0].Name = `<img src=x onerror=alert(1)>"'`
	o.Reference = `"><script>alert(1)</script>`
	o.Locale = `en-DE" onclick="alert(1)`
	_, path := s.open(o)
	for _, page := range []string{path, path + "/plain"} {
		body := s.get(page).body
		for _, raw := range []string{"<img src=x", "<script>alert", `" onclick="`} {
			if strings.Contains(body, raw) {
				t.Errorf("%s has %s unescaped", page, raw)
			}
		}
		if !strings.Contains(body, "&lt;img src=x onerror=alert(1)&gt;") {
			t.Errorf("%s does not have the line's name", page)
		}
	}
}

func TestThePageHoldsNoSecret(t *testing.T) {
	s := newStage(t)
	o := order()
	o.KlarnaNetworkData = `{"data":"the-network-data"}`
	_, path := s.open(o)
	id := s.stepUp(path)
	s.do(s.klarna.Approve, id)
	pages := s.get(path).body + s.get(path+"/plain").body + s.get(path+"/waiting").body + s.get(path+"/status").body
	token := s.klarna.PaymentRequests()[0].SessionToken
	if token == "" {
		t.Fatal("the payment request has no token")
	}
	for name, secret := range map[string]string{"API key": s.klarna.APIKey, "Partner's key": partnerKey, "session token": token, "network data": "the-network-data"} {
		if strings.Contains(pages, secret) {
			t.Errorf("the %s is in a page", name)
		}
	}
}

func TestThePageTellsTheScriptWhatItNeeds(t *testing.T) {
	s := newStage(t)
	_, path := s.open(order())
	page := s.get(path).body
	for _, want := range []string{
		`data-client-id="` + s.klarna.ClientID + `"`, `data-partner-account-id="` + s.klarna.PartnerAccountID + `"`, `data-amount="11800"`,
		`data-currency="EUR"`, `data-status="NEW"`, `data-sdk="` + s.klarna.URL + `/web-sdk/v2/klarna.mjs"`, "€118.00", "−€2.00", "<aside>beside</aside>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

func FuzzOrder(f *testing.F) {
	good, err := json.Marshal(order())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"amount":9223372036854775807,"line_items":[{"total_amount":9223372036854775807},{"total_amount":1}]}`))
	client, err := klarna.NewClient("klarna_test_api_"+strings.Repeat("k", 100), klarna.WithBaseURL("http://127.0.0.1:1"))
	if err != nil {
		f.Fatal(err)
	}
	coordinator, err := flow.New(client, flow.NewMemoryStore(), klarna.NewSecret(strings.Repeat("s", 32)))
	if err != nil {
		f.Fatal(err)
	}
	c, err := checkout.New(checkout.Config{Client: client, Coordinator: coordinator, PartnerKey: klarna.NewSecret(partnerKey)})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/sessions", strings.NewReader(string(body)))
		r.Header.Set("Authorization", "Bearer "+partnerKey)
		w := httptest.NewRecorder()
		c.ServeHTTP(w, r)
		if w.Code != http.StatusCreated {
			if w.Code != http.StatusBadRequest && w.Code != http.StatusConflict {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			return
		}
		var session checkout.Session
		if err := json.Unmarshal(w.Body.Bytes(), &session); err != nil {
			t.Fatal(err)
		}
		page := httptest.NewRecorder()
		c.ServeHTTP(page, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/checkout/"+session.ID, nil))
		if page.Code != http.StatusOK {
			t.Fatalf("the page of an order that was taken: %d", page.Code)
		}
	})
}

func TestNewRefusesInvalidArguments(t *testing.T) {
	if _, err := checkout.New(checkout.Config{}); err == nil {
		t.Error("no error")
	}
}
