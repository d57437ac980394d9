package klarnatest

import "net/http"

// createInteroperabilityToken gives a session token for a customer who has approved nothing yet:
// authorize treats it as none.
func (s *Server) createInteroperabilityToken(c *call) answer {
	return s.createSession(c, "interoperability_token", consentMissing)
}

// createSDKToken gives the same under the name that a native SDK takes it by.
func (s *Server) createSDKToken(c *call) answer {
	return s.createSession(c, "sdk_token", consentMissing)
}

// createTestToken gives the session token of a customer who approves whatever the first authorize
// with it asks.
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
