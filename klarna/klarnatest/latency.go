package klarnatest

import "time"

// WithLatency lets each answer of the server API come d after it was made, as over a network. As
// with [FaultDelay] that is the client's time and no time of the server's clock, and what was asked
// is done before it. Browsers are not kept waiting.
func WithLatency(d time.Duration) Option { return func(c *config) { c.latency = d } }
