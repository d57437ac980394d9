package flow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/internal/sleep"
)

// Notice is something that a [Transition] reports without a change of state.
type Notice string

// The notices.
const (
	// NoticeExpiring: the authorization is about to expire, and a part of it is not captured. See
	// [WithExpiryNotice].
	NoticeExpiring Notice = "EXPIRING"
	// NoticeExpired: the authorization has expired or was closed, and a part of it is not captured.
	// Klarna accepts an extension of an expired authorization for seven days.
	NoticeExpired Notice = "EXPIRED"
	// NoticeDiffers: the transaction was changed by something that is not an operation of the
	// purchase. See [Coordinator.Reconcile].
	NoticeDiffers Notice = "DIFFERS"
)

// extensionPause is how long recovery waits before it calls a failed policy again.
const extensionPause = time.Hour

// WithExpiryNotice reports authorizations that expire while a part is not captured: the given time
// before the expiry, with [NoticeExpiring], and after it with [NoticeExpired]. Recovery reads the
// transaction at most twice for it, and not if everything was captured or voided. By default
// recovery does not read transactions for this. The Coordinator then reports only expiries that an
// event or another read shows.
//
// Give the option to every replica. It applies to purchases that are authorized, adopted or
// operated on after it was set.
func WithExpiryNotice(ahead time.Duration) Option {
	return func(c *Coordinator) { c.expiryNotice = ahead }
}

// WithExtensionPolicy sets a policy that is called before an authorization expires, when
// [WithExpiryNotice] reports it. The policy returns by how many days to extend the authorization,
// or 0 for no extension. If it returns an error, it is called again an hour later. The extension is
// an operation whose ID is "extension-until-" followed by the former end in RFC 3339. The policy
// has ten seconds. Panics, and calls that ignore the end of their context, are handled as described
// at [WithReport].
func WithExtensionPolicy(policy func(ctx context.Context, status Status) (days int, err error)) Option {
	return func(c *Coordinator) { c.extend = policy }
}

// extending returns an extension policy as a callback that may hang, or nil if policy is nil.
func extending(k *callbacks, policy func(context.Context, Status) (int, error)) func(context.Context, Status) (int, error) {
	if policy == nil {
		return nil
	}
	return func(ctx context.Context, status Status) (int, error) {
		return callFor(ctx, k, status.PartnerAccountID, status.ID, func(ctx context.Context) (int, error) { return policy(ctx, status) })
	}
}

// watchExpiry sets when recovery checks whether the authorization expires.
func (c *Coordinator) watchExpiry(p *purchase, now time.Time) {
	if c.expiryNotice <= 0 || p.State != StateAuthorized {
		return // keep what a replica with WithExpiryNotice has set
	}
	ends := p.TransactionExpiresAt
	switch {
	case p.amounts().Remaining == 0 || p.Expired && !ends.After(now):
		p.WatchAt = time.Time{}
	case ends.IsZero():
		p.WatchAt = now.Add(sleep.Jitter(time.Hour)) // Klarna has not said when
	case !p.NoticedFor.Equal(ends):
		p.WatchAt = ends.Add(-c.expiryNotice)
	default:
		p.WatchAt = ends.Add(clockSkew)
	}
}

// watchAuthorization reads the transaction of an authorization that is about to expire, reports it
// and calls the extension policy.
func (c *Coordinator) watchAuthorization(ctx context.Context, p *purchase) error {
	err := c.readTransaction(ctx, p, eventFacts{})
	if err != nil {
		return errors.Join(err, c.postponeWatch(ctx, p))
	}
	ends := p.TransactionExpiresAt
	due := !ends.IsZero() && p.amounts().Remaining > 0 && !p.Expired && !c.time().Before(ends.Add(-c.expiryNotice)) && !p.NoticedFor.Equal(ends)
	if c.expiryNotice <= 0 || !due {
		return c.rescheduleWatch(ctx, p)
	}
	if c.extend != nil && c.time().Before(ends) {
		days, err := c.extend(ctx, *p.status())
		switch {
		case err != nil:
			return errors.Join(fmt.Errorf("flow: the extension policy: %w", err), c.postponeWatch(ctx, p))
		case days > 0:
			err := c.extendBy(ctx, p, days)
			if err != nil && !errors.Is(err, ErrOtherOperation) { // another replica may have begun it
				return errors.Join(err, c.postponeWatch(ctx, p))
			}
		}
	}
	return c.change(ctx, p, func() bool {
		if p.NoticedFor.Equal(ends) {
			return false
		}
		p.NoticedFor = ends
		p.notify(NoticeExpiring, c.time(), c.report != nil)
		c.watchExpiry(p, c.time())
		p.DueAt = p.dueAfter(c.time())
		return true
	})
}

// extendBy records the extension that a policy returned. Recovery executes it.
func (c *Coordinator) extendBy(ctx context.Context, p *purchase, days int) error {
	id := "extension-until-" + p.TransactionExpiresAt.UTC().Format(time.RFC3339)
	return c.record(ctx, p, id, func(p *purchase, api *authorization.Client) (*draft, error) {
		d := &draft{operation: operation{Kind: OperationKindExtension, Days: days}}
		return d.prepared(api.PrepareExtendTransaction(p.Transaction, authorization.ExtendTransactionParams{ExtensionDays: days}))
	})
}

// postponeWatch postpones a failed read of the transaction.
func (c *Coordinator) postponeWatch(ctx context.Context, p *purchase) error {
	ctx, cancel := recording(ctx)
	defer cancel()
	return c.change(ctx, p, func() bool {
		now := c.time()
		if p.LookAt.IsZero() && p.WatchAt.IsZero() {
			return false
		}
		if !p.LookAt.IsZero() && !p.LookAt.After(now) {
			p.LookAt = now.Add(sleep.Jitter(extensionPause))
		}
		if !p.WatchAt.IsZero() && !p.WatchAt.After(now) {
			p.WatchAt = now.Add(sleep.Jitter(extensionPause))
		}
		p.DueAt = p.dueAfter(now)
		return true
	})
}

// rescheduleWatch sets when to read the transaction again, after a read that found nothing to do.
func (c *Coordinator) rescheduleWatch(ctx context.Context, p *purchase) error {
	return c.change(ctx, p, func() bool {
		now := c.time()
		c.watchExpiry(p, now)
		if c.expiryNotice <= 0 {
			p.WatchAt = time.Time{}
		} else if !p.WatchAt.IsZero() && !p.WatchAt.After(now) {
			p.WatchAt = now.Add(sleep.Jitter(extensionPause))
		}
		p.DueAt = p.dueAfter(now)
		return true
	})
}

// recordExpiry records that the authorization has expired, and the uncaptured amount of an
// authorization that has ended permanently.
func (c *Coordinator) recordExpiry(p *purchase, seen *observation, now time.Time) {
	left, lapsed := p.amounts().Remaining, seen.lapsed(now)
	if seen.state() == authorization.PaymentTransactionStateAuthorized {
		p.Expired = false // it was extended
	}
	if left == 0 || !lapsed && seen.state() != authorization.PaymentTransactionStateExpired {
		return
	}
	if !p.Expired {
		p.Expired = true
		p.notify(NoticeExpired, now, c.report != nil)
	}
	if lapsed && p.isSettled() && !p.Differs {
		p.Lapsed = plus(p.Lapsed, left)
	}
}
