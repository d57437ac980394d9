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

// The headers of a delivery.
const (
	HeaderSignature    = "Klarna-Signature"
	HeaderSigningKeyID = "Klarna-Signing-Key-Id"
)

// The reasons why a delivery is not Klarna's. They are for a log; a sender is told nothing more
// than 400.
var (
	// ErrNoSignature: there is no Klarna-Signature header.
	ErrNoSignature = errors.New("webhook: the delivery has no Klarna-Signature header")
	// ErrMalformedSignature: the header is not 64 lower-case hexadecimal digits, or stands there more
	// than once.
	ErrMalformedSignature = errors.New("webhook: the Klarna-Signature header is not a single signature of 64 lower-case hexadecimal digits")
	// ErrUnknownKey: the delivery names a signing key that the verifier does not hold.
	ErrUnknownKey = errors.New("webhook: the delivery names an unknown signing key")
	// ErrSignatureMismatch: the signature is not that of the body under any key that counts.
	ErrSignatureMismatch = errors.New("webhook: the signature does not match the body")
)

// Verifier checks signatures. It is safe for concurrent use. The zero Verifier has no keys and
// refuses every delivery with ErrKeySource.
type Verifier struct{ keys keyHolder }

var errNoKeys = fmt.Errorf("%w: the Verifier has no keys; make it with NewVerifier", ErrKeySource)

// NewVerifier returns a Verifier that holds one or more keys: while keys rotate, both the old and
// the new one. It refuses no key at all, a secret that is empty, shorter than 16 bytes or has white
// space around it, and two keys of one id.
func NewVerifier(keys ...Key) (*Verifier, error) {
	set, err := newKeySet(keys)
	if err != nil {
		return nil, err
	}
	return &Verifier{keys: set}, nil
}

// Verify checks that Klarna signed body, which must be the raw bytes of the delivery: JSON that was
// decoded and encoded again has another signature. Header names match in any case. The error is one
// of ErrNoSignature, ErrMalformedSignature, ErrUnknownKey and ErrSignatureMismatch, to be told by
// errors.Is; with a KeySource, or without keys, it can be ErrKeySource or the context's, which say nothing about the
// delivery.
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
	held := v.keys.held()
	if signed(signature, held.candidates(id), body) {
		return nil
	}
	if !held.knows(id) {
		if held, err = v.keys.refreshed(ctx, id); err != nil {
			return err
		}
		if signed(signature, held.candidates(id), body) {
			return nil
		}
	}
	switch {
	case len(held.candidates(id)) == 0:
		return ErrUnknownKey
	case len(body) == 0:
		return fmt.Errorf("%w: the body is empty; a middleware may have read it before", ErrSignatureMismatch)
	default:
		return ErrSignatureMismatch
	}
}

// digest is the HMAC-SHA256 of a body, or what a delivery claims it to be.
type digest [sha256.Size]byte

// signed reports whether one of the keys made the signature. All of a digest is computed and all of
// it compared, in a time that does not depend on where the first wrong byte is: nothing can be
// learnt by trying signatures.
func signed(signature digest, keys []*signer, body []byte) bool {
	for _, k := range keys {
		if equal(signature, k.digest(body)) {
			return true
		}
	}
	return false
}

// equal takes the same time for any two digests.
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
	// Decoding takes digits of either case; Klarna's are lower.
	if hex.Encode(text[:], d[:]); values[0] != string(text[:]) {
		return d, ErrMalformedSignature
	}
	return d, nil
}

// keyIDOf is the key that the delivery names, "" for none. Two different names are none that can be
// known.
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

// signatureHeaders finds the two headers whatever the case of their names: headers that came
// through a queue or a gateway are often not in Go's form.
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

// join copies only where there is something to join.
func join(values, more []string) []string {
	if values == nil {
		return more
	}
	return slices.Concat(values, more)
}

// Sign returns the signature of a body: what Klarna writes into Klarna-Signature, for tests of a
// receiver.
func Sign(secret Secret, body []byte) string {
	d := newSigner(Key{Secret: secret}).digest(body)
	return hex.EncodeToString(d[:])
}
