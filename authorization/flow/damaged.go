package flow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/klarna-go/klarna-go/internal/sleep"
)

const (
	// damagedPause is how long recovery leaves a damaged record alone. While an approval can still
	// be finalized, the pause is damagedPauseSoon: another replica may have the missing secret.
	damagedPause     = 15 * time.Minute
	damagedPauseSoon = time.Minute
	damagedSoon      = finalizeWithin + 2*clockSkew
	// damagedFor is how long recovery retries a damaged record: as long as Klarna remembers the
	// idempotency keys of its calls.
	damagedFor = 25 * time.Hour
)

// checkIntact returns an error if an open purchase is damaged.
func (c *Coordinator) checkIntact(p *purchase) error {
	if p.State.Final() {
		return nil
	}
	_, err := c.open(p)
	return err
}

// postponeDamaged makes a damaged record due later and leaves its data unchanged, so that a person
// can repair it. After a day recovery can no longer continue the purchase: the record is then not
// due any more, and its encrypted data is deleted. postponeDamaged returns why.
func (c *Coordinator) postponeDamaged(ctx context.Context, r Record, why error) error {
	ctx, cancel := recording(ctx)
	defer cancel()
	now := c.time()
	c.logger.ErrorContext(ctx, "klarna flow: a record is damaged or sealed with another secret, and is not processed",
		"purchase", r.ID, "error", why)
	if r.DamagedAt.IsZero() {
		r.DamagedAt = now.Truncate(time.Millisecond)
	}
	pause := damagedPause
	if now.Sub(r.DamagedAt) < damagedSoon {
		pause = damagedPauseSoon
	}
	r.DueAt = now.Add(sleep.Jitter(pause)).Truncate(time.Millisecond)
	if now.Sub(r.DamagedAt) > damagedFor {
		r.DueAt, r.Sealed = time.Time{}, nil
	}
	if err := c.store.Update(ctx, r); err != nil && !errors.Is(err, ErrChanged) {
		return errors.Join(why, err)
	}
	return why
}

// DamagedPurchase is a purchase whose record is damaged. [Coordinator.ListDamaged] returns it.
type DamagedPurchase struct {
	ID, PaymentRequestID string
	State                State
	// Since is when the damage was found, in UTC.
	Since time.Time
	// GivenUp reports whether recovery no longer processes the record. Its encrypted data was
	// deleted.
	GivenUp bool
}

// ListDamaged returns up to limit purchases whose records are damaged (see [ErrDamaged]), ordered
// by ID. It returns only IDs greater than after; "" starts with the first. A repaired record stays
// in the list until the purchase changes next. The error is [errors.ErrUnsupported] if the [Store]
// is not a [DamagedLister].
func (c *Coordinator) ListDamaged(ctx context.Context, after string, limit int) ([]DamagedPurchase, error) {
	if c.missing() {
		return nil, errNoCoordinator
	}
	store, ok := c.given.(DamagedLister)
	if !ok {
		return nil, fmt.Errorf("flow: list damaged records: %w", errors.ErrUnsupported)
	}
	records, err := store.ListDamaged(ctx, after, limit)
	if err != nil {
		return nil, fmt.Errorf("flow: list damaged records: %w", err)
	}
	list := make([]DamagedPurchase, len(records))
	for i, r := range records {
		list[i] = DamagedPurchase{ID: r.ID, PaymentRequestID: r.PaymentRequestID, State: r.State, Since: r.DamagedAt, GivenUp: r.DueAt.IsZero()}
	}
	return list, nil
}
