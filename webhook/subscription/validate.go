package subscription

import (
	"fmt"
	"net/url"

	"github.com/klarna-go/klarna-go/internal/loopback"
	"github.com/klarna-go/klarna-go/internal/problem"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/webhook"
)

// checkURL refuses a URL that Klarna delivers no events to.
func checkURL(p *problem.List, text string) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		p.Add("url", "is not an absolute URL")
		return
	}
	switch port := u.Port(); {
	case loopback.Is(u.Hostname()):
	case u.Scheme != "https":
		p.Add("url", "is not https")
	case port != "" && port != "443" && port != "8443":
		p.Add("url", "is not on port 443 or 8443")
	}
}

func checkEventTypes(p *problem.List, types []webhook.EventType) {
	for i, t := range types {
		if t == "" {
			p.Add(fmt.Sprintf("event_types[%d]", i), "is empty")
		}
	}
}

func (w *CreateWebhookParams) problems() []klarna.ValidationError {
	p := target(w.URL, w.EventTypes)
	p.Required("signing_key_id", w.SigningKeyID)
	return p
}

// target checks the required fields of a webhook.
func target(url string, eventTypes []webhook.EventType) (p problem.List) {
	checkURL(&p, url)
	if len(eventTypes) == 0 {
		p.Add("event_types", "is required")
	}
	checkEventTypes(&p, eventTypes)
	return p
}

func (u *UpdateWebhookParams) problems() []klarna.ValidationError {
	var p problem.List
	if u.URL != "" {
		checkURL(&p, u.URL)
	}
	checkEventTypes(&p, u.EventTypes)
	return p
}
