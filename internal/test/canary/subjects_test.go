package canary

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/presentation"
	"github.com/klarna-go/klarna-go/webhook"
	"github.com/klarna-go/klarna-go/webhook/subscription"
)

// The canaries. The secret is a key or a token. The person is something that identifies a customer
// or is in a body.
const (
	secretText = "klarna_test_api_Qz7Kx2Wv9Bn4Lm6Tp8Rd3Hc5"
	personText = "Jy4Gf6Sw1Vb8Nk3Zt5Xq7Mh2"
)

var (
	secret = newCanary(secretText)
	person = newCanary(personText)
)

// subject is a value that holds canaries.
type subject struct {
	name string
	// group is the subject's table. Subjects without a group never show anything.
	group  group
	places []place
	// derived are canaries of a value that was derived from the secret and can replace it.
	derived canary
}

// group is a table of docs/secrets.md.
type group string

const (
	asItCame group = "Raw JSON and types that contain it"
	ofCalls  group = "Errors, responses and calls"
	personal group = "Personal data"
)

// in puts subjects into a group.
func (g group) in(subjects ...subject) []subject {
	for i := range subjects {
		subjects[i].group = g
	}
	return subjects
}

func of[T any](name string, value T, embedded func(T) any) subject {
	return subject{name: name, places: placesOf(value, embedded)}
}

func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var value T
	if err := json.Unmarshal([]byte(strings.NewReplacer("SECRET", secretText, "PERSON", personText).Replace(text)), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

const (
	customer = `{"given_name":"PERSON","family_name":"PERSON","email":"PERSON","date_of_birth":"PERSON","address":{"street_address":"PERSON"},"of_tomorrow":"PERSON"}`
	state    = `{"klarna_network_session_token":"SECRET","interoperability_token":"SECRET","payment_token":"SECRET","klarna_customer":"PERSON","shipping":"PERSON","of_tomorrow":"PERSON"}`
	request  = `{"payment_request_id":"r","state":"COMPLETED","amount":1,"currency":"EUR","state_context":` + state + `,"supplementary_purchase_data":{"customer":` + customer + `},"of_tomorrow":"PERSON"}`
	event    = `{"metadata":{"event_id":"e","event_type":"payment.request.updated","of_tomorrow":"PERSON"},"payload":` + request + `,"of_tomorrow":"PERSON"}`
)

// subjects returns values of every kind of type. Values from answers and deliveries come from
// calls, so that their unexported fields are set.
func subjects(t *testing.T) []subject {
	t.Helper()
	token, person := klarna.NewSecret(secretText), klarna.NewRawJSON(`{"name":"`+personText+`"}`)

	answer := &http.Response{}
	client, err := klarna.NewClient(secretText,
		klarna.WithAuthEncoding(klarna.AuthEncodingKeyAsPassword), klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: 1}),
		klarna.WithHTTPClient(&http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { r := *answer; return &r, nil })}))
	if err != nil {
		t.Fatal(err)
	}
	client = client.ForAccount("account")
	respond := func(status int, body string) {
		body = strings.NewReplacer("SECRET", secretText, "PERSON", personText).Replace(body)
		answer = &http.Response{StatusCode: status, Header: http.Header{"X-Personal": {personText}}, Body: io.NopCloser(strings.NewReader(body))}
	}

	call := klarna.Call{
		Operation: "test", Method: "POST", Route: "x/{id}", IDs: []string{"i"}, Query: url.Values{"q": {personText}},
		Body: map[string]string{"name": personText}, SessionToken: token, Reference: personText,
	}
	respond(400, `{"error_code":"VALIDATION_ERROR","error_message":"PERSON","doc_url":"PERSON","validation_errors":[{"parameter":"a","reason":"PERSON"}]}`)
	var response klarna.Response
	_, err = client.Do(t.Context(), call, nil, klarna.WithResponse(&response), klarna.WithCustomerToken(token))
	failure, ok := err.(*klarna.Error)
	if !ok || failure.StatusCode != 400 || response.Body.IsZero() {
		t.Fatalf("%v", err)
	}

	key := webhook.Key{ID: "k", Secret: token}
	verifier, err := webhook.NewVerifier(key)
	if err != nil {
		t.Fatal(err)
	}
	renewed, err := webhook.NewVerifierFrom(t.Context(), func(context.Context) ([]webhook.Key, error) { return []webhook.Key{key}, nil })
	if err != nil {
		t.Fatal(err)
	}
	handler, err := webhook.NewHandler(verifier, func(context.Context, *webhook.Event) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(strings.NewReplacer("SECRET", secretText, "PERSON", personText).Replace(event))
	delivered, err := verifier.Parse(t.Context(), http.Header{webhook.HeaderSignature: {webhook.Sign(token, body)}}, body)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := delivered.PaymentRequest()
	if err != nil {
		t.Fatal(err)
	}

	respond(200, `{"instruction":"SHOW_KLARNA","saved_payment_option":{"header":{"text":"PERSON"},"of_tomorrow":"PERSON"},"of_tomorrow":"PERSON"}`)
	shown, err := presentation.New(client).GetPresentation(t.Context(), presentation.GetPresentationParams{Currency: "EUR", Locale: "de-DE"})
	if err != nil {
		t.Fatal(err)
	}
	respond(200, strings.Replace(request, `"COMPLETED"`, `"COMPLETED","payment_request_reference":"PERSON"`, 1))
	authorizations := authorization.New(client)
	read, err := authorizations.GetPaymentRequest(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	approval, err := read.Approval()
	if err != nil {
		t.Fatal(err)
	}
	order := decode[authorization.AuthorizeParams](t, `{"currency":"EUR","supplementary_purchase_data":{"customer":`+customer+`},"klarna_network_data":"PERSON","of_tomorrow":"PERSON"}`)
	transaction := decode[authorization.PaymentTransaction](t, `{"payment_transaction_id":"t","payment_transaction_reference":"PERSON","of_tomorrow":"PERSON"}`)

	root, err := hkdf.Extract(sha256.New, []byte(secretText), nil)
	if err != nil {
		t.Fatal(err)
	}
	coordinator, err := flow.New(client, flow.NewMemoryStore(), token)
	if err != nil {
		t.Fatal(err)
	}
	coordinators := of("*flow.Coordinator", coordinator, func(v *flow.Coordinator) any { return struct{ *flow.Coordinator }{v} })
	coordinators.derived = newCanary(string(root))

	return slices.Concat(group("").in(
		of("klarna.Secret", token, func(v klarna.Secret) any { return struct{ klarna.Secret }{v} }),
		of("klarna.Client", *client, func(v klarna.Client) any { return struct{ klarna.Client }{v} }),
		of("webhook.Key", key, func(v webhook.Key) any { return struct{ webhook.Key }{v} }),
		of("webhook.Verifier", *verifier, func(v webhook.Verifier) any { return struct{ webhook.Verifier }{v} }),
		of("webhook.Verifier with a source", *renewed, func(v webhook.Verifier) any { return struct{ webhook.Verifier }{v} }),
		of("webhook.Handler", *handler, func(v webhook.Handler) any { return struct{ webhook.Handler }{v} }),
		of("subscription.SigningKey", subscription.SigningKey{SigningKeyID: "k", SigningKey: token}, func(v subscription.SigningKey) any { return struct{ subscription.SigningKey }{v} }),
		of("authorization.CustomerToken", decode[authorization.CustomerToken](t, `{"customer_token":"SECRET","customer_token_id":"SECRET"}`), func(v authorization.CustomerToken) any {
			return struct{ authorization.CustomerToken }{v}
		}),
		of("authorization.Approval", approval, func(v authorization.Approval) any { return struct{ authorization.Approval }{v} }),
		coordinators,
	), asItCame.in(
		of("klarna.RawJSON", person, func(v klarna.RawJSON) any { return struct{ klarna.RawJSON }{v} }),
		of("klarna.Unknown", klarna.Unknown{"name": person}, func(v klarna.Unknown) any { return struct{ klarna.Unknown }{v} }),
		of("webhook.Event", *delivered, func(v webhook.Event) any { return struct{ webhook.Event }{v} }),
		of("webhook.PaymentRequest", *payload, func(v webhook.PaymentRequest) any { return struct{ webhook.PaymentRequest }{v} }),
	), ofCalls.in(
		of("klarna.Response", response, func(v klarna.Response) any { return struct{ klarna.Response }{v} }),
		of("klarna.Error", *failure, func(v klarna.Error) any { return struct{ klarna.Error }{v} }),
		of("klarna.Call", call, func(v klarna.Call) any { return struct{ klarna.Call }{v} }),
	), personal.in(
		of("authorization.PaymentRequest", *read, func(v authorization.PaymentRequest) any { return struct{ authorization.PaymentRequest }{v} }),
		of("authorization.StepUpRequired", authorization.StepUpRequired{PaymentRequest: read, URL: "https://" + personText}, func(v authorization.StepUpRequired) any { return struct{ authorization.StepUpRequired }{v} }),
		of("authorization.Approved", authorization.Approved{PaymentTransaction: &transaction}, func(v authorization.Approved) any { return struct{ authorization.Approved }{v} }),
		of("authorization.AuthorizeParams", order, func(v authorization.AuthorizeParams) any { return struct{ authorization.AuthorizeParams }{v} }),
		of("authorization.Customer", *order.SupplementaryPurchaseData.Customer, func(v authorization.Customer) any { return struct{ authorization.Customer }{v} }),
		of("presentation.Presentation", *shown, func(v presentation.Presentation) any { return struct{ presentation.Presentation }{v} }),
		of("flow.Purchase", flow.Purchase{ID: "p", Request: order, SessionToken: token}, func(v flow.Purchase) any { return struct{ flow.Purchase }{v} }),
		of("flow.Status", flow.Status{ID: "p", Reason: personText, PaymentRequestURL: "https://" + personText}, func(v flow.Status) any { return struct{ flow.Status }{v} }),
	))
}
