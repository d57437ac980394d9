package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// action executes a form and returns a notice.
type action func(form url.Values) (notice, error)

func (p *pages) registerActions(mux *http.ServeMux) {
	for path, a := range map[string]struct {
		section string // where the browser returns to
		do      action
	}{
		"payment-requests": {"payment-requests", p.beCustomer},
		"time":             {"time", p.moveTime},
		"faults":           {"faults", p.spoilRequests},
		"webhook-faults":   {"faults", p.spoilWebhooks},
		"faults/clear":     {"faults", p.clearFaults},
		"webhooks":         {"webhooks", p.addWebhook},
		"webhooks/delete":  {"webhooks", p.deleteWebhook},
		"accounts":         {"connect", p.addAccount},
	} {
		mux.HandleFunc("POST /sandbox/"+path, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
			if err := r.ParseForm(); err != nil {
				http.Error(w, "This is not a form that the page sends.", http.StatusBadRequest)
				return
			}
			result, err := a.do(r.PostForm)
			if err != nil {
				result = notice{Text: strings.TrimPrefix(err.Error(), "klarnatest: "), Bad: true}
			}
			http.Redirect(w, r, fmt.Sprintf("/?said=%d#%s", p.say(result), a.section), http.StatusSeeOther)
		})
	}
}

func (p *pages) beCustomer(form url.Values) (notice, error) {
	id := form.Get("id")
	var back string
	var err error
	done := ""
	switch form.Get("action") {
	case "open":
		done, err = "The customer opened the payment.", p.server.Open(id)
	case "approve":
		done = "The customer approved."
		back, err = p.server.Approve(id)
	case "decline":
		done = "Klarna declined the customer."
		back, err = p.server.Decline(id)
	case "abandon":
		done = "The customer left without paying."
		back, err = p.server.Abandon(id)
	case "shipping":
		var price int64
		if price, err = readMoney(form.Get("price")); err == nil {
			done = "The customer changed the shipping."
			err = p.server.ChangeShipping(id, klarnatest.ShippingOption{
				Reference: "sandbox", Price: price, Type: form.Get("type"), Carrier: "Sandbox Post",
			})
		}
	default:
		err = errors.New("unknown action of a customer")
	}
	return notice{Text: done, Link: back}, err
}

// readMoney reads an amount such as 4.90 and returns it in minor units.
func readMoney(s string) (int64, error) {
	whole, cents, _ := strings.Cut(strings.Replace(s, ",", ".", 1), ".")
	if len(cents) > 2 {
		return 0, fmt.Errorf("%q is not an amount with two decimals", s)
	}
	minor, err := strconv.ParseInt(whole+cents+"00"[len(cents):], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not an amount such as 4.90", s)
	}
	return minor, nil
}

// moveTime advances the clock. It waits up to 2 s for the events that become due. A receiver of
// webhooks that hangs can take minutes; then the clock advances in the background.
func (p *pages) moveTime(form url.Values) (notice, error) {
	d, err := time.ParseDuration(cmp.Or(form.Get("custom"), form.Get("by")))
	switch {
	case err != nil || d <= 0:
		return notice{}, errors.New("the clock needs a duration above 0, such as 90m or 36h")
	case d > 20*365*24*time.Hour:
		return notice{}, errors.New("the clock advances by at most 20 years")
	}
	if !p.moving.CompareAndSwap(false, true) {
		return notice{}, errors.New("the clock is still advancing: webhooks are being delivered")
	}
	done := make(chan struct{})
	p.advances.Go(func() {
		defer close(done)
		defer p.moving.Store(false)
		p.server.Advance(d)
	})
	patience := time.NewTimer(2 * time.Second)
	defer patience.Stop()
	select {
	case <-done:
		return notice{Text: "The clock advanced by " + d.String() + "."}, nil
	case <-patience.C:
		return notice{Text: "The clock advances by " + d.String() + " when the receivers of webhooks have answered."}, nil
	}
}

func faultKinds() (names []string) {
	for kind := klarnatest.FaultStatus; !strings.HasPrefix(kind.String(), "FaultKind("); kind++ {
		names = append(names, strings.TrimPrefix(kind.String(), "Fault"))
	}
	return names
}

func webhookFaults() (names []string) {
	for fault := klarnatest.WebhookFaultDuplicate; !strings.HasPrefix(fault.String(), "WebhookFault("); fault++ {
		names = append(names, strings.TrimPrefix(fault.String(), "WebhookFault"))
	}
	return names
}

// fields reads the fields of a form, and keeps the first error.
type fields struct {
	url.Values
	err error
}

func (f *fields) number(name string, least, most int) int {
	s := f.Get(name)
	if s == "" {
		return 0
	}
	n, err := strconv.Atoi(s)
	if f.err == nil && (err != nil || n < least || n > most) {
		f.err = fmt.Errorf("%s is a number from %d to %d", name, least, most)
	}
	return n
}

// percent returns a percentage as a probability, or 0 if the field is empty.
func (f *fields) percent(name string) float64 {
	return float64(f.number(name, 1, 100)) / 100
}

func (f *fields) duration(name string) time.Duration {
	s := f.Get(name)
	if s == "" {
		return 0
	}
	d, err := time.ParseDuration(s)
	if f.err == nil && (err != nil || d < 0 || d > time.Hour) {
		f.err = fmt.Errorf("%s is a duration up to an hour, such as 500ms", name)
	}
	return d
}

func (f *fields) among(name string, choices []string) int {
	for i, choice := range choices {
		if choice == f.Get(name) {
			return i
		}
	}
	if f.err == nil {
		f.err = fmt.Errorf("unknown %s %q", name, f.Get(name))
	}
	return 0
}

func (p *pages) spoilRequests(form url.Values) (notice, error) {
	f := &fields{Values: form}
	fault := klarnatest.Fault{
		Operation:   f.Get("operation"),
		Kind:        klarnatest.FaultKind(f.among("kind", faultKinds())),
		Times:       f.number("times", 1, 1e6),
		Skip:        f.number("skip", 0, 1e6),
		Probability: f.percent("probability"),
		StatusCode:  f.number("status", 400, 599),
		Delay:       f.duration("delay"),
	}
	fault.AfterExecution = f.Has("after")
	if fault.Operation != "" {
		f.among("operation", klarnatest.Operations())
	}
	if f.err == nil && fault.Kind == klarnatest.FaultDelay && fault.Delay == 0 {
		f.err = errors.New("a Delay needs a duration such as 500ms")
	}
	if f.err != nil {
		return notice{}, f.err
	}
	p.server.Script(fault)
	return notice{Text: "Fault added: " + describeFault(fault)}, nil
}

func (p *pages) spoilWebhooks(form url.Values) (notice, error) {
	f := &fields{Values: form}
	rule := klarnatest.WebhookRule{
		EventType:   f.Get("event"),
		Fault:       klarnatest.WebhookFaultDuplicate + klarnatest.WebhookFault(f.among("fault", webhookFaults())),
		Times:       f.number("times", 1, 1e6),
		Probability: f.percent("probability"),
		Delay:       f.duration("delay"),
	}
	if f.err != nil {
		return notice{}, f.err
	}
	p.server.ScriptWebhooks(rule)
	return notice{Text: "Fault added: " + describeRule(rule)}, nil
}

func describeFault(f klarnatest.Fault) string {
	name := strings.TrimPrefix(f.Kind.String(), "Fault")
	if f.Kind == klarnatest.FaultStatus {
		name += fmt.Sprintf(" %d", cmp.Or(f.StatusCode, http.StatusServiceUnavailable))
	}
	if f.AfterExecution {
		name += " after execution"
	}
	if f.Delay > 0 {
		name += " " + f.Delay.String() + " late"
	}
	text := name + " at " + cmp.Or(f.Operation, "any operation") + ", " + howOften(f.Times, f.Probability)
	if f.Skip > 0 {
		text += fmt.Sprintf(", after %d more", f.Skip)
	}
	return text
}

func describeRule(r klarnatest.WebhookRule) string {
	text := strings.TrimPrefix(r.Fault.String(), "WebhookFault") + " webhooks of " + cmp.Or(r.EventType, "*") + ", " + howOften(r.Times, r.Probability)
	if r.Delay > 0 && r.Fault >= klarnatest.WebhookFaultLate {
		text += ", by " + r.Delay.String()
	}
	return text
}

func howOften(times int, probability float64) string {
	switch {
	case probability == 1 && times == 0:
		return "always"
	case probability > 0 && times == 0:
		return fmt.Sprintf("%.0f %% of the time", 100*probability)
	case probability > 0:
		return fmt.Sprintf("%.0f %% of the time, %d times", 100*probability, times)
	case times > 1:
		return fmt.Sprintf("%d times", times)
	}
	return "once"
}

func (p *pages) clearFaults(url.Values) (notice, error) {
	p.server.ClearFaults()
	return notice{Text: "All faults are removed."}, nil
}

func (p *pages) addWebhook(form url.Values) (notice, error) {
	address := strings.TrimSpace(form.Get("url"))
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return notice{}, errors.New("a webhook needs an address such as http://127.0.0.1:3000/webhook")
	}
	types := strings.FieldsFunc(form.Get("events"), func(r rune) bool { return r == ',' || r == ' ' })
	key := p.server.Subscribe(address, types...)
	return notice{Text: "Events go to " + address + ", signed with " + key.ID + "."}, nil
}

// deleteWebhook calls the server's API, as a client does, so the call appears among the requests.
func (p *pages) deleteWebhook(form url.Values) (notice, error) {
	address := p.server.URL + "/v2/notification/webhooks/" + url.PathEscape(form.Get("id"))
	r, err := http.NewRequestWithContext(context.Background(), http.MethodDelete, address, nil) //nolint:gosec // to the sandbox itself
	if err != nil {
		return notice{}, err
	}
	r.Header.Set("Authorization", "Basic "+p.server.APIKey)
	answer, err := p.server.Transport().RoundTrip(r)
	if err != nil {
		return notice{}, errors.New("the webhook could not be deleted because of a fault")
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		return notice{}, fmt.Errorf("the webhook was not deleted: %s", answer.Status)
	}
	return notice{Text: "The webhook is deleted."}, nil
}

func (p *pages) addAccount(url.Values) (notice, error) {
	return notice{Text: "The API key may act for " + p.server.AddAccount() + ", too."}, nil
}
