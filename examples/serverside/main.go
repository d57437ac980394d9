// Serverside plays the server-side-only journey of a Klarna payment: a merchant's back end, an
// Acquiring Partner's gateway and Klarna, three HTTP servers on loopback, with a simulated
// customer. After the approval the merchant ships two parcels, which are two captures, takes one
// back, which is a refund, and releases the rest. Klarna's answer to the second capture is lost.
//
//	go run ./examples/serverside                    the customer approves
//	go run ./examples/serverside -scenario decline  or: instant, abandon, expire, lost-webhook,
//	                                                duplicate-webhook; they end with the payment
//	go run ./examples/serverside -json              the steps as JSON lines
//	go run ./examples/serverside -state FILE        what the parties know is kept in FILE
//	go run ./examples/serverside -kill 19           the program is killed at step 19
//
// Killed at any step and started again with the same FILE, the program completes the payment and
// its operations, each executed once.
//
// With KLARNA_API_KEY (a test key) and KLARNA_PARTNER_ACCOUNT_ID in the environment, the gateway
// calls Klarna's test host instead of the built-in Klarna. The program then prints the URL for you
// to open, and polls, because no webhook reaches it. After you approve, it captures, refunds and
// voids test money. KLARNA_BASE_URL replaces the host.
//
// Copy from gateway.go and merchant.go. The other files start and observe them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"

	"github.com/klarna-go/klarna-go/klarna"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run runs the program and returns its exit code.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("serverside", flag.ContinueOnError)
	flags.SetOutput(stderr)
	name := flags.String("scenario", "approve", "the `scenario` to run: "+strings.Join(scenarioNames(), ", "))
	asJSON := flags.Bool("json", false, "print the steps as JSON lines")
	file := flags.String("state", "", "keep the state of all parties in this `file`, and continue an order that an earlier run left unfinished")
	kill := flags.Int("kill", 0, "kill this program at this `step`, as a crash does")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintln(stderr, "serverside: unexpected argument; choose a scenario with -scenario")
		return 2
	}
	journal := newJournal(stdout, *asJSON)
	journal.kill = *kill
	ending, err := play(ctx, *name, *file, getenv, journal)
	journal.close()
	if err != nil {
		fmt.Fprintln(stderr, "serverside: "+explain(err))
		return 1
	}
	journal.end(ending)
	return 0
}

func play(ctx context.Context, name, file string, getenv func(string) string, journal *journal) (end ending, err error) {
	play, ok := scenarios[name]
	if !ok {
		return ending{}, fmt.Errorf("unknown scenario %q; choose one of %s", name, strings.Join(scenarioNames(), ", "))
	}
	state, err := openState(ctx, file)
	if err != nil {
		return ending{}, err
	}
	defer func() {
		if err == nil {
			err = state.finish(context.WithoutCancel(ctx))
		}
		err = errors.Join(err, state.close())
	}()
	if state.resumed {
		journal.say("Continuing " + state.order + " of an earlier run.")
	}
	key, account := getenv("KLARNA_API_KEY"), getenv("KLARNA_PARTNER_ACCOUNT_ID")
	switch {
	case key == "" && account == "":
		return playWithDouble(ctx, journal, state, play)
	case key == "":
		return ending{}, errors.New("KLARNA_API_KEY is not set, but KLARNA_PARTNER_ACCOUNT_ID is; set both, or neither for the built-in Klarna")
	case account == "":
		return ending{}, errors.New("KLARNA_PARTNER_ACCOUNT_ID is not set, but KLARNA_API_KEY is; set both, or neither for the built-in Klarna")
	case name != "approve":
		return ending{}, fmt.Errorf("the scenario %s needs the built-in Klarna: unset KLARNA_API_KEY and KLARNA_PARTNER_ACCOUNT_ID", name)
	}
	return playWithTestHost(ctx, journal, state, key, account, getenv("KLARNA_BASE_URL"))
}

// explain returns the text of an error in one line, with advice if there is some.
func explain(err error) string {
	e, ok := errors.AsType[*klarna.Error](err)
	switch {
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case !ok:
		return strings.ReplaceAll(err.Error(), "\n", "; ")
	case errors.Is(err, klarna.CodeUnauthorized) || e.StatusCode == http.StatusUnauthorized:
		return "Klarna refused the API key: check KLARNA_API_KEY (" + err.Error() + ")"
	case e.Outcome == klarna.OutcomeNotSent && e.Err != nil:
		return "Klarna cannot be reached: check the network (" + err.Error() + ")"
	case e.Message != "":
		// The message is for developers, who read it in their own terminal.
		return err.Error() + ": Klarna says: " + e.Message
	default:
		return err.Error()
	}
}
