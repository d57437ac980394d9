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

func TestTheModelIsRightWithoutAFault(t *testing.T) {
	t.Parallel()
	Run(t, func(*testing.T) webhook.Store { return &model{} })
}

// Each fault must be found by the check that is there for it. Others may find it as well.
func TestTheSuiteFindsAStoreThat(t *testing.T) {
	storefault.Found(t, 2*time.Second, map[string]string{
		"fails":                                  "a claim is granted with a token of its own",
		"gives no token":                         "a claim is granted with a token of its own",
		"gives every claim the same token":       "a claim is granted with a token of its own",
		"grants every claim":                     "of many claims at once one is granted",
		"looks before it acts":                   "of many claims at once one is granted",
		"looks before it takes a claim over":     "of many claims at once after a lease has ended one is granted",
		"ends leases early":                      "an event is in flight until its lease ends, then claimed anew",
		"never ends a lease":                     "an event is in flight until its lease ends, then claimed anew",
		"keeps the token when it grants anew":    "an event is in flight until its lease ends, then claimed anew",
		"forgets what was completed":             "a completed event stays completed",
		"forgets it when the lease would end":    "a completed event stays completed",
		"releases what was completed":            "a completed event stays completed",
		"does not release":                       "a released event can be claimed at once, and its old token is worth nothing",
		"lets a released claim complete":         "a released event can be claimed at once, and its old token is worth nothing",
		"completes whatever the token":           "a claim that was taken over completes and releases nothing",
		"releases whatever the token":            "a claim that was taken over completes and releases nothing",
		"does not tell of a lost claim":          "a claim that was taken over completes and releases nothing",
		"tells of a lost claim in its own words": "a claim that was taken over completes and releases nothing",
		"drops claims when their lease ends":     "a claim that ended late and was not taken over still completes",
		"completes what was never claimed":       "what was not claimed is neither completed nor released",
		"fails to release what is not there":     "what was not claimed is neither completed nor released",
		"takes upper for lower case":             "ids are opaque",
		"trims white space":                      "ids are opaque",
		"cuts ids to 255 bytes":                  "ids are opaque",
		"cuts ids at a zero byte":                "ids are opaque",
		"refuses long ids":                       "ids are opaque",
		"refuses a zero byte":                    "ids are opaque",
		"does not heed its context":              "a context that has ended is an error, and nothing is claimed",
		"claims before it heeds its context":     "a context that has ended is an error, and nothing is claimed",
	}, checkOf, func(fault string) webhook.Store { return &model{fault: fault} })
}

// checkOf returns the check of a name.
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
			t.Errorf("%s: passes on a store that does nothing", c.name)
		}
	}
}

func TestRunFailsTheTestOfABrokenStore(t *testing.T) {
	t.Parallel()
	storefault.FailsTheTest(t, "does not release", "a released event", func(t *testing.T, fault string) {
		Run(t, func(*testing.T) webhook.Store { return &model{fault: fault} })
	})
}

// model is a Store with at most one fault.
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
	case m.has("takes upper for lower case"):
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

// pause gives the others the time to be wrong.
func (m *model) pause() {
	m.mu.Unlock()
	for range 100 {
		runtime.Gosched()
	}
	m.mu.Lock()
}

func (m *model) Claim(ctx context.Context, id string, lease time.Duration) (webhook.Claim, error) {
	late := m.has("claims before it heeds its context")
	if err := ctx.Err(); err != nil && !late && !m.has("does not heed its context") {
		return webhook.Claim{}, err
	}
	id, err := m.key(id)
	if err != nil {
		return webhook.Claim{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, now := m.events[id], time.Now()
	if m.has("looks before it acts") && r == nil || m.has("looks before it takes a claim over") && r != nil && now.After(r.until) {
		m.pause()
	} else {
		r = m.events[id]
	}
	if r != nil && r.completed && (!m.has("forgets it when the lease would end") || now.Before(r.until)) {
		return webhook.Claim{Status: webhook.ClaimStatusCompleted}, nil
	}
	if r != nil && (now.Before(r.until) || m.has("never ends a lease")) && !m.has("grants every claim") {
		return webhook.Claim{Status: webhook.ClaimStatusInFlight}, nil
	}
	token := rand.Text()
	switch {
	case m.has("gives no token"):
		token = ""
	case m.has("gives every claim the same token"), m.has("keeps the token when it grants anew") && r != nil:
		token = "the same"
		if r != nil {
			token = r.token
		}
	}
	if m.has("ends leases early") {
		lease = min(lease, 50*time.Millisecond)
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
	if err := ctx.Err(); err != nil && !m.has("does not heed its context") {
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
	case r == nil && (m.has("completes what was never claimed") || m.has("lets a released claim complete")):
		return nil
	case r != nil && !r.completed && m.has("completes whatever the token"):
		r.completed = true
		return webhook.ErrLostClaim
	case r == nil, r.completed, r.token != token, m.has("drops claims when their lease ends") && time.Now().After(r.until):
		if m.has("does not tell of a lost claim") {
			return nil
		}
		if m.has("tells of a lost claim in its own words") {
			return errors.New("lost")
		}
		return webhook.ErrLostClaim
	case m.has("forgets what was completed"):
		delete(m.events, id)
	default:
		r.completed = true
	}
	return nil
}

func (m *model) Release(ctx context.Context, id, token string) error {
	if err := ctx.Err(); err != nil && !m.has("does not heed its context") {
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
	case r == nil && m.has("fails to release what is not there"):
		return errors.New("no such event")
	case r == nil, m.has("does not release"):
		return nil
	case r.token != token && !m.has("releases whatever the token"), r.completed && !m.has("releases what was completed"):
		return nil
	}
	delete(m.events, id)
	return nil
}
