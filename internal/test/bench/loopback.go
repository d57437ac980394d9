package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"time"
)

// loopbackFigures holds what concurrent callers measured over real connections.
type loopbackFigures struct {
	name       string
	throughput []float64 // calls a second, a value per round
	p99        []float64 // nanoseconds
}

const callers = 64

// loopbackClients returns ours with its own transport, and a hand-written client with a pool of the
// same size.
func loopbackClients(url string) (names []string, clients []client, err error) {
	mine, err := ourClient(url, nil)
	if err != nil {
		return nil, nil, err
	}
	transport := &http.Transport{MaxIdleConns: 256, MaxIdleConnsPerHost: 256, IdleConnTimeout: 50 * time.Second}
	theirs, err := handwrittenClient(url, (&http.Client{Transport: transport}).Do)
	return []string{ours, byHand}, []client{mine, theirs}, err
}

// overLoopback makes 64 callers call without pauses, half GETs and half POSTs.
func overLoopback(url string, p plan) ([]loopbackFigures, error) {
	defer runtime.KeepAlive(ballast)
	names, clients, err := loopbackClients(url)
	if err != nil {
		return nil, err
	}
	result := make([]loopbackFigures, len(clients))
	for i, name := range names {
		result[i].name = name
	}
	for round := range p.rounds + 1 { // the first round fills the pools and is not counted
		for i := range clients {
			at := (round + i) % len(clients)
			throughput, p99, err := crowd(clients[at], 30*p.slice)
			if err != nil {
				return nil, fmt.Errorf("%s over loopback: %w", names[at], err)
			}
			if round > 0 {
				result[at].throughput = append(result[at].throughput, throughput)
				result[at].p99 = append(result[at].p99, p99)
			}
		}
	}
	return result, nil
}

func crowd(c client, during time.Duration) (throughput, p99 float64, err error) {
	runtime.GC()
	ctx := context.Background()
	var (
		group sync.WaitGroup
		took  [callers][]float64
		fails [callers]error
	)
	start := time.Now()
	for i := range callers {
		group.Go(func() {
			for n := i; time.Since(start) < during; n++ {
				call := c.get
				if n%2 == 1 {
					call = c.post
				}
				began := time.Now()
				if fails[i] = call(ctx); fails[i] != nil {
					return
				}
				took[i] = append(took[i], float64(time.Since(began)))
			}
		})
	}
	group.Wait()
	elapsed := time.Since(start)
	for _, err := range fails {
		if err != nil {
			return 0, 0, err
		}
	}
	all := slices.Concat(took[:]...)
	return float64(len(all)) / elapsed.Seconds(), quantile(all, 0.99), nil
}

// heldFigures measures calls that wait for their answers at the same time.
type heldFigures struct {
	name  string
	calls int
	bytes float64 // memory of one call: heap and stacks
}

// holdMany makes many concurrent calls and measures while the server delays their answers.
func holdMany(ctx context.Context, s *server, calls int) ([]heldFigures, error) {
	names, clients, err := loopbackClients(s.url + "/slow")
	if err != nil {
		return nil, err
	}
	var result []heldFigures
	for i, name := range names {
		bytes, err := holdCalls(ctx, s, clients[i], calls)
		if err != nil {
			return nil, fmt.Errorf("%s, %d concurrent calls: %w", name, calls, err)
		}
		result = append(result, heldFigures{name, calls, bytes})
	}
	return result, nil
}

func holdCalls(ctx context.Context, s *server, c client, calls int) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	before := inUse()
	failed := make(chan error, calls)
	var group sync.WaitGroup
	for range calls {
		group.Go(func() {
			if err := c.get(ctx); err != nil {
				failed <- err
			}
		})
	}
	for {
		held, err := s.held(ctx)
		if err != nil {
			cancel()
			group.Wait()
			return 0, err
		}
		if held == calls {
			break
		}
		select {
		case err := <-failed:
			cancel()
			group.Wait()
			return 0, err
		case <-time.After(10 * time.Millisecond):
		}
	}
	bytes := inUse() - before
	if err := s.release(ctx); err != nil {
		return 0, err
	}
	group.Wait()
	select {
	case err := <-failed:
		return 0, err
	default:
		return bytes / float64(calls), nil
	}
}

// inUse returns the memory of live objects and stacks.
func inUse() float64 {
	runtime.GC()
	runtime.GC() // the second run frees what pools kept after the first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) + float64(m.StackInuse)
}

func printLoopback(w io.Writer, figures []loopbackFigures, held []heldFigures) {
	fmt.Fprintf(w, "\n%d callers over loopback\nThe server is another process on the same machine; no TLS. GETs and POSTs alternate.\n\n", callers)
	fmt.Fprintf(w, "  %-34s %16s %12s %12s\n", "", "calls per second", "spread", "p99")
	for i := range figures {
		f := &figures[i]
		fmt.Fprintf(w, "  %-34s %16.0f %11.0f%% %12s\n", f.name, median(f.throughput), 100*spread(f.throughput), nanos(median(f.p99)))
	}
	fmt.Fprintf(w, "\nConcurrent waiting calls\n\n")
	for _, h := range held {
		fmt.Fprintf(w, "  %-34s %8d calls %8.1f KB each\n", h.name, h.calls, h.bytes/1024)
	}
}
