package flow_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/internal/test/answers"
	"github.com/klarna-go/klarna-go/internal/test/rawserver"
	"github.com/klarna-go/klarna-go/klarna"
)

// hostile is klarnatest behind a server that answers calls with the answers to other calls.
type hostile struct {
	*scene
	harm atomic.Int64 // the answers that went to another call

	mu        sync.Mutex
	purchases map[string]string // by payment request
}

func newHostile(t *testing.T) *hostile {
	t.Helper()
	t.Parallel()
	return &hostile{scene: newScene(t), purchases: make(map[string]string)}
}

// given is an answer with the call that it belongs to.
type given struct {
	purchase, step string
	status         int
	header         http.Header
	body           []byte
}

// answer returns klarnatest's answer to a request.
func (h *hostile) answer(request *http.Request) (*given, error) {
	sent, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	request.Body = io.NopCloser(bytes.NewReader(sent))
	answer, err := h.klarna.Transport().RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	g := &given{step: "first", status: answer.StatusCode, header: answer.Header, body: body}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case request.Method != http.MethodPost:
		g.step, g.purchase = "read", h.purchases[path.Base(request.URL.Path)]
		return g, nil
	case request.Header.Get("Klarna-Network-Session-Token") != "":
		g.step = "final"
	}
	g.purchase = textOf(sent, "payment_transaction_reference")
	if id := textOf(body, "payment_request_id"); id != "" {
		h.purchases[id] = g.purchase
	}
	return g, nil
}

// next reads a request from a connection and returns the answer to it, or nil at the end.
func (h *hostile) next(reader *bufio.Reader) *given {
	request, err := http.ReadRequest(reader)
	if err != nil {
		return nil
	}
	own, err := h.answer(request)
	if err != nil {
		h.Error(err)
		return nil
	}
	return own
}

func (g *given) write(w io.Writer) {
	text := new(bytes.Buffer)
	fmt.Fprintf(text, "HTTP/1.1 %d \r\nContent-Length: %d\r\n", g.status, len(g.body))
	header := g.header.Clone()
	header.Del("Content-Length")
	_ = header.Write(text)
	text.WriteString("\r\n")
	text.Write(g.body)
	_, _ = w.Write(text.Bytes())
}

// coordinator returns a Coordinator that calls the hostile server.
func (h *hostile) coordinator(url string, transport http.RoundTripper) *flow.Coordinator {
	h.Helper()
	client, err := klarna.NewClient(h.klarna.APIKey, klarna.WithBaseURL(url),
		klarna.WithHTTPClient(&http.Client{Transport: transport}),
		klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: 20, MinWait: time.Nanosecond, MaxWait: time.Microsecond, Budget: 1 << 30}))
	if err != nil {
		h.Fatal(err)
	}
	c, err := flow.New(client, h.memory, klarna.NewSecret(sealSecret), flow.WithClock(h.klarna.Now),
		flow.WithLogger(slog.New(slog.DiscardHandler)), flow.WithRecoveryRate(1e6))
	if err != nil {
		h.Fatal(err)
	}
	return c
}

// http1 returns a transport whose connections end with the test.
func (h *hostile) http1() *http.Transport {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	h.Cleanup(transport.CloseIdleConnections)
	return transport
}

// purchasesInAll returns the number of purchases for a hostile server: 200, or FLOW_ANSWERS.
func purchasesInAll(t *testing.T) int {
	t.Helper()
	text := os.Getenv("FLOW_ANSWERS")
	if text == "" {
		return 200
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 2 {
		t.Fatalf("FLOW_ANSWERS is %q", text)
	}
	return n
}

// run pays pairs of purchases, many concurrently, and checks each purchase's transaction.
func (h *hostile) run(t *testing.T, c *flow.Coordinator, call func(id string, do func(context.Context) (*flow.Status, error)) (*flow.Status, error)) {
	t.Helper()
	total := purchasesInAll(t)
	amounts := make(map[string]int64)
	pairs := make(chan [2]flow.Purchase, total/2)
	for n := range total / 2 {
		var pair [2]flow.Purchase
		for i, which := range []string{"a", "b"} {
			order := h.order(fmt.Sprintf("order-%d%s", n, which))
			amount := int64(100_00 + 2*n + i)
			order.Request.RequestPaymentTransaction.Amount = amount
			order.Request.SupplementaryPurchaseData.LineItems[0].TotalAmount = amount
			amounts[order.ID], pair[i] = amount, order
		}
		pairs <- pair
	}
	close(pairs)
	var workers sync.WaitGroup
	for range 16 {
		workers.Go(func() {
			for pair := range pairs {
				var both sync.WaitGroup
				for _, order := range pair {
					both.Go(func() { h.pay(c, order, call) })
				}
				both.Wait()
			}
		})
	}
	workers.Wait()
	transactions := make(map[string]string)
	for _, transaction := range h.klarna.Transactions() {
		if transactions[transaction.Reference] != "" || transaction.Amount != amounts[transaction.Reference] {
			t.Errorf("%s has a transaction of %d", transaction.Reference, transaction.Amount)
		}
		transactions[transaction.Reference] = transaction.PaymentTransactionID
	}
	for id := range amounts {
		status := h.status(id)
		if status.State != flow.StateAuthorized || status.PaymentTransactionID != transactions[id] || status.Amount != amounts[id] {
			t.Errorf("%v with reason %q has transaction %q of %d, want %q of %d",
				status, status.Reason, status.PaymentTransactionID, status.Amount, transactions[id], amounts[id])
		}
	}
	t.Logf("%d purchases, %d transactions, %d calls; %d answers went to another call",
		len(amounts), len(transactions), len(h.klarna.Requests()), h.harm.Load())
	if len(transactions) != len(amounts) || h.harm.Load() < int64(total/2) {
		t.Error("purchases are not paid, or no answer went to another call")
	}
}

func (h *hostile) pay(c *flow.Coordinator, order flow.Purchase, call func(id string, do func(context.Context) (*flow.Status, error)) (*flow.Status, error)) {
	status, err := call(order.ID, func(ctx context.Context) (*flow.Status, error) { return c.Begin(ctx, order) })
	if err != nil || status.State != flow.StateAwaitingCustomer {
		h.Errorf("%s: %v, %v", order.ID, status, err)
		return
	}
	if _, err := h.klarna.Approve(status.PaymentRequestID); err != nil {
		h.Error(err)
		return
	}
	status, err = call(order.ID, func(ctx context.Context) (*flow.Status, error) { return c.HandleReturn(ctx, order.ID) })
	if err != nil || status.State != flow.StateAuthorized {
		h.Errorf("%s: %v, %v", order.ID, status, err)
	}
}

// atOnce makes a call once.
func atOnce(t *testing.T) func(string, func(context.Context) (*flow.Status, error)) (*flow.Status, error) {
	return func(_ string, do func(context.Context) (*flow.Status, error)) (*flow.Status, error) {
		return do(t.Context())
	}
}

func TestASurplusAnswerPaysNoOtherPurchase(t *testing.T) {
	h := newHostile(t)
	var connections atomic.Int64
	var last atomic.Pointer[given]
	url := rawserver.Listen(t, func(_ int, conn net.Conn) {
		reader := bufio.NewReader(conn)
		behind := connections.Add(1)%2 == 0
		for n := 0; ; n++ {
			own := h.next(reader)
			if own == nil {
				return
			}
			extra := last.Swap(own)
			if n%3 != 2 || extra == nil || extra.purchase == own.purchase {
				own.write(conn)
				continue
			}
			h.harm.Add(1)
			var text bytes.Buffer
			if behind {
				own, extra = extra, own
			}
			extra.write(&text)
			own.write(&text)
			_, _ = conn.Write(text.Bytes())
		}
	})
	h.run(t, h.coordinator(url, h.http1()), atOnce(t))
}

// pairOf returns the name that a step has for both purchases of a pair.
func (g *given) pairOf() string { return g.step + " " + strings.TrimRight(g.purchase, "ab") }

// swapped returns the answer to the same call of the pair's other purchase.
func (h *hostile) swapped(ctx context.Context, swap *answers.Swap[*given], own *given) *given {
	other := swap.Answer(ctx, own.pairOf(), own)
	if other.purchase != own.purchase {
		h.harm.Add(1)
	}
	return other
}

func TestSwappedAnswersPayNoOtherPurchase(t *testing.T) {
	t.Run("over HTTP/1.1", func(t *testing.T) {
		h := newHostile(t)
		var swap answers.Swap[*given]
		url := rawserver.Listen(t, func(_ int, conn net.Conn) {
			reader := bufio.NewReader(conn)
			for own := h.next(reader); own != nil; own = h.next(reader) {
				h.swapped(t.Context(), &swap, own).write(conn)
			}
		})
		h.run(t, h.coordinator(url, h.http1()), atOnce(t))
	})
	t.Run("over HTTP/2", func(t *testing.T) {
		h := newHostile(t)
		var swap answers.Swap[*given]
		var others atomic.Int64
		url, transport := answers.ServeHTTP2(t, false, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.ProtoMajor != 2 {
				others.Add(1)
			}
			own, err := h.answer(r)
			if r.Context().Err() != nil {
				return // another call used the same connection
			}
			if err != nil {
				h.Error(err)
				return
			}
			g := h.swapped(r.Context(), &swap, own)
			maps.Copy(w.Header(), g.header)
			w.Header().Del("Content-Length")
			w.WriteHeader(g.status)
			_, _ = w.Write(g.body)
		}))
		h.run(t, h.coordinator(url, transport()), atOnce(t))
		if n := others.Load(); n > 0 {
			t.Errorf("%d requests did not use HTTP/2", n)
		}
	})
}

// The caller of the first call of each step has left when its answer arrives, and another call gets
// it.
func TestALateAnswerPaysNoOtherPurchase(t *testing.T) {
	h := newHostile(t)
	var mu sync.Mutex
	var late []*given
	known, harmed, leave := make(map[string]bool), make(map[string]int), make(map[string]context.CancelFunc)
	url := rawserver.Listen(t, func(_ int, conn net.Conn) {
		reader := bufio.NewReader(conn)
		for own := h.next(reader); own != nil; own = h.next(reader) {
			mu.Lock()
			call := own.step + " " + own.purchase
			if cancel := leave[own.purchase]; cancel != nil && !known[call] {
				known[call] = true
				late = append(late, own)
				cancel()
				mu.Unlock()
				_, _ = io.Copy(io.Discard, reader) // until the caller has left
				return
			}
			// Many callers may leave at the same time. No call gets more late answers than it has
			// attempts.
			if len(late) > 0 && late[0].purchase != own.purchase && harmed[call] < 10 {
				own, late = late[0], late[1:]
				harmed[call]++
				h.harm.Add(1)
			}
			mu.Unlock()
			own.write(conn)
		}
	})
	h.run(t, h.coordinator(url, h.http1()), func(id string, do func(context.Context) (*flow.Status, error)) (*flow.Status, error) {
		for {
			ctx, cancel := context.WithCancel(t.Context())
			mu.Lock()
			leave[id] = cancel
			mu.Unlock()
			status, err := do(ctx)
			left := ctx.Err() != nil
			cancel()
			if !left || err == nil {
				return status, err
			}
		}
	})
}
