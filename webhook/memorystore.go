package webhook

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"github.com/klarna-go/klarna-go/internal/fifo"
)

// MemoryStore is a [Store] in the memory of one process, with a bounded size. A program with
// several replicas needs a shared store, such as that of package webhook/sqlstore.
//
// A MemoryStore keeps completed events for 48 hours, more than twice as long as Klarna delivers an
// event again. It keeps at most a million completed events and then forgets the oldest. The zero
// MemoryStore is empty and ready to use.
type MemoryStore struct {
	mu        sync.Mutex
	claims    map[string]memoryClaim // by event id, until completed or released
	completed map[string]bool
	done      fifo.Queue[entry] // when to forget completed events, in the order of their completion
}

type memoryClaim struct {
	token string
	until time.Time
}

const (
	// retention is longer than Klarna's retries, which end 22 hours after the first attempt.
	retention = 48 * time.Hour
	// maxCompleted bounds the memory.
	maxCompleted = 1_000_000
)

// NewMemoryStore returns an empty [MemoryStore].
func NewMemoryStore() *MemoryStore { return new(MemoryStore) }

// Claim implements [Store].
func (s *MemoryStore) Claim(ctx context.Context, eventID string, lease time.Duration) (Claim, error) {
	if err := ctx.Err(); err != nil {
		return Claim{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.forget(now)
	if s.completed[eventID] {
		return Claim{Status: ClaimStatusCompleted}, nil
	}
	if c, ok := s.claims[eventID]; ok && now.Before(c.until) {
		return Claim{Status: ClaimStatusInFlight}, nil
	}
	c := memoryClaim{token: rand.Text(), until: now.Add(lease)}
	if s.claims == nil {
		s.claims = make(map[string]memoryClaim)
	}
	s.claims[eventID] = c
	return Claim{Status: ClaimStatusGranted, Token: c.token}, nil
}

// Complete implements [Store].
func (s *MemoryStore) Complete(ctx context.Context, eventID, token string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.claims[eventID]; !ok || c.token != token {
		return ErrLostClaim
	}
	delete(s.claims, eventID)
	now := time.Now()
	if s.completed == nil {
		s.completed = make(map[string]bool)
	}
	s.completed[eventID] = true
	s.done.Push(entry{id: eventID, until: now.Add(retention)})
	s.forget(now)
	return nil
}

// Release implements [Store].
func (s *MemoryStore) Release(ctx context.Context, eventID, token string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.claims[eventID]; ok && c.token == token {
		delete(s.claims, eventID)
	}
	return nil
}

// forget drops the completed events whose retention has ended, and the oldest beyond maxCompleted.
func (s *MemoryStore) forget(now time.Time) {
	for s.done.Len() > 0 {
		if now.Before(s.done.All()[0].until) && len(s.completed) <= maxCompleted {
			return
		}
		delete(s.completed, s.done.Pop().id)
	}
}

type entry struct {
	id    string
	until time.Time
}
