package klarnatest

import "time"

// WithLatency delays each answer of the server API by d, as a network does. Like the delay of
// [FaultDelay], it is measured by the client's time and not by the server's clock, and the request
// is executed before it. Answers to browsers are not delayed.
func WithLatency(d time.Duration) Option { return func(c *config) { c.latency = d } }
