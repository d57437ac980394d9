package webhook

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"github.com/klarna-go/klarna-go/internal/fifo"
)

// MemoryStore is a Store of one process, bounded in memory. A program with replicas needs a shared
// one. It remembers completed events for 48 hours, more than twice as long as Klarna retries, and a
// million of them at most; beyond that it forgets the oldest. The zero MemoryStore is empty and
// ready for use.
type MemoryStore struct {
	mu        sync.Mutex
	claims    map[string]memoryClaim // by event id, until completed or released: as many as calls of a receiver run
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
	// mostCompleted bounds the memory.
	mostCompleted = 1_000_000
)

// NewMemoryStore returns an empty MemoryStore.
func NewMemoryStore() *MemoryStore { return new(MemoryStore) }

// Claim implements Store.
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

// Complete implements Store.
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

// Release implements Store.
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

// forget drops the completed events that are past their time, and the oldest of too many.
func (s *MemoryStore) forget(now time.Time) {
	for s.done.Len() > 0 {
		if now.Before(s.done.All()[0].until) && len(s.completed) <= mostCompleted {
			return
		}
		delete(s.completed, s.done.Pop().id)
	}
}

type entry struct {
	id    string
	until time.Time
}
