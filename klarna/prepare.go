package klarna

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/klarna-go/klarna-go/internal/redact"
)

// Prepared is what Do would send of a call.
type Prepared struct {
	// Body is the encoded body; zero where the call has none.
	Body RawJSON
	// IdempotencyKey is "" where the call carries none.
	IdempotencyKey string
}

// Format writes the size of the body and the key, whatever the verb: the body holds personal data.
func (p Prepared) Format(s fmt.State, _ rune) { redact.Format(s, p.describe()) }

// LogValue returns what Format writes.
func (p Prepared) LogValue() slog.Value { return slog.StringValue(p.describe()) }

func (p *Prepared) describe() string {
	return "klarna.Prepared{" + p.Body.String() + ", " + printable(p.IdempotencyKey) + "}"
}

// Prepare checks and encodes a call as Do does, and sends nothing. Store its result before the call
// is made: a call with Body as its body and WithIdempotencyKey repeats the same bytes under the
// same key, also from another version of this library, which may encode the same value differently.
// The error is an [*Error] of OutcomeNotSent.
func (c *Client) Prepare(call Call, options ...CallOption) (Prepared, error) {
	if c.missing() {
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
