package klarna

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/klarna-go/klarna-go/internal/redact"
)

// Prepared is the body and the idempotency key that [Client.Do] would send for a call.
type Prepared struct {
	// Body is the encoded body. It is zero if the call has no body.
	Body RawJSON
	// IdempotencyKey is the idempotency key. It is "" if the call has none.
	IdempotencyKey string
}

// Format writes the size of the body and the key, whatever the verb. The body may contain personal
// data.
func (p Prepared) Format(s fmt.State, _ rune) { redact.Format(s, p.describe()) }

// LogValue returns what Format writes.
func (p Prepared) LogValue() slog.Value { return slog.StringValue(p.describe()) }

func (p *Prepared) describe() string {
	return "klarna.Prepared{" + p.Body.String() + ", " + printable(p.IdempotencyKey) + "}"
}

// Prepare checks and encodes a call as [Client.Do] does, and sends nothing. Store the result before
// you make the call. To repeat the call, also with another version of this library, which may
// encode the same value differently, make it with this Body and [WithIdempotencyKey]. Then it has
// the same bytes and the same key.
//
// The error is an [*Error] whose outcome is [OutcomeNotSent].
func (c *Client) Prepare(call Call, options ...CallOption) (Prepared, error) {
	if c.isZero() {
		return Prepared{}, &Error{Operation: call.Operation, Outcome: OutcomeNotSent, Err: errNoClient}
	}
	a := &activeCall{client: c, call: call}
	for _, o := range options {
		if o != nil {
			o.applyToCall(&a.settings)
		}
	}
	if !call.SessionToken.IsZero() {
		a.settings.sessionToken = call.SessionToken
	}
	if err := a.prepare(context.Background()); err != nil {
		return Prepared{}, err
	}
	return Prepared{Body: redact.RawJSONOf(a.sentBody), IdempotencyKey: a.idempotencyKey}, nil
}
