package webhook

import (
	"bytes"
	"context"
	"net/http"
	"slices"

	"github.com/klarna-go/klarna-go/internal/strictjson"
)

// NewTestRequest makes the request that Klarna would send for an event, signed with key, for tests of a receiver. The payload is
// encoded as JSON; a RawJSON is sent byte for byte, also when it is no JSON.
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
	head, err := strictjson.Marshal(metadata)
	if err != nil {
		return nil, err
	}
	// Encoding would write the escapes of a raw payload in its own way.
	tail, raw := payload.(RawJSON)
	if !raw {
		if tail, err = strictjson.Marshal(payload); err != nil {
			return nil, err
		}
	}
	return slices.Concat([]byte(`{"metadata":`), head, []byte(`,"payload":`), tail, []byte("}")), nil
}
