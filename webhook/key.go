package webhook

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Key is one of Klarna's signing keys.
type Key struct {
	// ID is the signing_key_id, which each delivery names. A key without an ID is tried on every
	// delivery.
	ID string
	// Secret is the signing_key exactly as Klarna returned it. Do not decode it.
	Secret Secret
}

// minSecret is the least number of bytes of a secret. Klarna's secrets are much longer. A shorter
// one was cut or never set.
const minSecret = 16

// keyHolder holds the keys that a delivery may be signed with.
type keyHolder interface {
	// current returns the keys that are known now.
	current() *keySet
	// refreshed returns the keys for a delivery that names an unknown key. It looks the keys up
	// again if they come from a KeySource.
	refreshed(ctx context.Context, id string) (*keySet, error)
}

// keySet is a set of keys that does not change.
type keySet struct {
	all     []*signer
	byID    map[string][]*signer // each id with its key and the unnamed keys
	unnamed []*signer            // the keys without an id, which are tried on every delivery
}

func newKeySet(keys []Key) (*keySet, error) {
	if len(keys) == 0 {
		return nil, errors.New("webhook: a Verifier needs at least one signing key")
	}
	s := &keySet{byID: make(map[string][]*signer)}
	for i, k := range keys {
		secret := k.Secret.Reveal()
		if strings.TrimSpace(secret) != secret {
			return nil, fmt.Errorf("webhook: signing key %d: the secret begins or ends with white space, such as a line break", i)
		}
		if n := len(secret); n < minSecret {
			return nil, fmt.Errorf("webhook: signing key %d: the secret has %d bytes, want at least %d", i, n, minSecret)
		}
		keySigner := newSigner(k)
		s.all = append(s.all, keySigner)
		if k.ID == "" {
			s.unnamed = append(s.unnamed, keySigner)
			continue
		}
		if _, exists := s.byID[k.ID]; exists {
			return nil, fmt.Errorf("webhook: signing key %d: another key has the same id", i)
		}
		s.byID[k.ID] = []*signer{keySigner}
	}
	for id, named := range s.byID {
		s.byID[id] = append(named, s.unnamed...)
	}
	return s, nil
}

func (s *keySet) current() *keySet { return s }

func (s *keySet) refreshed(context.Context, string) (*keySet, error) { return s, nil }

// candidates returns the keys to try for a delivery that names id. The id is "" if it names no key.
func (s *keySet) candidates(id string) []*signer {
	if id == "" {
		return s.all
	}
	if keys, ok := s.byID[id]; ok {
		return keys
	}
	return s.unnamed
}

// knows reports whether the set has a key with that id, or id is "".
func (s *keySet) knows(id string) bool {
	_, ok := s.byID[id]
	return ok || id == ""
}
