package conformance

import (
	"io"
	"net/http"
	"strings"
	"sync"
)

// Receiver is an [http.Handler] that keeps the webhooks posted to it for the cases that wait for
// them. It must be reachable under [Target.WebhookURL]. It answers 200, and 500 to the first post
// to a path that ends in "/refuse-first/<anything>". The zero value is ready to use.
type Receiver struct {
	mu   sync.Mutex
	kept []delivered
	// refused holds the paths whose first post was refused.
	refused map[string]bool
}

type delivered struct {
	path string
	exchange
}

const (
	// maxKept limits the memory that a stranger who finds the URL can use.
	maxKept = 200
	// maxWebhook is the largest accepted body, in bytes.
	maxWebhook = 1 << 20
)

// ServeHTTP stores one webhook.
func (rc *Receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxWebhook))
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.WriteHeader(rc.keep(r, body))
}

func (rc *Receiver) keep(r *http.Request, body []byte) (status int) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	if r.Method != http.MethodPost {
		return http.StatusMethodNotAllowed
	}
	if len(rc.kept) == maxKept {
		rc.kept = rc.kept[1:]
	}
	rc.kept = append(rc.kept, delivered{r.URL.Path, newExchange(0, r.Header.Clone(), body)})
	if strings.Contains(r.URL.Path, "/refuse-first/") && !rc.refused[r.URL.Path] {
		if rc.refused == nil {
			rc.refused = map[string]bool{}
		}
		rc.refused[r.URL.Path] = true
		return http.StatusInternalServerError
	}
	return http.StatusOK
}

// nth returns the nth webhook that was posted to a path with this end, counted from 0 in the order
// of arrival.
func (rc *Receiver) nth(end string, n int) (exchange, bool) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	for _, d := range rc.kept {
		if !strings.HasSuffix(d.path, "/"+end) {
			continue
		}
		if n == 0 {
			return d.exchange, true
		}
		n--
	}
	return exchange{}, false
}
