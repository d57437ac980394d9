package main

import (
	"bytes"
	"io"
	"net/http"
)

// stub is a transport without a network: it reads the request's body to its end, as any transport
// does, and answers with one body after the other. It is for one goroutine.
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
			"Content-Type":                    {"application/json"},
			"Partner-Correlation-Id":          request.Header["Partner-Correlation-Id"], // as Klarna echoes it
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

// stubbed is a stub under a *http.Transport, which is what everybody has. It answers plain http to
// a loopback address.
func stubbed(bodies ...[]byte) *http.Transport {
	transport := new(http.Transport)
	transport.RegisterProtocol("http", &stub{bodies: bodies})
	return transport
}

// stubbedURL is where nobody listens.
const stubbedURL = "http://127.0.0.1:1"
