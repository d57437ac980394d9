// Hosted shows the hosted journey of a Klarna payment in your browser: a merchant's shop, an
// Acquiring Partner's hosted checkout with Klarna's browser SDK, and Klarna.
//
//	go run ./examples/hosted                       print the URL to open; Ctrl-C stops it
//	go run ./examples/hosted -addr 127.0.0.1:9000  listen on this port and the next one
//
// With KLARNA_API_KEY (a test key), KLARNA_PARTNER_ACCOUNT_ID and KLARNA_CLIENT_ID in the
// environment, the page loads Klarna's own browser SDK, and the checkout calls Klarna's test host
// instead of the built-in Klarna. It polls, because no webhook reaches it. KLARNA_BASE_URL replaces
// the host.
//
// Copy from the packages checkout and shop. Package app connects them, and package journey shows
// their calls.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/klarna-go/klarna-go/examples/hosted/app"
	"github.com/klarna-go/klarna-go/klarna"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C stops immediately
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run runs the program and returns its exit code.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("hosted", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", "127.0.0.1:8080", "the `address` of the shop")
	checkoutAddr := flags.String("checkout-addr", "", "the `address` of the checkout; by default the next port after the shop's")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	credentials, err := testHost(getenv)
	if err != nil {
		fmt.Fprintln(stderr, "hosted: "+err.Error())
		return 1
	}
	a, err := app.Start(ctx, app.Config{Addr: *addr, CheckoutAddr: *checkoutAddr, TestHost: credentials})
	if err != nil {
		fmt.Fprintln(stderr, "hosted: "+err.Error())
		return 1
	}
	fmt.Fprintln(stdout, "Open "+a.URL+"/ in your browser. Ctrl-C ends it.")
	<-ctx.Done()
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := a.Shutdown(ending); err != nil {
		fmt.Fprintln(stderr, "hosted: "+err.Error())
		return 1
	}
	return 0
}

// testHost reads the credentials of Klarna's test host, nil for the built-in Klarna.
func testHost(getenv func(string) string) (*app.Credentials, error) {
	names := []string{"KLARNA_API_KEY", "KLARNA_PARTNER_ACCOUNT_ID", "KLARNA_CLIENT_ID"}
	var missing []string
	for _, name := range names {
		if getenv(name) == "" {
			missing = append(missing, name)
		}
	}
	key := getenv(names[0])
	switch {
	case len(missing) == len(names):
		return nil, nil
	case len(missing) > 0:
		return nil, fmt.Errorf("%s missing in the environment; set all of %s, or none for the built-in Klarna",
			strings.Join(missing, " and "), strings.Join(names, ", "))
	case strings.HasPrefix(key, "klarna_live_") || strings.HasPrefix(getenv(names[2]), "klarna_live_"):
		return nil, errors.New("a live credential is in the environment; this example needs test credentials")
	}
	return &app.Credentials{
		APIKey: klarna.NewSecret(key), PartnerAccountID: getenv(names[1]), ClientID: getenv(names[2]), BaseURL: getenv("KLARNA_BASE_URL"),
	}, nil
}
