package webhook_test

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klarna-go/klarna-go/webhook"
	"github.com/klarna-go/klarna-go/webhook/storetest"
)

func TestMemoryStoreConforms(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) webhook.Store { return webhook.NewMemoryStore() })
}

// finish claims and completes an event. It does not call T.Helper, which is slow over millions of
// calls.
func finish(t *testing.T, store webhook.Store, id string) {
	c, err := store.Claim(t.Context(), id, time.Minute)
	if err != nil || c.Status != webhook.ClaimStatusGranted {
		t.Fatalf("%s: %v, %v", id, c.Status, err)
	}
	if err := store.Complete(t.Context(), id, c.Token); err != nil {
		t.Fatal(err)
	}
}

func TestMemoryStoreKeepsEventsFor48Hours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := webhook.NewMemoryStore()
		finish(t, store, "a")
		<-time.After(time.Hour)
		finish(t, store, "b")
		<-time.After(47*time.Hour - 1)
		if got := status(t, store, "a"); got != webhook.ClaimStatusCompleted {
			t.Errorf("just before 48 hours: %v, want completed", got)
		}
		<-time.After(1)
		if got := status(t, store, "a"); got != webhook.ClaimStatusGranted {
			t.Errorf("after 48 hours: %v, want granted", got)
		}
		if got := status(t, store, "b"); got != webhook.ClaimStatusCompleted {
			t.Errorf("after 47 hours: %v, want completed", got)
		}
	})
}

func TestMemoryStoreKeepsAtMostAMillionEvents(t *testing.T) {
	store := webhook.NewMemoryStore()
	held, err := store.Claim(t.Context(), "held", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1_000_001 {
		finish(t, store, strconv.Itoa(i))
	}
	for id, want := range map[string]webhook.ClaimStatus{"0": webhook.ClaimStatusGranted, "1": webhook.ClaimStatusCompleted, "1000000": webhook.ClaimStatusCompleted, "held": webhook.ClaimStatusInFlight} {
		if got := status(t, store, id); got != want {
			t.Errorf("event %s: %v, want %v", id, got, want)
		}
	}
	if err := store.Complete(t.Context(), "held", held.Token); err != nil {
		t.Errorf("an old claim was dropped: %v", err)
	}
}

// fullSize reports whether the memory tests process the full number of events: with WEBHOOKS=full.
func fullSize() bool { return os.Getenv("WEBHOOKS") == "full" && !raceEnabled }

// heap returns the number of bytes in use after a garbage collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

const megabyte = 1 << 20

func TestMemoryStoreStaysTheSameSize(t *testing.T) {
	events, every := 1_500_000, 250_000
	if fullSize() {
		events *= 2
	}
	before := heap()
	store := webhook.NewMemoryStore()
	var most, mostAtAMillion uint64
	for i := range events {
		finish(t, store, fmt.Sprintf("8f5f2b4e-0b1f-4a53-9d0c-%012d", i))
		if (i+1)%every == 0 {
			now := heap() - before
			most = max(most, now)
			if i < 1_000_000 {
				mostAtAMillion = max(mostAtAMillion, now)
			}
		}
	}
	t.Logf("%d events: %d MB at the first million, %d MB at most", events, mostAtAMillion/megabyte, most/megabyte)
	// The queue of completed events releases memory in steps, when half of it is unused.
	if limit := mostAtAMillion + mostAtAMillion/2; most > limit {
		t.Errorf("%d MB, more than %d MB", most/megabyte, limit/megabyte)
	}
	if most > 400*megabyte {
		t.Errorf("%d MB for a million events", most/megabyte)
	}
	runtime.KeepAlive(store)
}
