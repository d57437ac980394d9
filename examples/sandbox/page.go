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

// pages show the server and act on it.
type pages struct {
	server   *klarnatest.Server
	settings settings

	advances sync.WaitGroup
	moving   atomic.Bool // the time

	mu      sync.Mutex
	notices []notice
	said    int // notices so far
}

// notice is what an action has to say, on the page that its form leads back to.
type notice struct {
	number int
	Text   string
	Link   string // where the customer's browser goes, "" if nowhere
	Bad    bool
}

func newPages(server *klarnatest.Server, s settings) *pages {
	return &pages{server: server, settings: s}
}

// wait returns when no work of the page's own is left, which is soon after the server was closed.
func (p *pages) wait() { p.advances.Wait() }

func (p *pages) register(mux *http.ServeMux) {
	inside := http.NewServeMux()
	inside.HandleFunc("GET /{$}", p.show("page.html"))
	inside.HandleFunc("GET /sandbox/live", p.show("live"))
	assets, err := fs.Sub(files, "page")
	if err != nil {
		panic(err) // the name above is not there
	}
	for _, name := range []string{"page.css", "page.js"} {
		inside.HandleFunc("GET /sandbox/"+name, func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, assets, name) })
	}
	p.registerActions(inside)
	// A form of another site, sent in the name of whoever looks at this page, changes nothing.
	mux.Handle("/", p.secured(http.NewCrossOriginProtection().Handler(inside)))
}

// secured answers no name but this machine's own, under which another site could reach the page
// through a visitor's browser, and tells browsers to run nothing but the page's own script.
func (p *pages) secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "+
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		if !p.settings.public && !isLoopback(r.Host) {
			http.Error(w, "The sandbox's page is at "+p.server.URL+" alone.", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isLocal tells whether secrets are shown to whoever asks.
func isLocal(r *http.Request) bool { return isLoopback(r.RemoteAddr) && isLoopback(r.Host) }

// show renders a template, unless the browser has the same already.
func (p *pages) show(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		number, _ := strconv.Atoi(r.URL.Query().Get("said"))
		var body bytes.Buffer
		if err := pageTemplate.ExecuteTemplate(&body, name, p.look(isLocal(r), number)); err != nil {
			panic(fmt.Sprintf("sandbox: render %s: %v", name, err)) // template and structure do not fit
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

// say keeps what an action has to say and returns its number. Those that were said long ago are
// forgotten.
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
