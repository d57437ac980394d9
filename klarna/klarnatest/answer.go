package klarnatest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
)

// answer is the server's answer to one request, before it is written to a connection.
type answer struct {
	status int
	header http.Header
	body   []byte

	cut     cut
	release <-chan struct{} // ends cutStall
}

// cut says how much of an answer reaches the client.
type cut int

const (
	cutNothing     cut = iota
	cutHalfBody        // half of the body is missing
	cutStall           // half of the body comes much later, or never
	cutLongLength      // Content-Length exceeds the body
	cutShortLength     // Content-Length is half of the body, and half is sent
	cutAll
)

// wire returns the announced Content-Length, what is sent immediately, and what is sent when a
// stall ends.
func (a answer) wire() (announced int, now, later []byte) {
	half := len(a.body) / 2
	switch a.cut {
	case cutHalfBody:
		return len(a.body), a.body[:half], nil
	case cutStall:
		return len(a.body), a.body[:half], a.body[half:]
	case cutLongLength:
		return 2*len(a.body) + 1, a.body, nil
	case cutShortLength:
		return half, a.body[:half], nil
	}
	return len(a.body), a.body, nil
}

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
		// Only the package's own structures and JSON that was checked on arrival are encoded.
		panic(fmt.Sprintf("klarnatest: encode %T: %v", v, err))
	}
	return bytes.TrimRight(buf.Bytes(), "\n")
}

func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	if s.handler != nil && !ownPath(r.URL.Path) {
		s.handler.ServeHTTP(w, r)
		return
	}
	a := s.handle(r)
	if a.cut == cutAll {
		// A hijacked connection closes without an HTTP answer and, unlike an aborted handler,
		// without a panic.
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close()
		}
		return
	}
	maps.Copy(w.Header(), a.header)
	announced, now, later := a.wire()
	w.Header().Set("Content-Length", strconv.Itoa(announced))
	w.WriteHeader(a.status)
	// net/http closes a connection on which less was written than announced.
	_, _ = w.Write(now) //nolint:gosec // JSON, the package's own files, or HTML that html/template escaped
	if len(later) > 0 {
		_ = http.NewResponseController(w).Flush()
		if released(r.Context(), a.release) == nil {
			_, _ = w.Write(later) //nolint:gosec // as above
		}
	}
}

// Transport returns an [http.RoundTripper] that reaches the same server without a socket. A round
// trip runs on the caller's goroutine and ends when the request's context ends, so that it works
// inside a testing/synctest bubble. Every host name leads to the server.
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
	a := t.server.handle(asReceived(r))
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if a.cut == cutAll {
		return nil, fmt.Errorf("klarnatest: connection cut: %w", io.ErrUnexpectedEOF)
	}
	announced, now, later := a.wire()
	body := io.NopCloser(bytes.NewReader(now))
	switch {
	case r.Method == http.MethodHead:
		body = http.NoBody
	case len(later) > 0:
		body = newStalledBody(r.Context(), now, later, a.release)
	case announced > len(now):
		body = io.NopCloser(io.MultiReader(bytes.NewReader(now), brokenReader{}))
	}
	return &http.Response{
		Status:        strconv.Itoa(a.status) + " " + http.StatusText(a.status),
		StatusCode:    a.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        a.header.Clone(),
		Body:          body,
		ContentLength: int64(announced),
		Request:       r,
	}, nil
}

// asReceived returns r as a server reads it from a connection, where the case of header names does
// not matter.
func asReceived(r *http.Request) *http.Request {
	received := *r
	received.Header = make(http.Header, len(r.Header))
	for name, values := range r.Header {
		name = http.CanonicalHeaderKey(name)
		received.Header[name] = append(received.Header[name], values...)
	}
	return &received
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// stalledBody is readable up to its half and then waits.
type stalledBody struct {
	io.Reader
	stop context.CancelFunc
}

func newStalledBody(ctx context.Context, now, later []byte, release <-chan struct{}) stalledBody {
	ctx, stop := context.WithCancel(ctx)
	rest := bytes.NewReader(later)
	wait := readerFunc(func(p []byte) (int, error) {
		if err := released(ctx, release); err != nil {
			return 0, err
		}
		return rest.Read(p)
	})
	return stalledBody{io.MultiReader(bytes.NewReader(now), wait), stop}
}

// Close ends a Read that is waiting.
func (b stalledBody) Close() error {
	b.stop()
	return nil
}

type readerFunc func([]byte) (int, error)

// Read calls f.
func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
