package klarnatest

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"time"
)

const sessionTokenLife = 60 * time.Minute

// sessionToken records what a customer approved, and how the token was used.
type sessionToken struct {
	*account
	value     string
	consent   consent
	currency  string
	amount    int64
	request   *paymentRequest // nil for a token from the browser
	expiresAt time.Time
	revoked   bool

	payload string // the request with which the token was used, in canonical JSON
	answer  *answer
}

// consent is what the customer of a session token agreed to.
type consent int

const (
	consentToAmount   consent = iota // the token's amount, or nothing if its request has no payment
	consentToAnything                // the first authorize call, whatever its content
	consentMissing
)

// alive reports whether authorize would still approve with the token.
func (t *sessionToken) alive(now time.Time) bool {
	return !t.revoked && t.answer == nil && now.Before(t.expiresAt)
}

// covers reports whether the customer agreed to a payment.
func (t *sessionToken) covers(currency string, amount int64) bool {
	return t.consent == consentToAnything || t.consent == consentToAmount && t.currency == currency && t.amount == amount
}

// cart returns the price of the purchase before the customer chose other shipping, and nil if the
// customer did not. A final authorize call repeats the first one with another amount. Klarna's
// documentation does not say whether its line items must include the choice.
func (t *sessionToken) cart() *int64 {
	if t == nil || t.request == nil || t.request.shipping == nil {
		return nil
	}
	return new(t.request.cartAmount())
}

// issueToken creates a token for what the customer agrees to now.
func (s *Server) issueToken(t sessionToken) *sessionToken {
	claims := `{"jti":"` + rand.Text() + rand.Text() + `"}`
	t.value = "krn:network:us1:test:session-token:" + base64.RawURLEncoding.EncodeToString([]byte(claims))
	t.expiresAt = s.clock.now().Add(sessionTokenLife)
	s.tokens[t.value] = &t
	s.touch(&t)
	s.forgetTokenLater(&t)
	return &t
}

// IssueSessionToken returns a session token as Klarna's browser SDK issues it after the customer
// approved amount, in minor units of currency: the first authorize call with it is approved
// immediately. The token is valid for 60 minutes and belongs to the account
// [Server.PartnerAccountID].
func (s *Server) IssueSessionToken(currency string, amount int64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.issueToken(sessionToken{account: s.first, currency: currency, amount: amount}).value
}

// IssueSessionTokenFor is [Server.IssueSessionToken] for any account of the server. It returns an
// error if the account is unknown.
func (s *Server) IssueSessionTokenFor(partnerAccountID, currency string, amount int64) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[partnerAccountID]
	if a == nil {
		return "", fmt.Errorf("klarnatest: no account %q", partnerAccountID)
	}
	return s.issueToken(sessionToken{account: a, currency: currency, amount: amount}).value, nil
}
