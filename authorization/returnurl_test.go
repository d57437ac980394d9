package authorization_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
)

func TestReturnURLHasLiteralBraces(t *testing.T) {
	id, state := authorization.PlaceholderID, authorization.PlaceholderState
	for _, tc := range []struct {
		name, address string
		placeholders  []authorization.Placeholder
		want          string
	}{
		{"no placeholder", "https://shop.example/back", nil, "https://shop.example/back"},
		{"one", "https://shop.example/back", []authorization.Placeholder{id}, "https://shop.example/back?payment_request_id={klarna.payment_request.id}"},
		{
			"all of them", "https://shop.example",
			[]authorization.Placeholder{id, state, authorization.PlaceholderReference, authorization.PlaceholderSessionToken},
			"https://shop.example?payment_request_id={klarna.payment_request.id}&payment_request_state={klarna.payment_request.state}" +
				"&payment_request_reference={klarna.payment_request.payment_request_reference}" +
				"&klarna_network_session_token={klarna.payment_request.klarna_network_session_token}",
		},
		{
			"a query that is there", "https://shop.example/back?cart=1%2F2&x=%7B", []authorization.Placeholder{state},
			"https://shop.example/back?cart=1%2F2&x=%7B&payment_request_state={klarna.payment_request.state}",
		},
		{"a query that is empty", "https://shop.example/back?", []authorization.Placeholder{id}, "https://shop.example/back?payment_request_id={klarna.payment_request.id}"},
		{"a query that is a question mark", "https://shop.example/??", []authorization.Placeholder{id}, "https://shop.example/??&payment_request_id={klarna.payment_request.id}"},
		{"a query that ends open", "https://shop.example/?a&", []authorization.Placeholder{id}, "https://shop.example/?a&payment_request_id={klarna.payment_request.id}"},
		{
			"a fragment stays the last", "https://shop.example/#/back?a=b", []authorization.Placeholder{id},
			"https://shop.example/?payment_request_id={klarna.payment_request.id}#/back?a=b",
		},
		{"a query and a fragment", "https://shop.example/?a=b#c", []authorization.Placeholder{id}, "https://shop.example/?a=b&payment_request_id={klarna.payment_request.id}#c"},
		{
			"placeholders of the caller's own in path, query and fragment",
			"https://shop.example/{klarna.payment_request.id}?s={klarna.payment_request.state}#{klarna.payment_request.payment_token}",
			[]authorization.Placeholder{authorization.PlaceholderReference},
			"https://shop.example/{klarna.payment_request.id}?s={klarna.payment_request.state}" +
				"&payment_request_reference={klarna.payment_request.payment_request_reference}#{klarna.payment_request.payment_token}",
		},
		{"an app", "shop://back/now", []authorization.Placeholder{id}, "shop://back/now?payment_request_id={klarna.payment_request.id}"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := authorization.ReturnURL(tc.address, tc.placeholders...)
			if err != nil || got != tc.want {
				t.Fatalf("got %s and the error %v\nwant %s", got, err, tc.want)
			}
			client, _ := newClient(t, http.StatusOK, stepUpAnswer)
			if _, err := returningTo(got)(t.Context(), authorization.New(client)); err != nil {
				t.Errorf("local validation: got the error %v, want none", err)
			}
		})
	}
}

func TestReturnURLRefusesWhatParseReturnCannotRead(t *testing.T) {
	for _, tc := range []struct {
		name, address string
		placeholders  []authorization.Placeholder
		want          string
	}{
		{"no address", "", nil, "authorization: the return URL is not an absolute URL"},
		{"a path alone", "/back", nil, "authorization: the return URL is not an absolute URL"},
		{"no scheme", "//shop.example/back", nil, "authorization: the return URL is not an absolute URL"},
		{"no URL", "https://shop example:token/", nil, "authorization: the return URL is not an absolute URL"},
		{"no placeholder", "https://shop.example", []authorization.Placeholder{"id"}, `authorization: "id" is not a placeholder`},
		{
			"a parameter of the caller's own", "https://shop.example?payment_request_state=1", []authorization.Placeholder{authorization.PlaceholderState},
			"authorization: the return URL already has the parameter payment_request_state",
		},
		{
			"the same placeholder twice", "https://shop.example", []authorization.Placeholder{authorization.PlaceholderID, authorization.PlaceholderID},
			"authorization: the return URL already has the parameter payment_request_id",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := authorization.ReturnURL(tc.address, tc.placeholders...)
			if got != "" || err == nil || err.Error() != tc.want {
				t.Errorf("got %q and the error %v, want %s", got, err, tc.want)
			}
		})
	}
}

func TestParseReturnReadsReplacedPlaceholders(t *testing.T) {
	encoded := strings.NewReplacer("{", "%7B", "}", "%7D")
	address, err := authorization.ReturnURL("https://shop.example/?cart=1", authorization.PlaceholderID, authorization.PlaceholderState,
		authorization.PlaceholderReference, authorization.PlaceholderSessionToken)
	if err != nil {
		t.Fatal(err)
	}
	filled := strings.NewReplacer(
		string(authorization.PlaceholderID), requestID,
		string(authorization.PlaceholderState), "COMPLETED",
		string(authorization.PlaceholderReference), url.QueryEscape("request-å {1}"),
		string(authorization.PlaceholderSessionToken), sessionToken)
	full := authorization.Return{
		PaymentRequestID: requestID, State: authorization.PaymentRequestStateCompleted, PaymentRequestReference: "request-å {1}", SessionToken: klarna.NewSecret(sessionToken),
	}
	for _, tc := range []struct {
		name, address string
		want          authorization.Return
	}{
		{"filled", filled.Replace(address), full},
		{"left unfilled", address, authorization.Return{}},
		{"left unfilled, and encoded in upper case by the browser", encoded.Replace(address), authorization.Return{}},
		{"left unfilled, and encoded in lower case", strings.ToLower(encoded.Replace(address)), authorization.Return{}},
		{
			"filled in part", strings.Replace(address, string(authorization.PlaceholderID), requestID, 1),
			authorization.Return{PaymentRequestID: requestID},
		},
		{"another state", "https://shop.example/?payment_request_state=OF_TOMORROW", authorization.Return{State: "OF_TOMORROW"}},
		{"none of the parameters", "https://shop.example/?a=b", authorization.Return{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			u, err := url.Parse(tc.address)
			if err != nil {
				t.Fatal(err)
			}
			if diff := diff(tc.want, authorization.ParseReturn(u.Query())); diff != "" {
				t.Errorf("return (-want +got):\n%s", diff)
			}
		})
	}
	if diff := diff(authorization.Return{}, authorization.ParseReturn(nil)); diff != "" {
		t.Errorf("return of an empty query (-want +got):\n%s", diff)
	}
}
