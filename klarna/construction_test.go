package klarna_test

import (
	"crypto/tls"
	"encoding/base64"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"

	"github.com/klarna-go/klarna-go/klarna"
)

func TestNewClientRefuses(t *testing.T) {
	local := klarna.WithBaseURL("http://127.0.0.1:1")
	tests := map[string]struct {
		key     string
		options []klarna.Option
		want    string
	}{
		"an empty key":                          {"", nil, "the API key is empty"},
		"a key with a line break":               {testKey + "\n", nil, "white space"},
		"a key that begins with a space":        {" " + testKey, nil, "white space"},
		"a key with letters that are not ASCII": {testKey + "é", nil, "characters that no key has"},
		"a test client id":                      {"klarna_test_client_L0FGX", nil, "client id"},
		"a live client id":                      {"klarna_live_client_L0FGX", nil, "client id"},
		"a client id even with a base URL":      {"klarna_live_client_L0FGX", []klarna.Option{local}, "client id"},
		"a key of unknown environment":          {"PK12345_abcdef", nil, "environment is unknown"},
		"a test key with the live host":         {testKey, []klarna.Option{klarna.WithBaseURL("https://api-global.klarna.com")}, "a test key does not work on the live host"},
		"a live key with the test host":         {liveKey, []klarna.Option{klarna.WithBaseURL("https://api-global.test.klarna.com/v2")}, "a live key does not work on the test host"},
		"a test key with the live host in capitals, with port and dot": {
			testKey, []klarna.Option{klarna.WithBaseURL("https://API-Global.Klarna.com.:443")}, "does not work on the live host",
		},
		"clear text to a host that is not loopback":  {testKey, []klarna.Option{klarna.WithBaseURL("http://10.0.0.1")}, "must be https"},
		"clear text to a name that starts localhost": {testKey, []klarna.Option{klarna.WithBaseURL("http://localhost.evil.com")}, "must be https"},
		"clear text to a name that looks like an IP": {testKey, []klarna.Option{klarna.WithBaseURL("http://127.0.0.1.evil.com")}, "must be https"},
		"another scheme":                            {testKey, []klarna.Option{klarna.WithBaseURL("ftp://127.0.0.1")}, "must be https"},
		"a base URL without a scheme":               {testKey, []klarna.Option{klarna.WithBaseURL("api-global.test.klarna.com")}, "no host"},
		"a base URL with a port for a host":         {testKey, []klarna.Option{klarna.WithBaseURL("https://:8443")}, "no host"},
		"an opaque base URL":                        {testKey, []klarna.Option{klarna.WithBaseURL("https:klarna.invalid")}, "no host"},
		"user information in the base URL":          {testKey, []klarna.Option{klarna.WithBaseURL("https://me:secret@klarna.invalid")}, "must not contain user information, a query or a fragment"},
		"a query in the base URL":                   {testKey, []klarna.Option{klarna.WithBaseURL("https://klarna.invalid?a=b")}, "must not contain user information, a query or a fragment"},
		"an empty query in the base URL":            {testKey, []klarna.Option{klarna.WithBaseURL("https://klarna.invalid?")}, "must not contain user information, a query or a fragment"},
		"a fragment in the base URL":                {testKey, []klarna.Option{klarna.WithBaseURL("https://klarna.invalid#a")}, "must not contain user information, a query or a fragment"},
		"a base URL that cannot be parsed":          {testKey, []klarna.Option{klarna.WithBaseURL("https://me:secret@klarna.invalid:x")}, "cannot be parsed"},
		"an empty base URL":                         {testKey, []klarna.Option{klarna.WithBaseURL("")}, "the URL is empty"},
		"an empty username":                         {testKey, []klarna.Option{klarna.WithUsername("")}, "the username is empty"},
		"a username with a colon":                   {testKey, []klarna.Option{klarna.WithUsername("a:b")}, "contains a colon"},
		"a username with a line break":              {testKey, []klarna.Option{klarna.WithUsername("a\nb")}, "a line break"},
		"a username with an encoding":               {testKey, []klarna.Option{klarna.WithUsername("a"), klarna.WithAuthEncoding(klarna.AuthEncodingKeyAsPassword)}, "cannot be combined"},
		"an unknown encoding":                       {testKey, []klarna.Option{klarna.WithAuthEncoding(9)}, "unknown AuthEncoding 9"},
		"negative attempts":                         {testKey, []klarna.Option{klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: -1})}, "negative"},
		"a negative shortest pause":                 {testKey, []klarna.Option{klarna.WithRetries(klarna.RetryPolicy{MinWait: -1})}, "negative"},
		"a negative longest pause":                  {testKey, []klarna.Option{klarna.WithRetries(klarna.RetryPolicy{MaxWait: -1})}, "negative"},
		"a negative server pause":                   {testKey, []klarna.Option{klarna.WithRetries(klarna.RetryPolicy{MaxServerWait: -1})}, "negative"},
		"a negative attempt time":                   {testKey, []klarna.Option{klarna.WithRetries(klarna.RetryPolicy{AttemptTimeout: -1})}, "negative"},
		"a negative budget":                         {testKey, []klarna.Option{klarna.WithRetries(klarna.RetryPolicy{Budget: -1})}, "negative"},
		"a shortest pause above the longest":        {testKey, []klarna.Option{klarna.WithRetries(klarna.RetryPolicy{MinWait: time.Minute})}, "MinWait is above MaxWait"},
		"a rate of zero":                            {testKey, []klarna.Option{klarna.WithRateLimit(0, 1)}, "the rate must be above 0"},
		"a rate that is not a number":               {testKey, []klarna.Option{klarna.WithRateLimit(math.NaN(), 1)}, "the rate must be above 0"},
		"a burst of zero":                           {testKey, []klarna.Option{klarna.WithRateLimit(1, 0)}, "the burst at least 1"},
		"a maximum response size of zero":           {testKey, []klarna.Option{klarna.WithMaxResponseBytes(0)}, "at least 1"},
		"metadata without a name":                   {testKey, []klarna.Option{klarna.WithIntegrationMetadata(klarna.IntegrationMetadata{})}, "integrator.name: 1 to 50"},
		"a nil function for the client certificate": {testKey, []klarna.Option{klarna.WithClientCertificate(nil)}, "the function is nil"},
		"a client certificate with another transport": {
			testKey, []klarna.Option{
				klarna.WithHTTPClient(&http.Client{Transport: httpmock.NewMockTransport()}),
				klarna.WithClientCertificate(func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return nil, nil }),
			}, "is not an *http.Transport",
		},
		"middleware that returns nothing": {testKey, []klarna.Option{klarna.WithMiddleware(func(http.RoundTripper) http.RoundTripper { return nil })}, "middleware returned nil"},
		"two problems, both reported":     {testKey, []klarna.Option{klarna.WithRateLimit(0, 1), klarna.WithBaseURL("")}, "the rate must be above 0 and the burst at least 1, not 0 and 1\nklarna: WithBaseURL"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client, err := klarna.NewClient(test.key, test.options...)
			if err == nil || client != nil {
				t.Fatalf("got client %v, error %v", client, err)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q does not say %q", err, test.want)
			}
			if strings.Contains(err.Error(), "secret") || test.key != "" && strings.Contains(err.Error(), test.key) {
				t.Errorf("error %q quotes its input", err)
			}
		})
	}
}

func TestTheKeyDecidesEnvironmentAndHost(t *testing.T) {
	tests := map[string]struct {
		key     string
		options []klarna.Option
		env     klarna.Environment
		url     string
	}{
		"a test key":            {testKey, nil, klarna.EnvironmentTest, "https://api-global.test.klarna.com/v2/payment/authorize"},
		"a live key":            {liveKey, nil, klarna.EnvironmentLive, "https://api-global.klarna.com/v2/payment/authorize"},
		"a key of another kind": {"PK12345_abcdef", []klarna.Option{klarna.WithBaseURL("https://klarna.invalid")}, "", "https://klarna.invalid/v2/payment/authorize"},
		"its own host by name":  {testKey, []klarna.Option{klarna.WithBaseURL("https://api-global.test.klarna.com")}, klarna.EnvironmentTest, "https://api-global.test.klarna.com/v2/payment/authorize"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			mock := httpmock.NewMockTransport()
			mock.RegisterResponder("POST", test.url, httpmock.NewStringResponder(200, `{}`))
			client, err := klarna.NewClient(test.key, append(test.options, klarna.WithHTTPClient(&http.Client{Transport: mock}), nil)...)
			if err != nil {
				t.Fatal(err)
			}
			if got := client.Environment(); got != test.env {
				t.Errorf("environment %q, want %q", got, test.env)
			}
			succeed(t, client, authorize(), nil, nil)
			if got := mock.GetTotalCallCount(); got != 1 {
				t.Errorf("%d calls", got)
			}
		})
	}
}

func TestBaseURLs(t *testing.T) {
	tests := map[string]struct{ base, want string }{
		"only a host":                                {"https://klarna.invalid", "https://klarna.invalid/v2/payment/authorize"},
		"a slash at the end":                         {"https://klarna.invalid/", "https://klarna.invalid/v2/payment/authorize"},
		"with the version":                           {"https://klarna.invalid/v2", "https://klarna.invalid/v2/payment/authorize"},
		"with the version and a slash":               {"https://klarna.invalid/v2/", "https://klarna.invalid/v2/payment/authorize"},
		"a path prefix":                              {"https://klarna.invalid/egress/klarna", "https://klarna.invalid/egress/klarna/v2/payment/authorize"},
		"a path prefix with the version":             {"https://klarna.invalid/egress/v2", "https://klarna.invalid/egress/v2/payment/authorize"},
		"a prefix that only ends like it":            {"https://klarna.invalid/apiv2", "https://klarna.invalid/apiv2/v2/payment/authorize"},
		"clear text to localhost":                    {"http://LocalHost:81", "http://LocalHost:81/v2/payment/authorize"},
		"clear text to another loopback address":     {"http://127.8.9.10", "http://127.8.9.10/v2/payment/authorize"},
		"clear text to the loopback address of IPv6": {"http://[::1]:81", "http://[::1]:81/v2/payment/authorize"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got string
			client := stubbed(t, func(r *http.Request) (*http.Response, error) {
				got = r.URL.String()
				return respond(r, 200, "{}"), nil
			}, klarna.WithBaseURL(test.base))
			succeed(t, client, authorize(), nil)
			if got != test.want {
				t.Errorf("called %s, want %s", got, test.want)
			}
		})
	}
}

func TestAuthorizationEncodings(t *testing.T) {
	encode := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	tests := map[string]struct {
		options []klarna.Option
		want    string
	}{
		"the raw key by default":    {nil, "Basic " + testKey},
		"the raw key":               {[]klarna.Option{klarna.WithAuthEncoding(klarna.AuthEncodingRaw)}, "Basic " + testKey},
		"the key as a password":     {[]klarna.Option{klarna.WithAuthEncoding(klarna.AuthEncodingKeyAsPassword)}, encode(":" + testKey)},
		"the key as a username":     {[]klarna.Option{klarna.WithAuthEncoding(klarna.AuthEncodingKeyAsUsername)}, encode(testKey + ":")},
		"a username before the key": {[]klarna.Option{klarna.WithUsername("2f1c")}, encode("2f1c:" + testKey)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server, requests := recorder(t, 200, "{}")
			succeed(t, newClient(t, server.URL, test.options...), authorize(), nil)
			if got := requests.only(t).Header.Get("Authorization"); got != test.want {
				t.Errorf("Authorization: %s, want %s", got, test.want)
			}
		})
	}
}
