package klarna

import (
	"encoding/binary"
	"net/http"

	"github.com/google/uuid"
)

// idempotencyNamespace makes the keys of this library. It must never change: a program that crashed under one
// version and repeats its call under the next has to arrive at the same key.
var idempotencyNamespace = uuid.MustParse("3a0d1ac5-58b5-4d0f-8a7f-1f3a4d0b6f0e")

func needsIdempotencyKey(method string) bool {
	return method == http.MethodPost || method == http.MethodPatch || method == http.MethodPut
}

// deriveIdempotencyKey makes a UUIDv5, as Klarna asks, from everything that makes a call the same call. Without a
// reference of the caller's nothing tells a repeat from a second, equal call, so the key is random.
func deriveIdempotencyKey(call *Call, account string, sessionToken, customerToken Secret, body []byte) string {
	if call.Reference == "" {
		random := uuid.New()
		return uuid.NewSHA1(idempotencyNamespace, random[:]).String()
	}
	material := make([]byte, 0, 1024+len(body)+len(sessionToken.Reveal())+len(customerToken.Reveal()))
	material = appendPart(material, call.Operation)
	material = appendPart(material, account)
	material = appendPart(material, call.Reference)
	material = appendPart(material, sessionToken.Reveal())
	for _, id := range call.IDs {
		material = appendPart(material, id)
	}
	material = appendPart(material, body)
	if !customerToken.IsZero() {
		material = appendPart(material, customerToken.Reveal())
	}
	return uuid.NewSHA1(idempotencyNamespace, material).String()
}

// appendPart writes the length first, so that no two lists of parts run together into the same bytes.
func appendPart[T string | []byte](material []byte, part T) []byte {
	material = binary.BigEndian.AppendUint64(material, uint64(len(part)))
	return append(material, part...)
}
