package klarna_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/klarna"
)

// pair is a client certificate and its key, in PEM.
type pair struct{ cert, key []byte }

func newPair(t *testing.T, name string) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pair{
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
	}
}

// certFiles are the two files of a client certificate. Each write has another modification time.
type certFiles struct {
	cert, key string
	writes    int
}

func (f *certFiles) write(t *testing.T, name string, content []byte) {
	t.Helper()
	f.writes++
	at := time.Unix(1e9+int64(f.writes), 0)
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, at, at); err != nil {
		t.Fatal(err)
	}
}

func newCertFiles(t *testing.T, p pair) *certFiles {
	t.Helper()
	dir := t.TempDir()
	f := &certFiles{cert: filepath.Join(dir, "klarna.crt"), key: filepath.Join(dir, "klarna.key")}
	f.write(t, f.cert, p.cert)
	f.write(t, f.key, p.key)
	return f
}

// tlsServer starts a server that answers with the name on the client's certificate.
func tlsServer(t *testing.T, config *tls.Config) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, status := "", "NOT_PRESENT"
		if certs := r.TLS.PeerCertificates; len(certs) > 0 {
			name, status = certs[0].Subject.CommonName, "VALID, VALID"
		}
		w.Header().Set("Klarna-Mtls-Verification-Status", status)
		w.Header().Set("Connection", "close") // so that every call has a handshake of its own
		_, _ = fmt.Fprintf(w, `{"id":%q}`, name)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = config
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func trusting(t *testing.T, server *httptest.Server) *http.Transport {
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

func presented(t *testing.T, client *klarna.Client) (name, status string) {
	t.Helper()
	var got session
	var response klarna.Response
	succeed(t, client, authorize(), &got, klarna.WithResponse(&response))
	return got.ID, response.MTLSStatus
}

func TestAClientCertificateIsPresentedAndRotated(t *testing.T) {
	server := tlsServer(t, &tls.Config{ClientAuth: tls.RequestClientCert})
	first, second := newPair(t, "first"), newPair(t, "second")
	files := newCertFiles(t, first)
	certificate, err := klarna.LoadClientCertificate(files.cert, files.key)
	if err != nil {
		t.Fatal(err)
	}
	theirs := trusting(t, server)
	client := newClient(t, server.URL, klarna.WithHTTPClient(&http.Client{Transport: theirs}), klarna.WithClientCertificate(certificate.Get))

	for _, step := range []struct {
		name   string
		change func()
		want   string
	}{
		{"the certificate is presented", func() {}, "first"},
		{"with one file of two replaced, the old one is", func() { files.write(t, files.cert, second.cert) }, "first"},
		{"with half of the other file written, too", func() { files.write(t, files.key, second.key[:len(second.key)/2]) }, "first"},
		{"with both replaced, the new one is", func() { files.write(t, files.key, second.key) }, "second"},
		{"with a file gone, the last good one is", func() { os.Remove(files.key) }, "second"},
		{"with both back, the newest is", func() { files.write(t, files.cert, first.cert); files.write(t, files.key, first.key) }, "first"},
	} {
		step.change()
		if name, status := presented(t, client); name != step.want || status != "VALID" {
			t.Errorf("%s: got %q, %s, want %q, VALID", step.name, name, status, step.want)
		}
	}

	t.Run("the caller's transport presents none", func(t *testing.T) {
		if theirs.TLSClientConfig.GetClientCertificate != nil || theirs.TLSClientConfig.Certificates != nil || theirs.TLSClientConfig.MinVersion != 0 {
			t.Error("the caller's TLS configuration changed")
		}
		if name, status := presented(t, newClient(t, server.URL, klarna.WithHTTPClient(&http.Client{Transport: theirs}))); name != "" || status != "NOT_PRESENT" {
			t.Errorf("presented %q, %s", name, status)
		}
	})
	t.Run("a transport without a TLS configuration gets one", func(t *testing.T) {
		bare := &http.Transport{}
		defer bare.CloseIdleConnections()
		client := newClient(t, server.URL, klarna.WithHTTPClient(&http.Client{Transport: bare}), klarna.WithClientCertificate(certificate.Get), klarna.WithRetries(once))
		err := fail(t, client, authorize(), nil) // nobody trusts the server's certificate here
		if err.Outcome != klarna.OutcomeNotSent || bare.TLSClientConfig != nil && bare.TLSClientConfig.GetClientCertificate != nil {
			t.Errorf("%v", err)
		}
	})
}

func TestAnUnusableClientCertificateIsAnError(t *testing.T) {
	good, other := newPair(t, "a"), newPair(t, "b")
	missing := newCertFiles(t, good)
	os.Remove(missing.cert)
	for name, files := range map[string]*certFiles{
		"a missing file":                 missing,
		"the key of another certificate": newCertFiles(t, pair{good.cert, other.key}),
		"a file that is not PEM":         newCertFiles(t, pair{good.cert, []byte("x")}),
	} {
		certificate, err := klarna.LoadClientCertificate(files.cert, files.key)
		if certificate != nil || err == nil || !strings.HasPrefix(err.Error(), "klarna: client certificate: ") {
			t.Errorf("%s: %v, %v", name, certificate, err)
		}
	}
}

func TestAClientCertificateDoesNotPrintItsKey(t *testing.T) {
	files := newCertFiles(t, newPair(t, "a"))
	certificate, err := klarna.LoadClientCertificate(files.cert, files.key)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, certificate); got != "klarna.ClientCertificate" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
	if text, err := json.Marshal(map[string]any{"certificate": certificate}); err != nil || string(text) != `{"certificate":{}}` {
		t.Errorf("JSON %s, %v", text, err)
	}
}

func TestTLSBelow12IsRefused(t *testing.T) {
	server := tlsServer(t, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	old := trusting(t, server)
	old.TLSClientConfig.MinVersion = tls.VersionTLS10
	// A client that allows it reaches the server, so the failures below come from our client.
	if response, err := (&http.Client{Transport: old}).Get(server.URL); err != nil {
		t.Fatal(err)
	} else {
		response.Body.Close()
	}
	files := newCertFiles(t, newPair(t, "a"))
	certificate, err := klarna.LoadClientCertificate(files.cert, files.key)
	if err != nil {
		t.Fatal(err)
	}
	for name, options := range map[string][]klarna.Option{
		"by the client's own transport":                    {klarna.WithHTTPClient(nil)},
		"by the client's own transport with a certificate": {klarna.WithHTTPClient(nil), klarna.WithClientCertificate(certificate.Get)},
		"by the copy of a transport that allows it":        {klarna.WithHTTPClient(&http.Client{Transport: old}), klarna.WithClientCertificate(certificate.Get)},
	} {
		t.Run(name, func(t *testing.T) {
			err := fail(t, newClient(t, server.URL, append(options, klarna.WithRetries(once))...), authorize(), nil)
			if err.Outcome != klarna.OutcomeNotSent || !strings.Contains(err.Error(), "TLS: ") && !strings.Contains(err.Error(), "the connection failed") {
				t.Errorf("%v", err)
			}
		})
	}
	if old.TLSClientConfig.MinVersion != tls.VersionTLS10 {
		t.Error("the caller's transport changed")
	}
}
