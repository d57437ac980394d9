package flow

import (
	"bytes"
	"container/heap"
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// MemoryStore is a Store of one process, for tests and for trying things out: with it, a crash loses the purchases. It never forgets
// one.
type MemoryStore struct {
	mu        sync.Mutex
	records   map[string]*memoryRecord
	byRequest map[string]*memoryRecord
	byRef     map[string]*memoryRecord
	settings  map[string]string
	due       dueHeap
}

type memoryRecord struct {
	Record
	place int // in the heap; -1 when it is not there
}

// NewMemoryStore returns an empty MemoryStore.
func NewMemoryStore() *MemoryStore {
	return &MemoryStore{records: make(map[string]*memoryRecord), byRequest: make(map[string]*memoryRecord),
		byRef: make(map[string]*memoryRecord), settings: make(map[string]string)}
}

var (
	_ Store         = (*MemoryStore)(nil)
	_ Guarded       = (*MemoryStore)(nil)
	_ DamagedLister = (*MemoryStore)(nil)
)

// Create implements Store.
func (s *MemoryStore) Create(ctx context.Context, r Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.records[r.ID] != nil || s.byRequest[r.PaymentRequestID] != nil || s.byRef[r.Reference] != nil {
		return ErrExists
	}
	r.Version = 1
	stored := &memoryRecord{place: -1}
	s.records[r.ID] = stored
	s.put(stored, r)
	return nil
}

// Load implements Store.
func (s *MemoryStore) Load(ctx context.Context, id string) (Record, error) {
	return s.find(ctx, s.records, id)
}

// FindPaymentRequest implements Store.
func (s *MemoryStore) FindPaymentRequest(ctx context.Context, paymentRequestID string) (Record, error) {
	return s.find(ctx, s.byRequest, paymentRequestID)
}

// FindReference implements Store.
func (s *MemoryStore) FindReference(ctx context.Context, reference string) (Record, error) {
	return s.find(ctx, s.byRef, reference)
}

// Setting implements Guarded.
func (s *MemoryStore) Setting(ctx context.Context, name string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.settings[name], nil
}

// ChangeSetting implements Guarded.
func (s *MemoryStore) ChangeSetting(ctx context.Context, name, from, to string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.settings[name] != from {
		return ErrChanged
	}
	s.settings[name] = to
	return nil
}

// ListDamaged implements DamagedLister.
func (s *MemoryStore) ListDamaged(ctx context.Context, after string, limit int) ([]Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Record
	for _, id := range slices.Sorted(maps.Keys(s.records)) {
		if stored := s.records[id]; len(list) < limit && id > after && !stored.DamagedAt.IsZero() {
			list = append(list, stored.clone())
		}
	}
	return list, nil
}

func (s *MemoryStore) find(ctx context.Context, index map[string]*memoryRecord, key string) (Record, error) {
	if err := ctx.Err(); err != nil {
		return Record{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	stored := index[key]
	if stored == nil {
		return Record{}, ErrNotFound
	}
	return stored.clone(), nil
}

// Update implements Store.
func (s *MemoryStore) Update(ctx context.Context, r Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	stored := s.records[r.ID]
	if stored == nil {
		return ErrNotFound
	}
	if stored.Version != r.Version {
		return ErrChanged
	}
	for _, other := range []*memoryRecord{s.byRequest[r.PaymentRequestID], s.byRef[r.Reference]} {
		if other != nil && other != stored {
			return ErrExists
		}
	}
	r.Version++
	s.put(stored, r)
	return nil
}

// ClaimDue implements Store.
func (s *MemoryStore) ClaimDue(ctx context.Context, now, until time.Time, limit int) ([]Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var claimed []*memoryRecord
	for len(claimed) < limit && len(s.due) > 0 && !s.due[0].DueAt.After(now) {
		stored, _ := heap.Pop(&s.due).(*memoryRecord)
		claimed = append(claimed, stored)
	}
	var list []Record
	for _, stored := range claimed {
		r := stored.Record
		r.DueAt = until
		r.Version++
		s.put(stored, r)
		list = append(list, stored.clone())
	}
	return list, nil
}

// put stores r in its place and keeps the indexes true.
func (s *MemoryStore) put(stored *memoryRecord, r Record) {
	if stored.place >= 0 {
		heap.Remove(&s.due, stored.place)
	}
	delete(s.byRequest, stored.PaymentRequestID)
	delete(s.byRef, stored.Reference)
	stored.Record = r
	stored.Record = stored.clone()
	if r.PaymentRequestID != "" {
		s.byRequest[r.PaymentRequestID] = stored
	}
	if r.Reference != "" {
		s.byRef[r.Reference] = stored
	}
	if !r.DueAt.IsZero() {
		heap.Push(&s.due, stored)
	}
}

func (m *memoryRecord) clone() Record {
	r := m.Record
	r.Data, r.Sealed = bytes.Clone(r.Data), bytes.Clone(r.Sealed)
	return r
}

// dueHeap has the most overdue record first.
type dueHeap []*memoryRecord

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].DueAt.Before(h[j].DueAt) }
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Push implements heap.Interface.
func (h *dueHeap) Push(x any) {
	stored, _ := x.(*memoryRecord)
	stored.place = len(*h)
	*h = append(*h, stored)
}

// Pop implements heap.Interface.
func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	stored := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	stored.place = -1
	return stored
}
