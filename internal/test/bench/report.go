package main

import (
	"fmt"
	"html"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// markdown writes all tables as a document.
func (m *measurements) markdown(w io.Writer) {
	fmt.Fprintf(w, "# Measured\n\nWritten by `go run ./internal/test/bench -markdown docs/performance-table.md -svg docs/performance.svg`, one run on %s %s/%s, %d processors.\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0))
	fmt.Fprint(w, "All contenders run in one process and in turn. The time is the median of the rounds, and the spread is the distance between the quartiles. Ratios compare the fastest tenth of each, because other load on the machine only adds to a time. Compare ratios, not times.\n\n")
	fmt.Fprint(w, "Peers: "+strings.Join(peers(), ", ")+".\n")
	fmt.Fprint(w, "\n## Targets\n\n| | measured | target | |\n|---|---:|---:|---|\n")
	for _, t := range m.targets() {
		verdict := "met"
		if !t.met {
			verdict = "**missed**"
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", t.what, t.measured, t.limit, verdict)
	}
	for _, r := range m.contests() {
		fmt.Fprintf(w, "\n## %s\n\n%s\n\n| | median | spread | allocations | bytes | time relative to ours |\n|---|---:|---:|---:|---:|---:|\n", r.contest.title, r.contest.shape)
		for i := range r.figures {
			f := &r.figures[i]
			fmt.Fprintf(w, "| %s | %s | %.0f %% | %.0f | %.0f | %.2f |\n", f.name, nanos(median(f.nanos)), 100*spread(f.nanos), median(f.allocs), median(f.bytes), r.ratio(f.name, ours))
		}
	}
	if m.wire != nil {
		fmt.Fprintf(w, "\n## %s\n\n%s\n\n| | median |\n|---|---:|\n", m.wire.contest.title, m.wire.contest.shape)
		for i := range m.wire.figures {
			fmt.Fprintf(w, "| %s | %s |\n", m.wire.figures[i].name, nanos(median(m.wire.figures[i].nanos)))
		}
	}
	if m.loopback != nil {
		fmt.Fprintf(w, "\n## %d callers over loopback\n\nThe server is another process on the same machine, without TLS. GETs and POSTs alternate.\n\n| | calls per second | spread | p99 |\n|---|---:|---:|---:|\n", callers)
		for i := range m.loopback {
			f := &m.loopback[i]
			fmt.Fprintf(w, "| %s | %.0f | %.0f %% | %s |\n", f.name, median(f.throughput), 100*spread(f.throughput), nanos(median(f.p99)))
		}
		fmt.Fprint(w, "\nConcurrent waiting calls, without a failure. The memory is the client's heap and stacks, including the connection:\n\n| | calls | memory of one |\n|---|---:|---:|\n")
		for _, h := range m.held {
			fmt.Fprintf(w, "| %s | %d | %.1f KB |\n", h.name, h.calls, h.bytes/1024)
		}
	}
	if m.scale != nil {
		fmt.Fprint(w, "\n## Body sizes\n\nThe fastest round at each size.\n\n| |")
		for _, n := range m.scale[0].sizes {
			fmt.Fprintf(w, " %d KB |", n>>10)
		}
		fmt.Fprint(w, "\n|---|"+strings.Repeat("---:|", len(m.scale[0].sizes))+"\n")
		for i := range m.scale {
			fmt.Fprintf(w, "| %s |", m.scale[i].name)
			for _, n := range m.scale[i].nanos {
				fmt.Fprintf(w, " %s |", nanos(n))
			}
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "\nAfter %d calls, a call takes %.2f of its time before; each call left %.2f bytes.\n", m.growth.calls, m.growth.slope, m.growth.bytes)
	}
	if m.purchase != nil {
		fmt.Fprintf(w, "\n## flow\n\nA purchase over the memory store takes %.1f µs, of which %.1f µs beyond its three calls.\n", median(m.purchase.coordinated), m.purchase.own())
	}
	if m.double != nil {
		fmt.Fprintf(w, "\n## klarnatest\n\n%.0f authorize calls per second, each a new purchase, with the client in the same process.\n", median(m.double.throughput))
	}
	if m.footprint != nil {
		fmt.Fprint(w, "\n## The cost of an import\n\nAdded to a stripped program on net/http. The build starts with the standard library compiled.\n\n| | binary | build | start |\n|---|---:|---:|---:|\n")
		for i, f := range m.footprint {
			if i == 0 {
				fmt.Fprintf(w, "| %s | %.2f MB | %.2f s | %s |\n", f.name, f.size/1e6, f.build.Seconds(), nanos(float64(f.start)))
				continue
			}
			fmt.Fprintf(w, "| %s | %+.2f MB | %+.2f s | %+.2f ms |\n", f.name, (f.size-m.footprint[0].size)/1e6,
				(f.build - m.footprint[0].build).Seconds(), float64(f.start-m.footprint[0].start)/float64(time.Millisecond))
		}
	}
}

// peers returns the compared modules with the versions in this program's build.
func peers() []string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	var list []string
	for _, module := range info.Deps {
		for _, path := range []string{
			"github.com/stripe/", "github.com/openai/", "github.com/svix/", "github.com/standard-webhooks/", "github.com/slack-go/",
			"github.com/google/go-github/", "github.com/Azure/azure-sdk-for-go/sdk/azcore", "github.com/hashicorp/go-retryablehttp",
		} {
			if strings.HasPrefix(module.Path, path) {
				list = append(list, strings.TrimPrefix(module.Path, "github.com/")+" "+module.Version)
			}
		}
	}
	return list
}

// svg draws the contests as bars, relative to our time.
func (m *measurements) svg(w io.Writer) {
	const (
		left, right, bar, gap, width = 250, 110, 18, 6, 900
		most                         = 4.0 // longer bars are cut
	)
	height := 20
	for _, r := range m.contests() {
		height += 44 + len(r.figures)*(bar+gap)
	}
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="13" role="img">`+"\n", width, height)
	fmt.Fprint(w, "<title>Time of one operation by that of klarna-go; shorter is faster</title>\n")
	fmt.Fprintf(w, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height)
	y := 10
	for _, r := range m.contests() {
		y += 30
		fmt.Fprintf(w, `<text x="16" y="%d" font-weight="600" fill="#111827">%s</text>`+"\n", y-8, html.EscapeString(r.contest.title))
		for i := range r.figures {
			f := &r.figures[i]
			ratio := r.ratio(f.name, ours)
			fill := "#9ca3af"
			if f.name == ours {
				fill = "#db2777"
			}
			length := int(float64(width-left-right) * min(ratio, most) / most)
			label := fmt.Sprintf("%s · %.2f×", nanos(median(f.nanos)), ratio)
			fmt.Fprintf(w, `<text x="%d" y="%d" text-anchor="end" fill="#374151">%s</text>`+"\n", left-8, y+bar-5, html.EscapeString(f.name))
			fmt.Fprintf(w, `<rect x="%d" y="%d" width="%d" height="%d" rx="3" fill="%s"/>`+"\n", left, y, length, bar, fill)
			fmt.Fprintf(w, `<text x="%d" y="%d" fill="#374151">%s</text>`+"\n", left+length+6, y+bar-5, html.EscapeString(label))
			y += bar + gap
		}
		y += 14
	}
	fmt.Fprint(w, "</svg>\n")
}
