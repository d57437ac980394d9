package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// doubleFigures holds the throughput of klarnatest per second, with its client in the same process,
// over loopback.
type doubleFigures struct{ throughput []float64 }

// double makes 16 callers authorize against a new klarnatest server in each round. Each call is a
// new purchase.
func double(p plan) (doubleFigures, error) {
	var f doubleFigures
	for range p.rounds {
		throughput, err := doubleRound(100 * p.slice)
		if err != nil {
			return f, err
		}
		f.throughput = append(f.throughput, throughput)
	}
	return f, nil
}

func doubleRound(during time.Duration) (float64, error) {
	server, err := klarnatest.Start()
	if err != nil {
		return 0, err
	}
	defer server.Close()
	c, err := klarna.NewClient(server.APIKey, klarna.WithBaseURL(server.URL))
	if err != nil {
		return 0, err
	}
	authorizations := authorization.New(c.ForAccount(server.PartnerAccountID))
	var (
		group  sync.WaitGroup
		number atomic.Int64
		failed = make(chan error, 16)
	)
	start := time.Now()
	for range cap(failed) {
		group.Go(func() {
			for time.Since(start) < during {
				request := authorizeRequest()
				request.RequestPaymentTransaction.PaymentTransactionReference = fmt.Sprint("transaction-", number.Add(1))
				if _, err := authorizations.Authorize(context.Background(), request); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	group.Wait()
	elapsed := time.Since(start)
	select {
	case err := <-failed:
		return 0, err
	default:
		return float64(number.Load()) / elapsed.Seconds(), nil
	}
}

func printDouble(w io.Writer, f doubleFigures) {
	fmt.Fprintf(w, "\nklarnatest\n\n  %.0f authorize calls per second (spread %.0f%%), client included\n", median(f.throughput), 100*spread(f.throughput))
}
