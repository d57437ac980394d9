package klarnatest

import (
	"net/http"
	"strings"
)

// SetDuplicateComplete makes the browser SDK fire each "complete" event twice, as Klarna's may.
func (s *Server) SetDuplicateComplete(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.duplicateComplete = on
	s.touch(s)
}

// sdkCall answers the SDK on a page of any origin. The paths are chosen by this package: the API of
// Klarna's SDK is not public.
func (s *Server) sdkCall(r *http.Request, path string) answer {
	a := s.sdkAnswer(r, path)
	allowAnyOrigin(a.header)
	return a
}

func (s *Server) sdkAnswer(r *http.Request, path string) answer {
	if r.Method == http.MethodOptions { // a preflight request, for the session token's header
		return answer{status: http.StatusNoContent, header: http.Header{
			"Access-Control-Allow-Methods": {"GET"},
			"Access-Control-Allow-Headers": {headerSessionToken},
		}}
	}
	if refused := refuseMethod(r, http.MethodGet, http.MethodHead, http.MethodOptions); refused != nil {
		return *refused
	}
	query := r.URL.Query()
	id, isRequest := strings.CutPrefix(path, "payment-requests/")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	partner := s.accounts[query.Get("partner_account_id")]
	switch {
	case !isRequest && path != "presentation":
		return failure(http.StatusNotFound, codeNoRoute, "no such route")
	case query.Get("client_id") != s.ClientID:
		return failure(http.StatusUnauthorized, codeUnauthorized, "the client id is missing or invalid")
	case partner == nil:
		return failure(http.StatusForbidden, codeForbidden, "the client id may not act for this account")
	case isRequest:
		return s.answerState(partner, id)
	default:
		return s.present(partner, query, r.Header.Get(headerSessionToken))
	}
}

// requestState is what a browser may know of a payment request. The session token stays between the
// servers.
type requestState struct {
	ID                string `json:"payment_request_id"`
	URL               string `json:"payment_request_url"`
	State             string `json:"state"`
	DuplicateComplete bool   `json:"duplicate_complete"`
}

// answerState finds a payment request by its id or by the last segment of its URL, and returns its
// state.
func (s *Server) answerState(partner *account, id string) answer {
	r, ok := s.paymentRequests.byID[id]
	if !ok {
		r, ok = s.paymentRequests.byID[paymentRequestPrefix+id]
	}
	if !ok || r.account != partner {
		return notFound("payment request")
	}
	return reply(http.StatusOK, requestState{r.id, r.customerURL, r.state, s.duplicateComplete})
}
