package flow

import (
	"context"
	"sync"
	"time"

	"github.com/klarna-go/klarna-go/internal/sleep"
)

const (
	// lateAfter is how long after its last round recovery counts as late.
	lateAfter = 30 * time.Second
	// behindAfter is how overdue a purchase is when recovery counts as behind.
	behindAfter = 5 * time.Minute
	// watchPause is how often Run checks Health.
	watchPause = 15 * time.Second
)

// Health describes how recovery is doing in this process. [Coordinator.Health] returns it.
type Health struct {
	// Running reports whether Run is running.
	Running bool
	// LastRound is when recovery last received the due purchases from the store. It is zero before
	// the first time. While Run is running, it is a few seconds ago. If it is more than 30 seconds
	// ago, recovery is late, and Run logs that once a minute.
	LastRound time.Time
	// OldestDue is the due time of the most overdue purchase that recovery has found since it last
	// had nothing to do. It is zero if recovery has nothing to do.
	OldestDue time.Time
	// Steps is the number of purchases that recovery is processing. Reports is the number of
	// purchases whose changes it is reporting.
	Steps, Reports int
	// Slow is the number of Steps that have taken longer than five seconds. They do not delay
	// others.
	Slow int
	// Abandoned is the number of callbacks, claims and steps that ignored the end of their context
	// and have not returned. Each occupies a goroutine.
	Abandoned int
	// PausedAccounts is the number of accounts that recovery makes no calls for at the moment,
	// because Klarna limits their rate or because their calls hang.
	PausedAccounts int
}

// Health returns how recovery is doing in this process.
func (c *Coordinator) Health() Health {
	if c.missing() {
		return Health{}
	}
	c.health.mu.Lock()
	h := Health{Running: c.health.runs > 0, LastRound: c.health.last, OldestDue: c.health.oldest}
	c.health.mu.Unlock()
	for _, k := range []*workerPool{c.money, c.reports} {
		k.mu.Lock()
		if k == c.money {
			h.Steps, h.Slow, h.PausedAccounts = k.plan.running+k.plan.slow, k.plan.slow, k.plan.paused(time.Now())
		} else {
			h.Reports = k.plan.running
		}
		h.Abandoned += k.abandoned
		k.mu.Unlock()
	}
	for _, k := range []*callbacks{c.reportCalls, c.policyCalls, c.clientCalls, c.claimCalls} {
		h.Abandoned += k.abandoned()
	}
	return h
}

// heartbeat is what Health reports about the loop.
type heartbeat struct {
	mu           sync.Mutex
	runs         int
	last, oldest time.Time
	// beat is the wall-clock time of the last round, or of the start of Run.
	beat time.Time
}

func (h *heartbeat) began() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.runs++
	h.beat = time.Now()
}

func (h *heartbeat) ended() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.runs--
}

// round records that the store has returned the due purchases. all reports whether it returned all
// of them.
func (h *heartbeat) round(now, oldest time.Time, all bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last, h.beat = now, time.Now()
	if all || !oldest.IsZero() && (h.oldest.IsZero() || oldest.Before(h.oldest)) {
		h.oldest = oldest
	}
}

// watch logs when recovery is late or behind, once a minute.
func (c *Coordinator) watch(ctx context.Context) {
	late := lateAfter + time.Duration(3/c.perSecond*float64(time.Second))
	var reportedAt time.Time
	for sleep.For(ctx, watchPause) == nil {
		c.health.mu.Lock()
		silence := time.Since(c.health.beat)
		c.health.mu.Unlock()
		h := c.Health()
		behind := !h.OldestDue.IsZero() && c.time().Sub(h.OldestDue) >= behindAfter
		if silence < late && !behind || !reportedAt.IsZero() && time.Since(reportedAt) < time.Minute {
			continue
		}
		reportedAt = time.Now()
		attributes := []any{
			"last_round", h.LastRound, "oldest_due", h.OldestDue, "steps", h.Steps, "slow", h.Slow, "reports", h.Reports,
			"abandoned", h.Abandoned, "paused_accounts", h.PausedAccounts,
		}
		if silence >= late {
			c.logger.ErrorContext(ctx, "klarna flow: recovery is late: it has not asked the store for due purchases", attributes...)
		} else {
			c.logger.WarnContext(ctx, "klarna flow: recovery is behind", attributes...)
		}
	}
}
