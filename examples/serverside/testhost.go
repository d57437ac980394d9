package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
)

// playWithTestHost runs the journey with Klarna's test host and a person as the customer. It polls,
// because no webhook reaches a program on loopback.
func playWithTestHost(ctx context.Context, j *journal, kept *state, apiKey, account, baseURL string) (ending, error) {
	if strings.HasPrefix(apiKey, "klarna_live_") {
		return ending{}, errors.New("KLARNA_API_KEY is a live key; this example needs a test key")
	}
	s, err := setUp(ctx, j, kept, apiKey, account, baseURL, nil)
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
	if sentTo != "" {
		j.say("Open this URL to pay with Klarna's test environment:\n\n  " + sentTo + "\n\nWaiting for the payment; Ctrl-C cancels it.")
	}
	p, err := s.await(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return ending{}, s.giveUp(ctx)
		}
		return ending{}, err
	}
	if p.State == flow.StateRejected {
		return ending{}, s.cause(errors.New("the payment was refused"))
	}
	if p.State != flow.StateAuthorized {
		return ending{Outcome: "payment " + string(statuses[p.State])}, nil
	}
	if err := s.fulfill(ctx); err != nil {
		return ending{}, s.cause(err)
	}
	return ending{Outcome: "payment approved", PaymentTransactionID: p.PaymentTransactionID}, nil
}

// await reads the payment until its state is final.
func (s *stage) await(ctx context.Context) (*flow.Status, error) {
	again := time.NewTicker(2 * time.Second)
	defer again.Stop()
	for {
		p, err := s.gateway.coordinator.HandleReturn(ctx, s.paymentID)
		if err != nil || p.State.Final() {
			return p, err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// giveUp cancels the payment after the program was interrupted, so that it cannot be completed in
// the browser later. It returns the error that the program prints.
func (s *stage) giveUp(ctx context.Context) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer stop()
	p, err := s.gateway.coordinator.Cancel(ctx, s.paymentID)
	switch {
	case err != nil:
		return fmt.Errorf("interrupted, and the payment request could not be canceled: %w", err)
	case p.State != flow.StateCanceled:
		return fmt.Errorf("interrupted; the payment is %s", p.State)
	}
	return errors.New("interrupted; the payment request is canceled")
}
