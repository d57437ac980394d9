package authorization

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/klarna-go/klarna-go/internal/problem"
	"github.com/klarna-go/klarna-go/klarna"
)

// problems are the problems that local validation found. It refuses only what Klarna's
// documentation proves wrong.
type problems struct{ problem.List }

const (
	maxReference   = 255
	maxNetworkData = 10240
)

// reference checks one of the caller's references.
func (p *problems) reference(path, value string) {
	p.Required(path, value)
	p.optionalReference(path, value)
}

func (p *problems) optionalReference(path, value string) {
	if n := utf8.RuneCountInString(value); n > maxReference {
		p.Add(path, fmt.Sprintf("has %d characters, more than %d", n, maxReference))
	}
}

// amountAndReference returns the validation of a capture or a refund.
func amountAndReference(amountPath string, amount int64, referencePath, reference string) func() []klarna.ValidationError {
	return func() []klarna.ValidationError {
		var p problems
		p.Amount(amountPath, amount)
		p.optionalReference(referencePath, reference)
		return p.List
	}
}

func (r *AuthorizeParams) problems() []klarna.ValidationError {
	var p problems
	p.Required("currency", r.Currency)
	var amount int64
	switch t := r.RequestPaymentTransaction; {
	case t != nil:
		amount = t.Amount
		p.Amount("request_payment_transaction.amount", t.Amount)
		p.reference("request_payment_transaction.payment_transaction_reference", t.PaymentTransactionReference)
		p.optionalReference("request_payment_transaction.payment_capture_reference", t.PaymentCaptureReference)
	case r.RequestCustomerToken == nil:
		p.Add("request_payment_transaction", "is required without a request_customer_token")
	}
	if c := r.StepUpConfig; c != nil {
		p.reference("step_up_config.payment_request_reference", c.PaymentRequestReference)
		p.interaction("step_up_config.customer_interaction_config", &c.CustomerInteractionConfig, true)
	}
	if t := r.RequestCustomerToken; t != nil {
		p.optionalReference("request_customer_token.customer_token_reference", t.CustomerTokenReference)
	}
	p.networkData(r.KlarnaNetworkData, r.InteroperabilityData)
	if r.RequestPaymentTransaction != nil {
		p.List = append(p.List, r.SupplementaryPurchaseData.problems("supplementary_purchase_data", amount)...)
	}
	return p.List
}

// networkData checks the members with the newer and the older name of the network data.
func (p *problems) networkData(newer, older string) {
	for _, member := range []struct{ path, value string }{{"klarna_network_data", newer}, {"interoperability_data", older}} {
		if n := len(member.value); n > maxNetworkData {
			p.Add(member.path, fmt.Sprintf("has %d bytes, more than %d", n, maxNetworkData))
		}
	}
	if newer != "" && older != "" {
		p.Add("interoperability_data", "is the older name of klarna_network_data: set one of the two")
	}
}

func (p *problems) interaction(path string, c *CustomerInteractionConfig, methodRequired bool) {
	if methodRequired && c.Method == "" {
		p.Add(path+".method", "is required")
	}
	if c.Method == InteractionMethodHandover && c.ReturnURL == "" {
		p.Add(path+".return_url", "is required by HANDOVER")
	}
	if strings.Contains(c.ReturnURL, "%7") && encodedPlaceholder.MatchString(c.ReturnURL) {
		p.Add(path+".return_url", "has percent-encoded placeholders; Klarna replaces only literal braces")
	}
}

// encodedPlaceholder matches a placeholder with at least one percent-encoded brace, %7B or %7D. It
// is slow, so callers search for %7 first.
var encodedPlaceholder = regexp.MustCompile(`(?i)%7bklarna\.payment_request\.[a-z_]*(%7d|\})|\{klarna\.payment_request\.[a-z_]*%7d`)
