package klarnatest

import (
	"crypto/rand"
	"encoding/base64"
	"time"
)

const sessionTokenLife = 60 * time.Minute

// sessionToken says what a customer approved, and what became of it.
type sessionToken struct {
	value     string
	currency  string
	amount    int64
	request   *paymentRequest // nil for a token that the browser brought
	expiresAt time.Time
	revoked   bool

	payload string // what the token was used for, in canonical JSON
	answer  *answer
}

// alive tells whether authorize would still approve with the token.
func (t *sessionToken) alive(now time.Time) bool {
	return !t.revoked && t.answer == nil && now.Before(t.expiresAt)
}

// issueToken makes a token for what was approved now.
func (s *Server) issueToken(currency string, amount int64, request *paymentRequest) *sessionToken {
	claims := `{"jti":"` + rand.Text() + rand.Text() + `"}`
	t := &sessionToken{
		value:     "krn:network:us1:test:session-token:" + base64.RawURLEncoding.EncodeToString([]byte(claims)),
		currency:  currency,
		amount:    amount,
		request:   request,
		expiresAt: s.clock.now().Add(sessionTokenLife),
	}
	s.tokens[t.value] = t
	s.forgetTokenLater(t)
	return t
}

// IssueSessionToken returns a session token as Klarna's browser SDK brings it after the customer approved amount, in minor
// units of currency: the first authorize with it is approved at once. It lives for 60 minutes.
func (s *Server) IssueSessionToken(currency string, amount int64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.issueToken(currency, amount, nil).value
}
