package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// customer simulates a person with a browser. It does not follow redirects automatically, so that
// each is a step of its own.
type customer struct {
	http     *http.Client
	merchant string
}

// chooseKlarna opens the checkout and pays with Klarna. It returns the URL that the merchant
// redirects the customer to, or "".
func (c *customer) chooseKlarna(ctx context.Context, sessionToken string) (string, error) {
	if _, err := c.visit(ctx, http.MethodGet, c.merchant+"/checkout", nil); err != nil {
		return "", err
	}
	form := url.Values{"method": {"klarna"}}
	if sessionToken != "" {
		form.Set("klarna_network_session_token", sessionToken)
	}
	response, err := c.visit(ctx, http.MethodPost, c.merchant+"/checkout", form)
	if err != nil {
		return "", err
	}
	return response.location, nil
}

// comeBack follows Klarna's redirect to the merchant.
func (c *customer) comeBack(ctx context.Context, returnURL string) error {
	_, err := c.visit(ctx, http.MethodGet, returnURL, nil)
	return err
}

// order reads what the merchant knows of the order.
func (c *customer) order(ctx context.Context) (orderAnswer, error) {
	var answer orderAnswer
	response, err := c.visit(ctx, http.MethodGet, c.merchant+"/order", nil)
	if err != nil {
		return answer, err
	}
	return answer, json.Unmarshal(response.body, &answer)
}

type page struct {
	body     []byte
	location string
}

func (c *customer) visit(ctx context.Context, method, address string, form url.Values) (page, error) {
	r, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return page{}, err
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := c.http.Do(r)
	if err != nil {
		return page{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return page{}, err
	}
	if response.StatusCode >= http.StatusBadRequest {
		return page{}, fmt.Errorf("the merchant answered %s: %s", response.Status, strings.TrimSpace(string(body)))
	}
	return page{body, response.Header.Get("Location")}, nil
}
