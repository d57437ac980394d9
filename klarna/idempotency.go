package klarna

import (
	"crypto/sha1" //nolint:gosec // what a UUIDv5 is made of
	"encoding/binary"
	"net/http"

	"github.com/google/uuid"
)

// idempotencyNamespace makes the keys of this library. It must never change: a program that crashed
// under one version and repeats its call under the next has to arrive at the same key.
var idempotencyNamespace = uuid.MustParse("3a0d1ac5-58b5-4d0f-8a7f-1f3a4d0b6f0e")

func needsIdempotencyKey(method string) bool {
	return method == http.MethodPost || method == http.MethodPatch || method == http.MethodPut
}

// deriveIdempotencyKey makes a UUIDv5, as Klarna asks, from everything that makes a call the same
// call. Without a reference of the caller's nothing tells a repeat from a second, equal call, so
// the key is random.
func deriveIdempotencyKey(call *Call, account string, sessionToken, customerToken Secret, body []byte) string {
	if call.Reference == "" {
		random := uuid.New()
		return uuid.NewSHA1(idempotencyNamespace, random[:]).String()
	}
	name := sha1.New() //nolint:gosec // what a UUIDv5 is made of
	name.Write(idempotencyNamespace[:])
	head := make([]byte, 0, 512)
	for _, part := range [...]string{call.Operation, account, call.Reference, sessionToken.Reveal()} {
		head = appendPart(head, part)
	}
	for _, id := range call.IDs {
		head = appendPart(head, id)
	}
	name.Write(binary.BigEndian.AppendUint64(head, uint64(len(body))))
	name.Write(body)
	if !customerToken.IsZero() {
		name.Write(appendPart(nil, customerToken.Reveal()))
	}
	var key uuid.UUID
	copy(key[:], name.Sum(head[:0]))
	key[6] = key[6]&0x0f | 5<<4 // version
	key[8] = key[8]&0x3f | 0x80 // variant
	return key.String()
}

// appendPart writes the length first, so that no two lists of parts run together into the same
// bytes.
func appendPart(material []byte, part string) []byte {
	material = binary.BigEndian.AppendUint64(material, uint64(len(part)))
	return append(material, part...)
}
