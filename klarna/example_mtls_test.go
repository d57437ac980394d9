package klarna_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"

	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// The certificate is read from files, and again when they are replaced.
func ExampleLoadClientCertificate() {
	server, err := klarnatest.Start(klarnatest.WithTLS())
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	folder, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	certFile, keyFile := filepath.Join(folder, "klarna.crt"), filepath.Join(folder, "klarna.key")
	if err := issue(server, certFile, keyFile); err != nil {
		log.Fatal(err)
	}

	certificate, err := klarna.LoadClientCertificate(certFile, keyFile)
	if err != nil {
		log.Fatal(err)
	}
	client, err := klarna.NewClient(server.APIKey, klarna.WithBaseURL(server.URL),
		klarna.WithHTTPClient(server.Client()), // trusts the certificate of the test server
		klarna.WithClientCertificate(certificate.Get))
	if err != nil {
		log.Fatal(err)
	}
	var response klarna.Response
	_, err = client.Do(context.Background(), klarna.Call{
		Operation: "shop.webhook.list", Method: http.MethodGet, Route: "notification/webhooks",
	}, nil, klarna.WithResponse(&response))
	fmt.Println(response.MTLSStatus, err)
	// Output: VALID <nil>
}

// issue writes a client certificate for the test server into two PEM files.
func issue(server *klarnatest.Server, certFile, keyFile string) error {
	issued, err := server.IssueClientCertificate()
	if err != nil {
		return err
	}
	key, err := x509.MarshalPKCS8PrivateKey(issued.PrivateKey)
	if err != nil {
		return err
	}
	if err := os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issued.Certificate[0]}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600)
}
