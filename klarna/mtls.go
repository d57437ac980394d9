package klarna

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
)

// ClientCertificate is a client certificate in two PEM files. It is read again when the files are
// replaced. It is safe for concurrent use.
type ClientCertificate struct {
	certFile, keyFile string

	mu      sync.Mutex
	stamp   [2]fileStamp
	current *tls.Certificate
}

// fileStamp identifies the version of a file that was read.
type fileStamp struct {
	modified int64 // Unix nanoseconds
	size     int64
}

// LoadClientCertificate reads the certificate chain and the private key from PEM files:
//
//	certificate, err := klarna.LoadClientCertificate("klarna.crt", "klarna.key")
//	…
//	client, err := klarna.NewClient(apiKey, klarna.WithClientCertificate(certificate.Get))
//
// It returns an error if a file cannot be read or the key does not belong to the certificate.
func LoadClientCertificate(certFile, keyFile string) (*ClientCertificate, error) {
	c := &ClientCertificate{certFile: certFile, keyFile: keyFile}
	stamp, err := c.stat()
	if err != nil {
		return nil, err
	}
	if err := c.load(stamp); err != nil {
		return nil, err
	}
	return c, nil
}

// Get returns the certificate. It reads the files again if one has changed. If they cannot be read,
// for example because only one of them has been replaced so far, Get returns the last certificate
// that could be read. Its error is always nil. Get has the signature of the field
// GetClientCertificate of [tls.Config].
func (c *ClientCertificate) Get(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if stamp, err := c.stat(); err == nil && stamp != c.stamp {
		// After an error the stamp is still the old one, so the next handshake reads the files
		// again.
		_ = c.load(stamp)
	}
	return c.current, nil
}

func (c *ClientCertificate) load(stamp [2]fileStamp) error {
	certificate, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("klarna: client certificate: %w", err)
	}
	c.current, c.stamp = &certificate, stamp
	return nil
}

func (c *ClientCertificate) stat() ([2]fileStamp, error) {
	var stamp [2]fileStamp
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return stamp, fmt.Errorf("klarna: client certificate: %w", err)
		}
		stamp[i] = fileStamp{info.ModTime().UnixNano(), info.Size()}
	}
	return stamp, nil
}

// String returns the name of the type, so that the key is not printed.
func (c *ClientCertificate) String() string { return "klarna.ClientCertificate" }

// GoString returns what String does.
func (c *ClientCertificate) GoString() string { return c.String() }
