package klarnatest

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// interaction is a customer_interaction_config.
type interaction struct {
	raw       json.RawMessage
	method    string
	returnURL string
}

func readInteraction(o object, methodRequired bool) interaction {
	raw := o.raw("customer_interaction_config")
	if raw == nil {
		return interaction{method: "HANDOVER"}
	}
	config, _ := o.object("customer_interaction_config")
	if methodRequired {
		config.need("method")
	}
	i := interaction{
		raw:       raw,
		method:    config.choice("method", "HANDOVER", "QR_CODE", "SDK"),
		returnURL: readReturnURL(config, "return_url"),
	}
	if i.method == "HANDOVER" {
		config.need("return_url")
	}
	readReturnURL(config, "app_return_url")
	return i
}

// encodedPlaceholder matches a placeholder whose braces were percent-encoded and which Klarna
// therefore would not fill.
var encodedPlaceholder = regexp.MustCompile(`(?i)%7B\s*klarna\.`)

func readReturnURL(config object, name string) string {
	s := config.text(name, 2048)
	if s == "" {
		return ""
	}
	if u, err := url.Parse(s); err != nil || u.Scheme == "" {
		config.found.add(config.at(name), "must be an absolute URL")
	}
	if encodedPlaceholder.MatchString(s) {
		config.found.add(config.at(name), "the braces of a placeholder must not be percent-encoded")
	}
	return s
}

// fillPlaceholders replaces Klarna's placeholders by values that are escaped for a path and a
// query.
func fillPlaceholders(returnURL string, r *paymentRequest) string {
	values := map[string]string{
		"id":                           r.id,
		"state":                        r.state,
		"payment_request_reference":    r.draft.reference,
		"klarna_network_session_token": r.token,
		"payment_token":                r.token,
		"interoperability_token":       r.token,
	}
	var pairs []string
	for name, value := range values {
		escaped := strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
		pairs = append(pairs, "{klarna.payment_request."+name+"}", escaped)
	}
	return strings.NewReplacer(pairs...).Replace(returnURL)
}

// paymentRequestLife is the life of a payment request for which the caller sets no expiry.
const paymentRequestLife = 3 * time.Hour

// readExpiry reads the expiry in each of its forms: interaction_expiry with a duration or a time,
// or payment_request_expires_at with a time or a date without time.
func readExpiry(o object, now time.Time) time.Time {
	at := now.Add(paymentRequestLife)
	parameter := ""
	if s := o.text("payment_request_expires_at", 255); s != "" {
		parameter = o.at("payment_request_expires_at")
		at = parseTime(s)
	}
	config, _ := o.object("customer_interaction_config")
	if expiry, ok := config.object("interaction_expiry"); ok {
		parameter = expiry.path
		if s := expiry.text("timestamp", 255); s != "" {
			at = parseTime(s)
		} else {
			at = now.Add(parseDuration(expiry.text("duration", 255)))
		}
	}
	// JSON has no form for a year with five digits.
	if at = at.UTC(); !at.After(now) || at.Year() > 9999 {
		o.found.add(parameter, "must be ISO 8601 and in the future")
	}
	return at
}

// parseTime reads a time with a zone, or a date, which stands for its last second. It returns the
// zero time for other text.
func parseTime(s string) time.Time {
	if day, err := time.Parse(time.DateOnly, s); err == nil {
		return day.Add(24*time.Hour - time.Second)
	}
	at, _ := time.Parse(time.RFC3339Nano, s)
	return at
}

var isoDuration = regexp.MustCompile(`^P(?:(\d{1,4})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6})S)?)?$`)

// parseDuration reads an ISO 8601 duration without years and months, such as PT15M. It returns 0
// for other text.
func parseDuration(s string) (d time.Duration) {
	parts := isoDuration.FindStringSubmatch(s)
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		if parts != nil && parts[i+1] != "" {
			n, _ := strconv.Atoi(parts[i+1])
			d += time.Duration(n) * unit
		}
	}
	return d
}
