package flow

import (
	"bytes"
	"container/heap"
	"context"
	"maps"
	"slices"
	"sync"
)

// MemoryStore is a [Store] in the memory of one process, for tests and for trying things out. A
// crash loses its purchases. It never deletes one. The zero MemoryStore is empty and ready for use.
type MemoryStore struct {
	mu        sync.Mutex
	records   map[string]*memoryRecord
	byRequest map[string]*memoryRecord
	byRef     map[string]*memoryRecord
	settings  map[string]string
	due       map[Lane]map[string]*dueHeap // by lane and account
}

type memoryRecord struct {
	Record
	place int // the index in its heap, or -1
}

// NewMemoryStore returns an empty [MemoryStore].
func NewMemoryStore() *MemoryStore { return new(MemoryStore) }

// ready creates the maps of a zero MemoryStore. The caller holds the lock.
func (s *MemoryStore) ready() {
	if s.records == nil {
		s.records, s.byRequest, s.byRef = make(map[string]*memoryRecord), make(map[string]*memoryRecord), make(map[string]*memoryRecord)
		s.settings, s.due = make(map[string]string), make(map[Lane]map[string]*dueHeap)
	}
}

var (
	_ Store         = (*MemoryStore)(nil)
	_ Guarded       = (*MemoryStore)(nil)
	_ DamagedLister = (*MemoryStore)(nil)
)

// Create implements [Store].
func (s *MemoryStore) Create(ctx context.Context, r Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.records[r.ID] != nil || s.byRequest[r.PaymentRequestID] != nil || s.byRef[r.Reference] != nil {
		return ErrExists
	}
	s.ready()
	r.Version = 1
	stored := &memoryRecord{place: -1}
	s.records[r.ID] = stored
	s.put(stored, r)
	return nil
}

// Load implements [Store].
func (s *MemoryStore) Load(ctx context.Context, id string) (Record, error) {
	return s.find(ctx, &s.records, id)
}

// FindPaymentRequest implements [Store].
func (s *MemoryStore) FindPaymentRequest(ctx context.Context, paymentRequestID string) (Record, error) {
	return s.find(ctx, &s.byRequest, paymentRequestID)
}

// FindReference implements [Store].
func (s *MemoryStore) FindReference(ctx context.Context, reference string) (Record, error) {
	return s.find(ctx, &s.byRef, reference)
}

// Setting implements [Guarded].
func (s *MemoryStore) Setting(ctx context.Context, name string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.settings[name], nil
}

// ChangeSetting implements [Guarded].
func (s *MemoryStore) ChangeSetting(ctx context.Context, name, from, to string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.settings[name] != from {
		return ErrChanged
	}
	s.ready()
	s.settings[name] = to
	return nil
}

// ListDamaged implements [DamagedLister].
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

// find reads the index only with the lock held, because ready may still replace the map.
func (s *MemoryStore) find(ctx context.Context, index *map[string]*memoryRecord, key string) (Record, error) {
	if err := ctx.Err(); err != nil {
		return Record{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	stored := (*index)[key]
	if stored == nil {
		return Record{}, ErrNotFound
	}
	return stored.clone(), nil
}

// Update implements [Store].
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

// ClaimDue implements [Store].
func (s *MemoryStore) ClaimDue(ctx context.Context, params ClaimParams) ([]Claimed, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Claimed
	for _, lane := range params.Lanes {
		for _, stored := range s.turns(lane, params, params.Limit-len(list)) {
			claimed := Claimed{Record: stored.Record, WasDueAt: stored.DueAt}
			claimed.DueAt = params.Until
			claimed.Version++
			s.put(stored, claimed.Record)
			claimed.Record = stored.clone()
			list = append(list, claimed)
		}
	}
	return list, nil
}

// turns removes up to limit records of a lane from their heaps, in the order in which a claim
// returns them.
func (s *MemoryStore) turns(lane Lane, params ClaimParams, limit int) (list []*memoryRecord) {
	if limit < 1 {
		return nil
	}
	var heads turnHeap
	for account, due := range s.due[lane] {
		if head := (*due)[0]; !head.DueAt.After(params.Now) && !slices.Contains(params.ExceptAccounts, account) {
			heads = append(heads, accountTurn{head: head, due: due})
		}
	}
	heap.Init(&heads)
	for len(heads) > 0 && len(list) < limit {
		next := &heads[0]
		list = append(list, next.head)
		heap.Pop(next.due)
		next.taken++
		if due := *next.due; len(due) > 0 && !due[0].DueAt.After(params.Now) && (params.PerAccount < 1 || next.taken < params.PerAccount) {
			next.head = due[0]
			heap.Fix(&heads, 0)
		} else {
			heap.Pop(&heads)
		}
	}
	return list
}

// put stores r and updates the indexes.
func (s *MemoryStore) put(stored *memoryRecord, r Record) {
	if due := s.due[stored.Lane][stored.PartnerAccountID]; due != nil {
		if stored.place >= 0 {
			heap.Remove(due, stored.place)
		}
		if len(*due) == 0 {
			delete(s.due[stored.Lane], stored.PartnerAccountID)
		}
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
	if r.DueAt.IsZero() {
		return
	}
	accounts := s.due[r.Lane]
	if accounts == nil {
		accounts = make(map[string]*dueHeap)
		s.due[r.Lane] = accounts
	}
	if accounts[r.PartnerAccountID] == nil {
		accounts[r.PartnerAccountID] = new(dueHeap)
	}
	heap.Push(accounts[r.PartnerAccountID], stored)
}

func (m *memoryRecord) clone() Record {
	r := m.Record
	r.Data, r.Sealed = bytes.Clone(r.Data), bytes.Clone(r.Sealed)
	return r
}

// before reports whether m is due before other. The IDs decide between records that are due at the
// same time, so that a simulation is reproducible.
func (m *memoryRecord) before(other *memoryRecord) bool {
	if order := m.DueAt.Compare(other.DueAt); order != 0 {
		return order < 0
	}
	return m.ID < other.ID
}

// dueHeap has the most overdue record first.
type dueHeap []*memoryRecord

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].before(h[j]) }
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

// accountTurn is an account in a claim: its most overdue record, and how many of its records were
// taken.
type accountTurn struct {
	head  *memoryRecord
	due   *dueHeap
	taken int
}

// turnHeap has the account first whose turn is next.
type turnHeap []accountTurn

func (h turnHeap) Len() int { return len(h) }
func (h turnHeap) Less(i, j int) bool {
	if h[i].taken != h[j].taken {
		return h[i].taken < h[j].taken
	}
	return h[i].head.before(h[j].head)
}
func (h turnHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *turnHeap) Push(x any) {
	t, _ := x.(accountTurn)
	*h = append(*h, t)
}

// Pop implements heap.Interface.
func (h *turnHeap) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	*h = (*h)[:last]
	return t
}
