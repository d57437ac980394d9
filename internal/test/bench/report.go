package main

import (
	"fmt"
	"html"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"
)

// markdown writes all tables as a document.
func (m *measurements) markdown(w io.Writer) {
	fmt.Fprintf(w, "# Measurements\n\nThis page shows one run of the following command on %s %s/%s with %d processors:\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0))
	fmt.Fprint(w, "    go run ./internal/test/bench -markdown docs/performance-table.md -svg docs/performance.svg\n\n")
	fmt.Fprint(w, wrapped("All contenders run in one process, in turns. Times are the median of all rounds. The spread is the distance between the quartiles. Ratios compare the fastest tenth of the rounds, because other load on the machine only adds time. Compare ratios, not times.")+"\n\n")
	fmt.Fprint(w, wrapped("Peers: "+strings.Join(peers(), ", ")+".")+"\n")
	fmt.Fprint(w, "\n## Targets\n\n| | measured | target | |\n|---|---:|---:|---|\n")
	for _, t := range m.targets() {
		verdict := "met"
		if !t.met {
			verdict = "**missed**"
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", t.what, t.measured, t.limit, verdict)
	}
	for _, r := range m.contests() {
		fmt.Fprintf(w, "\n## %s\n\n%s\n\n| | median | spread | allocations | bytes | time relative to klarna-go |\n|---|---:|---:|---:|---:|---:|\n", r.contest.title, wrapped(r.contest.shape))
		for i := range r.figures {
			f := &r.figures[i]
			fmt.Fprintf(w, "| %s | %s | %.0f %% | %.0f | %.0f | %.2f |\n", f.name, nanos(median(f.nanos)), 100*spread(f.nanos), median(f.allocs), median(f.bytes), r.ratio(f.name, ours))
		}
	}
	if m.wire != nil {
		fmt.Fprintf(w, "\n## %s\n\n%s\n\n| | median |\n|---|---:|\n", m.wire.contest.title, wrapped(m.wire.contest.shape))
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
		fmt.Fprint(w, "\n"+wrapped("Calls that wait for their answer at the same time, without an error. The memory is the client's heap and stacks, with the connection:")+"\n\n| | calls | memory of each |\n|---|---:|---:|\n")
		for _, h := range m.held {
			fmt.Fprintf(w, "| %s | %d | %.1f KB |\n", h.name, h.calls, h.bytes/1024)
		}
	}
	if m.scale != nil {
		fmt.Fprint(w, "\n## Body sizes\n\nTimes of the fastest round at each size.\n\n| |")
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
		fmt.Fprint(w, "\n"+wrapped(fmt.Sprintf("After %d calls, a call takes %.2f of its time before. Each call left %.2f bytes of memory behind.", m.growth.calls, m.growth.slope, m.growth.bytes))+"\n")
	}
	if m.purchase != nil {
		fmt.Fprintf(w, "\n## flow\n\nA purchase over the memory store takes %.1f µs; without its three calls, %.1f µs.\n", median(m.purchase.coordinated), m.purchase.own())
	}
	if m.double != nil {
		fmt.Fprintf(w, "\n## klarnatest\n\n%.0f authorize calls per second, each for a new purchase, with the client in the same process.\n", median(m.double.throughput))
	}
	if m.footprint != nil {
		fmt.Fprint(w, "\n## What an import adds\n\n"+wrapped("Sizes and times that an import adds to a stripped program on net/http. The standard library is compiled before the build starts.")+"\n\n| | binary | build | start |\n|---|---:|---:|---:|\n")
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

// wrapped breaks text into lines of at most 100 columns.
func wrapped(text string) string {
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		width := utf8.RuneCountInString(word)
		switch {
		case column == 0:
		case column+1+width > 100:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += width
	}
	return b.String()
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
	fmt.Fprint(w, "<title>Time of one operation relative to klarna-go; shorter is faster</title>\n")
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
