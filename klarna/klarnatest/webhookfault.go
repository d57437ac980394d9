package klarnatest

import (
	"fmt"
	"slices"
)

// WebhookFault is a way in which a webhook goes wrong.
type WebhookFault int

const (
	// WebhookDuplicate delivers the event twice, with the same event_id.
	WebhookDuplicate WebhookFault = iota + 1
	// WebhookLose never delivers the event.
	WebhookLose
)

// String returns the name of the constant.
func (f WebhookFault) String() string {
	switch f {
	case WebhookDuplicate:
		return "WebhookDuplicate"
	case WebhookLose:
		return "WebhookLose"
	}
	return fmt.Sprintf("WebhookFault(%d)", int(f))
}

type scriptedWebhook struct {
	pattern string
	fault   WebhookFault
}

// ScriptWebhook lets the next event that matches the pattern, a type or a wildcard as in [Server.Subscribe], and that
// somebody subscribed to meet the fault. One that was not met fails the test.
func (s *Server) ScriptWebhook(eventTypePattern string, fault WebhookFault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.webhookFaults = append(s.webhookFaults, scriptedWebhook{eventTypePattern, fault})
}

// deliverTimes takes the fault that an event meets and says how often the event is delivered.
func (s *Server) deliverTimes(eventType string) int {
	i := slices.IndexFunc(s.webhookFaults, func(w scriptedWebhook) bool { return matches(w.pattern, eventType) })
	if i < 0 {
		return 1
	}
	fault := s.webhookFaults[i].fault
	s.webhookFaults = slices.Delete(s.webhookFaults, i, i+1)
	if fault == WebhookLose {
		return 0
	}
	return 2
}
