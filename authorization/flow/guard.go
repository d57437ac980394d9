package flow

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Guarded is a [Store] that remembers which seal secrets and which environment its purchases belong
// to. [Coordinator.Check] uses it. [MemoryStore] and the Store of package flow/sqlstore implement
// it.
type Guarded interface {
	Store
	// Setting returns the value of a setting, or "" if it was never set.
	Setting(ctx context.Context, name string) (string, error)
	// ChangeSetting sets a setting to the value to if its present value is from; "" means never
	// set. Otherwise it changes nothing and returns ErrChanged. A name has up to 64 bytes and a
	// value up to 1024, both of printable ASCII.
	ChangeSetting(ctx context.Context, name, from, to string) error
}

// The names of a store's settings.
const (
	settingSeals       = "seal-secrets"
	settingEnvironment = "environment"
)

// ErrOthersStore reports that the purchases in the store are sealed with another seal secret, or
// belong to Klarna's other environment. The Coordinator then does nothing.
var ErrOthersStore = errors.New("flow: the store belongs to another seal secret or environment")

// Check checks that the store belongs to this Coordinator: its purchases are sealed with one of the
// Coordinator's secrets and belong to the environment of its API key. The first Check of an empty
// store records the secret and the environment. Call Check at start. Other methods call it until it
// has succeeded once.
//
// The error is [ErrOthersStore] or the store's own. A [Store] that is not [Guarded] is not checked.
func (c *Coordinator) Check(ctx context.Context) error {
	if c.missing() {
		return errNoCoordinator
	}
	if c.checked.Load() {
		return nil
	}
	store, ok := c.given.(Guarded)
	if !ok {
		c.checked.Store(true)
		return nil
	}
	if err := c.updateSetting(ctx, store, settingSeals, c.sealsSetting); err != nil {
		return err
	}
	if err := c.updateSetting(ctx, store, settingEnvironment, c.environmentSetting); err != nil {
		return err
	}
	c.checked.Store(true)
	return nil
}

// updateSetting sets a setting to the value that next returns for the present value.
func (c *Coordinator) updateSetting(ctx context.Context, store Guarded, name string, next func(now string) (string, error)) error {
	for range 10 {
		now, err := store.Setting(ctx, name)
		if err != nil {
			return fmt.Errorf("flow: check the store: %w", err)
		}
		to, err := next(now)
		if err != nil {
			c.logger.ErrorContext(ctx, "klarna flow: the store belongs to another Coordinator and is not used", "setting", name)
			return err
		}
		if to == now {
			return nil
		}
		err = store.ChangeSetting(ctx, name, now, to)
		if err == nil || !errors.Is(err, ErrChanged) {
			return err
		}
	}
	return fmt.Errorf("flow: check the store: %w", ErrChanged)
}

// sealsSetting returns the list of the secrets' fingerprints, the newest last. Only a replica that
// has the newest secret may add a newer one. A rotation as described at WithOlderSealSecrets
// therefore succeeds, and a replica with an outdated or wrong secret is refused.
func (c *Coordinator) sealsSetting(now string) (string, error) {
	mine := c.seals.fingerprints()
	known := strings.Fields(now)
	switch {
	case len(known) == 0:
		return mine[0], nil
	case !slices.Contains(mine, known[len(known)-1]):
		return "", fmt.Errorf("%w: the Coordinator does not have the newest seal secret of the store", ErrOthersStore)
	case slices.Contains(known, mine[0]):
		return now, nil
	}
	known = append(known, mine[0])
	return strings.Join(known[max(0, len(known)-16):], " "), nil
}

func (c *Coordinator) environmentSetting(now string) (string, error) {
	if c.client == nil || c.client.Environment() == "" {
		return now, nil
	}
	mine := string(c.client.Environment())
	if now != "" && now != mine {
		return "", fmt.Errorf("%w: the purchases belong to the environment %s, and the API key to %s", ErrOthersStore, now, mine)
	}
	return mine, nil
}

// fingerprints returns a fingerprint of each secret, the current one first. A secret cannot be
// computed from its fingerprint.
func (s *seals) fingerprints() []string {
	var list []string
	for _, root := range s.roots {
		fingerprint, err := hkdf.Expand(sha256.New, []byte(root.Reveal()), "klarna-go flow seal secret fingerprint 1", 8)
		if err == nil {
			list = append(list, hex.EncodeToString(fingerprint))
		}
	}
	return list
}
