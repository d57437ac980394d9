// Conformance checks whether a Klarna server behaves as Klarna's documentation says, and prints a
// report.
//
//	go run ./examples/conformance                        test the built-in Klarna
//	go run ./examples/conformance -run 'signing key'     run the cases that match
//	go run ./examples/conformance -json now.json         write the report to a file
//	go run ./examples/conformance -baseline before.json  print the changes since an older report
//
// With KLARNA_API_KEY (a test key) in the environment, it tests Klarna's test environment. Set
// KLARNA_PARTNER_ACCOUNT_ID, too, if the key acts for Partners. KLARNA_BASE_URL replaces the host.
//
// With a key, -interactive prints the URLs at which you act as the customer. With -webhook-url and
// -listen it receives webhooks, for example through a tunnel. With -read-only it changes nothing.
//
// The exit code is 1 if a fact that Klarna's documentation clearly states does not hold or could
// not be tested.
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

// options are the options of the command line.
type options struct {
	jsonFile, baseline string
	pattern            string
	interactive        bool
	webhookURL, listen string
	target             conformance.Target
}

// run runs the program and returns its exit code.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("conformance", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.jsonFile, "json", "", "write the report to this `file`, as JSON")
	flags.StringVar(&o.baseline, "baseline", "", "print the changes since the report in this `file`")
	flags.StringVar(&o.pattern, "run", "", "run the cases whose \"section: name\" matches this `regexp`")
	flags.BoolVar(&o.interactive, "interactive", false, "print the URLs at which you act as the customer")
	flags.StringVar(&o.webhookURL, "webhook-url", "", "let Klarna deliver webhooks to paths below this `URL`")
	flags.StringVar(&o.listen, "listen", "", "receive webhooks on this `address`, which the webhook URL leads to")
	flags.BoolVar(&o.target.ReadOnly, "read-only", false, "send only GET requests")
	flags.StringVar(&o.target.Username, "username", "", "the `UUID` that Klarna shows next to the API key")
	flags.StringVar(&o.target.Currency, "currency", "EUR", "the `currency` that the account sells in")
	flags.StringVar(&o.target.Locale, "locale", "en-DE", "the `locale` that the account sells in")
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

// play runs the suite and reports whether each clearly stated fact held.
func (o *options) play(ctx context.Context, getenv func(string) string, stdout io.Writer) (bool, error) {
	cases, err := chosen(o.pattern)
	if err != nil {
		return false, err
	}
	// The new report may replace the file of the older one.
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

// chooseTarget sets the target: Klarna's test environment if the environment has an API key, and
// otherwise the built-in Klarna.
func (o *options) chooseTarget(ctx context.Context, getenv func(string) string, stdout io.Writer) (closeTarget func(), err error) {
	o.target.APIKey, o.target.PartnerAccountID = getenv("KLARNA_API_KEY"), getenv("KLARNA_PARTNER_ACCOUNT_ID")
	switch {
	case o.target.APIKey != "":
		o.target.BaseURL = cmp.Or(getenv("KLARNA_BASE_URL"), conformance.TestHost)
		fmt.Fprintf(stdout, "Testing %s.\n\n", o.target.BaseURL)
		return o.atHost(ctx, stdout)
	case o.target.PartnerAccountID != "":
		return nil, errors.New("KLARNA_API_KEY is not set, but KLARNA_PARTNER_ACCOUNT_ID is; unset it for the built-in Klarna")
	case o.interactive || o.webhookURL != "" || o.listen != "":
		return nil, errors.New("the built-in Klarna has its own customer and receives its own webhooks; set KLARNA_API_KEY, or omit these flags")
	}
	fmt.Fprint(stdout, "KLARNA_API_KEY is not set: testing the built-in Klarna.\n\n")
	return o.atDouble(ctx)
}

// printReport prints the report, and writes it to a file with -json.
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
