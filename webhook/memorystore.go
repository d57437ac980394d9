package webhook

import (
	"context"
	"crypto/rand"
	"sync"
	"time"
)

// MemoryStore is a Store of one process, bounded in memory. A program with replicas needs a shared
// one.
type MemoryStore struct {
	mu        sync.Mutex
	claims    map[string]memoryClaim // by event id, until completed or released: as many as calls of a receiver run
	completed map[string]bool
	done      fifo // when to forget completed events, in the order of their completion
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

// NewMemoryStore returns a Store that remembers completed events for 48 hours, more than twice as
// long as Klarna retries, and a million of them at most; beyond that it forgets the oldest.
func NewMemoryStore() *MemoryStore {
	return &MemoryStore{claims: make(map[string]memoryClaim), completed: make(map[string]bool)}
}

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
	s.completed[eventID] = true
	s.done.push(entry{id: eventID, until: now.Add(retention)})
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
	s.done.popWhile(func(e entry) bool {
		if now.Before(e.until) && len(s.completed) <= mostCompleted {
			return false
		}
		delete(s.completed, e.id)
		return true
	})
}

type entry struct {
	id    string
	until time.Time
}

// fifo is a queue that gives its memory back.
type fifo struct {
	entries []entry
	head    int
}

func (f *fifo) push(e entry) { f.entries = append(f.entries, e) }

// popWhile takes entries from the old end for as long as drop says so.
func (f *fifo) popWhile(drop func(entry) bool) {
	for f.head < len(f.entries) && drop(f.entries[f.head]) {
		f.entries[f.head] = entry{}
		f.head++
	}
	if f.head > len(f.entries)/2 {
		f.entries = append(f.entries[:0:0], f.entries[f.head:]...)
		f.head = 0
	}
}
