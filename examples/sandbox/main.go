// Sandbox serves the built-in Klarna on a port, for programs in any language and for people: a page
// at / shows what happens and lets one be the customer, spoil requests and move the time.
//
//	go run ./examples/sandbox                              at 127.0.0.1:8787
//	go run ./examples/sandbox -state klarna.state          goes on where the last one ended, killed or not
//	go run ./examples/sandbox -latency 80ms -rate 40       a network and a limit
//	go run ./examples/sandbox -tls certificates            https; writes whom to trust, and a client certificate for mTLS
//
// It prints its address, its credentials and three commands to try. -help lists all flags.
package main

import (
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/klarna-go/klarna-go/internal/loopback"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program without the process around it. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := readSettings(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "sandbox: "+err.Error())
		return 2
	}
	if err := serve(ctx, s, stdout); err != nil {
		fmt.Fprintln(stderr, "sandbox: "+err.Error())
		return 1
	}
	return 0
}

type settings struct {
	addr      string
	public    bool
	state     string
	acquiring bool
	latency   time.Duration
	rate      int
	seed      int64
	tls       string
	clientCA  string
	retention time.Duration
}

func readSettings(args []string, stderr io.Writer) (s settings, err error) {
	flags := flag.NewFlagSet("sandbox", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&s.addr, "addr", "127.0.0.1:8787", "the `address` to listen on; port 0 is any free one")
	flags.BoolVar(&s.public, "public", false, "allow an address that other machines reach: whoever does can use the page, which shows secrets to this machine alone")
	flags.StringVar(&s.state, "state", "", "the `file` that keeps the state; without one it ends with the program")
	flags.BoolVar(&s.acquiring, "acquiring", false, "be an Acquiring Partner's Klarna: each payment call names an account in its path")
	flags.DurationVar(&s.latency, "latency", 0, "the `time` that each answer takes, such as 80ms")
	flags.IntVar(&s.rate, "rate", 0, "the `requests` of a second after which more are answered 429; 0 is no limit")
	flags.Int64Var(&s.seed, "seed", 0, "the `number` that chance begins with, for faults with a probability")
	flags.StringVar(&s.tls, "tls", "", "serve https, and write ca.pem, client.pem and client-key.pem to this `directory`")
	flags.StringVar(&s.clientCA, "client-ca", "", "a PEM `file` of authorities whose client certificates are valid too; needs -tls")
	flags.DurationVar(&s.retention, "retention", 0, "forget what has been over for this `time` of the sandbox's clock; 0 is never")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	switch {
	case flags.NArg() > 0:
		return s, fmt.Errorf("%q is no flag", flags.Arg(0))
	case s.clientCA != "" && s.tls == "":
		return s, errors.New("-client-ca needs -tls")
	case s.latency < 0 || s.retention < 0 || s.rate < 0:
		return s, errors.New("-latency, -rate and -retention must not be negative")
	case !s.public && !isLoopback(s.addr):
		return s, fmt.Errorf("other machines reach %s: add -public if they may use the sandbox", s.addr)
	}
	return s, nil
}

// isLoopback tells whether this machine alone reaches an address. A name other than localhost may
// mean anything.
func isLoopback(hostPort string) bool {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		host = hostPort
	}
	return loopback.Is(host)
}

// serve runs the sandbox until ctx ends.
func serve(ctx context.Context, s settings, stdout io.Writer) error {
	mux := http.NewServeMux()
	opts, err := s.options(mux)
	if err != nil {
		return err
	}
	server, err := klarnatest.Start(opts...)
	if err != nil {
		return err
	}
	pages := newPages(server, s)
	pages.register(mux)
	// Requests have a moment to end; the page's own work ends with the server.
	defer func() {
		ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer stop()
		_ = server.Shutdown(ctx)
		pages.wait()
	}()
	if s.tls != "" {
		if err := writeCertificates(server, s.tls); err != nil {
			return err
		}
	}
	if len(server.SigningKeys()) == 0 {
		server.NewSigningKey()
	}
	if err := welcome(stdout, server, s); err != nil {
		return err
	}
	<-ctx.Done()
	_, err = fmt.Fprintln(stdout, "\nThe end.")
	return err
}

func (s settings) options(pages http.Handler) ([]klarnatest.Option, error) {
	opts := []klarnatest.Option{
		klarnatest.WithAddr(s.addr),
		klarnatest.WithHandler(pages),
		klarnatest.WithLatency(s.latency),
		klarnatest.WithRateLimit(s.rate),
		klarnatest.WithSeed(s.seed),
		klarnatest.WithRetention(s.retention),
		klarnatest.WithLogLimit(1000), // all of which is copied for each look at the page
	}
	if s.state != "" {
		opts = append(opts, klarnatest.WithStateFile(s.state))
	}
	if s.acquiring {
		opts = append(opts, klarnatest.WithAcquiringPartner())
	}
	if s.tls != "" {
		opts = append(opts, klarnatest.WithTLS())
	}
	if s.clientCA != "" {
		text, err := os.ReadFile(s.clientCA)
		if err != nil {
			return nil, err
		}
		authorities := x509.NewCertPool()
		if !authorities.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s holds no certificate in PEM", s.clientCA)
		}
		opts = append(opts, klarnatest.WithClientCertificates(authorities))
	}
	return opts, nil
}
