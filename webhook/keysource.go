package webhook

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// KeySource returns all signing keys that deliveries may be signed with now, for example from a
// vault. Klarna shows a key's secret only when the key is created, so it cannot be asked for them.
type KeySource func(ctx context.Context) ([]Key, error)

// ErrKeySource is the error of keys that could not be looked up. The delivery may well be Klarna's;
// a Handler answers 500, so that it comes again.
var ErrKeySource = errors.New("webhook: the signing keys could not be looked up")

const (
	// lookupPause bounds what a flood of made-up key ids can cost: one look-up a second, which finds
	// all keys.
	lookupPause = time.Second
	// lookupTimeout ends a look-up that hangs.
	lookupTimeout = 10 * time.Second
)

// NewVerifierFrom returns a Verifier that gets its keys from source: now, and again, at most once a
// second, when a delivery names a key that it does not hold; such a delivery waits for it. So a key
// that is published before Klarna signs with it is known without a restart. A key that was taken
// out of the source counts until the next look-up: call Refresh to make one.
func NewVerifierFrom(ctx context.Context, source KeySource) (*Verifier, error) {
	if source == nil {
		return nil, fmt.Errorf("%w: NewVerifierFrom: the source is nil", ErrKeySource)
	}
	h := &sourcedKeys{source: source}
	if err := h.lookUp(ctx); err != nil {
		return nil, err
	}
	return &Verifier{keys: h}, nil
}

// Refresh looks the keys up now. A Verifier with fixed keys has nothing to refresh. On an error the
// keys stay as they were.
func (v *Verifier) Refresh(ctx context.Context) error {
	if v == nil || v.keys == nil {
		return errNoKeys
	}
	h, ok := v.keys.(*sourcedKeys)
	if !ok {
		return nil
	}
	return h.lookUp(ctx)
}

// sourcedKeys are keys that are looked up again.
type sourcedKeys struct {
	source KeySource
	keys   atomic.Pointer[keySet]

	mu     sync.Mutex
	latest *lookup // the last that a delivery caused; nil before the first
	begun  uint64  // look-ups that began
	kept   uint64  // which of them brought the keys
}

// lookup is one call to the source that all deliveries wait for that came meanwhile.
type lookup struct {
	begins time.Time
	done   chan struct{}
	err    error // to be read when done
}

func (h *sourcedKeys) held() *keySet { return h.keys.Load() }

// refreshed waits for look-ups until one has the key, or one has not that began after the delivery
// came: a key that is published before its first delivery is always found, however short ago the
// last look-up was.
func (h *sourcedKeys) refreshed(ctx context.Context, id string) (*keySet, error) {
	arrived := time.Now()
	// A source that does not heed its context must not hold the delivery.
	patience, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	for {
		l := h.nextLookup(ctx)
		select {
		case <-l.done:
		case <-patience.Done():
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			return nil, fmt.Errorf("%w: it takes longer than %v", ErrKeySource, lookupTimeout)
		}
		keys := h.keys.Load()
		switch {
		case keys.knows(id):
			return keys, nil
		case l.begins.Before(arrived):
		case l.err != nil:
			return nil, l.err
		default:
			return keys, nil
		}
	}
}

// nextLookup is the look-up that runs or waits for its time, otherwise a new one, which waits until
// the last one's beginning is a pause ago.
func (h *sourcedKeys) nextLookup(ctx context.Context) *lookup {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	// One that is over its time counts as ended: its source does not heed its context and may never
	// return.
	if h.latest != nil && !h.latest.ended() && now.Before(h.latest.begins.Add(lookupTimeout)) {
		return h.latest
	}
	l := &lookup{begins: now, done: make(chan struct{})}
	if h.latest != nil && h.latest.begins.Add(lookupPause).After(now) {
		l.begins = h.latest.begins.Add(lookupPause)
	}
	h.latest = l
	// The look-up serves all that wait for it, so it does not end with the delivery that happened to
	// ask for it.
	ctx = context.WithoutCancel(ctx)
	time.AfterFunc(l.begins.Sub(now), func() {
		ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
		defer cancel()
		defer close(l.done)
		l.err = h.lookUp(ctx)
	})
	return l
}

func (l *lookup) ended() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// lookUp asks the source and keeps what it says, unless a look-up that began later has said
// something already: a key that was taken out in between must not come back.
func (h *sourcedKeys) lookUp(ctx context.Context) error {
	h.mu.Lock()
	h.begun++
	turn := h.begun
	h.mu.Unlock()
	keys, err := h.ask(ctx)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if turn > h.kept {
		h.kept = turn
		h.keys.Store(keys)
	}
	return nil
}

// ask keeps a source that panics from taking the process with it, and from leaving deliveries
// waiting.
func (h *sourcedKeys) ask(ctx context.Context) (set *keySet, err error) {
	defer func() {
		if p := recover(); p != nil {
			set, err = nil, fmt.Errorf("%w: it panicked with a %T", ErrKeySource, p)
		}
	}()
	keys, err := h.source(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeySource, err)
	}
	set, err = newKeySet(keys)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeySource, err)
	}
	return set, nil
}
