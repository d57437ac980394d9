package klarna

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
)

// ClientCertificate is a client certificate in two PEM files that may be replaced while the program
// runs.
type ClientCertificate struct {
	certFile, keyFile string

	mu      sync.Mutex
	stamp   [2]fileStamp
	current *tls.Certificate
}

// fileStamp tells a replaced file from the one that was read.
type fileStamp struct {
	modified int64 // Unix nanoseconds
	size     int64
}

// LoadClientCertificate reads the certificate chain and the private key from PEM files:
//
//	certificate, err := klarna.LoadClientCertificate("klarna.crt", "klarna.key")
//	…
//	client, err := klarna.NewClient(apiKey, klarna.WithClientCertificate(certificate.Get))
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

// Get returns the certificate, read again if a file has changed. While the files cannot be read, as
// in the moment between the replacement of the two, it returns the last good one. It has the
// signature of tls.Config.GetClientCertificate.
func (c *ClientCertificate) Get(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if stamp, err := c.stat(); err == nil && stamp != c.stamp {
		// The error is not lost for good: the files stay different from the stamp, so the next handshake
		// reads them again.
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

// String returns the name of the type: the key must not be printed.
func (c *ClientCertificate) String() string { return "klarna.ClientCertificate" }

// GoString returns what String does.
func (c *ClientCertificate) GoString() string { return c.String() }
