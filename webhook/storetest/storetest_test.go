package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/internal/test/storefault"
	"github.com/klarna-go/klarna-go/webhook"
)

func TestMemoryStore(t *testing.T) {
	t.Parallel()
	Run(t, func(*testing.T) webhook.Store { return webhook.NewMemoryStore() })
}

func TestModelWithoutAFaultConforms(t *testing.T) {
	t.Parallel()
	Run(t, func(*testing.T) webhook.Store { return &model{} })
}

// Each fault must be found by the named check. Other checks may find it, too.
func TestTheSuiteFindsAStoreThat(t *testing.T) {
	storefault.Found(t, 2*time.Second, map[string]string{
		"fails":                                     "a claim is granted with a unique token",
		"gives no token":                            "a claim is granted with a unique token",
		"gives every claim the same token":          "a claim is granted with a unique token",
		"grants every claim":                        "one of many concurrent claims is granted",
		"reads before it claims":                    "one of many concurrent claims is granted",
		"reads before it claims after a lease":      "one of many concurrent claims is granted after a lease has ended",
		"ends leases early":                         "an event is in flight until its lease ends, then it can be claimed again",
		"never ends a lease":                        "an event is in flight until its lease ends, then it can be claimed again",
		"keeps the token when it grants again":      "an event is in flight until its lease ends, then it can be claimed again",
		"forgets a completed event":                 "a completed event stays completed",
		"forgets a completed event after its lease": "a completed event stays completed",
		"releases a completed event":                "a completed event stays completed",
		"does not release":                          "a released event can be claimed immediately, and its old token is invalid",
		"completes a released claim":                "a released event can be claimed immediately, and its old token is invalid",
		"completes with any token":                  "a lost claim completes and releases nothing",
		"releases with any token":                   "a lost claim completes and releases nothing",
		"does not report a lost claim":              "a lost claim completes and releases nothing",
		"reports a lost claim with another error":   "a lost claim completes and releases nothing",
		"drops claims when their lease ends":        "a claim completes after its lease has ended if no other claim was granted",
		"completes an event without a claim":        "an event without a claim is neither completed nor released",
		"fails to release a missing event":          "an event without a claim is neither completed nor released",
		"ignores the case of ids":                   "ids are opaque",
		"trims white space":                         "ids are opaque",
		"cuts ids to 255 bytes":                     "ids are opaque",
		"cuts ids at a zero byte":                   "ids are opaque",
		"refuses long ids":                          "ids are opaque",
		"refuses a zero byte":                       "ids are opaque",
		"ignores its context":                       "a call returns an error after its context has ended, and claims nothing",
		"claims before it checks its context":       "a call returns an error after its context has ended, and claims nothing",
	}, checkOf, func(fault string) webhook.Store { return &model{fault: fault} })
}

// checkOf returns the check with this name, or nil.
func checkOf(name string) func(ctx context.Context, s webhook.Store) error {
	for _, c := range checks {
		if c.name == name {
			return c.check
		}
	}
	return nil
}

func TestEveryCheckCanFail(t *testing.T) {
	t.Parallel()
	for _, c := range checks {
		if err := c.check(t.Context(), &model{fault: "fails"}); err == nil {
			t.Errorf("%s: passes on a store whose calls all fail", c.name)
		}
	}
}

func TestRunFailsTheTestOfABrokenStore(t *testing.T) {
	t.Parallel()
	storefault.FailsTheTest(t, "does not release", "a released event", func(t *testing.T, fault string) {
		Run(t, func(*testing.T) webhook.Store { return &model{fault: fault} })
	})
}

// model is a correct Store in memory, except for its fault.
type model struct {
	fault  string
	mu     sync.Mutex
	events map[string]*record
}

type record struct {
	token     string
	until     time.Time
	completed bool
}

func (m *model) has(fault string) bool { return m.fault == fault }

func (m *model) key(id string) (string, error) {
	switch {
	case m.has("ignores the case of ids"):
		id = strings.ToLower(id)
	case m.has("trims white space"):
		id = strings.TrimSpace(id)
	case m.has("cuts ids to 255 bytes"):
		id = id[:min(len(id), 255)]
	case m.has("cuts ids at a zero byte"):
		id, _, _ = strings.Cut(id, "\x00")
	case m.has("refuses long ids") && len(id) > 2700, m.has("refuses a zero byte") && strings.Contains(id, "\x00"), m.has("fails"):
		return "", errors.New("cannot")
	}
	return id, nil
}

// pause lets concurrent calls run between a read and a write.
func (m *model) pause() {
	m.mu.Unlock()
	for range 100 {
		runtime.Gosched()
	}
	m.mu.Lock()
}

func (m *model) Claim(ctx context.Context, id string, lease time.Duration) (webhook.Claim, error) {
	late := m.has("claims before it checks its context")
	if err := ctx.Err(); err != nil && !late && !m.has("ignores its context") {
		return webhook.Claim{}, err
	}
	id, err := m.key(id)
	if err != nil {
		return webhook.Claim{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, now := m.events[id], time.Now()
	if m.has("reads before it claims") && r == nil || m.has("reads before it claims after a lease") && r != nil && now.After(r.until) {
		m.pause()
	} else {
		r = m.events[id]
	}
	if r != nil && r.completed && (!m.has("forgets a completed event after its lease") || now.Before(r.until)) {
		return webhook.Claim{Status: webhook.ClaimStatusCompleted}, nil
	}
	if r != nil && (now.Before(r.until) || m.has("never ends a lease")) && !m.has("grants every claim") {
		return webhook.Claim{Status: webhook.ClaimStatusInFlight}, nil
	}
	token := rand.Text()
	switch {
	case m.has("gives no token"):
		token = ""
	case m.has("gives every claim the same token"), m.has("keeps the token when it grants again") && r != nil:
		token = "the same"
		if r != nil {
			token = r.token
		}
	}
	if m.has("ends leases early") {
		lease = min(lease, shortLease/4) // well before its end, even on a busy machine
	}
	if m.events == nil {
		m.events = make(map[string]*record)
	}
	m.events[id] = &record{token: token, until: now.Add(lease)}
	if late && ctx.Err() != nil {
		return webhook.Claim{}, ctx.Err()
	}
	return webhook.Claim{Status: webhook.ClaimStatusGranted, Token: token}, nil
}

func (m *model) Complete(ctx context.Context, id, token string) error {
	if err := ctx.Err(); err != nil && !m.has("ignores its context") {
		return err
	}
	id, err := m.key(id)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.events[id]
	switch {
	case r == nil && (m.has("completes an event without a claim") || m.has("completes a released claim")):
		return nil
	case r != nil && !r.completed && m.has("completes with any token"):
		r.completed = true
		return webhook.ErrLostClaim
	case r == nil, r.completed, r.token != token, m.has("drops claims when their lease ends") && time.Now().After(r.until):
		if m.has("does not report a lost claim") {
			return nil
		}
		if m.has("reports a lost claim with another error") {
			return errors.New("lost")
		}
		return webhook.ErrLostClaim
	case m.has("forgets a completed event"):
		delete(m.events, id)
	default:
		r.completed = true
	}
	return nil
}

func (m *model) Release(ctx context.Context, id, token string) error {
	if err := ctx.Err(); err != nil && !m.has("ignores its context") {
		return err
	}
	id, err := m.key(id)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.events[id]
	switch {
	case r == nil && m.has("fails to release a missing event"):
		return errors.New("no such event")
	case r == nil, m.has("does not release"):
		return nil
	case r.token != token && !m.has("releases with any token"), r.completed && !m.has("releases a completed event"):
		return nil
	}
	delete(m.events, id)
	return nil
}
