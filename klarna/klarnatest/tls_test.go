package klarnatest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

const mtlsHeader = "Klarna-Mtls-Verification-Status"

// selfSigned returns a self-signed client certificate.
func selfSigned(t *testing.T, expires time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "stranger"},
		NotBefore:    expires.Add(-24 * time.Hour),
		NotAfter:     expires,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func TestClientCertificateIsVerified(t *testing.T) {
	trusted, expired := selfSigned(t, time.Now().Add(time.Hour)), selfSigned(t, time.Now().Add(-time.Hour))
	authorities := x509.NewCertPool()
	authorities.AddCert(trusted.Leaf)
	authorities.AddCert(expired.Leaf)
	server := klarnatest.NewServer(t, klarnatest.WithClientCertificates(authorities))
	issued, err := server.IssueClientCertificate()
	if err != nil {
		t.Fatal(err)
	}
	other, err := klarnatest.NewServer(t, klarnatest.WithTLS()).IssueClientCertificate()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "URL", strings.HasPrefix(server.URL, "https://127.0.0.1:"), true)
	for name, tc := range map[string]struct {
		certificates []tls.Certificate
		want         string
	}{
		"none":                       {nil, "NOT_PRESENT"},
		"one the server issued":      {[]tls.Certificate{issued}, "VALID"},
		"one of a trusted authority": {[]tls.Certificate{trusted}, "VALID"},
		"one that expired":           {[]tls.Certificate{expired}, "INVALID"},
		"one of another server":      {[]tls.Certificate{other}, "INVALID"},
		"a self-signed one":          {[]tls.Certificate{selfSigned(t, time.Now().Add(time.Hour))}, "INVALID"},
	} {
		t.Run(name, func(t *testing.T) {
			c := client{t, server, server.Client(tc.certificates...)}
			r := c.want(200, "GET", presentationPath+"?"+presentationQuery, nil)
			equal(t, "status", r.header.Get(mtlsHeader), tc.want)
		})
	}
}

func TestClientsMustTrustTheAuthority(t *testing.T) {
	server := klarnatest.NewServer(t, klarnatest.WithTLS())
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	c := client{t, server, &http.Client{Transport: transport}}
	c.want(200, "GET", presentationPath+"?"+presentationQuery, nil)
	server.Script(klarnatest.Fault{Kind: klarnatest.FaultDropAfter})
	if _, err := c.send("POST", requestsPath, draft(1)); err == nil {
		t.Error("a cut connection brought an answer")
	}
	equal(t, "executed", len(server.PaymentRequests()), 1)
	equal(t, "without a socket", client{t, server, &http.Client{Transport: server.Transport()}}.
		want(200, "GET", presentationPath+"?"+presentationQuery, nil).header.Get(mtlsHeader), "NOT_PRESENT")

	plain := klarnatest.NewServer(t)
	if plain.Certificate() != nil {
		t.Error("a certificate without TLS")
	}
	if _, err := plain.IssueClientCertificate(); err == nil {
		t.Error("a client certificate without TLS")
	}
}

func TestAClientReachesItsServer(t *testing.T) {
	for name, opts := range map[string][]klarnatest.Option{
		"over a socket":    nil,
		"over TLS":         {klarnatest.WithTLS()},
		"without a socket": {klarnatest.WithoutSocket(), klarnatest.WithTLS()},
	} {
		t.Run(name, func(t *testing.T) {
			server := klarnatest.NewServer(t, opts...)
			client{t, server, server.Client()}.want(200, "GET", presentationPath+"?"+presentationQuery, nil)
		})
	}
}

func TestServerListensOnItsAddress(t *testing.T) {
	first, err := klarnatest.Start(klarnatest.WithAddr("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	addr := strings.TrimPrefix(first.URL, "http://")
	if second, err := klarnatest.Start(klarnatest.WithAddr(addr)); err == nil || !strings.Contains(err.Error(), addr) {
		second.Close()
		t.Errorf("a second server on %s: %v", addr, err)
	}
	first.Close()

	server := klarnatest.NewServer(t, klarnatest.WithAddr(":0"))
	host, _, err := net.SplitHostPort(strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "a host for clients", host, "127.0.0.1")
	newClient(t, server).want(200, "GET", presentationPath+"?"+presentationQuery, nil)
}
