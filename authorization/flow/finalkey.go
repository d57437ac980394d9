package flow

import (
	"encoding/binary"

	"github.com/google/uuid"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/internal/wire"
)

// finalKeys makes the idempotency keys of final calls. It must never change.
var finalKeys = uuid.MustParse("4b1f8a0e-6c53-4d87-9d0a-2f7c5be1c9a4")

// finalKey is a UUIDv5 of what makes a final call the call that it is.
//
// It is made and recorded before the first of the calls, and all repeats carry it, because not everything that they are made of is recorded: the session
// token is read again, and another version of the library may encode the same request otherwise. Then Klarna refuses the repeat of a call that has run,
// or answers as before, where a key of the repeat's own would ask for a second payment.
func finalKey(p *purchase, content *sealed, approval authorization.Approval) (string, error) {
	request, err := wire.EncodeAny(content.Request)
	if err != nil {
		return "", err
	}
	var material []byte
	for _, part := range []string{p.Account, p.PaymentRequestID, approval.SessionToken.Reveal(), string(request)} {
		material = binary.BigEndian.AppendUint64(material, uint64(len(part)))
		material = append(material, part...)
	}
	material = binary.BigEndian.AppendUint64(material, uint64(approval.Amount)) //nolint:gosec // its bits are meant
	return uuid.NewSHA1(finalKeys, material).String(), nil
}
