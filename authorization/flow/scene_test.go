package flow_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/internal/test/leak"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
	"github.com/klarna-go/klarna-go/webhook"
)

// TestMain fails the package if a goroutine of a Coordinator outlives the tests.
func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // net/http logs unsolicited answers
	leak.Main(m)
}

const (
	sealSecret = "of-the-test-0123456789abcdef-0123456789abcdef"
	orderID    = "order-1"

	authorizeCall = "authorization.authorize"
	readCall      = "authorization.payment_request.read"
	cancelCall    = "authorization.payment_request.cancel"
)

// The data of every purchase's customer, which must not be readable in a store or a log.
const (
	email      = "linnea.canary@shop.example"
	givenName  = "Linneacanary"
	familyName = "Lindqvistcanary"
	phone      = "+46 70 174 0605"
)

// scene is a klarnatest server whose clock stands still, a store, and the replicas that share both.
type scene struct {
	testing.TB
	klarna   *klarnatest.Server
	memory   *flow.MemoryStore
	reported *reports
	log      *logbook

	mu   sync.Mutex
	seen []byte // everything that was written to the store
}

func newScene(t testing.TB, options ...klarnatest.Option) *scene {
	t.Helper()
	return &scene{
		TB:       t,
		klarna:   klarnatest.NewServer(t, append([]klarnatest.Option{klarnatest.WithoutSocket()}, options...)...),
		memory:   flow.NewMemoryStore(),
		reported: new(reports),
		log:      new(logbook),
	}
}

// replica is a process that runs a Coordinator. Tests can intercept its calls of the store and of
// Klarna.
type replica struct {
	*flow.Coordinator
	scene *scene
	dead  atomic.Bool

	mu      sync.Mutex
	network network
	disk    func(operation string, r flow.Record, do func() error) error

	// claims is called before each claim, took after it.
	claims func(ctx context.Context) error
	took   func([]flow.Claimed)
}

// network intercepts the calls of a replica to Klarna.
type network func(r *http.Request, pass roundTrip) (*http.Response, error)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// replica starts a replica that tries each call once.
func (s *scene) replica(options ...flow.Option) *replica {
	s.Helper()
	return s.replicaOf(klarna.RetryPolicy{MaxAttempts: 1}, options...)
}

func (s *scene) replicaOf(retries klarna.RetryPolicy, options ...flow.Option) *replica {
	s.Helper()
	r := &replica{scene: s}
	base := []flow.Option{
		flow.WithClock(s.klarna.Now), flow.WithReport(r.report), flow.WithLogger(slog.New(slog.NewJSONHandler(s.log, nil))),
		flow.WithRecoveryRate(1e6), // in wall-clock time
	}
	var err error
	if r.Coordinator, err = flow.New(r.client(retries), r.store(), klarna.NewSecret(sealSecret), append(base, options...)...); err != nil {
		s.Fatal(err)
	}
	return r
}

func (r *replica) client(retries klarna.RetryPolicy) *klarna.Client {
	r.scene.Helper()
	client, err := klarna.NewClient(r.scene.klarna.APIKey,
		klarna.WithBaseURL(r.scene.klarna.URL),
		klarna.WithHTTPClient(&http.Client{Transport: r.scene.klarna.Transport()}),
		klarna.WithRetries(retries),
		klarna.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
			return roundTrip(func(request *http.Request) (*http.Response, error) {
				r.mu.Lock()
				network := r.network
				r.mu.Unlock()
				switch {
				case r.dead.Load():
					return nil, errDead
				case network != nil:
					return network(request, next.RoundTrip)
				}
				return next.RoundTrip(request)
			})
		}))
	if err != nil {
		r.scene.Fatal(err)
	}
	return client
}

var errDead = errors.New("the process has died")

func (r *replica) report(ctx context.Context, transition flow.Transition) error {
	if r.dead.Load() {
		return errDead
	}
	return r.scene.reported.report(ctx, transition)
}

// die ends the replica: nothing that it does afterwards has an effect.
func (r *replica) die() { r.dead.Store(true) }

// meets makes network intercept the replica's calls to Klarna; nil intercepts none.
func (r *replica) meets(network network) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.network = network
}

// meetsOnce intercepts the next call with a method: POST authorizes, GET reads, DELETE cancels.
func (r *replica) meetsOnce(method string, network network) {
	r.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
		if request.Method != method {
			return pass(request)
		}
		r.meets(nil)
		return network(request, pass)
	})
}

// writes makes disk intercept the replica's calls of its store; nil intercepts none.
func (r *replica) writes(disk func(operation string, r flow.Record, do func() error) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.disk = disk
}

// writesOnce intercepts the next Update to a state.
func (r *replica) writesOnce(state flow.State, disk func(do func() error) error) {
	r.writes(func(operation string, record flow.Record, do func() error) error {
		if operation != "Update" || record.State != state {
			return do()
		}
		r.writes(nil)
		return disk(do)
	})
}

// unreachable is a Klarna to which no connection can be made.
func unreachable(*http.Request, roundTrip) (*http.Response, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("no route to host")}
}

// answering is a Klarna that answers every call with status and body.
func answering(status int, body string) network {
	return func(r *http.Request, _ roundTrip) (*http.Response, error) {
		return &http.Response{
			StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{"Content-Type": {"application/json"}},
			Body: io.NopCloser(strings.NewReader(body)), Request: r,
		}, nil
	}
}

// store returns the scene's store as the replica uses it.
func (r *replica) store() flow.Store { return replicaStore{r} }

type replicaStore struct{ *replica }

func (s replicaStore) around(operation string, r flow.Record, do func() error) error {
	if s.dead.Load() {
		return errDead
	}
	s.mu.Lock()
	disk := s.disk
	s.mu.Unlock()
	if disk == nil {
		return do()
	}
	return disk(operation, r, do)
}

func (s replicaStore) Create(ctx context.Context, r flow.Record) error {
	s.scene.note(r)
	return s.around("Create", r, func() error { return s.scene.memory.Create(ctx, r) })
}

func (s replicaStore) Load(ctx context.Context, id string) (r flow.Record, err error) {
	err = s.around("Load", flow.Record{ID: id}, func() error { r, err = s.scene.memory.Load(ctx, id); return err })
	return r, err
}

func (s replicaStore) FindPaymentRequest(ctx context.Context, id string) (r flow.Record, err error) {
	err = s.around("FindPaymentRequest", flow.Record{PaymentRequestID: id}, func() error { r, err = s.scene.memory.FindPaymentRequest(ctx, id); return err })
	return r, err
}

func (s replicaStore) FindReference(ctx context.Context, reference string) (r flow.Record, err error) {
	err = s.around("FindReference", flow.Record{Reference: reference}, func() error { r, err = s.scene.memory.FindReference(ctx, reference); return err })
	return r, err
}

func (s replicaStore) Update(ctx context.Context, r flow.Record) error {
	s.scene.note(r)
	return s.around("Update", r, func() error { return s.scene.memory.Update(ctx, r) })
}

func (s replicaStore) ClaimDue(ctx context.Context, params flow.ClaimParams) (list []flow.Claimed, err error) {
	if s.claims != nil {
		if err := s.claims(ctx); err != nil {
			return nil, err
		}
	}
	err = s.around("ClaimDue", flow.Record{}, func() error { list, err = s.scene.memory.ClaimDue(ctx, params); return err })
	if s.took != nil && err == nil {
		s.took(list)
	}
	return list, err
}

func (s replicaStore) Setting(ctx context.Context, name string) (string, error) {
	return s.scene.memory.Setting(ctx, name)
}

func (s replicaStore) ChangeSetting(ctx context.Context, name, from, to string) error {
	return s.scene.memory.ChangeSetting(ctx, name, from, to)
}

func (s replicaStore) ListDamaged(ctx context.Context, after string, limit int) ([]flow.Record, error) {
	return s.scene.memory.ListDamaged(ctx, after, limit)
}

func (s *scene) note(r flow.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = fmt.Appendf(s.seen, "%s %s %s %s\n%s\n", r.ID, r.PaymentRequestID, r.State, r.Data, r.Sealed)
}

// reports records the reported transitions.
type reports struct {
	mu   sync.Mutex
	list []flow.Transition
	fail func(flow.Transition) error
}

func (t *reports) report(_ context.Context, transition flow.Transition) error {
	t.mu.Lock()
	t.list = append(t.list, transition)
	fail := t.fail
	t.mu.Unlock()
	if fail == nil {
		return nil
	}
	return fail(transition)
}

func (t *reports) all() []flow.Transition {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.list)
}

// failing makes reports return the error of fail; nil makes them succeed.
func (t *reports) failing(fail func(flow.Transition) error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fail = fail
}

// path returns the reported states of a purchase in order, without duplicates.
func (t *reports) path(id string) string {
	var states []string
	known := map[string]bool{}
	for _, transition := range t.all() {
		if transition.Status.ID != id || known[transition.ID] || transition.To == "" {
			continue
		}
		known[transition.ID] = true
		if len(states) == 0 {
			states = append(states, string(transition.From))
		}
		states = append(states, string(transition.To))
	}
	return strings.Join(states, " ")
}

type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// order returns a purchase of 118.00 EUR that Klarna may step up.
func (s *scene) order(id string) flow.Purchase {
	return flow.Purchase{
		ID:               id,
		PartnerAccountID: s.klarna.PartnerAccountID,
		Request: authorization.AuthorizeParams{
			Currency:                  "EUR",
			RequestPaymentTransaction: &authorization.RequestPaymentTransaction{Amount: 118_00},
			SupplementaryPurchaseData: &authorization.SupplementaryPurchaseData{
				PurchaseReference: id,
				LineItems:         []authorization.LineItem{{Name: "Shoes", Quantity: 1, TotalAmount: 118_00}},
				Customer:          &authorization.Customer{GivenName: givenName, FamilyName: familyName, Email: email, Phone: phone},
			},
			StepUpConfig: &authorization.StepUpConfig{CustomerInteractionConfig: authorization.CustomerInteractionConfig{
				Method: authorization.InteractionMethodHandover, ReturnURL: "https://shop.example/return?id={klarna.payment_request.id}",
			}},
		},
	}
}

// browserOrder returns a purchase that the customer has already approved in the browser.
func (s *scene) browserOrder(id string) flow.Purchase {
	order := s.order(id)
	order.SessionToken = klarna.NewSecret(s.klarna.IssueSessionToken("EUR", 118_00))
	return order
}

// stepUp begins a purchase whose customer has to go to Klarna.
func (s *scene) stepUp(r *replica, id string) *flow.Status {
	s.Helper()
	status, err := r.Begin(s.Context(), s.order(id))
	s.wants(status, err, flow.StateAwaitingCustomer)
	return status
}

// approve makes the customer approve.
func (s *scene) approve(paymentRequestID string) {
	s.Helper()
	if _, err := s.klarna.Approve(paymentRequestID); err != nil {
		s.Fatal(err)
	}
}

// status returns the status of a purchase in the store.
func (s *scene) status(id string) *flow.Status {
	s.Helper()
	status, err := s.replica().GetStatus(s.Context(), id)
	if err != nil {
		s.Fatal(err)
	}
	return status
}

// wants checks that a call returned no error and a status with this state.
func (s *scene) wants(status *flow.Status, err error, state flow.State) {
	s.Helper()
	if err != nil {
		s.Fatalf("%v, want %s", err, state)
	}
	if status.State != state {
		s.Fatalf("the purchase is %s with reason %q, want %s", status.State, status.Reason, state)
	}
}

// stands checks the state and reason of a purchase in the store.
func (s *scene) stands(id string, state flow.State, reason string) {
	s.Helper()
	if status := s.status(id); status.State != state || status.Reason != reason {
		s.Fatalf("purchase %s is %s with reason %q, want %s with reason %q", id, status.State, status.Reason, state, reason)
	}
}

// went checks the reported states of a purchase.
func (s *scene) went(id string, states ...flow.State) {
	s.Helper()
	var want []string
	for _, state := range states {
		want = append(want, string(state))
	}
	if diff := cmp.Diff(strings.Join(want, " "), s.reported.path(id)); diff != "" {
		s.Errorf("reported states of %s (-want +got):\n%s", id, diff)
	}
}

// paid checks the amounts of the transactions at Klarna.
func (s *scene) paid(amounts ...int64) {
	s.Helper()
	var got []int64
	for _, transaction := range s.klarna.Transactions() {
		got = append(got, transaction.Amount)
	}
	if diff := cmp.Diff(amounts, got); diff != "" {
		s.Errorf("authorized amounts (-want +got):\n%s", diff)
	}
}

// calls returns the number of requests of an operation that Klarna received.
func (s *scene) calls(operation string) int {
	n := 0
	for _, r := range s.klarna.Requests() {
		if r.Operation == operation {
			n++
		}
	}
	return n
}

// atKlarna returns the state of the only payment request at Klarna.
func (s *scene) atKlarna() string {
	s.Helper()
	all := s.klarna.PaymentRequests()
	if len(all) != 1 {
		s.Fatalf("%d payment requests, want 1", len(all))
	}
	return all[0].State
}

// recovers runs recovery once and returns the number of purchases that it processed.
func (s *scene) recovers(r *replica) (purchases int) {
	s.Helper()
	n, err := r.Recover(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	return n
}

// pass moves the clock by d in steps, with a recovery after each.
func (s *scene) pass(r *replica, d, step time.Duration) {
	s.Helper()
	for ; d > 0; d -= step {
		s.klarna.Advance(min(d, step))
		s.recovers(r)
	}
}

// passes is pass in a synctest bubble, in which wall-clock time passes, too.
func (s *scene) passes(r *replica, d, step time.Duration) {
	s.Helper()
	for ; d > 0; d -= step {
		<-time.After(min(d, step))
		s.klarna.Advance(min(d, step))
		s.recovers(r)
	}
}

// event returns an event about a payment request.
func event(eventType webhook.EventType, paymentRequestID, state string) *webhook.Event {
	return &webhook.Event{
		Metadata: webhook.Metadata{EventID: "event-1", EventType: eventType},
		Payload:  webhook.NewRawJSON(fmt.Sprintf(`{"payment_request_id":%q,"state":%q}`, paymentRequestID, state)),
	}
}

func completed(paymentRequestID string) *webhook.Event {
	return event(webhook.EventTypePaymentRequestCompleted, paymentRequestID, "COMPLETED")
}

// unknown fails the test unless err is that of a call with an unknown outcome.
func (s *scene) unknown(err error) {
	s.Helper()
	if e, ok := errors.AsType[*klarna.Error](err); !ok || e.Outcome != klarna.OutcomeUnknown {
		s.Fatalf("%v, want a *klarna.Error of unknown outcome", err)
	}
}

// undecided fails the test unless err reports a result that decides nothing.
func (s *scene) undecided(err error, result string) {
	s.Helper()
	if e, ok := errors.AsType[*flow.UndecidedError](err); !ok || e.Result != result {
		s.Fatalf("%v, want an *UndecidedError of %s", err, result)
	}
}

// notSent fails the test unless err is that of a call that was not sent.
func (s *scene) notSent(err error) {
	s.Helper()
	if e, ok := errors.AsType[*klarna.Error](err); !ok || e.Outcome != klarna.OutcomeNotSent {
		s.Fatalf("%v, want a *klarna.Error that was not sent", err)
	}
}

// record returns a purchase's record in the store.
func (s *scene) record(id string) flow.Record {
	s.Helper()
	r, err := s.memory.Load(s.Context(), id)
	if err != nil {
		s.Fatal(err)
	}
	return r
}

// unsealed returns the content of a purchase's seal.
func (s *scene) unsealed(id string) string {
	s.Helper()
	text, err := flow.Unsealed(klarna.NewSecret(sealSecret), s.record(id))
	if err != nil {
		s.Fatal(err)
	}
	return text
}

// readAll returns the body of an answer.
func readAll(answer *http.Response) (string, error) {
	text, err := io.ReadAll(answer.Body)
	return string(text), errors.Join(err, answer.Body.Close())
}
