package main

import (
	"context"
	"fmt"
	"io"
	"math"

	"github.com/klarna-go/klarna-go/authorization"
)

// scaleFigures holds the cost of one operation for several body sizes.
type scaleFigures struct {
	name  string
	sizes []int
	nanos []float64
}

// bend returns the cost of a byte at the largest size divided by that at the previous size; 1 means
// linear.
func (s *scaleFigures) bend() float64 {
	last := len(s.sizes) - 1
	slope := func(i int) float64 { return (s.nanos[i] - s.nanos[0]) / float64(s.sizes[i]-s.sizes[0]) }
	return slope(last) / slope(last-1)
}

// scales measures bodies from 1 KB to 1 MB.
func scales(p plan) ([]scaleFigures, error) {
	sizes := []int{2 << 10, 16 << 10, 128 << 10, 1000 << 10}
	v, err := ourVerifier()
	if err != nil {
		return nil, err
	}
	result := []scaleFigures{
		{name: "verify and decode a webhook with a long text"}, {name: "get a presentation of many parts"}, {name: "authorize a basket of many lines"},
	}
	for _, n := range sizes {
		event := klarnaEvent(n)
		header := ourDelivery(event)
		long, err := ourClient(stubbedURL, stubbed(manyParts(n)))
		if err != nil {
			return nil, err
		}
		request, length := manyLines(n)
		c, err := newOurs(stubbedURL, stubbed(authorizeBody()))
		if err != nil {
			return nil, err
		}
		authorizations := authorization.New(c)
		for i, step := range []struct {
			size int
			op   func() error
		}{
			{n, func() error { return ourReceive(v, header, event) }},
			{n, background(long.get)},
			{length, background(func(ctx context.Context) error {
				_, err := authorizations.Authorize(ctx, request)
				return err
			})},
		} {
			r, err := hold(contest{title: result[i].name, contenders: []contender{{ours, step.op}}}, p)
			if err != nil {
				return nil, err
			}
			result[i].sizes = append(result[i].sizes, step.size)
			result[i].nanos = append(result[i].nanos, quantile(r.figures[0].nanos, 0))
		}
	}
	return result, nil
}

// manyParts returns a presentation whose message has as many parts as fit into n bytes.
func manyParts(n int) []byte {
	const part = `{"type":"LINK","text":"Learn more","url":"https://www.klarna.com/us/payment-methods","context":"INFO"}`
	text := `{"instruction":"SHOW_KLARNA","payment_option":{"payment_option_id":"S0xBUk5B","message":{"parts":[` + part
	const end = `]}},"new":"⟨…⟩"}`
	for len(text)+len(part)+len(end) < n {
		text += "," + part
	}
	return fill(text+end, n)
}

// manyLines returns an authorize call whose basket makes it about n bytes long.
func manyLines(n int) (authorization.AuthorizeParams, int) {
	r := authorizeRequest()
	length := len(ourAuthorizeBody())
	lines := r.SupplementaryPurchaseData.LineItems
	each := len(`{"name":"Socks","quantity":3,"total_amount":2436,"total_tax_amount":487,"unit_price":812,"product_url":"https://shop.example/products/socks-1","image_url":"https://shop.example/images/socks-1.png","line_item_reference":"socks-1"},`)
	data := *r.SupplementaryPurchaseData
	data.LineItems = append([]authorization.LineItem(nil), lines...)
	for length+each < n {
		data.LineItems = append(data.LineItems, lines[1])
		length += each
	}
	r.SupplementaryPurchaseData = &data
	transaction := *r.RequestPaymentTransaction
	transaction.Amount = authorization.LinesTotal(data.LineItems)
	r.RequestPaymentTransaction = &transaction
	return r, length
}

// growthFigures compares calls before and after very many others.
type growthFigures struct {
	calls int
	slope float64 // time of a late call divided by that of an early one
	bytes float64 // memory that each call left behind
}

// growth makes many calls with one client and measures the memory that they leave.
func growth(calls int, p plan) (growthFigures, error) {
	c, err := ourClient(stubbedURL, stubbed(variants(authorizeBody())...))
	if err != nil {
		return growthFigures{}, err
	}
	op := background(c.post)
	sample := func() (float64, error) {
		r, err := hold(contest{title: "growth", contenders: []contender{{ours, op}}}, p)
		if err != nil {
			return math.NaN(), err
		}
		return quantile(r.figures[0].nanos, 0), nil
	}
	early, err := sample()
	if err != nil {
		return growthFigures{}, err
	}
	before := inUse()
	if _, err := repeat(op, calls); err != nil {
		return growthFigures{}, err
	}
	left := inUse() - before
	late, err := sample()
	return growthFigures{calls: calls, slope: late / early, bytes: left / float64(calls)}, err
}

func printScale(w io.Writer, scale []scaleFigures, g growthFigures) {
	fmt.Fprintf(w, "\nBody sizes\nThe fastest round at each size; the bend is the cost of a byte at the largest size relative to that at the previous size.\n\n")
	for i := range scale {
		s := &scale[i]
		fmt.Fprintf(w, "  %s (bend %.2f)\n   ", s.name, s.bend())
		for j := range s.sizes {
			fmt.Fprintf(w, " %d KB %s", s.sizes[j]>>10, nanos(s.nanos[j]))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "\nAfter %d calls\n\n  a call takes %.2f of its time before; each call left %.2f bytes\n", g.calls, g.slope, g.bytes)
}
