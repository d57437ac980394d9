package klarnatest

import (
	"container/heap"
	"time"
)

// clock is the server's own time: it stands still, or follows the wall clock with an offset.
type clock struct {
	running bool
	frozen  time.Time
	offset  time.Duration
}

func newClock(running bool, start time.Time) clock {
	now := time.Now()
	if start.IsZero() {
		start = now.Truncate(time.Second)
		if running {
			start = now
		}
	}
	return clock{running: running, frozen: start.UTC().Round(0), offset: start.Sub(now)}
}

func (c *clock) now() time.Time {
	if c.running {
		return time.Now().Add(c.offset).UTC().Round(0)
	}
	return c.frozen
}

// forwardTo moves the clock forward, never back.
func (c *clock) forwardTo(t time.Time) {
	if d := t.Sub(c.now()); d > 0 {
		c.frozen = c.frozen.Add(d)
		c.offset += d
	}
}

// agenda holds scheduled actions, earliest first. Actions with equal times keep the order of their
// arrival.
type agenda struct {
	heap  appointments
	count uint64 // of all actions ever scheduled
}

type appointment struct {
	at     time.Time
	number uint64
	run    func() // called with the server's mutex held
}

type appointments []appointment

func (h appointments) Len() int      { return len(h) }
func (h appointments) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h appointments) Less(i, j int) bool {
	if order := h[i].at.Compare(h[j].at); order != 0 {
		return order < 0
	}
	return h[i].number < h[j].number
}

// Push is for container/heap.
func (h *appointments) Push(x any) { *h = append(*h, x.(appointment)) }

// Pop is for container/heap.
func (h *appointments) Pop() any {
	last := len(*h) - 1
	popped := (*h)[last]
	(*h)[last] = appointment{}
	*h = (*h)[:last]
	return popped
}

func (a *agenda) add(at time.Time, run func()) {
	a.count++
	heap.Push(&a.heap, appointment{at, a.count, run})
}

func (a *agenda) next() (time.Time, bool) {
	if len(a.heap) == 0 {
		return time.Time{}, false
	}
	return a.heap[0].at, true
}

func (a *agenda) pop() appointment { return heap.Pop(&a.heap).(appointment) }

// schedule makes run happen at a time of the clock. The caller holds the mutex.
func (s *Server) schedule(at time.Time, run func()) {
	s.agenda.add(at, run)
	s.arm()
}

// settle runs everything due by now. The caller holds the mutex.
func (s *Server) settle() {
	now := s.clock.now()
	for {
		at, ok := s.agenda.next()
		if !ok || at.After(now) {
			break
		}
		s.agenda.pop().run()
	}
	s.trimLogs()
	s.arm()
}

// arm sets the one timer of a running clock to the earliest action, unless the timer is already set
// to it.
func (s *Server) arm() {
	if !s.clock.running {
		return
	}
	at, ok := s.agenda.next()
	if !ok || s.closed {
		s.disarm()
		return
	}
	alarm := at.Add(-s.clock.offset)
	if s.timer != nil && s.alarm.Equal(alarm) {
		return
	}
	s.disarm()
	s.ticks.enter()
	s.alarm = alarm
	s.timer = time.AfterFunc(at.Sub(s.clock.now()), s.tick)
}

func (s *Server) disarm() {
	if s.timer != nil && s.timer.Stop() {
		s.ticks.leave()
	}
	s.timer = nil
}

func (s *Server) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.ticks.leave()
	// A timer that fired is set again, even to the same time: the wall clock may lag behind it.
	s.alarm = time.Time{}
	if !s.closed {
		s.settle()
	}
}

// Now returns the server's time, in UTC.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock.now()
}

// Advance moves the clock forward by d. Everything that falls due on the way (payment requests that
// expire, webhooks and their retries) happens at its own time and before Advance returns. A webhook
// receiver must not call it.
func (s *Server) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	target := s.clock.now().Add(d)
	s.touch(s)
	for !s.closed {
		// A delivery that fails now is retried relative to now, so it ends before the clock moves.
		s.wait(&s.deliveries)
		at, ok := s.agenda.next()
		if !ok || at.After(target) {
			break
		}
		s.clock.forwardTo(at)
		s.touch(s)
		s.settle()
	}
	s.clock.forwardTo(target)
	s.touch(s)
	s.settle()
}

// Flush waits until every webhook delivery due now was attempted. A webhook receiver must not call
// it.
func (s *Server) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	s.wait(&s.deliveries)
}
