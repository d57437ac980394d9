package klarnatest

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// WebhookFault is a way in which a webhook goes wrong.
type WebhookFault int

const (
	// WebhookFaultDuplicate delivers the event twice, with the same event_id.
	WebhookFaultDuplicate WebhookFault = iota + 1
	// WebhookFaultLose never delivers the event.
	WebhookFaultLose
	// WebhookFaultLate delivers the event WebhookRule.Delay after it happened.
	WebhookFaultLate
	// WebhookFaultReorder delivers the event after the next one of the same webhook, or
	// WebhookRule.Delay after it happened if no other event comes before.
	WebhookFaultReorder
)

var webhookFaultNames = [...]string{"", "WebhookFaultDuplicate", "WebhookFaultLose", "WebhookFaultLate", "WebhookFaultReorder"}

// String returns the name of the constant.
func (f WebhookFault) String() string {
	if f < WebhookFaultDuplicate || int(f) >= len(webhookFaultNames) {
		return fmt.Sprintf("WebhookFault(%d)", int(f))
	}
	return webhookFaultNames[f]
}

// WebhookRule makes events go wrong on their way to every webhook that subscribes to them.
type WebhookRule struct {
	// EventType is the type of the events that meet the fault, or a wildcard as in
	// [Server.Subscribe]; "" matches any.
	EventType string
	// Fault is what goes wrong.
	Fault WebhookFault
	// Delay is how late WebhookFaultLate and WebhookFaultReorder deliver, on the server's clock. 0
	// means a minute.
	Delay time.Duration
	// Times is the number of events that meet the fault. 0 means 1, or unlimited for a rule with a
	// Probability.
	Times int
	// Probability, above 0 and at most 1, selects the events that meet the fault at random. See
	// [Fault].
	Probability float64
}

// webhookDelay is the delay of a rule without one.
const webhookDelay = time.Minute

type scriptedWebhook struct {
	WebhookRule
	trigger
}

// ScriptWebhook makes the next event that matches the pattern and has a subscriber meet the fault.
// The pattern is an event type or a wildcard as in [Server.Subscribe]. The test fails if the fault
// was not met.
func (s *Server) ScriptWebhook(eventTypePattern string, fault WebhookFault) {
	s.ScriptWebhooks(WebhookRule{EventType: eventTypePattern, Fault: fault})
}

// ScriptWebhooks makes future events that have a subscriber meet faults. Each event meets the first
// fault that matches. The test fails if a rule without a Probability was not met as often as
// scripted. ScriptWebhooks panics on an invalid rule.
func (s *Server) ScriptWebhooks(rules ...WebhookRule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rule := range rules {
		if rule.Fault < WebhookFaultDuplicate || int(rule.Fault) >= len(webhookFaultNames) {
			panic(fmt.Sprintf("klarnatest: unknown webhook fault %s", rule.Fault))
		}
		rule.EventType = cmp.Or(rule.EventType, "*")
		rule.Delay = cmp.Or(rule.Delay, webhookDelay)
		s.webhookFaults = append(s.webhookFaults, &scriptedWebhook{rule, newTrigger(rule.Times, rule.Probability)})
	}
}

// WebhookRules returns the rules that events may still meet, in the order of scripting. Times is
// the number of events that may still meet it, 0 if unlimited.
func (s *Server) WebhookRules() []WebhookRule {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []WebhookRule
	for _, w := range s.webhookFaults {
		left := w.WebhookRule
		left.Times = max(w.left, 0)
		list = append(list, left)
	}
	return list
}

// meetWebhookFault takes the fault that an event meets. It returns the zero value if there is none.
func (s *Server) meetWebhookFault(eventType string) WebhookRule {
	for i, w := range s.webhookFaults {
		if !matches(w.EventType, eventType) || !w.fires(s.webhookRandom) {
			continue
		}
		if w.spent() {
			s.webhookFaults = slices.Delete(s.webhookFaults, i, i+1)
		}
		return w.WebhookRule
	}
	return WebhookRule{}
}

// dispatch starts the delivery of a shipment, with the fault applied.
func (s *Server) dispatch(d shipment, fault WebhookRule) {
	now := s.clock.now()
	switch fault.Fault {
	case WebhookFaultLose:
		return
	case WebhookFaultLate:
		s.shipLater(s.pack(d, now.Add(fault.Delay)))
		return
	case WebhookFaultReorder:
		// An event after a deferred one keeps its place: a swap concerns two events.
		if d.subscription.deferred == nil {
			s.overtake(s.pack(d, now.Add(fault.Delay)))
			return
		}
	case WebhookFaultDuplicate:
		s.ship(s.pack(d, now))
	}
	s.ship(s.pack(d, now))
	if held := d.subscription.deferred; held != nil {
		d.subscription.deferred = nil
		s.touch(held)
		s.ship(held)
	}
}

// overtake holds an event until the next one of its webhook, or until it is due.
func (s *Server) overtake(d *shipment) {
	sub := d.subscription
	sub.deferred = d
	s.schedule(d.due, func() {
		if sub.deferred == d {
			sub.deferred = nil
			s.touch(d)
			s.ship(d)
		}
	})
}
