package journey

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed assets
var files embed.FS

//go:embed panel.html
var panelHTML string

var panel = template.Must(template.New("panel").Funcs(template.FuncMap{"class": Step.Class, "good": Step.Good}).Parse(panelHTML))

// Class returns the CSS classes for the start and the end of a step's arrow.
func (s Step) Class() string {
	return fmt.Sprintf("from-%d to-%d", slices.Index(parties, s.From), slices.Index(parties, s.To))
}

// Good reports whether a call has not failed.
func (s Step) Good() bool { return s.Result == "" || !strings.ContainsAny(s.Result[:1], "45nab") }

// Aside returns the panel of an order or a session. With choices and the built-in Klarna, it links
// to the page with each presentation instruction.
func (all *Journeys) Aside(name string, choices bool) template.HTML {
	j, ok := all.find(name)
	if !ok {
		j = begin()
		all.name(j, name)
	}
	steps, _, _ := j.since(0)
	var html bytes.Buffer
	err := panel.Execute(&html, map[string]any{
		"Name": name, "Steps": steps, "Parties": parties, "SDK": all.sdk, "Double": all.double, "Choices": choices && all.double,
		"Instructions": []string{"SHOW_KLARNA", "PRESELECT_KLARNA", "SHOW_ONLY_KLARNA", "HIDE_KLARNA"},
	})
	if err != nil {
		panic("journey: render the panel: " + err.Error()) // template and structure do not fit
	}
	return template.HTML(html.String()) //nolint:gosec // the template has escaped it
}

// SDK is the path of a browser SDK that wraps Klarna's and reports its events to the journey.
const SDK = "/journey/assets/sdk.mjs"

// Handler serves the data and the assets of the panels, at /journey/. Each site that shows a panel
// needs it.
func (all *Journeys) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /journey/of/{name}/events", all.stream)
	mux.HandleFunc("POST /journey/of/{name}/browser", all.browser)
	mux.Handle("GET /journey/assets/", http.StripPrefix("/journey/", http.FileServerFS(files)))
	protected := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		protected.ServeHTTP(w, r)
	})
}

// heartbeat is the interval of empty events, so that proxies do not close an idle stream.
const heartbeat = 15 * time.Second

// stream sends the steps as Server-Sent Events, earlier ones first, until the browser closes the
// connection or the server stops.
func (all *Journeys) stream(w http.ResponseWriter, r *http.Request) {
	j, ok := all.find(r.PathValue("name"))
	if !ok {
		http.Error(w, "no such journey", http.StatusNotFound)
		return
	}
	version, _ := strconv.Atoi(r.Header.Get("Last-Event-ID")) // a browser that comes back has seen the steps before
	w.Header().Set("Content-Type", "text/event-stream")
	connection := http.NewResponseController(w)
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		steps, now, changed := j.since(version)
		version = now
		var events bytes.Buffer
		for _, s := range steps {
			data, err := json.Marshal(panelStep{s, s.Class(), s.Good()})
			if err != nil {
				return
			}
			fmt.Fprintf(&events, "id: %d\ndata: %s\n\n", now, data)
		}
		if len(steps) == 0 {
			events.WriteString(": still here\n\n")
		}
		// A stream lasts longer than the server's write time-out. One that nobody reads must end.
		if connection.SetWriteDeadline(time.Now().Add(heartbeat)) != nil {
			return
		}
		if _, err := events.WriteTo(w); err != nil || connection.Flush() != nil {
			return
		}
		select {
		case <-changed:
		case <-beat.C:
		case <-r.Context().Done():
			return
		case <-all.closed:
			return
		}
	}
}

// panelStep is a step as the panel's script gets it.
type panelStep struct {
	Step
	Class string `json:"class"`
	Good  bool   `json:"good"`
}

// browserEvents are the events that the SDK on a page may report, with their parties.
var browserEvents = map[string]struct {
	from, to Party
	call     string
}{
	"presentation":          {Customer, Klarna, "Payment.presentation()"},
	"presentationupdate":    {Klarna, Customer, "presentationupdate"},
	"complete":              {Klarna, Customer, "complete"},
	"abort":                 {Klarna, Customer, "abort"},
	"error":                 {Klarna, Customer, "error"},
	"shippingaddresschange": {Klarna, Customer, "shippingaddresschange"},
	"shippingoptionselect":  {Klarna, Customer, "shippingoptionselect"},
}

// wireWord matches Klarna's instructions and states. Nothing else that a browser sends is shown.
var wireWord = regexp.MustCompile(`^[A-Z][A-Z_]{0,39}$`)

// browser records an event of the SDK on a page.
func (all *Journeys) browser(w http.ResponseWriter, r *http.Request) {
	j, ok := all.find(r.PathValue("name"))
	if !ok {
		http.Error(w, "no such journey", http.StatusNotFound)
		return
	}
	var in struct {
		Event  string `json:"event"`
		Result string `json:"result"`
	}
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&in) != nil {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	event, ok := browserEvents[in.Event]
	if !ok {
		http.Error(w, "no such event", http.StatusBadRequest)
		return
	}
	result := "said in the browser"
	if wireWord.MatchString(in.Result) {
		result = in.Result
	}
	j.record(string(event.from), string(event.to), event.call, "browser SDK")(result)
	w.WriteHeader(http.StatusNoContent)
}
