package klarnatest

import (
	"cmp"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/klarna-go/klarna-go/internal/fifo"
)

// subscription is a webhook. Its deliveries are made one after the other, except with
// [WithParallelDeliveries], so that a test sees them in the order of the events. Each attempt is
// signed with the key that the webhook has at that time.
type subscription struct {
	id        string
	url       string
	patterns  []string
	version   string
	status    string
	key       *signingKey
	createdAt time.Time
	updatedAt time.Time
	deleted   bool
	client    *http.Client
	queue     fifo.Queue[*shipment]
	drains    int       // goroutines that process the queue
	deferred  *shipment // waits until the next event was shipped
}

const (
	statusEnabled  = "ENABLED"
	eventVersionV2 = "v2"
)

func (sub *subscription) enabled() bool { return sub.status == statusEnabled && !sub.deleted }

// Subscribe registers a webhook at url for event types, which may end in a wildcard such as
// "payment.*" or "payment.request.*". Without event types the webhook receives all events.
// Subscribe returns the key that signs the webhook's deliveries. It is the short form of creating a
// signing key and a webhook over the API, and checks nothing: the URL may be unreachable.
func (s *Server) Subscribe(url string, eventTypes ...string) SigningKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	patterns := slices.Clone(eventTypes)
	if len(patterns) == 0 {
		patterns = []string{"*"}
	}
	key := s.newSigningKey()
	s.newSubscription(subscription{url: url, patterns: patterns, version: eventVersionV2, status: statusEnabled, key: key})
	return key.SigningKey
}

// Webhook is the present state of a webhook.
type Webhook struct {
	WebhookID    string
	URL          string
	EventTypes   []string
	SigningKeyID string
	Status       string
	// Waiting is the number of events still to be delivered to it, including those that wait for
	// another attempt.
	Waiting int
}

// Webhooks returns every webhook, in order of creation.
func (s *Server) Webhooks() []Webhook {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	waiting := map[*subscription]int{}
	for _, d := range s.outbox {
		waiting[d.subscription]++
	}
	list := make([]Webhook, 0, len(s.subscriptions.byID))
	for _, sub := range s.subscriptions.all() {
		list = append(list, Webhook{sub.id, sub.url, slices.Clone(sub.patterns), sub.key.ID, sub.status, waiting[sub]})
	}
	return list
}

func (s *Server) newSubscription(draft subscription) *subscription {
	draft.id = "krn:partner:global:notification:webhook:" + uuid.NewString()
	draft.createdAt = s.clock.now()
	draft.updatedAt = draft.createdAt
	draft.client = s.newDeliveryClient()
	s.subscriptions.add(draft.id, &draft)
	s.touch(&draft)
	return &draft
}

type webhookBody struct {
	ID           string    `json:"webhook_id"`
	URL          string    `json:"url"`
	EventTypes   []string  `json:"event_types"`
	EventVersion string    `json:"event_version"`
	SigningKeyID string    `json:"signing_key_id"`
	Status       string    `json:"status"`
	CreatedAt    time.Time `json:"created_at"`
	UpdatedAt    time.Time `json:"updated_at"`
}

func (sub *subscription) body() webhookBody {
	return webhookBody{
		ID:           sub.id,
		URL:          sub.url,
		EventTypes:   sub.patterns,
		EventVersion: sub.version,
		SigningKeyID: sub.key.ID,
		Status:       sub.status,
		CreatedAt:    sub.createdAt,
		UpdatedAt:    sub.updatedAt,
	}
}

// changeSubscription sets in draft the members that o has: all of them for a new webhook, some for
// an update.
func (s *Server) changeSubscription(draft *subscription, o object) {
	if o.has("url") {
		draft.url = readWebhookURL(o)
	}
	if o.has("event_types") {
		draft.patterns = o.stringList("event_types")
		for i, pattern := range draft.patterns {
			if !eventPattern.MatchString(pattern) {
				o.found.add(o.index("event_types", i), "must be an event type, or end in a wildcard such as payment.*")
			}
		}
	}
	if o.has("event_version") {
		draft.version = o.choice("event_version", eventVersionV2)
	}
	if o.has("signing_key_id") {
		if draft.key = s.signingKeys.byID[o.text("signing_key_id", 255)]; draft.key == nil {
			o.found.add(o.at("signing_key_id"), "is not a signing key of this account")
		}
	}
	if o.has("status") {
		draft.status = o.text("status", 255)
	}
}

// eventPattern matches an event type, whose last part may be a wildcard. The set of types is open.
var eventPattern = regexp.MustCompile(`^([^.*\s]+\.)*([^.*\s]+|\*)$`)

// readWebhookURL accepts what Klarna accepts, which is https on port 443 or 8443, and any URL on
// loopback, where tests have their receivers.
func readWebhookURL(o object) string {
	s := o.text("url", 2048)
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		o.found.add(o.at("url"), "must be an absolute URL")
		return s
	}
	ip, err := netip.ParseAddr(u.Hostname())
	switch loopback := u.Hostname() == "localhost" || err == nil && ip.IsLoopback(); {
	case loopback && (u.Scheme == "http" || u.Scheme == "https"):
	case u.Scheme != "https":
		o.found.add(o.at("url"), "must be https")
	case !slices.Contains([]string{"", "443", "8443"}, u.Port()):
		o.found.add(o.at("url"), "must be on port 443 or 8443")
	}
	return s
}

// sameAs compares everything that a caller sets. The order of event types does not matter.
func (sub *subscription) sameAs(other *subscription) bool {
	return sub.url == other.url && sub.version == other.version && sub.status == other.status && sub.key == other.key &&
		slices.Equal(slices.Sorted(slices.Values(sub.patterns)), slices.Sorted(slices.Values(other.patterns)))
}

func (s *Server) createWebhook(c *call) answer {
	var found problems
	o := readObject(c.body, &found)
	o.need("url", "event_types", "event_version", "signing_key_id", "status")
	var draft subscription
	s.changeSubscription(&draft, o)
	if len(found) > 0 {
		return invalid(found...)
	}
	if slices.ContainsFunc(s.subscriptions.all(), draft.sameAs) {
		return conflict("an identical webhook exists")
	}
	return reply(http.StatusCreated, s.newSubscription(draft).body())
}

func (s *Server) listWebhooks(*call) answer {
	list := make([]webhookBody, 0, len(s.subscriptions.all()))
	for _, sub := range s.subscriptions.all() {
		list = append(list, sub.body())
	}
	return reply(http.StatusOK, map[string]any{"webhooks": list})
}

func (s *Server) readWebhook(c *call) answer {
	sub, ok := s.subscriptions.byID[c.resource]
	if !ok {
		return notFound("webhook")
	}
	return reply(http.StatusOK, sub.body())
}

func (s *Server) updateWebhook(c *call) answer {
	sub, ok := s.subscriptions.byID[c.resource]
	if !ok {
		return notFound("webhook")
	}
	var found problems
	draft := *sub
	s.changeSubscription(&draft, readObject(c.body, &found))
	if len(found) > 0 {
		return invalid(found...)
	}
	draft.updatedAt = s.clock.now()
	*sub = draft
	s.touch(sub)
	return reply(http.StatusOK, sub.body())
}

func (s *Server) deleteWebhook(c *call) answer {
	sub, ok := s.subscriptions.byID[c.resource]
	if !ok {
		return notFound("webhook")
	}
	sub.deleted, sub.deferred = true, nil
	s.subscriptions.remove(sub.id)
	s.drop(sub)
	for _, d := range s.outbox {
		if d.subscription == sub {
			s.unpack(d)
		}
	}
	return answer{status: http.StatusNoContent}
}

// simulateWebhook posts a test event to one webhook, whatever event types it subscribes to.
func (s *Server) simulateWebhook(c *call) answer {
	sub, ok := s.subscriptions.byID[c.resource]
	if !ok {
		return notFound("webhook")
	}
	var found problems
	o := readObject(c.body, &found)
	o.need("event_type", "event_version")
	eventType := o.text("event_type", 255)
	if eventType != "" && (strings.Contains(eventType, "*") || !eventPattern.MatchString(eventType)) {
		o.found.add(o.at("event_type"), "must be an event type without a wildcard")
	}
	o.choice("event_version", eventVersionV2)
	if len(found) > 0 {
		return invalid(found...)
	}
	if !sub.enabled() {
		return conflict("the webhook is " + sub.status)
	}
	s.send(s.first, eventType, s.simulatedPayload(eventType), sub)
	// Klarna's documentation promises only a 2xx.
	return answer{status: http.StatusAccepted}
}

// simulatedPayload returns the payload of a test event. Events of payment requests, transactions
// and disputes describe a resource that does not exist and cannot be read. The payload of other
// events is empty, because none of their fields is known.
func (s *Server) simulatedPayload(eventType string) any {
	state := ""
	if _, name, ok := strings.Cut(eventType, ".state-change."); ok {
		state = strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	}
	now := s.clock.now()
	t := &transaction{
		account:   s.first,
		id:        "krn:payment:eu1:transaction:" + uuid.NewString(),
		reference: "simulated",
		amount:    100,
		currency:  "EUR",
		state:     transactionAuthorized,
		funding:   fundingPending,
		createdAt: now,
		expiresAt: now.Add(transactionLife),
	}
	c := &capture{transaction: t, id: "krn:payment:eu1:capture:" + uuid.NewString(), reference: t.reference, amount: t.amount, createdAt: now}
	switch {
	case strings.HasPrefix(eventType, "payment.request."):
		r := &paymentRequest{
			id:        paymentRequestPrefix + uuid.NewString(),
			draft:     draft{reference: t.reference, currency: t.currency, amount: t.amount, expiresAt: now.Add(paymentRequestLife)},
			state:     cmp.Or(state, stateSubmitted),
			createdAt: now,
			updatedAt: now,
		}
		return r.event()
	case eventType == "payment.transaction.captured":
		return c.body()
	case eventType == "payment.transaction.refunded":
		r := refund{transaction: t, capture: c, id: "krn:payment:eu1:refund:" + uuid.NewString(), reference: t.reference, amount: t.amount, createdAt: now}
		return r.body()
	case eventType == "payment.transaction.chargeback":
		b := chargeback{transaction: t, id: "krn:payment:eu1:chargeback:" + uuid.NewString(), amount: t.amount, createdAt: now}
		return b.body()
	case strings.HasPrefix(eventType, "payment.transaction."):
		t.state = cmp.Or(state, t.state)
		return t.event("")
	case strings.HasPrefix(eventType, "payment.funding."):
		t.funding = cmp.Or(state, t.funding)
		return t.event("")
	case strings.HasPrefix(eventType, "payment.dispute."):
		return disputeOf(t, c, t.amount, cmp.Or(state, disputeInitiated), now)
	}
	return struct{}{}
}
