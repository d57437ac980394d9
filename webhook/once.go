package webhook

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Store remembers which events were processed, for several replicas. The module has one in memory
// and, in webhook/sqlstore, one over database/sql; webhook/storetest checks one of your own.
//
// Its methods are atomic: of any number of claims of one event at once, one is granted.
type Store interface {
	// Claim asks for the right to process an event until the lease ends. It is granted, with a token
	// that no other claim has, unless the event is completed or another claim's lease still runs.
	// Where it fails, the claim may have been granted all the same, so a Store that knows the token it
	// asked with returns it beside the error: Once then releases the claim. Otherwise nobody could
	// process the event before the lease ends.
	Claim(ctx context.Context, eventID string, lease time.Duration) (Claim, error)
	// Complete records that the event of a granted claim was processed. It returns ErrLostClaim, and
	// changes nothing, where the claim is no longer the event's: its lease ended and another was
	// granted.
	Complete(ctx context.Context, eventID, token string) error
	// Release gives a granted claim back, so that the event can be claimed at once. For a claim that
	// is no longer the event's it does nothing.
	Release(ctx context.Context, eventID, token string) error
}

// Claim is what a Store answers.
type Claim struct {
	Status ClaimStatus
	// Token tells this claim from others of the same event; only with ClaimStatusGranted.
	Token string
}

// ClaimStatus is how a claim ended.
type ClaimStatus int

// How a claim can end.
const (
	// ClaimStatusInFlight: another claim's lease runs.
	ClaimStatusInFlight ClaimStatus = iota
	// ClaimStatusGranted: process the event, then complete or release the claim.
	ClaimStatusGranted
	// ClaimStatusCompleted: the event was processed before.
	ClaimStatusCompleted
)

// ErrLostClaim is the error of a claim whose lease ended before its event was processed, and that
// another holds now.
var ErrLostClaim = errors.New("webhook: the claim of the event was lost")

// ErrInFlight is the error of an event that another call is processing. It may yet fail there, so
// the duplicate is not acknowledged: Klarna delivers it again later, when it is a duplicate of a
// finished event.
var ErrInFlight = errors.New("webhook: the event is being processed already")

// settleTimeout bounds what a store may take to complete or release a claim.
const settleTimeout = 10 * time.Second

// completeTries and completePause are how often, and after what pause, a processed event is
// recorded.
const (
	completeTries = 3
	completePause = 100 * time.Millisecond
)

// Once returns a Receiver that hands an event to receive unless that was done before, to success,
// on any replica that shares the store. Events are told apart by the event_id inside the signed
// body and by nothing unsigned.
//
// The lease is how long receive may take; its context ends with it. A receiver that fails or panics
// releases the event, one that dies with its process does so when the lease ends, and Klarna's
// retry processes it again. What receive does must therefore bear to be done again where it was
// done in part, or where it was done and the store could not be told. A minute and a half is a good
// lease: longer than any run, and shorter than the two minutes after which Klarna delivers for the
// third time. It delivers for the fourth time a quarter of an hour later, and an event whose claim
// was lost would wait for that.
//
// Like http.Handle, Once panics where it could never work: without a store, a receiver or a lease.
func Once(store Store, lease time.Duration, receive Receiver) Receiver {
	switch {
	case store == nil:
		panic("webhook: Once: the store is nil")
	case lease <= 0:
		panic(fmt.Sprintf("webhook: Once: the lease is %v and not above 0", lease))
	case receive == nil:
		panic("webhook: Once: the receiver is nil")
	}
	return func(ctx context.Context, event *Event) (err error) {
		id := event.Metadata.EventID
		// Taken before the claim, so that the receiver's time is over before the lease is, however long
		// the store takes to answer.
		end := time.Now().Add(lease)
		claim, err := store.Claim(ctx, id, lease)
		// This must reach the store even if the sender has left, and a store that hangs must not hold the
		// delivery.
		settle := func(how func(ctx context.Context, eventID, token string) error) error {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
			defer cancel()
			return how(ctx, id, claim.Token)
		}
		if err != nil {
			if claim.Token != "" {
				// It may have been granted, and the answer was lost.
				err = errors.Join(err, settle(store.Release))
			}
			return fmt.Errorf("webhook: claim: %w", err)
		}
		switch claim.Status {
		case ClaimStatusGranted:
		case ClaimStatusCompleted:
			return nil
		default:
			return ErrInFlight
		}
		processed := false
		defer func() {
			if processed {
				return
			}
			// Also on the way of a panic, which goes on from here.
			if releaseErr := settle(store.Release); releaseErr != nil && err != nil {
				err = errors.Join(err, fmt.Errorf("webhook: release: %w", releaseErr))
			}
		}()
		leased, cancel := context.WithDeadline(ctx, end)
		defer cancel()
		if err := receive(leased, event); err != nil {
			return err
		}
		processed = true
		// What was processed and not recorded would be processed again: a store's hiccup is waited out.
		if err := settle(func(ctx context.Context, eventID, token string) error {
			for try := 1; ; try++ {
				err := store.Complete(ctx, eventID, token)
				if err == nil || try == completeTries || ctx.Err() != nil || errors.Is(err, ErrLostClaim) {
					return err
				}
				<-time.After(completePause)
			}
		}); err != nil {
			return fmt.Errorf("webhook: complete: %w", err)
		}
		return nil
	}
}
