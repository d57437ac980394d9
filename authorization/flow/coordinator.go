package flow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
)

// Coordinator takes purchases from their first authorize call to one confirmed payment transaction,
// or to none. Its methods are safe for concurrent use, in one process and among all that share its
// Store.
type Coordinator struct {
	client       *klarna.Client
	clients      func(ctx context.Context, partnerAccountID string) (*klarna.Client, error)
	store        Store
	seals        *seals
	olderSecrets []klarna.Secret
	accept       AmountPolicy
	report       func(context.Context, Transition) error
	abandonAfter time.Duration
	perSecond    float64
	checked      atomic.Bool // the store is this Coordinator's
	exclusive    bool
	expiryNotice time.Duration
	extend       func(context.Context, Status) (days int, err error)

	// given is the store as New was given it; store gives its calls a deadline.
	given Store

	// money and reports are recovery's worker pools.
	money, reports           *workerPool
	policyCalls, reportCalls *callbacks
	clientCalls, claimCalls  *callbacks
	claims                   atomic.Int64
	health                   heartbeat

	now    func() time.Time
	logger *slog.Logger
}

// Option configures a Coordinator.
type Option func(*Coordinator)

// WithOlderSealSecrets opens what was sealed with secrets that New was given before. To rotate:
// roll out the new one as an older one, then as New's with the former as an older one, and drop
// that when no purchase is open that it sealed, three days later. A secret that was dropped is not
// taken again.
func WithOlderSealSecrets(secrets ...klarna.Secret) Option {
	return func(c *Coordinator) { c.olderSecrets = secrets }
}

// WithReport has every change of a purchase's state reported, once it is durable.
//
// report is called at least once for each, in their order for one purchase, until it returns nil:
// by whoever made the change, and if that one dies or report fails, later by recovery. Dedupe by
// Transition.ID. It is called in the course of Begin, HandleEvent and the others, so it should take
// no longer than a write to a database, and heed its context, which ends after ten seconds. One
// that ignores it is abandoned: the call goes on without it, and while it has not returned, nothing
// more is reported of that purchase in this process, nothing of its account while 64 of that have
// not returned, and nothing at all while 1024 have not. A panic counts as an error. Give report to
// every replica: what one without it changes is not reported.
func WithReport(report func(context.Context, Transition) error) Option {
	return func(c *Coordinator) { c.report = report }
}

// WithAmountPolicy decides about purchases whose customer approved another amount than was begun.
// The default is AcceptShipping. The policy has ten seconds; one that ignores the end of its
// context, or panics, is treated as WithReport treats a report.
func WithAmountPolicy(policy AmountPolicy) Option {
	return func(c *Coordinator) { c.accept = policy }
}

// WithAbandonAfter lets recovery cancel a purchase whose customer has not come to Klarna, or has
// left, for that long. By default it does so two minutes before the payment request expires. A
// customer who is at Klarna is left alone.
func WithAbandonAfter(d time.Duration) Option {
	return func(c *Coordinator) { c.abandonAfter = d }
}

// WithRecoveryRate bounds how many purchases a second recovery looks at in this process; 60 by
// default. Recovery goes at a fifth of that while nothing is overdue, and the faster, the more
// overdue purchases are: at the full rate from a minute on. Klarna's rate limits slow it down
// further, for each account. The documentation has a table of how long a purchase waits whose
// webhook was lost.
func WithRecoveryRate(perSecond float64) Option {
	return func(c *Coordinator) { c.perSecond = perSecond }
}

// WithClients has the client of each call returned by get, for a platform whose merchants have
// credentials of their own. partnerAccountID is the purchase's; the client is bound to it with
// ForAccount unless it is "". New's client may be nil then. get is called often, so it should keep
// its clients. Its error counts as a call that was not made. It has ten seconds; one that ignores
// the end of its context, or panics, is treated as WithReport treats a report, and not called for
// the same account until it returns.
func WithClients(get func(ctx context.Context, partnerAccountID string) (*klarna.Client, error)) Option {
	return func(c *Coordinator) { c.clients = get }
}

// WithExclusiveWebhook says that no other system creates payment requests whose events come to
// HandleEvent. One that the customer completed and that the store does not know is then an error,
// so that Klarna delivers it again: the store may have lost it in a fail-over. By default it is
// logged at Warn and acknowledged, because such an event may be another system's.
func WithExclusiveWebhook() Option {
	return func(c *Coordinator) { c.exclusive = true }
}

// WithClock replaces time.Now, for tests.
func WithClock(now func() time.Time) Option {
	return func(c *Coordinator) { c.now = now }
}

// WithLogger logs what recovery could not do, and reports that failed, at Warn, and purchases that
// ended in StateUnknown, damaged records and a store that is another's at Error. Each record names
// the purchase, as do those of the calls that are made for it, under the key "purchase". Without it
// slog.Default does. No record holds a token or anything of the customer.
func WithLogger(logger *slog.Logger) Option {
	return func(c *Coordinator) { c.logger = logger }
}

// New returns a Coordinator of the purchases in store. client is the one of the credentials; each
// purchase names its account.
//
// A repeat after a crash must be the very same call, so until a purchase ends the store holds the
// bodies of its calls, customer included, encrypted with a key that is derived from sealSecret:
// random, at least 32 characters, the same in every replica and after every restart. The Klarna API
// key is not the place to take it from, because that rotates.
func New(client *klarna.Client, store Store, sealSecret klarna.Secret, options ...Option) (*Coordinator, error) {
	c := &Coordinator{client: client, store: store, accept: AcceptShipping, perSecond: defaultRate, now: time.Now}
	for _, o := range options {
		if o != nil {
			o(c)
		}
	}
	if c.logger == nil {
		c.logger = slog.Default()
	}
	switch {
	case client == nil && c.clients == nil:
		return nil, errors.New("flow: New: the client is nil, and there is no WithClients")
	case store == nil:
		return nil, errors.New("flow: New: the store is nil")
	case c.accept == nil || c.now == nil:
		return nil, errors.New("flow: a policy or a clock is nil")
	case c.abandonAfter < 0:
		return nil, errors.New("flow: WithAbandonAfter needs a time that is not negative")
	case c.expiryNotice < 0 || c.extend != nil && c.expiryNotice == 0:
		return nil, errors.New("flow: WithExpiryNotice needs a time that is not negative, and WithExtensionPolicy needs it")
	case !(c.perSecond > 0):
		return nil, errors.New("flow: WithRecoveryRate needs more than 0")
	}
	var err error
	if c.seals, err = newSeals(append([]klarna.Secret{sealSecret}, c.olderSecrets...)); err != nil {
		return nil, err
	}
	c.given, c.store = store, timeoutStore{store}
	c.policyCalls = newCallbacks("amount policy", "purchase", callbacksMost, callbacksInAll, c.logger)
	c.reportCalls = newCallbacks("report", "purchase", callbacksMost, callbacksInAll, c.logger)
	c.clientCalls = newCallbacks("function of WithClients", "account", callbacksMost, callbacksInAll, c.logger)
	c.claimCalls = newCallbacks("claim of what is due", "claim", claimsMost, claimsMost, c.logger)
	c.accept, c.report = deciding(c.policyCalls, c.accept), reporting(c.reportCalls, c.report)
	c.extend = extending(c.policyCalls, c.extend)
	c.clients = findingClients(c.clientCalls, c.clients)
	c.money = newWorkerPool(c, moneyLanes, newScheduler(c.perSecond, moneySlots, false), c.recoverPurchase)
	c.reports = newWorkerPool(c, reportLanes, newScheduler(math.Inf(1), reportSlots, true), c.reportOn)
	return c, nil
}

var errNoCoordinator = errors.New("flow: the Coordinator was not made by New")

// missing reports that New did not make the Coordinator.
func (c *Coordinator) missing() bool { return c == nil || c.store == nil }

// clientFor returns the client of an account, bound to it.
func (c *Coordinator) clientFor(ctx context.Context, account string) (*klarna.Client, error) {
	client := c.client
	if c.clients != nil {
		var err error
		if client, err = c.clients(ctx, account); err != nil {
			return nil, fmt.Errorf("flow: the client of the account: %w", err)
		}
		if client == nil {
			return nil, errors.New("flow: the function of WithClients returned no client")
		}
	}
	if account == "" {
		return client, nil
	}
	return client.ForAccount(account), nil
}

// api is the API for the purchase's account.
func (c *Coordinator) api(ctx context.Context, p *purchase) (*authorization.Client, error) {
	client, err := c.clientFor(ctx, p.Account)
	if err != nil {
		return nil, err
	}
	return authorization.New(client), nil
}

// callOptions are those of every call that is made for a purchase.
func (c *Coordinator) callOptions(p *purchase) []klarna.CallOption {
	return []klarna.CallOption{klarna.WithLogAttrs(slog.String("purchase", p.ID)), klarna.WithResponse(&p.response)}
}

// othersCredentialsFor is how long a refusal of credentials other than the purchase's own ends
// nothing.
const othersCredentialsFor = 96 * time.Hour

// othersCredentials reports that Klarna refused a call as it refuses credentials that a purchase
// was not begun with. It says nothing of the purchase: a Coordinator that has the right ones may
// share the store.
func (c *Coordinator) othersCredentials(ctx context.Context, p *purchase, failure error) bool {
	e, ok := errors.AsType[*klarna.Error](failure)
	if !ok || p.Credentials == "" || c.time().After(p.BegunAt.Add(othersCredentialsFor)) {
		return false
	}
	switch e.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
	default:
		return false
	}
	client, err := c.clientFor(ctx, p.Account)
	return err == nil && client.KeyFingerprint() != p.Credentials
}

func (c *Coordinator) time() time.Time { return c.now().UTC().Round(0) }
