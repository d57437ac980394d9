package flow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/internal/sleep"
)

// Notice is what a Transition reports beside changes of state.
type Notice string

// The notices.
const (
	// NoticeExpiring: the authorization is about to expire with something uncaptured. See
	// [WithExpiryNotice].
	NoticeExpiring Notice = "EXPIRING"
	// NoticeExpired: the authorization has expired, or was closed, with something uncaptured.
	// Klarna lets one that has expired be extended for seven days.
	NoticeExpired Notice = "EXPIRED"
	// NoticeDiffers: something was done to the transaction that is no operation of the purchase.
	// See [Coordinator.Reconcile].
	NoticeDiffers Notice = "DIFFERS"
)

// extensionPause is how long recovery waits before it asks a policy again that failed.
const extensionPause = time.Hour

// WithExpiryNotice reports an authorization that expires with something uncaptured: so long ahead,
// with NoticeExpiring, and, once it has expired, with NoticeExpired. Recovery reads the transaction
// for it, twice at most, and not at all where everything was captured or voided. By default nothing
// is reported ahead, so that a purchase that needs nothing costs recovery nothing; what an event or
// a read shows as expired is reported all the same.
//
// Give it to every replica. It watches purchases that are authorized, adopted or have an operation
// from then on.
func WithExpiryNotice(ahead time.Duration) Option {
	return func(c *Coordinator) { c.expiryNotice = ahead }
}

// WithExtensionPolicy asks policy by how many days to extend an authorization that is about to
// expire, when WithExpiryNotice reports it. 0 does not extend it; an error asks again an hour
// later. The extension is an operation whose id is "extension-until-" and the former end. policy
// has ten seconds and is treated as WithReport treats a report.
func WithExtensionPolicy(policy func(ctx context.Context, status Status) (days int, err error)) Option {
	return func(c *Coordinator) { c.extend = policy }
}

// extending is an extension policy as a callback that may hang; nil where there is none.
func extending(k *callbacks, policy func(context.Context, Status) (int, error)) func(context.Context, Status) (int, error) {
	if policy == nil {
		return nil
	}
	return func(ctx context.Context, status Status) (int, error) {
		days := make(chan int, 1) // a variable would be written to by one that was abandoned
		err := k.call(ctx, status.PartnerAccountID, status.ID, func(ctx context.Context) error {
			n, err := policy(ctx, status)
			days <- n
			return err
		})
		if err != nil {
			return 0, err
		}
		return <-days, nil
	}
}

// watchExpiry sets when recovery looks whether the authorization expires.
func (c *Coordinator) watchExpiry(p *purchase, now time.Time) {
	if c.expiryNotice <= 0 || p.State != StateAuthorized {
		return // another replica may have asked for it
	}
	ends := p.TransactionExpiresAt
	switch {
	case p.amounts().Remaining == 0 || p.Expired && !ends.After(now):
		p.WatchAt = time.Time{}
	case ends.IsZero():
		p.WatchAt = now.Add(sleep.Jitter(time.Hour)) // Klarna has not eventFacts when
	case !p.NoticedFor.Equal(ends):
		p.WatchAt = ends.Add(-c.expiryNotice)
	default:
		p.WatchAt = ends.Add(clockSkew)
	}
}

// watchAuthorization looks at an authorization that is about to expire.
func (c *Coordinator) watchAuthorization(ctx context.Context, p *purchase) error {
	err := c.look(ctx, p, eventFacts{})
	if err != nil {
		return errors.Join(err, c.watchLater(ctx, p))
	}
	ends := p.TransactionExpiresAt
	due := !ends.IsZero() && p.amounts().Remaining > 0 && !p.Expired && !c.time().Before(ends.Add(-c.expiryNotice)) && !p.NoticedFor.Equal(ends)
	if c.expiryNotice <= 0 || !due {
		return c.watchAgain(ctx, p)
	}
	if c.extend != nil && c.time().Before(ends) {
		days, err := c.extend(ctx, *p.status())
		switch {
		case err != nil:
			return errors.Join(fmt.Errorf("flow: the extension policy: %w", err), c.watchLater(ctx, p))
		case days > 0:
			err := c.extendBy(ctx, p, days)
			if err != nil && !errors.Is(err, ErrOtherOperation) { // which another replica has begun
				return errors.Join(err, c.watchLater(ctx, p))
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

// extendBy records the extension that a policy asks for. Recovery makes it.
func (c *Coordinator) extendBy(ctx context.Context, p *purchase, days int) error {
	id := "extension-until-" + p.TransactionExpiresAt.UTC().Format(time.RFC3339)
	return c.record(ctx, p, id, func(p *purchase, api *authorization.Client) (*draft, error) {
		d := &draft{operation: operation{Kind: OperationKindExtension, Days: days}}
		return d.prepared(api.PrepareExtendTransaction(p.Transaction, authorization.ExtendTransactionParams{ExtensionDays: days}))
	})
}

// watchLater puts a look off.
func (c *Coordinator) watchLater(ctx context.Context, p *purchase) error {
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

// watchAgain sets when to look again, after a look that found nothing to do.
func (c *Coordinator) watchAgain(ctx context.Context, p *purchase) error {
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

// lapse takes down that the authorization has expired, and what was not captured of one that is
// over for good.
func (c *Coordinator) lapse(p *purchase, seen *observation, now time.Time) {
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
