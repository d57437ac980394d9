package klarnatest

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"time"
)

const sessionTokenLife = 60 * time.Minute

// sessionToken says what a customer approved, and what became of it.
type sessionToken struct {
	*account
	value     string
	consent   consent
	currency  string
	amount    int64
	request   *paymentRequest // nil for a token that the browser brought
	expiresAt time.Time
	revoked   bool

	payload string // what the token was used for, in canonical JSON
	answer  *answer
}

// consent says what the customer of a session token agreed to.
type consent int

const (
	consentToAmount   consent = iota // the token's, or no payment at all where its payment request has none
	consentToAnything                // whatever authorize asks for first
	consentMissing
)

// alive tells whether authorize would still approve with the token.
func (t *sessionToken) alive(now time.Time) bool {
	return !t.revoked && t.answer == nil && now.Before(t.expiresAt)
}

// covers tells whether the customer agreed to a payment.
func (t *sessionToken) covers(currency string, amount int64) bool {
	return t.consent == consentToAnything || t.consent == consentToAmount && t.currency == currency && t.amount == amount
}

// cart is what the purchase cost before the customer chose other shipping, nil without such a
// choice. A final call is the first one again but for its amount, and whether its lines must show
// the choice Klarna's texts do not say.
func (t *sessionToken) cart() *int64 {
	if t == nil || t.request == nil || t.request.shipping == nil {
		return nil
	}
	return new(t.request.cartAmount())
}

// issueToken makes a token for what is agreed to now.
func (s *Server) issueToken(t sessionToken) *sessionToken {
	claims := `{"jti":"` + rand.Text() + rand.Text() + `"}`
	t.value = "krn:network:us1:test:session-token:" + base64.RawURLEncoding.EncodeToString([]byte(claims))
	t.expiresAt = s.clock.now().Add(sessionTokenLife)
	s.tokens[t.value] = &t
	s.touch(&t)
	s.forgetTokenLater(&t)
	return &t
}

// IssueSessionToken returns a session token as Klarna's browser SDK brings it after the customer
// approved amount, in minor units of currency: the first authorize with it is approved at once. It
// lives for 60 minutes and is of the account [Server.PartnerAccountID].
func (s *Server) IssueSessionToken(currency string, amount int64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.issueToken(sessionToken{account: s.first, currency: currency, amount: amount}).value
}

// IssueSessionTokenFor is IssueSessionToken for any account of the server.
func (s *Server) IssueSessionTokenFor(partnerAccountID, currency string, amount int64) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[partnerAccountID]
	if a == nil {
		return "", fmt.Errorf("klarnatest: no account %q", partnerAccountID)
	}
	return s.issueToken(sessionToken{account: a, currency: currency, amount: amount}).value, nil
}
