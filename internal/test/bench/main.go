// Bench compares this library with the alternatives of its users: libraries of peers for their own
// APIs, and a hand-written client. All run in one process and in turn, so that other load on the
// machine affects all of them.
//
//	go run ./internal/test/bench          # everything: tables and results of the targets
//	go run ./internal/test/bench -quick   # some seconds: shows that it runs, measures nothing
//	go run ./internal/test/bench -only receive,post  # some parts
//	go run ./internal/test/bench -markdown docs/performance-table.md -svg docs/performance.svg
//
// It sets no limits on times, because they depend on the machine. Compare ratios, not times.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// measurements holds everything that a run measured; parts that were not run are nil.
type measurements struct {
	verify, receive, get, post *result
	wire                       *result
	loopback                   []loopbackFigures
	held                       []heldFigures
	scale                      []scaleFigures
	growth                     *growthFigures
	footprint                  []footprintFigures
	double                     *doubleFigures
	purchase                   *purchaseFigures
}

// part is a part that can be measured alone.
type part struct {
	name string
	run  func(context.Context, *measurements, effort) error
}

// effort is the amount of work.
type effort struct {
	plan   plan
	held   int // concurrent calls
	growth int // calls
	builds int
}

var (
	thorough = effort{plan: plan{rounds: 101, slice: 10 * time.Millisecond}, held: 10_000, growth: 300_000, builds: 3}
	quick    = effort{plan: plan{rounds: 3, slice: time.Millisecond}, held: 200, growth: 1000}
)

var parts = []part{
	{"verify", func(_ context.Context, m *measurements, e effort) error {
		return one(&m.verify, e, verifyContest)
	}},
	{"receive", func(_ context.Context, m *measurements, e effort) error {
		return one(&m.receive, e, receiveContest)
	}},
	{"get", func(_ context.Context, m *measurements, e effort) error {
		return one(&m.get, e, func() (contest, error) { get, _, err := callContests(); return get, err })
	}},
	{"post", func(_ context.Context, m *measurements, e effort) error {
		return one(&m.post, e, func() (contest, error) { _, post, err := callContests(); return post, err })
	}},
	{"wire", func(_ context.Context, m *measurements, e effort) error {
		r, err := wire(e.plan)
		m.wire = &r
		return err
	}},
	{"loopback", func(ctx context.Context, m *measurements, e effort) error {
		return withServer(ctx, func(s *server) (err error) {
			if m.loopback, err = overLoopback(s.url, e.plan); err != nil {
				return err
			}
			m.held, err = holdMany(ctx, s, e.held)
			return err
		})
	}},
	{"scale", func(_ context.Context, m *measurements, e effort) (err error) {
		if m.scale, err = scales(e.plan); err != nil {
			return err
		}
		g, err := growth(e.growth, e.plan)
		m.growth = &g
		return err
	}},
	{"flow", func(ctx context.Context, m *measurements, e effort) error {
		f, err := purchases(ctx, e.plan)
		m.purchase = &f
		return err
	}},
	{"double", func(_ context.Context, m *measurements, e effort) error {
		d, err := double(plan{rounds: min(5, e.plan.rounds), slice: e.plan.slice})
		m.double = &d
		return err
	}},
	{"footprint", func(ctx context.Context, m *measurements, e effort) (err error) {
		if e.builds > 0 {
			m.footprint, err = footprint(ctx, e.builds)
		}
		return err
	}},
}

func one(to **result, e effort, build func() (contest, error)) error {
	c, err := build()
	if err != nil {
		return err
	}
	r, err := hold(c, e.plan)
	*to = &r
	return err
}

func withServer(ctx context.Context, use func(*server) error) error {
	s, err := startServer(ctx)
	if err != nil {
		return err
	}
	if err := use(s); err != nil {
		_ = s.stop()
		return err
	}
	return s.stop()
}

func main() {
	quickly := flag.Bool("quick", false, "run for a few seconds; the numbers mean nothing")
	only := flag.String("only", "", "the parts to measure, separated by commas: "+strings.Join(partNames(), ","))
	markdown := flag.String("markdown", "", "write the tables to this file, such as docs/performance-table.md")
	svg := flag.String("svg", "", "write the chart to this file, such as docs/performance.svg")
	serving := flag.Bool("serve", false, "run the server of the loopback part until standard input ends")
	flag.Parse()
	if *serving {
		exitOn(serve())
		return
	}
	e := thorough
	if *quickly {
		e = quick
	}
	m, err := run(context.Background(), e, strings.FieldsFunc(*only, func(r rune) bool { return r == ',' }))
	exitOn(err)
	m.print(os.Stdout)
	exitOn(write(*markdown, m.markdown))
	exitOn(write(*svg, m.svg))
}

func run(ctx context.Context, e effort, only []string) (*measurements, error) {
	for _, name := range only {
		if !slices.Contains(partNames(), name) {
			return nil, fmt.Errorf("unknown part %q; the parts are %s", name, strings.Join(partNames(), ", "))
		}
	}
	m := new(measurements)
	for _, p := range parts {
		if len(only) > 0 && !slices.Contains(only, p.name) {
			continue
		}
		fmt.Fprintln(os.Stderr, "measuring:", p.name)
		if err := p.run(ctx, m, e); err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return m, nil
}

func partNames() []string {
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	return names
}

// contests returns the contests that were held.
func (m *measurements) contests() []*result {
	return slices.DeleteFunc([]*result{m.verify, m.receive, m.get, m.post}, func(r *result) bool { return r == nil })
}

func (m *measurements) print(w io.Writer) {
	for _, r := range m.contests() {
		r.print(w)
	}
	if m.wire != nil {
		printWire(w, m.wire)
	}
	if m.loopback != nil {
		printLoopback(w, m.loopback, m.held)
	}
	if m.scale != nil {
		printScale(w, m.scale, *m.growth)
	}
	if m.purchase != nil {
		printPurchases(w, m.purchase)
	}
	if m.double != nil {
		printDouble(w, *m.double)
	}
	if m.footprint != nil {
		printFootprint(w, m.footprint)
	}
	printTargets(w, m.targets())
}

func write(name string, to func(io.Writer)) error {
	if name == "" {
		return nil
	}
	var b strings.Builder
	to(&b)
	return os.WriteFile(name, []byte(b.String()), 0o644) //nolint:gosec // a document that everyone may read
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
