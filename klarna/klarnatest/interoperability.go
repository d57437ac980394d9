package klarnatest

import "net/http"

// createInteroperabilityToken returns a session token for a customer who has not approved anything
// yet: authorize treats it as if no token had been sent.
func (s *Server) createInteroperabilityToken(c *call) answer {
	return s.createSession(c, "interoperability_token", consentMissing)
}

// createSDKToken returns the same token under the name that a native SDK expects.
func (s *Server) createSDKToken(c *call) answer {
	return s.createSession(c, "sdk_token", consentMissing)
}

// createTestToken returns the session token of a customer who approves the first authorize call
// with it.
func (s *Server) createTestToken(c *call) answer {
	return s.createSession(c, "interoperability_token", consentToAnything)
}

func (s *Server) createSession(c *call, name string, consent consent) answer {
	if len(c.body) > 0 {
		var found problems
		readObject(c.body, &found).text("customer_journey", 255)
		if len(found) > 0 {
			return invalid(found...)
		}
	}
	return reply(http.StatusCreated, map[string]string{name: s.issueToken(sessionToken{account: c.partner, consent: consent}).value})
}
