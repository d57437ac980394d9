package klarna

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/internal/wire"
)

// ErrForeignAnswer is the error of an attempt whose answer belongs to another call, as errors.Is
// finds it. A server or a proxy that answers once too often, or in another order, makes such
// answers on a connection that is kept. The attempt is of unknown outcome, it is repeated as the
// retry policy says, and its connection is closed. Nothing of the answer is kept, because it may
// hold another customer's data.
//
// An answer is another call's if its id is not the id in the path. It is, too, if the echoed
// Partner-Correlation-Id or a reference contradicts what was sent and none of them confirms it. The
// echo of an earlier call with the same idempotency key confirms it: Klarna may answer a repeat
// with the first answer.
var ErrForeignAnswer = errors.New("the answer belongs to another call")

// unfitError is the error of an answer that came with a status of success and does not say what
// decides the call.
type unfitError struct{ reason string }

func (e *unfitError) Error() string { return "the answer cannot be used: " + e.reason }

// evidence is what speaks for and against an answer being the call's own.
type evidence struct{ confirmed, contradicted bool }

// compare weighs what the answer repeats of what was sent, and reports whether there was something
// to weigh.
func (e *evidence) compare(sent, answered string) bool {
	if sent == "" || answered == "" {
		return false
	}
	e.confirmed = e.confirmed || sent == answered
	e.contradicted = e.contradicted || sent != answered
	return true
}

func (e *evidence) foreign() bool { return e.contradicted && !e.confirmed }

// echoed is what the echo of the Partner-Correlation-Id says.
func (a *activeCall) echoed(header http.Header) (found evidence) {
	for _, echo := range header[headerPartnerCorrelationID] {
		if a.isOwnEcho(strings.TrimSpace(echo)) { // whole, because an id of the caller's may have commas
			found.confirmed = true
			continue
		}
		for part := range strings.SplitSeq(echo, ",") { // as a proxy folds a header that is there twice
			if part = strings.TrimSpace(part); a.isOwnEcho(part) {
				found.confirmed = true
			} else if part != "" {
				found.contradicted = true
			}
		}
	}
	return found
}

// isOwnEcho reports whether an echo is that of this call, or of an earlier one with its idempotency
// key.
func (a *activeCall) isOwnEcho(echo string) bool {
	if strings.EqualFold(echo, a.correlationID) {
		return true
	}
	return a.settings.correlationID == "" && a.idempotencyKey != "" && len(echo) == len(a.correlationID) &&
		strings.EqualFold(echo[keyPart:], a.correlationID[keyPart:])
}

// keyPart is where the part of a correlation id begins that all calls with one idempotency key
// share.
const keyPart = 16

// newCorrelationID returns an id that never repeats, 32 hexadecimal digits. Its second half is
// derived from the idempotency key, if there is one, and random otherwise.
func newCorrelationID(idempotencyKey string) string {
	id := uuid.New()
	if idempotencyKey != "" {
		sum := sha256.Sum256([]byte("klarna-go correlation id 1 " + idempotencyKey))
		copy(id[keyPart/2:], sum[:])
		id[keyPart/2] = id[keyPart/2]&0x3f | 0x80 // the variant: it stays a UUID
	}
	return hex.EncodeToString(id[:])
}

// judge reads the answer of an attempt. The error is ErrForeignAnswer or nil; whether an answer of
// the call's own can be used is a.unusable.
func (a *activeCall) judge(status int, header http.Header, body []byte) error {
	a.unusable = nil
	found := a.echoed(header)
	if status < 200 || status > 299 {
		return foreign(found)
	}
	o := operation.Of(a.call.Operation)
	if len(bytes.TrimSpace(body)) == 0 {
		if a.destination != nil && (o == nil || o.Content == operation.Some) {
			a.unusable = &unfitError{"it has no content"}
		}
		return foreign(found)
	}
	destination, ours := a.destination.(wire.Decoder)
	if !ours || o == nil {
		return a.judgeAny(o, found, body)
	}
	misfits, err := destination.Decode(body)
	if err == nil {
		var id string
		if o.ID != "" {
			id = wire.TextAt(destination.Value, o.ID)
		}
		if a.isAnother(id) {
			return ErrForeignAnswer
		}
		referred := false
		if sent, ok := a.call.Body.(wire.Encoder); ok {
			for _, r := range o.References {
				if found.compare(wire.TextAt(sent.Value, r.Sent), wire.TextAt(destination.Value, r.Answered)) {
					referred = true
				}
			}
		}
		found.confirmed = found.confirmed || id != "" && !referred && a.mayRepeat()
	}
	if err := foreign(found); err != nil {
		return err
	}
	if err == nil {
		if problem := o.Check(destination.Value, misfits); problem != nil {
			err = &unfitError{problem.Error()}
		}
		if len(o.Decides) == 0 || o.Lists() || err != nil {
			err = cmp.Or(notAnError(body), err)
		}
	}
	a.unusable = err
	return nil
}

// judgeAny is judge for a body that goes to no type of this library's, or nowhere.
func (a *activeCall) judgeAny(o *operation.Operation, found evidence, body []byte) error {
	if o != nil && o.ID != "" {
		id := textIn(body, o.ID)
		if a.isAnother(id) {
			return ErrForeignAnswer
		}
		found.confirmed = found.confirmed || id != "" && a.mayRepeat()
	}
	if err := foreign(found); err != nil {
		return err
	}
	switch destination := a.destination.(type) {
	case nil:
		a.unusable = notAnError(body)
	case wire.Decoder:
		_, a.unusable = destination.Decode(body)
	default:
		a.unusable = wire.DecodeAny(body, destination)
	}
	return nil
}

// isAnother reports whether an id that an answer has is not the one in the path.
func (a *activeCall) isAnother(id string) bool {
	return id != "" && len(a.call.IDs) > 0 && id != a.call.IDs[len(a.call.IDs)-1]
}

// mayRepeat reports whether an earlier call may have had the idempotency key. Klarna may answer a
// repeat with the first answer, whose echo is the earlier call's. The id in the path then confirms
// an answer that repeats no reference.
func (a *activeCall) mayRepeat() bool {
	return a.idempotencyKey != "" && (a.call.Reference != "" || a.settings.idempotencyKey != "")
}

// textIn is the text of a member of an object, "" where there is none.
func textIn(body []byte, member string) (text string) {
	_, _ = wire.Read(body, func(r *wire.Reader) bool {
		return r.Members(func(name []byte) bool {
			if text != "" || string(name) != member || !r.IsString() {
				return r.Other()
			}
			return wire.ReadText(&text, r)
		})
	})
	return text
}

func foreign(e evidence) error {
	if e.foreign() {
		return ErrForeignAnswer
	}
	return nil
}

// notAnError refuses an error body under a status of success.
func notAnError(body []byte) error {
	if !bytes.Contains(body, []byte(`"error_`)) {
		return nil
	}
	if e := parseErrorBody(body); e.code != "" || e.id != "" || e.kind != "" || e.message != "" {
		return &unfitError{"it is an error under a status of success"}
	}
	return nil
}
