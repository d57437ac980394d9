package main

import (
	"fmt"
	"io"
)

// target is a limit and its measurement in this run.
type target struct {
	what     string
	limit    string
	measured string
	met      bool
}

func atMost(what string, measured, limit float64, format string) target {
	return target{what, "≤ " + fmt.Sprintf(format, limit), fmt.Sprintf(format, measured), measured <= limit}
}

func atLeast(what string, measured, limit float64, format string) target {
	return target{what, "≥ " + fmt.Sprintf(format, limit), fmt.Sprintf(format, measured), measured >= limit}
}

func below(what string, measured, limit float64, format string) target {
	return target{what, "< " + fmt.Sprintf(format, limit), fmt.Sprintf(format, measured), measured < limit}
}

func (m *measurements) targets() []target {
	var all []target
	if r := m.receive; r != nil {
		fastest := r.fastest(receivers...)
		all = append(all,
			atMost("a typed webhook of 1.5 KB: time relative to the fastest peer, "+fastest, r.ratio(ours, fastest), 0.5, "%.2f"),
			atMost("a typed webhook of 1.5 KB: time relative to a pooled HMAC", r.ratio(ours, pooledHMAC), 5, "%.2f"),
			atMost("a typed webhook of 1.5 KB: allocations", median(r.of(ours).allocs), 12, "%.0f"))
	}
	if r := m.verify; r != nil {
		all = append(all,
			atMost("a signature of 1.5 KB, two keys loaded: time relative to a pooled HMAC", r.ratio(ours, pooledHMAC), 1.2, "%.2f"),
			atMost("a signature of 1.5 KB, two keys loaded: allocations", median(r.of(ours).allocs), 1, "%.0f"))
	}
	for _, c := range []struct {
		what string
		r    *result
	}{{"a presentation GET", m.get}, {"an authorize POST", m.post}} {
		if c.r == nil {
			continue
		}
		all = append(all,
			atMost(c.what+": time relative to hand-written code", c.r.ratio(ours, byHand), 0.6, "%.2f"),
			below(c.what+": allocations, against hand-written code's", median(c.r.of(ours).allocs), median(c.r.of(byHand).allocs), "%.0f"))
	}
	if f := m.loopback; f != nil {
		all = append(all,
			atLeast("64 callers over loopback: throughput relative to hand-written code", pairedRatio(f[0].throughput, f[1].throughput), 0.95, "%.2f"),
			atMost("64 callers over loopback: p99 relative to hand-written code", pairedRatio(f[0].p99, f[1].p99), 1.1, "%.2f"))
	}
	if h := m.held; h != nil {
		all = append(all, atLeast("calls that wait at the same time without an error", float64(h[0].calls), 10_000, "%.0f"))
	}
	for i := range m.scale {
		all = append(all, atMost(m.scale[i].name+": cost of a byte at 1 MB relative to 128 KB", m.scale[i].bend(), 1.25, "%.2f"))
	}
	if g := m.growth; g != nil {
		all = append(all,
			atMost("time of a call after very many calls, relative to before", g.slope, 1.1, "%.2f"),
			atMost("memory that each call leaves behind, in bytes", g.bytes, 1, "%.2f"))
	}
	if f := m.footprint; f != nil {
		empty, receiving, whole := f[0], f[1], f[2]
		all = append(all,
			atMost("size that all packages add to a stripped binary, in MB", (whole.size-empty.size)/1e6, 1.5, "%.2f"),
			atMost("time that all packages add to a build, in seconds", (whole.build-empty.build).Seconds(), 2, "%.2f"),
			below("size that webhook alone adds, relative to all packages", (receiving.size-empty.size)/(whole.size-empty.size), 0.5, "%.2f"),
			below("build time that webhook alone adds, relative to all packages", float64(receiving.build-empty.build)/float64(whole.build-empty.build), 0.5, "%.2f"))
	}
	if p := m.purchase; p != nil {
		all = append(all, atMost("flow over the memory store: microseconds of its own for each purchase", p.own(), 15, "%.1f"))
	}
	if d := m.double; d != nil {
		all = append(all, atLeast("klarnatest: calls per second", median(d.throughput), 5000, "%.0f"))
	}
	return all
}

// pairedRatio returns the median over the rounds of a divided by b.
func pairedRatio(a, b []float64) float64 {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	return median(ratios)
}

func printTargets(w io.Writer, targets []target) {
	fmt.Fprint(w, "\nTargets\n\n")
	for _, t := range targets {
		verdict := "met"
		if !t.met {
			verdict = "MISSED"
		}
		fmt.Fprintf(w, "  %-6s %10s (%s)  %s\n", verdict, t.measured, t.limit, t.what)
	}
}
