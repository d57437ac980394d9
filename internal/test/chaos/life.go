package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
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

// life is a replica from its start to its crash.
type life struct {
	*flow.Coordinator
	shop     *Shop
	next     flow.Store
	webhooks http.Handler
	// strike returns the harm of the n-th step, counted from 1. latency returns the duration of a
	// step's way to its destination, and of the way back.
	strike  func(n int, op string) harm
	latency func(op string) time.Duration
	ctx     context.Context //nolint:containedctx // the context of the life
	end     context.CancelFunc

	mu   sync.Mutex
	ops  []string // the steps that were begun
	dead bool
}

// sealSecret is the secret of all replicas.
const sealSecret = "chaos-0123456789abcdef0123456789abcdef"

// newLife begins a life whose clock is ahead by skew.
func newLife(ctx context.Context, shop *Shop, store flow.Store, attempts int, skew time.Duration, strike func(int, string) harm) (*life, error) {
	l := &life{shop: shop, next: store, strike: strike}
	l.ctx, l.end = context.WithCancel(ctx)
	client, err := klarna.NewClient(shop.Klarna.APIKey,
		klarna.WithBaseURL(shop.Klarna.URL),
		klarna.WithHTTPClient(&http.Client{Transport: network{l}}),
		klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: attempts}))
	if err != nil {
		return nil, err
	}
	quiet := slog.New(slog.DiscardHandler)
	l.Coordinator, err = flow.New(client, recordStore{l}, klarna.NewSecret(sealSecret), flow.WithLogger(quiet),
		flow.WithReport(l.report), flow.WithAmountPolicy(acceptEven), flow.WithRecoveryRate(1e6), flow.WithAbandonAfter(abandonAfter),
		flow.WithClock(func() time.Time { return time.Now().Add(skew) }))
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

// abandonAfter is the time after which a replica gives up a purchase whose customer has gone.
const abandonAfter = 30 * time.Minute

// acceptEven is the policy of every replica. It depends only on the amount.
func acceptEven(_ context.Context, change flow.AmountChange) (bool, error) {
	return change.Approved%2 == 0, nil
}

// step is the gate through which all effects of a life pass.
func (l *life) step(op string, act func(harm) error) error {
	l.mu.Lock()
	if l.dead {
		l.mu.Unlock()
		return errDead
	}
	l.ops = append(l.ops, op)
	h := l.strike(len(l.ops), op)
	l.mu.Unlock()
	if h != none && !h.deadly() {
		l.shop.faults.Add(1)
	}
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
	}
	l.travel(op)
	err := act(h)
	l.travel(op)
	switch h {
	case dieAfter:
		l.die()
	case failAfter:
		if err == nil {
			err = errFailed
		}
	case stallAfter:
		pause(context.WithoutCancel(l.ctx), stall)
	}
	if l.isDead() {
		return errDead
	}
	return err
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
func (l *life) report(_ context.Context, t flow.Transition) error {
	err := l.step("report", func(harm) error {
		l.shop.Reported(t)
		return nil
	})
	if err == nil {
		l.shop.confirmed(t)
	}
	return err
}

// heard returns the answer that a client receives: none if the life has ended before it.
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

// ServeHTTP receives a webhook.
func (l *life) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := httptest.NewRecorder()
	l.webhooks.ServeHTTP(answer, r)
	if l.isDead() {
		answer.Code = http.StatusBadGateway
	}
	w.WriteHeader(answer.Code)
}

// network is a life's connection to Klarna.
type network struct{ life *life }

// RoundTrip implements http.RoundTripper.
func (n network) RoundTrip(r *http.Request) (response *http.Response, err error) {
	op := operationOf(r)
	err = n.life.step(op, func(h harm) error {
		if doubleOperation(op) == "authorization.authorize" {
			n.life.shop.authorizeCalls.Add(1)
		}
		var answered bool
		if response, answered = n.onTheWay(op, h, r); answered { //nolint:bodyclose // passed on
			return nil
		}
		if fault, ok := h.fault(op, holdFor); ok {
			n.life.shop.Klarna.Script(fault)
		}
		var err error
		response, err = n.life.shop.Klarna.Transport().RoundTrip(r) //nolint:bodyclose // passed on, or closed below
		if err == nil && h == undecidedAfter && response.StatusCode == http.StatusOK {
			_ = response.Body.Close()
			response = replied(r, http.StatusOK, pendingBody) //nolint:bodyclose // passed on
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

// onTheWay answers a call before it reaches klarnatest.
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
	}
	if doubleOperation(op) == "authorization.authorize" && n.life.shop.storms(key) {
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
	case r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/payment/transactions/"):
		return "authorization.transaction.read"
	case r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/payment/requests/"):
		return "authorization.payment_request.read"
	case r.Method == http.MethodDelete && strings.Contains(r.URL.Path, "/payment/requests/"):
		return "authorization.payment_request.cancel"
	}
	panic(fmt.Sprintf("chaos: a Coordinator makes no such call: %s %s", r.Method, r.URL.Path))
}

// recordStore is a life's connection to its Store.
type recordStore struct{ life *life }

// Create implements flow.Store.
func (s recordStore) Create(ctx context.Context, r flow.Record) error {
	return s.life.step("store.create", func(harm) error { return s.life.next.Create(ctx, r) })
}

// Load implements flow.Store.
func (s recordStore) Load(ctx context.Context, id string) (r flow.Record, err error) {
	err = s.life.step("store.load", func(harm) (err error) {
		r, err = s.life.next.Load(ctx, id)
		return err
	})
	return r, err
}

// FindPaymentRequest implements flow.Store.
func (s recordStore) FindPaymentRequest(ctx context.Context, id string) (r flow.Record, err error) {
	err = s.life.step("store.find_payment_request", func(harm) (err error) {
		r, err = s.life.next.FindPaymentRequest(ctx, id)
		return err
	})
	return r, err
}

// FindReference implements flow.Store.
func (s recordStore) FindReference(ctx context.Context, reference string) (r flow.Record, err error) {
	err = s.life.step("store.find_reference", func(harm) (err error) {
		r, err = s.life.next.FindReference(ctx, reference)
		return err
	})
	return r, err
}

// Update implements flow.Store.
func (s recordStore) Update(ctx context.Context, r flow.Record) error {
	return s.life.step("store.update", func(harm) error { return s.life.next.Update(ctx, r) })
}

// ClaimDue implements flow.Store.
func (s recordStore) ClaimDue(ctx context.Context, params flow.ClaimParams) (list []flow.Claimed, err error) {
	err = s.life.step("store.claim_due", func(harm) (err error) {
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
