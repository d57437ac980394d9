package answers

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/internal/redact"
)

// Differences returns the JSON paths at which two results of a call differ. Raw bodies are not
// compared.
func Differences(root string, want, got any) []string {
	r := &differences{root: root}
	cmp.Equal(want, got, cmp.Reporter(r), cmp.FilterPath(isRawBody, cmp.Ignore()), cmp.FilterPath(isUnexported, cmp.Ignore()))
	return r.list
}

// places maps fields that are not members themselves to their JSON paths.
var places = map[string]string{
	"Authorization.Result":          "",
	"Authorization.CustomerToken":   "customer_token_response",
	"Approved.PaymentTransaction":   "payment_transaction_response.payment_transaction",
	"StepUpRequired.PaymentRequest": "payment_request",
	"StepUpRequired.URL":            "payment_request.state_context.customer_interaction.payment_request_url",
	"StepUpRequired.QRCode":         "payment_request.state_context.customer_interaction.qr_code",
	"Declined.Reason":               "payment_transaction_response.result_reason",
	"TokenIssued.CustomerToken":     "customer_token_response.customer_token",
}

func isRawBody(p cmp.Path) bool {
	field, ok := p.Last().(cmp.StructField)
	return ok && field.Name() == "Raw"
}

func isUnexported(p cmp.Path) bool {
	field, ok := p.Last().(cmp.StructField)
	return ok && strings.ToLower(field.Name()[:1]) == field.Name()[:1]
}

type differences struct {
	root string
	path cmp.Path
	list []string
}

func (d *differences) PushStep(s cmp.PathStep) { d.path = append(d.path, s) }
func (d *differences) PopStep()                { d.path = d.path[:len(d.path)-1] }

func (d *differences) Report(result cmp.Result) {
	if result.Equal() {
		return
	}
	at := d.root
	for i, step := range d.path {
		switch s := step.(type) {
		case cmp.StructField:
			of := d.path[:i].Last().Type()
			field, _ := of.FieldByName(s.Name())
			tag, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if place, ok := places[of.Name()+"."+s.Name()]; ok {
				at = place
			} else if tag != "" && tag != "-" {
				at = strings.TrimPrefix(at+"."+tag, ".")
			}
		case cmp.SliceIndex:
			x, y := s.SplitKeys()
			at += fmt.Sprintf("[%d]", max(x, y))
		case cmp.MapIndex:
			at = strings.TrimPrefix(at+"."+s.Key().String(), ".")
		}
	}
	// One of the two maps of unknown members is nil.
	if last := d.path.Last(); last.Type() == reflect.TypeFor[redact.Unknown]() {
		x, y := last.Values()
		for _, m := range []reflect.Value{x, y} {
			for _, name := range m.MapKeys() {
				d.list = append(d.list, strings.TrimPrefix(at+"."+name.String(), "."))
			}
		}
		return
	}
	d.list = append(d.list, at)
}
