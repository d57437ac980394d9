package flow

import (
	"context"
	"sync"
	"time"

	"github.com/klarna-go/klarna-go/internal/sleep"
)

const (
	// lateAfter is how long after its last round recovery is late.
	lateAfter = 30 * time.Second
	// behindAfter is how overdue a purchase may be before recovery is behind.
	behindAfter = 5 * time.Minute
	// watchPause is how often Run looks at itself.
	watchPause = 15 * time.Second
)

// Health is how recovery stands in this process.
type Health struct {
	// Running reports that Run runs.
	Running bool
	// LastRound is when recovery last asked the store what is due and had an answer; zero before the
	// first. While Run runs it is a few seconds ago. If it is more than half a minute ago, recovery is
	// late, and Run logs that once a minute.
	LastRound time.Time
	// OldestDue is when the most overdue purchase was due that recovery met since it last had nothing
	// left to do; zero where it has nothing left.
	OldestDue time.Time
	// Steps is how many purchases recovery goes on with at the moment, Reports how many it reports.
	Steps, Reports int
	// Slow is how many of the steps take longer than five seconds. Others run beside them.
	Slow int
	// Abandoned is how many callbacks, claims and steps have ignored the end of their context and have
	// not returned. Each holds a goroutine until it does.
	Abandoned int
	// PausedAccounts is how many accounts recovery makes no calls for at the moment, because of
	// Klarna's rate limit or because their calls hang.
	PausedAccounts int
}

// Health returns how recovery stands in this process.
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
		h.Abandoned += k.lost
		k.mu.Unlock()
	}
	for _, k := range []*callbacks{c.reportCalls, c.policyCalls, c.clientCalls, c.claimCalls} {
		h.Abandoned += k.abandoned()
	}
	return h
}

// heartbeat is what Health reports of the loop.
type heartbeat struct {
	mu           sync.Mutex
	runs         int
	last, oldest time.Time
	// beat is the machine's time of the last round, or of Run's beginning.
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

// round takes down that the store has reportedAt what is due. all reports that there is no more of it.
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
			c.logger.ErrorContext(ctx, "klarna flow: recovery is late: it has not looked for what is due", attributes...)
		} else {
			c.logger.WarnContext(ctx, "klarna flow: recovery is behind", attributes...)
		}
	}
}
