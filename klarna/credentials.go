package klarna

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/klarna-go/klarna-go/internal/loopback"
)

// Environment is one of Klarna's environments. An API key belongs to one of them.
type Environment string

// The environments. A key works only on the host of its own environment.
const (
	EnvironmentTest Environment = "test"
	EnvironmentLive Environment = "live"
)

// hosts are the hosts of Klarna's API.
var hosts = map[Environment]string{
	EnvironmentTest: "api-global.test.klarna.com",
	EnvironmentLive: "api-global.klarna.com",
}

// AuthEncoding is a form of the API key in the Authorization header. Klarna documents the raw key.
// Existing integrations also use the other forms.
type AuthEncoding int

const (
	// AuthEncodingRaw sends "Basic <API key>", the default.
	AuthEncodingRaw AuthEncoding = iota
	// AuthEncodingKeyAsPassword sends "Basic base64(:<API key>)".
	AuthEncodingKeyAsPassword
	// AuthEncodingKeyAsUsername sends "Basic base64(<API key>:)".
	AuthEncodingKeyAsUsername
)

// credentials holds the value of the Authorization header, which is computed once.
type credentials struct {
	key    Secret
	value  Secret // the key as it is sent, which may be base64
	header Secret
}

func newCredentials(key Secret, encoding AuthEncoding, username string) (credentials, error) {
	var value string
	switch {
	case username != "" && encoding != AuthEncodingRaw:
		return credentials{}, errors.New("klarna: WithUsername and WithAuthEncoding cannot be combined")
	case strings.ContainsAny(username, ":\r\n"):
		return credentials{}, errors.New("klarna: the username contains a colon or a line break")
	case username != "":
		value = encodeBasic(username + ":" + key.Reveal())
	case encoding == AuthEncodingKeyAsPassword:
		value = encodeBasic(":" + key.Reveal())
	case encoding == AuthEncodingKeyAsUsername:
		value = encodeBasic(key.Reveal() + ":")
	case encoding == AuthEncodingRaw:
		value = key.Reveal()
	default:
		return credentials{}, fmt.Errorf("klarna: unknown AuthEncoding %d", encoding)
	}
	return credentials{key: key, value: NewSecret(value), header: NewSecret("Basic " + value)}, nil
}

func encodeBasic(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// checkKey returns the environment of a key, or "" if the key does not show it. It returns an error
// if the string cannot be an API key.
func checkKey(key string) (Environment, error) {
	switch {
	case key == "":
		return "", errors.New("klarna: the API key is empty")
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", errors.New("klarna: the API key contains white space or characters that no key has; check that it does not end with a line break")
	case strings.HasPrefix(key, "klarna_test_client_"), strings.HasPrefix(key, "klarna_live_client_"):
		return "", errors.New("klarna: this is a client id, which is for the browser SDK; the server API takes the API key (klarna_test_api_… or klarna_live_api_…)")
	case key == "klarna_test_api_", key == "klarna_live_api_":
		return "", errors.New("klarna: the API key is incomplete: it is only the prefix of a key")
	case strings.HasPrefix(key, "klarna_test_api_"):
		return EnvironmentTest, nil
	case strings.HasPrefix(key, "klarna_live_api_"):
		return EnvironmentLive, nil
	default:
		return "", nil
	}
}

// baseURL returns the URL that the key may be sent to. override is the caller's base URL, or "".
func baseURL(environment Environment, override string) (*url.URL, error) {
	if override == "" {
		if environment == "" {
			return nil, errors.New("klarna: the API key starts neither with klarna_test_api_ nor with klarna_live_api_, so the environment is unknown; if the key is correct, set the host with WithBaseURL")
		}
		return &url.URL{Scheme: "https", Host: hosts[environment]}, nil
	}
	u, err := url.Parse(override)
	if err != nil {
		return nil, errors.New("klarna: the base URL cannot be parsed") // err quotes the URL, which may hold credentials
	}
	switch {
	case u.Hostname() == "" || u.Opaque != "":
		return nil, errors.New("klarna: the base URL has no host")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("klarna: the base URL must not contain user information, a query or a fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback.Is(u.Hostname())):
		return nil, errors.New("klarna: the base URL must be https, or http to a loopback address: otherwise the API key would be sent in clear text")
	}
	for env, host := range hosts {
		if environment != "" && env != environment && strings.EqualFold(strings.TrimSuffix(u.Hostname(), "."), host) {
			return nil, fmt.Errorf("klarna: a %s key does not work on the %s host", environment, env)
		}
	}
	u.Path = strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/v2")
	u.RawPath = ""
	return u, nil
}
