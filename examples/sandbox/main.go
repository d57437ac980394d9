// Sandbox serves the built-in Klarna on a port, for programs in any language. A page at / shows its
// state. On the page you can act as the customer, script faults and advance the clock.
//
//	go run ./examples/sandbox                         listen on 127.0.0.1:8787
//	go run ./examples/sandbox -state klarna.state     keep the state in a file
//	go run ./examples/sandbox -latency 80ms -rate 40  add latency and a rate limit
//	go run ./examples/sandbox -tls certificates       serve https, and write the certificates
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

// run runs the program and returns its exit code.
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
	flags.StringVar(&s.addr, "addr", "127.0.0.1:8787", "the `address` to listen on; port 0 chooses a free port")
	flags.BoolVar(&s.public, "public", false, "allow an address that other machines can reach; they can use the page, which shows secrets only on this machine")
	flags.StringVar(&s.state, "state", "", "keep the state in this `file`; without one it is lost when the program ends")
	flags.BoolVar(&s.acquiring, "acquiring", false, "make the API key that of an Acquiring Partner, whose payment calls have an account in their path")
	flags.DurationVar(&s.latency, "latency", 0, "delay each answer by this `duration`, such as 80ms")
	flags.IntVar(&s.rate, "rate", 0, "answer 429 to more than this `number` of requests a second; 0 means no limit")
	flags.Int64Var(&s.seed, "seed", 0, "the random seed, a `number`, for faults with a probability")
	flags.StringVar(&s.tls, "tls", "", "serve https, and write ca.pem, client.pem and client-key.pem to this `directory`")
	flags.StringVar(&s.clientCA, "client-ca", "", "a PEM `file` of authorities whose client certificates are valid too; needs -tls")
	flags.DurationVar(&s.retention, "retention", 0, "delete what ended this `duration` ago, by the sandbox's clock; 0 means never")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	switch {
	case flags.NArg() > 0:
		return s, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case s.clientCA != "" && s.tls == "":
		return s, errors.New("-client-ca needs -tls")
	case s.latency < 0 || s.retention < 0 || s.rate < 0:
		return s, errors.New("-latency, -rate and -retention must not be negative")
	case !s.public && !isLoopback(s.addr):
		return s, fmt.Errorf("other machines can reach %s: add -public if they may use the sandbox", s.addr)
	}
	return s, nil
}

// isLoopback reports whether only this machine can reach an address. Names are not resolved.
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
	// Requests have 3 s to end. The work of the page ends with the server.
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
	_, err = fmt.Fprintln(stdout, "\nStopped.")
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
		klarnatest.WithLogLimit(1000), // the page copies the whole log each time it is shown
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
			return nil, fmt.Errorf("%s contains no certificate in PEM", s.clientCA)
		}
		opts = append(opts, klarnatest.WithClientCertificates(authorities))
	}
	return opts, nil
}
