package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"time"
)

// contender is one implementation in a contest.
type contender struct {
	name string
	op   func() error
}

// contest is the same task for several contenders, ours first.
type contest struct {
	title string
	// shape describes what is sent and decoded.
	shape      string
	contenders []contender
}

// ballast is a live heap, as any service has. Without it the garbage collector would run after
// every few megabytes and dominate the results.
var ballast = make([]byte, 64<<20)

// plan is the duration of a measurement.
type plan struct {
	rounds int
	slice  time.Duration // of one contender in one round
}

// figures holds the measurements of one contender, a value per round.
type figures struct {
	name   string
	nanos  []float64 // per operation
	allocs []float64
	bytes  []float64
}

// result is the result of a contest.
type result struct {
	contest contest
	figures []figures
}

// hold runs the contenders in turn, round by round. Each round begins with another contender, so
// that other load on the machine affects all of them.
func hold(c contest, p plan) (result, error) {
	defer runtime.KeepAlive(ballast)
	r := result{contest: c, figures: make([]figures, len(c.contenders))}
	loops := make([]int, len(c.contenders))
	for i, contender := range c.contenders {
		r.figures[i].name = contender.name
		var err error
		if loops[i], err = calibrate(contender.op, p.slice); err != nil {
			return r, fmt.Errorf("%s: %s: %w", c.title, contender.name, err)
		}
	}
	for round := range p.rounds {
		for i := range c.contenders {
			at := (round + i) % len(c.contenders)
			if err := r.figures[at].measure(c.contenders[at].op, loops[at]); err != nil {
				return r, fmt.Errorf("%s: %s: %w", c.title, c.contenders[at].name, err)
			}
		}
	}
	return r, nil
}

// calibrate warms up the contender and returns how many operations fill a slice.
func calibrate(op func() error, slice time.Duration) (int, error) {
	for n := 1; ; n *= 2 {
		took, err := repeat(op, n)
		if err != nil {
			return 0, err
		}
		if took >= slice/4 {
			return max(1, int(float64(n)*float64(slice)/float64(took))), nil
		}
	}
}

func (f *figures) measure(op func() error, loops int) error {
	runtime.GC()                                   // excludes the previous contender's garbage
	if _, err := repeat(op, loops/4); err != nil { // pools are empty after a collection
		return err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	took, err := repeat(op, loops)
	if err != nil {
		return err
	}
	runtime.ReadMemStats(&after)
	n := float64(loops)
	f.nanos = append(f.nanos, float64(took)/n)
	f.allocs = append(f.allocs, float64(after.Mallocs-before.Mallocs)/n)
	f.bytes = append(f.bytes, float64(after.TotalAlloc-before.TotalAlloc)/n)
	return nil
}

func repeat(op func() error, n int) (time.Duration, error) {
	start := time.Now()
	for range n {
		if err := op(); err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}

// ratio returns a's time divided by b's, each from the fastest tenth of the rounds. Other load on
// the machine only adds to a time, and rarely adds the same to both.
func (r *result) ratio(a, b string) float64 {
	return quantile(r.of(a).nanos, 0.1) / quantile(r.of(b).nanos, 0.1)
}

func (r *result) of(name string) *figures {
	i := slices.IndexFunc(r.figures, func(f figures) bool { return f.name == name })
	if i < 0 {
		panic("bench: no contender is named " + name)
	}
	return &r.figures[i]
}

// fastest returns the name of the fastest of names.
func (r *result) fastest(names ...string) string {
	return slices.MinFunc(names, func(a, b string) int {
		return cmp.Compare(r.ratio(a, ours), r.ratio(b, ours))
	})
}

// quantile returns a quantile with linear interpolation.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	low := int(at)
	if low == len(sorted)-1 {
		return sorted[low]
	}
	return sorted[low] + (at-float64(low))*(sorted[low+1]-sorted[low])
}

func median(values []float64) float64 { return quantile(values, 0.5) }

// spread returns the distance between the quartiles divided by the median.
func spread(values []float64) float64 {
	return (quantile(values, 0.75) - quantile(values, 0.25)) / median(values)
}

// print writes the result as a table for a terminal.
func (r *result) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s\n%s\n\n", r.contest.title, r.contest.shape)
	fmt.Fprintf(w, "  %-34s %12s %8s %8s %10s %8s\n", "", "median", "spread", "allocs", "bytes", "ratio")
	ours := r.figures[0].name
	for i := range r.figures {
		f := &r.figures[i]
		fmt.Fprintf(w, "  %-34s %12s %7.0f%% %8.0f %10.0f %7.2fx\n", f.name, nanos(median(f.nanos)), 100*spread(f.nanos),
			median(f.allocs), median(f.bytes), r.ratio(f.name, ours))
	}
}

// nanos formats a time with three significant digits.
func nanos(n float64) string {
	switch {
	case n < 1e3:
		return fmt.Sprintf("%.0f ns", n)
	case n < 1e6:
		return fmt.Sprintf("%.3g µs", n/1e3)
	default:
		return fmt.Sprintf("%.3g ms", n/1e6)
	}
}
