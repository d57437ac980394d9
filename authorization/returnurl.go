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

// Placeholder is what Klarna replaces in a return URL when it sends the customer back.
type Placeholder string

// The placeholders.
const (
	PlaceholderID        Placeholder = "{klarna.payment_request.id}"
	PlaceholderState     Placeholder = "{klarna.payment_request.state}"
	PlaceholderReference Placeholder = "{klarna.payment_request.payment_request_reference}"
	// PlaceholderSessionToken puts the session token into the URL, where browsers and proxies keep it.
	// Prefer reading the payment request.
	PlaceholderSessionToken Placeholder = "{klarna.payment_request.klarna_network_session_token}"
)

// parameters are the query parameters in which ReturnURL puts the placeholders and Return finds
// them.
var parameters = map[Placeholder]string{
	PlaceholderID:           "payment_request_id",
	PlaceholderState:        "payment_request_state",
	PlaceholderReference:    "payment_request_reference",
	PlaceholderSessionToken: "klarna_network_session_token",
}

// ReturnURL adds placeholders to the query of an address, with literal braces as Klarna asks.
// ParseReturn reads them back. It fails for an address that is not absolute or has a parameter of
// such a name already, and for what is not a placeholder.
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
			// ParseReturn could not tell it from Klarna's.
			return "", fmt.Errorf("authorization: the return URL has the parameter %s already", name)
		}
		taken.Set(name, string(p))
		added = append(added, name+"="+string(p))
	}
	if len(added) == 0 {
		return address, nil
	}
	// The rest stays as it was written: url.URL would percent-encode the braces of placeholders in its
	// path.
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

// Return is what Klarna filled in when it sent the customer back. It proves nothing: anyone can
// type a URL. Read the payment request, or wait for the webhook.
type Return struct {
	PaymentRequestID        string
	State                   PaymentRequestState
	PaymentRequestReference string
	SessionToken            klarna.Secret
}

// ParseReturn reads the query of the customer's return to a URL of ReturnURL. What Klarna left
// unfilled is left empty.
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

// Format writes the id, whatever the verb.
func (r Return) Format(s fmt.State, _ rune) { redact.Format(s, r.describe()) }

// LogValue returns what Format writes.
func (r Return) LogValue() slog.Value { return slog.StringValue(r.describe()) }

func (r *Return) describe() string {
	return fmt.Sprintf("authorization.Return{%q %q}", r.PaymentRequestID, r.State) // quoted: anyone can type a line break
}
