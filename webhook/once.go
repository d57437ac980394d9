package webhook

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Store records which events are processed, for all replicas that share it. [MemoryStore] is a
// Store in memory, and package webhook/sqlstore has one over database/sql. Package
// webhook/storetest checks your own.
//
// The methods are atomic: of several concurrent claims of one event, one is granted.
type Store interface {
	// Claim requests the right to process an event until the lease ends. The claim is granted, with
	// a unique token, unless the event is completed or the lease of another claim runs.
	//
	// If Claim returns an error, the claim may have been granted. A Store that knows the token of
	// the claim returns it together with the error, and [Once] releases the claim. Otherwise no
	// replica can process the event before the lease ends.
	Claim(ctx context.Context, eventID string, lease time.Duration) (Claim, error)
	// Complete records that the event of a granted claim is processed. If the lease ended and
	// another claim was granted, it returns [ErrLostClaim] and changes nothing.
	Complete(ctx context.Context, eventID, token string) error
	// Release ends a granted claim, so that the event can be claimed again immediately. It does
	// nothing if another claim was granted meanwhile.
	Release(ctx context.Context, eventID, token string) error
}

// Claim is the result of [Store].Claim.
type Claim struct {
	Status ClaimStatus
	// Token identifies this claim among those of the event. It is set with ClaimStatusGranted.
	Token string
}

// ClaimStatus is the status of a [Claim].
type ClaimStatus int

// The statuses of a claim.
const (
	// ClaimStatusInFlight means that the lease of another claim runs.
	ClaimStatusInFlight ClaimStatus = iota
	// ClaimStatusGranted means that the caller processes the event, and then completes or releases
	// the claim.
	ClaimStatusGranted
	// ClaimStatusCompleted means that the event was processed before.
	ClaimStatusCompleted
)

// ErrLostClaim reports that the lease of a claim ended before the event was processed, and that
// another claim was granted.
var ErrLostClaim = errors.New("webhook: the claim of the event was lost")

// ErrInFlight reports that another call is processing the event. That call may fail, so the
// duplicate is not acknowledged and Klarna delivers it again.
var ErrInFlight = errors.New("webhook: the event is being processed already")

// settleTimeout bounds the completion or release of a claim.
const settleTimeout = 10 * time.Second

// completeAttempts is the number of attempts to record a processed event, completePause the pause
// between them.
const (
	completeAttempts = 3
	completePause    = 100 * time.Millisecond
)

// Once returns a [Receiver] that passes each event to receive until receive succeeds once, on any
// of the replicas that share the store. It identifies an event by the event_id in the signed body.
//
// The lease is the longest time that receive may take; the context of receive ends with it. If
// receive fails or panics, Once releases the claim. If the process ends, the claim ends with the
// lease. In both cases Klarna delivers the event again, and receive processes it again.
//
// Make receive idempotent: it is called again if it failed halfway, and if it succeeded and the
// store could not record it.
//
// A good lease is 90 seconds. It is longer than most receivers take, and shorter than the two
// minutes between Klarna's second and third delivery. A longer lease of a process that ended makes
// the event wait for the fourth delivery, 15 minutes later.
//
// Once panics if store or receive is nil, or if the lease is 0 or less.
func Once(store Store, lease time.Duration, receive Receiver) Receiver {
	switch {
	case store == nil:
		panic("webhook: Once: the store is nil")
	case lease <= 0:
		panic(fmt.Sprintf("webhook: Once: the lease is %v, want more than 0", lease))
	case receive == nil:
		panic("webhook: Once: the receiver is nil")
	}
	return func(ctx context.Context, event *Event) (err error) {
		id := event.Metadata.EventID
		// The deadline is computed before the claim, so that the receiver's context ends before the
		// lease, even if the store answers slowly.
		deadline := time.Now().Add(lease)
		claim, err := store.Claim(ctx, id, lease)
		// settle completes or releases the claim. It continues if the sender closed the connection,
		// and stops if the store hangs.
		settle := func(call func(ctx context.Context, eventID, token string) error) error {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
			defer cancel()
			return call(ctx, id, claim.Token)
		}
		if err != nil {
			if claim.Token != "" {
				// The claim may have been granted although its answer was lost.
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
			// This also runs while receive panics. The panic continues.
			if releaseErr := settle(store.Release); releaseErr != nil && err != nil {
				err = errors.Join(err, fmt.Errorf("webhook: release: %w", releaseErr))
			}
		}()
		leaseCtx, cancel := context.WithDeadline(ctx, deadline)
		defer cancel()
		if err := receive(leaseCtx, event); err != nil {
			return err
		}
		processed = true
		// An event that is processed and not recorded is processed again, so a brief failure of the
		// store is retried.
		if err := settle(func(ctx context.Context, eventID, token string) error {
			for attempt := 1; ; attempt++ {
				err := store.Complete(ctx, eventID, token)
				if err == nil || attempt == completeAttempts || ctx.Err() != nil || errors.Is(err, ErrLostClaim) {
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
