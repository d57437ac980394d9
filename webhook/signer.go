package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// signer makes the signatures of one key. It keeps hashes whose state with the key is computed,
// which costs as much as a small body does.
type signer struct{ hashes sync.Pool }

// keyedHash is of one key for ever. A body leaves nothing in it: it is reset before the next, and
// all of the sum is written anew.
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
