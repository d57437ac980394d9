// Conformance asks a Klarna whether it does what Klarna's documentation says, and prints what held
// and how the rest turned out.
//
//	go run ./examples/conformance                        the built-in Klarna
//	go run ./examples/conformance -run 'signing key'     the cases whose section and name match
//	go run ./examples/conformance -json now.json         keeps the report
//	go run ./examples/conformance -baseline before.json  tells what changed since
//
// With KLARNA_API_KEY (a test key) in the environment, and KLARNA_PARTNER_ACCOUNT_ID where the key
// acts for others, it asks Klarna's test environment instead; KLARNA_BASE_URL replaces the host.
// Then -interactive prints the URLs at which you are the customer, and -webhook-url and -listen let
// webhooks reach it, for example through a tunnel. -read-only changes nothing there.
//
// The exit code is 1 when a fact that Klarna's documentation is sure of is broken or could not be
// tested.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"

	"github.com/klarna-go/klarna-go/klarna/klarnatest/conformance"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// options are what the command line says.
type options struct {
	jsonFile, baseline string
	pattern            string
	interactive        bool
	webhookURL, listen string
	target             conformance.Target
}

// run is the program without the process around it. It returns the exit code.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("conformance", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.jsonFile, "json", "", "write the report to this `file`, as JSON")
	flags.StringVar(&o.baseline, "baseline", "", "tell what changed since the report in this `file`")
	flags.StringVar(&o.pattern, "run", "", "run the cases of which \"section: name\" matches this `regexp`")
	flags.BoolVar(&o.interactive, "interactive", false, "print the URLs at which you are the customer")
	flags.StringVar(&o.webhookURL, "webhook-url", "", "point webhooks to paths below this `URL`")
	flags.StringVar(&o.listen, "listen", "", "receive them on this `address`, to which the webhook URL leads")
	flags.BoolVar(&o.target.ReadOnly, "read-only", false, "send nothing but GETs")
	flags.StringVar(&o.target.Username, "username", "", "the `UUID` shown beside the key")
	flags.StringVar(&o.target.Currency, "currency", "EUR", "what the account sells in")
	flags.StringVar(&o.target.Locale, "locale", "en-DE", "what the account sells in")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	fine, err := o.play(ctx, getenv, stdout)
	switch {
	case err != nil:
		fmt.Fprintln(stderr, "conformance: "+err.Error())
		return 1
	case !fine:
		return 1
	}
	return 0
}

// play runs the suite and tells whether every sure fact held.
func (o *options) play(ctx context.Context, getenv func(string) string, stdout io.Writer) (bool, error) {
	cases, err := chosen(o.pattern)
	if err != nil {
		return false, err
	}
	// The older report may be in the file that the new one goes to.
	before, err := o.readBaseline()
	if err != nil {
		return false, err
	}
	closeTarget, err := o.chooseTarget(ctx, getenv, stdout)
	if err != nil {
		return false, err
	}
	defer closeTarget()
	report, err := conformance.Run(ctx, o.target, cases...)
	if err != nil {
		return false, err
	}
	return report.OK(), o.printReport(report, before, stdout)
}

func chosen(pattern string) ([]conformance.Case, error) {
	matching, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("-run: %w", err)
	}
	var cases []conformance.Case
	for _, c := range conformance.Cases() {
		if matching.MatchString(c.Section + ": " + c.Name) {
			cases = append(cases, c)
		}
	}
	if cases == nil {
		return nil, fmt.Errorf("no case matches -run %q", pattern)
	}
	return cases, nil
}

func (o *options) readBaseline() (*conformance.Report, error) {
	if o.baseline == "" {
		return nil, nil
	}
	file, err := os.Open(o.baseline)
	if err != nil {
		return nil, fmt.Errorf("-baseline: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	report, err := conformance.ReadReport(file)
	if err != nil {
		return nil, fmt.Errorf("-baseline: %w", err)
	}
	return &report, nil
}

// chooseTarget makes the target: the built-in Klarna without a key in the environment, Klarna's
// test environment with one.
func (o *options) chooseTarget(ctx context.Context, getenv func(string) string, stdout io.Writer) (closeTarget func(), err error) {
	o.target.APIKey, o.target.PartnerAccountID = getenv("KLARNA_API_KEY"), getenv("KLARNA_PARTNER_ACCOUNT_ID")
	switch {
	case o.target.APIKey != "":
		o.target.BaseURL = cmp.Or(getenv("KLARNA_BASE_URL"), conformance.TestHost)
		fmt.Fprintf(stdout, "Asking %s.\n\n", o.target.BaseURL)
		return o.atHost(ctx, stdout)
	case o.target.PartnerAccountID != "":
		return nil, errors.New("KLARNA_API_KEY is not set, but KLARNA_PARTNER_ACCOUNT_ID is; unset it for the built-in Klarna")
	case o.interactive || o.webhookURL != "" || o.listen != "":
		return nil, errors.New("the built-in Klarna has its own customer and receives its own webhooks; set KLARNA_API_KEY, or leave the flags out")
	}
	fmt.Fprint(stdout, "KLARNA_API_KEY is not set: asking the built-in Klarna.\n\n")
	return o.atDouble(ctx)
}

// printReport prints the report, and keeps it where that is asked for.
func (o *options) printReport(report conformance.Report, before *conformance.Report, stdout io.Writer) error {
	if err := report.WriteText(stdout); err != nil {
		return err
	}
	if before != nil {
		fmt.Fprintln(stdout)
		if err := conformance.WriteDrift(stdout, conformance.Diff(*before, report)); err != nil {
			return err
		}
	}
	fmt.Fprintln(stdout, "\n"+report.Summary())
	if o.jsonFile == "" {
		return nil
	}
	file, err := os.Create(o.jsonFile)
	if err != nil {
		return fmt.Errorf("-json: %w", err)
	}
	if err := errors.Join(report.WriteJSON(file), file.Close()); err != nil {
		return fmt.Errorf("-json: %w", err)
	}
	return nil
}
