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
	errDead   = errors.New("chaos: this life has ended")
	errFailed = errors.New("chaos: this step failed")
)

// life is one incarnation of a replica, from its start to its crash.
type life struct {
	*flow.Coordinator
	shop     *Shop
	next     flow.Store
	is       nature
	webhooks http.Handler
	// strike tells the harm of the n-th step, from 1; latency, how long a step's way there takes, and
	// its way back.
	strike  func(n int, op string) harm
	latency func(op string) time.Duration
	// stops tells how long the life is stopped.
	stops func() time.Duration
	ctx   context.Context //nolint:containedctx // it is the life's
	end   context.CancelFunc

	mu      sync.Mutex
	ops     []string // the steps begun
	dead    bool
	stopped time.Time // until then
}

// sealSecret is the one of all replicas.
const sealSecret = "chaos-0123456789abcdef0123456789abcdef"

// nature is what a life is like.
type nature struct {
	// attempts is how often it makes a call to Klarna; skew, how far its clock is ahead of the world's.
	attempts int
	skew     time.Duration
	// platform: it looks up the client of each account.
	platform bool
	// strike tells the harm of the n-th step; nil for none.
	strike func(n int, op string) harm
	// trouble tells what a step meets that is made for an account; nil for nothing.
	trouble func(op, account string) harm
}

// newLife begins a life.
func newLife(ctx context.Context, shop *Shop, store flow.Store, is nature) (*life, error) {
	l := &life{shop: shop, next: store, is: is, strike: is.strike, stops: func() time.Duration { return stopFor }}
	if l.strike == nil {
		l.strike = func(int, string) harm { return none }
	}
	l.ctx, l.end = context.WithCancel(ctx)
	client, err := klarna.NewClient(shop.Klarna.APIKey,
		klarna.WithBaseURL(shop.Klarna.URL),
		klarna.WithHTTPClient(&http.Client{Transport: network{l}}),
		klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: is.attempts}))
	if err != nil {
		return nil, err
	}
	var clients flow.Option
	if is.platform {
		clients = flow.WithClients(func(ctx context.Context, account string) (*klarna.Client, error) {
			return client, l.step(ctx, "clients", account, func(context.Context, harm) error { return nil })
		})
	}
	quiet := slog.New(slog.DiscardHandler)
	l.Coordinator, err = flow.New(client, recordStore{l}, klarna.NewSecret(sealSecret), flow.WithLogger(quiet),
		flow.WithReport(l.report), flow.WithAmountPolicy(l.policy), flow.WithRecoveryRate(1e6), flow.WithAbandonAfter(abandonAfter),
		flow.WithClock(func() time.Time { return time.Now().Add(is.skew) }), clients)
	if err != nil {
		return nil, err
	}
	verifier, err := webhook.NewVerifier(shop.signingKey)
	if err != nil {
		return nil, err
	}
	l.webhooks, err = webhook.NewHandler(verifier, l.HandleEvent, webhook.WithLogger(quiet))
	return l, err
}

// abandonAfter is when a replica gives up a purchase whose customer has gone.
const abandonAfter = 30 * time.Minute

// acceptEven is the policy of every replica: what it decides depends on the amount alone.
func acceptEven(_ context.Context, change flow.AmountChange) (bool, error) {
	return change.Approved%2 == 0, nil
}

// step is the gate through which everything passes that a life does to the world. account is whom
// it is done for, where that is known.
func (l *life) step(ctx context.Context, op, account string, act func(context.Context, harm) error) error {
	l.awake()
	l.mu.Lock()
	if l.dead {
		l.mu.Unlock()
		return errDead
	}
	l.ops = append(l.ops, op)
	h := none
	if l.is.trouble != nil {
		h = l.is.trouble(op, account)
	}
	if h == none {
		h = l.strike(len(l.ops), op)
	}
	l.mu.Unlock()
	if !isCallback(op) && (h == panics || h == leaves) {
		h = failAfter // the step came in another order than planned
	}
	if h != none && !h.deadly() {
		l.shop.faults.Add(1)
	}
	if err := l.before(ctx, op, h); err != nil {
		return err
	}
	l.travel(op)
	err := act(ctx, h)
	l.travel(op)
	return l.after(ctx, h, err)
}

// before is the part of a harm that comes before the step happens, if it does.
func (l *life) before(ctx context.Context, op string, h harm) error {
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
			return ctx.Err() // a call whose time is over does not leave any more
		}
	}
	return nil
}

// after is the part of a harm that comes after the step has happened.
func (l *life) after(ctx context.Context, h harm, err error) error {
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

// silence lasts until ctx ends. A Coordinator that leaves it at that for hours has no deadline.
func (l *life) silence(ctx context.Context) error {
	pause(ctx, silentFor)
	return cmp.Or(ctx.Err(), errFailed)
}

// stop stops the life, and returns when it goes on.
func (l *life) stop() {
	l.mu.Lock()
	l.stopped = time.Now().Add(l.stops())
	l.mu.Unlock()
	l.awake()
}

// awake waits until the life is not stopped.
func (l *life) awake() {
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

func (l *life) travel(op string) {
	if l.latency != nil {
		pause(context.WithoutCancel(l.ctx), l.latency(op))
	}
}

func (l *life) die() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return
	}
	l.dead = true
	l.shop.crashes.Add(1)
	l.end()
}

func (l *life) isDead() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dead
}

func (l *life) stepsTaken() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.ops)
}

// report is the callback of a life's Coordinator.
func (l *life) report(ctx context.Context, t flow.Transition) error {
	err := l.step(ctx, "report", t.Purchase.PartnerAccountID, func(context.Context, harm) error {
		l.shop.Reported(t)
		return nil
	})
	if err == nil {
		l.shop.confirmed(t)
	}
	return err
}

// policy is the amount policy of a life's Coordinator.
func (l *life) policy(ctx context.Context, change flow.AmountChange) (accept bool, err error) {
	err = l.step(ctx, "policy", change.Status.PartnerAccountID, func(ctx context.Context, _ harm) (err error) {
		accept, err = acceptEven(ctx, change)
		return err
	})
	return accept, err
}

// heard is what a client hears: nothing, where the life has ended before it could answer.
func (l *life) heard(status *flow.Status, err error) (*flow.Status, error) {
	if l.isDead() {
		return nil, errDead
	}
	return status, err
}

// Begin implements Replica.
func (l *life) Begin(ctx context.Context, p flow.Purchase) (*flow.Status, error) {
	return l.heard(l.Coordinator.Begin(ctx, p))
}

// HandleReturn implements Replica.
func (l *life) HandleReturn(ctx context.Context, id string) (*flow.Status, error) {
	return l.heard(l.Coordinator.HandleReturn(ctx, id))
}

// Cancel implements Replica.
func (l *life) Cancel(ctx context.Context, id string) (*flow.Status, error) {
	return l.heard(l.Coordinator.Cancel(ctx, id))
}

// ServeHTTP takes a webhook.
func (l *life) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := httptest.NewRecorder()
	l.webhooks.ServeHTTP(answer, r)
	if l.isDead() {
		answer.Code = http.StatusBadGateway
	}
	w.WriteHeader(answer.Code)
}

// network is a life's way to Klarna.
type network struct{ life *life }

// RoundTrip implements http.RoundTripper.
func (n network) RoundTrip(r *http.Request) (response *http.Response, err error) {
	op := operationOf(r)
	err = n.life.step(r.Context(), op, accountOf(r), func(_ context.Context, h harm) error {
		if atTheDouble(op) == "authorization.authorize" {
			n.life.shop.authorizeCalls.Add(1)
		}
		var answered bool
		if response, answered = n.onTheWay(op, h, r); answered { //nolint:bodyclose // handed on
			return nil
		}
		if fault, ok := h.fault(op, holdFor); ok {
			n.life.shop.Klarna.Script(fault)
		}
		var err error
		response, err = n.life.shop.Klarna.Transport().RoundTrip(r) //nolint:bodyclose // handed on, or closed below
		if err == nil && h == undecidedAfter && response.StatusCode == http.StatusOK {
			_ = response.Body.Close()
			response = replied(r, http.StatusOK, pendingBody) //nolint:bodyclose // handed on
		}
		if err == nil && op == "authorization.payment_request.read" {
			n.life.hearMeanwhile(r)
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

// onTheWay answers a call before it reaches the double.
func (n network) onTheWay(op string, h harm, r *http.Request) (response *http.Response, answered bool) {
	key := r.Header.Get("Klarna-Idempotency-Key")
	switch h {
	case storm:
		n.life.shop.beginStorm(key)
	case refuse:
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
	if atTheDouble(op) == "authorization.authorize" && n.life.shop.storms(key) {
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

// hearMeanwhile lets a customer approve right after a purchase that is being canceled was read, and
// Klarna's event of it arrive, before the call that cancels.
func (l *life) hearMeanwhile(r *http.Request) {
	id := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	record, err := l.next.FindPaymentRequest(l.ctx, id)
	if err != nil || record.State != flow.StateCanceling {
		return
	}
	p := l.shop.approvesMeanwhile(id)
	if p == nil {
		return
	}
	p.mu.Lock()
	p.approved, p.acted = amountOf(p.id), true
	p.mu.Unlock()
	heard := func() error {
		if _, err := l.shop.Klarna.Approve(id); err != nil {
			return err
		}
		return l.HandleEvent(context.WithoutCancel(l.ctx), &webhook.Event{
			Metadata: webhook.Metadata{EventID: "meanwhile-" + p.id, EventType: webhook.PaymentRequestCompleted},
			Payload:  webhook.NewRawJSON(fmt.Sprintf(`{"payment_request_id":%q,"state":"COMPLETED"}`, id)),
		})
	}
	if err := heard(); err != nil || l.isDead() {
		// Nobody acknowledged it, so the cancelation may go on.
		p.mu.Lock()
		p.unheard = true
		p.mu.Unlock()
	}
}

// accountOf is the account that a call is made for.
func accountOf(r *http.Request) string {
	_, after, _ := strings.Cut(r.URL.Path, "/accounts/")
	account, _, _ := strings.Cut(after, "/")
	return account
}

// operationOf names a call as the double does, and a final authorize call as this package does.
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
	case r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/payment/transactions/"):
		return "authorization.transaction.read"
	case r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/payment/requests/"):
		return "authorization.payment_request.read"
	case r.Method == http.MethodDelete && strings.Contains(r.URL.Path, "/payment/requests/"):
		return "authorization.payment_request.cancel"
	}
	panic(fmt.Sprintf("chaos: a Coordinator makes no such call: %s %s", r.Method, r.URL.Path))
}

// recordStore is a life's way to its Store.
type recordStore struct{ life *life }

// step is the life's. What is late is done all the same: the database has it.
func (s recordStore) step(ctx context.Context, op string, act func(context.Context) error) error {
	return s.life.step(ctx, op, "", func(ctx context.Context, h harm) error {
		if h == deafBefore {
			ctx = context.WithoutCancel(ctx)
		}
		return act(ctx)
	})
}

// Create implements flow.Store.
func (s recordStore) Create(ctx context.Context, r flow.Record) error {
	return s.step(ctx, "store.create", func(ctx context.Context) error { return s.life.next.Create(ctx, r) })
}

// Load implements flow.Store.
func (s recordStore) Load(ctx context.Context, id string) (r flow.Record, err error) {
	err = s.step(ctx, "store.load", func(ctx context.Context) (err error) {
		r, err = s.life.next.Load(ctx, id)
		return err
	})
	return r, err
}

// FindPaymentRequest implements flow.Store.
func (s recordStore) FindPaymentRequest(ctx context.Context, id string) (r flow.Record, err error) {
	err = s.step(ctx, "store.find_payment_request", func(ctx context.Context) (err error) {
		r, err = s.life.next.FindPaymentRequest(ctx, id)
		return err
	})
	return r, err
}

// FindReference implements flow.Store.
func (s recordStore) FindReference(ctx context.Context, reference string) (r flow.Record, err error) {
	err = s.step(ctx, "store.find_reference", func(ctx context.Context) (err error) {
		r, err = s.life.next.FindReference(ctx, reference)
		return err
	})
	return r, err
}

// Update implements flow.Store.
func (s recordStore) Update(ctx context.Context, r flow.Record) error {
	return s.step(ctx, "store.update", func(ctx context.Context) error { return s.life.next.Update(ctx, r) })
}

// ClaimDue implements flow.Store.
func (s recordStore) ClaimDue(ctx context.Context, params flow.ClaimParams) (list []flow.Claimed, err error) {
	err = s.step(ctx, "store.claim_due", func(ctx context.Context) (err error) {
		list, err = s.life.next.ClaimDue(ctx, params)
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
