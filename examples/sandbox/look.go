package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// How many of each the page shows, the latest first.
const (
	shownPayments = 50
	shownCalls    = 20
	shownBody     = 4 << 10 // bytes
)

// view is the data of the page.
type view struct {
	Local           bool // secrets are shown
	Server          *klarnatest.Server
	URL             string
	Now             time.Time
	Acquiring       bool
	State           string
	Accounts        []string
	SigningKeys     []klarnatest.SigningKey
	Commands        []command
	Notice          *notice
	PaymentRequests shown[payment]
	Transactions    shown[klarnatest.Transaction]
	Webhooks        []klarnatest.Webhook
	Deliveries      shown[exchange]
	Requests        shown[exchange]
	Faults          []string
	Operations      []string
	FaultKinds      []string
	WebhookFaults   []string
	EventTypes      []string
	ShippingTypes   []string
	Steps           []step
}

// shown is the latest elements of a list.
type shown[T any] struct {
	List  []T
	Total int
}

func latest[T any](all []T, most int) shown[T] {
	list := slices.Clone(all[max(0, len(all)-most):])
	slices.Reverse(list)
	return shown[T]{list, len(all)}
}

// payment is a payment request and what the customer can do with it.
type payment struct {
	klarnatest.PaymentRequest
	Key     string // of its elements on the page
	CanOpen bool
	CanAct  bool
}

// exchange is a request and its answer.
type exchange struct {
	Key        string
	At         time.Time
	When       string
	What       string // "POST authorization.authorize", or an event type
	Where      string
	StatusCode int
	Outcome    string
	Header     []string
	Body       string
}

// Good reports whether the status is 2xx.
func (e exchange) Good() bool { return e.StatusCode >= 200 && e.StatusCode < 300 }

type step struct{ Duration, Name string }

var steps = []step{
	{"1m", "1 min"}, {"15m", "15 min"}, {"1h", "1 hour"}, {"3h", "3 hours"}, {"24h", "1 day"}, {"672h", "28 days"},
}

// eventTypes are suggestions. Other event types are accepted, too.
var eventTypes = []string{
	"*", "payment.*", "payment.request.*", "payment.request.state-change.completed", "payment.transaction.*", "identity.*",
}

var shippingTypes = []string{"TO_DOOR", "TO_MAILBOX", "PICKUP_POINT", "PICKUP_BOX", "PICKUP_STORE", "DIGITAL_EMAIL"}

func (p *pages) look(local bool, number int) view {
	s := p.server
	v := view{
		Local:         local,
		Server:        s,
		URL:           s.URL,
		Now:           s.Now(),
		Acquiring:     p.settings.acquiring,
		State:         p.settings.state,
		Accounts:      s.Accounts(),
		Notice:        p.notice(number),
		Transactions:  latest(s.Transactions(), shownPayments),
		Webhooks:      s.Webhooks(),
		Operations:    klarnatest.Operations(),
		FaultKinds:    faultKinds(),
		WebhookFaults: webhookFaults(),
		EventTypes:    eventTypes,
		ShippingTypes: shippingTypes,
		Steps:         steps,
	}
	if v.Notice != nil && !local {
		v.Notice.Link = "" // which may hold a token
	}
	if local {
		v.SigningKeys, v.Commands = s.SigningKeys(), commands(s, p.settings)
	}
	requests := s.PaymentRequests()
	v.PaymentRequests.Total = len(requests)
	for _, r := range latest(requests, shownPayments).List {
		open := r.State == "SUBMITTED" || r.State == "IN_PROGRESS"
		v.PaymentRequests.List = append(v.PaymentRequests.List, payment{
			PaymentRequest: r, Key: "p" + short(r.PaymentRequestID), CanOpen: r.State == "SUBMITTED", CanAct: open,
		})
	}
	v.Requests = exchanges(v, s.Requests(), requestOnPage)
	v.Deliveries = exchanges(v, s.Deliveries(), deliveryOnPage)
	for _, f := range s.Faults() {
		v.Faults = append(v.Faults, describeFault(f))
	}
	for _, r := range s.WebhookRules() {
		v.Faults = append(v.Faults, describeRule(r))
	}
	return v
}

// exchanges converts the latest calls for the page. It leaves out what only this machine may show.
func exchanges[T any](page view, all []T, show func(T) exchange) shown[exchange] {
	few := latest(all, shownCalls)
	calls := shown[exchange]{Total: few.Total}
	for _, call := range few.List {
		e := show(call)
		e.When = page.When(e.At)
		if !page.Local {
			e.Where, e.Header, e.Body = "", nil, "" // a path may hold a token
		}
		calls.List = append(calls.List, e)
	}
	return calls
}

func requestOnPage(r klarnatest.Request) exchange {
	e := exchange{
		Key:        fmt.Sprintf("r%d", r.Time.UnixNano()),
		At:         r.Time,
		What:       strings.TrimSpace(r.Method + " " + r.Operation),
		Where:      r.Path,
		StatusCode: r.StatusCode,
		Outcome:    strconv.Itoa(r.StatusCode),
		Header:     headerLines(r.Header),
		Body:       readable(r.Body),
	}
	if r.StatusCode == 0 {
		e.Outcome = "cut"
	}
	if len(r.Query) > 0 {
		e.Where += "?" + r.Query.Encode()
	}
	return e
}

func deliveryOnPage(d klarnatest.Delivery) exchange {
	e := exchange{
		Key:        fmt.Sprintf("d%s-%d", d.EventID, d.At.UnixNano()),
		At:         d.At,
		What:       d.EventType,
		Where:      d.URL,
		StatusCode: d.StatusCode,
		Outcome:    strconv.Itoa(d.StatusCode),
		Header:     headerLines(d.Header),
		Body:       readable(d.Body),
	}
	if d.StatusCode == 0 {
		e.Outcome = "no answer"
	}
	if d.Attempt > 1 {
		e.What += fmt.Sprintf(", attempt %d", d.Attempt)
	}
	if d.Err != nil {
		// The address is shown already.
		cause := strings.TrimPrefix(d.Err.Error(), "klarnatest: deliver webhook: ")
		if _, rest, ok := strings.Cut(cause, d.URL+`": `); ok {
			cause = rest
		}
		e.Where += ": " + cause
	}
	return e
}

// headerLines returns the lines of a header, without the API key, which is the same in all
// requests.
func headerLines(h http.Header) (lines []string) {
	for name, values := range h {
		value := strings.Join(values, ", ")
		if name == "Authorization" {
			scheme, _, _ := strings.Cut(value, " ")
			value = scheme + " …"
		}
		lines = append(lines, name+": "+value)
	}
	slices.Sort(lines)
	return lines
}

func readable(body []byte) string {
	var indented bytes.Buffer
	if json.Indent(&indented, body, "", "  ") == nil {
		body = indented.Bytes()
	}
	text := strings.ToValidUTF8(string(body), "\uFFFD")
	if len(text) <= shownBody {
		return text
	}
	cut := shownBody
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "\n…"
}

// money formats minor units with the code of their currency. All of Klarna's currencies have two
// decimals.
func money(amount int64, currency string) string {
	sign := ""
	if amount < 0 {
		sign, amount = "−", -amount
	}
	return fmt.Sprintf("%s %s%d.%02d", currency, sign, amount/100, amount%100)
}

// When formats a time, with the day if it is not today.
func (v view) When(t time.Time) string {
	if t.Format(time.DateOnly) == v.Now.Format(time.DateOnly) {
		return t.Format("15:04:05")
	}
	return t.Format("2 Jan 15:04")
}

// short returns the beginning of the last part of an id, which is enough to recognize it.
func short(id string) string {
	id = id[strings.LastIndexByte(id, ':')+1:]
	return id[:min(len(id), 8)]
}

func badgeClass(state string) string { return strings.ToLower(strings.ReplaceAll(state, "_", "-")) }
