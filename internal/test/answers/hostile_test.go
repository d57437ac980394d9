package answers_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/internal/test/answers"
	"github.com/klarna-go/klarna-go/internal/test/rawserver"
	"github.com/klarna-go/klarna-go/klarna"
)

// calls yields the calls to a hostile server: 60 of each group of operations, or ANSWERS_CALLS.
func calls(t *testing.T) iter.Seq2[int, string] {
	t.Helper()
	total := 60
	if text := os.Getenv("ANSWERS_CALLS"); text != "" {
		var err error
		if total, err = strconv.Atoi(text); err != nil || total < 60 {
			t.Fatalf("ANSWERS_CALLS is %q", text)
		}
	}
	group := func(index int) string {
		name, _, _ := strings.Cut(answers.Calls[index].Operation, ".")
		return name
	}
	size := make(map[string]int)
	for index := range answers.Calls {
		size[group(index)]++
	}
	return func(yield func(int, string) bool) {
		for n := range total {
			for index := range answers.Calls {
				if n < total/size[group(index)] && !yield(index, strconv.Itoa(n)) {
					return
				}
			}
		}
	}
}

// share distributes the calls among workers.
func share(t *testing.T, each func() func(index int, n string)) {
	t.Helper()
	type one struct {
		index int
		n     string
	}
	queue := make(chan one)
	var workers sync.WaitGroup
	for range 4 {
		work := each()
		workers.Go(func() {
			for c := range queue {
				work(c.index, c.n)
			}
		})
	}
	for index, n := range calls(t) {
		queue <- one{index, n}
	}
	close(queue)
	workers.Wait()
}

// answerTo is the answer to the request with a correlation id, which identifies the call.
type answerTo struct {
	id   string
	body string
}

func newAnswerTo(id string) answerTo {
	index, n, _ := strings.Cut(id, "x")
	i, err := strconv.Atoi(index)
	if err != nil || i >= len(answers.Calls) {
		return answerTo{id: id}
	}
	return answerTo{id, answers.Calls[i].Answer(n)}
}

// header identifies the call of the answer: with Klarna's echo, unless the server omits it, and
// with a member of the test's own.
func (a answerTo) header(echo bool) http.Header {
	h := http.Header{"X-Answer-To": {a.id}}
	if echo {
		h.Set("Partner-Correlation-Id", a.id)
	}
	return h
}

func (a answerTo) write(w io.Writer, echo bool) {
	var text strings.Builder
	text.WriteString("HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(a.body)) + "\r\n")
	_ = a.header(echo).Write(&text)
	_, _ = io.WriteString(w, text.String()+"\r\n"+a.body)
}

// next reads a request and returns its correlation id.
func next(reader *bufio.Reader) (id string, ok bool) {
	request, err := http.ReadRequest(reader)
	if err != nil {
		return "", false
	}
	_, err = io.Copy(io.Discard, request.Body)
	return request.Header.Get("Partner-Correlation-Id"), err == nil
}

// tally counts the results of calls.
type tally struct{ calls, succeeded, failed, foreign atomic.Int64 }

// make makes a call and fails the test if the call accepts the answer to another call or shows a
// part of it.
func (c *tally) make(t *testing.T, ctx context.Context, client *klarna.Client, index int, n string) {
	t.Helper()
	c.calls.Add(1)
	id := strconv.Itoa(index) + "x" + n
	var response klarna.Response
	_, err := answers.Calls[index].Do(ctx, client, n, klarna.WithCorrelationID(id), klarna.WithResponse(&response))
	for _, attempt := range response.Attempts {
		if errors.Is(attempt.Err, klarna.ErrForeignAnswer) {
			c.foreign.Add(1)
		}
	}
	if whose := response.Header.Get("X-Answer-To"); whose != "" && whose != id {
		t.Errorf("%s accepted the answer to another call: %v", answers.Calls[index].Name, err)
	}
	if err == nil {
		c.succeeded.Add(1)
		return
	}
	c.failed.Add(1)
	if strings.Contains(fmt.Sprintf("%+v %v", err, response.Attempts), "evil") {
		t.Errorf("%s shows a part of the answer to another call: %v", answers.Calls[index].Name, err)
	}
}

func (c *tally) log(t *testing.T) {
	t.Helper()
	t.Logf("%d calls: %d succeeded, %d failed; %d answers of other calls were refused", c.calls.Load(), c.succeeded.Load(), c.failed.Load(), c.foreign.Load())
}

func patient(t *testing.T, url string, transport http.RoundTripper, options ...klarna.Option) *klarna.Client {
	t.Helper()
	return newClient(t, transport, append(options, klarna.WithBaseURL(url), klarna.WithRetries(klarna.RetryPolicy{
		MaxAttempts: 20, MinWait: time.Nanosecond, MaxWait: time.Microsecond, Budget: 1 << 30,
	}))...)
}

func newTransport(t *testing.T) *http.Transport {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// TestSurplusAnswersAreRejected sends additional answers on a connection, after an answer or before
// the next one.
func TestSurplusAnswersAreRejected(t *testing.T) {
	var connections atomic.Int64
	url := rawserver.Listen(t, func(_ int, conn net.Conn) {
		reader := bufio.NewReader(conn)
		behind := connections.Add(1)%2 == 0
		for n := 0; ; n++ {
			id, ok := next(reader)
			if !ok {
				return
			}
			own, extra := newAnswerTo(id), newAnswerTo(id+"evil")
			var text strings.Builder
			if n%3 == 2 && !behind {
				extra.write(&text, true)
			}
			own.write(&text, true)
			if n%3 == 2 && behind {
				extra.write(&text, true)
			}
			if _, err := io.WriteString(conn, text.String()); err != nil {
				return
			}
		}
	})
	client := patient(t, url, newTransport(t))
	var count tally
	share(t, func() func(int, string) {
		return func(index int, n string) { count.make(t, t.Context(), client, index, n) }
	})
	count.log(t)
	if count.foreign.Load() < count.calls.Load()/20 || count.failed.Load() > count.calls.Load()/100 {
		t.Error("the server changed no answer, or too many")
	}
}

// pairs makes the calls of an operation in pairs.
func (c *tally) pairs(t *testing.T, client func() *klarna.Client, choose func(answers.Call) bool) {
	t.Helper()
	share(t, func() func(int, string) {
		client := client()
		return func(index int, n string) {
			if choose != nil && !choose(answers.Calls[index]) {
				return
			}
			var both sync.WaitGroup
			for _, which := range []string{"a", "b"} {
				both.Go(func() { c.make(t, t.Context(), client, index, n+which) })
			}
			both.Wait()
		}
	})
	c.log(t)
	if c.foreign.Load() < c.calls.Load()/2 || c.failed.Load() > c.calls.Load()/100 {
		t.Error("the server changed no answer, or too many")
	}
}

func TestSwappedAnswersAreRejected(t *testing.T) {
	for name, test := range map[string]struct {
		echo   bool
		choose func(answers.Call) bool
	}{
		"the echo gives them away": {true, nil},
		"their ids give them away": {false, func(c answers.Call) bool {
			o := operation.Of(c.Operation)
			return o.ID != "" && slices.ContainsFunc(o.Decides, func(m operation.Member) bool { return m.Path == o.ID })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var swap answers.Swap[answerTo]
			url := rawserver.Listen(t, func(_ int, conn net.Conn) {
				reader := bufio.NewReader(conn)
				for {
					id, ok := next(reader)
					if !ok {
						return
					}
					swap.Answer(t.Context(), id[:len(id)-1], newAnswerTo(id)).write(conn, test.echo)
				}
			})
			transport := newTransport(t)
			new(tally).pairs(t, func() *klarna.Client { return patient(t, url, transport) }, test.choose)
		})
	}
}

func TestSwappedHTTP2AnswersAreRejected(t *testing.T) {
	t.Run("in the clear", func(t *testing.T) { swapHTTP2(t, false) })
	t.Run("over TLS", func(t *testing.T) { swapHTTP2(t, true) })
}

func swapHTTP2(t *testing.T, secure bool) {
	t.Helper()
	var swap answers.Swap[answerTo]
	var versions sync.Map
	url, transport := answers.ServeHTTP2(t, secure, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		versions.Store(r.Proto, true)
		_, _ = io.Copy(io.Discard, r.Body)
		id := r.Header.Get("Partner-Correlation-Id")
		a := swap.Answer(r.Context(), id[:len(id)-1], newAnswerTo(id))
		maps.Copy(w.Header(), a.header(true))
		_, _ = io.WriteString(w, a.body)
	}))
	new(tally).pairs(t, func() *klarna.Client { return patient(t, url, transport()) }, func(c answers.Call) bool {
		return !secure || c.Operation == operation.PaymentRequestRead
	})
	if _, ok := versions.Load("HTTP/2.0"); !ok {
		t.Error("HTTP/2 was not used")
	}
}

// TestLateAnswersAreRejected ends a call before its answer arrives, so that the next request gets
// the answer.
func TestLateAnswersAreRejected(t *testing.T) {
	received := make(chan struct{})
	var late atomic.Pointer[answerTo]
	url := rawserver.Listen(t, func(_ int, conn net.Conn) {
		reader := bufio.NewReader(conn)
		for {
			id, ok := next(reader)
			if !ok {
				return
			}
			own := newAnswerTo(id)
			if strings.HasSuffix(id, "evil") {
				late.Store(&own)
				received <- struct{}{}
				_, _ = io.Copy(io.Discard, reader) // until the caller closes the connection
				own.write(conn, true)
				return
			}
			if left := late.Swap(nil); left != nil {
				left.write(conn, true)
				continue
			}
			own.write(conn, true)
		}
	})
	client := patient(t, url, newTransport(t))
	var count tally
	for index, n := range calls(t) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, err := answers.Calls[index].Do(ctx, client, n+"evil", klarna.WithCorrelationID(strconv.Itoa(index)+"x"+n+"evil"))
			if !errors.Is(err, context.Canceled) || klarna.OutcomeOf(err) != klarna.OutcomeUnknown {
				t.Errorf("%s: %v", answers.Calls[index].Name, err)
			}
		}()
		<-received
		cancel()
		<-done
		count.make(t, t.Context(), client, index, n)
	}
	count.log(t)
	if count.foreign.Load() != count.calls.Load() || count.failed.Load() > 0 {
		t.Error("the server changed no answer, or too many")
	}
}
