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

// seals encrypts what a repeat of an authorize call needs and what can be read again from nowhere:
// the calls' bodies, with the customer in them, and the session token of the first call.
type seals struct {
	// roots are the secrets' extracts, that of the current one first. Each is as good as its secret.
	roots []klarna.Secret
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
		s.roots = append(s.roots, klarna.NewSecret(string(root)))
	}
	return &s, nil
}

// sealed is the content of a seal. A repeat of a call sends the bytes that are here, under the key
// that is here, whatever the present release would make of the same request.
type sealed struct {
	// FirstBody is the body of the first call, FirstKey its idempotency key.
	FirstBody string `json:"first_body,omitzero"`
	FirstKey  string `json:"first_idempotency_key,omitzero"`
	// SessionToken is the one that the first call is sent with.
	SessionToken klarna.Secret `json:"session_token,omitzero"`
	// FinalBody is the body of the final call, and FinalAmount the amount in it. They are recorded
	// before the first of the final calls.
	FinalBody   string `json:"final_body,omitzero"`
	FinalAmount int64  `json:"final_amount,omitzero"`
	// Operations are the calls of the operations that have not ended.
	Operations []sealedOperation `json:"operations,omitzero"`

	// Request is the first call's body in a seal of the first form, whose key is derived from it.
	Request klarna.RawJSON `json:"request,omitzero"`

	// outdated: it was sealed with an older secret, or in the first form.
	outdated bool

	// Unknown is what a newer version wrote.
	Unknown klarna.Unknown `json:",embed"`
}

// first is the body of the first call, byte for byte.
func (s *sealed) first() string {
	if s.FirstBody != "" {
		return s.FirstBody
	}
	return string(s.Request.Bytes())
}

// request is the first call's request.
func (s *sealed) request() (r authorization.AuthorizeParams, err error) {
	err = wire.DecodeAny([]byte(s.first()), &r)
	return r, err
}

// facts are what a purchase is about and what never changes. They are authenticated by the seal, so
// that nothing is done upon a record in which they were damaged, or exchanged with another's.
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

// seal encrypts with a key of the purchase's own, so that what belongs to one cannot pass for
// another's.
func (s *seals) seal(p *purchase, content *sealed) ([]byte, error) {
	if content.FirstBody == "" {
		content.FirstBody, content.Request = content.first(), klarna.RawJSON{}
	}
	text, err := wire.Encode(content.encode)
	if err != nil {
		return nil, fmt.Errorf("flow: the request cannot be encoded: %w", err)
	}
	box, err := box(s.roots[0], secondForm+p.ID)
	if err != nil {
		return nil, err
	}
	return box.Seal(nil, nil, text, p.facts()), nil //nolint:gosec // the nonce is the box's own, and random
}

// ErrDamaged is the error of a purchase whose record cannot be read, or is not the one that was
// stored: its data was changed or exchanged, or it is sealed with a secret that this Coordinator
// was not given. Nothing is done upon such a record. See [Coordinator.ListDamaged].
var ErrDamaged = errors.New("flow: the record is damaged, or sealed with another secret")

// open returns what is sealed, and checks that it belongs to this purchase.
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

// isOf compares what a seal of the first form can be compared with.
func (s *sealed) isOf(p *purchase) bool {
	r, err := s.request()
	return err == nil && r.RequestPaymentTransaction != nil && r.RequestPaymentTransaction.Amount == p.Amount &&
		r.Currency == p.Currency && r.RequestPaymentTransaction.PaymentTransactionReference == p.content.Reference
}

// open returns what is sealed of p, which was opened before or is opened now.
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

// box is AES-256-GCM with a nonce at random.
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
