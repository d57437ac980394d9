package klarnatest

import (
	"net/http"
	"slices"
	"strings"
)

// WithHandler makes handler answer every path that is not the server's own (/v2, /customer,
// /browser, /web-sdk, /favicon.ico), so that a program has its pages at the same address. Requests
// for these pages need no key, meet no faults and are not recorded. They arrive over the socket
// only, not through [Server.Transport]. A handler that needs the server can be an [http.ServeMux]
// whose patterns are registered after the start.
func WithHandler(handler http.Handler) Option { return func(c *config) { c.handler = handler } }

// ownPath reports whether the server answers path itself.
func ownPath(path string) bool {
	return path == "/v2" || path == "/favicon.ico" ||
		slices.ContainsFunc([]string{"/v2/", "/customer/", "/browser/", "/web-sdk/"}, func(prefix string) bool {
			return strings.HasPrefix(path, prefix)
		})
}
