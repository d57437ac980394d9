package klarnatest

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// WithRateLimit answers 429 RATE_LIMITED to requests beyond perSecond in one second of the server's
// clock, and sets the headers X-Ratelimit-*. A clock that stands still stays in its second until
// [Server.Advance]. Every request counts, including one that is refused or meets a fault. Klarna's
// quotas differ by kind of operation; the server has one quota. The default, and 0, is no limit:
// the headers then always report 39 of 40 left.
func WithRateLimit(perSecond int) Option { return func(c *config) { c.rateLimit = perSecond } }

// quota counts the requests of the present second.
type quota struct {
	limit  int // 0 means no limit
	second time.Time
	used   int
}

// allowance is what the quota grants to one request.
type allowance struct {
	limit     int
	remaining int
	reset     time.Duration // until the end of the second
	exceeded  bool
}

func (q *quota) take(now time.Time) allowance {
	if q.limit <= 0 {
		return allowance{limit: 40, remaining: 39, reset: time.Second}
	}
	if second := now.Truncate(time.Second); !second.Equal(q.second) {
		q.second, q.used = second, 0
	}
	q.used++
	return allowance{
		limit:     q.limit,
		remaining: max(q.limit-q.used, 0),
		reset:     q.second.Add(time.Second).Sub(now),
		exceeded:  q.used > q.limit,
	}
}

func (a allowance) show(h http.Header, account string) {
	h.Set("X-Ratelimit-Limit", fmt.Sprintf(`%d, %[1]d;w=1;name="account_%[2]s",%[3]d;w=1;name="psp_%[2]s"`, a.limit, account, 5*a.limit/2))
	h.Set("X-Ratelimit-Remaining", strconv.Itoa(a.remaining))
	h.Set("X-Ratelimit-Reset", strconv.Itoa(int((a.reset+time.Second-1)/time.Second)))
}
