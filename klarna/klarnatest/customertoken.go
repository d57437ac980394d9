package klarnatest

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"
)

// customerToken stands for a customer whom Klarna knows: a payment with it is approved immediately.
// Its scopes are not enforced.
type customerToken struct {
	*account
	value     string
	reference string
	revokedAt time.Time // zero if not revoked
}

func (t *customerToken) revoked() bool { return !t.revokedAt.IsZero() }

// tokenOrder is a request_customer_token.
type tokenOrder struct{ reference string }

// readTokenOrder reads request_customer_token. It returns nil if the member is absent.
func readTokenOrder(o object) *tokenOrder {
	wanted, ok := o.object("request_customer_token")
	if !ok {
		return nil
	}
	for i, scope := range wanted.stringList("scopes") {
		switch scope {
		case "payment:customer_present", "payment:customer_not_present", "customer:login":
		default:
			o.found.add(wanted.index("scopes", i), "must be payment:customer_present, payment:customer_not_present or customer:login")
		}
	}
	return &tokenOrder{reference: wanted.text("customer_token_reference", 255)}
}

func (s *Server) issueCustomerToken(a *account, order tokenOrder) *customerToken {
	t := &customerToken{
		account:   a,
		value:     "krn:network:us1:test:customer-token:" + strings.ToLower(rand.Text()+rand.Text()),
		reference: order.reference,
	}
	s.customerTokens[t.value] = t
	s.touch(t)
	return t
}

// storedCustomer finds the token of the header Klarna-Customer-Token. It returns nil if none was
// sent. An unknown token is noted in found; a revoked one is refused with a conflict.
func (s *Server) storedCustomer(c *call, found *problems) (t *customerToken, refused *answer) {
	if c.customerToken == "" {
		return nil, nil
	}
	t = s.customerTokens[c.customerToken]
	switch {
	case t == nil || t.account != c.partner:
		found.add(headerCustomerToken, "is not a customer token of this account")
		return nil, nil
	case t.revoked():
		return nil, new(conflict("the customer token was revoked"))
	}
	return t, nil
}

type customerTokenEvent struct {
	CustomerToken string `json:"customer_token"`
	Reference     string `json:"customer_token_reference,omitempty"`
}

// revokeToken revokes a customer token, or a session token that was not used. A token that is
// already revoked is not found.
func (s *Server) revokeToken(c *call) answer {
	if t := s.customerTokens[c.resource]; t != nil && t.account == c.partner && !t.revoked() {
		t.revokedAt = s.clock.now()
		s.touch(t)
		s.forgetCustomerTokenLater(t)
		s.emit(t.account, "identity.customer-token.state-change.revoked", customerTokenEvent{t.value, t.reference})
		return answer{status: http.StatusNoContent}
	}
	if t := s.tokens[c.resource]; t != nil && t.account == c.partner && t.alive(s.clock.now()) {
		t.revoked = true
		s.touch(t)
		return answer{status: http.StatusNoContent}
	}
	return notFound("token")
}
