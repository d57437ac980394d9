package klarnatest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"
)

// The results of an authorize call.
const (
	resultApproved = "APPROVED"
	resultStepUp   = "STEP_UP_REQUIRED"
	resultDeclined = "DECLINED"
)

// AuthorizeRule is the answer to a first authorize call.
type AuthorizeRule struct {
	// Result is "APPROVED", "STEP_UP_REQUIRED" or "DECLINED". Any other text is answered as it is
	// and has no effect. STEP_UP_REQUIRED declines a call that has no step_up_config.
	Result string
	// Reason is the answer's result_reason. It is omitted if "".
	Reason string
}

// ScriptAuthorize sets the answers to the next first authorize calls, one rule for each, in order.
// A first call is one that does not finalize a completed payment request. Calls that are refused
// use no rule. A rule that was not used fails the test.
func (s *Server) ScriptAuthorize(rules ...AuthorizeRule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = append(s.rules, rules...)
}

type authorizeBody struct {
	Response *authorizeOutcome   `json:"payment_transaction_response,omitempty"`
	Token    *tokenOutcome       `json:"customer_token_response,omitempty"`
	Request  *paymentRequestBody `json:"payment_request,omitempty"`
}

type authorizeOutcome struct {
	Result      string           `json:"result"`
	Reason      string           `json:"result_reason,omitempty"`
	Transaction *transactionBody `json:"payment_transaction,omitempty"`
}

// tokenOutcome encodes the token as a string, which is one of the two forms in Klarna's
// documentation.
type tokenOutcome struct {
	Result        string `json:"result"`
	Reason        string `json:"result_reason,omitempty"`
	CustomerToken string `json:"customer_token,omitempty"`
}

// authorizeOrder is what an authorize call asks for.
type authorizeOrder struct {
	currency         string
	payment          bool        // false if only a customer token is asked for
	token            *tokenOrder // nil if none is asked for
	amount           int64
	reference        string
	captureNow       bool
	captureReference string
	purchase         purchase
	stepUp           *draft // nil without a step_up_config
}

// readAuthorize reads a call whose line items sum to its amount, or to cart if cart is not nil.
func readAuthorize(body []byte, now time.Time, cart *int64) (order authorizeOrder, found problems) {
	o := readObject(body, &found)
	o.need("currency")
	order.currency = o.currency("currency")
	order.token = readTokenOrder(o)
	if order.token == nil {
		o.need("request_payment_transaction")
	}
	t, ok := o.object("request_payment_transaction")
	order.payment = ok
	if ok {
		t.need("amount", "payment_transaction_reference")
		order.amount = t.amount("amount")
		order.reference = t.text("payment_transaction_reference", 255)
		order.captureNow = t.choice("capture", "LATER", "NOW") == "NOW"
		order.captureReference = t.text("payment_capture_reference", 255)
	}
	var sums []int64
	if order.payment && !t.wrong("amount") {
		sums = append(sums, order.amount)
		if cart != nil {
			sums = append(sums, *cart)
		}
	}
	order.purchase = readPurchase(o, sums...)
	checkNetworkData(o)
	checkAcquiringConfig(o)

	if config, ok := o.object("step_up_config"); ok {
		config.need("payment_request_reference", "customer_interaction_config")
		order.stepUp = &draft{
			reference:   config.text("payment_request_reference", 255),
			transaction: order.reference,
			tokenOnly:   !order.payment,
			token:       order.token,
			currency:    order.currency,
			amount:      order.amount,
			optionID:    t.text("payment_option_id", 255),
			purchase:    order.purchase,
			interaction: readInteraction(config, true),
			expiresAt:   readExpiry(config, now),
		}
	}
	return order, found
}

func (s *Server) authorize(c *call) answer {
	now := s.clock.now()
	token := s.tokens[c.token]
	order, found := readAuthorize(c.body, now, token.cart())
	if c.token != "" && (token == nil || token.account != c.partner) {
		found.add(headerSessionToken, "is not a session token of this account")
	}
	customer, refused := s.storedCustomer(c, &found)
	switch {
	case len(found) > 0:
		return invalid(found...)
	case refused != nil:
		return *refused
	}
	if token != nil {
		if refused := token.refuse(order, c.body, now); refused != nil {
			return *refused
		}
	}
	rule := s.decide(order, token, customer)
	a := reply(http.StatusOK, s.settleOrder(c.partner, order, token, rule))
	if token != nil && rule.Result == resultApproved {
		token.payload, token.answer = canonical(c.body), &a
		s.touch(token)
	}
	return a
}

// settleOrder carries out a decision and returns the answer.
func (s *Server) settleOrder(partner *account, order authorizeOrder, token *sessionToken, rule AuthorizeRule) (outcome authorizeBody) {
	if order.payment {
		outcome.Response = &authorizeOutcome{Result: rule.Result, Reason: rule.Reason}
	}
	if order.token != nil {
		outcome.Token = &tokenOutcome{Result: rule.Result, Reason: rule.Reason}
	}
	switch rule.Result {
	case resultApproved:
		var request *paymentRequest // the payment request that the call finalizes
		if token != nil {
			request = token.request
		}
		if order.payment {
			outcome.Response.Transaction = s.newTransaction(partner, order, request).body()
		}
		if order.token != nil {
			outcome.Token.CustomerToken = s.tokenOfOrder(partner, *order.token, request).value
		}
		if request != nil {
			request.finalized = true
			s.touch(request)
		}
	case resultStepUp:
		outcome.Request = s.newPaymentRequest(partner, *order.stepUp).body()
	}
	return outcome
}

// tokenOfOrder returns the token that the payment request already has, or a new one.
func (s *Server) tokenOfOrder(partner *account, order tokenOrder, request *paymentRequest) *customerToken {
	if request != nil && request.customerToken != nil {
		return request.customerToken
	}
	return s.issueCustomerToken(partner, order)
}

// refuse returns the answer for a token that cannot authorize this order or was already used, or
// nil if the call may continue.
func (t *sessionToken) refuse(order authorizeOrder, body []byte, now time.Time) *answer {
	switch {
	case t.answer != nil && t.payload == canonical(body):
		return t.answer
	case t.answer != nil:
		return new(conflict("the session token was used for another payload"))
	case t.revoked:
		return new(conflict("the session token was revoked, or its payment request canceled"))
	case !now.Before(t.expiresAt):
		return new(conflict("the session token has expired"))
	case t.consent != consentToAmount:
		return nil
	}
	var found problems
	if order.currency != t.currency {
		found.add("currency", "must be %s, which the customer approved", t.currency)
	}
	switch tokenOnly := t.request != nil && t.request.draft.tokenOnly; {
	case order.payment && tokenOnly:
		found.add("request_payment_transaction", "must be left out: the customer approved no payment")
	case order.payment && order.amount != t.amount:
		found.add("request_payment_transaction.amount", "must be %d, which the customer approved", t.amount)
	case !order.payment && t.request != nil && !tokenOnly:
		found.add("request_payment_transaction", "is required: the customer approved a payment")
	}
	if len(found) > 0 {
		return new(invalid(found...))
	}
	return nil
}

// decide returns the answer to a call without a fault. The tokens, if any, are valid for the order.
func (s *Server) decide(order authorizeOrder, token *sessionToken, customer *customerToken) AuthorizeRule {
	switch {
	case token != nil && token.request != nil:
		return AuthorizeRule{Result: resultApproved}
	case len(s.rules) > 0:
		rule := s.rules[0]
		s.rules = s.rules[1:]
		if rule.Result == resultStepUp && order.stepUp == nil {
			rule.Result = resultDeclined
		}
		return rule
	case order.purchase.deniedTestCustomer():
		return AuthorizeRule{Result: resultDeclined}
	case token != nil && token.consent != consentMissing, customer != nil:
		return AuthorizeRule{Result: resultApproved}
	case order.stepUp != nil:
		return AuthorizeRule{Result: resultStepUp}
	default:
		return AuthorizeRule{Result: resultDeclined}
	}
}

// canonical makes payloads comparable in spite of the order of their members: a token is bound to
// the content of a request, not to its bytes.
func canonical(body []byte) string {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	_ = dec.Decode(&v) // it was checked on arrival
	return string(encode(v))
}
