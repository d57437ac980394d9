package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/klarna-go/klarna-go/examples/internal/tap"
)

// The parties of the journey.
const (
	customerParty = "customer"
	merchantParty = "merchant"
	gatewayParty  = "gateway"
	klarnaParty   = "Klarna"
)

// journal prints the steps. A step gets its number when it begins. It is printed when it and all
// steps before it have ended, so that a call is printed above the calls that it causes.
type journal struct {
	mu     sync.Mutex
	out    io.Writer
	json   bool
	begun  int
	open   []*step // begun and not printed, in order
	kill   int     // the step at which the program is killed, or 0
	closed bool
}

// step is one call of one party to another.
type step struct {
	Number int    `json:"step"`
	From   string `json:"from"`
	To     string `json:"to"`
	// Call is the method and the path, With the main parts of the request, Result those of the
	// answer.
	Call         string  `json:"call"`
	With         string  `json:"with,omitempty"`
	Result       string  `json:"result"`
	Milliseconds float64 `json:"duration_ms"`

	journal *journal
	start   time.Time
	ended   bool
}

// ending is the last line of a scenario.
type ending struct {
	Outcome              string `json:"outcome"`
	PaymentTransactionID string `json:"payment_transaction_id,omitempty"`
	Detail               string `json:"detail,omitempty"`
}

func (e ending) String() string {
	line := e.Outcome
	if e.PaymentTransactionID != "" {
		line += ": " + e.PaymentTransactionID
	}
	if e.Detail != "" {
		line += " (" + e.Detail + ")"
	}
	return line
}

func newJournal(out io.Writer, asJSON bool) *journal { return &journal{out: out, json: asJSON} }

func (j *journal) begin(from, to, call, with string) *step {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.begun++
	s := &step{Number: j.begun, From: from, To: to, Call: call, With: with, journal: j, start: time.Now()}
	j.open = append(j.open, s)
	if j.begun == j.kill {
		j.printOpen("killed")
		die()
	}
	return s
}

// tap writes each call between two parties into the journal.
func (j *journal) tap() tap.Begin {
	return func(from, to, call, with string) func(string) { return j.begin(from, to, call, with).end }
}

// die ends the program as a crash does: nothing is flushed or closed.
func die() {
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {}
}

func (s *step) end(result string) {
	j := s.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	s.Result, s.ended = result, true
	s.Milliseconds = float64(time.Since(s.start).Microseconds()) / 1000
	for len(j.open) > 0 && j.open[0].ended {
		j.print(j.open[0])
		j.open = j.open[1:]
	}
}

// close prints the steps that have not ended, so that a failure shows where it happened.
func (j *journal) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.printOpen("no answer")
	j.closed = true
}

// printOpen prints the steps that began, with result for those that have not ended.
func (j *journal) printOpen(result string) {
	for _, s := range j.open {
		if !s.ended {
			s.Result = result
		}
		j.print(s)
	}
	j.open = nil
}

// say prints a line for the person at the terminal.
func (j *journal) say(text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.json {
		j.line(map[string]string{"note": text})
		return
	}
	fmt.Fprintln(j.out, "\n"+text+"\n")
}

func (j *journal) end(e ending) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.json {
		j.line(e)
		return
	}
	fmt.Fprintln(j.out, e)
}

func (j *journal) print(s *step) {
	switch {
	case j.closed: // a call that ended after the last line
	case j.json:
		j.line(s)
	default:
		fmt.Fprintln(j.out, s.text())
	}
}

func (j *journal) line(v any) {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // only strings and numbers are encoded
	}
	fmt.Fprintln(j.out, string(text))
}

// abbreviations shorten what stands in a line.
var abbreviations = strings.NewReplacer("…/payment/", "…/", ".state-change.", "…")

// text is the step in a line, indented by its caller.
func (s *step) text() string {
	indent := map[string]string{merchantParty: " ", gatewayParty: "  "}[s.From]
	asked := abbreviations.Replace(strings.TrimSpace(s.Call + "  " + s.With))
	return fmt.Sprintf("%2d %-20s %-44s %-22s %5.1f ms", s.Number, indent+s.From+" → "+s.To, asked, s.Result, s.Milliseconds)
}
