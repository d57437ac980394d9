package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/examples/hosted/app"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

func start(t *testing.T) *app.App {
	t.Helper()
	a, err := app.Start(t.Context(), app.Config{Addr: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return a
}

// browser follows no redirect.
func browser(t *testing.T) *http.Client {
	t.Helper()
	c := &http.Client{
		Transport:     new(http.Transport),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func send(t *testing.T, c *http.Client, method, url, body string) (location, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode >= http.StatusBadRequest {
		t.Fatalf("%s %s: %s\n%s", method, url, response.Status, read)
	}
	return response.Header.Get("Location"), string(read)
}

// pay goes the way of a customer who pays with Klarna. It returns the last page.
func pay(t *testing.T, a *app.App) (checkoutURL, confirmation string) {
	t.Helper()
	c := browser(t)
	send(t, c, http.MethodGet, a.URL+"/", "")
	checkoutURL, _ = send(t, c, http.MethodPost, a.URL+"/pay", "")
	send(t, c, http.MethodGet, checkoutURL, "")
	_, answer := send(t, c, http.MethodPost, checkoutURL+"/initiate", `{"paymentOptionId":"S0xBUk5B"}`)
	var to struct {
		URL string `json:"paymentRequestUrl"`
	}
	if err := json.Unmarshal([]byte(answer), &to); err != nil {
		t.Fatal(err)
	}
	requests := a.Klarna.PaymentRequests()
	for _, r := range requests {
		if r.PaymentRequestURL == to.URL {
			back, err := a.Klarna.Approve(r.PaymentRequestID)
			if err != nil {
				t.Fatal(err)
			}
			a.Klarna.Flush()
			order, _ := send(t, c, http.MethodGet, back, "")
			_, confirmation = send(t, c, http.MethodGet, order, "")
			return checkoutURL, confirmation
		}
	}
	t.Fatalf("%s leads to no payment request", answer)
	return "", ""
}

// steps reads the journey as a panel does, until the step given is there.
func steps(t *testing.T, a *app.App, checkoutURL, until string) []string {
	t.Helper()
	session := checkoutURL[strings.LastIndex(checkoutURL, "/")+1:]
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.CheckoutURL+"/journey/of/"+session+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := browser(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var got []string
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var s struct{ From, To, Call, With, Result string }
		if err := json.Unmarshal([]byte(data), &s); err != nil {
			t.Fatal(err)
		}
		step := strings.Join([]string{s.From + " → " + s.To + ":", s.Call, s.With, s.Result}, " ")
		got = append(got, regexp.MustCompile(`…[0-9A-Za-z]{8}|KK-[0-9A-Z]+`).ReplaceAllString(step, "ID"))
		if strings.HasPrefix(got[len(got)-1], until) {
			return got
		}
	}
	t.Fatalf("the stream has ended after\n%s", strings.Join(got, "\n"))
	return nil
}

func TestTheJourneyShowsCartToConfirmation(t *testing.T) {
	a := start(t)
	checkoutURL, confirmation := pay(t, a)
	if !strings.Contains(confirmation, "Thank you for your order") || !strings.Contains(confirmation, "It is paid with Klarna") {
		t.Errorf("the confirmation is\n%s", confirmation)
	}
	got := steps(t, a, checkoutURL, "Partner → Acquiring Partner: GET /sessions/ID")
	// Klarna delivers as it likes.
	deliveries := slices.DeleteFunc(slices.Clone(got), func(s string) bool { return !strings.HasPrefix(s, "Klarna → ") })
	got = slices.DeleteFunc(got, func(s string) bool { return strings.HasPrefix(s, "Klarna → ") })
	want := []string{
		"Customer → Partner: POST /pay  303 redirect",
		"Partner → Acquiring Partner: POST /sessions EUR 118.00 201 NEW",
		"Customer → Acquiring Partner: GET /checkout/ID  200",
		"Customer → Acquiring Partner: POST /checkout/ID/initiate  200",
		"Acquiring Partner → Klarna: POST …/payment/authorize EUR 118.00 200 STEP_UP_REQUIRED",
		"Acquiring Partner → Klarna: GET …/payment/requests/ID  200 COMPLETED",
		"Acquiring Partner → Klarna: POST …/payment/authorize final, EUR 118.00 200 APPROVED ID",
		"Customer → Acquiring Partner: GET /checkout/ID/return COMPLETED 303 redirect",
		"Customer → Partner: GET /orders/ID  200",
		"Partner → Acquiring Partner: GET /sessions/ID  200 PAID",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if !slices.Contains(deliveries, "Klarna → Acquiring Partner: webhook payment.request.state-change.completed 200") {
		t.Errorf("deliveries: %q", deliveries)
	}
}

func TestJourneysOfSeveralCustomersDoNotMix(t *testing.T) {
	a := start(t)
	var urls [4]string
	var customers sync.WaitGroup
	for i := range urls {
		customers.Go(func() { urls[i], _ = pay(t, a) })
	}
	customers.Wait()
	for _, url := range urls {
		got := steps(t, a, url, "Partner → Acquiring Partner: GET /sessions/ID")
		finals := 0
		for _, s := range got {
			if strings.Contains(s, "POST …/payment/authorize final") {
				finals++
			}
		}
		if finals != 1 {
			t.Errorf("%d final calls in\n%s", finals, strings.Join(got, "\n"))
		}
	}
	if n := len(a.Klarna.Transactions()); n != len(urls) {
		t.Errorf("%d transactions", n)
	}
}

func TestTheJourneyHoldsNoSecret(t *testing.T) {
	a := start(t)
	checkoutURL, confirmation := pay(t, a)
	_, again := send(t, browser(t), http.MethodGet, a.URL+"/", "")
	told := strings.Join(steps(t, a, checkoutURL, "Partner → Acquiring Partner: GET /sessions/ID"), "\n") + confirmation + again
	request := a.Klarna.PaymentRequests()[0]
	for name, secret := range map[string]string{
		"API key": a.Klarna.APIKey, "session token": request.SessionToken, "payment request's URL": request.PaymentRequestURL,
		"session": strings.TrimPrefix(checkoutURL, a.CheckoutURL+"/checkout/"),
	} {
		if strings.Contains(told, secret) {
			t.Errorf("the %s is told", name)
		}
	}
}

func TestCredentialsUseKlarnasSDKAndNoWebhook(t *testing.T) {
	host := klarnatest.NewServer(t)
	a, err := app.Start(t.Context(), app.Config{Addr: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler), TestHost: &app.Credentials{
		APIKey: klarna.NewSecret(host.APIKey), PartnerAccountID: host.PartnerAccountID, ClientID: host.ClientID, BaseURL: host.URL,
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	c := browser(t)
	checkoutURL, _ := send(t, c, http.MethodPost, a.URL+"/pay", "")
	_, page := send(t, c, http.MethodGet, checkoutURL, "")
	for _, want := range []string{`data-sdk="https://js.klarna.com/web-sdk/v2/klarna.mjs"`, `data-client-id="` + host.ClientID + `"`, "Klarna is its test host"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(page, "?instruction=") {
		t.Error("the page offers to replace Klarna's instruction")
	}
	send(t, c, http.MethodPost, checkoutURL+"/initiate", `{"paymentOptionId":"S0xBUk5B"}`)
	back, err := host.Approve(host.PaymentRequests()[0].PaymentRequestID)
	if err != nil {
		t.Fatal(err)
	}
	order, _ := send(t, c, http.MethodGet, back, "")
	if _, confirmation := send(t, c, http.MethodGet, order, ""); !strings.Contains(confirmation, "It is paid with Klarna") {
		t.Errorf("the confirmation is\n%s", confirmation)
	}
}

func TestWhatCannotStartSaysSoAndLeavesNothing(t *testing.T) {
	a := start(t)
	taken := strings.TrimPrefix(a.URL, "http://")
	for name, config := range map[string]app.Config{
		"an address that is taken":           {Addr: taken},
		"a checkout's address that is taken": {Addr: "127.0.0.1:0", CheckoutAddr: taken},
		"an address without a port":          {Addr: "127.0.0.1"},
		"a port that is no number":           {Addr: "127.0.0.1:http"},
		"a key that is none": {Addr: "127.0.0.1:0", TestHost: &app.Credentials{
			APIKey: klarna.NewSecret("klarna_test_client_x"), PartnerAccountID: "a", ClientID: "c",
		}},
	} {
		if b, err := app.Start(t.Context(), config); err == nil {
			t.Errorf("%s: it runs at %s", name, b.URL)
		}
	}
}

func TestShutdownEndsOpenStreams(t *testing.T) {
	a, err := app.Start(t.Context(), app.Config{Addr: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	checkoutURL, _ := pay(t, a)
	session := checkoutURL[strings.LastIndex(checkoutURL, "/")+1:]
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.CheckoutURL+"/journey/of/"+session+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := browser(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := a.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(response.Body); err != nil {
		t.Errorf("the stream was cut: %v", err)
	}
}
