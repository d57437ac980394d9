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

// Guarded is a Store that remembers whose it is. A Coordinator checks that before it uses the store
// for the first time, and refuses one that is another's. The stores of this module implement it.
type Guarded interface {
	Store
	// Setting returns the value of a name, "" where none was set.
	Setting(ctx context.Context, name string) (string, error)
	// ChangeSetting sets the value of a name if it still is the one given, "" for none. It returns
	// ErrChanged, and changes nothing, where it is another. A name has up to 64 bytes, a value up
	// to 1024, both of printable ASCII.
	ChangeSetting(ctx context.Context, name, from, to string) error
}

// The names of a store's settings.
const (
	settingSeals       = "seal-secrets"
	settingEnvironment = "environment"
)

// ErrOthersStore is the error of a Coordinator that was given another seal secret than the
// purchases in its store were sealed with, or an API key of Klarna's other environment. It does
// nothing then.
var ErrOthersStore = errors.New("flow: the store belongs to another seal secret or environment")

// Check reports whether the store is this Coordinator's: that its purchases are sealed with one of
// its secrets, and belong to the environment of its API key. The first use of a store makes it the
// Coordinator's. Call Check at start. The other methods do, too, until it has succeeded once.
//
// The error is ErrOthersStore, or the store's own. A Store that is not Guarded is not checked.
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
	if err := c.settle(ctx, store, settingSeals, c.sealsSetting); err != nil {
		return err
	}
	if err := c.settle(ctx, store, settingEnvironment, c.environmentSetting); err != nil {
		return err
	}
	c.checked.Store(true)
	return nil
}

// settle brings a setting to what next makes of it.
func (c *Coordinator) settle(ctx context.Context, store Guarded, name string, next func(now string) (string, error)) error {
	for range 10 {
		now, err := store.Setting(ctx, name)
		if err != nil {
			return fmt.Errorf("flow: check the store: %w", err)
		}
		to, err := next(now)
		if err != nil {
			c.logger.ErrorContext(ctx, "klarna flow: the store is not this Coordinator's, which does nothing", "setting", name)
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

// sealsSetting is a list of the secrets' fingerprints, that of the newest last. Whoever knows the
// newest may add a newer one. So a rotation as WithOlderSealSecrets describes it passes, and a
// replica that was left behind, or was given a wrong secret, does not.
func (c *Coordinator) sealsSetting(now string) (string, error) {
	mine := c.seals.fingerprints()
	known := strings.Fields(now)
	switch {
	case len(known) == 0:
		return mine[0], nil
	case !slices.Contains(mine, known[len(known)-1]):
		return "", fmt.Errorf("%w: none of the seal secrets is the newest that it knows", ErrOthersStore)
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
		return "", fmt.Errorf("%w: its purchases are of the %s environment, and the API key is of %s", ErrOthersStore, now, mine)
	}
	return mine, nil
}

// fingerprints tell the secrets from others, the current one first. No secret can be computed from
// them.
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
