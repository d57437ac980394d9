package klarnatest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
)

// answer is what the server says to one request, before it is put on a wire.
type answer struct {
	status int
	header http.Header
	body   []byte
	cut    cut
}

// cut says how much of an answer reaches the client.
type cut int

const (
	cutNothing cut = iota
	cutHalfBody
	cutAll
)

func reply(status int, v any) answer {
	return answer{
		status: status,
		header: http.Header{"Content-Type": {"application/json"}},
		body:   encode(v),
	}
}

// encode writes JSON as other languages do, without Go's escapes for HTML.
func encode(v any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		// Only the package's own structures and JSON that was checked on arrival come here.
		panic(fmt.Sprintf("klarnatest: encode %T: %v", v, err))
	}
	return bytes.TrimRight(buf.Bytes(), "\n")
}

func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	a := s.handle(r)
	if a.cut == cutAll {
		// A hijacked connection closes without an HTTP answer and, unlike an aborted handler, without a panic.
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close()
		}
		return
	}
	maps.Copy(w.Header(), a.header)
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	body := a.body
	if a.cut == cutHalfBody {
		body = body[:len(body)/2] // net/http closes a connection that got less than was announced
	}
	_, _ = w.Write(body)
}

// Transport returns a way to the same server without a socket. A round trip runs on the caller's goroutine and ends when
// the request's context does, so that it works inside a testing/synctest bubble. Every host name leads to the server.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

type transport struct{ server *Server }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if t.server.ctx.Err() != nil {
		return nil, errClosed
	}
	a := t.server.handle(r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	var body io.Reader = bytes.NewReader(a.body)
	if r.Method == http.MethodHead {
		body = http.NoBody
	}
	switch a.cut {
	case cutAll:
		return nil, fmt.Errorf("klarnatest: connection cut: %w", io.ErrUnexpectedEOF)
	case cutHalfBody:
		body = io.MultiReader(bytes.NewReader(a.body[:len(a.body)/2]), brokenReader{})
	}
	return &http.Response{
		Status:        strconv.Itoa(a.status) + " " + http.StatusText(a.status),
		StatusCode:    a.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        a.header.Clone(),
		Body:          io.NopCloser(body),
		ContentLength: int64(len(a.body)),
		Request:       r,
	}, nil
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
