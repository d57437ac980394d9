package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// server answers the calls of the loopback contests. It is a separate process, so that the memory
// of a call is the client's alone.
type server struct {
	url   string
	stdin io.Closer
	cmd   *exec.Cmd
}

// startServer starts this program again as a server.
func startServer(ctx context.Context) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "-serve") //nolint:gosec // it is this program
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("the server did not start: %w", err)
	}
	return &server{url: strings.TrimSpace(line), stdin: stdin, cmd: cmd}, nil
}

func (s *server) stop() error {
	if err := s.stdin.Close(); err != nil {
		return err
	}
	return s.cmd.Wait()
}

// held returns the number of calls that the server delays.
func (s *server) held(ctx context.Context) (int, error) {
	text, err := s.ask(ctx, "/held")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

// release answers all delayed calls.
func (s *server) release(ctx context.Context) error {
	_, err := s.ask(ctx, "/release")
	return err
}

func (s *server) ask(ctx context.Context, path string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, http.NoBody)
	if err != nil {
		return "", err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return string(text), err
}

// serve is the server. It ends when its standard input ends, so that it never outlives the program
// that started it.
func serve() error {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var (
		mu   sync.Mutex
		held int
		gate = make(chan struct{})
	)
	hold := func() chan struct{} {
		mu.Lock()
		defer mu.Unlock()
		held++
		return gate
	}
	mux := http.NewServeMux()
	answer := func(body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return
			}
			w.Header().Set("Content-Type", "application/json")
			// Klarna echoes this header.
			w.Header()["Partner-Correlation-Id"] = r.Header["Partner-Correlation-Id"]
			_, _ = w.Write(body)
		}
	}
	presented := answer(presentationBody())
	mux.HandleFunc("GET /v2/accounts/{account}/payment/presentation", presented)
	mux.HandleFunc("POST /v2/accounts/{account}/payment/authorize", answer(authorizeBody()))
	mux.HandleFunc("GET /slow/v2/accounts/{account}/payment/presentation", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-hold():
			presented(w, r)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("GET /held", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprint(w, held)
	})
	mux.HandleFunc("GET /release", func(http.ResponseWriter, *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		close(gate)
		gate, held = make(chan struct{}), 0
	})
	s := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	fmt.Println("http://" + listener.Addr().String())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = s.Close()
	}()
	if err := s.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
