package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// The header names of a delivery.
const (
	HeaderSignature    = "Klarna-Signature"
	HeaderSigningKeyID = "Klarna-Signing-Key-Id"
)

// The errors of a delivery that Klarna did not sign. They are meant for a log: a [Handler] answers
// each of them with 400 and nothing more.
var (
	// ErrNoSignature reports that the delivery has no Klarna-Signature header.
	ErrNoSignature = errors.New("webhook: the delivery has no Klarna-Signature header")
	// ErrMalformedSignature reports that the Klarna-Signature header is not 64 lower-case
	// hexadecimal digits, or that there are several such headers.
	ErrMalformedSignature = errors.New("webhook: the Klarna-Signature header is not a single signature of 64 lower-case hexadecimal digits")
	// ErrUnknownKey reports that the delivery names a signing key that the Verifier does not hold.
	ErrUnknownKey = errors.New("webhook: the delivery names an unknown signing key")
	// ErrSignatureMismatch reports that the signature does not match the body under any key that
	// the Verifier tried.
	ErrSignatureMismatch = errors.New("webhook: the signature does not match the body")
)

// Verifier checks the signatures of deliveries. It is safe for concurrent use. The zero Verifier
// has no keys and refuses every delivery with [ErrKeySource].
type Verifier struct{ keys keyHolder }

var errNoKeys = fmt.Errorf("%w: the Verifier has no keys; make it with NewVerifier", ErrKeySource)

// NewVerifier returns a [Verifier] with fixed keys. During a rotation, give it both the old and the
// new key. It returns an error without a key, for two keys with the same ID, and for a secret that
// is shorter than 16 bytes or has white space around it.
func NewVerifier(keys ...Key) (*Verifier, error) {
	set, err := newKeySet(keys)
	if err != nil {
		return nil, err
	}
	return &Verifier{keys: set}, nil
}

// Verify checks that Klarna signed body, which must be the raw bytes of the delivery: JSON that was
// decoded and encoded again has another signature. Header names match in any case.
//
// The error is [ErrNoSignature], [ErrMalformedSignature], [ErrUnknownKey] or
// [ErrSignatureMismatch]; compare it with errors.Is. A Verifier with a [KeySource] also returns
// [ErrKeySource] and the context's error, and the zero Verifier returns ErrKeySource. ErrKeySource
// and the context's error do not mean that the delivery is invalid.
func (v *Verifier) Verify(ctx context.Context, header http.Header, body []byte) error {
	if v == nil || v.keys == nil {
		return errNoKeys
	}
	signatures, ids := signatureHeaders(header)
	signature, err := signatureOf(signatures)
	if err != nil {
		return err
	}
	id, err := keyIDOf(ids)
	if err != nil {
		return err
	}
	keys := v.keys.current()
	if signed(signature, keys.candidates(id), body) {
		return nil
	}
	if !keys.knows(id) {
		if keys, err = v.keys.refreshed(ctx, id); err != nil {
			return err
		}
		if signed(signature, keys.candidates(id), body) {
			return nil
		}
	}
	switch {
	case len(keys.candidates(id)) == 0:
		return ErrUnknownKey
	case len(body) == 0:
		return fmt.Errorf("%w: the body is empty, perhaps because a middleware read it", ErrSignatureMismatch)
	default:
		return ErrSignatureMismatch
	}
}

// digest is an HMAC-SHA256: that of a body, or the one that a delivery names.
type digest [sha256.Size]byte

// signed reports whether one of the keys made the signature. It computes and compares whole
// digests, in a time that does not depend on the first wrong byte, so the time reveals nothing
// about the right signature.
func signed(signature digest, keys []*signer, body []byte) bool {
	for _, k := range keys {
		if equal(signature, k.digest(body)) {
			return true
		}
	}
	return false
}

// equal compares two digests in constant time.
func equal(signature, computed digest) bool { return hmac.Equal(signature[:], computed[:]) }

func signatureOf(values []string) (digest, error) {
	var d digest
	switch len(values) {
	case 0:
		return d, ErrNoSignature
	case 1:
	default:
		return d, ErrMalformedSignature
	}
	var text [2 * len(d)]byte
	if len(values[0]) != len(text) {
		return d, ErrMalformedSignature
	}
	copy(text[:], values[0])
	if _, err := hex.Decode(d[:], text[:]); err != nil {
		return d, ErrMalformedSignature
	}
	// hex.Decode accepts upper-case digits, which Klarna does not send.
	if hex.Encode(text[:], d[:]); values[0] != string(text[:]) {
		return d, ErrMalformedSignature
	}
	return d, nil
}

// keyIDOf returns the id of the key that the delivery names, or "" if it names none. Two different
// ids are ErrUnknownKey.
func keyIDOf(values []string) (string, error) {
	var id string
	for _, value := range values {
		switch value = strings.TrimSpace(value); {
		case value == "":
		case id != "" && value != id:
			return "", ErrUnknownKey
		default:
			id = value
		}
	}
	return id, nil
}

// signatureHeaders finds the two headers in any case of their names: headers that passed through a
// queue or a gateway are often not in Go's canonical form.
func signatureHeaders(header http.Header) (signatures, ids []string) {
	for name, values := range header {
		switch {
		case len(name) == len(HeaderSignature) && strings.EqualFold(name, HeaderSignature):
			signatures = join(signatures, values)
		case len(name) == len(HeaderSigningKeyID) && strings.EqualFold(name, HeaderSigningKeyID):
			ids = join(ids, values)
		}
	}
	return signatures, ids
}

// join copies only if both lists have values.
func join(values, more []string) []string {
	if values == nil {
		return more
	}
	return slices.Concat(values, more)
}

// Sign returns the signature of a body, which Klarna sends in the header Klarna-Signature. It is
// for tests of a receiver.
func Sign(secret Secret, body []byte) string {
	d := newSigner(Key{Secret: secret}).digest(body)
	return hex.EncodeToString(d[:])
}
