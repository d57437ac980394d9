package subscription

import (
	"fmt"
	"net/netip"
	"net/url"

	"github.com/klarna-go/klarna-go/klarna"
)

// problems are what local validation found. It refuses only what the contract proves wrong.
type problems []klarna.ValidationError

func (p *problems) add(path, reason string) {
	*p = append(*p, klarna.ValidationError{Parameter: path, Reasons: []string{reason}})
}

func (p *problems) url(text string) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		p.add("url", "is not an absolute URL")
		return
	}
	switch port := u.Port(); {
	case isLoopback(u.Hostname()):
	case u.Scheme != "https":
		p.add("url", "is not https")
	case port != "" && port != "443" && port != "8443":
		p.add("url", "is on another port than 443 and 8443")
	}
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (p *problems) eventTypes(types []string) {
	for i, t := range types {
		if t == "" {
			p.add(fmt.Sprintf("event_types[%d]", i), "is empty")
		}
	}
}

func (w *CreateWebhookParams) problems() []klarna.ValidationError {
	p := target(w.URL, w.EventTypes)
	if w.SigningKeyID == "" {
		p.add("signing_key_id", "is required")
	}
	return p
}

// target checks what a webhook cannot be without.
func target(url string, eventTypes []string) (p problems) {
	p.url(url)
	if len(eventTypes) == 0 {
		p.add("event_types", "is required")
	}
	p.eventTypes(eventTypes)
	return p
}

func (u *UpdateWebhookParams) problems() []klarna.ValidationError {
	var p problems
	if u.URL != "" {
		p.url(u.URL)
	}
	p.eventTypes(u.EventTypes)
	return p
}
