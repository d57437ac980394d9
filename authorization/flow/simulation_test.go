package flow

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The simulations in this file run recovery's own scheduler and the memory store on a clock that
// jumps from event to event. Klarna, customers and webhooks are simple models. Nothing depends on
// wall-clock time, so a seed gives the same numbers each time.

// simulation has the replicas, the purchases and the clock.
type simulation struct {
	now      time.Time
	events   eventHeap
	sequence int
	random   *rand.Rand
	store    *MemoryStore
	buyers   map[string]*buyer
	replicas []*simulated

	// down reports whether Klarna cannot be reached, mute whether it sends no webhooks, and
	// troubled whether an account's calls hang.
	down, mute func(time.Time) bool
	troubled   func(account string) bool
	ended      func(*buyer)
	looks      int
}

// buyer is a purchase and its customer.
type buyer struct {
	id, account        string
	begun, expires     time.Time
	arrives, approves  time.Time // zero if the customer does not
	finalized, settled time.Time
	tries              int
	noWebhook          bool
	lane               Lane
}

// simulated is a replica: its scheduler, and whether it waits for a slot.
type simulated struct {
	plan    *scheduler
	waiting bool
}

type event struct {
	at    time.Time
	order int
	do    func()
}

type eventHeap []event

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	return cmp.Or(h[i].at.Compare(h[j].at), cmp.Compare(h[i].order, h[j].order)) < 0
}
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(x any)   { *h = append(*h, x.(event)) }
func (h *eventHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = event{}
	*h = (*h)[:last]
	return e
}

func newSimulation(seed uint64, replicas int, perSecond float64) *simulation {
	never := func(time.Time) bool { return false }
	w := &simulation{
		now: time.Date(2026, time.March, 2, 0, 0, 0, 0, time.UTC), random: rand.New(rand.NewPCG(seed, 0)),
		store: NewMemoryStore(), buyers: map[string]*buyer{}, down: never, mute: never, troubled: func(string) bool { return false }, ended: func(*buyer) {},
	}
	for range replicas {
		r := &simulated{plan: newScheduler(perSecond, moneySlots, false)}
		w.replicas = append(w.replicas, r)
		w.after(w.upTo(time.Second), func() { w.round(r) })
	}
	return w
}

func (w *simulation) upTo(d time.Duration) time.Duration {
	return time.Duration(w.random.Int64N(int64(d) + 1))
}

func (w *simulation) jitter(d time.Duration) time.Duration { return d/2 + w.upTo(d/2) }

func (w *simulation) after(d time.Duration, do func()) {
	w.sequence++
	heap.Push(&w.events, event{w.now.Add(d), w.sequence, do})
}

func (w *simulation) runUntil(end time.Time) {
	for len(w.events) > 0 && !w.events[0].at.After(end) {
		e, _ := heap.Pop(&w.events).(event)
		w.now = e.at
		e.do()
	}
	w.now = end
}

// begin stores a purchase that waits for its customer.
func (w *simulation) begin(b *buyer, due time.Time) {
	w.buyers[b.id], b.lane = b, LaneWaiting
	if err := w.store.Create(context.Background(), Record{
		ID: b.id, PartnerAccountID: b.account, State: StateAwaitingCustomer, Lane: LaneWaiting, DueAt: due.Truncate(time.Millisecond), Data: []byte(`{}`),
	}); err != nil {
		panic(err)
	}
}

// update changes a purchase's record.
func (w *simulation) update(b *buyer, lane Lane, due time.Time) {
	r, err := w.store.Load(context.Background(), b.id)
	if err != nil {
		panic(err)
	}
	b.lane = lane
	r.Lane, r.DueAt = lane, due.Truncate(time.Millisecond)
	if err := w.store.Update(context.Background(), r); err != nil {
		panic(err)
	}
}

// end removes a purchase.
func (w *simulation) end(b *buyer) {
	b.settled = w.now
	w.update(b, LaneReports, time.Time{})
	delete(w.store.records, b.id)
	delete(w.buyers, b.id)
	w.ended(b)
}

// round runs one round of a replica's loop.
func (w *simulation) round(r *simulated) {
	ask, pause := r.plan.next(w.now)
	if ask.limit == 0 {
		if r.waiting = pause == 0; !r.waiting {
			w.after(pause, func() { w.round(r) })
		}
		return
	}
	list, err := w.store.ClaimDue(context.Background(), ask.params(w.now, moneyLanes(w.now)))
	if err != nil {
		panic(err)
	}
	lag := time.Duration(0)
	for _, c := range list {
		lag = max(lag, w.now.Sub(c.WasDueAt))
	}
	r.plan.claimed(ask, len(list), lag)
	for _, c := range list {
		w.step(r, w.buyers[c.ID])
	}
	if len(list) == 0 {
		w.after(w.jitter(recoveryPause), func() { w.round(r) })
		return
	}
	w.after(5*time.Millisecond, func() { w.round(r) })
}

// step continues a purchase. Two calls to Klarna take about a fifth of a second, and a call that
// hangs takes half a minute.
func (w *simulation) step(r *simulated, b *buyer) {
	w.looks++
	r.plan.begun(b.account)
	took, works := 100*time.Millisecond+w.upTo(200*time.Millisecond), !w.down(w.now)
	if w.troubled(b.account) && w.random.IntN(5) > 0 {
		took, works = 30*time.Second, false
	}
	slow := false
	if took > slowAfter {
		w.after(slowAfter, func() {
			slow = r.plan.slowed(b.account)
			w.wake(r)
		})
	}
	w.after(took, func() {
		r.plan.ended(w.now, b.account, slow, limits{})
		w.wake(r)
		if b.settled.IsZero() {
			w.look(b, works, took)
		}
	})
}

func (w *simulation) wake(r *simulated) {
	if r.waiting {
		r.waiting = false
		w.after(0, func() { w.round(r) })
	}
}

// look applies the result of a step.
func (w *simulation) look(b *buyer, works bool, took time.Duration) {
	approved := !b.approves.IsZero() && !b.approves.After(w.now)
	switch {
	case !works:
		b.tries++
		w.failed(b, took)
		return
	case approved:
		b.finalized = w.now
		w.end(b)
		return
	case !w.now.Before(b.expires.Add(-abandonBefore)):
		w.end(b)
		return
	}
	b.tries = 0
	due, lane := w.now.Add(w.jitter(lookAfter(w.now.Sub(b.begun)))), LaneWaiting
	if last := b.expires.Add(-abandonBefore); due.After(last) {
		due = last
	}
	if b.busy(w.now) {
		lane = LaneBusy
	}
	w.update(b, lane, due)
}

// failed delays a purchase. It stays in its lane, like every purchase whose read failed.
func (w *simulation) failed(b *buyer, took time.Duration) {
	pause := w.jitter(min(backoffAfter(b.tries), retryWithin(w.now, b.lane)))
	if b.lane < LaneBusy {
		pause = max(pause-took, min(pause, w.jitter(time.Second)))
	}
	w.update(b, b.lane, w.now.Add(pause))
}

// busy reports whether the customer was at Klarna at that time.
func (b *buyer) busy(now time.Time) bool { return !b.arrives.IsZero() && !b.arrives.After(now) }

// webhook delivers the event of an approval, and repeats it if it is not acknowledged.
func (w *simulation) webhook(b *buyer, delivery int) {
	delays := []time.Duration{time.Second, 10 * time.Second, 2 * time.Minute, 15 * time.Minute, 3 * time.Hour}
	if b.noWebhook || delivery == len(delays) {
		return
	}
	w.after(delays[delivery], func() {
		switch {
		case !b.settled.IsZero(), w.mute(w.now):
			return
		case w.down(w.now), w.troubled(b.account) && w.random.IntN(5) > 0:
			if b.lane >= LaneBusy {
				b.lane = approvedLane(w.now.Add(finalizeWithin))
			}
			b.tries++
			w.failed(b, 0)
			w.webhook(b, delivery+1)
		default:
			b.finalized = w.now
			w.end(b)
		}
	})
}

// lostWebhooks simulates purchases that stay open for 48 hours. One of 101 is approved without a
// webhook, and recovery has never seen its customer. It returns how long the approvals waited, in
// order. It measures the approvals in the time measured, after the first 48 hours.
func lostWebhooks(seed uint64, open, replicas int, perSecond float64, measured time.Duration) (delays []time.Duration, looksPerSecond float64) {
	const tail = 3 * time.Hour
	warmUp := measured
	w := newSimulation(seed, replicas, perSecond)
	start := w.now
	w.ended = func(b *buyer) {
		if b.approves.After(start.Add(warmUp)) {
			delays = append(delays, b.finalized.Sub(b.approves))
		}
	}
	n := 0
	fresh := func(age time.Duration) {
		n++
		b := &buyer{id: strconv.Itoa(n), account: strconv.Itoa(n % 100), begun: w.now.Add(-age), noWebhook: true}
		b.expires = b.begun.Add(48 * time.Hour)
		if at := start.Add(warmUp + w.upTo(measured)); n%101 == 0 && at.After(b.begun) && at.Before(b.expires.Add(-time.Hour)) {
			b.approves = at
		}
		w.begin(b, w.now.Add(w.upTo(lookAfter(age))))
	}
	for i := range open {
		fresh(time.Duration(float64(47*time.Hour) * float64(i) / float64(open)))
	}
	every := 48 * time.Hour / time.Duration(open)
	var arrive func()
	arrive = func() {
		fresh(0)
		w.after(every, arrive)
	}
	w.after(every, arrive)
	w.runUntil(start.Add(warmUp + measured))
	looksPerSecond = float64(w.looks) / (warmUp + measured).Seconds()
	for w.now.Before(start.Add(warmUp + measured + tail)) {
		left := false
		for _, b := range w.buyers {
			left = left || !b.approves.IsZero() && b.approves.Before(start.Add(warmUp+measured))
		}
		if !left {
			break
		}
		w.runUntil(w.now.Add(time.Minute))
	}
	slices.Sort(delays)
	return delays, looksPerSecond
}

// fullSize reports whether SIMULATE asks for the full simulations. Otherwise they are a fraction of
// that, with the same load for each purchase.
func fullSize() bool { return os.Getenv("SIMULATE") == "full" && !raceEnabled }

// With the default settings one replica finds approvals in time among 110 000 open purchases.
func TestRecoveryReplacesALostWebhookInTime(t *testing.T) {
	open, perSecond := 110_000, float64(defaultRate)
	if !fullSize() {
		open, perSecond = open/10, perSecond/10
	}
	delays, rate := lostWebhooks(1, open, 1, perSecond, 35*time.Minute)
	longest := delays[len(delays)-1]
	t.Logf("%d approvals waited %v at the median and %v at most, at %.0f steps a second", len(delays), delays[len(delays)/2], longest, rate)
	if len(delays) < open/200 || longest >= finalizeWithin-5*time.Minute {
		t.Errorf("of %d approvals the longest waited %v", len(delays), longest)
	}
}

// day is the result of a simulated day.
type day struct {
	Purchases, approved, late, lost int
	open                            int
	delays                          []time.Duration
	byMinute                        [24 * 60]time.Duration // the longest delay of the approvals of each minute
	troubledLate, troubledLost      int
}

// The hours of the day with failures.
var (
	dayOutage = [2]time.Duration{10 * time.Hour, 10*time.Hour + 50*time.Minute}
	dayMute   = [2]time.Duration{15 * time.Hour, 16 * time.Hour}
)

// simulateDay simulates a day of a gateway with a hundred accounts and four replicas. Few purchases
// begin at night, most in the evening. Seven of ten customers approve within twenty minutes. The
// others leave, half of them without a visit to Klarna. Payment requests expire after three hours.
func simulateDay(seed uint64, purchases, replicas int) day {
	w := newSimulation(seed, replicas, defaultRate)
	start := w.now
	within := func(hours [2]time.Duration) func(time.Time) bool {
		return func(at time.Time) bool {
			d := at.Sub(start)
			return d >= hours[0] && d < hours[1]
		}
	}
	w.down, w.mute = within(dayOutage), within(dayMute)
	const troubled = "account-42"
	w.troubled = func(account string) bool { return account == troubled }
	result := day{Purchases: purchases}
	w.ended = func(b *buyer) {
		if b.approves.IsZero() || b.approves.After(w.now) {
			return
		}
		result.approved++
		delay := w.now.Sub(b.approves)
		lost := b.finalized.IsZero() || delay > finalizeWithin
		if lost {
			result.lost++
		}
		if delay > time.Minute {
			result.late++
		}
		if b.account == troubled {
			if lost {
				result.troubledLost++
			}
			if delay > time.Minute {
				result.troubledLate++
			}
			return // the delays of the account in trouble do not count
		}
		result.delays = append(result.delays, delay)
		if minute := int(b.approves.Sub(start) / time.Minute); minute < len(result.byMinute) {
			result.byMinute[minute] = max(result.byMinute[minute], delay)
		}
	}
	weights := [24]int{2, 1, 1, 1, 1, 2, 3, 5, 6, 7, 7, 7, 8, 7, 6, 6, 7, 8, 9, 10, 10, 8, 6, 4}
	sum := 0
	for _, weight := range weights {
		sum += weight
	}
	n := 0
	for hour, weight := range weights {
		share := purchases * weight / sum
		for i := range share {
			n++
			id := n
			at := start.Add(time.Duration(hour)*time.Hour + time.Duration(i)*time.Hour/time.Duration(max(share, 1)))
			w.sequence++
			w.events = append(w.events, event{at, w.sequence, func() { w.customer(id) }})
		}
	}
	heap.Init(&w.events)
	w.runUntil(start.Add(24*time.Hour + 4*time.Hour))
	for _, b := range w.buyers {
		if !b.approves.IsZero() {
			result.open++
		}
	}
	slices.Sort(result.delays)
	return result
}

// customer simulates one purchase of a day.
func (w *simulation) customer(n int) {
	if w.down(w.now) {
		return // no purchase can begin
	}
	b := &buyer{id: strconv.Itoa(n), account: fmt.Sprint("account-", w.random.IntN(100)), begun: w.now, expires: w.now.Add(3 * time.Hour)}
	kind := w.random.IntN(100)
	if kind < 85 {
		b.arrives = w.now.Add(2*time.Second + w.upTo(18*time.Second))
	}
	if kind < 70 {
		// Most take a minute or two, few a quarter of an hour.
		took := 20*time.Second + w.upTo(100*time.Second)
		if kind < 7 {
			took += w.upTo(18 * time.Minute)
		}
		b.approves = b.arrives.Add(took)
		w.after(b.approves.Sub(w.now), func() { w.webhook(b, 0) })
	}
	w.begin(b, w.now.Add(w.jitter(lookAfter(0))))
}

func TestADayLosesNoApproval(t *testing.T) {
	purchases := 100_000
	if !fullSize() {
		purchases /= 5
	}
	d := simulateDay(1, purchases, 1)
	t.Log(d.describe())
	if d.lost+d.open > 0 || d.late == 0 || d.approved < purchases/2 {
		t.Errorf("%d approved, %d late, %d lost (%d of the account in trouble), %d open", d.approved, d.late, d.lost, d.troubledLost, d.open)
	}
}

func (d *day) quantile(perMille int) time.Duration {
	return d.delays[min(len(d.delays)*perMille/1000, len(d.delays)-1)]
}

func (d *day) describe() string {
	return fmt.Sprintf("%d purchases, %d approved, %d late by more than a minute (%d of the account in trouble), %d lost; p50 %v, p99 %v, p99.9 %v, longest %v",
		d.Purchases, d.approved, d.late, d.troubledLate, d.lost, d.quantile(500), d.quantile(990), d.quantile(999), d.delays[len(d.delays)-1])
}

// With SIMULATE=docs the test writes docs/recovery.md and its chart.
func TestTheDocumentsSimulations(t *testing.T) {
	if os.Getenv("SIMULATE") != "docs" {
		t.Skip("SIMULATE is not docs")
	}
	dayDone := make(chan day)
	go func() { dayDone <- simulateDay(1, 1_000_000, 4) }()
	var b strings.Builder
	b.WriteString(documentHead)
	for _, cell := range []struct {
		open, replicas int
		perSecond      float64
	}{
		{10_000, 1, 20}, {10_000, 1, 60}, {110_000, 1, 20}, {110_000, 1, 60}, {110_000, 1, 200}, {110_000, 4, 60}, {500_000, 1, 200}, {500_000, 4, 60},
	} {
		rate := cell.perSecond * float64(cell.replicas)
		if float64(cell.open)/rate > finalizeWithin.Seconds() {
			fmt.Fprintf(&b, "| %d | %d | %.0f | over an hour | over half an hour | %.0f |\n", cell.open, cell.replicas, cell.perSecond, rate)
			continue
		}
		delays, looks := lostWebhooks(1, cell.open, cell.replicas, cell.perSecond, 40*time.Minute)
		fmt.Fprintf(&b, "| %d | %d | %.0f | %s | %s | %.0f |\n", cell.open, cell.replicas, cell.perSecond,
			minutes(delays[len(delays)-1]), minutes(delays[len(delays)/2]), looks)
		t.Log(cell, delays[len(delays)-1])
	}
	d := <-dayDone
	fmt.Fprintf(&b, documentDay, d.Purchases, d.approved, d.late, d.troubledLate, d.lost, minutes(d.quantile(500)), minutes(d.quantile(990)), minutes(d.quantile(999)), minutes(d.delays[len(d.delays)-1]))
	if err := os.WriteFile("../../docs/recovery.md", []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("../../docs/recovery-day.svg", []byte(d.chart()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func minutes(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f min", d.Minutes())
}

const documentHead = `# Recovery times

This page shows how long recovery takes to reach a purchase whose next step is due. The time depends
on the number of open purchases, the number of replicas that run ` + "`Run`" + `, and ` + "`WithRecoveryRate`" + `.

The numbers come from simulations. They drive the coordinator's own scheduler and the memory store
on a simulated clock, with simple models of Klarna, customers and webhooks. The tests run them at a
small size. This command runs them at full size and writes the page:

    SIMULATE=docs go test -run TestTheDocumentsSimulations ./authorization/flow

## After a lost webhook

Each purchase stays open for 48 hours, and no purchase reaches a final state in the meantime.
Recovery looks at each purchase at least every 15 minutes if its rate allows. One purchase of 101 is
approved and its webhook is lost. Recovery has never seen the customer of that purchase at Klarna; a
customer who was seen there is found sooner. Klarna keeps an approval for 60 minutes.

| open purchases | replicas | WithRecoveryRate | longest delay | median delay | purchases looked at a second |
|---|---|---|---|---|---|
`

const documentDay = `
The default rate is 60 a second for each replica. Klarna's rate limits may allow less: the example
in its documentation is 40 a second for an account.

## A day with an outage

A gateway with 100 accounts and four replicas takes a million purchases in a day, with the default
settings:

- Seven of ten customers approve.
- Payment requests expire after three hours.
- Klarna cannot be reached from 10:00 to 10:50.
- Klarna sends no webhooks from 15:00 to 16:00 and does not repeat them later.
- For one account, four of five calls hang for half a minute and fail, all day.

| | |
|---|---|
| purchases | %d |
| approved | %d |
| authorized more than a minute after the approval | %d, of which %d belong to the failing account |
| approved and lost | %d |
| delay of the other accounts, median | %s |
| delay of the other accounts, 99th percentile | %s |
| delay of the other accounts, 99.9th percentile | %s |
| delay of the other accounts, longest | %s |

This is one run of the simulation. In another run the failing account may lose an approval, because
its calls fail at random. The chart shows the longest delay of the other accounts.

![The longest delay of the purchases approved in each minute of the day](recovery-day.svg)
`

// chart draws the longest delay of each minute for the accounts that are not in trouble.
func (d *day) chart() string {
	const width, height, left, top = 960, 300, 50, 30
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width+left+20, height+top+40)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/><text x="%d" y="18">Longest delay from approval to transaction, in minutes</text>`+"\n", left)
	x := func(at time.Duration) float64 { return left + at.Hours()/24*width }
	for _, span := range [][2]time.Duration{dayOutage, dayMute} {
		fmt.Fprintf(&b, `<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="#eee"/>`+"\n", x(span[0]), top, x(span[1])-x(span[0]), height)
	}
	for m := 0; m <= 60; m += 10 {
		y := top + height - height*m/60
		fmt.Fprintf(&b, `<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="#ccc"/><text x="%d" y="%d" text-anchor="end">%d</text>`+"\n", left, y, left+width, y, left-6, y+4, m)
	}
	for h := 0; h <= 24; h += 3 {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%02d:00</text>`+"\n", x(time.Duration(h)*time.Hour), top+height+18, h)
	}
	fmt.Fprintf(&b, `<text x="%.1f" y="%d">Klarna is down</text><text x="%.1f" y="%d">no webhooks</text>`+"\n", x(dayOutage[0]), top+12, x(dayMute[0]), top+12)
	b.WriteString(`<polyline fill="none" stroke="#b0306a" points="`)
	for minute, delay := range d.byMinute {
		fmt.Fprintf(&b, "%.1f,%.1f ", x(time.Duration(minute)*time.Minute), top+height-min(delay.Minutes(), 60)/60*height)
	}
	b.WriteString(`"/>` + "\n</svg>\n")
	return b.String()
}
