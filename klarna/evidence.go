package klarna

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"

	"github.com/google/uuid"
)

// ErrForeignAnswer reports that the answer to an attempt belongs to another call. This happens on a
// reused connection when a server or a proxy sends an answer too many, or sends answers in another
// order. The outcome of the attempt is unknown, the connection is closed, and the [RetryPolicy]
// decides whether the attempt is repeated. Nothing of the answer is kept, because it may contain
// another customer's data.
//
// An answer belongs to another call if its id differs from the id in the path. It also belongs to
// another call if the echoed Partner-Correlation-Id or a reference contradicts what was sent and
// none of them confirms it. The echo of an earlier call with the same idempotency key confirms it:
// Klarna may answer a repeat with the first answer.
var ErrForeignAnswer = errors.New("the answer belongs to another call")

// evidence says whether parts of an answer confirm or contradict that it belongs to the call.
type evidence struct{ confirmed, contradicted bool }

// compare adds a value that was sent and the one in the answer, and reports whether both exist.
func (e *evidence) compare(sent, answered string) bool {
	if sent == "" || answered == "" {
		return false
	}
	e.confirmed = e.confirmed || sent == answered
	e.contradicted = e.contradicted || sent != answered
	return true
}

// foreign returns ErrForeignAnswer if something contradicts and nothing confirms.
func (e evidence) foreign() error {
	if e.contradicted && !e.confirmed {
		return ErrForeignAnswer
	}
	return nil
}

// echoEvidence returns the evidence in the echo of the Partner-Correlation-Id.
func (a *activeCall) echoEvidence(header http.Header) (found evidence) {
	for _, echo := range header[headerPartnerCorrelationID] {
		if a.isOwnEcho(strings.TrimSpace(echo)) { // a caller's id may contain commas
			found.confirmed = true
			continue
		}
		for part := range strings.SplitSeq(echo, ",") { // a proxy may join repeated headers
			if part = strings.TrimSpace(part); a.isOwnEcho(part) {
				found.confirmed = true
			} else if part != "" {
				found.contradicted = true
			}
		}
	}
	return found
}

// isOwnEcho reports whether an echo is the correlation id of this call or of an earlier one with
// the same idempotency key.
func (a *activeCall) isOwnEcho(echo string) bool {
	if strings.EqualFold(echo, a.correlationID) {
		return true
	}
	return a.settings.correlationID == "" && a.idempotencyKey != "" && len(echo) == len(a.correlationID) &&
		strings.EqualFold(echo[keyPart:], a.correlationID[keyPart:])
}

// keyPart is the index at which the part of a correlation id begins that all calls with one
// idempotency key share.
const keyPart = 16

// newCorrelationID returns a unique id of 32 hexadecimal digits. Its second half is derived from
// the idempotency key, or random if there is none.
func newCorrelationID(idempotencyKey string) string {
	id := uuid.New()
	if idempotencyKey != "" {
		sum := sha256.Sum256([]byte("klarna-go correlation id 1 " + idempotencyKey))
		copy(id[keyPart/2:], sum[:])
		id[keyPart/2] = id[keyPart/2]&0x3f | 0x80 // the variant: it stays a UUID
	}
	return hex.EncodeToString(id[:])
}

// hasOtherID reports whether an id in an answer differs from the one in the path.
func (a *activeCall) hasOtherID(id string) bool {
	return id != "" && len(a.call.IDs) > 0 && id != a.call.IDs[len(a.call.IDs)-1]
}

// mayRepeat reports whether an earlier call may have had the same idempotency key. Klarna may
// answer a repeat with the first answer, whose echo is that of the earlier call. In this case the
// id in the path confirms an answer that contains no reference.
func (a *activeCall) mayRepeat() bool {
	return a.idempotencyKey != "" && (a.call.Reference != "" || a.settings.idempotencyKey != "")
}
