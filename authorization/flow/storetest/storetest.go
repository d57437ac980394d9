// Package storetest checks an implementation of [flow.Store], as [testing/slogtest] checks one of
// [log/slog.Handler].
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) flow.Store { return newStore(t) })
//	}
package storetest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/internal/storesuite"
)

// Run checks the stores that newStore returns. newStore is called for each check and returns an
// empty store.
//
// Run calls a store up to 200 times concurrently, so a connection pool must have a limit. It stores
// records like those of a [flow.Coordinator]: Data is always JSON and is compared byte for byte.
// Sealed may be any bytes. For an empty Sealed a store may return nil or an empty slice.
func Run(t *testing.T, newStore func(t *testing.T) flow.Store) {
	for _, c := range checks {
		storesuite.Run(t, c.name, patience, newStore, c.check)
	}
}

const (
	// patience is how long a check may take.
	patience = time.Minute
	// crowd is the number of concurrent calls.
	crowd = 200
	// large is the number of bytes of a large record.
	large = 300_000
)

// noon is the current time of a check. It is long ago, so that a store that uses its own clock
// fails.
var noon = time.Date(2004, time.February, 29, 12, 0, 0, 0, time.UTC)

type check struct {
	name  string
	check func(ctx context.Context, s flow.Store) error
}

var checks = []check{
	{"a created record is loaded as it was, with version 1", func(ctx context.Context, s flow.Store) error {
		for _, r := range []flow.Record{
			{ID: storesuite.NewID(), State: flow.StateBegun, Data: []byte(`{}`)},
			{ID: storesuite.NewID(), State: flow.StateUnknown, Version: 7, DueAt: noon, Data: []byte(`{"a":1}`), Sealed: []byte("sealed")},
			{ID: storesuite.NewID(), PaymentRequestID: storesuite.NewID(), State: flow.StateAwaitingCustomer, DueAt: noon, Data: []byte(`{}`)},
			{ID: storesuite.NewID(), PartnerAccountID: "krn:Å'", Lane: 255, State: flow.StateBegun, DueAt: noon, Data: []byte(`{}`)},
		} {
			if err := s.Create(ctx, r); err != nil {
				return fmt.Errorf("Create: %w", err)
			}
			r.Version = 1
			if err := holds(ctx, s, r); err != nil {
				return err
			}
		}
		return nil
	}},
	{"creating an existing record returns ErrExists and changes nothing", func(ctx context.Context, s flow.Store) error {
		r, err := created(ctx, s, flow.Record{PaymentRequestID: storesuite.NewID(), DueAt: noon, Data: []byte(`{"a":1}`), Sealed: []byte("sealed")})
		if err != nil {
			return err
		}
		for _, another := range []flow.Record{r, {ID: r.ID, PaymentRequestID: storesuite.NewID(), State: flow.StateUnknown, Data: []byte(`{}`)}} {
			if err := fails("Create", s.Create(ctx, another), flow.ErrExists); err != nil {
				return err
			}
		}
		return holds(ctx, s, r)
	}},
	{"one of many concurrent creations succeeds", func(ctx context.Context, s flow.Store) error {
		id := storesuite.NewID()
		winner, err := oneOfMany(func(i int) error {
			return s.Create(ctx, flow.Record{ID: id, State: flow.StateBegun, Data: number(i)})
		}, flow.ErrExists)
		if err != nil {
			return fmt.Errorf("Create: %w", err)
		}
		return holds(ctx, s, flow.Record{ID: id, State: flow.StateBegun, Version: 1, Data: number(winner)})
	}},
	{"a record that does not exist is ErrNotFound", func(ctx context.Context, s flow.Store) error {
		// This record has no payment request and must not be found by "".
		if _, err := created(ctx, s, flow.Record{DueAt: noon}); err != nil {
			return err
		}
		id := storesuite.NewID()
		for range 2 {
			_, err := s.Load(ctx, id)
			if err := fails("Load", err, flow.ErrNotFound); err != nil {
				return err
			}
			for _, paymentRequest := range []string{storesuite.NewID(), id, ""} {
				_, err = s.FindPaymentRequest(ctx, paymentRequest)
				if err := fails(fmt.Sprintf("FindPaymentRequest of %q", paymentRequest), err, flow.ErrNotFound); err != nil {
					return err
				}
			}
			// The second round checks that nothing was created.
			for version := range int64(2) {
				err := s.Update(ctx, flow.Record{ID: id, PaymentRequestID: storesuite.NewID(), Version: version, DueAt: noon, Data: []byte(`{}`)})
				if err := fails("Update", err, flow.ErrNotFound); err != nil {
					return err
				}
			}
		}
		return nil
	}},
	{"an update replaces everything and increments the version", func(ctx context.Context, s flow.Store) error {
		bystander, err := created(ctx, s, flow.Record{PaymentRequestID: storesuite.NewID(), DueAt: noon, Data: []byte(`{"bystander":true}`)})
		if err != nil {
			return err
		}
		r, err := created(ctx, s, flow.Record{Data: []byte(`{"a":1}`), Sealed: []byte("sealed"), DueAt: noon})
		if err != nil {
			return err
		}
		for _, next := range []flow.Record{
			{State: flow.StateAwaitingCustomer, PaymentRequestID: storesuite.NewID(), Lane: 7, DueAt: noon.Add(time.Minute), Data: []byte(`{"b":2}`), Sealed: []byte("longer than before")},
			{State: flow.StateFinalizing, DueAt: noon.Add(-time.Minute), Data: []byte(`{"b":2}`), Sealed: []byte("short")},
			{State: flow.StateAuthorized, Data: []byte(`{"c":3}`)},
			{State: flow.StateCanceling, DueAt: noon, Data: []byte(`{}`), Sealed: []byte("sealed again")},
			{State: flow.StateCanceled, Data: []byte(`{}`), Sealed: []byte{}},
		} {
			next.ID, next.Version = r.ID, r.Version
			if next.PaymentRequestID == "" {
				next.PaymentRequestID = r.PaymentRequestID
			}
			if r, err = updated(ctx, s, next); err != nil {
				return err
			}
			if err := holds(ctx, s, r); err != nil {
				return err
			}
		}
		return holds(ctx, s, bystander)
	}},
	{"an update of another version returns ErrChanged and changes nothing", func(ctx context.Context, s flow.Store) error {
		r, err := created(ctx, s, flow.Record{DueAt: noon, Data: []byte(`{"a":1}`)})
		if err != nil {
			return err
		}
		for range 2 {
			if r, err = updated(ctx, s, r); err != nil {
				return err
			}
			for _, version := range []int64{-1, 0, r.Version - 1, r.Version + 1, r.Version + 2} {
				other := flow.Record{ID: r.ID, PaymentRequestID: storesuite.NewID(), State: flow.StateUnknown, Version: version, Data: []byte(`{}`)}
				if err := fails(fmt.Sprintf("Update of version %d, stored is %d", version, r.Version), s.Update(ctx, other), flow.ErrChanged); err != nil {
					return err
				}
				if err := holds(ctx, s, r); err != nil {
					return err
				}
			}
		}
		return nil
	}},
	{"one of hundreds of updates of a version succeeds", func(ctx context.Context, s flow.Store) error {
		r, err := created(ctx, s, flow.Record{DueAt: noon})
		if err != nil {
			return err
		}
		for range 3 {
			winner, err := oneOfMany(func(i int) error {
				next := r
				next.Data = number(i)
				return s.Update(ctx, next)
			}, flow.ErrChanged)
			if err != nil {
				return fmt.Errorf("Update: %w", err)
			}
			r.Version++
			r.Data = number(winner)
			if err := holds(ctx, s, r); err != nil {
				return err
			}
		}
		return nil
	}},
	{"no update is lost", func(ctx context.Context, s flow.Store) error {
		r, err := created(ctx, s, flow.Record{Data: number(0)})
		if err != nil {
			return err
		}
		const callers, times = 8, 10
		err = cmp.Or(storesuite.Concurrently(callers, func(int) error {
			for done := 0; done < times; {
				r, err := s.Load(ctx, r.ID)
				if err != nil {
					return fmt.Errorf("Load: %w", err)
				}
				n, err := strconv.Atoi(string(r.Data))
				if err != nil || int64(n) != r.Version-1 {
					return fmt.Errorf("version %d holds the data of version %d (%.20q)", r.Version, n+1, r.Data)
				}
				r.Data = number(n + 1)
				switch err := s.Update(ctx, r); {
				case err == nil:
					done++
				case !errors.Is(err, flow.ErrChanged):
					return fmt.Errorf("Update: %w", err)
				}
			}
			return nil
		})...)
		if err != nil {
			return err
		}
		r.Version, r.Data = 1+callers*times, number(callers*times)
		return holds(ctx, s, r)
	}},
	{"a record is found by its payment request once it is set", func(ctx context.Context, s flow.Store) error {
		var all []flow.Record
		for range 3 {
			r, err := created(ctx, s, flow.Record{DueAt: noon, Data: []byte(`{}`)})
			if err != nil {
				return err
			}
			all = append(all, r)
		}
		for i, r := range all {
			request := storesuite.NewID()
			_, err := s.FindPaymentRequest(ctx, request)
			if err := fails("FindPaymentRequest before it is set", err, flow.ErrNotFound); err != nil {
				return err
			}
			r.PaymentRequestID = request
			for range 2 { // the second update keeps it
				if r, err = updated(ctx, s, r); err != nil {
					return err
				}
			}
			all[i] = r
		}
		for _, r := range all {
			if err := holds(ctx, s, r); err != nil {
				return err
			}
			_, err := s.Load(ctx, r.PaymentRequestID)
			if err := fails("Load of a payment request's id", err, flow.ErrNotFound); err != nil {
				return err
			}
			_, err = s.FindPaymentRequest(ctx, r.ID)
			if err := fails("FindPaymentRequest of a record's id", err, flow.ErrNotFound); err != nil {
				return err
			}
		}
		return nil
	}},
	{"no two records share a payment request", func(ctx context.Context, s flow.Store) error {
		first, err := created(ctx, s, flow.Record{PaymentRequestID: storesuite.NewID()})
		if err != nil {
			return err
		}
		second, err := created(ctx, s, flow.Record{Data: []byte(`{"a":1}`)})
		if err != nil {
			return err
		}
		thief := second
		thief.PaymentRequestID = first.PaymentRequestID
		if err := refused("Update", s.Update(ctx, thief)); err != nil {
			return err
		}
		thief.ID = storesuite.NewID()
		if s.Create(ctx, thief) == nil {
			return errors.New("Create gives a second record the payment request of a first")
		}
		_, err = s.Load(ctx, thief.ID)
		if err := fails("Load of a record that was not created", err, flow.ErrNotFound); err != nil {
			return err
		}
		if err := holds(ctx, s, first); err != nil {
			return err
		}
		return holds(ctx, s, second)
	}},
	{"a record is found by its reference, which no other record has", func(ctx context.Context, s flow.Store) error {
		reference := storesuite.NewID()
		first, err := created(ctx, s, flow.Record{Reference: reference, PaymentRequestID: storesuite.NewID()})
		if err != nil {
			return err
		}
		if first, err = updated(ctx, s, first); err != nil {
			return err
		}
		got, err := s.FindReference(ctx, reference)
		if err != nil {
			return fmt.Errorf("FindReference: %w", err)
		}
		if err := same(got, first); err != nil {
			return fmt.Errorf("FindReference: %w", err)
		}
		if err := fails("Create with another record's reference", s.Create(ctx, flow.Record{ID: storesuite.NewID(), State: flow.StateBegun, Data: []byte(`{}`), Reference: reference}), flow.ErrExists); err != nil {
			return err
		}
		var without [2]flow.Record
		for i := range without { // any number of records may have no reference
			if without[i], err = created(ctx, s, flow.Record{}); err != nil {
				return err
			}
		}
		taking := without[0]
		taking.Reference = reference
		if err := fails("Update with another record's reference", s.Update(ctx, taking), flow.ErrExists); err != nil {
			return err
		}
		for _, unknown := range []string{storesuite.NewID(), first.ID, ""} {
			_, err := s.FindReference(ctx, unknown)
			if err := fails(fmt.Sprintf("FindReference of %q", unknown), err, flow.ErrNotFound); err != nil {
				return err
			}
		}
		return holds(ctx, s, without[0])
	}},
	{"a record is listed while it is marked as damaged", func(ctx context.Context, s flow.Store) error {
		lister, ok := s.(flow.DamagedLister)
		var ids []string
		for i := range 5 {
			r, err := created(ctx, s, flow.Record{ID: fmt.Sprintf("%d-%s", i, storesuite.NewID())})
			if err != nil {
				return err
			}
			if i == 2 {
				continue
			}
			r.DamagedAt = noon.Add(time.Millisecond)
			if r, err = updated(ctx, s, r); err != nil {
				return err
			}
			if err := holds(ctx, s, r); err != nil {
				return err
			}
			if i == 4 {
				r.DamagedAt = time.Time{}
				if _, err := updated(ctx, s, r); err != nil {
					return err
				}
				continue
			}
			ids = append(ids, r.ID)
		}
		if !ok {
			return nil
		}
		var listed []string
		for after := ""; ; after = listed[len(listed)-1] {
			page, err := lister.ListDamaged(ctx, after, 2)
			if err != nil {
				return fmt.Errorf("ListDamaged: %w", err)
			}
			if len(page) > 2 {
				return fmt.Errorf("ListDamaged returns %d records, want 2 at most", len(page))
			}
			for _, r := range page {
				listed = append(listed, r.ID)
			}
			if len(page) == 0 || len(listed) > len(ids) {
				break
			}
		}
		if !slices.Equal(listed, ids) {
			return fmt.Errorf("ListDamaged returns %q, want %q", listed, ids)
		}
		return nil
	}},
	{"a setting changes only from its present value", func(ctx context.Context, s flow.Store) error {
		guarded, ok := s.(flow.Guarded)
		if !ok {
			return nil
		}
		for _, step := range []struct {
			from, to string
			want     error
		}{
			{"x", "a", flow.ErrChanged},
			{"", "a", nil},
			{"", "b", flow.ErrChanged},
			{"x", "b", flow.ErrChanged},
			{"a", "b", nil},
		} {
			before, err := guarded.Setting(ctx, "name")
			if err != nil {
				return fmt.Errorf("Setting: %w", err)
			}
			if err := guarded.ChangeSetting(ctx, "name", step.from, step.to); !errors.Is(err, step.want) {
				return fmt.Errorf("ChangeSetting of %q from %q: %w", before, step.from, err)
			}
			want := before
			if step.want == nil {
				want = step.to
			}
			after, err := guarded.Setting(ctx, "name")
			if err != nil {
				return fmt.Errorf("Setting: %w", err)
			}
			if after != want {
				return fmt.Errorf("the setting is %q, want %q", after, want)
			}
		}
		other, err := guarded.Setting(ctx, "another")
		if err != nil {
			return fmt.Errorf("Setting: %w", err)
		}
		if other != "" {
			return fmt.Errorf("a setting that was never set is %q", other)
		}
		return nil
	}},
	{"one of many concurrent updates gets a payment request", func(ctx context.Context, s flow.Store) error {
		var all [16]flow.Record
		for i := range all {
			var err error
			if all[i], err = created(ctx, s, flow.Record{}); err != nil {
				return err
			}
		}
		request := storesuite.NewID()
		errs := storesuite.Concurrently(len(all), func(i int) error {
			r := all[i]
			r.PaymentRequestID = request
			return s.Update(ctx, r)
		})
		had := 0
		for i, r := range all {
			if errs[i] == nil {
				had++
				r.PaymentRequestID = request
				r.Version++
			} else if err := refused("Update", errs[i]); err != nil {
				return err
			}
			if err := holds(ctx, s, r); err != nil {
				return err
			}
		}
		if had != 1 {
			return fmt.Errorf("%d records got one payment request", had)
		}
		return nil
	}},
	{"a record without a due time is never claimed", func(ctx context.Context, s flow.Store) error {
		if _, err := created(ctx, s, flow.Record{}); err != nil {
			return err
		}
		ended, err := created(ctx, s, flow.Record{DueAt: noon})
		if err != nil {
			return err
		}
		ended.DueAt = time.Time{}
		if _, err := updated(ctx, s, ended); err != nil {
			return err
		}
		for _, now := range []time.Time{noon, time.Now(), time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC)} {
			if _, err := claim(ctx, s, now, now.Add(time.Hour), 10); err != nil {
				return err
			}
		}
		// A record becomes due once it has a due time.
		ended.Version++
		ended.DueAt = noon
		if ended, err = updated(ctx, s, ended); err != nil {
			return err
		}
		_, err = claim(ctx, s, noon, noon.Add(time.Hour), 10, ended)
		return err
	}},
	{"an ended record can become due again in another lane", func(ctx context.Context, s flow.Store) error {
		r, err := created(ctx, s, flow.Record{State: flow.StateAuthorized})
		if err != nil {
			return err
		}
		// Operations make Data and Sealed grow and shrink.
		for n := range 3 {
			r.DueAt, r.Lane = noon, flow.LaneOperations
			r.Data, r.Sealed = bytes.Repeat([]byte("1"), 250_000*n+1), bytes.Repeat([]byte{0, 255}, 100_000)
			if r, err = updated(ctx, s, r); err != nil {
				return err
			}
			params := dueIn(noon, noon.Add(time.Minute), 10)
			if _, err := claimed(ctx, s, params); err != nil {
				return fmt.Errorf("from another lane: %w", err)
			}
			params.Lanes = []flow.Lane{flow.LaneOperations}
			list, err := claimed(ctx, s, params, r)
			if err != nil {
				return err
			}
			r = list[0]
			r.DueAt, r.Lane, r.Sealed, r.Data = time.Time{}, flow.LaneReports, nil, []byte("1")
			if r, err = updated(ctx, s, r); err != nil {
				return err
			}
			params.Now = noon.Add(time.Hour)
			if _, err := claimed(ctx, s, params); err != nil {
				return fmt.Errorf("when nothing is pending: %w", err)
			}
		}
		return nil
	}},
	{"a claim moves the due time and increments the version", func(ctx context.Context, s flow.Store) error {
		r, err := created(ctx, s, flow.Record{
			PaymentRequestID: storesuite.NewID(), State: flow.StateFinalizing, DueAt: noon, Data: []byte(`{"a":1}`), Sealed: []byte{0, 1, 2, 255},
		})
		if err != nil {
			return err
		}
		until := noon.Add(time.Minute + time.Millisecond)
		for range 3 {
			if _, err := claim(ctx, s, r.DueAt.Add(-time.Millisecond), until, 10); err != nil {
				return fmt.Errorf("a millisecond early: %w", err)
			}
			claimed, err := claim(ctx, s, r.DueAt, until, 10, r)
			if err != nil {
				return err
			}
			r = claimed[0]
			if err := holds(ctx, s, r); err != nil {
				return err
			}
			until = until.Add(time.Minute)
		}
		if _, err := updated(ctx, s, r); err != nil {
			return fmt.Errorf("with the version of a claim: %w", err)
		}
		return nil
	}},
	{"a due time is kept to the millisecond", func(ctx context.Context, s flow.Store) error {
		for _, at := range []time.Time{
			noon.Add(time.Millisecond), noon.Add(999 * time.Millisecond),
			time.Date(2026, time.December, 31, 23, 59, 59, 999e6, time.UTC), time.Date(2286, time.November, 20, 17, 46, 40, 1e6, time.UTC),
		} {
			r, err := created(ctx, s, flow.Record{DueAt: at})
			if err != nil {
				return err
			}
			if err := holds(ctx, s, r); err != nil {
				return err
			}
			if r, err = updated(ctx, s, r); err != nil {
				return err
			}
			if err := holds(ctx, s, r); err != nil {
				return err
			}
			r.DueAt = time.Time{}
			if _, err := updated(ctx, s, r); err != nil {
				return err
			}
		}
		return nil
	}},
	{"a claim takes the most overdue records, up to the limit", func(ctx context.Context, s flow.Store) error {
		var byAge [7]flow.Record
		for _, i := range []int{3, 0, 6, 2, 5, 1, 4} {
			var err error
			// The order of the data is another one.
			if byAge[i], err = created(ctx, s, flow.Record{DueAt: noon.Add(time.Duration(i) * time.Millisecond), Data: number(i * 3 % 7)}); err != nil {
				return err
			}
		}
		now, until := noon.Add(5*time.Millisecond), noon.Add(time.Hour)
		for _, limit := range []int{0, -1} {
			if _, err := claim(ctx, s, now, until, limit); err != nil {
				return fmt.Errorf("a limit of %d: %w", limit, err)
			}
		}
		for _, step := range []struct{ limit, from, to int }{{1, 0, 1}, {3, 1, 4}, {100, 4, 6}, {100, 6, 6}} {
			if _, err := claim(ctx, s, now, until, step.limit, byAge[step.from:step.to]...); err != nil {
				return fmt.Errorf("a limit of %d: %w", step.limit, err)
			}
		}
		return nil
	}},
	{"a claim takes from the lanes that it lists, in their order", func(ctx context.Context, s flow.Store) error {
		var byLane [5]flow.Record
		for i := range byLane {
			var err error
			// The lane that is listed last has the most overdue record.
			if byLane[i], err = created(ctx, s, flow.Record{Lane: flow.Lane(i), DueAt: noon.Add(time.Duration(i) * time.Millisecond)}); err != nil {
				return err
			}
		}
		params := dueIn(noon.Add(time.Second), noon.Add(time.Hour), 10)
		for _, step := range []struct {
			lanes []flow.Lane
			limit int
			want  []flow.Record
		}{
			{nil, 10, nil},
			{[]flow.Lane{9}, 10, nil},
			{[]flow.Lane{4, 2, 0}, 2, []flow.Record{byLane[4], byLane[2]}},
			{[]flow.Lane{3, 4, 1}, 10, []flow.Record{byLane[3], byLane[1]}},
			{[]flow.Lane{4, 3, 2, 1, 0}, 10, []flow.Record{byLane[0]}},
		} {
			params.Lanes, params.Limit = step.lanes, step.limit
			if _, err := claimed(ctx, s, params, step.want...); err != nil {
				return fmt.Errorf("of the lanes %d: %w", step.lanes, err)
			}
		}
		return nil
	}},
	{"an update moves a record to another lane", func(ctx context.Context, s flow.Store) error {
		r, err := created(ctx, s, flow.Record{PartnerAccountID: "a", Lane: 1, DueAt: noon})
		if err != nil {
			return err
		}
		r.Lane = 2
		if r, err = updated(ctx, s, r); err != nil {
			return err
		}
		params := dueIn(noon, noon.Add(time.Hour), 10)
		params.Lanes = []flow.Lane{1}
		if _, err := claimed(ctx, s, params); err != nil {
			return fmt.Errorf("of the lane that it was in: %w", err)
		}
		params.Lanes = []flow.Lane{2}
		_, err = claimed(ctx, s, params, r)
		return err
	}},
	{"within a lane accounts take turns", func(ctx context.Context, s flow.Store) error {
		byName := map[string]flow.Record{}
		// The account a has a backlog. The others have one or two records that are less overdue.
		for i, name := range []string{"a1", "a2", "a3", "a4", "a5", "c1", "b1", "b2", "1", "a6"} {
			r, err := created(ctx, s, flow.Record{PartnerAccountID: name[:len(name)-1], DueAt: noon.Add(time.Duration(i) * time.Millisecond), Data: number(i)})
			if err != nil {
				return err
			}
			byName[name] = r
		}
		want := func(names ...string) (list []flow.Record) {
			for _, name := range names {
				list = append(list, byName[name])
			}
			return list
		}
		params := dueIn(noon.Add(time.Second), noon.Add(time.Hour), 5)
		if _, err := claimed(ctx, s, params, want("a1", "c1", "b1", "1", "a2")...); err != nil {
			return fmt.Errorf("the first: %w", err)
		}
		params.Limit = 100
		if _, err := claimed(ctx, s, params, want("a3", "b2", "a4", "a5", "a6")...); err != nil {
			return fmt.Errorf("and then: %w", err)
		}
		return nil
	}},
	{"a claim obeys the limit per account and the excepted accounts", func(ctx context.Context, s flow.Store) error {
		byAccount := map[string][]flow.Record{}
		for i := range 12 {
			account := []string{"", "a", "b", "it's \"c\""}[i%4]
			r, err := created(ctx, s, flow.Record{PartnerAccountID: account, DueAt: noon.Add(time.Duration(i) * time.Millisecond)})
			if err != nil {
				return err
			}
			byAccount[account] = append(byAccount[account], r)
		}
		a, b, c, none := byAccount["a"], byAccount["b"], byAccount["it's \"c\""], byAccount[""]
		params := dueIn(noon.Add(time.Second), noon.Add(time.Hour), 100)
		for _, step := range []struct {
			perAccount int
			except     []string
			want       []flow.Record
		}{
			{1, []string{"a", "", "it's \"c\"", "of nobody"}, b[:1]},
			{2, []string{"b"}, []flow.Record{none[0], a[0], c[0], none[1], a[1], c[1]}},
			{1, nil, []flow.Record{b[1], none[2], a[2], c[2]}},
			{-1, nil, b[2:]},
		} {
			params.PerAccount, params.ExceptAccounts = step.perAccount, step.except
			if _, err := claimed(ctx, s, params, step.want...); err != nil {
				return fmt.Errorf("%d of each but %q: %w", step.perAccount, step.except, err)
			}
		}
		return nil
	}},
	{"one of many concurrent claims gets a record", func(ctx context.Context, s flow.Store) error {
		const many = 300
		due := make(map[string]flow.Record)
		for i := range many {
			// Some are due at the same time.
			r, err := created(ctx, s, flow.Record{DueAt: noon.Add(time.Duration(i/3) * time.Millisecond), Data: number(i)})
			if err != nil {
				return err
			}
			due[r.ID] = r
			if _, err := created(ctx, s, flow.Record{DueAt: noon.Add(2 * time.Hour)}); err != nil {
				return err
			}
		}
		now, until := noon.Add(time.Second), noon.Add(time.Hour)
		var mu sync.Mutex
		claims := func(int) error {
			for {
				list, err := s.ClaimDue(ctx, dueIn(now, until, 7))
				switch {
				case err != nil:
					return fmt.Errorf("ClaimDue: %w", err)
				case len(list) > 7:
					return fmt.Errorf("ClaimDue with a limit of 7 returns %d records", len(list))
				case len(list) == 0:
					return nil
				}
				mu.Lock()
				for _, r := range list {
					want, ok := due[r.ID]
					if !ok {
						mu.Unlock()
						return errors.New("a record was claimed twice, or was not due")
					}
					delete(due, r.ID)
					want.DueAt, want.Version = until, want.Version+1
					if err := same(r.Record, want); err != nil {
						mu.Unlock()
						return err
					}
				}
				mu.Unlock()
			}
		}
		if err := cmp.Or(storesuite.Concurrently(16, claims)...); err != nil {
			return err
		}
		// A claim without competitors must take all that is left.
		if err := claims(0); err != nil {
			return err
		}
		if len(due) > 0 {
			return fmt.Errorf("%d of %d records were never claimed", len(due), many)
		}
		return nil
	}},
	{"either a concurrent update or a claim succeeds", func(ctx context.Context, s flow.Store) error {
		for range 30 {
			r, err := created(ctx, s, flow.Record{DueAt: noon, Data: []byte(`{"a":1}`)})
			if err != nil {
				return err
			}
			ended := r
			ended.DueAt, ended.Data = time.Time{}, []byte(`{"b":2}`)
			var list []flow.Claimed
			errs := storesuite.Concurrently(2, func(i int) (err error) {
				if i == 0 {
					return s.Update(ctx, ended)
				}
				list, err = s.ClaimDue(ctx, dueIn(noon, noon.Add(time.Hour), 10))
				return err
			})
			changed := errs[0]
			if err := errs[1]; err != nil {
				return fmt.Errorf("ClaimDue: %w", err)
			}
			switch {
			case changed == nil && len(list) > 0:
				return errors.New("both succeeded")
			case changed == nil:
				r = ended
			case !errors.Is(changed, flow.ErrChanged):
				return fmt.Errorf("Update: %w, want ErrChanged", changed)
			case len(list) != 1:
				return fmt.Errorf("Update is ErrChanged, and ClaimDue returns %d records", len(list))
			default:
				r.DueAt = noon.Add(time.Hour)
			}
			r.Version++
			if err := holds(ctx, s, r); err != nil {
				return err
			}
		}
		return nil
	}},
	{"data and sealed are stored byte for byte", func(ctx context.Context, s flow.Store) error {
		every := make([]byte, 256)
		for i := range every {
			every[i] = byte(i)
		}
		for _, c := range []struct{ data, sealed []byte }{
			{[]byte(`{}`), []byte{0}},
			{[]byte("{ \"b\" : 1.0,\t\"a\":1e2 }\n"), []byte("\x00\x00")},
			{[]byte(`{"text":"å 日本 😀 ' \" \\ \u0000 \u00e5 %s $1 ?1"}`), every},
			{[]byte(`"` + storesuite.Incompressible(large) + `"`), random(large)},
			{[]byte("\"'; --\""), []byte("'; --")},
			{[]byte(`null`), nil},
			{[]byte(`0`), []byte{}},
		} {
			r, err := created(ctx, s, flow.Record{DueAt: noon, Data: c.data, Sealed: c.sealed})
			if err != nil {
				return err
			}
			if err := holds(ctx, s, r); err != nil {
				return err
			}
			claimed, err := claim(ctx, s, noon, noon.Add(time.Hour), 10, r)
			if err != nil {
				return err
			}
			r = claimed[0]
			r.Data, r.Sealed = []byte(`{"another":true}`), []byte("another")
			if r, err = updated(ctx, s, r); err != nil {
				return err
			}
			r.Data, r.Sealed = c.data, c.sealed
			if r, err = updated(ctx, s, r); err != nil {
				return err
			}
			if err := holds(ctx, s, r); err != nil {
				return err
			}
		}
		return nil
	}},
	{"ids are opaque", func(ctx context.Context, s flow.Store) error {
		base := storesuite.NewID()
		var all []flow.Record
		for i, tail := range []string{
			"", " ", "  ", "a", "A", "å", "a\u030a", "Å", "ß", "ss", "ﬁ", "fi", "日本", "😀", "\u00a0", "\u200b", "\ufeff", "\u202e", "'", "''", `"`, "`", `\`, "%", "_", "?", "$1", "?1", "/", ":", "*", "{table}",
			"'; DROP TABLE klarna_purchases; --", strings.Repeat("x", 255-len(base)-1), strings.Repeat("x", 255-len(base)), strings.Repeat("日", (255-len(base))/3),
		} {
			for _, id := range []string{base + tail, tail + base} {
				if tail == "" && len(all) > 0 {
					continue // both IDs are the same
				}
				r, err := created(ctx, s, flow.Record{ID: id, PaymentRequestID: id, Data: number(i)})
				if err != nil {
					return fmt.Errorf("the id %q: %w", id, err)
				}
				all = append(all, r)
			}
		}
		for i, r := range all {
			if i%2 == 0 {
				r.DueAt = noon
				var err error
				if r, err = updated(ctx, s, r); err != nil {
					return fmt.Errorf("the id %q: %w", r.ID, err)
				}
				if _, err := claim(ctx, s, noon, noon.Add(time.Hour), 10, r); err != nil {
					return fmt.Errorf("the id %q: %w", r.ID, err)
				}
				r.DueAt = noon.Add(time.Hour)
				r.Version++
				all[i] = r
			}
		}
		for _, r := range all {
			if err := holds(ctx, s, r); err != nil {
				return fmt.Errorf("the id %q: %w", r.ID, err)
			}
		}
		return nil
	}},
	{"changing a record's bytes changes nothing in the store", func(ctx context.Context, s flow.Store) error {
		var want flow.Record
		fresh := func() flow.Record {
			r := want
			r.Data, r.Sealed = bytes.Clone(r.Data), bytes.Clone(r.Sealed)
			return r
		}
		spoil := func(r flow.Record) {
			for _, b := range [][]byte{r.Data[:cap(r.Data)], r.Sealed[:cap(r.Sealed)]} {
				for i := range b {
					b[i] ^= 1
				}
			}
		}
		want = flow.Record{ID: storesuite.NewID(), PaymentRequestID: storesuite.NewID(), State: flow.StateBegun, DueAt: noon, Data: []byte(`{"a":1}`), Sealed: []byte("sealed")}
		for _, step := range []struct {
			name    string
			version int64
			call    func() (flow.Record, error)
		}{
			{"Create", 1, func() (flow.Record, error) { r := fresh(); return r, s.Create(ctx, r) }},
			{"Load", 0, func() (flow.Record, error) { return s.Load(ctx, want.ID) }},
			{"FindPaymentRequest", 0, func() (flow.Record, error) { return s.FindPaymentRequest(ctx, want.PaymentRequestID) }},
			{"Update", 1, func() (flow.Record, error) { r := fresh(); return r, s.Update(ctx, r) }},
			{"ClaimDue", 1, func() (flow.Record, error) {
				list, err := s.ClaimDue(ctx, dueIn(noon, noon, 1))
				if err == nil && len(list) != 1 {
					err = fmt.Errorf("%d records", len(list))
				}
				if err != nil {
					return flow.Record{}, err
				}
				return list[0].Record, nil
			}},
		} {
			r, err := step.call()
			if err != nil {
				return fmt.Errorf("%s: %w", step.name, err)
			}
			want.Version += step.version
			spoil(r)
			if err := holds(ctx, s, want); err != nil {
				return fmt.Errorf("after the bytes of %s were changed: %w", step.name, err)
			}
		}
		return nil
	}},
	{"a call whose context has ended returns an error", func(ctx context.Context, s flow.Store) error {
		ended, cancel := context.WithCancel(ctx)
		cancel()
		before, err := created(ctx, s, flow.Record{PaymentRequestID: storesuite.NewID(), DueAt: noon, Data: []byte(`{"a":1}`)})
		if err != nil {
			return err
		}
		change := before
		change.Data = []byte(`{"b":2}`)
		for name, call := range map[string]func() error{
			"Create": func() error {
				return s.Create(ended, flow.Record{ID: storesuite.NewID(), State: flow.StateBegun, Data: []byte(`{}`)})
			},
			"Load":               func() error { _, err := s.Load(ended, before.ID); return err },
			"FindPaymentRequest": func() error { _, err := s.FindPaymentRequest(ended, before.PaymentRequestID); return err },
			"Update":             func() error { return s.Update(ended, change) },
			"ClaimDue":           func() error { _, err := s.ClaimDue(ended, dueIn(noon, noon.Add(time.Hour), 10)); return err },
		} {
			switch err := call(); {
			case err == nil:
				return fmt.Errorf("%s returns nil, want an error", name)
			case errors.Is(err, flow.ErrExists), errors.Is(err, flow.ErrNotFound), errors.Is(err, flow.ErrChanged):
				return fmt.Errorf("%s returns %w, want the context's error", name, err)
			}
		}
		// A method that fails may have done its work, but not half of it: a change of Data or DueAt
		// increments the version.
		after, err := s.Load(ctx, before.ID)
		if err != nil {
			return fmt.Errorf("Load: %w", err)
		}
		want := before
		if bytes.Equal(after.Data, change.Data) {
			want.Data = change.Data
			want.Version++
		}
		if !after.DueAt.Equal(before.DueAt) {
			want.DueAt = noon.Add(time.Hour)
			want.Version++
		}
		return same(after, want)
	}},
}

// created creates a record, with defaults for the ID, the state and the data, and returns it as it
// is stored.
func created(ctx context.Context, s flow.Store, r flow.Record) (flow.Record, error) {
	if r.ID == "" {
		r.ID = storesuite.NewID()
	}
	if r.State == "" {
		r.State = flow.StateBegun
	}
	if r.Data == nil {
		r.Data = []byte(`{}`)
	}
	if err := s.Create(ctx, r); err != nil {
		return r, fmt.Errorf("Create: %w", err)
	}
	r.Version = 1
	return r, nil
}

// updated updates a record and returns it as it is stored.
func updated(ctx context.Context, s flow.Store, r flow.Record) (flow.Record, error) {
	if err := s.Update(ctx, r); err != nil {
		return r, fmt.Errorf("Update: %w", err)
	}
	r.Version++
	return r, nil
}

// dueIn returns the parameters of a claim from lane 0.
func dueIn(now, until time.Time, limit int) flow.ClaimParams {
	return flow.ClaimParams{Now: now, Until: until, Limit: limit, Lanes: []flow.Lane{0}}
}

// claim claims from lane 0, checks that it gets exactly these records in this order, and returns
// them.
func claim(ctx context.Context, s flow.Store, now, until time.Time, limit int, want ...flow.Record) ([]flow.Record, error) {
	return claimed(ctx, s, dueIn(now, until, limit), want...)
}

func claimed(ctx context.Context, s flow.Store, params flow.ClaimParams, want ...flow.Record) (records []flow.Record, err error) {
	list, err := s.ClaimDue(ctx, params)
	if err != nil {
		return nil, fmt.Errorf("ClaimDue: %w", err)
	}
	if len(list) != len(want) {
		return nil, fmt.Errorf("ClaimDue returns %d records, want %d", len(list), len(want))
	}
	for i, r := range want {
		was := r.DueAt
		r.DueAt = params.Until
		r.Version++
		if err := same(list[i].Record, r); err != nil {
			return nil, fmt.Errorf("record %d of %d that were claimed: %w", i+1, len(list), err)
		}
		if !list[i].WasDueAt.Equal(was) || list[i].WasDueAt.Location() != time.UTC {
			return nil, fmt.Errorf("record %d of %d that were claimed was due at %v, want %v", i+1, len(list), list[i].WasDueAt, was)
		}
		records = append(records, list[i].Record)
	}
	return records, nil
}

// holds checks that the store returns a record as expected.
func holds(ctx context.Context, s flow.Store, want flow.Record) error {
	got, err := s.Load(ctx, want.ID)
	if err != nil {
		return fmt.Errorf("Load: %w", err)
	}
	if err := same(got, want); err != nil {
		return fmt.Errorf("Load: %w", err)
	}
	if want.PaymentRequestID == "" {
		return nil
	}
	if got, err = s.FindPaymentRequest(ctx, want.PaymentRequestID); err != nil {
		return fmt.Errorf("FindPaymentRequest: %w", err)
	}
	if err := same(got, want); err != nil {
		return fmt.Errorf("FindPaymentRequest: %w", err)
	}
	return nil
}

// same compares two records. An empty Sealed equals a nil one.
func same(got, want flow.Record) error {
	switch {
	case got.ID != want.ID:
		return fmt.Errorf("the id is %q, want %q", got.ID, want.ID)
	case got.PaymentRequestID != want.PaymentRequestID:
		return fmt.Errorf("the payment request is %q, want %q", got.PaymentRequestID, want.PaymentRequestID)
	case got.Reference != want.Reference:
		return fmt.Errorf("the reference is %q, want %q", got.Reference, want.Reference)
	case !got.DamagedAt.Equal(want.DamagedAt) || got.DamagedAt.Location() != time.UTC:
		return fmt.Errorf("it was found damaged at %v, want %v", got.DamagedAt, want.DamagedAt)
	case got.PartnerAccountID != want.PartnerAccountID:
		return fmt.Errorf("the account is %q, want %q", got.PartnerAccountID, want.PartnerAccountID)
	case got.Lane != want.Lane:
		return fmt.Errorf("the lane is %d, want %d", got.Lane, want.Lane)
	case got.State != want.State:
		return fmt.Errorf("the state is %q, want %q", got.State, want.State)
	case !got.DueAt.Equal(want.DueAt) || got.DueAt.Location() != time.UTC:
		return fmt.Errorf("the due time is %v, want %v", got.DueAt, want.DueAt)
	case got.Version != want.Version:
		return fmt.Errorf("the version is %d, want %d", got.Version, want.Version)
	case !bytes.Equal(got.Data, want.Data):
		return fmt.Errorf("the data are %s, want %s", excerpt(got.Data), excerpt(want.Data))
	case !bytes.Equal(got.Sealed, want.Sealed):
		return fmt.Errorf("sealed is %s, want %s", excerpt(got.Sealed), excerpt(want.Sealed))
	}
	return nil
}

func excerpt(b []byte) string { return fmt.Sprintf("%d bytes (%.40q)", len(b), b) }

func fails(what string, err, want error) error {
	if !errors.Is(err, want) {
		return fmt.Errorf("%s: got the error %v, want one that wraps %q", what, err, want) //nolint:errorlint // it may be nil
	}
	return nil
}

// refused checks that setting another record's payment request fails, and not with an error after
// which a caller retries or creates the record.
func refused(what string, err error) error {
	if err == nil || errors.Is(err, flow.ErrChanged) || errors.Is(err, flow.ErrNotFound) {
		return fmt.Errorf("%s with another record's payment request: %v", what, err) //nolint:errorlint // it may be nil
	}
	return nil
}

// oneOfMany makes concurrent calls. It checks that one succeeds and the others fail with an error,
// and returns the number of the one.
func oneOfMany(call func(i int) error, others error) (winner int, err error) {
	won := 0
	for i, err := range storesuite.Concurrently(crowd, call) {
		switch {
		case err == nil:
			won++
			winner = i
		case !errors.Is(err, others):
			return 0, err
		}
	}
	if won != 1 {
		return 0, fmt.Errorf("%d of %d concurrent calls succeeded, want 1", won, crowd)
	}
	return winner, nil
}

// number returns data that differs for each i.
func number(i int) []byte { return []byte(strconv.Itoa(i)) }

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it does not fail
	return b
}
