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

// Processes configures [KillAtRandom].
type Processes struct {
	Store     string
	Seed      int64
	Purchases int
	Replicas  int
	// Operations makes the clients capture, refund, void, extend and update after the approval.
	Operations bool
	// Start starts a replica, which calls [Serve].
	Start func(s Surroundings) (*Process, error)
	// Silence makes one of the connections to the store stop answering, if one exists. Nil does
	// nothing.
	Silence func()
	// Last is the store of the replica that finishes the run.
	Last flow.Store
}

// Process is a replica in a process of its own.
type Process struct {
	Address string
	// Kill ends it immediately, as a power failure does. Stop suspends it, and Continue resumes it.
	Kill, Stop, Continue func()
}

const (
	// scale makes a lease a third of a second long, which is still much longer than a call.
	scale = 60
	// arrivals is the average time of the purchases between two customers.
	arrivals = 1500 * time.Millisecond
)

// KillAtRandom is [AtRandom] with replicas that are separate processes and reach Klarna over the
// network. They are killed at any moment and started again, or stopped for longer than a lease and
// continued. Connections to the store stop answering, and clocks differ. It runs on wall-clock
// time.
func KillAtRandom(ctx context.Context, config Processes) (*Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h := &processGroup{config: config, random: lockedRand{random: newRandom(config.Seed, 1)}}
	courier := &courier{fate: h.fate, pick: func() http.Handler { return h.pick() }}
	world, err := newWorld(courier, klarnatest.WithoutSocket(), klarnatest.WithSeed(config.Seed))
	if err != nil {
		return nil, err
	}
	defer world.Klarna.Close()
	world.disturbWebhooks()
	world.scale = scale
	if config.Operations {
		world.operate()
	}
	h.world = world
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
	world.open(ctx, config.Seed, config.Purchases, arrivals, func() Replica { return h.pick() })
	courier.underWay.Wait()
	calm()
	background.Wait()
	h.killAll()
	if killing != nil {
		return nil, killing
	}
	return h.conclude(ctx)
}

// processGroup is the set of processes.
type processGroup struct {
	config Processes
	world  *World
	random lockedRand
	around Surroundings

	mu        sync.Mutex
	replicas  []*remote
	processes []*Process
}

// listen serves Klarna and the world to the replicas.
func (h *processGroup) listen(ctx context.Context) (*http.Server, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	url := "http://" + listener.Addr().String()
	h.around = Surroundings{
		KlarnaURL: url, APIKey: h.world.Klarna.APIKey,
		SigningKeyID: h.world.signingKey.ID, SigningKey: h.world.signingKey.Secret.Reveal(),
		ReportURL: url + "/report",
		Epoch:     h.world.Klarna.Now(), Start: time.Now(), Scale: scale,
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/v2/", h.klarna)
	mux.HandleFunc("POST /report", h.report)
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: mux}
	go func() { _ = server.Serve(listener) }()
	return server, nil
}

// klarna makes one call of twelve fail.
func (h *processGroup) klarna(w http.ResponseWriter, r *http.Request) {
	op := operationOf(r)
	if doubleOperation(op) == "authorization.authorize" {
		h.world.authorizeCalls.Add(1)
	}
	if h.random.intN(12) == 0 {
		all := failuresOf(op)
		if fault, ok := all[h.random.intN(len(all))].fault(op, h.world.wallTime(holdFor)); ok {
			h.world.Klarna.Script(fault)
			h.world.faults.Add(1)
		}
	}
	response, err := h.world.Klarna.Transport().RoundTrip(r)
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

// report receives callbacks. Some fail, before or after their effect, and some are not answered.
func (h *processGroup) report(w http.ResponseWriter, r *http.Request) {
	var t flow.Transition
	if err := json.NewDecoder(r.Body).Decode(&t); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if h.random.intN(500) == 0 {
		<-r.Context().Done()
		return
	}
	outcome := h.random.intN(50)
	if outcome == 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	h.world.Reported(t)
	if outcome == 1 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	h.world.confirmed(t) // as far as clients can know
}

// start starts the i-th replica, or starts it again.
func (h *processGroup) start(i int) error {
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

func (h *processGroup) pick() *remote {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.replicas[h.random.intN(len(h.replicas))]
}

func (h *processGroup) killAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.processes {
		p.Kill()
	}
	h.processes = nil
}

func (h *processGroup) killAtRandom(ctx context.Context) error {
	var stopped sync.WaitGroup
	defer stopped.Wait()
	for pause(ctx, h.betweenKills()); ctx.Err() == nil; pause(ctx, h.betweenKills()) {
		i := h.random.intN(len(h.replicas))
		h.mu.Lock()
		p := h.processes[i]
		h.mu.Unlock()
		switch h.random.intN(6) {
		case 0:
			h.world.faults.Add(1)
			stopped.Go(func() {
				p.Stop()
				pause(ctx, h.world.wallTime(stopFor))
				p.Continue()
			})
			continue
		case 1:
			if h.config.Silence != nil {
				h.config.Silence()
				h.world.faults.Add(1)
			}
			continue
		}
		p.Kill()
		h.world.crashes.Add(1)
		if err := h.start(i); err != nil {
			return err
		}
	}
	return nil
}

func (h *processGroup) betweenKills() time.Duration {
	return time.Duration(100+h.random.intN(400)) * time.Millisecond
}

// passTime makes Klarna's time pass as fast as that of the replicas.
func (h *processGroup) passTime(ctx context.Context) {
	for ctx.Err() == nil {
		h.world.Klarna.Advance(h.around.now().Sub(h.world.Klarna.Now()))
		pause(ctx, 20*time.Millisecond)
	}
}

// fate is that of [AtRandom], but Klarna does not wait for most of the answers.
func (h *processGroup) fate(*purchase) (copies []time.Duration, isLost bool) {
	for h.random.intN(3) == 0 {
		most := []time.Duration{time.Second, time.Minute, 10 * time.Minute}[h.random.intN(3)]
		copies = append(copies, time.Duration(h.random.intN(int(most))))
	}
	return copies, h.random.intN(3) > 0
}

// conclude makes one remaining replica bring every purchase to a final state, and checks the
// result.
func (h *processGroup) conclude(ctx context.Context) (*Result, error) {
	k := h.world.Klarna
	client, err := klarna.NewClient(k.APIKey, klarna.WithBaseURL(k.URL), klarna.WithLogger(slog.New(slog.DiscardHandler)),
		klarna.WithHTTPClient(&http.Client{Transport: k.Transport()}), klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: 1}))
	if err != nil {
		return nil, err
	}
	// Klarna's clock may be a little behind the clock of the replicas, which has continued.
	k.Advance(h.around.now().Sub(k.Now()))
	c, err := flow.New(client, h.config.Last, klarna.NewSecret(sealSecret), flow.WithAmountPolicy(acceptEven), flow.WithAbandonAfter(abandonAfter),
		flow.WithRecoveryRate(1e6), flow.WithClock(k.Now), flow.WithLogger(slog.New(slog.DiscardHandler)), flow.WithReport(func(_ context.Context, t flow.Transition) error {
			h.world.Reported(t)
			h.world.confirmed(t)
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
	if err := errors.Join(h.world.finishAll(ctx, h.config.Last, revive, k.Advance), failed); err != nil {
		return nil, err
	}
	result, err := h.world.result(ctx, h.config.Last, c)
	if err != nil {
		return nil, err
	}
	result.Store, result.Seed, result.Replicas = h.config.Store, h.config.Seed, h.config.Replicas
	return result, nil
}
