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
// vault. Klarna shows a key's secret only in the answer that creates the key, so a KeySource cannot
// read the secrets from Klarna.
type KeySource func(ctx context.Context) ([]Key, error)

// ErrKeySource reports that the signing keys could not be looked up. The delivery may be valid, so
// a [Handler] answers 500 and Klarna delivers again.
var ErrKeySource = errors.New("webhook: the signing keys could not be looked up")

const (
	// lookupPause is the least time between look-ups. It limits the look-ups that deliveries with
	// invented key ids cause.
	lookupPause = time.Second
	// lookupTimeout bounds a look-up that hangs.
	lookupTimeout = 10 * time.Second
)

// NewVerifierFrom returns a [Verifier] that reads its keys from source: immediately, and again when
// a delivery names an unknown key. Such a delivery waits for the look-up. There is at most one
// look-up a second. A key that is published to the source before Klarna signs with it therefore
// needs no restart. A key that was removed from the source remains valid until the next look-up:
// call [Verifier.Refresh] to make one. The error is [ErrKeySource] if the first look-up fails.
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

// Refresh looks the keys up now. It does nothing if the Verifier has fixed keys. The error is
// [ErrKeySource] if the look-up fails; the Verifier then keeps the keys that it had.
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

// sourcedKeys holds keys that come from a KeySource.
type sourcedKeys struct {
	source KeySource
	keys   atomic.Pointer[keySet]

	mu     sync.Mutex
	latest *lookup // the last look-up that a delivery caused, nil before the first
	begun  uint64  // the number of look-ups that began
	stored uint64  // the number of the look-up whose keys are stored
}

// lookup is one call to the source. All deliveries that arrive in the meantime share it.
type lookup struct {
	begins time.Time
	done   chan struct{}
	err    error // set before done is closed
}

func (h *sourcedKeys) current() *keySet { return h.keys.Load() }

// refreshed waits until a look-up finds the key, or a look-up that began after the delivery arrived
// does not find it. So a key that is published before its first delivery is always found, even
// directly after another look-up.
func (h *sourcedKeys) refreshed(ctx context.Context, id string) (*keySet, error) {
	arrived := time.Now()
	// A source that ignores its context must not delay the delivery any longer.
	waiting, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	for {
		l := h.nextLookup(ctx)
		select {
		case <-l.done:
		case <-waiting.Done():
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			return nil, fmt.Errorf("%w: the source takes longer than %v", ErrKeySource, lookupTimeout)
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

// nextLookup returns the look-up that runs or is scheduled. If there is none, it schedules a new
// look-up, which begins at least lookupPause after the last one began.
func (h *sourcedKeys) nextLookup(ctx context.Context) *lookup {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	// A look-up that exceeds its timeout counts as ended: its source ignores the context and may
	// never return.
	if h.latest != nil && !h.latest.ended() && now.Before(h.latest.begins.Add(lookupTimeout)) {
		return h.latest
	}
	l := &lookup{begins: now, done: make(chan struct{})}
	if h.latest != nil && h.latest.begins.Add(lookupPause).After(now) {
		l.begins = h.latest.begins.Add(lookupPause)
	}
	h.latest = l
	// All waiting deliveries share the look-up, so it does not end with the one that started it.
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

// lookUp reads the source and stores its keys, unless a look-up that began later has already stored
// its own: a key that was removed in between must not return.
func (h *sourcedKeys) lookUp(ctx context.Context) error {
	h.mu.Lock()
	h.begun++
	number := h.begun
	h.mu.Unlock()
	keys, err := h.read(ctx)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if number > h.stored {
		h.stored = number
		h.keys.Store(keys)
	}
	return nil
}

// read calls the source. It turns a panic of the source into an error, because the panic would end
// the process.
func (h *sourcedKeys) read(ctx context.Context) (set *keySet, err error) {
	defer func() {
		if p := recover(); p != nil {
			set, err = nil, fmt.Errorf("%w: the source panicked with a %T", ErrKeySource, p)
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
