package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/webhook"
)

// Surroundings are the settings of a replica that is a separate process.
type Surroundings struct {
	KlarnaURL, APIKey        string
	SigningKeyID, SigningKey string
	// ReportURL receives callbacks.
	ReportURL string
	// The time of the purchases was Epoch when the wall clock was at Start, and passes Scale times
	// faster.
	Epoch, Start time.Time
	Scale        int64
	// Skew is how far the replica's clock is ahead of the purchases' time.
	Skew time.Duration
}

// now returns the time of the purchases by the replica's clock.
func (s *Surroundings) now() time.Time {
	return s.Epoch.Add(time.Duration(s.Scale*time.Since(s.Start).Nanoseconds()) + s.Skew)
}

// remoteCall is a client's call of such a replica, and remoteAnswer is the answer.
type remoteCall struct {
	ID           string                        `json:"id"`
	Account      string                        `json:"account,omitempty"`
	Request      authorization.AuthorizeParams `json:"request,omitzero"`
	SessionToken string                        `json:"session_token,omitempty"`
	Order        Order                         `json:"order,omitzero"`
}

type remoteAnswer struct {
	Status    *flow.Status
	Operation *flow.Operation
	Error     string
	// Klarnas, Rejected, Impossible and Other are what the error is.
	Klarnas, Rejected, Impossible, Other bool
}

// Serve runs a replica in a process of its own. It calls ready with its address, and returns when
// ctx ends.
func Serve(ctx context.Context, s Surroundings, store flow.Store, ready func(address string)) error {
	quiet := slog.New(slog.DiscardHandler)
	client, err := klarna.NewClient(s.APIKey, klarna.WithBaseURL(s.KlarnaURL), klarna.WithLogger(quiet), klarna.WithRetries(klarna.RetryPolicy{
		MaxAttempts: 2, MinWait: 5 * time.Millisecond, MaxWait: 20 * time.Millisecond, MaxServerWait: 50 * time.Millisecond,
	}))
	if err != nil {
		return err
	}
	c, err := flow.New(client, store, klarna.NewSecret(sealSecret), flow.WithLogger(quiet), flow.WithReport(s.report),
		flow.WithAmountPolicy(acceptEven), flow.WithAbandonAfter(abandonAfter), flow.WithRecoveryRate(1e6), flow.WithClock(s.now))
	if err != nil {
		return err
	}
	verifier, err := webhook.NewVerifier(webhook.Key{ID: s.SigningKeyID, Secret: klarna.NewSecret(s.SigningKey)})
	if err != nil {
		return err
	}
	webhooks, err := webhook.NewHandler(verifier, c.HandleEvent, webhook.WithLogger(quiet))
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("POST /webhook", webhooks)
	mux.HandleFunc("POST /begin", answering(func(ctx context.Context, r remoteCall) (*flow.Status, error) {
		return c.Begin(ctx, flow.Purchase{ID: r.ID, PartnerAccountID: r.Account, Request: r.Request, SessionToken: klarna.NewSecret(r.SessionToken)})
	}))
	mux.HandleFunc("POST /return", answering(func(ctx context.Context, r remoteCall) (*flow.Status, error) { return c.HandleReturn(ctx, r.ID) }))
	mux.HandleFunc("POST /cancel", answering(func(ctx context.Context, r remoteCall) (*flow.Status, error) { return c.Cancel(ctx, r.ID) }))
	mux.HandleFunc("POST /operate", answeringWith(func(ctx context.Context, r remoteCall) (answer remoteAnswer, err error) {
		answer.Operation, err = r.Order.give(ctx, c, r.ID)
		return answer, err
	}))
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	go recoverOften(ctx, c)
	ready(listener.Addr().String())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// recoverOften is the recovery loop for a time that passes faster than the wall clock's.
func recoverOften(ctx context.Context, c *flow.Coordinator) {
	for ctx.Err() == nil {
		_, _ = c.Recover(ctx)
		pause(ctx, 50*time.Millisecond)
	}
}

func answering(call func(context.Context, remoteCall) (*flow.Status, error)) http.HandlerFunc {
	return answeringWith(func(ctx context.Context, r remoteCall) (answer remoteAnswer, err error) {
		answer.Status, err = call(ctx, r)
		return answer, err
	})
}

func answeringWith(call func(context.Context, remoteCall) (remoteAnswer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var asked remoteCall
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer, err := call(r.Context(), asked)
		if err != nil {
			answer.Rejected, answer.Impossible = errors.Is(err, flow.ErrRejected), errors.Is(err, flow.ErrImpossible)
			answer.Other = errors.Is(err, flow.ErrOtherOperation)
			_, answer.Klarnas = errors.AsType[*klarna.Error](err)
			answer.Error = err.Error()
		}
		_ = json.NewEncoder(w).Encode(answer) // the client may have gone
	}
}

func (s *Surroundings) report(ctx context.Context, t flow.Transition) error {
	response, err := post(ctx, s.ReportURL, t)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("chaos: the shop answered %d", response.StatusCode)
	}
	return nil
}

func post(ctx context.Context, url string, v any) (*http.Response, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	return local.Do(r)
}

// local reaches other processes of this machine. It keeps no connection, because the other process
// may be killed.
var local = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}

// remote is such a replica as the world sees it.
type remote struct{ address string }

func (r *remote) call(ctx context.Context, path string, call remoteCall) (*flow.Status, error) {
	answer, err := r.ask(ctx, path, call)
	return answer.Status, err
}

func (r *remote) ask(ctx context.Context, path string, call remoteCall) (answer remoteAnswer, err error) {
	response, err := post(ctx, "http://"+r.address+path, call)
	if err != nil {
		return answer, errDead // no client received the answer
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return remoteAnswer{}, errDead
	}
	switch {
	case answer.Rejected:
		return answer, flow.ErrRejected
	case answer.Impossible:
		return answer, flow.ErrImpossible
	case answer.Other:
		return answer, flow.ErrOtherOperation
	case answer.Klarnas:
		return answer, &klarna.Error{}
	case answer.Error != "":
		return answer, errors.New(answer.Error)
	}
	return answer, nil
}

// Operate implements Replica.
func (r *remote) Operate(ctx context.Context, purchaseID string, o Order) (*flow.Operation, error) {
	answer, err := r.ask(ctx, "/operate", remoteCall{ID: purchaseID, Order: o})
	return answer.Operation, err
}

// Begin implements Replica.
func (r *remote) Begin(ctx context.Context, p flow.Purchase) (*flow.Status, error) {
	return r.call(ctx, "/begin", remoteCall{
		ID: p.ID, Account: p.PartnerAccountID, Request: p.Request, SessionToken: p.SessionToken.Reveal(),
	})
}

// HandleReturn implements Replica.
func (r *remote) HandleReturn(ctx context.Context, id string) (*flow.Status, error) {
	return r.call(ctx, "/return", remoteCall{ID: id})
}

// Cancel implements Replica.
func (r *remote) Cancel(ctx context.Context, id string) (*flow.Status, error) {
	return r.call(ctx, "/cancel", remoteCall{ID: id})
}

// ServeHTTP passes a webhook on.
func (r *remote) ServeHTTP(w http.ResponseWriter, incoming *http.Request) {
	onward, err := http.NewRequestWithContext(incoming.Context(), http.MethodPost, "http://"+r.address+"/webhook", incoming.Body)
	if err == nil {
		onward.Header = incoming.Header.Clone()
		var response *http.Response
		if response, err = local.Do(onward); err == nil {
			defer response.Body.Close()
			_, _ = io.Copy(io.Discard, response.Body)
			w.WriteHeader(response.StatusCode)
			return
		}
	}
	w.WriteHeader(http.StatusBadGateway)
}
