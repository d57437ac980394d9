// Package storetest checks implementations of [webhook.Store], as testing/slogtest checks
// implementations of [log/slog.Handler].
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) webhook.Store { return newStore(t) })
//	}
package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/internal/storesuite"
	"github.com/klarna-go/klarna-go/webhook"
)

// Run checks a [webhook.Store]. It calls newStore once for each check and runs the check as a
// subtest. The stores may share a database and need not be empty, because each run uses its own
// ids. Run takes about a second plus the time of the calls, because it waits for the end of leases
// on the clock of the store.
func Run(t *testing.T, newStore func(t *testing.T) webhook.Store) {
	for _, c := range checks {
		storesuite.Run(t, c.name, checkTimeout, newStore, c.check)
	}
}

const (
	// longLease does not end during a check. The checks wait for the end of shortLease.
	longLease  = time.Hour
	shortLease = 200 * time.Millisecond
	// clockTolerance is how early a store with a coarse clock may end a lease.
	clockTolerance = 20 * time.Millisecond
	// checkTimeout ends a check of a store that hangs, or whose leases do not end.
	checkTimeout = 30 * time.Second
	// concurrentClaims is the number of concurrent claims of one event.
	concurrentClaims = 16
)

type check struct {
	name  string
	check func(ctx context.Context, s webhook.Store) error
}

var checks = []check{
	{"a claim is granted with a unique token", func(ctx context.Context, s webhook.Store) error {
		first, err := claim(ctx, s, storesuite.NewID(), longLease)
		if err != nil {
			return err
		}
		second, err := claim(ctx, s, storesuite.NewID(), longLease)
		if err != nil {
			return err
		}
		if first == "" || first == second {
			return fmt.Errorf("got the tokens %q and %q, want two different ones", first, second)
		}
		return nil
	}},
	{"one of many concurrent claims is granted", func(ctx context.Context, s webhook.Store) error {
		for range 20 {
			if err := checkOneGranted(ctx, s, storesuite.NewID()); err != nil {
				return err
			}
		}
		return nil
	}},
	{"one of many concurrent claims is granted after a lease has ended", func(ctx context.Context, s webhook.Store) error {
		var ids []string
		for range 5 {
			id := storesuite.NewID()
			if _, err := claim(ctx, s, id, shortLease); err != nil {
				return err
			}
			ids = append(ids, id)
		}
		if err := waitForLeases(ctx, s); err != nil {
			return err
		}
		for _, id := range ids {
			if err := checkOneGranted(ctx, s, id); err != nil {
				return err
			}
		}
		return nil
	}},
	{"an event is in flight until its lease ends, then it can be claimed again", func(ctx context.Context, s webhook.Store) error {
		id := storesuite.NewID()
		begin := time.Now()
		first, err := claim(ctx, s, id, shortLease)
		if err != nil {
			return err
		}
		second, err := claimWhenFree(ctx, s, id)
		if err != nil {
			return err
		}
		if after := time.Since(begin); after < shortLease-clockTolerance {
			return fmt.Errorf("a lease of %v ended after %v", shortLease, after)
		}
		if first == second {
			return errors.New("the new claim has the token of the old claim")
		}
		return checkStatus(ctx, s, id, webhook.ClaimStatusInFlight)
	}},
	{"a lease has the requested duration", func(ctx context.Context, s webhook.Store) error {
		ids := map[time.Duration]string{longLease: storesuite.NewID(), 100 * 365 * 24 * time.Hour: storesuite.NewID(), math.MaxInt64: storesuite.NewID()}
		for lease, id := range ids {
			if _, err := claim(ctx, s, id, lease); err != nil {
				return err
			}
		}
		if err := waitForLeases(ctx, s); err != nil {
			return err
		}
		for lease, id := range ids {
			if err := checkStatus(ctx, s, id, webhook.ClaimStatusInFlight); err != nil {
				return fmt.Errorf("a lease of %v: %w", lease, err)
			}
		}
		return nil
	}},
	{"a completed event stays completed", func(ctx context.Context, s webhook.Store) error {
		id := storesuite.NewID()
		token, err := claim(ctx, s, id, shortLease)
		if err != nil {
			return err
		}
		if err := s.Complete(ctx, id, token); err != nil {
			return fmt.Errorf("Complete: %w", err)
		}
		if err := checkStatus(ctx, s, id, webhook.ClaimStatusCompleted); err != nil {
			return err
		}
		if err := s.Release(ctx, id, token); err != nil {
			return fmt.Errorf("Release after Complete: %w", err)
		}
		if err := waitForLeases(ctx, s); err != nil {
			return err
		}
		return checkStatus(ctx, s, id, webhook.ClaimStatusCompleted)
	}},
	{"a released event can be claimed immediately, and its old token is invalid", func(ctx context.Context, s webhook.Store) error {
		id := storesuite.NewID()
		old, err := claim(ctx, s, id, longLease)
		if err != nil {
			return err
		}
		if err := s.Release(ctx, id, old); err != nil {
			return fmt.Errorf("Release: %w", err)
		}
		if err := checkLost(ctx, s, id, old); err != nil {
			return err
		}
		current, err := claim(ctx, s, id, longLease)
		if err != nil {
			return fmt.Errorf("after Release: %w", err)
		}
		return checkOutdatedToken(ctx, s, id, old, current)
	}},
	{"a lost claim completes and releases nothing", func(ctx context.Context, s webhook.Store) error {
		id := storesuite.NewID()
		old, err := claim(ctx, s, id, shortLease)
		if err != nil {
			return err
		}
		current, err := claimWhenFree(ctx, s, id)
		if err != nil {
			return err
		}
		return checkOutdatedToken(ctx, s, id, old, current)
	}},
	{"a claim completes after its lease has ended if no other claim was granted", func(ctx context.Context, s webhook.Store) error {
		id := storesuite.NewID()
		token, err := claim(ctx, s, id, shortLease)
		if err != nil {
			return err
		}
		if err := waitForLeases(ctx, s); err != nil {
			return err
		}
		if err := s.Complete(ctx, id, token); err != nil {
			return fmt.Errorf("Complete after the lease: %w", err)
		}
		return checkStatus(ctx, s, id, webhook.ClaimStatusCompleted)
	}},
	{"an event without a claim is neither completed nor released", func(ctx context.Context, s webhook.Store) error {
		id, other := storesuite.NewID(), storesuite.NewID()
		token, err := claim(ctx, s, other, longLease)
		if err != nil {
			return err
		}
		for _, invalid := range []string{"", token, "no such token"} {
			if err := checkLost(ctx, s, id, invalid); err != nil {
				return err
			}
			if err := s.Release(ctx, id, invalid); err != nil {
				return fmt.Errorf("Release of an event without a claim: %w", err)
			}
		}
		if _, err := claim(ctx, s, id, longLease); err != nil {
			return err
		}
		if err := checkLost(ctx, s, id, ""); err != nil {
			return err
		}
		return checkLost(ctx, s, id, token)
	}},
	{"ids are opaque", func(ctx context.Context, s webhook.Store) error {
		base := storesuite.NewID()
		var ids []string
		for _, tail := range []string{
			"", " ", "\t", "\n", "\x00", "\x00\x00", "a", "A", "å", "a\u030a", "Å", "ß", "ss", "日本", "😀", "'", "''", `"`, "`", `\`, "%", "_", "?", "$1", "?1", "/", ":", "*",
			"'; DROP TABLE klarna_webhook_events; --", strings.Repeat("x", 300), strings.Repeat("x", 301), storesuite.Incompressible(10_000), storesuite.Incompressible(10_001),
		} {
			ids = append(ids, base+tail, tail+base)
		}
		tokens := make(map[string]string)
		for _, id := range ids[1:] { // the first two are the same
			token, err := claim(ctx, s, id, longLease)
			if err != nil {
				return fmt.Errorf("the id %.80q: %w", id, err)
			}
			tokens[id] = token
		}
		for i, id := range ids[1:] {
			expected := webhook.ClaimStatusInFlight
			if i%2 == 0 {
				expected = webhook.ClaimStatusCompleted
				if err := s.Complete(ctx, id, tokens[id]); err != nil {
					return fmt.Errorf("the id %.80q: %w", id, err)
				}
			}
			if err := checkStatus(ctx, s, id, expected); err != nil {
				return fmt.Errorf("the id %.80q: %w", id, err)
			}
		}
		return nil
	}},
	{"a call returns an error after its context has ended, and claims nothing", func(ctx context.Context, s webhook.Store) error {
		ended, cancel := context.WithCancel(ctx)
		cancel()
		id := storesuite.NewID()
		if c, err := s.Claim(ended, id, longLease); err == nil {
			return fmt.Errorf("Claim returns %v, want an error", statusName(c.Status))
		}
		token, err := claim(ctx, s, id, longLease)
		if err != nil {
			return err
		}
		if s.Release(ended, id, token) == nil {
			return errors.New("Release returns nil, want an error")
		}
		if s.Complete(ended, id, token) == nil {
			return errors.New("Complete returns nil, want an error")
		}
		return checkStatus(ctx, s, id, webhook.ClaimStatusInFlight)
	}},
}

// checkOutdatedToken checks that an old token of an event changes nothing, and that the current
// token works.
func checkOutdatedToken(ctx context.Context, s webhook.Store, id, old, current string) error {
	if err := checkLost(ctx, s, id, old); err != nil {
		return err
	}
	if err := checkStatus(ctx, s, id, webhook.ClaimStatusInFlight); err != nil {
		return fmt.Errorf("after Complete with an outdated token: %w", err)
	}
	if err := s.Release(ctx, id, old); err != nil {
		return fmt.Errorf("Release with an outdated token: %w", err)
	}
	if err := checkStatus(ctx, s, id, webhook.ClaimStatusInFlight); err != nil {
		return fmt.Errorf("after Release with an outdated token: %w", err)
	}
	if err := s.Complete(ctx, id, current); err != nil {
		return fmt.Errorf("Complete with the current token: %w", err)
	}
	if err := s.Release(ctx, id, old); err != nil {
		return fmt.Errorf("Release with an outdated token: %w", err)
	}
	return checkStatus(ctx, s, id, webhook.ClaimStatusCompleted)
}

// checkOneGranted claims an event from many goroutines concurrently.
func checkOneGranted(ctx context.Context, s webhook.Store, id string) error {
	var claims [concurrentClaims]webhook.Claim
	errs := storesuite.Concurrently(concurrentClaims, func(i int) (err error) {
		claims[i], err = s.Claim(ctx, id, longLease)
		return err
	})
	grants := 0
	for i, c := range claims {
		switch {
		case errs[i] != nil:
			return fmt.Errorf("Claim: %w", errs[i])
		case c.Status == webhook.ClaimStatusGranted:
			grants++
		case c.Status != webhook.ClaimStatusInFlight:
			return fmt.Errorf("a concurrent claim is %v, want granted or in flight", statusName(c.Status))
		}
	}
	if grants != 1 {
		return fmt.Errorf("%d of %d concurrent claims were granted, want 1", grants, concurrentClaims)
	}
	return nil
}

// waitForLeases waits until all short leases that were granted before have ended. It waits for the
// end of a lease that is granted after them.
func waitForLeases(ctx context.Context, s webhook.Store) error {
	id := storesuite.NewID()
	if _, err := claim(ctx, s, id, shortLease); err != nil {
		return err
	}
	_, err := claimWhenFree(ctx, s, id)
	return err
}

// claimWhenFree claims an event until the claim is granted.
func claimWhenFree(ctx context.Context, s webhook.Store, id string) (token string, err error) {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		c, err := s.Claim(ctx, id, longLease)
		switch {
		case err != nil:
			return "", fmt.Errorf("waiting for the end of a lease: Claim: %w", err)
		case c.Status == webhook.ClaimStatusGranted:
			return c.Token, nil
		case c.Status != webhook.ClaimStatusInFlight:
			return "", fmt.Errorf("waiting for the end of a lease: the claim is %v, want granted or in flight", statusName(c.Status))
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return "", fmt.Errorf("a lease of %v did not end: %w", shortLease, ctx.Err())
		}
	}
}

// claim claims an event. It returns an error unless the claim is granted.
func claim(ctx context.Context, s webhook.Store, id string, lease time.Duration) (token string, err error) {
	c, err := s.Claim(ctx, id, lease)
	if err != nil {
		return "", fmt.Errorf("Claim: %w", err)
	}
	if c.Status != webhook.ClaimStatusGranted {
		return "", fmt.Errorf("a claim is %v, want granted", statusName(c.Status))
	}
	return c.Token, nil
}

// checkStatus checks the status of a new claim.
func checkStatus(ctx context.Context, s webhook.Store, id string, status webhook.ClaimStatus) error {
	c, err := s.Claim(ctx, id, longLease)
	if err != nil {
		return fmt.Errorf("Claim: %w", err)
	}
	if c.Status != status {
		return fmt.Errorf("a new claim is %v, want %v", statusName(c.Status), statusName(status))
	}
	return nil
}

// checkLost checks that Complete refuses the token.
func checkLost(ctx context.Context, s webhook.Store, id, token string) error {
	if err := s.Complete(ctx, id, token); !errors.Is(err, webhook.ErrLostClaim) {
		return fmt.Errorf("Complete with an invalid token: %v, want ErrLostClaim", err) //nolint:errorlint // it may be nil
	}
	return nil
}

func statusName(s webhook.ClaimStatus) string {
	switch s {
	case webhook.ClaimStatusInFlight:
		return "in flight"
	case webhook.ClaimStatusGranted:
		return "granted"
	case webhook.ClaimStatusCompleted:
		return "completed"
	default:
		return fmt.Sprintf("ClaimStatus(%d)", s)
	}
}
