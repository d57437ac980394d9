// Package journey shows the calls of a payment as they happen, between customer, Partner, Acquiring
// Partner and Klarna, in a sequence diagram on the page. It is part of the demonstration and not of
// a checkout.
package journey

import (
	"context"
	"net/http"
	"strings"
	"sync"

	"github.com/klarna-go/klarna-go/examples/internal/tap"
)

// Party takes part in a journey.
type Party string

// The parties, from left to right.
const (
	Customer Party = "Customer"
	Partner  Party = "Partner"
	Acquirer Party = "Acquiring Partner"
	Klarna   Party = "Klarna"
)

var parties = []Party{Customer, Partner, Acquirer, Klarna}

// Step is a call. It contains no token, name or key.
type Step struct {
	// Number counts from 1, in the order in which the calls began.
	Number int    `json:"number"`
	From   Party  `json:"from"`
	To     Party  `json:"to"`
	Call   string `json:"call"`
	With   string `json:"with"`
	// Result is "" until the call has ended.
	Result string `json:"result"`
	// Times is the number of times that the same call was made in a row.
	Times int `json:"times"`

	// version is the version of the journey at the last change of the step.
	version int
}

const (
	// mostJourneys, mostSteps and mostNames bound the memory.
	mostJourneys = 200
	mostSteps    = 200
	mostNames    = 50
)

// Journeys are the journeys of all orders.
type Journeys struct {
	sdk    string
	double bool

	closed chan struct{}
	close  func()

	mu     sync.Mutex
	named  map[string]*journey
	oldest []*journey
}

// New returns an empty set of journeys. sdk is the address of the browser SDK that [SDK] wraps.
// double reports whether it is the SDK of the built-in Klarna, with which a page can be shown with
// another presentation instruction.
func New(sdk string, double bool) *Journeys {
	closed := make(chan struct{})
	return &Journeys{sdk: sdk, double: double, closed: closed, close: sync.OnceFunc(func() { close(closed) }), named: map[string]*journey{}}
}

// Close ends all streams.
func (all *Journeys) Close() { all.close() }

// journey is the list of the calls for one order.
type journey struct {
	mu      sync.Mutex
	names   []string
	steps   []Step
	version int
	changed chan struct{} // closed with the next change
}

// find returns the journey with a name: the id of an order, a session or a payment request.
func (all *Journeys) find(name string) (*journey, bool) {
	all.mu.Lock()
	defer all.mu.Unlock()
	j, ok := all.named[name]
	return j, ok
}

// begin returns a journey without a name. It is not kept until it gets one.
func begin() *journey { return &journey{changed: make(chan struct{})} }

// name adds a name to a journey.
func (all *Journeys) name(j *journey, name string) {
	if name == "" {
		return
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, taken := all.named[name]; taken || len(j.names) == mostNames {
		return
	}
	if len(j.names) == 0 {
		if len(all.oldest) == mostJourneys {
			all.forget(all.oldest[0])
			all.oldest = all.oldest[1:]
		}
		all.oldest = append(all.oldest, j)
	}
	j.names = append(j.names, name)
	all.named[name] = j
}

func (all *Journeys) forget(j *journey) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, name := range j.names {
		delete(all.named, name)
	}
}

// record is a tap.Begin.
func (j *journey) record(from, to, call, with string) func(result string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if n := len(j.steps); n > 0 {
		if last := &j.steps[n-1]; string(last.From) == from && string(last.To) == to && last.Call == call && last.With == with && last.Result != "" {
			// A page that polls.
			last.Times++
			return j.ending(n - 1)
		}
	}
	if len(j.steps) >= mostSteps {
		return func(string) {}
	}
	j.steps = append(j.steps, Step{Number: len(j.steps) + 1, From: Party(from), To: Party(to), Call: call, With: with, Times: 1})
	j.touch(len(j.steps) - 1)
	return j.ending(len(j.steps) - 1)
}

func (j *journey) ending(i int) func(result string) {
	return func(result string) {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.steps[i].Result = result
		j.touch(i)
	}
}

func (j *journey) touch(i int) {
	j.version++
	j.steps[i].version = j.version
	close(j.changed)
	j.changed = make(chan struct{})
}

// since returns the steps that have changed since a version, the current version, and a channel
// that is closed at the next change.
func (j *journey) since(version int) (steps []Step, now int, changed <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, s := range j.steps {
		if s.version > version {
			steps = append(steps, s)
		}
	}
	return steps, j.version, j.changed
}

type contextKey struct{}

func with(ctx context.Context, j *journey) context.Context {
	return context.WithValue(ctx, contextKey{}, j)
}

// of returns the journey that a request belongs to: the journey of the request that caused it, or
// that of an order that it names.
func (all *Journeys) of(r *http.Request, body []byte) (*journey, bool) {
	if j, ok := r.Context().Value(contextKey{}).(*journey); ok {
		return j, true
	}
	for name := range strings.SplitSeq(r.URL.Path, "/") {
		if j, ok := all.find(name); ok {
			return j, true
		}
	}
	for _, name := range names(body) {
		if j, ok := all.find(name); ok {
			return j, true
		}
	}
	return nil, false
}

// Browsers records the requests of customers' browsers to a party. A request without an order
// begins a journey.
func (all *Journeys) Browsers(party Party, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		j, ok := all.of(r, nil)
		if !ok {
			j = begin()
		}
		tap.Begin(j.record).Handler(string(Customer), string(party), next).ServeHTTP(w, r.WithContext(with(r.Context(), j)))
	})
}
