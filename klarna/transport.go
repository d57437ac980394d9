package klarna

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"slices"
	"time"
)

// newTransport returns the transport of attempts: the middleware, the guard, and the transport that
// sends.
func newTransport(s *settings) (http.RoundTripper, error) {
	base, err := baseTransport(s)
	if err != nil {
		return nil, err
	}
	var chain http.RoundTripper = guard{base}
	for _, wrap := range slices.Backward(s.middleware) {
		if wrap == nil {
			continue
		}
		if chain = wrap(chain); chain == nil {
			return nil, errors.New("klarna: a middleware returned nil")
		}
	}
	return chain, nil
}

func baseTransport(s *settings) (http.RoundTripper, error) {
	var base http.RoundTripper
	if s.httpClient != nil && s.httpClient.Transport != nil {
		base = s.httpClient.Transport
	} else {
		base = defaultTransport()
	}
	if s.certificate == nil {
		return base, nil
	}
	transport, ok := base.(*http.Transport)
	if !ok {
		return nil, errors.New("klarna: WithClientCertificate: the transport of WithHTTPClient is not an *http.Transport")
	}
	transport = transport.Clone() // the caller's must not change
	if transport.TLSClientConfig == nil {
		transport.TLSClientConfig = new(tls.Config)
	}
	transport.TLSClientConfig.MinVersion = max(transport.TLSClientConfig.MinVersion, tls.VersionTLS12)
	transport.TLSClientConfig.GetClientCertificate = s.certificate
	return transport, nil
}

// defaultTransport returns a transport like that of net/http, with more connections to one host. It
// is not a clone of http.DefaultTransport, which a program may have replaced.
func defaultTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          256,
		MaxIdleConnsPerHost:   256,
		IdleConnTimeout:       50 * time.Second, // less than Klarna's own, which is 59 s
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
	}
}
