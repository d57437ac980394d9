package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// exchange is an answer, or a webhook that was delivered.
type exchange struct {
	status int // 0 for a webhook
	header http.Header
	raw    []byte
	body   any // nil if raw is not JSON
}

func newExchange(status int, header http.Header, raw []byte) exchange {
	x := exchange{status: status, header: header, raw: raw}
	if v, err := readJSON(raw); err == nil {
		x.body = v
	}
	return x
}

// maxAnswer is the number of bytes that are read of an answer. The largest that Klarna documents, a
// transaction of 500 operations, is far smaller.
const maxAnswer = 4 << 20

// errTransport is a failure of the connection to the host, which says nothing about a fact.
type errTransport struct{ reason string }

func (e errTransport) Error() string { return e.reason }

// url expands a call's path and query. A path without a leading "/" is below the account; only
// notifications have no account.
func (h *host) url(v vars, target string) (string, error) {
	path, query, _ := strings.Cut(target, "?")
	switch {
	case strings.HasPrefix(path, "/"):
	case strings.HasPrefix(path, "notification/"), h.PartnerAccountID == "":
		path = "/v2/" + path
	default:
		path = "/v2/accounts/${account}/" + path
	}
	path, err := v.expand(path, inPath)
	if err != nil {
		return "", err
	}
	if query, err = v.expand(query, inQuery); err != nil {
		return "", err
	}
	if query != "" {
		path += "?" + query
	}
	return h.origin + path, nil
}

// request creates a step's request. POST, PATCH and PUT have an idempotency key that is unique to
// the request. A header of the step replaces the usual one, and an empty header removes it.
func (h *host) request(ctx context.Context, v vars, s step) (*http.Request, error) {
	method := s.method()
	address, err := h.url(v, s.target())
	if err != nil {
		return nil, err
	}
	payload, err := s.payload(v)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(payload))
	if err != nil {
		return nil, errors.New("the request cannot be made") // err may quote an address
	}
	if payload == nil {
		r.Body = http.NoBody
	} else {
		r.Header.Set("Content-Type", "application/json")
	}
	if method != http.MethodGet && method != http.MethodDelete {
		fresh, _ := vars{}.value("new.key")
		r.Header.Set("Klarna-Idempotency-Key", fmt.Sprint(fresh))
	}
	r.Header.Set("Authorization", "Basic "+h.APIKey)
	r.Header.Set("User-Agent", "klarna-go-conformance")
	for name, template := range s.header {
		value, err := v.expand(template, verbatim)
		if err != nil {
			return nil, err
		}
		r.Header.Set(name, value)
		if value == "" {
			r.Header.Del(name)
		}
	}
	return r, nil
}

// payload returns the body of the step's request, nil for none.
func (s step) payload(v vars) ([]byte, error) {
	switch body := s.body.(type) {
	case nil:
		return nil, nil
	case raw:
		return []byte(body), nil
	default:
		filled, err := v.fill(body)
		if err != nil {
			return nil, err
		}
		return json.Marshal(filled)
	}
}

const (
	// maxRateLimited is the number of times that a rate-limited request is repeated.
	maxRateLimited = 3
	longestReset   = 10 * time.Second
)

// ask sends a step's request. It repeats the request only after a 429, which means that the request
// was not executed.
func (h *host) ask(ctx context.Context, v vars, s step) (exchange, error) {
	r, err := h.request(ctx, v, s)
	if err != nil {
		return exchange{}, err
	}
	for repeated := 0; ; repeated++ {
		x, err := h.send(r)
		switch {
		case err != nil || x.status != http.StatusTooManyRequests:
			return x, err
		case repeated == maxRateLimited:
			return exchange{}, errTransport{"the rate limit refused the request repeatedly"}
		}
		seconds, _ := strconv.Atoi(x.header.Get("X-Ratelimit-Reset"))
		pause := min(max(time.Duration(seconds)*time.Second, time.Second), longestReset)
		if err := h.Wait(ctx, pause); err != nil {
			return exchange{}, errTransport{ended(err)}
		}
		if r.GetBody != nil {
			if r.Body, err = r.GetBody(); err != nil {
				return exchange{}, err
			}
		}
	}
}

func (h *host) send(r *http.Request) (exchange, error) {
	ctx, stop := context.WithTimeout(r.Context(), requestTimeout)
	defer stop()
	answer, err := h.client.Do(r.WithContext(ctx))
	if err != nil {
		return exchange{}, errTransport{h.clean(ended(err))}
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		return exchange{}, errTransport{"the answer was cut: " + h.clean(ended(err))}
	case len(raw) > maxAnswer:
		return exchange{}, errTransport{fmt.Sprintf("the answer is larger than %d MB", maxAnswer>>20)}
	}
	return newExchange(answer.StatusCode, answer.Header, raw), nil
}

// ended describes why there is no answer. The description omits the URL in net/http's error,
// because it contains ids.
func ended(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return "the run was canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "the time was up"
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return err.Error()
}
