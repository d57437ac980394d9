package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEveryContenderDoesItsTask(t *testing.T) {
	get, post, err := callContests()
	if err != nil {
		t.Fatal(err)
	}
	verify, err := verifyContest()
	if err != nil {
		t.Fatal(err)
	}
	receive, err := receiveContest()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []contest{verify, receive, get, post} {
		for _, contender := range c.contenders {
			if err := contender.op(); err != nil {
				t.Errorf("%s: %s: %v", c.title, contender.name, err)
			}
		}
	}
}

func TestAllBodiesHaveTheSameSize(t *testing.T) {
	for name, body := range map[string][]byte{
		"event": klarnaEvent(size), "presentation": presentationBody(), "authorization": authorizeBody(),
		"stripe's event": stripeEvent(size), "stripe's intent": stripeBody(size), "openai's event": openaiEvent(size),
		"openai's completion": openaiBody(size), "github's event": githubEvent(size), "github's issue": githubBody(size),
		"many parts": manyParts(size),
	} {
		if len(body) != size {
			t.Errorf("%s has %d bytes, want %d", name, len(body), size)
		}
	}
}

func TestFailingContenderEndsTheContest(t *testing.T) {
	broken := errors.New("broken")
	_, err := hold(contest{title: "c", contenders: []contender{{"works", func() error { return nil }}, {"fails", func() error { return broken }}}}, plan{1, time.Microsecond})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "c: fails") {
		t.Errorf("held with %v", err)
	}
}

func TestQuantiles(t *testing.T) {
	values := []float64{4, 1, 3, 2, 5}
	got := []float64{quantile(values, 0), quantile(values, 0.25), median(values), quantile(values, 0.9), quantile(values, 1)}
	if diff := cmp.Diff([]float64{1, 2, 3, 4.6, 5}, got); diff != "" {
		t.Error(diff)
	}
}

// measuredAlready returns a run of known numbers.
func measuredAlready() *measurements {
	contest := func(title string, times map[string]float64) *result {
		r := &result{contest: contest{title: title, shape: "a shape"}}
		for _, name := range []string{ours, pooledHMAC, byHand, stripeGo, openaiGo, goGithub} {
			if n, ok := times[name]; ok {
				r.figures = append(r.figures, figures{name: name, nanos: []float64{n, n, n}, allocs: []float64{10}, bytes: []float64{100}})
			}
		}
		return r
	}
	return &measurements{
		receive: contest("Receive <one>", map[string]float64{ours: 4000, pooledHMAC: 1000, stripeGo: 9000, openaiGo: 20000, goGithub: 8000}),
		get:     contest("Get", map[string]float64{ours: 7000, byHand: 10000}),
	}
}

func TestTargetsUseRatios(t *testing.T) {
	type verdict struct {
		measured string
		met      bool
	}
	var got []verdict
	for _, target := range measuredAlready().targets() {
		got = append(got, verdict{target.measured, target.met})
	}
	want := []verdict{{"0.50", true}, {"4.00", true}, {"10", true}, {"0.70", false}, {"10", false}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(verdict{})); diff != "" {
		t.Error(diff)
	}
}

func TestReports(t *testing.T) {
	var table, chart strings.Builder
	m := measuredAlready()
	m.markdown(&table)
	m.svg(&chart)
	for _, row := range []string{
		"| a presentation GET: time relative to hand-written code | 0.70 | ≤ 0.60 | **missed** |",
		"| go-github v92 | 8 µs | 0 % | 10 | 100 | 2.00 |",
	} {
		if !strings.Contains(table.String(), row) {
			t.Errorf("the table lacks %s:\n%s", row, table.String())
		}
	}
	d := xml.NewDecoder(strings.NewReader(chart.String()))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the chart is not XML: %v", err)
		}
	}
	if !strings.Contains(chart.String(), "Receive &lt;one&gt;") || !strings.Contains(chart.String(), "8 µs · 2.00×") {
		t.Errorf("the chart lacks a contest:\n%s", chart.String())
	}
}
