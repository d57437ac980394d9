package flow_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
)

// damage changes a record in the store directly.
func (s *scene) damage(id string, change func(*flow.Record)) {
	s.Helper()
	record := s.record(id)
	change(&record)
	if err := s.memory.Update(s.Context(), record); err != nil {
		s.Fatal(err)
	}
}

func TestADamagedRecordCausesNoCalls(t *testing.T) {
	for name, change := range map[string]func(s *scene) func(*flow.Record){
		"an empty object": func(*scene) func(*flow.Record) { return func(r *flow.Record) { r.Data = []byte(`{}`) } },
		"null":            func(*scene) func(*flow.Record) { return func(r *flow.Record) { r.Data = []byte(`null`) } },
		"half a record":   func(*scene) func(*flow.Record) { return func(r *flow.Record) { r.Data = r.Data[:len(r.Data)/2] } },
		"another amount": func(*scene) func(*flow.Record) {
			return func(r *flow.Record) {
				r.Data = []byte(strings.Replace(string(r.Data), `"amount":11800`, `"amount":1`, 1))
			}
		},
		"another account": func(*scene) func(*flow.Record) {
			return func(r *flow.Record) { r.Data = []byte(strings.Replace(string(r.Data), `"krn:`, `"x:krn:`, 1)) }
		},
		"the data of another purchase": func(s *scene) func(*flow.Record) {
			return func(r *flow.Record) { r.Data = s.record("order-2").Data }
		},
		"the data and seal of another purchase": func(s *scene) func(*flow.Record) {
			other := s.record("order-2")
			return func(r *flow.Record) { r.Data, r.Sealed = other.Data, other.Sealed }
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			s.stepUp(r, "order-2")
			id := s.stepUp(r, orderID).PaymentRequestID
			s.approve(id)
			whole := s.record(orderID)
			s.damage(orderID, change(s))
			calls := len(s.klarna.Requests())
			s.klarna.Advance(time.Minute)
			for what, err := range map[string]error{
				"HandleReturn": second(r.HandleReturn(t.Context(), orderID)),
				"Cancel":       second(r.Cancel(t.Context(), orderID)),
				"Begin":        second(r.Begin(t.Context(), s.order(orderID))),
				"HandleEvent":  r.HandleEvent(t.Context(), completed(id)),
			} {
				if !errors.Is(err, flow.ErrDamaged) {
					t.Errorf("%s: %v", what, err)
				}
			}
			s.damage("order-2", func(other *flow.Record) { other.DueAt = s.klarna.Now().Add(100 * time.Hour) })
			s.recovers(r)
			if n := len(s.klarna.Requests()); n != calls {
				t.Errorf("%d calls were made", n-calls)
			}
			if state := s.record(orderID).State; state != flow.StateAwaitingCustomer {
				t.Errorf("the state is %s", state)
			}
			if log := s.log.String(); !strings.Contains(log, `"level":"ERROR"`) || !strings.Contains(log, orderID) {
				t.Errorf("the log is %s", log)
			}
			list, err := r.ListDamaged(t.Context(), "", 10)
			if err != nil || len(list) != 1 || list[0].ID != orderID || list[0].GivenUp {
				t.Errorf("listed are %+v, %v", list, err)
			}
			// If the record is repaired in time, the purchase is paid.
			s.damage(orderID, func(record *flow.Record) { record.Data, record.Sealed = whole.Data, whole.Sealed })
			s.pass(r, 20*time.Minute, time.Minute)
			s.stands(orderID, flow.StateAuthorized, "")
			if list, err := r.ListDamaged(t.Context(), "", 10); err != nil || len(list) != 0 {
				t.Errorf("listed are %+v, %v", list, err)
			}
			s.paid(118_00)
		})
	}
}

func second(_ *flow.Status, err error) error { return err }

func TestADamagedRecordsSealIsRemovedAfterADay(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.stepUp(r, orderID)
	s.damage(orderID, func(record *flow.Record) { record.Data = []byte(`{}`) })
	s.pass(r, 24*time.Hour, 10*time.Minute)
	if record := s.record(orderID); len(record.Sealed) == 0 || record.DueAt.IsZero() {
		t.Error("the purchase was given up too soon")
	}
	s.pass(r, 3*time.Hour, 10*time.Minute)
	record := s.record(orderID)
	if len(record.Sealed) > 0 || !record.DueAt.IsZero() || string(record.Data) != `{}` {
		t.Errorf("%d bytes are sealed, due at %v", len(record.Sealed), record.DueAt)
	}
	if list, err := r.ListDamaged(t.Context(), "", 10); err != nil || len(list) != 1 || !list[0].GivenUp {
		t.Errorf("listed are %+v, %v", list, err)
	}
}

func TestAStoreBelongsToItsSecretAndEnvironment(t *testing.T) {
	const third = "of-another-program-0123456789abcdef-0123456789"
	s := newScene(t)
	begins := func(r *replica) error { return r.Check(t.Context()) }
	for _, step := range []struct {
		name    string
		replica *replica
		refused bool
	}{
		{"the first use", s.sealing(sealSecret), false},
		{"a wrong secret", s.sealing(third), true},
		{"the rotation is announced", s.sealing(sealSecret, nextSecret), false},
		{"the next secret before it was used, without the former", s.sealing(nextSecret), true},
		{"the next secret", s.sealing(nextSecret, sealSecret), false},
		{"a replica that is still rolled out", s.sealing(sealSecret, nextSecret), false},
		{"a replica without the next secret", s.sealing(sealSecret), true},
		{"the former secret is dropped", s.sealing(nextSecret), false},
		{"a wrong secret with a right older one", s.sealing(third, nextSecret), false},
	} {
		if err := begins(step.replica); errors.Is(err, flow.ErrOthersStore) != step.refused || err != nil && !step.refused {
			t.Errorf("%s: %v", step.name, err)
		}
	}
	live, err := klarna.NewClient("klarna_live_api_x")
	if err != nil {
		t.Fatal(err)
	}
	c, err := flow.New(live, s.memory, klarna.NewSecret(third))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(t.Context()); !errors.Is(err, flow.ErrOthersStore) {
		t.Errorf("a live key on a store of the test environment: %v", err)
	}
	if n, err := c.Recover(t.Context()); n != 0 || !errors.Is(err, flow.ErrOthersStore) {
		t.Errorf("recovery on a store of another environment: %d, %v", n, err)
	}
}
