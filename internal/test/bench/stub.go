package main

import (
	"bytes"
	"io"
	"net/http"
)

// stub is a transport without a network. It reads the request's body to its end, as any transport
// does, and answers with its bodies in turn. It is for one goroutine.
type stub struct {
	bodies [][]byte
	next   int
}

func (s *stub) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Body != nil {
		if _, err := io.Copy(io.Discard, request.Body); err != nil {
			return nil, err
		}
		_ = request.Body.Close()
	}
	s.next++
	body := s.bodies[s.next%len(s.bodies)]
	return &http.Response{
		Status:     "200 OK",
		StatusCode: http.StatusOK,
		Proto:      "HTTP/1.1",
		ProtoMajor: 1,
		ProtoMinor: 1,
		Header: http.Header{
			"Content-Type": {"application/json"},
			// Klarna echoes this header.
			"Partner-Correlation-Id":          request.Header["Partner-Correlation-Id"],
			"Klarna-Correlation-Id":           {"0c7f44f9-9a0b-4e5a-8f62-6f8b8b0a8c11"},
			"X-Ratelimit-Limit":               {`40, 40;w=1;name="account",100;w=1;name="psp"`},
			"X-Ratelimit-Remaining":           {"39"},
			"X-Ratelimit-Reset":               {"1"},
			"Klarna-Mtls-Verification-Status": {"VALID"},
			"Klarna-Ip-Validation-Status":     {"ALLOWED"},
		},
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
		Request:       request,
	}, nil
}

// stubbed returns an [http.Transport], the usual type of transport, over a stub. It answers plain
// http to a loopback address.
func stubbed(bodies ...[]byte) *http.Transport {
	transport := new(http.Transport)
	transport.RegisterProtocol("http", &stub{bodies: bodies})
	return transport
}

// stubbedURL is an address without a listener.
const stubbedURL = "http://127.0.0.1:1"
