package klarna_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/internal/test/rawserver"
	"github.com/klarna-go/klarna-go/klarna"
)

// The canaries are strings that must never be shown. They consist of characters that the filters
// for ids and codes accept, so only a check for the secret itself keeps them out.
const (
	keyCanary      = "c4n4rykey0f4cb7d91e"
	sessionCanary  = "krn:network:us1:test:session-token:c4n4rysession8d1f"
	customerCanary = "krn:customer-token:c4n4rycustomer51bb"
	nameCanary     = "C4N4RY_ADA"
	canaryKey      = "klarna_test_api_" + keyCanary
)

var canaries = map[string]string{"the key": keyCanary, "the session token": sessionCanary, "the customer token": customerCanary, "the customer's name": nameCanary}

// spellings returns a canary in plain text, in hex, and in base64 at each of the three possible
// offsets.
func spellings(canary string) []string {
	list := []string{canary, hex.EncodeToString([]byte(canary)), strings.ToUpper(hex.EncodeToString([]byte(canary)))}
	for shift := range 3 {
		encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + canary))
		list = append(list, encoded[(shift*8+5)/6:len(encoded)-2])
	}
	return list
}

func TestSpellingsFindACanary(t *testing.T) {
	for _, text := range []string{nameCanary, base64.StdEncoding.EncodeToString([]byte(nameCanary)), base64.URLEncoding.EncodeToString([]byte("a:" + nameCanary + ":b")), fmt.Sprintf("%x", "1"+nameCanary), fmt.Sprintf("%X", nameCanary)} {
		if leaked(text) == "" {
			t.Errorf("no canary found in %s", text)
		}
	}
}

var allSpellings = func() map[string][]string {
	all := make(map[string][]string)
	for name, canary := range canaries {
		all[name] = spellings(canary)
	}
	return all
}()

func leaked(text string) string {
	for name, spellings := range allSpellings {
		for _, spelling := range spellings {
			if strings.Contains(text, spelling) {
				return name
			}
		}
	}
	return ""
}

// verbs returns all formatting verbs, with flags.
func verbs() []string {
	var list []string
	for verb := 'A'; verb <= 'z'; verb++ {
		if verb > 'Z' && verb < 'a' {
			continue
		}
		for _, flags := range []string{"", "+", "#"} {
			list = append(list, "%"+flags+string(verb))
		}
	}
	return list
}

// bypass reports whether fmt calls no method of a value for the verb, but prints its fields. go vet
// refuses these verbs for such values. They are why a Secret holds its string in a function.
func bypass(verb string) bool { return strings.HasSuffix(verb, "p") || strings.HasSuffix(verb, "w") }

// echo returns a text with all canaries, and with the key as it was sent.
func echo(authorization string) string {
	return strings.Join([]string{canaryKey, authorization, sessionCanary, customerCanary, nameCanary}, " ")
}

func TestSecretsAppearNowhere(t *testing.T) {
	pieces := map[string]func(authorization string) string{
		"the key":                 func(string) string { return canaryKey },
		"the authorization":       func(a string) string { return a },
		"the authorization's end": func(a string) string { return strings.TrimPrefix(a, "Basic ") },
		"the session token":       func(string) string { return sessionCanary },
		"the customer token":      func(string) string { return customerCanary },
		"the customer's name":     func(string) string { return nameCanary },
		"all of it":               echo,
	}
	quote := func(s string) string { text, _ := json.Marshal(s); return string(text) }
	body := func(member, value string) string {
		return `{"error_code":"VALIDATION_ERROR",` + quote(member) + `:` + value + `}`
	}
	answers := map[string]func(s string) string{
		"in error_message": func(s string) string { return answer("400", body("error_message", quote(s))) },
		"in error_code":    func(s string) string { return answer("400", `{"error_code":`+quote(s)+`}`) },
		"in a code of 500": func(s string) string { return answer("500", `{"error_code":`+quote(s)+`}`) },
		"in error_id":      func(s string) string { return answer("409", body("error_id", quote(s))) },
		"in error_type":    func(s string) string { return answer("409", body("error_type", quote(s))) },
		"in doc_url":       func(s string) string { return answer("409", body("doc_url", quote("https://"+s))) },
		"in a reason": func(s string) string {
			return answer("400", body("validation_errors", `[{"parameter":"a","reason":`+quote(s)+`}]`))
		},
		"in reasons": func(s string) string {
			return answer("400", body("errors", `[{"parameter":"a","reason":[`+quote(s)+`],"error_message":`+quote(s)+`}]`))
		},
		"as a member":               func(s string) string { return answer("400", body(s, "1")) },
		"in HTML":                   func(s string) string { return answer("502", "<html>"+s+"</html>") },
		"in a 2xx that is not JSON": func(s string) string { return answer("200", s) },
		"in a 2xx of another type":  func(s string) string { return answer("200", `{"count":`+quote(s)+`}`) },
		"in a 2xx by name":          func(s string) string { return answer("200", `{`+quote(s)+`:1,`+quote(s)+`:2}`) },
		"in a good answer":          func(s string) string { return answer("200", `{"id":`+quote(s)+`}`) },
		"in headers": func(s string) string {
			return "HTTP/1.1 409 X\r\nConnection: close\r\nContent-Length: 0\r\nKlarna-Correlation-Id: " + s + "\r\nKlarna-Mtls-Verification-Status: " + s +
				"\r\nX-Ratelimit-Limit: 1, 1;w=1;name=\"" + s + "\"\r\nX-Ratelimit-Remaining: " + s + "\r\nRetry-After: " + s + "\r\nX-Other: " + s + "\r\n\r\n"
		},
		"in a status line": func(s string) string { return s + "\r\n\r\n" },
		"in a status code": func(s string) string { return "HTTP/1.1 " + s + " OK\r\n\r\n" },
		"in a reason phrase": func(s string) string {
			return "HTTP/1.1 409 " + s + "\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
		},
		"in a header without a colon": func(s string) string { return "HTTP/1.1 200 OK\r\n" + s + "\r\n\r\n" },
		"in a Content-Length":         func(s string) string { return "HTTP/1.1 200 OK\r\nContent-Length: " + s + "\r\n\r\n" },
		"in a Transfer-Encoding":      func(s string) string { return "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + s + "\r\n\r\n" },
		"in a chunk's size":           func(s string) string { return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + s + "\r\n" },
		"in a Location": func(s string) string {
			return "HTTP/1.1 307 X\r\nConnection: close\r\nContent-Length: 0\r\nLocation: https://" + s + "\r\n\r\n"
		},
		"in a body that is cut":    func(s string) string { return "HTTP/1.1 400 X\r\nContent-Length: 9999\r\n\r\n" + s },
		"in a body over the limit": func(s string) string { return answer("400", s+strings.Repeat(" ", 5000)) },
		"in no answer":             func(string) string { return "" },
	}
	for pieceName, piece := range pieces {
		for answerName, make := range answers {
			for _, encoding := range []klarna.AuthEncoding{klarna.AuthEncodingRaw, klarna.AuthEncodingKeyAsPassword} {
				if encoding != klarna.AuthEncodingRaw && !strings.HasPrefix(pieceName, "the authorization") {
					continue
				}
				t.Run(fmt.Sprintf("%s %s %d", pieceName, answerName, encoding), func(t *testing.T) {
					url := rawserver.Listen(t, func(_ int, conn net.Conn) {
						s, err := readSent(bufio.NewReader(conn))
						if err == nil {
							_, _ = io.WriteString(conn, make(piece(s.Header.Get("Authorization"))))
						}
					})
					neverShows(t, url, klarna.WithAuthEncoding(encoding))
				})
			}
		}
	}
}

func TestSecretsAppearInNoConnectionError(t *testing.T) {
	everything := echo("Basic " + canaryKey)
	failures := map[string]error{
		"a host that does not resolve": &net.DNSError{Err: everything, Name: everything, IsNotFound: true},
		"a dial":                       &net.OpError{Op: "dial", Net: "tcp", Addr: &net.UnixAddr{Name: everything}, Err: errors.New(everything)},
		"a read":                       &net.OpError{Op: "read", Err: errors.New(everything)},
		"an error of any other type":   errors.New(everything),
		"a time-out":                   fmt.Errorf("%s: %w", everything, context.DeadlineExceeded),
		"a cut":                        fmt.Errorf("%s: %w", everything, io.ErrUnexpectedEOF),
	}
	for name, failure := range failures {
		t.Run(name, func(t *testing.T) {
			transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, failure }}
			neverShows(t, "https://klarna.invalid", klarna.WithHTTPClient(&http.Client{Transport: transport}))
			neverShows(t, "https://klarna.invalid", klarna.WithHTTPClient(&http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, failure })}))
		})
	}
}

func TestSecretsAppearInNoValidationError(t *testing.T) {
	for name, change := range map[string]func(*klarna.Call){
		"a token that is not allowed in a header": func(c *klarna.Call) { c.SessionToken = klarna.NewSecret(sessionCanary + "\n") },
		"a body that JSON cannot encode":          func(c *klarna.Call) { c.Body = map[string]any{nameCanary: make(chan int)} },
		"a body with invalid UTF-8":               func(c *klarna.Call) { c.Body = nameCanary + "\xff" },
		"a raw body that is not JSON":             func(c *klarna.Call) { c.Body = klarna.NewRawJSON(nameCanary) },
		"an invalid method":                       func(c *klarna.Call) { c.Method = "A " + nameCanary },
		"an invalid id":                           func(c *klarna.Call) { c.Route, c.IDs = "a/{x}", []string{nameCanary + "\n"} },
	} {
		t.Run(name, func(t *testing.T) {
			call := canaryCall()
			change(&call)
			client := newCanaryClient(t, "https://klarna.invalid", io.Discard)
			_, err := client.Do(t.Context(), call, nil)
			if e, ok := errors.AsType[*klarna.Error](err); !ok || e.Outcome != klarna.OutcomeNotSent {
				t.Fatalf("%T", err)
			}
			if text := err.Error() + fmt.Sprintf("%+v %#v", err, err); leaked(text) != "" {
				t.Errorf("%s shows in %s", leaked(text), text)
			}
		})
	}
}

func canaryCall() klarna.Call {
	call := authorize()
	call.SessionToken = klarna.NewSecret(sessionCanary)
	call.Body = map[string]any{"currency": "SEK", "customer": map[string]string{"given_name": nameCanary}}
	return call
}

// safeBuffer is a buffer that is safe for concurrent use.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func loggerTo(w io.Writer) *slog.Logger {
	all := &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: false}
	return slog.New(both{slog.NewJSONHandler(w, all), slog.NewTextHandler(w, all)})
}

// both passes records to two handlers.
type both [2]slog.Handler

func (b both) Enabled(context.Context, slog.Level) bool { return true }
func (b both) WithAttrs(a []slog.Attr) slog.Handler {
	return both{b[0].WithAttrs(a), b[1].WithAttrs(a)}
}
func (b both) WithGroup(n string) slog.Handler { return both{b[0].WithGroup(n), b[1].WithGroup(n)} }
func (b both) Handle(ctx context.Context, r slog.Record) error {
	return errors.Join(b[0].Handle(ctx, r), b[1].Handle(ctx, r))
}

func newCanaryClient(t *testing.T, url string, w io.Writer, options ...klarna.Option) *klarna.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	policy := quick
	policy.MaxAttempts = 2
	base := []klarna.Option{
		klarna.WithBaseURL(url), klarna.WithHTTPClient(&http.Client{Transport: transport}), klarna.WithRetries(policy),
		klarna.WithLogger(loggerTo(w)), klarna.WithMaxResponseBytes(4000),
	}
	client, err := klarna.NewClient(canaryKey, append(base, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// neverShows makes a call that contains the canaries. It prints, logs and encodes all values and
// errors that result.
func neverShows(t *testing.T, url string, options ...klarna.Option) {
	t.Helper()
	var process, records safeBuffer
	log.SetOutput(&process)
	defer log.SetOutput(io.Discard)

	client := newCanaryClient(t, url, &records, options...)
	call := canaryCall()
	var (
		got      session
		response klarna.Response
	)
	callOptions := []klarna.CallOption{
		klarna.WithCustomerToken(klarna.NewSecret(customerCanary)), klarna.WithSessionToken(klarna.NewSecret(sessionCanary)), klarna.WithResponse(&response),
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	raw, err := client.Do(ctx, call, &got, callOptions...)

	secret := klarna.NewSecret(sessionCanary)
	fields := klarna.Unknown{"a": klarna.NewRawJSON(nameCanary)}
	behindPointers := map[string]any{
		"client": client, "client value": *client, "bound": client.ForAccount(account), "secret": secret, "secret pointer": &secret,
		"unexported client": struct{ c *klarna.Client }{client}, "unexported client value": struct{ c klarna.Client }{*client}, "unexported secret": struct{ s klarna.Secret }{secret}, "pointer to that": &struct{ s klarna.Secret }{secret}, "call options": callOptions,
		"options": options,
	}
	values := map[string]any{
		"call": call, "call pointer": &call, "response": response, "response pointer": &response, "raw": raw, "fields": fields,
	}
	encoded := map[string]any{"client": client, "secret": secret, "secrets": []any{secret, &secret, map[string]any{"a": secret}}}
	e, failed := errors.AsType[*klarna.Error](err)
	if failed {
		for name, value := range map[string]any{"error": e, "error value": *e, "attempts": e.Attempts, "validation errors": e.ValidationErrors} {
			values[name], encoded[name] = value, value
		}
		values["cause"], values["errors"] = e.Err, []error{err}
		for i := range e.ValidationErrors {
			values["validation error "+strconv.Itoa(i)] = e.ValidationErrors[i]
		}
		for i := range e.Attempts {
			values["attempt "+strconv.Itoa(i)], values["attempt pointer "+strconv.Itoa(i)] = e.Attempts[i], &e.Attempts[i]
			values["attempt cause "+strconv.Itoa(i)] = e.Attempts[i].Err
		}
	}
	var all []string
	check := func(what, text string) { all = append(all, what+": "+text) }
	defer func() {
		t.Helper()
		if leaked(strings.Join(all, "\n")) == "" {
			return
		}
		for _, text := range all {
			if name := leaked(text); name != "" {
				t.Errorf("%s shows in %s", name, text)
			}
		}
	}()
	if failed {
		check("the error's text", err.Error()+" "+errors.Join(err, io.EOF).Error())
		for _, verb := range []string{"%v", "%+v", "%s", "%q", "%x"} { // for others fmt goes around a foreign wrapper's Error
			check("wrapped with "+verb, fmt.Sprintf(verb, fmt.Errorf("wrapped: %w", err)))
		}
	}
	for _, verb := range verbs() {
		for name, value := range behindPointers {
			check(name+" with "+verb, fmt.Sprintf(verb, value))
		}
		for name, value := range values {
			if !bypass(verb) {
				check(name+" with "+verb, fmt.Sprintf(verb, value))
			}
		}
	}
	for name, value := range encoded {
		text, encodeErr := json.Marshal(value)
		check("the JSON of "+name, string(text)+fmt.Sprint(encodeErr))
	}
	logger := loggerTo(&records)
	for name, value := range values {
		logger.Error("m", name, value)
		logger.With(name, value).WithGroup("g").Info("m", slog.Group("h", name, value))
	}
	for name, value := range behindPointers {
		logger.Error("m", name, value)
	}
	check("the log", records.String())
	if !strings.Contains(records.String(), "klarna call") {
		t.Error("nothing was logged")
	}
	check("the process's log", process.String())
}
