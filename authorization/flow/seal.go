package flow

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

// seals encrypts what a repeat of an authorize call needs and what can be read again from nowhere: the request, with the customer in it, and the
// session token that it was sent with.
type seals struct {
	// roots are the secrets' extracts, that of the current one first.
	roots [][]byte
}

// leastSealSecret is 32 characters: a random key of 128 bits in hexadecimal.
const leastSealSecret = 32

func newSeals(secrets []klarna.Secret) (*seals, error) {
	var s seals
	for _, secret := range secrets {
		if len(secret.Reveal()) < leastSealSecret {
			return nil, fmt.Errorf("flow: a seal secret must be random and have at least %d characters", leastSealSecret)
		}
		root, err := hkdf.Extract(sha256.New, []byte(secret.Reveal()), nil)
		if err != nil {
			return nil, fmt.Errorf("flow: seal secret: %w", err)
		}
		s.roots = append(s.roots, root)
	}
	return &s, nil
}

// sealed is the content of a seal.
type sealed struct {
	Request      authorization.Request `json:"request"`
	SessionToken klarna.Secret         `json:"session_token,omitzero"`

	// older: it was sealed with an older secret.
	older bool

	// Unknown is what a newer version wrote.
	Unknown klarna.Unknown `json:",embed"`
}

// seal encrypts with a key of the purchase's own, so that what belongs to one cannot pass for another's.
func (s *seals) seal(id string, content *sealed) ([]byte, error) {
	text, err := wire.EncodeAny(content)
	if err != nil {
		return nil, fmt.Errorf("flow: the request cannot be encoded: %w", err)
	}
	box, err := box(s.roots[0], id)
	if err != nil {
		return nil, err
	}
	return box.Seal(nil, nil, text, nil), nil //nolint:gosec // the nonce is the box's own, and random
}

var errSealed = errors.New("flow: what the purchase needs is sealed with another secret, or damaged")

func (s *seals) open(id string, text []byte) (*sealed, error) {
	for i, root := range s.roots {
		box, err := box(root, id)
		if err != nil {
			return nil, err
		}
		plain, err := box.Open(nil, nil, text, nil)
		if err != nil {
			continue
		}
		content := &sealed{older: i > 0}
		if err := wire.DecodeAny(plain, content); err != nil {
			return nil, errSealed
		}
		return content, nil
	}
	return nil, errSealed
}

// box is AES-256-GCM with a nonce at random.
func box(root []byte, id string) (cipher.AEAD, error) {
	key, err := hkdf.Expand(sha256.New, root, "klarna-go flow seal 1 "+id, 32)
	if err != nil {
		return nil, fmt.Errorf("flow: seal: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("flow: seal: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("flow: seal: %w", err)
	}
	return aead, nil
}
