package webhook

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Mux routes each event to the receiver of the most specific pattern that matches its type. The
// zero Mux is ready to use. Register all receivers before the first event.
//
// A pattern is an event type, or, as in Klarna's subscriptions, a prefix with a trailing wildcard:
// payment.request.* matches every type below payment.request, at any depth, and * matches every
// type. An event that no pattern matches is acknowledged without a receiver, because Klarna may
// introduce new types.
type Mux struct{ receivers map[EventType]Receiver }

// Handle registers the receiver of a pattern. Like [http.ServeMux.Handle], it panics on a mistake
// of the program: if no type can match the pattern, if the pattern is already registered, or if
// receive is nil.
func (m *Mux) Handle(pattern EventType, receive Receiver) {
	if err := checkPattern(pattern); err != nil {
		panic(err.Error())
	}
	if receive == nil {
		panic(fmt.Sprintf("webhook: pattern %q: the receiver is nil", pattern))
	}
	if _, exists := m.receivers[pattern]; exists {
		panic(fmt.Sprintf("webhook: pattern %q is already registered", pattern))
	}
	if m.receivers == nil {
		m.receivers = make(map[EventType]Receiver)
	}
	m.receivers[pattern] = receive
}

// Receive passes the event to the receiver of its type. Give it to [NewHandler]. It returns the
// error of the receiver, and nil if no pattern matches.
func (m *Mux) Receive(ctx context.Context, event *Event) error {
	receive := m.match(event.Metadata.EventType)
	if receive == nil {
		return nil
	}
	return receive(ctx, event)
}

// match finds the receiver of a type: first that of the type itself, then those of its prefixes
// with a wildcard, the longest first.
func (m *Mux) match(eventType EventType) Receiver {
	if len(eventType) > maxEventType {
		return m.receivers[wildcard]
	}
	if r, ok := m.receivers[eventType]; ok {
		return r
	}
	for prefix := eventType; ; {
		i := strings.LastIndexByte(string(prefix), '.')
		if i < 0 {
			return m.receivers[wildcard]
		}
		prefix = prefix[:i]
		if r, ok := m.receivers[prefix+"."+wildcard]; ok {
			return r
		}
	}
}

const (
	wildcard = "*"
	// maxEventType bounds the work of matching. Klarna's types are much shorter.
	maxEventType = 255
)

// checkPattern refuses patterns that no event type can match. Event types consist of segments with
// dots between them; a segment has lower-case letters, digits, hyphens and underscores.
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
			return fmt.Errorf("webhook: pattern %q: a wildcard must be the whole last segment", pattern)
		case strings.Trim(segment, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "":
			return fmt.Errorf("webhook: pattern %q: event types are lower-case", pattern)
		}
	}
	return nil
}
