package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// playWithTestHost plays the journey with Klarna's test host and a person as the customer. No webhook reaches a program on
// loopback, so it polls.
func playWithTestHost(ctx context.Context, j *journal, apiKey, account, baseURL string) (ending, error) {
	if strings.HasPrefix(apiKey, "klarna_live_") {
		return ending{}, errors.New("KLARNA_API_KEY is a live key; this example moves test money alone")
	}
	s, err := setUp(ctx, j, apiKey, account, baseURL, nil)
	if s != nil {
		defer s.close()
	}
	if err != nil {
		return ending{}, err
	}
	sentTo, err := s.customer.chooseKlarna(ctx, "")
	if err != nil {
		return ending{}, s.cause(err)
	}
	p := s.gateway.only()
	if sentTo != "" {
		j.say("Open this URL to pay with Klarna's test environment:\n\n  " + sentTo + "\n\nWaiting for the payment; Ctrl-C cancels it.")
		if err := s.gateway.await(ctx, p); err != nil {
			if ctx.Err() != nil {
				return ending{}, s.gateway.giveUp(ctx, p)
			}
			return ending{}, err
		}
	}
	if p.status != approved {
		return ending{Outcome: "payment " + string(p.status)}, nil
	}
	return ending{Outcome: "payment approved", PaymentTransactionID: p.transactionID}, nil
}

// only is the one payment of this program.
func (g *gateway) only() *payment {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range g.payments {
		return p
	}
	return nil
}

// await polls the payment request until the customer can no longer act, and settles the payment.
func (g *gateway) await(ctx context.Context, p *payment) error {
	if _, err := g.authorizations.WaitPaymentRequest(ctx, p.paymentRequestID); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return g.settle(ctx, p)
}

// giveUp cancels the payment when the program is interrupted, so that no forgotten tab completes it. It returns what the
// program has to say.
func (g *gateway) giveUp(ctx context.Context, p *payment) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := g.cancel(ctx, p); err != nil {
		return fmt.Errorf("interrupted, and the payment request could not be canceled: %w", err)
	}
	return errors.New("interrupted; the payment request is canceled")
}
