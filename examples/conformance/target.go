package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
	"github.com/klarna-go/klarna-go/klarna/klarnatest/conformance"
)

// atDouble starts a built-in Klarna with everything that cases need: a simulated customer, a
// receiver of webhooks, and a clock that is moved instead of waiting.
func (o *options) atDouble(ctx context.Context) (closeTarget func(), err error) {
	double, err := klarnatest.Start()
	if err != nil {
		return nil, err
	}
	closeReceiver, err := o.receive(ctx, "127.0.0.1:0")
	if err != nil {
		double.Close()
		return nil, err
	}
	o.target.BaseURL, o.target.APIKey, o.target.PartnerAccountID = double.URL, double.APIKey, double.PartnerAccountID
	o.target.Username = "00000000-0000-4000-8000-000000000000" // any is accepted
	o.target.Customer = func(_ context.Context, v conformance.Visit) error {
		act := double.Approve
		if v.Deny {
			act = double.Decline
		}
		_, err := act(v.PaymentRequestID)
		return err
	}
	o.target.Wait = func(_ context.Context, d time.Duration) error {
		double.Advance(d)
		return nil
	}
	return func() {
		double.Close() // first, because it may be delivering
		closeReceiver()
	}, nil
}

// patience is the time that a person has to pay.
const patience = 10 * time.Minute

// atHost sets up a person as the customer and a receiver of webhooks, if the command line asks for
// them.
func (o *options) atHost(ctx context.Context, stdout io.Writer) (closeTarget func(), err error) {
	if o.interactive {
		o.target.Patience = patience
		o.target.Customer = func(_ context.Context, v conformance.Visit) error {
			act := "Approve the payment"
			if v.Deny {
				act = `Use an email address with "+denied" before the "@", so that Klarna denies the payment,`
			}
			_, err := fmt.Fprintf(stdout, "%s at this URL, within %v:\n\n  %s\n\n", act, patience, v.URL)
			return err
		}
	}
	o.target.WebhookURL = o.webhookURL
	switch {
	case o.listen == "":
		return func() {}, nil
	case o.webhookURL == "":
		return nil, errors.New("-listen needs -webhook-url, the URL at which Klarna reaches the address")
	}
	return o.receive(ctx, o.listen)
}

// receive starts a receiver of webhooks.
func (o *options) receive(ctx context.Context, address string) (closeReceiver func(), err error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("receive webhooks: %w", err)
	}
	o.target.Receiver = new(conformance.Receiver)
	if o.target.WebhookURL == "" {
		o.target.WebhookURL = "http://" + listener.Addr().String()
	}
	server := &http.Server{Handler: o.target.Receiver, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan struct{})
	go func() {
		defer close(served)
		// Serve returns http.ErrServerClosed after Close.
		_ = server.Serve(listener)
	}()
	return func() {
		_ = server.Close() // the program ends
		<-served
	}, nil
}
