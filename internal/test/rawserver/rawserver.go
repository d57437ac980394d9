// Package rawserver serves connections below HTTP, for tests of what no HTTP server does.
package rawserver

import (
	"net"
	"sync"
	"testing"
)

// Listen serves connections on a loopback address until the test ends and returns the URL. Each
// connection is served with its number, from 1, and closed when serve returns.
func Listen(t testing.TB, serve func(n int, conn net.Conn)) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var (
		mu    sync.Mutex
		open  []net.Conn
		group sync.WaitGroup
	)
	group.Go(func() {
		for n := 1; ; n++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
			group.Go(func() {
				defer func() { _ = conn.Close() }()
				serve(n, conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		for _, conn := range open {
			_ = conn.Close()
		}
		mu.Unlock()
		group.Wait()
	})
	return "http://" + listener.Addr().String()
}
