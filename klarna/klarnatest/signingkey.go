package klarnatest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/google/uuid"
)

// SigningKey signs webhooks. No formatting verb prints its Secret.
type SigningKey struct {
	// ID names the key in the header Klarna-Signing-Key-Id.
	ID string
	// Secret is the key of the HMAC, its bytes exactly as they are here: never decoded, although it looks like base64.
	Secret string `json:"-"`
}

func newSigningKey() SigningKey {
	return SigningKey{
		ID:     "krn:partner:global:notification:signing-key:" + uuid.NewString(),
		Secret: base64.StdEncoding.EncodeToString([]byte(rand.Text() + rand.Text())),
	}
}

// sign returns the lowercase hex HMAC-SHA256 of body.
func (k SigningKey) sign(body []byte) string {
	mac := hmac.New(sha256.New, []byte(k.Secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// String names the key without its Secret.
func (k SigningKey) String() string { return "SigningKey(" + k.ID + ")" }

// GoString names the key without its Secret.
func (k SigningKey) GoString() string { return k.String() }

// Format writes the key without its Secret, whatever the verb.
func (k SigningKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }
