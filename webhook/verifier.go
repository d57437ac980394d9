package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// The headers of a delivery.
const (
	HeaderSignature    = "Klarna-Signature"
	HeaderSigningKeyID = "Klarna-Signing-Key-Id"
)

// The reasons why a delivery is not Klarna's. They are for a log; a sender is told nothing more than 400.
var (
	// ErrNoSignature: there is no Klarna-Signature header.
	ErrNoSignature = errors.New("webhook: the delivery has no Klarna-Signature header")
	// ErrMalformedSignature: the header is not 64 lower-case hexadecimal digits, or stands there more than once.
	ErrMalformedSignature = errors.New("webhook: the Klarna-Signature header is not a single signature of 64 lower-case hexadecimal digits")
	// ErrUnknownKey: the delivery names a signing key that the verifier does not hold.
	ErrUnknownKey = errors.New("webhook: the delivery names an unknown signing key")
	// ErrSignatureMismatch: the signature is not that of the body under any key that counts.
	ErrSignatureMismatch = errors.New("webhook: the signature does not match the body")
)

// Key is a signing key of Klarna's.
type Key struct {
	// ID is signing_key_id, which deliveries name. A key without an id is tried on every delivery.
	ID string
	// Secret is signing_key exactly as Klarna returned it. It is never decoded.
	Secret Secret
}

// minSecret is far below any key of Klarna's, and above what is left of one that was cut or never set.
const minSecret = 16

// Verifier checks signatures. It is immutable and safe for concurrent use.
type Verifier struct{ keys []Key }

// NewVerifier returns a Verifier that holds one or more keys: while keys rotate, both the old and the new one. It
// refuses no key at all, a secret that is empty or shorter than 16 bytes, and two keys of one id.
func NewVerifier(keys ...Key) (*Verifier, error) {
	if len(keys) == 0 {
		return nil, errors.New("webhook: a Verifier needs at least one signing key")
	}
	seen := make(map[string]bool)
	for i, k := range keys {
		if n := len(k.Secret.Reveal()); n < minSecret {
			return nil, fmt.Errorf("webhook: signing key %d: the secret has %d bytes, fewer than the %d that any signing key has", i, n, minSecret)
		}
		if k.ID != "" && seen[k.ID] {
			return nil, fmt.Errorf("webhook: signing key %d: its id stands there twice", i)
		}
		seen[k.ID] = true
	}
	return &Verifier{keys: append([]Key(nil), keys...)}, nil
}

// Verify checks that Klarna signed body, which must be the raw bytes of the delivery: JSON that was decoded and encoded
// again has another signature. Header names match in any case. The error is one of ErrNoSignature,
// ErrMalformedSignature, ErrUnknownKey and ErrSignatureMismatch, to be told by errors.Is.
func (v *Verifier) Verify(header http.Header, body []byte) error {
	signature, err := signatureOf(header)
	if err != nil {
		return err
	}
	ids := headerValues(header, HeaderSigningKeyID)
	known := false
	for i := range v.keys {
		if !v.keys[i].named(ids) {
			continue
		}
		known = true
		if hmac.Equal(signature, digest(v.keys[i].Secret, body)) {
			return nil
		}
	}
	switch {
	case !known:
		return ErrUnknownKey
	case len(body) == 0:
		return fmt.Errorf("%w: the body is empty; a middleware may have read it before", ErrSignatureMismatch)
	default:
		return ErrSignatureMismatch
	}
}

// named reports whether the key is to be tried: the delivery names it, or names none, or the key has no name.
func (k *Key) named(ids []string) bool {
	if k.ID == "" || len(ids) == 0 {
		return true
	}
	for _, id := range ids {
		if strings.TrimSpace(id) == k.ID {
			return true
		}
	}
	return false
}

func signatureOf(header http.Header) ([]byte, error) {
	values := headerValues(header, HeaderSignature)
	switch len(values) {
	case 0:
		return nil, ErrNoSignature
	case 1:
	default:
		return nil, ErrMalformedSignature
	}
	text := values[0]
	if len(text) != hex.EncodedLen(sha256.Size) || strings.ToLower(text) != text {
		return nil, ErrMalformedSignature
	}
	signature, err := hex.DecodeString(text)
	if err != nil {
		return nil, ErrMalformedSignature
	}
	return signature, nil
}

// headerValues finds a header whatever the case of its name: headers that came through a queue or a gateway are often
// not in Go's form.
func headerValues(header http.Header, name string) []string {
	var values []string
	for n, v := range header {
		if strings.EqualFold(n, name) {
			values = append(values, v...)
		}
	}
	return values
}

// Sign returns the signature of a body: what Klarna writes into Klarna-Signature, for tests of a receiver.
func Sign(secret Secret, body []byte) string { return hex.EncodeToString(digest(secret, body)) }

func digest(secret Secret, body []byte) []byte {
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write(body)
	return mac.Sum(nil)
}
