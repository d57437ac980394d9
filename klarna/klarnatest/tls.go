package klarnatest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"time"
)

// WithTLS serves https with a certificate for loopback, issued by the server's own authority.
// [Server.Client] trusts it. The server supports HTTP/1.1 and at least TLS 1.2. It asks for a
// client certificate but does not require one: the header Klarna-Mtls-Verification-Status of every
// answer reports the certificate's validity, by wall-clock time.
func WithTLS() Option { return func(c *config) { c.tls = true } }

// WithClientCertificates makes client certificates of other authorities VALID, as well as those
// that [Server.IssueClientCertificate] creates. It implies [WithTLS].
func WithClientCertificates(authorities *x509.CertPool) Option {
	return func(c *config) { c.tls, c.clientCAs = true, authorities }
}

// authority issues the certificates of one server.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pool        *x509.CertPool
	others      *x509.CertPool // authorities of other valid client certificates, nil for none
}

// newAuthority returns the authority that a state file kept, if it is still valid, or a new one.
func newAuthority(kept *savedAuthority, others *x509.CertPool) (*authority, error) {
	a := &authority{others: others, pool: x509.NewCertPool()}
	if kept != nil {
		var err error
		if a.certificate, a.key, err = kept.restore(); err != nil {
			return nil, fmt.Errorf("klarnatest: certificate in the state file: %w", err)
		}
		if time.Now().Before(a.certificate.NotAfter) {
			a.pool.AddCert(a.certificate)
			return a, nil
		}
		a.certificate = nil
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "klarnatest authority"},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	issued, err := a.issue(template)
	if err != nil {
		return nil, err
	}
	a.pool.AddCert(issued.Leaf)
	return a, nil
}

// issue signs a certificate; the first one is the authority's own.
func (a *authority) issue(template *x509.Certificate) (tls.Certificate, error) {
	// Klarna issues keys on this curve.
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("klarnatest: certificate: %w", err)
	}
	serial := make([]byte, 16)
	_, _ = rand.Read(serial) // never returns an error
	template.SerialNumber = new(big.Int).SetBytes(serial)
	template.NotBefore = time.Now().Add(-time.Hour)
	template.NotAfter = time.Now().AddDate(1, 0, 0)
	if a.certificate == nil {
		a.certificate, a.key = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("klarnatest: certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("klarnatest: certificate: %w", err)
	}
	if template == a.certificate {
		a.certificate = leaf
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

func (a *authority) save() *savedAuthority {
	key, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		// The package created the key.
		panic(fmt.Sprintf("klarnatest: encode the authority's key: %v", err))
	}
	return &savedAuthority{a.certificate.Raw, key}
}

func (saved *savedAuthority) restore() (*x509.Certificate, *ecdsa.PrivateKey, error) {
	certificate, err := x509.ParseCertificate(saved.Certificate)
	if err != nil {
		return nil, nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(saved.Key)
	if err != nil {
		return nil, nil, err
	}
	ours, ok := key.(*ecdsa.PrivateKey)
	if !ok || !ours.PublicKey.Equal(certificate.PublicKey) {
		return nil, nil, errors.New("the key is not that of the certificate")
	}
	return certificate, ours, nil
}

func (a *authority) serverConfig() (*tls.Config, error) {
	own, err := a.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: "klarnatest"},
		DNSNames:    []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		Certificates: []tls.Certificate{own},
		ClientAuth:   tls.RequestClientCert,
		MinVersion:   tls.VersionTLS12,
	}, nil
}

// verify returns the Klarna-Mtls-Verification-Status of a connection.
func (a *authority) verify(state *tls.ConnectionState) string {
	if a == nil || state == nil || len(state.PeerCertificates) == 0 {
		return "NOT_PRESENT"
	}
	intermediates := x509.NewCertPool()
	for _, certificate := range state.PeerCertificates[1:] {
		intermediates.AddCert(certificate)
	}
	for _, roots := range []*x509.CertPool{a.pool, a.others} {
		if roots == nil {
			continue // a nil pool would mean the system's authorities
		}
		_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{
			Roots:         roots,
			Intermediates: intermediates,
			KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		})
		if err == nil {
			return "VALID"
		}
	}
	return "INVALID"
}

// Certificate returns the certificate of the authority that a client must trust. It returns nil
// without [WithTLS].
func (s *Server) Certificate() *x509.Certificate {
	if s.authority == nil {
		return nil
	}
	return s.authority.certificate
}

// IssueClientCertificate creates a client certificate with its key, as Klarna issues them for mTLS.
// The server reports it as VALID. IssueClientCertificate returns an error without [WithTLS].
func (s *Server) IssueClientCertificate() (tls.Certificate, error) {
	if s.authority == nil {
		return tls.Certificate{}, errors.New("klarnatest: a client certificate needs WithTLS")
	}
	return s.authority.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: s.PartnerAccountID},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
}

// Client returns a new HTTP client that reaches the server, also if the server has no socket. The
// client trusts the server's certificate and presents the given certificates. Its connections end
// with the server.
func (s *Server) Client(certificates ...tls.Certificate) *http.Client {
	if s.http == nil {
		return &http.Client{Transport: s.Transport()}
	}
	transport := &http.Transport{}
	if s.authority != nil {
		transport.TLSClientConfig = &tls.Config{
			RootCAs:      s.authority.pool,
			Certificates: certificates,
			MinVersion:   tls.VersionTLS12,
		}
	}
	return &http.Client{Transport: transport}
}
