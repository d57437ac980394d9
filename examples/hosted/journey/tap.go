package journey

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"

	"github.com/klarna-go/klarna-go/examples/internal/tap"
)

// Transport records the calls that one party makes to another.
func (all *Journeys) Transport(from, to Party, next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		var asked []byte
		if r.GetBody != nil {
			if body, err := r.GetBody(); err == nil {
				asked, _ = io.ReadAll(body) // in memory
			}
		}
		j, ok := all.of(r, asked)
		if !ok {
			return next.RoundTrip(r)
		}
		response, err := tap.Begin(j.record).Transport(string(from), string(to), next).RoundTrip(r)
		if err != nil {
			return nil, err
		}
		// The transport of tap has read the answer into memory.
		answered, err := io.ReadAll(response.Body)
		response.Body = io.NopCloser(bytes.NewReader(answered))
		for _, name := range append(names(asked), names(answered)...) {
			all.name(j, name)
		}
		return response, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Webhooks records the webhooks that Klarna delivers.
func (all *Journeys) Webhooks(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		j, ok := all.of(r, body)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		tap.Begin(j.record).Webhooks(string(Klarna), string(Acquirer), next).ServeHTTP(w, r.WithContext(with(r.Context(), j)))
	})
}

// names returns the ids in a body that identify its order: those of the order, the session, the
// purchase and the payment request.
func names(body []byte) []string {
	type request struct {
		ID        string `json:"payment_request_id"`
		Reference string `json:"payment_request_reference"`
	}
	var named struct {
		Reference   string `json:"reference"`
		Session     string `json:"session_id"`
		Transaction struct {
			Reference string `json:"payment_transaction_reference"`
		} `json:"request_payment_transaction"`
		Request request `json:"payment_request"`
		Payload request `json:"payload"`
	}
	if json.Unmarshal(body, &named) != nil {
		return nil
	}
	return []string{
		named.Reference, named.Session, named.Transaction.Reference, named.Request.ID, named.Request.Reference, named.Payload.ID, named.Payload.Reference,
	}
}
