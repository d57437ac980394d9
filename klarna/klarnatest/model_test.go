package klarnatest_test

import (
	"crypto/rand"
	"flag"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

var (
	modelSteps = flag.Int("klarnatest.steps", 5000, "how many random operations the double and its reference are compared over")
	modelSeed  = flag.Uint64("klarnatest.seed", 0, "the seed to repeat a run by; 0 is a new one")
)

func TestRandomOperationsMatchTheReference(t *testing.T) {
	fresh := *modelSeed
	if fresh == 0 {
		fresh = mathrand.Uint64()
	}
	for name, seed := range map[string]uint64{"the fixed seed": 20251201, "another seed": fresh} {
		t.Run(name, func(t *testing.T) {
			t.Logf("repeat with -klarnatest.seed=%d -klarnatest.steps=%d", seed, *modelSteps)
			random := mathrand.New(mathrand.NewPCG(seed, 0))
			// Steps with one server. With few resources, all of them can be compared after each
			// step.
			const episode = 200
			for done := 0; done < *modelSteps; done += episode {
				w := newWalk(t, random)
				for range min(episode, *modelSteps-done) {
					w.step()
				}
				w.server.CheckInvariants(t)
				w.server.Close()
			}
		})
	}
}

// walk applies the same operations to a server and to the reference.
type walk struct {
	*testing.T
	*mathrand.Rand
	server *klarnatest.Server
	client client
	model  *reference
	// requests and payments map the reference's resources to the server's ids.
	requests []walkedRequest
	payments []walkedPayment
	trace    []string
}

type walkedRequest struct{ id, name, token string }

type walkedPayment struct {
	id       string
	captures []string
}

func newWalk(t *testing.T, random *mathrand.Rand, opts ...klarnatest.Option) *walk {
	server, c := newSocketless(t, opts...)
	return &walk{T: t, Rand: random, server: server, client: c, model: &reference{now: server.Now()}}
}

// step performs one random operation and compares the results.
func (w *walk) step() {
	w.Helper()
	moves := []struct {
		weight int
		do     func() string
	}{
		{8, w.authorizeFirst},
		{3, w.createRequest},
		{4, w.payDirectly},
		{20, w.visit},
		{4, w.chooseShipping},
		{4, w.update},
		{4, w.cancel},
		{14, w.finalize},
		{16, w.capture},
		{6, w.refund},
		{8, w.refundCapture},
		{3, w.void},
		{5, w.extend},
		{10, w.advance},
	}
	total := 0
	for _, m := range moves {
		total += m.weight
	}
	pick := w.IntN(total)
	for _, m := range moves {
		if pick -= m.weight; pick < 0 {
			w.trace = append(w.trace, m.do())
			break
		}
	}
	w.compare()
}

func (w *walk) diverged(format string, args ...any) {
	w.Helper()
	last := w.trace[max(0, len(w.trace)-30):]
	w.Fatalf("%s\nafter %d steps, the last of them\n%s", fmt.Sprintf(format, args...), len(w.trace), strings.Join(last, "\n"))
}

// call makes a call, sometimes a second time with the same key, and compares its status with the
// reference's.
func (w *walk) call(want int, method, path string, body any, headers ...string) response {
	w.Helper()
	headers = append(headers, "Klarna-Idempotency-Key: "+rand.Text())
	r := w.client.do(method, path, body, headers...)
	w.trace = append(w.trace, fmt.Sprintf("%s %s %v: %d", method, path, body, r.status))
	if r.status != want {
		w.diverged("status %d, want %d: %s", r.status, want, r.raw)
	}
	if (method == "POST" || method == "PATCH") && w.IntN(10) == 0 {
		if again := w.client.do(method, path, body, headers...); again.status != r.status || string(again.raw) != string(r.raw) {
			w.diverged("repeated with the same key: %d %s, want %d %s", again.status, again.raw, r.status, r.raw)
		}
	}
	return r
}

func (w *walk) amount() int64 { return w.Int64N(20) * 50 }

// some returns a random index below many, usually a high one, or false if many is 0.
func (w *walk) some(many int) (int, bool) {
	if many == 0 {
		return 0, false
	}
	return max(w.IntN(many), w.IntN(many)), true
}

func (w *walk) authorizeFirst() string {
	amount, name := w.amount(), rand.Text()
	o := obj{
		"currency":                    "EUR",
		"request_payment_transaction": obj{"amount": amount, "payment_transaction_reference": name},
		"step_up_config":              obj{"payment_request_reference": name, "customer_interaction_config": obj{"method": "QR_CODE"}},
	}
	life := 3 * time.Hour
	if w.IntN(2) == 0 {
		minutes := 15 + w.IntN(48*60-15)
		life = time.Duration(minutes) * time.Minute
		o["step_up_config"].(obj)["customer_interaction_config"].(obj)["interaction_expiry"] = obj{"duration": fmt.Sprintf("PT%dM", minutes)}
	}
	r := w.call(200, "POST", authorizePath, o)
	w.model.request(amount, life)
	w.requests = append(w.requests, walkedRequest{id: r.text("payment_request.payment_request_id"), name: name})
	return "authorize first"
}

func (w *walk) createRequest() string {
	amount := w.amount()
	r := w.call(201, "POST", requestsPath, obj{"currency": "EUR", "amount": amount})
	w.model.request(amount, 3*time.Hour)
	w.requests = append(w.requests, walkedRequest{id: r.text("payment_request_id"), name: rand.Text()})
	return "create a payment request"
}

func (w *walk) payment(amount int64, name string) (body obj, now bool) {
	body = obj{"amount": amount, "payment_transaction_reference": name}
	if now = w.IntN(6) == 0; now {
		body["capture"] = "NOW"
	}
	return obj{"currency": "EUR", "request_payment_transaction": body}, now
}

// paid records the id of the transaction that an authorize call created.
func (w *walk) paid(r response) {
	const path = "payment_transaction_response.payment_transaction."
	p := walkedPayment{id: r.text(path + "payment_transaction_id")}
	if id := r.text(path + "payment_captures.0.payment_capture_id"); id != "" {
		p.captures = []string{id}
	}
	w.payments = append(w.payments, p)
}

func (w *walk) payDirectly() string {
	amount, name := w.amount(), rand.Text()
	body, now := w.payment(amount, name)
	w.paid(w.call(200, "POST", authorizePath, body, withToken(w.server.IssueSessionToken("EUR", amount))))
	w.model.pay(amount, name, now)
	return "pay with a token from the browser"
}

func (w *walk) visit() string {
	i, ok := w.some(len(w.requests))
	if !ok {
		return "no payment request to visit"
	}
	then, act := "IN_PROGRESS", func(id string) (string, error) { return "", w.server.Open(id) }
	switch w.IntN(6) {
	case 0:
		then, act = "DECLINED", w.server.Decline
	case 1:
		then, act = "SUBMITTED", w.server.Abandon
	case 2, 3, 4:
		then, act = "COMPLETED", w.server.Approve
	}
	_, err := act(w.requests[i].id)
	if visited := w.model.visit(i, then); visited != (err == nil) {
		w.diverged("visit %d, then %s: %v, want %v", i, then, err, visited)
	}
	if err == nil && then == "COMPLETED" {
		w.requests[i].token = w.client.want(200, "GET", requestsPath+"/"+w.requests[i].id, nil).text("state_context.klarna_network_session_token")
	}
	return fmt.Sprintf("visit %d, then %s: %v", i, then, err)
}

func (w *walk) chooseShipping() string {
	i, ok := w.some(len(w.requests))
	if !ok {
		return "nothing to ship"
	}
	price := w.amount() - 200
	err := w.server.ChangeShipping(w.requests[i].id, klarnatest.ShippingOption{Price: price})
	if chosen := w.model.chooseShipping(i, price); chosen != (err == nil) {
		w.diverged("ship %d for %d: %v, want %v", i, price, err, chosen)
	}
	return fmt.Sprintf("the customer ships %d for %d: %v", i, price, err)
}

func (w *walk) update() string {
	i, ok := w.some(len(w.requests))
	if !ok {
		return "nothing to update"
	}
	amount := w.amount()
	w.call(w.model.update(i, amount), "PATCH", requestsPath+"/"+w.requests[i].id, obj{"amount": amount})
	return fmt.Sprintf("update %d", i)
}

func (w *walk) cancel() string {
	i, ok := w.some(len(w.requests))
	if !ok {
		return "nothing to cancel"
	}
	w.call(w.model.cancel(i), "DELETE", requestsPath+"/"+w.requests[i].id, nil)
	return fmt.Sprintf("cancel %d", i)
}

// finalize usually sends a correct final authorize call, and sometimes another amount or, for a
// finalized payment request, another reference.
func (w *walk) finalize() string {
	var approved []int
	for i, r := range w.requests {
		if r.token != "" {
			approved = append(approved, i)
		}
	}
	k, ok := w.some(len(approved))
	if !ok {
		return "nothing to finalize"
	}
	i := approved[k]
	r, amount, name := w.requests[i], w.model.requests[i].amount, w.requests[i].name
	switch finalized := w.model.requests[i].final != nil; {
	case w.IntN(8) == 0:
		amount = w.amount()
	case finalized && w.IntN(2) == 0:
		name = rand.Text()
	}
	body := obj{"currency": "EUR", "request_payment_transaction": obj{"amount": amount, "payment_transaction_reference": name}}
	before := len(w.model.payments)
	answer := w.call(w.model.finalize(i, amount, name, false), "POST", authorizePath, body, withToken(r.token))
	if len(w.model.payments) > before {
		w.paid(answer)
	}
	return fmt.Sprintf("finalize %d over %d", i, amount)
}

// somePayment returns a random payment with the path to it.
func (w *walk) somePayment() (i int, path string, ok bool) {
	if i, ok = w.some(len(w.payments)); ok {
		path = transactionsPath + w.payments[i].id
	}
	return i, path, ok
}

// part returns a part of an amount, and sometimes more than the amount.
func (w *walk) part(of int64) int64 {
	switch w.IntN(8) {
	case 0:
		return of + 1
	case 1:
		return of + 1 + w.Int64N(100)
	case 2:
		return of
	}
	return w.Int64N(of + 1)
}

func (w *walk) capture() string {
	i, path, ok := w.somePayment()
	if !ok {
		return "nothing to capture"
	}
	p := w.model.payments[i]
	amount, release := w.part(p.left()), w.IntN(6) == 0
	body := obj{"capture_amount": amount}
	if release {
		body["remaining_authorization"] = "RELEASE"
	}
	want := p.capture(amount, release)
	if r := w.call(want, "POST", path+"/capture", body); want == 201 {
		w.payments[i].captures = append(w.payments[i].captures, r.text("payment_capture_id"))
	}
	return fmt.Sprintf("capture %d of payment %d", amount, i)
}

func (w *walk) refund() string {
	i, path, ok := w.somePayment()
	if !ok {
		return "nothing to refund"
	}
	p := w.model.payments[i]
	amount := w.part(p.captured - p.refunded)
	w.call(p.refund(amount), "POST", path+"/refund", obj{"refund_amount": amount})
	return fmt.Sprintf("refund %d of payment %d", amount, i)
}

func (w *walk) refundCapture() string {
	i, _, _ := w.somePayment()
	if len(w.payments) == 0 || len(w.payments[i].captures) == 0 {
		return "no capture to refund"
	}
	k := w.IntN(len(w.payments[i].captures))
	p := w.model.payments[i]
	amount := w.part(p.captures[k].amount - p.captures[k].refunded)
	w.call(p.refundCapture(k, amount), "POST", capturesPath+w.payments[i].captures[k]+"/refund", obj{"refund_amount": amount})
	return fmt.Sprintf("refund %d of capture %d of payment %d", amount, k, i)
}

func (w *walk) void() string {
	i, path, ok := w.somePayment()
	if !ok {
		return "nothing to void"
	}
	w.call(w.model.payments[i].void(), "POST", path+"/void", nil)
	return fmt.Sprintf("void payment %d", i)
}

func (w *walk) extend() string {
	i, path, ok := w.somePayment()
	if !ok {
		return "nothing to extend"
	}
	body, days, more := obj{}, -1, int64(0)
	if w.IntN(4) > 0 {
		days = w.IntN(1 + w.IntN(40))
		body["extension_days"] = days
	}
	if w.IntN(3) == 0 {
		more = w.amount()
		body["amount"] = more
	}
	w.call(w.model.extend(w.model.payments[i], days, more), "POST", path+"/authorize", body)
	return fmt.Sprintf("extend payment %d", i)
}

// advance moves the clock by a random time, or to a deadline, a second before it or a second after
// it.
func (w *walk) advance() string {
	d := []time.Duration{time.Second, time.Minute, time.Hour, 24 * time.Hour}[w.IntN(4)] * time.Duration(1+w.IntN(40))
	var deadlines []time.Time
	for _, r := range w.model.requests {
		deadlines = append(deadlines, r.end, r.approved.Add(time.Hour), r.approved.Add(25*time.Hour))
	}
	for _, p := range w.model.payments {
		deadlines = append(deadlines, p.end, p.end.Add(7*24*time.Hour))
	}
	deadlines = slices.DeleteFunc(deadlines, func(at time.Time) bool { return !at.After(w.model.now.Add(time.Second)) })
	if i, ok := w.some(len(deadlines)); ok && w.IntN(2) == 0 {
		d = deadlines[i].Sub(w.model.now) + time.Duration(w.IntN(3)-1)*time.Second
	}
	w.server.Advance(d)
	w.model.pass(d)
	return fmt.Sprintf("%v later", d)
}

// compare compares the whole ledger, and one resource as the API shows it, with the reference.
func (w *walk) compare() {
	w.Helper()
	var requests, wantedRequests, payments, wantedPayments, captures, wantedCaptures []string
	for _, r := range w.server.PaymentRequests() {
		requests = append(requests, fmt.Sprint(r.State, r.Amount, r.PaymentTransactionID != ""))
	}
	for _, r := range w.model.requests {
		wantedRequests = append(wantedRequests, fmt.Sprint(r.state, r.amount, r.final != nil))
	}
	for _, p := range w.server.Transactions() {
		payments = append(payments, fmt.Sprint(p.State, p.Amount, p.CapturedAmount, p.VoidedAmount, p.RefundedAmount, p.PaymentRequestID != ""))
	}
	for i, p := range w.model.payments {
		wantedPayments = append(wantedPayments, fmt.Sprint(p.state, p.authorized, p.captured, p.voided, p.refunded, p.request >= 0))
		for k, c := range p.captures {
			wantedCaptures = append(wantedCaptures, fmt.Sprint(w.payments[i].captures[k], c.amount, c.refunded))
		}
	}
	var refunded, wantedRefunded int64
	for _, c := range w.server.Captures() {
		captures = append(captures, fmt.Sprint(c.PaymentCaptureID, c.Amount, c.RefundedAmount))
	}
	for _, r := range w.server.Refunds() {
		refunded += r.Amount
	}
	for _, p := range w.model.payments {
		wantedRefunded += p.refunded
	}
	slices.Sort(captures)
	slices.Sort(wantedCaptures)
	for what, pair := range map[string][2][]string{
		"payment requests": {wantedRequests, requests}, "transactions": {wantedPayments, payments}, "captures": {wantedCaptures, captures},
	} {
		if !slices.Equal(pair[0], pair[1]) {
			w.diverged("%s (-want +got):\n%s", what, cmp.Diff(pair[0], pair[1]))
		}
	}
	if refunded != wantedRefunded {
		w.diverged("refunds of %d, want %d", refunded, wantedRefunded)
	}
	if i, ok := w.some(len(w.payments)); ok {
		r, want := w.client.do("GET", transactionsPath+w.payments[i].id, nil), w.model.payments[i]
		if r.text("state") != want.state || r.text("expires_at") != want.end.Format(time.RFC3339Nano) {
			w.diverged("payment %d reads %s, want %s until %s", i, r.raw, want.state, want.end)
		}
	}
	if i, ok := w.some(len(w.requests)); ok {
		r, want := w.client.do("GET", requestsPath+"/"+w.requests[i].id, nil), w.model.requests[i]
		if r.text("state") != want.state || r.text("expires_at") != want.end.Format(time.RFC3339Nano) {
			w.diverged("payment request %d reads %s, want %s until %s", i, r.raw, want.state, want.end)
		}
	}
}
