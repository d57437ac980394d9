package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// signer computes the signatures of one key. It pools hashes that are initialized with the key,
// because initializing one takes as long as hashing a small body.
type signer struct{ hashes sync.Pool }

// keyedHash is a hash that is initialized with one key. For each body, the hash is reset and the
// whole sum is overwritten.
type keyedHash struct {
	mac hash.Hash
	sum digest
}

func newSigner(k Key) *signer {
	return &signer{hashes: sync.Pool{New: func() any {
		return &keyedHash{mac: hmac.New(sha256.New, []byte(k.Secret.Reveal()))}
	}}}
}

func (s *signer) digest(body []byte) digest {
	h := s.hashes.Get().(*keyedHash)
	defer s.hashes.Put(h)
	h.mac.Reset()
	h.mac.Write(body)
	h.mac.Sum(h.sum[:0])
	return h.sum
}
