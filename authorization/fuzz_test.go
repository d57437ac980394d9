package authorization_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jarcoal/httpmock"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/internal/test/roundtrip"
	"github.com/klarna-go/klarna-go/klarna"
)

// FuzzAuthorization decodes the answer with encoding/json too, and compares the result with it.
func FuzzAuthorization(f *testing.F) {
	for _, seed := range []string{
		stepUpAnswer, approvedAnswer, `{"payment_transaction_response":{"result":"DECLINED","result_reason":"R"}}`,
		`{"payment_transaction_response":{"result":"X"},"payment_request":{}}`, `{"payment_transaction_response":null,"customer_token_response":{"result":"APPROVED","customer_token":"t"}}`,
		`{"customer_token_response":{"result":"APPROVED","customer_token":{"customer_token_id":"t"}}}`, `{"payment_transaction_response":{"result":"APPROVED"}}`, `[]`, ``,
		`{"payment_transaction_response":{"result":"approved","payment_transaction":{"payment_transaction_id":"a","amount":"1e3"}}}`,
	} {
		f.Add(seed, true)
		f.Add("\ufeff"+seed, false)
	}
	var body string
	mock := httpmock.NewMockTransport()
	mock.RegisterNoResponder(func(*http.Request) (*http.Response, error) {
		return httpmock.NewStringResponse(http.StatusOK, body), nil
	})
	client, err := klarna.NewClient(apiKey, klarna.WithHTTPClient(&http.Client{Transport: mock}), klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: 1}))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string, payment bool) {
		body = text
		request := order()
		if !payment {
			request = tokenOrder()
		}
		answer, err := authorization.New(client).Authorize(t.Context(), request)
		if err != nil {
			if e := failure(t, err); answer != nil || e.Outcome != klarna.OutcomeUnknown {
				t.Fatalf("an unreadable answer: got %v and the error %v, want an unknown outcome", answer, e)
			}
			return
		}
		if string(answer.Raw.Bytes()) != text {
			t.Fatal("the body was changed")
		}
		whole := members([]byte(text))
		response := members(whole["payment_transaction_response"])
		token := members(whole["customer_token_response"])
		klarnasResult := textOf(response["result"])
		if other := textOf(token["result"]); !payment && other != "" {
			klarnasResult = other
		}
		var want string
		switch result := answer.Result.(type) {
		case authorization.Approved:
			want = "APPROVED"
			id := textOf(members(response["payment_transaction"])["payment_transaction_id"])
			if !payment || id == "" || result.PaymentTransaction.PaymentTransactionID != id {
				t.Fatal("got an approval without the payment transaction of the answer")
			}
		case authorization.TokenIssued:
			want = "APPROVED"
			if payment || result.CustomerToken.Secret().IsZero() {
				t.Fatal("got an empty token")
			}
		case authorization.StepUpRequired:
			want = "STEP_UP_REQUIRED"
			if result.PaymentRequest.PaymentRequestID != textOf(members(whole["payment_request"])["payment_request_id"]) ||
				result.URL != result.PaymentRequest.StateContext.CustomerInteraction.PaymentRequestURL {
				t.Fatal("got a step-up without its payment request")
			}
		case authorization.Declined:
			want = "DECLINED"
		case authorization.Undecided:
			want = result.Result
			for _, known := range []string{"", "APPROVED", "STEP_UP_REQUIRED", "DECLINED"} {
				if strings.EqualFold(want, known) {
					t.Fatalf("%q is known", want)
				}
			}
		default:
			t.Fatalf("got the result %T", result)
		}
		if !strings.EqualFold(klarnasResult, want) {
			t.Fatalf("got the result %T of Klarna's %q", answer.Result, klarnasResult)
		}
	})
}

// members returns the members of an object, of each name the first one; nil for any other value.
func members(text []byte) map[string]json.RawMessage {
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return nil
	}
	found := map[string]json.RawMessage{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return nil
		}
		if _, there := found[name.(string)]; !there {
			found[name.(string)] = value
		}
	}
	return found
}

// textOf returns a string, "" for any other value.
func textOf(text []byte) (s string) {
	_ = json.Unmarshal(text, &s)
	return s
}

func FuzzPaymentRequest(f *testing.F) {
	f.Add([]byte(`{"state":"COMPLETED","state_context":{"payment_token":"token-of-the-customer","customer_interaction":{"qr_code":7}}}`))
	f.Add([]byte(`{"expires_at":"2026-10-13","created_at":7,"state_context":null}`))
	fuzzAnswer(f, []string{paymentRequestAnswer}, func(t *testing.T, p *authorization.PaymentRequest) {
		approval, err := p.Approval()
		if approved := p.State == authorization.PaymentRequestStateCompleted && !p.SessionToken().IsZero() && p.Amount != nil && *p.Amount != 0; approved != (err == nil) {
			t.Fatalf("%s has the approval %v, %v", p.State, approval, err)
		}
		if err == nil && (approval.Amount != *p.Amount || approval.Currency != p.Currency) {
			t.Fatal("another amount was approved")
		}
		if !p.State.Open() && p.State.CanBecome(authorization.PaymentRequestStateCompleted) {
			t.Fatalf("%s is closed, but can be approved", p.State)
		}
		token := p.SessionToken().Reveal()
		if text := fmt.Sprintf("%+v", p.StateContext); len(token) > 12 && strings.Contains(text, token) {
			t.Fatal("the token is shown")
		}
	})
}

func FuzzPaymentTransaction(f *testing.F) {
	fuzzAnswer(f, []string{transactionAnswer, `{"amount":-9223372036854775808,"payment_captures":null}`}, func(*testing.T, *authorization.PaymentTransaction) {})
}

func FuzzPaymentCapture(f *testing.F) {
	fuzzAnswer(f, []string{captureAnswer, `{"supplementary_capture_data":7}`}, func(*testing.T, *authorization.PaymentCapture) {})
}

func FuzzPaymentRefund(f *testing.F) {
	fuzzAnswer(f, []string{refundAnswer}, func(*testing.T, *authorization.PaymentRefund) {})
}

func FuzzPaymentChargeback(f *testing.F) {
	fuzzAnswer(f, []string{chargebackAnswer}, func(*testing.T, *authorization.PaymentChargeback) {})
}

func FuzzCustomerToken(f *testing.F) {
	fuzzAnswer(f, []string{`"krn:token"`, `{"customer_token_id":"krn:token","customer_token_reference":7}`, `[1]`, `null`, `""`}, func(t *testing.T, c *authorization.CustomerToken) {
		if got, want := c.Secret().IsZero(), c.Token.IsZero() && c.CustomerTokenID.IsZero(); got != want {
			t.Fatalf("it has a secret: %t, want %t", !got, !want)
		}
	})
}

// fuzzAnswer checks that a decoded answer can be encoded, that the encoding decodes to the same
// value and encodes to the same text, and that no member of an object is lost.
func fuzzAnswer[T any](f *testing.F, seeds []string, check func(*testing.T, *T)) {
	f.Helper()
	for _, seed := range append(seeds, `{}`, `null`, `[]`, `{"a":1,"a":2}`, `{"":{"a":[null]}}`, "{\"a\":\"\xff\\ud83d\"}") {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		first := new(T)
		if authorization.Decode(text, first) != nil {
			return
		}
		check(t, first)
		roundtrip.CheckAnyBytes(t, authorization.Encode, authorization.Decode, text, first)
		encoded, err := json.Marshal(first)
		if err != nil {
			t.Fatalf("got the error %v while encoding a decoded value", err)
		}
		before, after := members(text), members(encoded)
		for name, member := range before {
			if _, kept := after[name]; !kept && !isEmpty(member) && !strings.HasSuffix(name, "_at") { // an invalid time is not encoded
				t.Fatalf("%q of %s was lost: %s", name, text, encoded)
			}
		}
	})
}

// isEmpty reports whether a field may leave the member out: it is empty, or an object of empty
// members.
func isEmpty(member json.RawMessage) bool {
	switch string(bytes.TrimSpace(member)) {
	case `""`, `null`, `{}`, `"[redacted]"`:
		return true
	}
	within := members(member)
	for _, m := range within {
		if !isEmpty(m) {
			return false
		}
	}
	return within != nil
}

func FuzzParseReturn(f *testing.F) {
	f.Add("payment_request_id=" + requestID + "&payment_request_state=COMPLETED&klarna_network_session_token=" + sessionToken)
	f.Add("payment_request_id=%7Bklarna.payment_request.id%7D&payment_request_reference=a%0Ab")
	f.Add("payment_request_state=a&payment_request_state=b&%zz;")
	f.Fuzz(func(t *testing.T, text string) {
		query, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		r := authorization.ParseReturn(query)
		for name, got := range map[string]string{
			"payment_request_id": r.PaymentRequestID, "payment_request_state": string(r.State),
			"payment_request_reference": r.PaymentRequestReference, "klarna_network_session_token": r.SessionToken.Reveal(),
		} {
			if want := query.Get(name); strings.HasPrefix(got, "{klarna.") || got != want && !strings.HasPrefix(want, "{klarna.") {
				t.Fatalf("%s is %q, want %q", name, got, want)
			}
		}
		printed := fmt.Sprintf("%+v", r)
		if strings.ContainsAny(printed, "\r\n\x1b") {
			t.Fatalf("got a line break in %q", printed)
		}
	})
}

func FuzzReturnURL(f *testing.F) {
	f.Add("https://shop.example/{a}/b?c=d;e&#f?g", byte(15), "krn:1")
	f.Add("app://?payment_request_id=1", byte(1), "{klarna.x}")
	f.Add("https://shop.example?%zz&", byte(6), "å &=#{}")
	placeholders := []authorization.Placeholder{
		authorization.PlaceholderID, authorization.PlaceholderState, authorization.PlaceholderReference, authorization.PlaceholderSessionToken,
	}
	f.Fuzz(func(t *testing.T, address string, which byte, value string) {
		var chosen []authorization.Placeholder
		for i, p := range placeholders {
			if which&(1<<i) != 0 {
				chosen = append(chosen, p)
			}
		}
		returnURL, err := authorization.ReturnURL(address, chosen...)
		if err != nil {
			if returnURL != "" {
				t.Fatalf("got %q with the error %v, want an empty string", returnURL, err)
			}
			return
		}
		before, fragment, _ := strings.Cut(address, "#")
		if !strings.HasPrefix(returnURL, before) || !strings.HasSuffix(returnURL, fragment) {
			t.Fatalf("%q was changed to %q", address, returnURL)
		}
		filled := returnURL
		for _, p := range chosen {
			if !strings.Contains(filled, string(p)) {
				t.Fatalf("%s is not in %s", p, returnURL)
			}
			filled = strings.ReplaceAll(filled, string(p), url.QueryEscape(value))
		}
		u, err := url.Parse(filled)
		if err != nil {
			t.Fatalf("with replaced placeholders: got the error %v, want a URL", err)
		}
		r := authorization.ParseReturn(u.Query())
		for i, got := range []string{r.PaymentRequestID, string(r.State), r.PaymentRequestReference, r.SessionToken.Reveal()} {
			if which&(1<<i) != 0 && got != value && !strings.HasPrefix(value, "{klarna.") {
				t.Fatalf("%s of %s is %q, want %q", placeholders[i], filled, got, value)
			}
		}
	})
}
