package subscription

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/klarna-go/klarna-go/internal/redact"
)

// Publish stores a new signing key, secret included (key.SigningKey.Reveal: encoding the key gives
// [redacted], and Klarna never shows it again), and returns nil only when every receiver can verify
// deliveries that are signed with it: Klarna signs with it as soon as Publish has returned. It adds
// the key to those that receivers hold and replaces none. Where receivers look keys up in a store
// now and then, it waits until all have, or makes them.
type Publish func(ctx context.Context, key SigningKey) error

// KeyLeftError says that a call ended early and left its new signing key at Klarna. No delivery is
// refused because of it, and making the call again is safe.
type KeyLeftError struct {
	// SigningKeyID names the key.
	SigningKeyID string
	// Published reports that every receiver holds the key. It may sign webhooks already and must stay.
	// A key that is not published signs nothing: it could not be deleted when publishing it failed,
	// and DeleteSigningKey removes it.
	Published bool
	// Err is why the call ended.
	Err error
}

// Error says what is left and why, without the secret.
func (e *KeyLeftError) Error() string {
	what := "was not published and could not be deleted"
	if e.Published {
		what = "is published and stays"
	}
	return fmt.Sprintf("subscription: the new signing key %s %s: %v", e.SigningKeyID, what, e.Err)
}

// Unwrap returns Err.
func (e *KeyLeftError) Unwrap() error { return e.Err }

// Format writes the text of Error, whatever the verb.
func (e KeyLeftError) Format(s fmt.State, _ rune) { redact.Format(s, e.Error()) }

// LogValue returns the text of Error.
func (e KeyLeftError) LogValue() slog.Value { return slog.StringValue(e.Error()) }

// cleanupTimeout bounds the deletion of a key that could not be published, which happens even when
// the caller's context has ended.
const cleanupTimeout = 30 * time.Second

// newKey creates a signing key and publishes it. When that fails, or publish panics, the key is
// deleted again: nothing was pointed at it.
func (c *Client) newKey(ctx context.Context, publish Publish) (id string, err error) {
	key, err := c.CreateSigningKey(ctx)
	if err != nil {
		return "", fmt.Errorf("subscription: create a signing key: %w", err)
	}
	published := false
	defer func() {
		if published {
			return
		}
		id, err = "", c.discard(ctx, key.SigningKeyID, err)
	}()
	if err := publish(ctx, *key); err != nil {
		return "", fmt.Errorf("subscription: publish a signing key: %w", silence(err))
	}
	published = true
	return key.SigningKeyID, nil
}

// discard deletes a key that nothing was pointed at, because of why. It returns why, or what was
// left.
func (c *Client) discard(ctx context.Context, signingKeyID string, why error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	if left := c.DeleteSigningKey(ctx, signingKeyID); left != nil {
		return &KeyLeftError{SigningKeyID: signingKeyID, Err: alongside(why, left)}
	}
	return why
}

// alongside joins two errors in one line. The first may be nil.
func alongside(first, second error) error {
	if first == nil {
		return second
	}
	return fmt.Errorf("%w; %w", first, second)
}

// silenced is an error of publish without its text: a vault's client may quote what it could not
// write, in an encoding of its own.
type silenced struct {
	text string
	// cause is behind a pointer, because fmt prints the fields of an error that wraps this one when it
	// is asked for a verb that is wrong.
	cause *error
}

func silence(err error) error {
	for _, known := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return &silenced{text: known.Error(), cause: &err}
		}
	}
	return &silenced{text: fmt.Sprintf("it failed with a %T, whose text may hold the secret: unwrap it to read it", err), cause: &err}
}

func (e *silenced) Error() string { return e.text }

func (e *silenced) Unwrap() error { return *e.cause }
