package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// handwritten is what a competent engineer writes without this module: net/http, encoding/json and
// crypto/hmac, with the same headers, the same decoded members, error codes and limited bodies. It
// has no retries, logs, redaction or local validation, and does not determine whether a failed call
// was executed.
type handwritten struct {
	do       func(*http.Request) (*http.Response, error)
	base     string
	account  string
	apiKey   string
	metadata string
}

// hwError is Klarna's error.
type hwError struct {
	Status           int
	ID               string `json:"error_id"`
	Type             string `json:"error_type"`
	Code             string `json:"error_code"`
	Message          string `json:"error_message"`
	ValidationErrors []struct {
		Parameter string `json:"parameter"`
		Reason    string `json:"reason"`
	} `json:"validation_errors"`
}

func (e *hwError) Error() string {
	return fmt.Sprintf("klarna: %d %s (error_id %s)", e.Status, e.Code, e.ID)
}

func (c *handwritten) presentation(ctx context.Context, currency, locale string, amount int64) (*hwPresentation, error) {
	query := url.Values{}
	query.Set("currency", currency)
	query.Set("locale", locale)
	query.Set("amount", strconv.FormatInt(amount, 10))
	query.Add("intents[]", "PAY")
	answer := new(hwPresentation)
	if err := c.call(ctx, http.MethodGet, "/payment/presentation?"+query.Encode(), "", nil, answer); err != nil {
		return nil, err
	}
	return answer, nil
}

// hwNamespace is the namespace of the idempotency keys.
var hwNamespace = uuid.MustParse("d1c7ea85-12a9-4fd6-9d52-2f5f6d0f3c0e")

func (c *handwritten) authorize(ctx context.Context, request *hwAuthorizeRequest) (*hwAuthorization, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	key := uuid.NewSHA1(hwNamespace, []byte(request.RequestPaymentTransaction.PaymentTransactionReference)).String()
	answer := new(hwAuthorization)
	if err := c.call(ctx, http.MethodPost, "/payment/authorize", key, body, answer); err != nil {
		return nil, err
	}
	return answer, nil
}

func (c *handwritten) call(ctx context.Context, method, path, idempotencyKey string, body []byte, answer any) error {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+"/v2/accounts/"+c.account+path, reader)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Basic "+c.apiKey)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "gateway/1.0")
	request.Header.Set("Partner-Correlation-Id", strings.ReplaceAll(uuid.NewString(), "-", ""))
	request.Header.Set("Klarna-Integration-Metadata", c.metadata)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Klarna-Idempotency-Key", idempotencyKey)
	}
	response, err := c.do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 4<<20))
	if err != nil {
		return err
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		failure := &hwError{Status: response.StatusCode}
		// If the body is not Klarna's, the status remains.
		_ = json.Unmarshal(text, failure)
		return failure
	}
	return json.Unmarshal(text, answer)
}

var errSignature = errors.New("the signature is wrong")

// hwVerify checks a delivery with the key that its header names.
func hwVerify(keys map[string]string, header http.Header, body []byte) error {
	signature, err := hex.DecodeString(header.Get("Klarna-Signature"))
	if err != nil {
		return err
	}
	key, ok := keys[header.Get("Klarna-Signing-Key-Id")]
	if !ok {
		return errSignature
	}
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(body)
	if !hmac.Equal(signature, mac.Sum(nil)) {
		return errSignature
	}
	return nil
}

// hwReceive verifies and decodes a delivery.
func hwReceive(keys map[string]string, header http.Header, body []byte) (*hwEvent, error) {
	if err := hwVerify(keys, header, body); err != nil {
		return nil, err
	}
	event := new(hwEvent)
	if err := json.Unmarshal(body, event); err != nil {
		return nil, err
	}
	return event, nil
}
