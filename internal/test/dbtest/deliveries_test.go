package dbtest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/internal/test/dbtest"
	"github.com/klarna-go/klarna-go/webhook"
	"github.com/klarna-go/klarna-go/webhook/sqlstore"
)

// Klarna delivers an event once and, until it is answered, up to six more times.
const attempts = 1 + 6

// delivery is one of Klarna's deliveries, with as many attempts as it needs.
type delivery struct {
	event int
	// unheard means that the first answer is lost: the receiver's context ends when the event has
	// been processed.
	unheard bool
}

// plan is how often the receiver of an event fails before it succeeds, and how.
type plan struct{ failures, kind int }

// TestEachEventIsProcessedOnce makes 100,000 deliveries of 30,000 events to two replicas that share
// a PostgreSQL database. The deliveries are out of order, and many happen at the same time.
// Receivers fail and panic, answers are lost, and a delivery that was not answered with 2xx is
// repeated. Each event must be processed successfully exactly once. With the race detector and with
// -short the numbers are a tenth of these.
//
// DBTEST_SEED repeats a run.
func TestEachEventIsProcessedOnce(t *testing.T) {
	deliveries, events := 100_000, 30_000
	if raceEnabled || testing.Short() {
		deliveries, events = deliveries/10, events/10
	}
	seed := rand.Uint64()
	if text, ok := os.LookupEnv("DBTEST_SEED"); ok {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	server := dbtest.StartPostgres(t)
	name := server.NewDatabase(t)
	run := newRun(seed, deliveries, events)
	for range 2 {
		db := server.Open(t, name)
		db.SetMaxOpenConns(senders)
		db.SetMaxIdleConns(senders)
		store, err := sqlstore.New(db, sqlstore.DialectPostgreSQL)
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		run.addReplica(t, webhook.Once(store, time.Minute, run.receive))
	}
	begin := time.Now()
	lost := run.deliver(t)
	took := time.Since(begin)

	sent := 0
	for _, n := range run.answers {
		sent += n
	}
	t.Logf("%d deliveries of %d events, in %d attempts: %d duplicates, %d failures and %d panics of receivers, %d in flight, %d answers unheard; answers %v; %v; DBTEST_SEED=%d",
		deliveries, events, sent, deliveries-events, run.failed.Load(), run.panicked.Load(), run.answers[http.StatusServiceUnavailable], run.unheard, run.answers, took.Round(time.Millisecond), seed)
	if lost > 0 {
		t.Errorf("%d deliveries were given up", lost)
	}
	wrong := 0
	for event := range run.succeeded {
		if n := run.succeeded[event].Load(); n != 1 {
			if wrong++; wrong <= 5 {
				t.Errorf("event %d was processed %d times", event, n)
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d events were not processed exactly once", wrong, events)
	}
	// Otherwise the test would prove nothing.
	if run.failed.Load() == 0 || run.panicked.Load() == 0 || run.unheard == 0 || run.answers[http.StatusServiceUnavailable] == 0 {
		t.Error("no receiver failed, none panicked, no answer was lost, or no duplicate met its event in flight")
	}
}

// senders is the number of concurrent deliveries to each replica.
const senders = 12

type run struct {
	random   *rand.Rand
	plans    []plan
	schedule []delivery
	replicas []http.Handler

	calls, succeeded []atomic.Int32 // by event
	failed, panicked atomic.Int32
	unheard          int
	answers          map[int]int
}

func newRun(seed uint64, deliveries, events int) *run {
	random := rand.New(rand.NewPCG(seed, 0))
	r := &run{
		random: random, plans: make([]plan, events),
		calls: make([]atomic.Int32, events), succeeded: make([]atomic.Int32, events),
		answers: make(map[int]int),
	}
	for i := range r.plans {
		if random.IntN(4) == 0 {
			r.plans[i] = plan{failures: 1 + random.IntN(3), kind: random.IntN(4)}
		}
	}
	// Half of the duplicates immediately follow another delivery of the event. The others come at
	// any time before or after it.
	type placed struct {
		delivery
		at float64
	}
	var all []placed
	for i := range deliveries {
		d := placed{delivery{event: i, unheard: random.IntN(20) == 0}, random.Float64()}
		if i >= events {
			d.event = random.IntN(events)
			if i%2 == 0 {
				other := all[random.IntN(len(all))]
				d.event, d.at = other.event, other.at+float64(random.IntN(10))/float64(deliveries)
			}
		}
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b placed) int {
		if a.at < b.at {
			return -1
		}
		return 1
	})
	for _, d := range all {
		r.schedule = append(r.schedule, d.delivery)
	}
	return r
}

var signingKey = webhook.Key{ID: "krn:partner:global:notification:signing-key:1", Secret: webhook.NewSecret("c2VjcmV0LWtleS1vZi10aGlydHktdHdvLWJ5dGVz")}

func (r *run) addReplica(t *testing.T, receive webhook.Receiver) {
	t.Helper()
	verifier, err := webhook.NewVerifier(signingKey)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := webhook.NewHandler(verifier, receive, webhook.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	r.replicas = append(r.replicas, handler)
}

// leave is the key of the context value that ends the context.
type leave struct{}

func (r *run) receive(ctx context.Context, event *webhook.Event) error {
	n, err := strconv.Atoi(strings.TrimPrefix(event.Metadata.EventID, "event-"))
	if err != nil {
		return err
	}
	if p := r.plans[n]; int(r.calls[n].Add(1)) <= p.failures {
		switch p.kind {
		case 0:
			r.panicked.Add(1)
			panic("a panic")
		case 1:
			r.panicked.Add(1)
			panic(errors.New("a panic"))
		default:
			r.failed.Add(1)
			return errors.New("a failure")
		}
	}
	r.succeeded[n].Add(1)
	if cancel, ok := ctx.Value(leave{}).(context.CancelFunc); ok {
		cancel()
	}
	return nil
}

// deliver sends the schedule, repeats what was not answered up to six times, and returns how many
// deliveries were never answered.
func (r *run) deliver(t *testing.T) (lost int) {
	for attempt := range attempts {
		if len(r.schedule) == 0 {
			break
		}
		unanswered := make(chan delivery, len(r.schedule))
		queue := make(chan delivery)
		var mu sync.Mutex
		var workers sync.WaitGroup
		for worker := range senders * len(r.replicas) {
			workers.Go(func() {
				for d := range queue {
					status, err := r.send(t.Context(), r.replicas[worker%len(r.replicas)], d)
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					r.answers[status]++
					if d.unheard {
						r.unheard++
					}
					mu.Unlock()
					if d.unheard || status/100 != 2 {
						unanswered <- delivery{event: d.event}
					}
				}
			})
		}
		for _, d := range r.schedule {
			queue <- d
		}
		close(queue)
		workers.Wait()
		close(unanswered)
		r.schedule = r.schedule[:0]
		for d := range unanswered {
			r.schedule = append(r.schedule, d)
		}
		r.random.Shuffle(len(r.schedule), func(i, j int) { r.schedule[i], r.schedule[j] = r.schedule[j], r.schedule[i] })
		t.Logf("attempt %d: %d to be delivered again", attempt+1, len(r.schedule))
	}
	return len(r.schedule)
}

func (r *run) send(ctx context.Context, replica http.Handler, d delivery) (status int, err error) {
	if d.unheard {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		ctx = context.WithValue(ctx, leave{}, cancel)
	}
	request, err := webhook.NewTestRequest(ctx, "/klarna/webhook", signingKey, webhook.Metadata{
		EventID: fmt.Sprintf("event-%d", d.event), EventType: webhook.EventTypePaymentRequestCompleted, EventVersion: "v2",
	}, map[string]any{"payment_request_id": fmt.Sprintf("krn:payment:eu1:request:%d", d.event), "state": "COMPLETED"})
	if err != nil {
		return 0, err
	}
	w := httptest.NewRecorder()
	replica.ServeHTTP(w, request)
	return w.Code, nil
}
