package klarnatest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// SigningKey signs webhooks. No formatting verb prints its Secret.
type SigningKey struct {
	// ID names the key in the header Klarna-Signing-Key-Id.
	ID string
	// Secret is the key of the HMAC. Its bytes are used as they are and never decoded, although
	// they look like base64.
	Secret string `json:"-"`
}

// signingKey is a key with its account.
type signingKey struct {
	SigningKey
	createdAt time.Time
}

func (s *Server) newSigningKey() *signingKey {
	k := &signingKey{
		SigningKey: SigningKey{
			ID:     "krn:partner:global:notification:signing-key:" + uuid.NewString(),
			Secret: base64.StdEncoding.EncodeToString([]byte(rand.Text() + rand.Text())),
		},
		createdAt: s.clock.now(),
	}
	s.signingKeys.add(k.ID, k)
	s.touch(k)
	return k
}

// NewSigningKey creates a key for a webhook that the test creates over the API.
func (s *Server) NewSigningKey() SigningKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newSigningKey().SigningKey
}

// SigningKeys returns every signing key, in order of creation.
func (s *Server) SigningKeys() []SigningKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]SigningKey, 0, len(s.signingKeys.byID))
	for _, k := range s.signingKeys.all() {
		list = append(list, k.SigningKey)
	}
	return list
}

// maxSigningKeys is the number of keys that an account may have.
const maxSigningKeys = 50

type signingKeyBody struct {
	ID        string    `json:"signing_key_id"`
	Secret    string    `json:"signing_key,omitempty"` // only in the answer to the creation
	CreatedAt time.Time `json:"created_at"`
}

func (k *signingKey) body() signingKeyBody { return signingKeyBody{ID: k.ID, CreatedAt: k.createdAt} }

func (s *Server) createSigningKey(*call) answer {
	if len(s.signingKeys.byID) >= maxSigningKeys {
		return forbidden("an account has at most %d signing keys", maxSigningKeys)
	}
	k := s.newSigningKey()
	body := k.body()
	body.Secret = k.Secret
	return reply(http.StatusCreated, body)
}

func (s *Server) listSigningKeys(*call) answer {
	list := make([]signingKeyBody, 0, len(s.signingKeys.all()))
	for _, k := range s.signingKeys.all() {
		list = append(list, k.body())
	}
	return reply(http.StatusOK, map[string]any{"signing_keys": list})
}

func (s *Server) readSigningKey(c *call) answer {
	k, ok := s.signingKeys.byID[c.resource]
	if !ok {
		return notFound("signing key")
	}
	return reply(http.StatusOK, k.body())
}

// deleteSigningKey refuses to delete a key that a webhook still uses. Klarna's documentation does
// not say what happens to such a webhook. Without a key a receiver would refuse every delivery, so
// a client that tries this has made a mistake, and the refusal reports it.
func (s *Server) deleteSigningKey(c *call) answer {
	k, ok := s.signingKeys.byID[c.resource]
	if !ok {
		return notFound("signing key")
	}
	for _, sub := range s.subscriptions.all() {
		if sub.key == k {
			return conflict("the webhook " + sub.id + " is signed with this key")
		}
	}
	s.signingKeys.remove(k.ID)
	s.drop(k)
	return answer{status: http.StatusNoContent}
}

// sign returns the lowercase hex HMAC-SHA256 of body.
func (k SigningKey) sign(body []byte) string {
	mac := hmac.New(sha256.New, []byte(k.Secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// String returns the key's ID without its Secret.
func (k SigningKey) String() string { return "SigningKey(" + k.ID + ")" }

// GoString returns the key's ID without its Secret.
func (k SigningKey) GoString() string { return k.String() }

// Format writes the key's ID without its Secret, for every verb.
func (k SigningKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }
