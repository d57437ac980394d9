package webhook

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Mux hands an event to the receiver of the most specific pattern that matches its type. The zero
// Mux is ready for Handle. Register everything before the first event.
//
// A pattern is an event type, or, as in Klarna's subscriptions, the beginning of one with a
// trailing wildcard: payment.request.* matches every type below payment.request, at any depth, and
// * matches every type. An event that no pattern matches is acknowledged without a receiver,
// because Klarna may send types that did not exist when this program was written.
type Mux struct{ receivers map[EventType]Receiver }

// Handle registers a receiver. Like Handle of http.ServeMux, it panics where a program is wrong: for
// a pattern that can match no type or is registered already, and for a nil receiver.
func (m *Mux) Handle(pattern EventType, receive Receiver) {
	if err := checkPattern(pattern); err != nil {
		panic(err.Error())
	}
	if receive == nil {
		panic(fmt.Sprintf("webhook: pattern %q: the receiver is nil", pattern))
	}
	if _, twice := m.receivers[pattern]; twice {
		panic(fmt.Sprintf("webhook: pattern %q is registered already", pattern))
	}
	if m.receivers == nil {
		m.receivers = make(map[EventType]Receiver)
	}
	m.receivers[pattern] = receive
}

// Receive is the Mux's own Receiver, for NewHandler.
func (m *Mux) Receive(ctx context.Context, event *Event) error {
	receive := m.match(event.Metadata.EventType)
	if receive == nil {
		return nil
	}
	return receive(ctx, event)
}

// match finds the receiver of a type: its own, then the wildcard of ever shorter beginnings.
func (m *Mux) match(eventType EventType) Receiver {
	if len(eventType) > maxEventType {
		return m.receivers[wildcard]
	}
	if r, ok := m.receivers[eventType]; ok {
		return r
	}
	for beginning := eventType; ; {
		i := strings.LastIndexByte(string(beginning), '.')
		if i < 0 {
			return m.receivers[wildcard]
		}
		beginning = beginning[:i]
		if r, ok := m.receivers[beginning+"."+wildcard]; ok {
			return r
		}
	}
}

const (
	wildcard = "*"
	// maxEventType is far above Klarna's types and bounds the work of matching.
	maxEventType = 255
)

// checkPattern refuses what no event type is like: the types of the contract are made of lower-case
// letters, digits and hyphens, in segments with dots between.
func checkPattern(pattern EventType) error {
	if pattern == "" {
		return errors.New("webhook: the pattern is empty")
	}
	segments := strings.Split(string(pattern), ".")
	for i, segment := range segments {
		switch {
		case segment == "":
			return fmt.Errorf("webhook: pattern %q has an empty segment", pattern)
		case segment == wildcard && i == len(segments)-1:
		case strings.Contains(segment, wildcard):
			return fmt.Errorf("webhook: pattern %q: a wildcard can only be the last segment, whole", pattern)
		case strings.Trim(segment, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "":
			return fmt.Errorf("webhook: pattern %q: event types are lower-case", pattern)
		}
	}
	return nil
}
