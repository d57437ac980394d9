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
// reused connection when a server or a proxy sends an extra answer, or sends answers in another
// order. The outcome of the attempt is unknown, the connection is closed, and the [RetryPolicy]
// decides whether the call is retried. Nothing of the answer is kept, because it may contain
// another customer's data.
//
// An answer belongs to another call if its id differs from the id in the path, or if it echoes a
// Partner-Correlation-Id that the library made for another call. It also belongs to another call if
// the echo or a reference contradicts what was sent and neither confirms it. The echo of an
// earlier call with the same idempotency key or the same session token confirms it: Klarna may
// answer a repeat with the first answer.
var ErrForeignAnswer = errors.New("the answer belongs to another call")

// evidence says whether parts of an answer confirm or contradict that it belongs to the call.
type evidence struct {
	confirmed, contradicted bool
	// disproved reports whether the library made the echo for another call. Nothing outweighs it:
	// the orders of two merchants may have the same reference.
	disproved bool
}

// compare adds a value that was sent and the one in the answer, and reports whether both exist.
func (e *evidence) compare(sent, answered string) bool {
	if sent == "" || answered == "" {
		return false
	}
	e.confirmed = e.confirmed || sent == answered
	e.contradicted = e.contradicted || sent != answered
	return true
}

// foreign returns ErrForeignAnswer if the evidence shows that the answer belongs to another call.
func (e evidence) foreign() error {
	if e.disproved || e.contradicted && !e.confirmed {
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
				found.disproved = found.disproved || isOfLibrary(plainEcho(part))
			}
		}
	}
	found.disproved = found.disproved && !found.confirmed
	return found
}

// isOwnEcho reports whether an echo is the correlation id of this call, or one that the library
// made for an earlier call with the same idempotency key or the same session token. The session
// token of the final authorize call is an idempotency key, too.
func (a *activeCall) isOwnEcho(echo string) bool {
	if strings.EqualFold(echo, a.correlationID) {
		return true
	}
	echo = plainEcho(echo)
	if !isOfLibrary(echo) {
		return false
	}
	if a.idempotencyKey == "" {
		return echo == a.correlationID
	}
	like := a.newCorrelationID()
	return echo[keyPart:] == like[keyPart:] ||
		!a.settings.sessionToken.IsZero() && echo[tokenPart:tokenEnd] == like[tokenPart:tokenEnd]
}

// plainEcho returns an echo in the form of the library's ids: a UUID may come back with hyphens, in
// quotes or in upper case.
func plainEcho(echo string) string {
	if len(echo) > len(`"00000000-0000-0000-0000-000000000000"`) {
		return echo
	}
	return strings.ToLower(strings.NewReplacer("-", "", `"`, "").Replace(echo))
}

// The digits of a correlation id that calls have in common: from tokenPart to tokenEnd those with
// one session token, and from keyPart those with one idempotency key.
const (
	tokenPart = 6
	tokenEnd  = 12
	keyPart   = 16
)

// newCorrelationID returns a unique id of 32 hexadecimal digits for a call. It is a UUID of version
// 8, unlike the usual ids of callers. The digits that calls do not have in common are random.
func (a *activeCall) newCorrelationID() string {
	id := uuid.New()
	id[6] = id[6]&0x0f | 0x80 // the version
	if a.idempotencyKey != "" {
		sum := sha256.Sum256([]byte("klarna-go correlation id 1 " + a.idempotencyKey))
		copy(id[keyPart/2:], sum[:])
		id[keyPart/2] = id[keyPart/2]&0x3f | 0x80 // the variant
		if token := a.settings.sessionToken; !token.IsZero() {
			sum := sha256.Sum256([]byte("klarna-go session token 1 " + a.client.account + " " + token.Reveal()))
			copy(id[tokenPart/2:tokenEnd/2], sum[:])
		}
	}
	return hex.EncodeToString(id[:])
}

// isOfLibrary reports whether newCorrelationID may have made an id.
func isOfLibrary(id string) bool {
	return len(id) == 32 && id[12] == '8' && strings.IndexByte("89ab", id[16]) >= 0 && strings.Trim(id, "0123456789abcdef") == ""
}

// hasOtherID reports whether an id in an answer differs from the one in the path.
func (a *activeCall) hasOtherID(id string) bool {
	return id != "" && len(a.call.IDs) > 0 && id != a.call.IDs[len(a.call.IDs)-1]
}

// mayRepeat reports whether an earlier call may have had the same idempotency key. Klarna may
// answer a repeat with the first answer, whose echo is that of the earlier call. If the caller set
// the correlation id of that call, only the id in the path can confirm an answer without a
// reference.
func (a *activeCall) mayRepeat() bool {
	return a.idempotencyKey != "" && (a.call.Reference != "" || a.settings.idempotencyKey != "")
}
