package flow

import (
	"encoding/binary"

	"github.com/google/uuid"

	"github.com/klarna-go/klarna-go/authorization"
)

// finalKeys makes the idempotency keys of final calls. It must never change.
var finalKeys = uuid.MustParse("4b1f8a0e-6c53-4d87-9d0a-2f7c5be1c9a4")

// finalKey is a UUIDv5 of what makes a final call the call that it is.
//
// It is recorded with the final call's body before the first of the calls leaves, and every repeat
// carries it. The session token is not recorded: it is read again. Should Klarna have renewed it, a
// repeat is another call under the same key, so that Klarna refuses it or answers as before, where
// a key of its own would ask for a second payment. The key changes only where every call before was
// refused or not sent.
func finalKey(p *purchase, first string, approval authorization.Approval) string {
	var material []byte
	for _, part := range []string{p.Account, p.PaymentRequestID, approval.SessionToken.Reveal(), first} {
		material = binary.BigEndian.AppendUint64(material, uint64(len(part)))
		material = append(material, part...)
	}
	material = binary.BigEndian.AppendUint64(material, uint64(approval.Amount)) //nolint:gosec // its bits are meant
	return uuid.NewSHA1(finalKeys, material).String()
}
