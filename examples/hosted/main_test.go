package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
)

func environment(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

func TestItPrintsAURLUntilItIsInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	reader, stdout := io.Pipe()
	var stderr bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"-addr", "127.0.0.1:0"}, environment(nil), stdout, &stderr)
		stdout.Close()
	}()
	line := make([]byte, 200)
	n, err := reader.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	text := string(line[:n])
	if strings.Count(text, "http://") != 1 {
		t.Errorf("it prints %q", text)
	}
	url, _, _ := strings.Cut(text[strings.Index(text, "http://"):], " ")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if page, err := io.ReadAll(response.Body); err != nil || !strings.Contains(string(page), "<h1>Your cart</h1>") {
		t.Errorf("%d %v", response.StatusCode, err)
	}
	interrupt()
	if rest, err := io.ReadAll(reader); err != nil || len(rest) > 0 {
		t.Errorf("then it prints %q, %v", rest, err)
	}
	if got := <-code; got != 0 {
		t.Errorf("exit %d: %s", got, &stderr)
	}
}

func TestWhatItCannotDoItSays(t *testing.T) {
	all := map[string]string{"KLARNA_API_KEY": "klarna_test_api_x", "KLARNA_PARTNER_ACCOUNT_ID": "a", "KLARNA_CLIENT_ID": "klarna_test_client_x"}
	with := func(name, value string) map[string]string {
		m := map[string]string{name: value}
		for k, v := range all {
			if k != name {
				m[k] = v
			}
		}
		return m
	}
	for name, test := range map[string]struct {
		args        []string
		environment map[string]string
		code        int
		want        string
	}{
		"a flag that there is not":    {[]string{"-port", "1"}, nil, 2, "flag provided but not defined"},
		"help":                        {[]string{"-h"}, nil, 0, "address of the shop"},
		"a client id that is missing": {nil, with("KLARNA_CLIENT_ID", ""), 1, "KLARNA_CLIENT_ID missing in the environment"},
		"a key that is missing":       {nil, with("KLARNA_API_KEY", ""), 1, "KLARNA_API_KEY missing in the environment"},
		"a live key":                  {nil, with("KLARNA_API_KEY", "klarna_live_api_x"), 1, "needs test credentials"},
		"a live client id":            {nil, with("KLARNA_CLIENT_ID", "klarna_live_client_x"), 1, "needs test credentials"},
		"an address that is none":     {[]string{"-addr", "nowhere"}, nil, 1, "nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), test.args, environment(test.environment), &stdout, &stderr); code != test.code {
				t.Errorf("exit %d", code)
			}
			if !strings.Contains(stderr.String(), test.want) || stdout.Len() > 0 {
				t.Errorf("stderr %q, stdout %q", &stderr, &stdout)
			}
		})
	}
}

func TestCredentialsLeadToKlarnasTestHost(t *testing.T) {
	got, err := testHost(environment(map[string]string{
		"KLARNA_API_KEY": "klarna_test_api_x", "KLARNA_PARTNER_ACCOUNT_ID": "a", "KLARNA_CLIENT_ID": "klarna_test_client_x", "KLARNA_BASE_URL": "https://host.example",
	}))
	if err != nil || got == nil || got.APIKey.Reveal() != "klarna_test_api_x" || got.PartnerAccountID != "a" || got.ClientID != "klarna_test_client_x" ||
		got.BaseURL != "https://host.example" {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := testHost(environment(nil)); got != nil || err != nil {
		t.Errorf("without any: %v, %v", got, err)
	}
}
