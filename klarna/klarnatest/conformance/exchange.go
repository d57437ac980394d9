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
	body   any // nil where raw is no JSON
}

func newExchange(status int, header http.Header, raw []byte) exchange {
	x := exchange{status: status, header: header, raw: raw}
	if v, err := readJSON(raw); err == nil {
		x.body = v
	}
	return x
}

// maxAnswer is how much of an answer is read. The largest that Klarna documents, a transaction of
// 500 operations, is far smaller.
const maxAnswer = 4 << 20

// errTransport marks what went wrong between here and the host, which says nothing about a fact.
type errTransport struct{ reason string }

func (e errTransport) Error() string { return e.reason }

// url expands a call's path and query. A path without "/" at its front is below the account, but
// for notifications, which have none.
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

// request makes a step's request. POST, PATCH and PUT carry an idempotency key that no other
// request has; a header of the step goes before the usual one, and an empty one takes it away.
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
		return nil, errors.New("the request cannot be made") // the text of err may quote an address
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

// payload is the step's body on the wire, nil for none.
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
	// maxRateLimited is how often a request is repeated that came too early.
	maxRateLimited = 3
	longestReset   = 10 * time.Second
)

// ask sends a step's request. Only an answer of 429, to a request that was not executed, makes it
// send again.
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
			return exchange{}, errTransport{"the rate limit did not let the request pass"}
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

// ended tells why there is no answer. The address, which net/http puts into its error, holds ids
// and stays out.
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
