package klarnatest

import (
	"encoding/base64"
	"strings"
)

// authorized accepts the API key in each form in use: raw, or base64 of ":key", "key:" or
// "username:key".
func (s *Server) authorized(header string) bool {
	scheme, credentials, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return false
	}
	if credentials == s.APIKey {
		return true
	}
	decoded, err := base64.StdEncoding.DecodeString(credentials)
	if err != nil {
		return false
	}
	user, password, ok := strings.Cut(string(decoded), ":")
	return ok && (password == s.APIKey || user == s.APIKey && password == "")
}

func lastSegment(krn string) string { return krn[strings.LastIndexByte(krn, ':')+1:] }
