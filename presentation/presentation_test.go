package presentation_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jarcoal/httpmock"

	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/presentation"
)

const (
	host    = "https://api-global.test.klarna.com"
	account = "krn:partner:global:account:test:LWT2XJSE"
	apiKey  = "klarna_test_api_0123456789abcdefghijklmnopqrstuvwxyz"
)

// newClient returns a client whose calls a mock answers.
func newClient(t *testing.T) (*klarna.Client, *httpmock.MockTransport) {
	t.Helper()
	mock := httpmock.NewMockTransport()
	client, err := klarna.NewClient(apiKey,
		klarna.WithHTTPClient(&http.Client{Transport: mock}),
		klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: 1}))
	if err != nil {
		t.Fatal(err)
	}
	return client, mock
}

// answer registers the answer and returns the request that gets it.
func answer(mock *httpmock.MockTransport, status int, body string) **http.Request {
	var received *http.Request
	mock.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
		received = r
		return httpmock.NewStringResponse(status, body), nil
	})
	return &received
}

func TestGetPresentationSendsParametersInTheQuery(t *testing.T) {
	for _, tc := range []struct {
		name   string
		params presentation.GetPresentationParams
		want   url.Values
	}{
		{
			"a payment needs currency, locale, amount and intent",
			presentation.GetPresentationParams{Currency: "EUR", Locale: "de-DE", Amount: 11_800, Intents: []presentation.Intent{presentation.IntentPay}},
			url.Values{"currency": {"EUR"}, "locale": {"de-DE"}, "amount": {"11800"}, "intents[]": {"PAY"}},
		},
		{
			"several intents repeat the key",
			presentation.GetPresentationParams{Currency: "EUR", Locale: "de-DE", Amount: 1, Intents: []presentation.Intent{presentation.IntentPay, presentation.IntentAddToWallet, "NEWER"}},
			url.Values{"currency": {"EUR"}, "locale": {"de-DE"}, "amount": {"1"}, "intents[]": {"PAY", "ADD_TO_WALLET", "NEWER"}},
		},
		{
			"adding to the wallet alone has no amount",
			presentation.GetPresentationParams{Currency: "SEK", Locale: "sv-SE", Amount: 1, Intents: []presentation.Intent{presentation.IntentAddToWallet}},
			url.Values{"currency": {"SEK"}, "locale": {"sv-SE"}, "intents[]": {"ADD_TO_WALLET"}},
		},
		{
			"a subscription may start with a free trial of amount 0",
			presentation.GetPresentationParams{
				Currency: "USD", Locale: "en-US", Intents: []presentation.Intent{presentation.IntentSubscribe},
				SubscriptionBillingInterval: klarna.BillingIntervalMonth, SubscriptionBillingIntervalFrequency: 3,
			},
			url.Values{
				"currency": {"USD"}, "locale": {"en-US"}, "amount": {"0"}, "intents[]": {"SUBSCRIBE"},
				"subscription_billing_interval": {"MONTH"}, "subscription_billing_interval_frequency": {"3"},
			},
		},
		{
			"the app link is encoded in base64",
			presentation.GetPresentationParams{Currency: "EUR", Locale: "fi-FI", Amount: 5, AppReturnURL: "shop://return?a=b"},
			url.Values{"currency": {"EUR"}, "locale": {"fi-FI"}, "amount": {"5"}, "app_return_url": {"c2hvcDovL3JldHVybj9hPWI="}},
		},
		{
			"a payment account is chosen by its id",
			presentation.GetPresentationParams{Currency: "EUR", Locale: "fi-FI", Amount: 5, AcquiringConfig: klarna.AcquiringConfig{PaymentAccountID: "krn:payment:account:1"}},
			url.Values{"currency": {"EUR"}, "locale": {"fi-FI"}, "amount": {"5"}, "acquiring_config[payment_account_id]": {"krn:payment:account:1"}},
		},
		{
			"or by acquiring account and reference together",
			presentation.GetPresentationParams{Currency: "EUR", Locale: "fi-FI", Amount: 5, AcquiringConfig: klarna.AcquiringConfig{PaymentAcquiringAccountID: "a", PaymentAccountReference: "b"}},
			url.Values{
				"currency": {"EUR"}, "locale": {"fi-FI"}, "amount": {"5"},
				"acquiring_config[payment_acquiring_account_id]": {"a"}, "acquiring_config[payment_account_reference]": {"b"},
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client, mock := newClient(t)
			received := answer(mock, http.StatusOK, `{"instruction":"SHOW_KLARNA"}`)
			if _, err := presentation.New(client).GetPresentation(t.Context(), tc.params); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, (*received).URL.Query()); diff != "" {
				t.Errorf("query (-want +got):\n%s", diff)
			}
		})
	}
}

func TestGetPresentationCallsTheAccount(t *testing.T) {
	params := presentation.GetPresentationParams{Currency: "EUR", Locale: "de-DE", Amount: 1}
	for _, tc := range []struct {
		name string
		bind func(*klarna.Client) *klarna.Client
		path string
	}{
		{"a Partner with its own credentials", func(c *klarna.Client) *klarna.Client { return c }, "/v2/payment/presentation"},
		{
			"an Acquiring Partner for a Partner's account with raw colons",
			func(c *klarna.Client) *klarna.Client { return c.ForAccount(account) },
			"/v2/accounts/" + account + "/payment/presentation",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client, mock := newClient(t)
			received := answer(mock, http.StatusOK, `{"instruction":"SHOW_KLARNA"}`)
			if _, err := presentation.New(tc.bind(client)).GetPresentation(t.Context(), params, klarna.WithSessionToken(klarna.NewSecret("krn:network:token"))); err != nil {
				t.Fatal(err)
			}
			r := *received
			if r.Method != http.MethodGet || r.Body != nil && r.Body != http.NoBody {
				t.Errorf("got %s with the body %v, want GET without a body", r.Method, r.Body)
			}
			if got := r.URL.Scheme + "://" + r.URL.Host + r.URL.EscapedPath(); got != host+tc.path {
				t.Errorf("got the URL %s, want %s", got, host+tc.path)
			}
			want := map[string]string{
				"Authorization":                "Basic " + apiKey,
				"Klarna-Network-Session-Token": "krn:network:token",
				"Klarna-Idempotency-Key":       "", // a read has none
				"Content-Type":                 "",
			}
			got := make(map[string]string)
			for name := range want {
				got[name] = r.Header.Get(name)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
		})
	}
}

const fullAnswer = `{
	"instruction": "PRESELECT_KLARNA",
	"payment_status": "PENDING_PARTNER_AUTHORIZATION",
	"payment_option": {
		"payment_option_id": "S0xBUk5B",
		"header": {"text": "Klarna"},
		"subheader": {"parts": [
			{"type": "TEXT", "text": "Pay later. "},
			{"type": "LINK", "text": "Terms", "url": "https://klarna.test/terms", "context": "AUTH", "styles": ["BOLD", "UNDERLINE"], "rel": "x"}
		]},
		"badge": {"text": "New"},
		"message": {"text": "4 payments"},
		"terms": {"parts": [{"type": "TEXT", "text": "T"}]},
		"payment_button": {"text": {"text": "Continue"}, "image_url": "https://klarna.test/b.svg", "image_alignment": "LEFT"},
		"icon": {"alt": "Klarna", "badge_image_url": "https://klarna.test/1.svg", "rectangle_image_url": "https://klarna.test/2.svg", "square_image_url": "https://klarna.test/3.svg"},
		"color": "pink"
	},
	"saved_payment_option": {"payment_option_id": "other"},
	"experiment": {"id": 1.50}
}`

func TestGetPresentationKeepsTheWholeAnswer(t *testing.T) {
	client, mock := newClient(t)
	answer(mock, http.StatusOK, fullAnswer)
	got, err := presentation.New(client).GetPresentation(t.Context(), presentation.GetPresentationParams{Currency: "EUR", Locale: "de-DE"})
	if err != nil {
		t.Fatal(err)
	}
	want := &presentation.Presentation{
		Instruction:   presentation.InstructionPreselectKlarna,
		PaymentStatus: presentation.PaymentStatusPendingPartnerAuthorization,
		PaymentOption: presentation.PaymentOption{
			PaymentOptionID: "S0xBUk5B",
			Header:          presentation.Text{Text: "Klarna"},
			Subheader: presentation.Text{Parts: []presentation.TextPart{
				{Type: presentation.PartTypeText, Text: "Pay later. "},
				{
					Type: presentation.PartTypeLink, Text: "Terms", URL: "https://klarna.test/terms", Context: presentation.LinkContextAuth,
					Styles: []presentation.Style{presentation.StyleBold, presentation.StyleUnderline}, Unknown: klarna.Unknown{"rel": klarna.NewRawJSON(`"x"`)},
				},
			}},
			Badge:         presentation.Text{Text: "New"},
			Message:       presentation.Text{Text: "4 payments"},
			Terms:         presentation.Text{Parts: []presentation.TextPart{{Type: presentation.PartTypeText, Text: "T"}}},
			PaymentButton: presentation.PaymentButton{Text: presentation.Text{Text: "Continue"}, ImageURL: "https://klarna.test/b.svg", ImageAlignment: "LEFT"},
			Icon: presentation.Icon{
				Alt: "Klarna", BadgeImageURL: "https://klarna.test/1.svg",
				RectangleImageURL: "https://klarna.test/2.svg", SquareImageURL: "https://klarna.test/3.svg",
			},
			Unknown: klarna.Unknown{"color": klarna.NewRawJSON(`"pink"`)},
		},
		SavedPaymentOption: presentation.PaymentOption{PaymentOptionID: "other"},
		Unknown:            klarna.Unknown{"experiment": klarna.NewRawJSON(`{"id": 1.50}`)},
		Raw:                klarna.NewRawJSON(fullAnswer),
	}
	// RawJSON and Fields print no content, so they are compared and shown as text.
	show := cmp.Transformer("text", func(r klarna.RawJSON) string { return string(r.Bytes()) })
	if diff := cmp.Diff(want, got, show); diff != "" {
		t.Errorf("presentation (-want +got):\n%s", diff)
	}
}

func TestTextReadsBothForms(t *testing.T) {
	for _, tc := range []struct {
		name, header, plain string
		parts               int
	}{
		{"the plain form", `{"text":"Pay with Klarna"}`, "Pay with Klarna", 1},
		{"the form in parts", `{"parts":[{"type":"TEXT","text":"Pay "},{"type":"LINK","text":"here","url":"https://klarna.test"}]}`, "Pay here", 2},
		{"a part of an unknown type", `{"parts":[{"type":"IMAGE","text":"x"}]}`, "x", 1},
		{"a bare string", `"Klarna"`, "Klarna", 1},
		{"no text at all", `null`, "", 0},
		{"an empty object", `{}`, "", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client, mock := newClient(t)
			answer(mock, http.StatusOK, `{"instruction":"SHOW_KLARNA","payment_option":{"header":`+tc.header+`}}`)
			p, err := presentation.New(client).GetPresentation(t.Context(), presentation.GetPresentationParams{Currency: "EUR", Locale: "de-DE"})
			if err != nil {
				t.Fatal(err)
			}
			header := p.PaymentOption.Header
			if got := header.Plain(); got != tc.plain {
				t.Errorf("Plain() = %q, want %q", got, tc.plain)
			}
			if got := len(header.All()); got != tc.parts {
				t.Errorf("got %d parts, want %d", got, tc.parts)
			}
		})
	}
}

func TestMissingPaymentOptionIsZero(t *testing.T) {
	client, mock := newClient(t)
	answer(mock, http.StatusOK, `{"instruction":"HIDE_KLARNA","saved_payment_option":null}`)
	p, err := presentation.New(client).GetPresentation(t.Context(), presentation.GetPresentationParams{Currency: "EUR", Locale: "de-DE"})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []presentation.PaymentOption{p.PaymentOption, p.SavedPaymentOption} {
		if o.PaymentOptionID != "" || o.Header.Plain() != "" || o.PaymentButton.Text.All() != nil {
			t.Errorf("got the option %+v, want zero", o)
		}
	}
}

func TestAnswerDoesNotPrintItsTexts(t *testing.T) {
	const canary = "canary-4242"
	client, mock := newClient(t)
	answer(mock, http.StatusOK, `{"instruction":"SHOW_KLARNA","saved_payment_option":{"header":{"text":"`+canary+`"},"terms":{"parts":[{"type":"TEXT","text":"`+canary+`"}]}}}`)
	p, err := presentation.New(client).GetPresentation(t.Context(), presentation.GetPresentationParams{Currency: "EUR", Locale: "de-DE"})
	if err != nil {
		t.Fatal(err)
	}
	option := p.SavedPaymentOption
	for _, value := range []any{p, *p, option, &option, option.Header, option.Terms.Parts[0]} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			if text := fmt.Sprintf(verb, value); strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) {
				t.Errorf("%s of %T prints the text: %s", verb, value, text)
			}
		}
	}
}

func TestUnknownInstructionIsShowKlarna(t *testing.T) {
	for instruction, want := range map[presentation.Instruction]presentation.Instruction{
		presentation.InstructionShowKlarna:      presentation.InstructionShowKlarna,
		presentation.InstructionPreselectKlarna: presentation.InstructionPreselectKlarna,
		presentation.InstructionShowOnlyKlarna:  presentation.InstructionShowOnlyKlarna,
		presentation.InstructionHideKlarna:      presentation.InstructionHideKlarna,
		"SHOW_KLARNA_IN_3D":                     presentation.InstructionShowKlarna,
		"":                                      presentation.InstructionShowKlarna,
	} {
		if got := instruction.Effective(); got != want {
			t.Errorf("the effective instruction of %q: got %s, want %s", instruction, got, want)
		}
	}
}

func TestUnexpectedPaymentOptionKeepsTheInstruction(t *testing.T) {
	for _, tc := range []struct {
		name, option string
		unknown      []string
	}{
		{"a member of another type", `{"payment_option_id":"a","icon":"https://klarna.test/i.svg"}`, []string{"icon"}},
		{"not an object", `"S0xBUk5B"`, nil},
		{"a badge that is a list", `{"payment_option_id":"a","badge":["NEW"]}`, []string{"badge"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client, mock := newClient(t)
			answer(mock, http.StatusOK, `{"instruction":"HIDE_KLARNA","payment_option":`+tc.option+`}`)
			p, err := presentation.New(client).GetPresentation(t.Context(), presentation.GetPresentationParams{Currency: "EUR", Locale: "de-DE"})
			if err != nil {
				t.Fatal(err)
			}
			if p.Instruction != presentation.InstructionHideKlarna || !strings.Contains(string(p.Raw.Bytes()), tc.option) {
				t.Errorf("got the instruction %s and the raw answer %s, want HIDE_KLARNA and the answer", p.Instruction, p.Raw.Bytes())
			}
			if strings.HasPrefix(tc.option, "{") && p.PaymentOption.PaymentOptionID != "a" {
				t.Errorf("got the payment_option_id %q, want a", p.PaymentOption.PaymentOptionID)
			}
			var names []string
			for name := range p.PaymentOption.Unknown {
				names = append(names, name)
			}
			slices.Sort(names)
			if diff := cmp.Diff(tc.unknown, names); diff != "" {
				t.Errorf("unknown members (-want +got):\n%s", diff)
			}
		})
	}
}

// A caller that decodes an option with encoding/json gets the option that the answer holds.
func TestEveryDecoderReadsAPaymentOption(t *testing.T) {
	client, mock := newClient(t)
	answer(mock, http.StatusOK, fullAnswer)
	p, err := presentation.New(client).GetPresentation(t.Context(), presentation.GetPresentationParams{Currency: "EUR", Locale: "de-DE"})
	if err != nil {
		t.Fatal(err)
	}
	var whole struct {
		Option json.RawMessage `json:"payment_option"`
	}
	if err := json.Unmarshal([]byte(fullAnswer), &whole); err != nil {
		t.Fatal(err)
	}
	got := presentation.PaymentOption{PaymentOptionID: "previous"}
	text := bytes.Clone(whole.Option)
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	clear(text) // the caller may reuse the buffer
	show := cmp.Transformer("text", func(r klarna.RawJSON) string { return string(r.Bytes()) })
	if diff := cmp.Diff(p.PaymentOption, got, show); diff != "" {
		t.Errorf("option (-in the answer +decoded alone):\n%s", diff)
	}
	for form, want := range map[string]presentation.Text{
		`"a\u00e5"`: {Text: "aå"}, `{"text":"b","new_member":[1]}`: {Text: "b", Unknown: klarna.Unknown{"new_member": klarna.NewRawJSON(`[1]`)}}, `null`: {},
	} {
		read := presentation.Text{Text: "previous"}
		if err := json.Unmarshal([]byte(form), &read); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, read, show); diff != "" {
			t.Errorf("%s (-want +got):\n%s", form, diff)
		}
	}
	var unexpected presentation.Text
	if err := json.Unmarshal([]byte(`{"text":"b","parts":[{"text":7}]}`), &unexpected); err != nil || unexpected.Plain() != "" || len(unexpected.Parts) != 1 {
		t.Errorf("a part of another type: got %d parts, the text %q and the error %v", len(unexpected.Parts), unexpected.Plain(), err)
	}
}

func TestUnknownMembersAreKeptInEachObject(t *testing.T) {
	client, mock := newClient(t)
	answer(mock, http.StatusOK, `{"instruction":"SHOW_KLARNA","payment_option":{"icon":{"i":1},"payment_button":{"b":[2]},"terms":{"t":{"a": 3}}}}`)
	p, err := presentation.New(client).GetPresentation(t.Context(), presentation.GetPresentationParams{Currency: "EUR", Locale: "de-DE"})
	if err != nil {
		t.Fatal(err)
	}
	o := p.PaymentOption
	got := []string{string(o.Icon.Unknown["i"].Bytes()), string(o.PaymentButton.Unknown["b"].Bytes()), string(o.Terms.Unknown["t"].Bytes())}
	if diff := cmp.Diff([]string{`1`, `[2]`, `{"a": 3}`}, got); diff != "" {
		t.Errorf("unknown members (-want +got):\n%s", diff)
	}
}

func TestInvalidParamsAreNotSent(t *testing.T) {
	client, mock := newClient(t)
	received := answer(mock, http.StatusOK, `{}`)
	_, err := presentation.New(client).GetPresentation(t.Context(), presentation.GetPresentationParams{
		Amount:                      -1,
		SubscriptionBillingInterval: klarna.BillingIntervalMonth,
		AcquiringConfig:             klarna.AcquiringConfig{PaymentAccountReference: "alone", SettlementCurrency: "EUR", Unknown: klarna.Unknown{"other": klarna.NewRawJSON(`1`)}},
	})
	e, ok := errors.AsType[*klarna.Error](err)
	if !ok || !errors.Is(err, klarna.CodeValidationError) || e.Outcome != klarna.OutcomeNotSent {
		t.Fatalf("got the error %v, want a validation error that was not sent", err)
	}
	var parameters []string
	for _, v := range e.ValidationErrors {
		parameters = append(parameters, v.Parameter)
	}
	want := []string{"currency", "locale", "amount", "subscription_billing_interval_frequency", "acquiring_config", "acquiring_config.settlement_currency", "acquiring_config.other"}
	if diff := cmp.Diff(want, parameters); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
	if *received != nil {
		t.Error("got a request, want none")
	}
}

func TestGetPresentationReturnsKlarnasError(t *testing.T) {
	client, mock := newClient(t)
	answer(mock, http.StatusForbidden, `{"error_id":"e-1","error_code":"OPERATION_FORBIDDEN"}`)
	p, err := presentation.New(client).GetPresentation(t.Context(), presentation.GetPresentationParams{Currency: "EUR", Locale: "de-DE"})
	if p != nil || !errors.Is(err, klarna.CodeOperationForbidden) || klarna.OutcomeOf(err) != klarna.OutcomeRejected {
		t.Errorf("got %v and the error %v, want OPERATION_FORBIDDEN", p, err)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(fullAnswer)
	f.Add(`{"instruction":"X","payment_option":{"header":"a","terms":{"parts":[null,{}]}}}`)
	f.Add(`{"payment_option":[1,2]}`)
	f.Fuzz(func(t *testing.T, body string) {
		client, mock := newClient(t)
		answer(mock, http.StatusOK, body)
		p, err := presentation.New(client).GetPresentation(t.Context(), presentation.GetPresentationParams{Currency: "EUR", Locale: "de-DE"})
		if err != nil {
			if p != nil || klarna.OutcomeOf(err) != klarna.OutcomeUnknown {
				t.Fatalf("an unreadable answer: got %v and the error %v, want an unknown outcome", p, err)
			}
			return
		}
		if string(p.Raw.Bytes()) != body {
			t.Fatalf("got the raw body %q, want %q", p.Raw.Bytes(), body)
		}
		for _, o := range []presentation.PaymentOption{p.PaymentOption, p.SavedPaymentOption} {
			_ = o.Terms.Plain() // must not panic
		}
	})
}
