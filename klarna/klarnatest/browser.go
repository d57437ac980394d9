package klarnatest

import (
	"embed"
	"io"
	"net/http"
	"slices"
	"strings"
)

//go:embed browser
var browserFiles embed.FS

// asset is a file that is served to browsers.
type asset struct{ file, contentType string }

// assets maps paths to files. The icon also answers the browser's own request for /favicon.ico.
var assets = map[string]asset{
	"/web-sdk/v2/klarna.mjs": {"klarna.mjs", "text/javascript; charset=utf-8"},
	"/customer/purchase.css": {"purchase.css", "text/css; charset=utf-8"},
	"/customer/purchase.js":  {"purchase.js", "text/javascript; charset=utf-8"},
	"/customer/icon.svg":     {"icon.svg", "image/svg+xml"},
	"/favicon.ico":           {"icon.svg", "image/svg+xml"},
}

// browse answers the requests of browsers; ok is false for every other path. Browsers are not
// clients of the server API: their requests need no key, meet no faults and are not recorded.
func (s *Server) browse(r *http.Request) (a answer, ok bool) {
	path := r.URL.Path
	if file, found := assets[path]; found {
		a = file.answer(r)
	} else if rest, found := strings.CutPrefix(path, "/customer/"); found {
		a = s.customer(r, rest)
	} else if rest, found := strings.CutPrefix(path, "/browser/"); found {
		a = s.sdkCall(r, rest)
	} else {
		return answer{}, false
	}
	// A browser must not show an outdated page from its cache, nor guess another content type.
	a.header.Set("Cache-Control", "no-store")
	a.header.Set("X-Content-Type-Options", "nosniff")
	return a, true
}

func (file asset) answer(r *http.Request) answer {
	if refused := refuseMethod(r, http.MethodGet, http.MethodHead); refused != nil {
		return *refused
	}
	body, err := browserFiles.ReadFile("browser/" + file.file)
	if err != nil {
		panic("klarnatest: " + err.Error()) // the table names a missing file
	}
	header := http.Header{"Content-Type": {file.contentType}}
	allowAnyOrigin(header) // import() of a module is a cross-origin request
	return answer{status: http.StatusOK, header: header, body: body}
}

// allowAnyOrigin allows every page to use the answer. Nothing here depends on who the browser's
// user is.
func allowAnyOrigin(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
}

// refuseMethod refuses a method that is not among the allowed ones. It returns nil if the request
// may continue.
func refuseMethod(r *http.Request, allowed ...string) *answer {
	if slices.Contains(allowed, r.Method) {
		return nil
	}
	return &answer{status: http.StatusMethodNotAllowed, header: http.Header{"Allow": {strings.Join(allowed, ", ")}}}
}

// readForm reads the body of a form. It cuts a body that is longer than any form of the page.
func readForm(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	return io.ReadAll(io.LimitReader(r.Body, 64<<10))
}
