package authorization

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/klarna"
)

// Placeholder is a part of a return URL that Klarna replaces when it sends the customer back.
type Placeholder string

// The placeholders.
const (
	// PlaceholderID is replaced with the id of the payment request.
	PlaceholderID Placeholder = "{klarna.payment_request.id}"
	// PlaceholderState is replaced with the state of the payment request.
	PlaceholderState Placeholder = "{klarna.payment_request.state}"
	// PlaceholderReference is replaced with the caller's reference of the payment request.
	PlaceholderReference Placeholder = "{klarna.payment_request.payment_request_reference}"
	// PlaceholderSessionToken is replaced with the session token. Browsers and proxies record URLs:
	// read the token from the payment request instead.
	PlaceholderSessionToken Placeholder = "{klarna.payment_request.klarna_network_session_token}"
)

// parameters are the query parameters that ReturnURL adds and ParseReturn reads.
var parameters = map[Placeholder]string{
	PlaceholderID:           "payment_request_id",
	PlaceholderState:        "payment_request_state",
	PlaceholderReference:    "payment_request_reference",
	PlaceholderSessionToken: "klarna_network_session_token",
}

// ReturnURL returns the address with a query parameter for each placeholder. It does not
// percent-encode the braces of the placeholders, because Klarna replaces only literal braces.
// [ParseReturn] reads the parameters. ReturnURL returns an error if the address is not absolute, if
// it already has one of the parameters, or if a placeholder is none of the constants.
func ReturnURL(address string, placeholders ...Placeholder) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return "", errors.New("authorization: the return URL is not an absolute URL")
	}
	taken := u.Query()
	var added []string
	for _, p := range placeholders {
		name, ok := parameters[p]
		switch {
		case !ok:
			return "", fmt.Errorf("authorization: %q is not a placeholder", string(p))
		case taken.Has(name):
			// ParseReturn could not distinguish it from Klarna's.
			return "", fmt.Errorf("authorization: the return URL already has the parameter %s", name)
		}
		taken.Set(name, string(p))
		added = append(added, name+"="+string(p))
	}
	if len(added) == 0 {
		return address, nil
	}
	// The rest stays unchanged, because url.URL would percent-encode the braces of placeholders in
	// the path.
	rest, fragment, hasFragment := strings.Cut(address, "#")
	switch _, query, hasQuery := strings.Cut(rest, "?"); {
	case !hasQuery:
		rest += "?"
	case query != "" && !strings.HasSuffix(query, "&"):
		rest += "&"
	}
	rest += strings.Join(added, "&")
	if hasFragment {
		rest += "#" + fragment
	}
	return rest, nil
}

// Return holds the values that Klarna put into the return URL. They prove nothing, because anyone
// can request the URL. Read the payment request, or wait for the webhook.
type Return struct {
	// PaymentRequestID is the value of PlaceholderID.
	PaymentRequestID string
	// State is the value of PlaceholderState.
	State PaymentRequestState
	// PaymentRequestReference is the value of PlaceholderReference.
	PaymentRequestReference string
	// SessionToken is the value of PlaceholderSessionToken.
	SessionToken klarna.Secret
}

// ParseReturn reads the query of a request to a URL that [ReturnURL] made. A field is empty if its
// parameter is missing or Klarna did not replace the placeholder.
func ParseReturn(query url.Values) Return {
	filled := func(p Placeholder) string {
		value := query.Get(parameters[p])
		if strings.HasPrefix(value, "{klarna.") {
			return ""
		}
		return value
	}
	return Return{
		PaymentRequestID:        filled(PlaceholderID),
		State:                   PaymentRequestState(filled(PlaceholderState)),
		PaymentRequestReference: filled(PlaceholderReference),
		SessionToken:            klarna.NewSecret(filled(PlaceholderSessionToken)),
	}
}

// Format writes the id and the state, for every verb.
func (r Return) Format(s fmt.State, _ rune) { redact.Format(s, r.describe()) }

// LogValue returns the text that Format writes.
func (r Return) LogValue() slog.Value { return slog.StringValue(r.describe()) }

func (r *Return) describe() string {
	return fmt.Sprintf("authorization.Return{%q %q}", r.PaymentRequestID, r.State) // quoted, because a query can contain line breaks
}
