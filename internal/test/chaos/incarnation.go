package chaos

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/webhook"
)

var (
	errDead   = errors.New("chaos: this incarnation has ended")
	errFailed = errors.New("chaos: this step failed")
)

// incarnation is a replica from its start to its crash.
type incarnation struct {
	*flow.Coordinator
	world    *World
	next     flow.Store
	config   incarnationConfig
	webhooks http.Handler
	// failureAt returns the failure of the n-th step, counted from 1. latency returns the duration
	// of a step's way to its destination, and of the way back.
	failureAt func(n int, op string) failure
	latency   func(op string) time.Duration
	// stops returns how long the incarnation is stopped.
	stops func() time.Duration
	ctx   context.Context //nolint:containedctx // the context of the incarnation
	end   context.CancelFunc

	mu      sync.Mutex
	ops     []string // the steps that were begun
	dead    bool
	stopped time.Time // the end of the stop
}

// sealSecret is the secret of all replicas.
const sealSecret = "chaos-0123456789abcdef0123456789abcdef"

// incarnationConfig describes an incarnation.
type incarnationConfig struct {
	// attempts is how often it makes a call to Klarna. skew is how far its clock is ahead.
	attempts int
	skew     time.Duration
	// platform means that it looks up the client of each account.
	platform bool
	// failureAt returns the failure of the n-th step. Nil means no failures.
	failureAt func(n int, op string) failure
	// trouble returns the failure of a step that is made for an account. Nil means no failures.
	trouble func(op, account string) failure
}

// newIncarnation begins an incarnation.
func newIncarnation(ctx context.Context, world *World, store flow.Store, config incarnationConfig) (*incarnation, error) {
	l := &incarnation{world: world, next: store, config: config, failureAt: config.failureAt, stops: func() time.Duration { return stopFor }}
	if l.failureAt == nil {
		l.failureAt = func(int, string) failure { return none }
	}
	l.ctx, l.end = context.WithCancel(ctx)
	quiet := slog.New(slog.DiscardHandler)
	client, err := klarna.NewClient(world.Klarna.APIKey, klarna.WithLogger(quiet),
		klarna.WithBaseURL(world.Klarna.URL),
		klarna.WithHTTPClient(&http.Client{Transport: network{l}}),
		klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: config.attempts}))
	if err != nil {
		return nil, err
	}
	var clients flow.Option
	if config.platform {
		clients = flow.WithClients(func(ctx context.Context, account string) (*klarna.Client, error) {
			return client, l.step(ctx, "clients", account, func(context.Context, failure) error { return nil })
		})
	}
	l.Coordinator, err = flow.New(client, recordStore{l}, klarna.NewSecret(sealSecret), flow.WithLogger(quiet),
		flow.WithReport(l.report), flow.WithAmountPolicy(l.policy), flow.WithRecoveryRate(1e6), flow.WithAbandonAfter(abandonAfter),
		flow.WithClock(func() time.Time { return time.Now().Add(config.skew) }), clients)
	if err != nil {
		return nil, err
	}
	verifier, err := webhook.NewVerifier(world.signingKey)
	if err != nil {
		return nil, err
	}
	l.webhooks, err = webhook.NewHandler(verifier, l.HandleEvent, webhook.WithLogger(quiet))
	return l, err
}

// abandonAfter is the time after which a replica gives up a purchase whose customer has gone.
const abandonAfter = 30 * time.Minute

// acceptEven is the policy of every replica. It depends only on the amount.
func acceptEven(_ context.Context, change flow.AmountChange) (bool, error) {
	return change.Approved%2 == 0, nil
}

// step is the gate through which all effects of an incarnation pass. account is the account that
// the step is made for, or "" if it is not known.
func (l *incarnation) step(ctx context.Context, op, account string, act func(context.Context, failure) error) error {
	l.awake()
	l.mu.Lock()
	if l.dead {
		l.mu.Unlock()
		return errDead
	}
	l.ops = append(l.ops, op)
	h := none
	if l.config.trouble != nil {
		h = l.config.trouble(op, account)
	}
	if h == none {
		h = l.failureAt(len(l.ops), op)
	}
	l.mu.Unlock()
	if !isCallback(op) && (h == panics || h == leaves) {
		h = failAfter // the order of the steps differs from the plan
	}
	if h != none && !h.deadly() {
		l.world.faults.Add(1)
	}
	if err := l.before(ctx, op, h); err != nil {
		return err
	}
	l.travel(op)
	err := act(ctx, h)
	l.travel(op)
	return l.after(ctx, h, err)
}

// before applies the part of a failure that precedes the step.
func (l *incarnation) before(ctx context.Context, op string, h failure) error {
	switch h {
	case dieBefore:
		l.die()
		return errDead
	case failBefore:
		if isNetwork(op) {
			return &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		}
		return errFailed
	case stallBefore:
		pause(context.WithoutCancel(l.ctx), stall)
	case silentBefore:
		return l.silence(ctx)
	case deafBefore:
		pause(context.WithoutCancel(l.ctx), deafFor)
	case stopBefore:
		l.stop()
		if isNetwork(op) {
			return ctx.Err() // a call after its deadline is not sent
		}
	}
	return nil
}

// after applies the part of a failure that follows the step.
func (l *incarnation) after(ctx context.Context, h failure, err error) error {
	switch h {
	case dieAfter:
		l.die()
	case failAfter:
		if err == nil {
			err = errFailed
		}
	case stallAfter:
		pause(context.WithoutCancel(l.ctx), stall)
	case silentAfter:
		err = l.silence(ctx)
	case deafAfter:
		pause(context.WithoutCancel(l.ctx), deafFor)
	case stopAfter:
		l.stop()
	case panics:
		panic("chaos")
	case leaves:
		runtime.Goexit()
	}
	l.awake()
	if l.isDead() {
		return errDead
	}
	return err
}

// silence lasts until ctx ends, or for hours if the Coordinator has set no deadline.
func (l *incarnation) silence(ctx context.Context) error {
	pause(ctx, silentFor)
	return cmp.Or(ctx.Err(), errFailed)
}

// stop stops the incarnation, and returns when it continues.
func (l *incarnation) stop() {
	l.mu.Lock()
	l.stopped = time.Now().Add(l.stops())
	l.mu.Unlock()
	l.awake()
}

// awake waits until the incarnation is not stopped.
func (l *incarnation) awake() {
	for {
		l.mu.Lock()
		left := time.Until(l.stopped)
		l.mu.Unlock()
		if left <= 0 {
			return
		}
		pause(context.WithoutCancel(l.ctx), left)
	}
}

func (l *incarnation) travel(op string) {
	if l.latency != nil {
		pause(context.WithoutCancel(l.ctx), l.latency(op))
	}
}

func (l *incarnation) die() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return
	}
	l.dead = true
	l.world.crashes.Add(1)
	l.end()
}

func (l *incarnation) isDead() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dead
}

func (l *incarnation) stepsTaken() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.ops)
}

// report is the callback of an incarnation's Coordinator.
func (l *incarnation) report(ctx context.Context, t flow.Transition) error {
	err := l.step(ctx, "report", t.Status.PartnerAccountID, func(context.Context, failure) error {
		l.world.Reported(t)
		return nil
	})
	if err == nil {
		l.world.confirmed(t)
	}
	return err
}

// policy is the amount policy of an incarnation's Coordinator.
func (l *incarnation) policy(ctx context.Context, change flow.AmountChange) (accept bool, err error) {
	err = l.step(ctx, "policy", change.Status.PartnerAccountID, func(ctx context.Context, _ failure) (err error) {
		accept, err = acceptEven(ctx, change)
		return err
	})
	return accept, err
}

// heard returns the answer that a client receives: none if the incarnation has ended before it.
func (l *incarnation) heard(status *flow.Status, err error) (*flow.Status, error) {
	if l.isDead() {
		return nil, errDead
	}
	return status, err
}

// Begin implements Replica.
func (l *incarnation) Begin(ctx context.Context, p flow.Purchase) (*flow.Status, error) {
	return l.heard(l.Coordinator.Begin(ctx, p))
}

// HandleReturn implements Replica.
func (l *incarnation) HandleReturn(ctx context.Context, id string) (*flow.Status, error) {
	return l.heard(l.Coordinator.HandleReturn(ctx, id))
}

// Cancel implements Replica.
func (l *incarnation) Cancel(ctx context.Context, id string) (*flow.Status, error) {
	return l.heard(l.Coordinator.Cancel(ctx, id))
}

// ServeHTTP receives a webhook.
func (l *incarnation) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := httptest.NewRecorder()
	l.webhooks.ServeHTTP(answer, r)
	if l.isDead() {
		answer.Code = http.StatusBadGateway
	}
	w.WriteHeader(answer.Code)
}

// network is an incarnation's connection to Klarna.
type network struct{ incarnation *incarnation }

// RoundTrip implements http.RoundTripper.
func (n network) RoundTrip(r *http.Request) (response *http.Response, err error) {
	op := operationOf(r)
	err = n.incarnation.step(r.Context(), op, accountOf(r), func(_ context.Context, h failure) error {
		if doubleOperation(op) == "authorization.authorize" {
			n.incarnation.world.authorizeCalls.Add(1)
		}
		var answered bool
		if response, answered = n.onTheWay(op, h, r); answered { //nolint:bodyclose // passed on
			return nil
		}
		if fault, ok := h.fault(op, holdFor); ok {
			n.incarnation.world.Klarna.Script(fault)
		}
		var err error
		response, err = n.incarnation.world.Klarna.Transport().RoundTrip(r) //nolint:bodyclose // passed on, or closed below
		if err == nil && h == undecidedAfter && response.StatusCode == http.StatusOK {
			_ = response.Body.Close()
			response = replied(r, http.StatusOK, pendingBody) //nolint:bodyclose // passed on
		}
		if err == nil && op == "authorization.payment_request.read" {
			n.incarnation.hearMeanwhile(r)
		}
		return err
	})
	if err != nil {
		if response != nil {
			_ = response.Body.Close()
		}
		return nil, err
	}
	return response, nil
}

const pendingBody = `{"payment_transaction_response":{"result":"PENDING"}}`

// onTheWay answers a call before it reaches klarnatest.
func (n network) onTheWay(op string, h failure, r *http.Request) (response *http.Response, answered bool) {
	key := r.Header.Get("Klarna-Idempotency-Key")
	switch h {
	case storm:
		n.incarnation.world.beginStorm(key)
	case refuse:
		if isOperation(op) {
			n.incarnation.world.refusing(r.URL.Path)
		}
		refusals := []int{http.StatusBadRequest, http.StatusNotFound, http.StatusGone, http.StatusUnprocessableEntity}
		return replied(r, refusals[len(r.URL.Path)%len(refusals)], `{"error_code":"VALIDATION_ERROR"}`), true
	case undecided:
		return replied(r, http.StatusOK, pendingBody), true
	case limited:
		return replied(r, http.StatusTooManyRequests, `{"error_code":"RATE_LIMITED"}`), true
	case later:
		response = replied(r, http.StatusServiceUnavailable, `{"error_code":"TEMPORARY_UNAVAILABLE"}`)
		response.Header.Set("Retry-After", "30")
		return response, true
	}
	if key != "" && n.incarnation.world.storms(key) {
		return replied(r, http.StatusConflict, `{"error_code":"RESOURCE_CONFLICT"}`), true
	}
	return nil, false
}

func replied(r *http.Request, status int, body string) *http.Response {
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// hearMeanwhile makes a customer approve just after a purchase that is being canceled was read.
// Klarna's event of the approval arrives before the call that cancels.
func (l *incarnation) hearMeanwhile(r *http.Request) {
	id := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	record, err := l.next.FindPaymentRequest(l.ctx, id)
	if err != nil || record.State != flow.StateCanceling {
		return
	}
	p := l.world.approvesMeanwhile(id)
	if p == nil {
		return
	}
	p.mu.Lock()
	p.approved, p.acted = amountOf(p.id), true
	p.mu.Unlock()
	heard := func() error {
		if _, err := l.world.Klarna.Approve(id); err != nil {
			return err
		}
		return l.HandleEvent(context.WithoutCancel(l.ctx), &webhook.Event{
			Metadata: webhook.Metadata{EventID: "meanwhile-" + p.id, EventType: webhook.EventTypePaymentRequestCompleted},
			Payload:  webhook.NewRawJSON(fmt.Sprintf(`{"payment_request_id":%q,"state":"COMPLETED"}`, id)),
		})
	}
	if err := heard(); err != nil || l.isDead() {
		// No replica acknowledged the event, so the cancelation may continue.
		p.mu.Lock()
		p.unheard = true
		p.mu.Unlock()
	}
}

// accountOf returns the account that a call is made for.
func accountOf(r *http.Request) string {
	_, after, _ := strings.Cut(r.URL.Path, "/accounts/")
	account, _, _ := strings.Cut(after, "/")
	return account
}

// operationOf returns klarnatest's name of a call, and this package's name of a final authorize
// call.
func operationOf(r *http.Request) string {
	switch {
	case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/payment/authorize"):
		body, err := io.ReadAll(r.Body)
		_ = r.Body.Close()
		r.Body = io.NopCloser(bytes.NewReader(body))
		if err == nil && r.Header.Get("Klarna-Network-Session-Token") != "" && !bytes.Contains(body, []byte(`"step_up_config"`)) {
			return finalOperation
		}
		return "authorization.authorize"
	case strings.Contains(r.URL.Path, "/payment/transactions/"):
		return "authorization.transaction." + actionOf(r)
	case strings.Contains(r.URL.Path, "/payment/captures/"):
		return "authorization.capture." + actionOf(r)
	case r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/payment/refunds/"):
		return "authorization.refund.read"
	case r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/payment/requests/"):
		return "authorization.payment_request.read"
	case r.Method == http.MethodDelete && strings.Contains(r.URL.Path, "/payment/requests/"):
		return "authorization.payment_request.cancel"
	}
	panic(fmt.Sprintf("chaos: a Coordinator makes no such call: %s %s", r.Method, r.URL.Path))
}

// actionOf returns klarnatest's word for what a call does to its resource.
func actionOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet:
		return "read"
	case http.MethodPatch:
		return "update"
	}
	if action := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]; action != "authorize" {
		return action
	}
	return "extend"
}

// recordStore is an incarnation's connection to its Store.
type recordStore struct{ incarnation *incarnation }

// step is a step of the incarnation. A late one takes effect anyway, because the database has it.
func (s recordStore) step(ctx context.Context, op string, act func(context.Context) error) error {
	return s.incarnation.step(ctx, op, "", func(ctx context.Context, h failure) error {
		if h == deafBefore {
			ctx = context.WithoutCancel(ctx)
		}
		return act(ctx)
	})
}

// Create implements flow.Store.
func (s recordStore) Create(ctx context.Context, r flow.Record) error {
	return s.step(ctx, "store.create", func(ctx context.Context) error { return s.incarnation.next.Create(ctx, r) })
}

// Load implements flow.Store.
func (s recordStore) Load(ctx context.Context, id string) (r flow.Record, err error) {
	err = s.step(ctx, "store.load", func(ctx context.Context) (err error) {
		r, err = s.incarnation.next.Load(ctx, id)
		return err
	})
	return r, err
}

// FindPaymentRequest implements flow.Store.
func (s recordStore) FindPaymentRequest(ctx context.Context, id string) (r flow.Record, err error) {
	err = s.step(ctx, "store.find_payment_request", func(ctx context.Context) (err error) {
		r, err = s.incarnation.next.FindPaymentRequest(ctx, id)
		return err
	})
	return r, err
}

// FindReference implements flow.Store.
func (s recordStore) FindReference(ctx context.Context, reference string) (r flow.Record, err error) {
	err = s.step(ctx, "store.find_reference", func(ctx context.Context) (err error) {
		r, err = s.incarnation.next.FindReference(ctx, reference)
		return err
	})
	return r, err
}

// Update implements flow.Store.
func (s recordStore) Update(ctx context.Context, r flow.Record) error {
	return s.step(ctx, "store.update", func(ctx context.Context) error { return s.incarnation.next.Update(ctx, r) })
}

// ClaimDue implements flow.Store.
func (s recordStore) ClaimDue(ctx context.Context, params flow.ClaimParams) (list []flow.Claimed, err error) {
	err = s.step(ctx, "store.claim_due", func(ctx context.Context) (err error) {
		list, err = s.incarnation.next.ClaimDue(ctx, params)
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
