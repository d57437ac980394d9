// Package idempotency derives idempotency keys. As Klarna recommends, a key is a UUIDv5. It is
// computed from everything that identifies a call.
//
// The derivation must never change: a program that crashed with one version of this library and
// repeats its call with the next one must derive the same key.
package idempotency

import (
	"crypto/sha1" //nolint:gosec // what a UUIDv5 is made of
	"encoding/binary"
	"strconv"

	"github.com/google/uuid"

	"github.com/klarna-go/klarna-go/internal/redact"
)

// The namespaces of the keys. They must never change.
var (
	calls  = uuid.MustParse("3a0d1ac5-58b5-4d0f-8a7f-1f3a4d0b6f0e")
	finals = uuid.MustParse("4b1f8a0e-6c53-4d87-9d0a-2f7c5be1c9a4")

	operations = uuid.MustParse("c7a1e9c4-0f0f-4f5e-8f4e-6f4b9d1a7c55")
)

// Call contains what identifies a call.
type Call struct {
	Operation     string
	Account       string
	Reference     string
	SessionToken  redact.Secret
	IDs           []string
	Body          []byte
	CustomerToken redact.Secret
}

// Key returns the key of the call. If the call has no reference, the key is random, because a
// repeat cannot be distinguished from a second, equal call.
func (c *Call) Key() string {
	if c.Reference == "" {
		random := uuid.New()
		return uuid.NewSHA1(calls, random[:]).String()
	}
	name := sha1.New() //nolint:gosec // what a UUIDv5 is made of
	name.Write(calls[:])
	head := make([]byte, 0, 512)
	for _, part := range [...]string{c.Operation, c.Account, c.Reference, c.SessionToken.Reveal()} {
		head = appendPart(head, part)
	}
	for _, id := range c.IDs {
		head = appendPart(head, id)
	}
	name.Write(binary.BigEndian.AppendUint64(head, uint64(len(c.Body))))
	name.Write(c.Body) // without a copy: it may be large
	if !c.CustomerToken.IsZero() {
		name.Write(appendPart(nil, c.CustomerToken.Reveal()))
	}
	var key uuid.UUID
	copy(key[:], name.Sum(head[:0]))
	key[6] = key[6]&0x0f | 5<<4 // version
	key[8] = key[8]&0x3f | 0x80 // variant
	return key.String()
}

// Final contains what identifies the final authorize call of a purchase in package flow.
type Final struct {
	Account          string
	PaymentRequestID string
	SessionToken     redact.Secret // of the approval
	First            string        // the body of the first authorize call
	Amount           int64         // that was approved, in minor units
}

// Key returns the key of the call.
func (f *Final) Key() string {
	var material []byte
	for _, part := range [...]string{f.Account, f.PaymentRequestID, f.SessionToken.Reveal(), f.First} {
		material = appendPart(material, part)
	}
	material = binary.BigEndian.AppendUint64(material, uint64(f.Amount)) //nolint:gosec // its bits are meant
	return uuid.NewSHA1(finals, material).String()
}

// Operation contains what identifies a call that follows the approval in package flow.
type Operation struct {
	Account              string
	PaymentTransactionID string
	PurchaseID           string
	ID                   string
	Kind                 string
	CaptureID            string // the ID of the capture operation that a refund names
	PaymentCaptureID     string // Klarna's ID of the capture that a refund names
	Body                 string
	Number               int // counts the keys of the operation
}

// Key returns the key of the call. If a store loses an operation and the caller repeats it, the key
// is the same.
func (o *Operation) Key() string {
	var material []byte
	for _, part := range [...]string{
		o.Account, o.PaymentTransactionID, o.PurchaseID, o.ID, o.Kind, o.CaptureID, o.PaymentCaptureID, o.Body, strconv.Itoa(o.Number),
	} {
		material = appendPart(material, part)
	}
	return uuid.NewSHA1(operations, material).String()
}

// appendPart appends the length before the part, so that different lists of parts give different
// bytes.
func appendPart(material []byte, part string) []byte {
	material = binary.BigEndian.AppendUint64(material, uint64(len(part)))
	return append(material, part...)
}
