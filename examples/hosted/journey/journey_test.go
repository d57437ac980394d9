package journey

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func newJourney(t *testing.T, all *Journeys, name string) *journey {
	t.Helper()
	all.Aside(name, false)
	j, ok := all.find(name)
	if !ok {
		t.Fatalf("there is no journey %s", name)
	}
	return j
}

func call(j *journey, n int) {
	j.record(string(Customer), string(Acquirer), fmt.Sprintf("GET /%d", n), "")("200")
}

// events reads a stream.
type events struct {
	t      *testing.T
	body   io.ReadCloser
	lines  *bufio.Scanner
	lastID string
}

func listen(t *testing.T, url, lastID string) *events {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	transport := new(http.Transport)
	t.Cleanup(transport.CloseIdleConnections)
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if got := response.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("%d, Content-Type %q", response.StatusCode, got)
	}
	return &events{t: t, body: response.Body, lines: bufio.NewScanner(response.Body)}
}

// next returns the next step of the stream, or "" at its end.
func (e *events) next() string {
	e.t.Helper()
	for e.lines.Scan() {
		if id, ok := strings.CutPrefix(e.lines.Text(), "id: "); ok {
			e.lastID = id
		}
		if data, ok := strings.CutPrefix(e.lines.Text(), "data: "); ok {
			var s panelStep
			if err := json.Unmarshal([]byte(data), &s); err != nil {
				e.t.Fatal(err)
			}
			return fmt.Sprintf("%d %s %s %q %d %t", s.Number, s.Class, s.Call, s.Result, s.Times, s.Good)
		}
	}
	return ""
}

func serve(t *testing.T, all *Journeys) string {
	t.Helper()
	server := httptest.NewServer(all.Handler())
	t.Cleanup(func() { all.Close(); server.Close() })
	return server.URL
}

func TestTheStreamTellsWhatWasAndWhatComes(t *testing.T) {
	all := New("https://sdk.example/klarna.mjs", true)
	url := serve(t, all) + "/journey/of/s1/events"
	j := newJourney(t, all, "s1")
	call(j, 1)
	stream := listen(t, url, "")
	if got := stream.next(); got != `1 from-0 to-2 GET /1 "200" 1 true` {
		t.Errorf("what was: %s", got)
	}
	end := j.record(string(Acquirer), string(Klarna), "POST /authorize", "EUR 118.00")
	if got := stream.next(); got != `2 from-2 to-3 POST /authorize "" 1 true` {
		t.Errorf("what has begun: %s", got)
	}
	end("503")
	if got := stream.next(); got != `2 from-2 to-3 POST /authorize "503" 1 false` {
		t.Errorf("what has ended: %s", got)
	}
	resumed := listen(t, url, stream.lastID)
	call(j, 3)
	if got := resumed.next(); !strings.HasPrefix(got, "3 ") {
		t.Errorf("a browser that reconnects gets %s", got)
	}
}

func TestTheStreamEndsWithTheServer(t *testing.T) {
	all := New("", true)
	url := serve(t, all) + "/journey/of/s1/events"
	call(newJourney(t, all, "s1"), 1)
	stream := listen(t, url, "")
	stream.next()
	all.Close()
	if got := stream.next(); got != "" {
		t.Errorf("it goes on with %s", got)
	}
}

func TestThereIsNoStreamOfAnUnknownJourney(t *testing.T) {
	all := New("", true)
	for path, method := range map[string]string{"/journey/of/none/events": http.MethodGet, "/journey/of/none/browser": http.MethodPost} {
		w := httptest.NewRecorder()
		all.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestARepeatedCallIsOneStep(t *testing.T) {
	j := begin()
	for range 5 {
		call(j, 1)
	}
	call(j, 2)
	call(j, 1)
	var got []string
	for _, s := range j.steps {
		got = append(got, fmt.Sprintf("%s × %d", s.Call, s.Times))
	}
	if text := strings.Join(got, ", "); text != "GET /1 × 5, GET /2 × 1, GET /1 × 1" {
		t.Error(text)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	all := New("", true)
	first := newJourney(t, all, "j0")
	for i := range 2 * mostSteps {
		call(first, i)
	}
	for i := range 2 * mostNames {
		all.name(first, fmt.Sprint("other", i))
	}
	if len(first.steps) != mostSteps || len(first.names) != mostNames {
		t.Errorf("%d steps, %d names", len(first.steps), len(first.names))
	}
	for i := range mostJourneys {
		newJourney(t, all, fmt.Sprint("j", i+1))
	}
	if _, ok := all.find("j0"); ok {
		t.Error("the oldest journey is still there")
	}
	if len(all.oldest) != mostJourneys || len(all.named) != mostJourneys {
		t.Errorf("%d journeys, %d names", len(all.oldest), len(all.named))
	}
}

func say(t *testing.T, all *Journeys, body string, header ...string) int {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/journey/of/s1/browser", strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	all.Handler().ServeHTTP(w, r)
	return w.Code
}

func TestOnlyKnownWordsOfABrowserAreShown(t *testing.T) {
	all := New("", true)
	j := newJourney(t, all, "s1")
	for body, want := range map[string]int{
		`{"event":"presentation","result":"SHOW_KLARNA"}`:                http.StatusNoContent,
		`{"event":"error","result":"krn:network:us1:token <b>Ada</b>"}`:  http.StatusNoContent,
		`{"event":"something"}`:                                          http.StatusBadRequest,
		`{"event":`:                                                      http.StatusBadRequest,
		`{"event":"abort","result":"` + strings.Repeat("A", 2000) + `"}`: http.StatusBadRequest,
	} {
		if got := say(t, all, body); got != want {
			t.Errorf("%s: %d", body, got)
		}
	}
	if got := say(t, all, `{"event":"abort"}`, "Sec-Fetch-Site", "cross-site"); got != http.StatusForbidden {
		t.Errorf("from another site: %d", got)
	}
	html := string(all.Aside("s1", false))
	if len(j.steps) != 2 || !strings.Contains(html, "SHOW_KLARNA") || strings.Contains(html, "krn:") || strings.Contains(html, "Ada") {
		t.Errorf("%d steps:\n%s", len(j.steps), html)
	}
}

func TestThePanelOffersInstructionsWithTheDoubleAlone(t *testing.T) {
	for _, double := range []bool{true, false} {
		html := string(New("https://sdk.example/klarna.mjs", double).Aside("s1", true))
		if strings.Contains(html, "?instruction=HIDE_KLARNA") != double || strings.Contains(html, "data-double") != double {
			t.Errorf("double %t:\n%s", double, html)
		}
		if !strings.Contains(html, `data-sdk="https://sdk.example/klarna.mjs"`) {
			t.Error("the panel does not say where the SDK is")
		}
	}
}

func TestAWebhookOfNoJourneyPasses(t *testing.T) {
	all := New("", true)
	seen := ""
	handler := all.Webhooks(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen = string(body)
	}))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/klarna/webhook", strings.NewReader(`{"payload":{}}`))
	handler.ServeHTTP(httptest.NewRecorder(), r)
	if seen != `{"payload":{}}` {
		t.Errorf("the receiver got %q", seen)
	}
	w := httptest.NewRecorder()
	large := strings.NewReader(strings.Repeat("x", 2<<20))
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/klarna/webhook", large))
	if w.Code != http.StatusBadRequest {
		t.Errorf("a body of 2 MiB: %d", w.Code)
	}
}

func FuzzNames(f *testing.F) {
	f.Add([]byte(`{"payload":{"payment_request_id":"krn:1","payment_request_reference":"s1-1"},"reference":"r"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if n := names(body); n != nil && !json.Valid(body) {
			t.Errorf("%q of what is no JSON", n)
		}
	})
}

func FuzzBrowser(f *testing.F) {
	f.Add([]byte(`{"event":"complete","result":"COMPLETED"}`))
	f.Add([]byte(`{"event":"error","result":"<script>"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		all := New("", true)
		j := newJourney(t, all, "s1")
		say(t, all, string(body))
		for _, s := range j.steps {
			if s.Result != "said in the browser" && !wireWord.MatchString(s.Result) {
				t.Errorf("the browser's %q is shown", s.Result)
			}
		}
	})
}
