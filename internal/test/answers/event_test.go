package answers_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/internal/test/answers"
	"github.com/klarna-go/klarna-go/webhook"
)

var signingKey = webhook.NewSecret("c2VjcmV0LWtleQ==")

func newVerifier(t testing.TB) *webhook.Verifier {
	t.Helper()
	verifier, err := webhook.NewVerifier(webhook.Key{Secret: signingKey})
	if err != nil {
		t.Fatal(err)
	}
	return verifier
}

func deliver(t testing.TB, verifier *webhook.Verifier, body string) (*webhook.Event, error) {
	t.Helper()
	return verifier.Parse(t.Context(), http.Header{"Klarna-Signature": {webhook.Sign(signingKey, []byte(body))}}, []byte(body))
}

// decidesEvent reports whether a member decides an event of a family.
func decidesEvent(family, path string) bool {
	return slices.ContainsFunc(operation.Events, func(e operation.Event) bool {
		return (e.Family == "" || e.Family == family) && slices.ContainsFunc(e.Decides, func(m operation.Member) bool {
			member := m.Path
			if e.Family != "" {
				member = "payload." + member
			}
			return answers.Leads(path, member)
		})
	})
}

func TestEveryFamilyOfEventsHasAnEvent(t *testing.T) {
	for _, family := range operation.Events {
		if !slices.ContainsFunc(answers.Events, func(e answers.Event) bool { return e.Family == family.Family }) {
			t.Errorf("%q has no event", family.Family)
		}
	}
}

func TestChangedMemberDoesNotLoseAnEvent(t *testing.T) {
	verifier := newVerifier(t)
	var total, parsed, refused, payloads, unread int
	for _, e := range answers.Events {
		want, err := deliver(t, verifier, e.Text)
		if err != nil {
			t.Fatal(err)
		}
		wantPayload, err := e.Payload(want)
		if err != nil {
			t.Fatal(err)
		}
		for m := range answers.Mutations(e.Text) {
			total++
			event, err := deliver(t, verifier, m.Text)
			decides := decidesEvent(e.Family, m.Path)
			if err != nil {
				refused++
				if !decides || strings.HasPrefix(m.Path, "payload") || !errors.Is(err, webhook.ErrNoEvent) || !strings.Contains(err.Error(), m.Path) {
					t.Errorf("%s: %s is %s: %v", e.Family, m.Path, m.Is, err)
				}
				continue
			}
			parsed++
			if string(event.Raw.Bytes()) != m.Text {
				t.Errorf("%s: %s is %s: Raw was changed", e.Family, m.Path, m.Is)
			}
			for _, at := range answers.Differences("", want, event) {
				if !belongs(at, &m, nil, nil) && at != "payload" {
					t.Errorf("%s: %s is %s: %q was changed", e.Family, m.Path, m.Is, at)
				}
			}
			payload, err := e.Payload(event)
			path, inPayload := strings.CutPrefix(m.Path, "payload.")
			switch {
			case err != nil:
				unread++
				named := strings.Contains(err.Error(), path) || m.Path == "payload" || errors.Is(err, webhook.ErrOtherEvent) && answers.Leads("metadata.event_type", m.Path)
				if !decides && m.Path != "payload" || !named || !errors.Is(err, webhook.ErrNoEvent) && !errors.Is(err, webhook.ErrOtherEvent) {
					t.Errorf("%s: %s is %s: %v", e.Family, m.Path, m.Is, err)
				}
			case payload != nil && wantPayload != nil:
				payloads++
				if inPayload {
					m.Path = path
				}
				for _, at := range answers.Differences("", wantPayload, payload) {
					if !belongs(at, &m, nil, nil) && m.Path != "payload" {
						t.Errorf("%s: %s is %s: %q of the payload was changed", e.Family, m.Path, m.Is, at)
					}
				}
			}
		}
	}
	t.Logf("%d events with one changed member: %d were parsed, %d refused by name; %d payloads were read, %d refused by name", total, parsed, refused, payloads, unread)
	if total < 1000 || refused == 0 || unread == 0 {
		t.Error("too few cases")
	}
}
