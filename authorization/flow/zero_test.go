package flow_test

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/webhook"
)

// The test is not parallel, because it sets the default logger.
func TestZeroCoordinatorReturnsErrors(t *testing.T) {
	before := slog.Default()
	defer slog.SetDefault(before)
	for name, c := range map[string]*flow.Coordinator{"zero": {}, "nil": nil} {
		var log strings.Builder
		slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
		ctx := t.Context()
		_, begun := c.Begin(ctx, flow.Purchase{})
		_, canceled := c.Cancel(ctx, "p")
		_, returned := c.HandleReturn(ctx, "p")
		_, status := c.GetStatus(ctx, "p")
		_, damaged := c.ListDamaged(ctx, "", 1)
		_, recovered := c.Recover(ctx)
		_, capture := c.Capture(ctx, "p", flow.CaptureParams{ID: "op", Amount: 1})
		_, listed := c.ListOperations(ctx, "p")
		_, reconciled := c.Reconcile(ctx, "p", flow.ReconcileParams{})
		_, adopted := c.Adopt(ctx, flow.AdoptParams{})
		_, settled := c.Settle(ctx, "p", "op", flow.SettleParams{})
		for method, err := range map[string]error{
			"Begin": begun, "Cancel": canceled, "HandleReturn": returned, "GetStatus": status, "ListDamaged": damaged, "Recover": recovered,
			"Capture": capture, "ListOperations": listed, "Reconcile": reconciled, "Adopt": adopted, "Settle": settled,
			"Check": c.Check(ctx), "HandleEvent": c.HandleEvent(ctx, new(webhook.Event)),
		} {
			if err == nil || !strings.Contains(err.Error(), "not made by New") {
				t.Errorf("%s of a %s Coordinator: %v", method, name, err)
			}
		}
		if diff := cmp.Diff(flow.Health{}, c.Health()); diff != "" {
			t.Errorf("the health of a %s Coordinator (-want +got):\n%s", name, diff)
		}
		if c.Run(ctx); !strings.Contains(log.String(), "not made by New") {
			t.Errorf("Run of a %s Coordinator logs %q", name, log.String())
		}
	}
}

func TestZeroMemoryStoreWorks(t *testing.T) {
	var s flow.MemoryStore
	if _, err := s.Load(t.Context(), "p"); err == nil {
		t.Error("an empty store has a record")
	}
	if claimed, err := s.ClaimDue(t.Context(), flow.ClaimParams{Now: time.Now(), Until: time.Now().Add(time.Minute), Limit: 1, Lanes: []flow.Lane{flow.LaneBegun}}); err != nil || len(claimed) != 0 {
		t.Errorf("%v, %v", claimed, err)
	}
	if err := s.ChangeSetting(t.Context(), "name", "", "value"); err != nil {
		t.Error(err)
	}
	if err := s.Create(t.Context(), flow.Record{ID: "p", State: flow.StateBegun, Data: []byte("data")}); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Load(t.Context(), "p"); err != nil || string(r.Data) != "data" {
		t.Errorf("%v, %v", r, err)
	}
}

// Only the race detector shows the fault that it guards against.
func TestMemoryStoreReadsDuringItsFirstWrite(t *testing.T) {
	var store flow.MemoryStore
	var group sync.WaitGroup
	for _, read := range []func() error{
		func() error { _, err := store.Load(t.Context(), "p"); return err },
		func() error { _, err := store.FindPaymentRequest(t.Context(), "r"); return err },
		func() error { _, err := store.FindReference(t.Context(), "p"); return err },
	} {
		group.Go(func() {
			if err := read(); !errors.Is(err, flow.ErrNotFound) {
				t.Errorf("got %v, want ErrNotFound", err)
			}
		})
	}
	if err := store.ChangeSetting(t.Context(), "name", "", "value"); err != nil {
		t.Error(err)
	}
	group.Wait()
}
