package klarnatest

import (
	"net/http"
	"slices"
	"strings"
)

// WithHandler lets handler answer every path that is not the double's own (/v2, /customer,
// /browser, /web-sdk, /favicon.ico), so that a program has its pages at the same address. Their
// requests need no key, meet no faults and are not recorded, and come over the socket alone, not
// through [Server.Transport]. A handler that shows the server can be an http.ServeMux that gets its
// patterns after the start.
func WithHandler(handler http.Handler) Option { return func(c *config) { c.handler = handler } }

// ownPath tells what is never handed to another handler.
func ownPath(path string) bool {
	return path == "/v2" || path == "/favicon.ico" ||
		slices.ContainsFunc([]string{"/v2/", "/customer/", "/browser/", "/web-sdk/"}, func(prefix string) bool {
			return strings.HasPrefix(path, prefix)
		})
}
