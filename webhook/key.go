package webhook

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Key is a signing key of Klarna's.
type Key struct {
	// ID is signing_key_id, which deliveries name. A key without an id is tried on every delivery.
	ID string
	// Secret is signing_key exactly as Klarna returned it. It is never decoded.
	Secret Secret
}

// minSecret is far below any key of Klarna's, and above what is left of one that was cut or never
// set.
const minSecret = 16

// keyHolder knows the keys that a delivery may be signed with.
type keyHolder interface {
	// held returns the keys that are known now.
	held() *keySet
	// refreshed looks them up again where they can be, for a delivery that names a key which is not
	// held.
	refreshed(ctx context.Context, id string) (*keySet, error)
}

// keySet is a set of keys that does not change.
type keySet struct {
	all     []*signer
	byID    map[string][]*signer // each with the unnamed keys, which are tried on every delivery
	unnamed []*signer
}

func newKeySet(keys []Key) (*keySet, error) {
	if len(keys) == 0 {
		return nil, errors.New("webhook: a Verifier needs at least one signing key")
	}
	s := &keySet{byID: make(map[string][]*signer)}
	for i, k := range keys {
		secret := k.Secret.Reveal()
		if strings.TrimSpace(secret) != secret {
			return nil, fmt.Errorf("webhook: signing key %d: the secret begins or ends with white space; was a line break read with it?", i)
		}
		if n := len(secret); n < minSecret {
			return nil, fmt.Errorf("webhook: signing key %d: the secret has %d bytes, fewer than the %d that any signing key has", i, n, minSecret)
		}
		signs := newSigner(k)
		s.all = append(s.all, signs)
		if k.ID == "" {
			s.unnamed = append(s.unnamed, signs)
			continue
		}
		if _, twice := s.byID[k.ID]; twice {
			return nil, fmt.Errorf("webhook: signing key %d: its id stands there twice", i)
		}
		s.byID[k.ID] = []*signer{signs}
	}
	for id, named := range s.byID {
		s.byID[id] = append(named, s.unnamed...)
	}
	return s, nil
}

func (s *keySet) held() *keySet { return s }

func (s *keySet) refreshed(context.Context, string) (*keySet, error) { return s, nil }

// candidates returns the keys to try for a delivery that names id, "" for none.
func (s *keySet) candidates(id string) []*signer {
	if id == "" {
		return s.all
	}
	if keys, ok := s.byID[id]; ok {
		return keys
	}
	return s.unnamed
}

// knows reports whether the set has a key of that id.
func (s *keySet) knows(id string) bool {
	_, ok := s.byID[id]
	return ok || id == ""
}
