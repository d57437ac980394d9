package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// Processes is how KillAtRandom goes.
type Processes struct {
	Store     string
	Seed      int64
	Purchases int
	Replicas  int
	// Start starts a replica, which calls Serve.
	Start func(s Surroundings) (*Process, error)
	// Silence lets one of the connections to the store fall silent, if there is one; nil for none.
	Silence func()
	// Last is the store, for the one that is left in the end.
	Last flow.Store
}

// Process is a replica that is a process of its own.
type Process struct {
	Address string
	// Kill ends it at once, as a power failure does. Stop lets it stand still, and Continue go on.
	Kill, Stop, Continue func()
}

const (
	// scale makes a lease a third of a second, which is still much longer than a call.
	scale = 60
	// arrivals is how much of purchases' time passes between two customers.
	arrivals = 1500 * time.Millisecond
)

// KillAtRandom is AtRandom with replicas that are processes of their own, on a Klarna that they
// reach over the network. They are killed at any moment and started again, or stopped for longer
// than a lease and then go on, connections to the store fall silent, and their clocks differ. It
// goes by the machine's time.
func KillAtRandom(ctx context.Context, config Processes) (*Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h := &herd{config: config, dice: dice{random: newRandom(config.Seed, 1)}}
	mail := &postman{fate: h.fate, pick: func() http.Handler { return h.pick() }}
	shop, err := newShop(mail, klarnatest.WithoutSocket(), klarnatest.WithSeed(config.Seed))
	if err != nil {
		return nil, err
	}
	defer shop.Klarna.Close()
	shop.loseMail()
	shop.scale = scale
	h.shop = shop
	server, err := h.listen(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = server.Close() }()

	defer h.killAll()
	for range config.Replicas {
		if err := h.start(len(h.replicas)); err != nil {
			return nil, err
		}
	}
	stormy, calm := context.WithCancel(ctx)
	var background sync.WaitGroup
	background.Go(func() { h.passTime(stormy) })
	var killing error
	background.Go(func() { killing = h.killAtRandom(stormy) })
	shop.open(ctx, config.Seed, config.Purchases, arrivals, func() Replica { return h.pick() })
	mail.underWay.Wait()
	calm()
	background.Wait()
	h.killAll()
	if killing != nil {
		return nil, killing
	}
	return h.conclude(ctx)
}

// herd are the processes.
type herd struct {
	config Processes
	shop   *Shop
	dice   dice
	around Surroundings

	mu        sync.Mutex
	replicas  []*remote
	processes []*Process
}

// listen answers the replicas: for Klarna, and for the shop.
func (h *herd) listen(ctx context.Context) (*http.Server, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	url := "http://" + listener.Addr().String()
	h.around = Surroundings{
		KlarnaURL: url, APIKey: h.shop.Klarna.APIKey,
		SigningKeyID: h.shop.signingKey.ID, SigningKey: h.shop.signingKey.Secret.Reveal(),
		ReportURL: url + "/report",
		Epoch:     h.shop.Klarna.Now(), Start: time.Now(), Scale: scale,
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/v2/", h.klarna)
	mux.HandleFunc("POST /report", h.report)
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: mux}
	go func() { _ = server.Serve(listener) }()
	return server, nil
}

// klarna lets something go wrong with one call of twelve.
func (h *herd) klarna(w http.ResponseWriter, r *http.Request) {
	op := operationOf(r)
	if atTheDouble(op) == "authorization.authorize" {
		h.shop.authorizeCalls.Add(1)
	}
	if h.dice.roll(12) == 0 {
		all := harms(op)
		if fault, ok := all[h.dice.roll(len(all))].fault(op, h.shop.machine(holdFor)); ok {
			h.shop.Klarna.Script(fault)
			h.shop.faults.Add(1)
		}
	}
	response, err := h.shop.Klarna.Transport().RoundTrip(r)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer response.Body.Close()
	maps.Copy(w.Header(), response.Header)
	w.Header().Set("Content-Length", strconv.FormatInt(response.ContentLength, 10))
	w.WriteHeader(response.StatusCode)
	if _, err := io.Copy(w, response.Body); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// report takes callbacks, of which some fail, with their work done or not, and some are not
// answered.
func (h *herd) report(w http.ResponseWriter, r *http.Request) {
	var t flow.Transition
	if err := json.NewDecoder(r.Body).Decode(&t); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if h.dice.roll(500) == 0 {
		<-r.Context().Done()
		return
	}
	luck := h.dice.roll(50)
	if luck == 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	h.shop.Reported(t)
	if luck == 1 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	h.shop.confirmed(t) // as far as the shop can know
}

// start starts the i-th replica, or starts it again.
func (h *herd) start(i int) error {
	around := h.around
	around.Skew = skewOf(int(h.config.Seed%3), i)
	p, err := h.config.Start(around)
	if err != nil {
		return fmt.Errorf("chaos: start a replica: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if i == len(h.replicas) {
		h.replicas, h.processes = append(h.replicas, nil), append(h.processes, nil)
	}
	h.replicas[i], h.processes[i] = &remote{p.Address}, p
	return nil
}

func (h *herd) pick() *remote {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.replicas[h.dice.roll(len(h.replicas))]
}

func (h *herd) killAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.processes {
		p.Kill()
	}
	h.processes = nil
}

func (h *herd) killAtRandom(ctx context.Context) error {
	var stopped sync.WaitGroup
	defer stopped.Wait()
	for pause(ctx, h.betweenKills()); ctx.Err() == nil; pause(ctx, h.betweenKills()) {
		i := h.dice.roll(len(h.replicas))
		h.mu.Lock()
		p := h.processes[i]
		h.mu.Unlock()
		switch h.dice.roll(6) {
		case 0:
			h.shop.faults.Add(1)
			stopped.Go(func() {
				p.Stop()
				pause(ctx, h.shop.machine(stopFor))
				p.Continue()
			})
			continue
		case 1:
			if h.config.Silence != nil {
				h.config.Silence()
				h.shop.faults.Add(1)
			}
			continue
		}
		p.Kill()
		h.shop.crashes.Add(1)
		if err := h.start(i); err != nil {
			return err
		}
	}
	return nil
}

func (h *herd) betweenKills() time.Duration {
	return time.Duration(100+h.dice.roll(400)) * time.Millisecond
}

// passTime lets Klarna's time go as fast as the replicas'.
func (h *herd) passTime(ctx context.Context) {
	for ctx.Err() == nil {
		h.shop.Klarna.Advance(h.around.now().Sub(h.shop.Klarna.Now()))
		pause(ctx, 20*time.Millisecond)
	}
}

// fate is that of AtRandom, but that Klarna does not wait for most of the answers.
func (h *herd) fate(*purchase) (copies []time.Duration, isLost bool) {
	for h.dice.roll(3) == 0 {
		most := []time.Duration{time.Second, time.Minute, 10 * time.Minute}[h.dice.roll(3)]
		copies = append(copies, time.Duration(h.dice.roll(int(most))))
	}
	return copies, h.dice.roll(3) > 0
}

// conclude lets one that is left bring everything to an end, and checks it.
func (h *herd) conclude(ctx context.Context) (*Result, error) {
	k := h.shop.Klarna
	client, err := klarna.NewClient(k.APIKey, klarna.WithBaseURL(k.URL),
		klarna.WithHTTPClient(&http.Client{Transport: k.Transport()}), klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: 1}))
	if err != nil {
		return nil, err
	}
	// The clock of the replicas, which Klarna's may be a little behind of, went on.
	k.Advance(h.around.now().Sub(k.Now()))
	c, err := flow.New(client, h.config.Last, klarna.NewSecret(sealSecret), flow.WithAmountPolicy(acceptEven), flow.WithAbandonAfter(abandonAfter),
		flow.WithRecoveryRate(1e6), flow.WithClock(k.Now), flow.WithLogger(slog.New(slog.DiscardHandler)), flow.WithReport(func(_ context.Context, t flow.Transition) error {
			h.shop.Reported(t)
			h.shop.confirmed(t)
			return nil
		}))
	if err != nil {
		return nil, err
	}
	var failed error
	revive := func() {
		_, err := c.Recover(ctx)
		failed = errors.Join(failed, err)
	}
	if err := errors.Join(h.shop.bringToAnEnd(ctx, h.config.Last, revive, k.Advance), failed); err != nil {
		return nil, err
	}
	result, err := h.shop.result(ctx, h.config.Last, c)
	if err != nil {
		return nil, err
	}
	result.Store, result.Seed, result.Replicas = h.config.Store, h.config.Seed, h.config.Replicas
	return result, nil
}
