package klarnatest_test

import "time"

// reference is a second implementation of Klarna, written from its documentation and the decisions
// of the package without using the server's code. It predicts the result of a random sequence of
// operations. It models states, amounts and times, and answers with an HTTP status.
type reference struct {
	now      time.Time
	requests []*referenceRequest
	payments []*referencePayment
}

type referenceRequest struct {
	state    string
	amount   int64
	shipping int64 // share of the amount that the customer chose at Klarna
	end      time.Time
	approved time.Time // zero before
	final    *referencePayment
}

type referencePayment struct {
	request    int // -1 without one
	name       string
	asked      int64 // amount of the authorize call; extensions change only authorized
	authorized int64
	captured   int64
	voided     int64
	refunded   int64
	state      string
	end        time.Time
	captures   []*referenceCapture
}

type referenceCapture struct{ amount, refunded int64 }

func (m *reference) request(amount int64, life time.Duration) {
	m.requests = append(m.requests, &referenceRequest{state: "SUBMITTED", amount: amount, end: m.now.Add(life)})
}

// visit opens the page for the customer. It reports false if there is nothing to approve.
func (m *reference) visit(i int, then string) bool {
	r := m.requests[i]
	if r.state != "SUBMITTED" && r.state != "IN_PROGRESS" {
		return false
	}
	switch r.state = then; then {
	case "COMPLETED":
		r.approved = m.now
	case "SUBMITTED":
		r.amount, r.shipping = r.amount-r.shipping, 0
	}
	return true
}

func (m *reference) chooseShipping(i int, price int64) bool {
	if !m.visit(i, "IN_PROGRESS") {
		return false
	}
	r := m.requests[i]
	cart := r.amount - r.shipping
	if cart+price < 0 {
		return false
	}
	r.amount, r.shipping = cart+price, price
	return true
}

func (m *reference) update(i int, amount int64) int {
	if m.requests[i].state != "SUBMITTED" {
		return 409
	}
	m.requests[i].amount = amount
	return 200
}

func (m *reference) cancel(i int) int {
	switch r := m.requests[i]; r.state {
	case "COMPLETED":
		if r.final != nil {
			return 409
		}
		fallthrough
	case "SUBMITTED", "IN_PROGRESS":
		r.state = "CANCELED"
		return 200
	}
	return 409
}

// finalize finalizes a payment request whose customer approved, whatever its present state.
func (m *reference) finalize(i int, amount int64, name string, now bool) int {
	r := m.requests[i]
	switch {
	case m.now.Sub(r.approved) >= 25*time.Hour:
		return 400 // finalizable for an hour; the token is known for another day
	case r.final != nil && r.final.asked == amount && r.final.name == name:
		return 200 // the first answer again
	case r.final != nil, r.state == "CANCELED", m.now.Sub(r.approved) >= time.Hour:
		return 409
	case amount != r.amount:
		return 400
	}
	r.final = m.pay(amount, name, now)
	r.final.request = i
	return 200
}

func (m *reference) pay(amount int64, name string, now bool) *referencePayment {
	p := &referencePayment{request: -1, name: name, asked: amount, authorized: amount, state: "AUTHORIZED", end: m.now.Add(28 * 24 * time.Hour)}
	m.payments = append(m.payments, p)
	if now {
		p.capture(amount, false)
	}
	return p
}

func (p *referencePayment) left() int64 { return p.authorized - p.captured - p.voided }

func (p *referencePayment) capture(amount int64, release bool) int {
	switch {
	case p.state != "AUTHORIZED":
		return 409
	case amount > p.left():
		return 400
	}
	p.captured += amount
	p.captures = append(p.captures, &referenceCapture{amount: amount})
	if release {
		p.voided += p.left()
	}
	if p.left() == 0 {
		p.state = "COMPLETED"
	}
	return 201
}

func (p *referencePayment) void() int {
	if p.state != "AUTHORIZED" {
		return 409
	}
	p.voided += p.left()
	p.state = "COMPLETED"
	return 200
}

func (p *referencePayment) refund(amount int64) int {
	if amount > p.captured-p.refunded {
		return 400
	}
	p.refunded += amount
	for _, c := range p.captures {
		for c.refunded < c.amount && amount > 0 {
			part := min(amount, c.amount-c.refunded)
			c.refunded += part
			amount -= part
		}
	}
	return 201
}

func (p *referencePayment) refundCapture(k int, amount int64) int {
	c := p.captures[k]
	if amount > c.amount-c.refunded {
		return 400
	}
	c.refunded += amount
	p.refunded += amount
	return 201
}

// extend extends the authorization by days, or until 28 days from now if days is negative, which
// stands for a missing extension_days.
func (m *reference) extend(p *referencePayment, days int, more int64) int {
	if p.state != "AUTHORIZED" && p.state != "EXPIRED" {
		return 409
	}
	end := m.now.Add(28 * 24 * time.Hour)
	if days >= 0 {
		from := p.end
		if from.Before(m.now) {
			from = m.now
		}
		end = from.Add(time.Duration(days) * 24 * time.Hour)
	}
	if end.After(p.end) {
		p.end = end
	}
	p.authorized += more
	p.state = "AUTHORIZED"
	m.pass(0)
	return 200
}

// pass moves the clock forward.
func (m *reference) pass(d time.Duration) {
	m.now = m.now.Add(d)
	for _, r := range m.requests {
		if (r.state == "SUBMITTED" || r.state == "IN_PROGRESS") && !m.now.Before(r.end) {
			r.state = "EXPIRED"
		}
	}
	for _, p := range m.payments {
		if p.state == "AUTHORIZED" && !m.now.Before(p.end) {
			p.state = "EXPIRED"
		}
		if p.state == "EXPIRED" && !m.now.Before(p.end.Add(7*24*time.Hour)) {
			p.state = "CLOSED"
		}
	}
}
