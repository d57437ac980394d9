package flow_test

import (
	"math"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
)

func TestNewRefusesInvalidArguments(t *testing.T) {
	s := newScene(t)
	client := s.replica().client(klarna.RetryPolicy{})
	secret := klarna.NewSecret(sealSecret)
	short := klarna.NewSecret("too-short-to-be-random-0123456x")
	for name, build := range map[string]func() (*flow.Coordinator, error){
		"no client":      func() (*flow.Coordinator, error) { return flow.New(nil, s.memory, secret) },
		"no store":       func() (*flow.Coordinator, error) { return flow.New(client, nil, secret) },
		"no secret":      func() (*flow.Coordinator, error) { return flow.New(client, s.memory, klarna.Secret{}) },
		"a short secret": func() (*flow.Coordinator, error) { return flow.New(client, s.memory, short) },
		"a short older secret": func() (*flow.Coordinator, error) {
			return flow.New(client, s.memory, secret, flow.WithOlderSealSecrets(secret, short))
		},
		"no policy": func() (*flow.Coordinator, error) {
			return flow.New(client, s.memory, secret, flow.WithAmountPolicy(nil))
		},
		"no clock": func() (*flow.Coordinator, error) { return flow.New(client, s.memory, secret, flow.WithClock(nil)) },
		"a negative time": func() (*flow.Coordinator, error) {
			return flow.New(client, s.memory, secret, flow.WithAbandonAfter(-1))
		},
		"no rate": func() (*flow.Coordinator, error) { return flow.New(client, s.memory, secret, flow.WithRecoveryRate(0)) },
		"a rate that is not a number": func() (*flow.Coordinator, error) {
			return flow.New(client, s.memory, secret, flow.WithRecoveryRate(math.NaN()))
		},
		"a negative rate": func() (*flow.Coordinator, error) {
			return flow.New(client, s.memory, secret, flow.WithRecoveryRate(-1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := build()
			if c != nil || err == nil || !strings.HasPrefix(err.Error(), "flow: ") || strings.Contains(err.Error(), short.Reveal()) {
				t.Errorf("%v, %v", c, err)
			}
		})
	}
	if _, err := flow.New(client, s.memory, secret, nil, flow.WithLogger(nil)); err != nil {
		t.Errorf("a nil option: %v", err)
	}
}

func TestAnUnknownStateIsFinal(t *testing.T) {
	for state, final := range map[flow.State]bool{
		flow.StateBegun: false, flow.StateAwaitingCustomer: false, flow.StateFinalizing: false, flow.StateCanceling: false,
		flow.StateAuthorized: true, flow.StateDeclined: true, flow.StateCanceled: true, flow.StateExpired: true,
		flow.StateRejected: true, flow.StateUnknown: true, "OF_TOMORROW": true,
	} {
		if state.Final() != final {
			t.Errorf("%s", state)
		}
	}
}
