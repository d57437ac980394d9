package klarnatest

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCollectionKeepsItsOrderAfterRemovals(t *testing.T) {
	things := newCollection[*int]()
	var want []*int
	for i := range 1000 {
		v := new(i)
		things.add(strconv.Itoa(i), v)
		want = append(want, v)
	}
	random := rand.New(rand.NewPCG(1, 1))
	for _, i := range random.Perm(1000)[:990] {
		things.remove(strconv.Itoa(i))
		things.remove(strconv.Itoa(i)) // it is already removed
		want = slices.DeleteFunc(want, func(v *int) bool { return *v == i })
		if i%7 == 0 && !slices.Equal(things.all(), want) {
			t.Fatalf("after the removal of %d: %d things, want %d", i, len(things.all()), len(want))
		}
	}
	if diff := cmp.Diff(want, things.all()); diff != "" {
		t.Error(diff)
	}
	if len(things.byID) != 10 || len(things.removed) != 0 || things.byID[strconv.Itoa(*want[0])] != want[0] {
		t.Errorf("%d by id, %d removed", len(things.byID), len(things.removed))
	}
}

func TestAgendaIsStableAtEqualTimes(t *testing.T) {
	var a agenda
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	type entry struct{ At, Number int }
	var want, got []entry
	random := rand.New(rand.NewPCG(2, 2))
	for i := range 500 {
		e := entry{random.IntN(20), i}
		want = append(want, e)
		a.add(start.Add(time.Duration(e.At)*time.Second), func() { got = append(got, e) })
	}
	slices.SortStableFunc(want, func(x, y entry) int { return x.At - y.At })
	for range want {
		a.pop().run()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, ok := a.next(); ok {
		t.Error("something is left")
	}
}
