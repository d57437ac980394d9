package subscription

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/klarna-go/klarna-go/internal/redact"
)

// Publish stores a new signing key with its secret and makes it available to every receiver. It
// returns nil only when every receiver can verify deliveries that are signed with the key, because
// Klarna signs with it as soon as Publish has returned. If receivers poll a store, Publish waits
// until all of them have read the key, or triggers them.
//
// Publish adds the key to those that the receivers hold and replaces none. It stores the result of
// key.SigningKey.Reveal: an encoded key contains a placeholder, and Klarna never shows the secret
// again.
type Publish func(ctx context.Context, key SigningKey) error

// KeyLeftError reports that a call failed and left its new signing key at Klarna. No delivery is
// refused because of the key, and the call can safely be repeated.
type KeyLeftError struct {
	// SigningKeyID names the key.
	SigningKeyID string
	// Published reports whether every receiver holds the key:
	//
	//   - If it is true, Klarna may sign webhooks with the key already. Keep the key.
	//   - If it is false, the key was neither published nor deleted, and it signs nothing. Delete
	//     it with [Client.DeleteSigningKey].
	Published bool
	// Err is the error that ended the call.
	Err error
}

// Error returns the id of the key, whether it is published, and the text of Err. It does not
// contain the secret.
func (e *KeyLeftError) Error() string {
	status := "was not published and could not be deleted"
	if e.Published {
		status = "is published and remains"
	}
	return fmt.Sprintf("subscription: the new signing key %s %s: %v", e.SigningKeyID, status, e.Err)
}

// Unwrap returns Err.
func (e *KeyLeftError) Unwrap() error { return e.Err }

// Format writes the text of Error for every verb.
func (e KeyLeftError) Format(s fmt.State, _ rune) { redact.Format(s, e.Error()) }

// LogValue returns the text of Error.
func (e KeyLeftError) LogValue() slog.Value { return slog.StringValue(e.Error()) }

// cleanupTimeout bounds the deletion of a key that could not be published. The deletion runs even
// if the caller's context has ended.
const cleanupTimeout = 30 * time.Second

// newKey creates a signing key and publishes it. If publish fails or panics, newKey deletes the key
// again, because no webhook uses it yet.
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
		id, err = "", c.deleteUnused(ctx, key.SigningKeyID, err)
	}()
	if err := publish(ctx, *key); err != nil {
		return "", fmt.Errorf("subscription: publish a signing key: %w", withoutText(err))
	}
	published = true
	return key.SigningKeyID, nil
}

// deleteUnused deletes a key that no webhook uses, because of cause. It returns cause, or a
// KeyLeftError if the key could not be deleted.
func (c *Client) deleteUnused(ctx context.Context, signingKeyID string, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	if err := c.DeleteSigningKey(ctx, signingKeyID); err != nil {
		return &KeyLeftError{SigningKeyID: signingKeyID, Err: joinErrors(cause, err)}
	}
	return cause
}

// joinErrors joins two errors in one line, unlike errors.Join. The first may be nil.
func joinErrors(first, second error) error {
	if first == nil {
		return second
	}
	return fmt.Errorf("%w; %w", first, second)
}

// textlessError wraps an error of publish and hides its text. The text may contain the secret,
// because the client of a vault may quote the value that it could not write.
type textlessError struct {
	text string
	// cause is a pointer, because for an invalid verb fmt prints the fields of the error that wraps
	// this one.
	cause *error
}

func withoutText(err error) error {
	for _, known := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return &textlessError{text: known.Error(), cause: &err}
		}
	}
	return &textlessError{text: fmt.Sprintf("it failed with a %T, whose text may contain the secret: unwrap the error to read it", err), cause: &err}
}

func (e *textlessError) Error() string { return e.text }

func (e *textlessError) Unwrap() error { return *e.cause }
