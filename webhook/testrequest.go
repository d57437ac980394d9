package webhook

import (
	"bytes"
	"context"
	"net/http"
	"slices"

	"github.com/klarna-go/klarna-go/internal/wire"
)

// NewTestRequest returns the request that Klarna sends for an event, signed with key. It is for
// tests of a receiver. The payload is encoded as JSON. A [RawJSON] is sent byte for byte, even if
// it is not valid JSON.
func NewTestRequest(ctx context.Context, url string, key Key, metadata Metadata, payload any) (*http.Request, error) {
	body, err := testBody(metadata, payload)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(HeaderSignature, Sign(key.Secret, body))
	if key.ID != "" {
		r.Header.Set(HeaderSigningKeyID, key.ID)
	}
	return r, nil
}

func testBody(metadata Metadata, payload any) ([]byte, error) {
	head, err := wire.Encode(metadata.encode)
	if err != nil {
		return nil, err
	}
	// A raw payload is not encoded, because that would change its escapes.
	raw, isRaw := payload.(RawJSON)
	tail := raw.Bytes()
	if !isRaw {
		if tail, err = encodePayload(payload); err != nil {
			return nil, err
		}
	}
	return slices.Concat([]byte(`{"metadata":`), head, []byte(`,"payload":`), tail, []byte("}")), nil
}

// encodePayload encodes a payload including its secrets, which the receiver under test needs.
func encodePayload(payload any) ([]byte, error) {
	switch p := payload.(type) {
	case PaymentRequest:
		return wire.Encode(p.encode)
	case PaymentTransaction:
		return wire.Encode(p.encode)
	case PaymentDispute:
		return wire.Encode(p.encode)
	case interface{ encode(w *wire.Writer) }:
		return wire.Encode(p.encode)
	default:
		return wire.EncodeAny(payload)
	}
}
