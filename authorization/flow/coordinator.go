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
// or to none. [New] makes one. Its methods are safe for concurrent use, also by several replicas
// that share a [Store].
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
	checked      atomic.Bool // Check has succeeded
	exclusive    bool
	expiryNotice time.Duration
	extend       func(context.Context, Status) (days int, err error)

	// given is the Store that New received. store wraps it so that each call has a deadline.
	given Store

	// money and reports are the worker pools of recovery.
	money, reports           *workerPool
	policyCalls, reportCalls *callbacks
	clientCalls, claimCalls  *callbacks
	claims                   atomic.Int64
	health                   heartbeat

	now    func() time.Time
	logger *slog.Logger
}

// Option configures a [Coordinator].
type Option func(*Coordinator)

// WithOlderSealSecrets sets secrets that [New] was given before, so that older records can still be
// decrypted. To rotate the secret:
//
//  1. Roll out the new secret to every replica with WithOlderSealSecrets.
//  2. Roll out the new secret as the secret of New, and the former one with WithOlderSealSecrets.
//  3. Remove the former secret three days later, when no purchase that it encrypted is open any
//     more.
//
// A secret that was removed is not accepted again.
func WithOlderSealSecrets(secrets ...klarna.Secret) Option {
	return func(c *Coordinator) { c.olderSecrets = secrets }
}

// WithReport sets the function that receives every change of a purchase's state, after the change
// is durable.
//
// The Coordinator calls report at least once for each change, and for one purchase in order, until
// report returns nil. The call is part of [Coordinator.Begin], [Coordinator.HandleEvent] and the
// other methods. If report fails, or the process dies, recovery calls it again later. Use
// Transition.ID to ignore repeated reports. Give report to every replica: changes made by a replica
// without it are not reported.
//
// report should take no longer than a write to a database. Its context ends after ten seconds. A
// panic counts as an error. If report ignores the end of its context, the Coordinator continues
// without it. Until that call returns, this process limits further reports:
//
//   - none for the same purchase
//   - none for the same account while 64 of its calls have not returned
//   - none at all while 1024 calls have not returned
func WithReport(report func(context.Context, Transition) error) Option {
	return func(c *Coordinator) { c.report = report }
}

// WithAmountPolicy sets the policy for purchases whose customer approved another amount than was
// begun. The default is [AcceptShipping]. The policy has ten seconds. Panics, and calls that ignore
// the end of their context, are handled as described at [WithReport].
func WithAmountPolicy(policy AmountPolicy) Option {
	return func(c *Coordinator) { c.accept = policy }
}

// WithAbandonAfter sets how long recovery waits before it cancels a purchase whose customer has not
// opened Klarna's page, or has left it. By default recovery cancels two minutes before the payment
// request expires. It does not cancel while the customer is on Klarna's page.
func WithAbandonAfter(d time.Duration) Option {
	return func(c *Coordinator) { c.abandonAfter = d }
}

// WithRecoveryRate limits how many purchases a second recovery processes in this process. The
// default is 60. Recovery runs at a fifth of the rate while no purchase is overdue, and speeds up
// to the full rate when one is overdue by a minute. Klarna's rate limits slow it down further, for
// each account. docs/recovery.md has a table of how long a purchase waits if its webhook is lost.
func WithRecoveryRate(perSecond float64) Option {
	return func(c *Coordinator) { c.perSecond = perSecond }
}

// WithClients sets the function that returns the client of an account, for a platform whose
// merchants have their own credentials. partnerAccountID is the purchase's. If it is not "", the
// Coordinator binds the client to it with [klarna.Client.ForAccount]. The client of [New] may then
// be nil.
//
// get is called for every call, so it should cache its clients. If it returns an error, the call
// counts as not sent. get has ten seconds. Panics, and calls that ignore the end of their context,
// are handled as described at [WithReport]; get is not called again for an account until its call
// returns.
func WithClients(get func(ctx context.Context, partnerAccountID string) (*klarna.Client, error)) Option {
	return func(c *Coordinator) { c.clients = get }
}

// WithExclusiveWebhook declares that all payment requests whose events reach
// [Coordinator.HandleEvent] were created by Coordinators with this [Store]. If the customer
// completed a payment request that the store does not know, HandleEvent then returns an error, so
// that Klarna delivers the event again: the store may have lost the purchase in a fail-over. By
// default HandleEvent logs such an event at Warn and returns nil, because the payment request may
// belong to another system.
func WithExclusiveWebhook() Option {
	return func(c *Coordinator) { c.exclusive = true }
}

// WithClock replaces [time.Now], for tests.
func WithClock(now func() time.Time) Option {
	return func(c *Coordinator) { c.now = now }
}

// WithLogger sets the logger. The default is [slog.Default]. Failures of recovery and of reports
// are logged at Warn. Purchases that end in [StateUnknown], damaged records and a store that
// belongs to another Coordinator are logged at Error. Each record has the ID of the purchase under
// the key "purchase", as have the records of the client's calls. No record contains a token or
// personal data.
func WithLogger(logger *slog.Logger) Option {
	return func(c *Coordinator) { c.logger = logger }
}

// New returns a Coordinator for the purchases in store. client has the credentials; each purchase
// names its account.
//
// A repeated call must have the same bytes as the first, so the store holds the bodies of the
// calls, with personal data, until a purchase ends. They are encrypted with a key derived from
// sealSecret. sealSecret is random, has at least 32 characters, and is the same in every replica
// and after every restart. Do not derive it from the Klarna API key, because that key rotates.
//
// New returns an error if an argument or an option is invalid. Call [Coordinator.Check] next.
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
		return nil, errors.New("flow: New: the client is nil and WithClients is not set")
	case store == nil:
		return nil, errors.New("flow: New: the store is nil")
	case c.accept == nil || c.now == nil:
		return nil, errors.New("flow: New: a policy or a clock is nil")
	case c.abandonAfter < 0:
		return nil, errors.New("flow: New: the duration of WithAbandonAfter is negative")
	case c.expiryNotice < 0 || c.extend != nil && c.expiryNotice == 0:
		return nil, errors.New("flow: New: the duration of WithExpiryNotice is negative, or WithExtensionPolicy is set without it")
	case !(c.perSecond > 0):
		return nil, errors.New("flow: New: the rate of WithRecoveryRate is not positive")
	}
	var err error
	if c.seals, err = newSeals(append([]klarna.Secret{sealSecret}, c.olderSecrets...)); err != nil {
		return nil, err
	}
	c.given, c.store = store, timeoutStore{store}
	c.policyCalls = newCallbacks("amount policy", "purchase", maxCallbacksPerAccount, maxCallbacks, c.logger)
	c.reportCalls = newCallbacks("report", "purchase", maxCallbacksPerAccount, maxCallbacks, c.logger)
	c.clientCalls = newCallbacks("function of WithClients", "account", maxCallbacksPerAccount, maxCallbacks, c.logger)
	c.claimCalls = newCallbacks("claim of due purchases", "claim", maxClaims, maxClaims, c.logger)
	c.accept, c.report = deciding(c.policyCalls, c.accept), reporting(c.reportCalls, c.report)
	c.extend = extending(c.policyCalls, c.extend)
	c.clients = findingClients(c.clientCalls, c.clients)
	c.money = newWorkerPool(c, moneyLanes, newScheduler(c.perSecond, moneySlots, false), c.recoverPurchase)
	c.reports = newWorkerPool(c, reportLanes, newScheduler(math.Inf(1), reportSlots, true), c.reportPurchase)
	return c, nil
}

var errNoCoordinator = errors.New("flow: the Coordinator was not made by New")

// missing reports whether the Coordinator was not made by New.
func (c *Coordinator) missing() bool { return c == nil || c.store == nil }

// clientFor returns the client of an account, bound to the account.
func (c *Coordinator) clientFor(ctx context.Context, account string) (*klarna.Client, error) {
	client := c.client
	if c.clients != nil {
		var err error
		if client, err = c.clients(ctx, account); err != nil {
			return nil, fmt.Errorf("flow: get the client of the account: %w", err)
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

// api returns the API client for the purchase's account.
func (c *Coordinator) api(ctx context.Context, p *purchase) (*authorization.Client, error) {
	client, err := c.clientFor(ctx, p.Account)
	if err != nil {
		return nil, err
	}
	return authorization.New(client), nil
}

// callOptions returns the options of every call for a purchase.
func (c *Coordinator) callOptions(p *purchase) []klarna.CallOption {
	return []klarna.CallOption{klarna.WithLogAttrs(slog.String("purchase", p.ID)), klarna.WithResponse(&p.response)}
}

// othersCredentialsFor is how long a refusal of credentials other than the purchase's own ends
// nothing.
const othersCredentialsFor = 96 * time.Hour

// hasOtherCredentials reports that Klarna refused a call as it refuses credentials that a purchase
// was not begun with. It says nothing of the purchase: a Coordinator that has the right ones may
// share the store.
func (c *Coordinator) hasOtherCredentials(ctx context.Context, p *purchase, failure error) bool {
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
