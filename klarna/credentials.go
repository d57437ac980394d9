package klarna

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/klarna-go/klarna-go/internal/loopback"
)

// Environment is the side of Klarna that an API key belongs to.
type Environment string

// The environments. A key works on the host of its own environment alone.
const (
	EnvironmentTest Environment = "test"
	EnvironmentLive Environment = "live"
)

// hosts of Klarna's API, contract section 1.
var hosts = map[Environment]string{
	EnvironmentTest: "api-global.test.klarna.com",
	EnvironmentLive: "api-global.klarna.com",
}

// AuthEncoding is how the API key is written into the Authorization header. Klarna documents the
// raw key; the other forms are in use in integrations.
type AuthEncoding int

const (
	// AuthEncodingRaw sends "Basic <API key>", the default.
	AuthEncodingRaw AuthEncoding = iota
	// AuthEncodingKeyAsPassword sends "Basic base64(:<API key>)".
	AuthEncodingKeyAsPassword
	// AuthEncodingKeyAsUsername sends "Basic base64(<API key>:)".
	AuthEncodingKeyAsUsername
)

// credentials is the value of the Authorization header, made once.
type credentials struct {
	key    Secret
	value  Secret // the key as it is written, which may be base64
	header Secret
}

func newCredentials(key Secret, encoding AuthEncoding, username string) (credentials, error) {
	var value string
	switch {
	case username != "" && encoding != AuthEncodingRaw:
		return credentials{}, errors.New("klarna: WithUsername and WithAuthEncoding exclude each other")
	case strings.ContainsAny(username, ":\r\n"):
		return credentials{}, errors.New("klarna: the username must hold no colon and no line break")
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

// checkKey refuses what can never be an API key and returns the environment, "" where the key does
// not say.
func checkKey(key string) (Environment, error) {
	switch {
	case key == "":
		return "", errors.New("klarna: the API key is empty")
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", errors.New("klarna: the API key holds white space or characters that no key has; was a line break read with it?")
	case strings.HasPrefix(key, "klarna_test_client_"), strings.HasPrefix(key, "klarna_live_client_"):
		return "", errors.New("klarna: this is a client id, which is for the browser SDK; the server API takes the API key (klarna_test_api_… or klarna_live_api_…)")
	case key == "klarna_test_api_", key == "klarna_live_api_":
		return "", errors.New("klarna: the API key is cut off: only its prefix is there")
	case strings.HasPrefix(key, "klarna_test_api_"):
		return EnvironmentTest, nil
	case strings.HasPrefix(key, "klarna_live_api_"):
		return EnvironmentLive, nil
	default:
		return "", nil
	}
}

// baseURL decides where the key may be sent. override is the caller's base URL, "" for none.
func baseURL(environment Environment, override string) (*url.URL, error) {
	if override == "" {
		if environment == "" {
			return nil, errors.New("klarna: the API key starts neither with klarna_test_api_ nor with klarna_live_api_, so the environment is unknown; give WithBaseURL if the key is right")
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
		return nil, errors.New("klarna: the base URL must hold no user information, query or fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback.Is(u.Hostname())):
		return nil, errors.New("klarna: the base URL must be https, or http to a loopback address: the API key would travel in clear text")
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
