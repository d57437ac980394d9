package flow

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

// seals encrypts what a repeated authorize call needs and Klarna does not return: the bodies of the
// calls, which hold personal data, and the session token of the first call.
type seals struct {
	// roots are extracts of the secrets, the current one first. A root is as secret as its secret.
	roots []klarna.Secret
}

// leastSealSecret is the length of a random key of 128 bits in hexadecimal.
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
		s.roots = append(s.roots, klarna.NewSecret(string(root)))
	}
	return &s, nil
}

// sealed is the content of a seal. A repeated call sends these bytes with this key, even if this
// release encodes the request differently.
type sealed struct {
	// FirstBody is the body of the first call. FirstKey is its idempotency key.
	FirstBody string `json:"first_body,omitzero"`
	FirstKey  string `json:"first_idempotency_key,omitzero"`
	// SessionToken is the session token of the first call.
	SessionToken klarna.Secret `json:"session_token,omitzero"`
	// FinalBody is the body of the final call. FinalAmount is the amount in it. They are recorded
	// before the first attempt of the final call.
	FinalBody   string `json:"final_body,omitzero"`
	FinalAmount int64  `json:"final_amount,omitzero"`
	// Operations are the calls of the operations that have not ended.
	Operations []sealedOperation `json:"operations,omitzero"`

	// Request is the body of the first call in a seal of the first form. Its key is derived from
	// it.
	Request klarna.RawJSON `json:"request,omitzero"`

	// outdated reports whether the seal was made with an older secret or in the first form.
	outdated bool

	// Unknown holds members that a newer version wrote.
	Unknown klarna.Unknown `json:",embed"`
}

// first returns the body of the first call, byte for byte.
func (s *sealed) first() string {
	if s.FirstBody != "" {
		return s.FirstBody
	}
	return string(s.Request.Bytes())
}

// request returns the decoded request of the first call.
func (s *sealed) request() (r authorization.AuthorizeParams, err error) {
	err = wire.DecodeAny([]byte(s.first()), &r)
	return r, err
}

// facts returns the properties of a purchase that never change. The seal authenticates them, so
// that a changed or exchanged record is not processed.
func (p *purchase) facts() []byte {
	var facts []byte
	for _, fact := range []string{
		p.Account, strconv.FormatInt(p.Amount, 10), p.Currency, p.content.Reference, p.BegunAt.UTC().Format(time.RFC3339Nano),
	} {
		facts = binary.BigEndian.AppendUint64(facts, uint64(len(fact)))
		facts = append(facts, fact...)
	}
	return facts
}

const (
	firstForm  = "klarna-go flow seal 1 "
	secondForm = "klarna-go flow seal 2 "
)

// seal encrypts with a key of the purchase, so that a seal of another purchase cannot be opened.
func (s *seals) seal(p *purchase, content *sealed) ([]byte, error) {
	if content.FirstBody == "" {
		content.FirstBody, content.Request = content.first(), klarna.RawJSON{}
	}
	text, err := wire.Encode(content.encode)
	if err != nil {
		return nil, fmt.Errorf("flow: encode the sealed content: %w", err)
	}
	box, err := box(s.roots[0], secondForm+p.ID)
	if err != nil {
		return nil, err
	}
	return box.Seal(nil, nil, text, p.facts()), nil //nolint:gosec // the box adds a random nonce
}

// ErrDamaged reports that a purchase's record cannot be read, was changed outside of the
// Coordinator, or is sealed with a secret that the Coordinator does not have. The Coordinator does
// nothing with such a record. See [Coordinator.ListDamaged].
var ErrDamaged = errors.New("flow: the record is damaged, or sealed with another secret")

// open returns the sealed content and checks that it belongs to this purchase.
func (s *seals) open(p *purchase) (*sealed, error) {
	for i, root := range s.roots {
		for _, form := range []string{secondForm, firstForm} {
			box, err := box(root, form+p.ID)
			if err != nil {
				return nil, err
			}
			var facts []byte
			if form == secondForm {
				facts = p.facts()
			}
			plain, err := box.Open(nil, nil, p.Sealed, facts)
			if err != nil {
				continue
			}
			content := new(sealed)
			if err := decodeStored(plain, content, (*sealed).decode); err != nil || form == firstForm && !content.isOf(p) {
				return nil, ErrDamaged
			}
			content.outdated = i > 0 || form == firstForm
			return content, nil
		}
	}
	return nil, ErrDamaged
}

// isOf reports whether a seal of the first form belongs to a purchase, as far as it can be
// compared.
func (s *sealed) isOf(p *purchase) bool {
	r, err := s.request()
	return err == nil && r.RequestPaymentTransaction != nil && r.RequestPaymentTransaction.Amount == p.Amount &&
		r.Currency == p.Currency && r.RequestPaymentTransaction.PaymentTransactionReference == p.content.Reference
}

// open returns the sealed content of p. It opens the seal once.
func (c *Coordinator) open(p *purchase) (*sealed, error) {
	if p.opened == nil {
		content, err := c.seals.open(p)
		if err != nil {
			return nil, fmt.Errorf("flow: purchase %s: %w", strconv.Quote(p.ID), err)
		}
		p.opened = content
	}
	return p.opened, nil
}

// box returns AES-256-GCM with a random nonce.
func box(root klarna.Secret, purpose string) (cipher.AEAD, error) {
	key, err := hkdf.Expand(sha256.New, []byte(root.Reveal()), purpose, 32)
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
