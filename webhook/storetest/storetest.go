// Package storetest checks an implementation of webhook.Store, as testing/slogtest does one of
// slog.Handler.
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

// Run checks the stores that newStore returns: one for each check, empty or not, because the checks
// make up ids that no other run uses. It takes about a second more than the store itself, because
// the end of a lease is waited for, on whatever clock the store goes by.
func Run(t *testing.T, newStore func(t *testing.T) webhook.Store) {
	for _, c := range checks {
		storesuite.Run(t, c.name, patience, newStore, c.check)
	}
}

const (
	// long is a lease that does not end during a check, short one whose end is waited for.
	long  = time.Hour
	short = 200 * time.Millisecond
	// rounding is how much earlier a store may end a lease whose clock is a coarse one.
	rounding = 20 * time.Millisecond
	// patience ends a check whose store waits for what does not come, such as the end of a lease.
	patience = 30 * time.Second
	// crowd is how many claim at once.
	crowd = 16
)

type check struct {
	name  string
	check func(ctx context.Context, s webhook.Store) error
}

var checks = []check{
	{"a claim is granted with a token of its own", func(ctx context.Context, s webhook.Store) error {
		one, err := granted(ctx, s, storesuite.NewID(), long)
		if err != nil {
			return err
		}
		other, err := granted(ctx, s, storesuite.NewID(), long)
		if err != nil {
			return err
		}
		if one == "" || one == other {
			return fmt.Errorf("the tokens of two claims are %q and %q", one, other)
		}
		return nil
	}},
	{"of many claims at once one is granted", func(ctx context.Context, s webhook.Store) error {
		for range 20 {
			if err := oneOfMany(ctx, s, storesuite.NewID()); err != nil {
				return err
			}
		}
		return nil
	}},
	{"of many claims at once after a lease has ended one is granted", func(ctx context.Context, s webhook.Store) error {
		var ids []string
		for range 5 {
			id := storesuite.NewID()
			if _, err := granted(ctx, s, id, short); err != nil {
				return err
			}
			ids = append(ids, id)
		}
		if err := leaseEnds(ctx, s); err != nil {
			return err
		}
		for _, id := range ids {
			if err := oneOfMany(ctx, s, id); err != nil {
				return err
			}
		}
		return nil
	}},
	{"an event is in flight until its lease ends, then claimed anew", func(ctx context.Context, s webhook.Store) error {
		id := storesuite.NewID()
		begin := time.Now()
		first, err := granted(ctx, s, id, short)
		if err != nil {
			return err
		}
		second, err := eventually(ctx, s, id)
		if err != nil {
			return err
		}
		if after := time.Since(begin); after < short-rounding {
			return fmt.Errorf("a lease of %v ended after %v", short, after)
		}
		if first == second {
			return errors.New("a new claim has the token of the old one")
		}
		return want(ctx, s, id, webhook.ClaimStatusInFlight)
	}},
	{"a lease is as long as it was asked for", func(ctx context.Context, s webhook.Store) error {
		ids := map[time.Duration]string{long: storesuite.NewID(), 100 * 365 * 24 * time.Hour: storesuite.NewID(), math.MaxInt64: storesuite.NewID()}
		for lease, id := range ids {
			if _, err := granted(ctx, s, id, lease); err != nil {
				return err
			}
		}
		if err := leaseEnds(ctx, s); err != nil {
			return err
		}
		for lease, id := range ids {
			if err := want(ctx, s, id, webhook.ClaimStatusInFlight); err != nil {
				return fmt.Errorf("a lease of %v: %w", lease, err)
			}
		}
		return nil
	}},
	{"a completed event stays completed", func(ctx context.Context, s webhook.Store) error {
		id := storesuite.NewID()
		token, err := granted(ctx, s, id, short)
		if err != nil {
			return err
		}
		if err := s.Complete(ctx, id, token); err != nil {
			return fmt.Errorf("Complete: %w", err)
		}
		if err := want(ctx, s, id, webhook.ClaimStatusCompleted); err != nil {
			return err
		}
		if err := s.Release(ctx, id, token); err != nil {
			return fmt.Errorf("Release after Complete: %w", err)
		}
		if err := leaseEnds(ctx, s); err != nil {
			return err
		}
		return want(ctx, s, id, webhook.ClaimStatusCompleted)
	}},
	{"a released event can be claimed at once, and its old token is worth nothing", func(ctx context.Context, s webhook.Store) error {
		id := storesuite.NewID()
		old, err := granted(ctx, s, id, long)
		if err != nil {
			return err
		}
		if err := s.Release(ctx, id, old); err != nil {
			return fmt.Errorf("Release: %w", err)
		}
		if err := lost(ctx, s, id, old); err != nil {
			return err
		}
		current, err := granted(ctx, s, id, long)
		if err != nil {
			return fmt.Errorf("after Release: %w", err)
		}
		return outdated(ctx, s, id, old, current)
	}},
	{"a claim that was taken over completes and releases nothing", func(ctx context.Context, s webhook.Store) error {
		id := storesuite.NewID()
		old, err := granted(ctx, s, id, short)
		if err != nil {
			return err
		}
		current, err := eventually(ctx, s, id)
		if err != nil {
			return err
		}
		return outdated(ctx, s, id, old, current)
	}},
	{"a claim that ended late and was not taken over still completes", func(ctx context.Context, s webhook.Store) error {
		id := storesuite.NewID()
		token, err := granted(ctx, s, id, short)
		if err != nil {
			return err
		}
		if err := leaseEnds(ctx, s); err != nil {
			return err
		}
		if err := s.Complete(ctx, id, token); err != nil {
			return fmt.Errorf("Complete after the lease: %w", err)
		}
		return want(ctx, s, id, webhook.ClaimStatusCompleted)
	}},
	{"what was not claimed is neither completed nor released", func(ctx context.Context, s webhook.Store) error {
		id, other := storesuite.NewID(), storesuite.NewID()
		token, err := granted(ctx, s, other, long)
		if err != nil {
			return err
		}
		for _, foreign := range []string{"", token, "no such token"} {
			if err := lost(ctx, s, id, foreign); err != nil {
				return err
			}
			if err := s.Release(ctx, id, foreign); err != nil {
				return fmt.Errorf("Release of what was not claimed: %w", err)
			}
		}
		if _, err := granted(ctx, s, id, long); err != nil {
			return err
		}
		if err := lost(ctx, s, id, ""); err != nil {
			return err
		}
		return lost(ctx, s, id, token)
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
			token, err := granted(ctx, s, id, long)
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
			if err := want(ctx, s, id, expected); err != nil {
				return fmt.Errorf("the id %.80q: %w", id, err)
			}
		}
		return nil
	}},
	{"a context that has ended is an error, and nothing is claimed", func(ctx context.Context, s webhook.Store) error {
		ended, cancel := context.WithCancel(ctx)
		cancel()
		id := storesuite.NewID()
		if c, err := s.Claim(ended, id, long); err == nil {
			return fmt.Errorf("Claim answers %v", name(c.Status))
		}
		token, err := granted(ctx, s, id, long)
		if err != nil {
			return err
		}
		if s.Release(ended, id, token) == nil {
			return errors.New("Release answers nil")
		}
		if s.Complete(ended, id, token) == nil {
			return errors.New("Complete answers nil")
		}
		return want(ctx, s, id, webhook.ClaimStatusInFlight)
	}},
}

// outdated checks that an old token of an event changes nothing, and that the current one still
// works.
func outdated(ctx context.Context, s webhook.Store, id, old, current string) error {
	if err := lost(ctx, s, id, old); err != nil {
		return err
	}
	if err := want(ctx, s, id, webhook.ClaimStatusInFlight); err != nil {
		return fmt.Errorf("after Complete with an outdated token: %w", err)
	}
	if err := s.Release(ctx, id, old); err != nil {
		return fmt.Errorf("Release with an outdated token: %w", err)
	}
	if err := want(ctx, s, id, webhook.ClaimStatusInFlight); err != nil {
		return fmt.Errorf("after Release with an outdated token: %w", err)
	}
	if err := s.Complete(ctx, id, current); err != nil {
		return fmt.Errorf("Complete with the current token: %w", err)
	}
	if err := s.Release(ctx, id, old); err != nil {
		return fmt.Errorf("Release with an outdated token: %w", err)
	}
	return want(ctx, s, id, webhook.ClaimStatusCompleted)
}

// oneOfMany claims from many goroutines at once.
func oneOfMany(ctx context.Context, s webhook.Store, id string) error {
	var claims [crowd]webhook.Claim
	errs := storesuite.Concurrently(crowd, func(i int) (err error) {
		claims[i], err = s.Claim(ctx, id, long)
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
			return fmt.Errorf("a claim is %v", name(c.Status))
		}
	}
	if grants != 1 {
		return fmt.Errorf("of %d claims at once %d were granted", crowd, grants)
	}
	return nil
}

// leaseEnds returns when every short lease has ended that was granted before: one that is granted
// after them has.
func leaseEnds(ctx context.Context, s webhook.Store) error {
	id := storesuite.NewID()
	if _, err := granted(ctx, s, id, short); err != nil {
		return err
	}
	_, err := eventually(ctx, s, id)
	return err
}

// eventually claims, for long, until the claim is granted.
func eventually(ctx context.Context, s webhook.Store, id string) (token string, err error) {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		c, err := s.Claim(ctx, id, long)
		switch {
		case err != nil:
			return "", fmt.Errorf("waiting for the end of a lease: Claim: %w", err)
		case c.Status == webhook.ClaimStatusGranted:
			return c.Token, nil
		case c.Status != webhook.ClaimStatusInFlight:
			return "", fmt.Errorf("waiting for the end of a lease: the claim is %v", name(c.Status))
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return "", fmt.Errorf("a lease of %v did not end: %w", short, ctx.Err())
		}
	}
}

func granted(ctx context.Context, s webhook.Store, id string, lease time.Duration) (token string, err error) {
	c, err := s.Claim(ctx, id, lease)
	if err != nil {
		return "", fmt.Errorf("Claim: %w", err)
	}
	if c.Status != webhook.ClaimStatusGranted {
		return "", fmt.Errorf("a claim is %v, want granted", name(c.Status))
	}
	return c.Token, nil
}

func want(ctx context.Context, s webhook.Store, id string, status webhook.ClaimStatus) error {
	c, err := s.Claim(ctx, id, long)
	if err != nil {
		return fmt.Errorf("Claim: %w", err)
	}
	if c.Status != status {
		return fmt.Errorf("another claim is %v, want %v", name(c.Status), name(status))
	}
	return nil
}

func lost(ctx context.Context, s webhook.Store, id, token string) error {
	if err := s.Complete(ctx, id, token); !errors.Is(err, webhook.ErrLostClaim) {
		return fmt.Errorf("Complete with a token that is not the claim's: %v, want ErrLostClaim", err) //nolint:errorlint // it may be nil
	}
	return nil
}

func name(s webhook.ClaimStatus) string {
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
