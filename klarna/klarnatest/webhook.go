package klarnatest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// retryDelays are the waits between the attempts to deliver a webhook. After the last attempt the
// delivery is given up.
var retryDelays = [...]time.Duration{
	10 * time.Second, 2 * time.Minute, 15 * time.Minute, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
}

// shipment is the delivery of one event to one subscription. The outbox holds those that were
// neither delivered nor given up.
type shipment struct {
	number       uint64 // in order of the events
	subscription *subscription
	eventID      string
	eventType    string
	body         []byte
	attempt      int       // the last attempt made
	due          time.Time // time of the next attempt
}

// Delivery is one attempt to deliver a webhook.
type Delivery struct {
	EventID   string
	EventType string
	URL       string
	// Attempt counts from 1.
	Attempt int
	// StatusCode is the status of the receiver's answer, 0 if there was no answer.
	StatusCode int
	// At is the server's time of the attempt, in UTC.
	At time.Time
	// Err is the reason why there was no answer.
	Err    error
	Body   []byte
	Header http.Header
}

// matches reports whether an event type is the pattern or, if the pattern ends in "*", begins with
// it.
func matches(pattern, eventType string) bool {
	prefix, wild := strings.CutSuffix(pattern, "*")
	return pattern == eventType || wild && strings.HasPrefix(eventType, prefix)
}

type envelope struct {
	Metadata metadata `json:"metadata"`
	Payload  any      `json:"payload"`
}

type metadata struct {
	EventID            string    `json:"event_id"`
	EventType          string    `json:"event_type"`
	EventVersion       string    `json:"event_version"`
	OccurredAt         time.Time `json:"occurred_at"`
	SubjectAccountID   string    `json:"subject_account_id"`
	RecipientAccountID string    `json:"recipient_account_id"`
	WebhookID          string    `json:"webhook_id"`
	Live               bool      `json:"live"`
}

// emit sends an event about an account to every enabled webhook that subscribes to its type. The
// caller holds the mutex; deliveries are made by other goroutines.
func (s *Server) emit(subject *account, eventType string, payload any) {
	var wanted []*subscription
	for _, sub := range s.subscriptions.all() {
		if sub.enabled() && slices.ContainsFunc(sub.patterns, func(p string) bool { return matches(p, eventType) }) {
			wanted = append(wanted, sub)
		}
	}
	s.send(subject, eventType, payload, wanted...)
}

func (s *Server) send(subject *account, eventType string, payload any, to ...*subscription) {
	if len(to) == 0 {
		return
	}
	fault := s.meetWebhookFault(eventType)
	id, now := uuid.NewString(), s.clock.now()
	for _, sub := range to {
		body := encode(envelope{
			Metadata: metadata{
				EventID:            id,
				EventType:          eventType,
				EventVersion:       sub.version,
				OccurredAt:         now,
				SubjectAccountID:   subject.id,
				RecipientAccountID: s.PartnerAccountID,
				WebhookID:          sub.id,
			},
			Payload: payload,
		})
		// The payload is indented, so that a receiver that re-encodes it before it checks the
		// signature fails here too.
		var indented bytes.Buffer
		_ = json.Indent(&indented, body, "", " ")
		s.dispatch(shipment{subscription: sub, eventID: id, eventType: eventType, body: indented.Bytes()}, fault)
	}
}

// pack puts a shipment into the outbox, due at a time of the clock.
func (s *Server) pack(d shipment, due time.Time) *shipment {
	s.shipments++
	d.number, d.due = s.shipments, due
	s.outbox[d.number] = &d
	s.touch(&d)
	return &d
}

// unpack removes a shipment that was delivered, or never will be, from the outbox.
func (s *Server) unpack(d *shipment) {
	delete(s.outbox, d.number)
	s.drop(d)
}

// ship makes the next attempt of a delivery after the attempts that are queued before it.
func (s *Server) ship(d *shipment) {
	if s.closed {
		return
	}
	sub := d.subscription
	sub.queue.Push(d)
	if sub.drains < s.parallel {
		sub.drains++
		s.deliveries.enter()
		go s.drain(sub)
	}
}

// shipLater makes the next attempt when it is due.
func (s *Server) shipLater(d *shipment) {
	s.schedule(d.due, func() { s.ship(d) })
}

func (s *Server) drain(sub *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.deliveries.leave()
	for sub.queue.Len() > 0 && !s.closed {
		d := sub.queue.Pop()
		if !sub.enabled() {
			s.unpack(d) // a webhook that was disabled or deleted gets no delivery and no retry
			continue
		}
		entry := Delivery{
			EventID:   d.eventID,
			EventType: d.eventType,
			URL:       sub.url,
			Attempt:   d.attempt + 1,
			At:        s.clock.now(),
			Body:      d.body,
			Header: http.Header{
				"Content-Type":          {"application/json"},
				"Klarna-Signature":      {sub.key.sign(d.body)},
				"Klarna-Signing-Key-Id": {sub.key.ID},
			},
		}
		courier := sub.client
		s.mu.Unlock()
		entry.StatusCode, entry.Err = s.post(courier, entry)
		s.mu.Lock()
		if s.closed && entry.Err != nil {
			break // Close ended the attempt; a server that continues from the state file repeats it
		}
		d.attempt++
		s.deliveryLog.Push(entry)
		s.touch(&entry)
		s.trimLogs()
		if delivered(entry.StatusCode) || d.attempt > len(retryDelays) || sub.deleted {
			s.unpack(d)
			continue
		}
		d.due = s.clock.now().Add(retryDelays[d.attempt-1])
		s.touch(d)
		s.shipLater(d)
	}
	if sub.drains--; sub.drains == 0 {
		// A kept connection has a goroutine, which must not outlive the deliveries.
		sub.client.CloseIdleConnections()
	}
}

// newDeliveryClient returns the client of one webhook's deliveries. Each webhook has its own, so
// that a slow receiver delays no other.
func (s *Server) newDeliveryClient() *http.Client {
	// The environment's proxy must not see webhooks.
	var transport http.RoundTripper = &http.Transport{MaxIdleConnsPerHost: s.parallel}
	if s.transport != nil {
		// The wrapper hides CloseIdleConnections, because the caller owns the connections.
		transport = struct{ http.RoundTripper }{s.transport}
	}
	return &http.Client{
		Transport:     transport,
		Timeout:       10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func delivered(status int) bool {
	switch status {
	case http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent:
		return true
	}
	return false
}

func (s *Server) post(courier *http.Client, d Delivery) (status int, err error) {
	r, err := http.NewRequestWithContext(s.ctx, http.MethodPost, d.URL, bytes.NewReader(d.Body))
	if err != nil {
		return 0, fmt.Errorf("klarnatest: deliver webhook: %w", err)
	}
	r.Header = d.Header.Clone()
	response, err := courier.Do(r)
	if err != nil {
		return 0, fmt.Errorf("klarnatest: deliver webhook: %w", err)
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, 64<<10)
	return response.StatusCode, nil
}

// Deliveries returns every attempt to deliver a webhook so far, in order.
func (s *Server) Deliveries() []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trimLogs()
	list := slices.Clone(s.deliveryLog.All())
	for i := range list {
		list[i].Body = bytes.Clone(list[i].Body)
		list[i].Header = list[i].Header.Clone()
	}
	return list
}
