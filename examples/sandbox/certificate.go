package main

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// caFile returns the name of the file with the certificate that clients must trust.
func (s settings) caFile() string { return filepath.Join(s.tls, "ca.pem") }

// writeCertificates writes the certificate that clients must trust, and a client certificate with
// its key that the sandbox accepts as VALID.
func writeCertificates(server *klarnatest.Server, directory string) error {
	certificate, err := server.IssueClientCertificate()
	if err != nil {
		return err
	}
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return err
	}
	for _, file := range []struct {
		name, kind string
		der        []byte
	}{
		{"ca.pem", "CERTIFICATE", server.Certificate().Raw},
		{"client.pem", "CERTIFICATE", certificate.Certificate[0]},
		{"client-key.pem", "PRIVATE KEY", key},
	} {
		text := pem.EncodeToMemory(&pem.Block{Type: file.kind, Bytes: file.der})
		if err := os.WriteFile(filepath.Join(directory, file.name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}
