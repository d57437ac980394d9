package main

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

//go:embed page
var files embed.FS

var pageTemplate = template.Must(template.New("page.html").Funcs(template.FuncMap{
	"money": money, "short": short, "lower": badgeClass,
}).ParseFS(files, "page/page.html"))

// pages serves the page that shows the server and acts on it.
type pages struct {
	server   *klarnatest.Server
	settings settings

	advances sync.WaitGroup
	moving   atomic.Bool // whether the clock is being advanced

	mu      sync.Mutex
	notices []notice
	said    int // number of notices so far
}

// notice is the result of an action, which the page shows.
type notice struct {
	number int
	Text   string
	Link   string // the URL that the customer's browser goes to, or ""
	Bad    bool
}

func newPages(server *klarnatest.Server, s settings) *pages {
	return &pages{server: server, settings: s}
}

// wait returns when the page's background work has ended, which is soon after the server was
// closed.
func (p *pages) wait() { p.advances.Wait() }

func (p *pages) register(mux *http.ServeMux) {
	inside := http.NewServeMux()
	inside.HandleFunc("GET /{$}", p.show("page.html"))
	inside.HandleFunc("GET /sandbox/live", p.show("live"))
	assets, err := fs.Sub(files, "page")
	if err != nil {
		panic(err) // the embedded folder does not exist
	}
	for _, name := range []string{"page.css", "page.js"} {
		inside.HandleFunc("GET /sandbox/"+name, func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, assets, name) })
	}
	p.registerActions(inside)
	// Forms of other sites, sent by the browser of a user of this page, are refused.
	mux.Handle("/", p.secured(http.NewCrossOriginProtection().Handler(inside)))
}

// secured answers only requests for a loopback host, because otherwise another site could reach the
// page through a user's browser under a name of its own. Its headers make browsers run only the
// page's own script.
func (p *pages) secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "+
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		if !p.settings.public && !isLoopback(r.Host) {
			http.Error(w, "The sandbox's page is only available at "+p.server.URL+".", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isLocal reports whether a request comes from this machine. Only then are secrets shown.
func isLocal(r *http.Request) bool { return isLoopback(r.RemoteAddr) && isLoopback(r.Host) }

// show renders a template. If the browser already has the same content, it answers 304.
func (p *pages) show(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		number, _ := strconv.Atoi(r.URL.Query().Get("said"))
		var body bytes.Buffer
		if err := pageTemplate.ExecuteTemplate(&body, name, p.look(isLocal(r), number)); err != nil {
			panic(fmt.Sprintf("sandbox: render %s: %v", name, err)) // the template does not match the structure
		}
		sum := sha256.Sum256(body.Bytes())
		tag := `"` + hex.EncodeToString(sum[:16]) + `"`
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write(body.Bytes())
	}
}

// say keeps a notice and returns its number. It deletes old notices.
func (p *pages) say(n notice) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said++
	n.number = p.said
	p.notices = append(p.notices[max(0, len(p.notices)-50):], n)
	return n.number
}

func (p *pages) notice(number int) *notice {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.notices {
		if n.number == number {
			return &n
		}
	}
	return nil
}
