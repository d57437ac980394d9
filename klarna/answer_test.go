package klarna_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/internal/test/rawserver"
	"github.com/klarna-go/klarna-go/klarna"
)

type session struct {
	ID    string `json:"id"`
	Count int    `json:"count"`
}

// TestAnswersThatCannotBeUsed sends each answer over a real connection, byte for byte.
func TestAnswersThatCannotBeUsed(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
	sized := func(body string) string {
		return head + "Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
	}
	var bomb bytes.Buffer
	packed := gzip.NewWriter(&bomb)
	_, _ = packed.Write(bytes.Repeat([]byte(" "), 1<<20))
	_ = packed.Close()

	tests := map[string]struct {
		answer string
		stall  bool // the server keeps the connection open after it
		says   string
		status int
		repeat bool // such an attempt is retried
	}{
		"truncated JSON":                         {answer: sized(`{"id":"a`), says: "the answer cannot be read: invalid JSON (it ends too early) at byte 8", status: 200},
		"not JSON":                               {answer: sized(`<html>`), says: "the answer cannot be read: invalid JSON (syntax) at byte 0", status: 200},
		"JSON and something after it":            {answer: sized(`{} x`), says: "the answer cannot be read: invalid JSON (syntax) at byte 3", status: 200},
		"a value of another type":                {answer: sized(`{"count":"many"}`), says: "the answer cannot be read: cannot decode count: a string as int", status: 200},
		"another kind of value":                  {answer: sized(`[]`), says: "the answer cannot be read: cannot decode an array as klarna_test.session", status: 200},
		"an empty body":                          {answer: sized(""), says: "the answer cannot be used: it is empty", status: 200},
		"a body of white space":                  {answer: sized(" \r\n"), says: "the answer cannot be used: it is empty", status: 200},
		"a 204 instead of an answer":             {answer: "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", says: "the answer cannot be used: it is empty", status: 204},
		"a body over the limit":                  {answer: sized(`{"id":"` + strings.Repeat("a", 200) + `"}`), says: "the answer's body is larger than allowed", status: 200},
		"a body over the limit without a length": {answer: head + "\r\n" + strings.Repeat(" ", 200), says: "the answer's body is larger than allowed", status: 200},
		"a small body that unpacks over the limit": {
			answer: head + "Content-Encoding: gzip\r\nContent-Length: " + strconv.Itoa(bomb.Len()) + "\r\n\r\n" + bomb.String(),
			says:   "the answer's body is larger than allowed", status: 200,
		},
		"a length that promises too much":  {answer: head + "Content-Length: 100\r\n\r\n{}", says: "the connection was closed before the complete answer arrived", status: 200, repeat: true},
		"a length that promises too few":   {answer: head + "Content-Length: 5\r\n\r\n{\"id\":\"a\"}", says: "the answer cannot be read: invalid JSON", status: 200},
		"a length that is not a number":    {answer: head + "Content-Length: many\r\n\r\n{}", says: "the connection failed", repeat: true},
		"chunks that end too early":        {answer: head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", says: "the connection was closed before the complete answer arrived", status: 200, repeat: true},
		"invalid chunks":                   {answer: head + "Transfer-Encoding: chunked\r\n\r\nmany\r\n", says: "the connection failed", status: 200, repeat: true},
		"a packed body that is not packed": {answer: head + "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", says: "the connection", status: 200, repeat: true},
		"an invalid status line":           {answer: "HELLO\r\n\r\n", says: "the connection failed", repeat: true},
		"a header that is cut":             {answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", says: "the connection was closed before the complete answer arrived", repeat: true},
		"nothing, and the connection held": {stall: true, says: "context deadline exceeded"},
		"a header that never ends":         {answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", stall: true, says: "context deadline exceeded"},
		"a body that never ends":           {answer: head + "Content-Length: 20\r\n\r\n{\"id\":", stall: true, says: "context deadline exceeded", status: 200},
		"chunks that never end":            {answer: head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", stall: true, says: "context deadline exceeded", status: 200},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var served atomic.Int32
			url := rawserver.Listen(t, func(_ int, conn net.Conn) {
				if _, err := readSent(bufio.NewReader(conn)); err != nil {
					return
				}
				served.Add(1)
				_, _ = io.WriteString(conn, test.answer)
				if test.stall {
					hold(conn)
				}
			})
			limit := time.Minute
			if test.stall {
				limit = time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			start := time.Now()
			var got session
			err := failCtx(t, ctx, newClient(t, url, klarna.WithMaxResponseBytes(100)), authorize(), &got)
			within(t, soon, start)
			if err.Outcome != klarna.OutcomeUnknown || err.StatusCode != test.status {
				t.Errorf("outcome %s, status %d, want unknown, %d", err.Outcome, err.StatusCode, test.status)
			}
			if err.Err == nil || !strings.HasPrefix(err.Err.Error(), test.says) {
				t.Errorf("cause %v, want %s", err.Err, test.says)
			}
			if errors.Is(err, context.DeadlineExceeded) != test.stall {
				t.Errorf("is DeadlineExceeded: %t", !test.stall)
			}
			want := int32(1)
			if test.repeat {
				want = 4
			}
			if got := served.Load(); got != want {
				t.Errorf("%d attempts, want %d", got, want)
			}
		})
	}
}

func TestAnswersAreReadLiberally(t *testing.T) {
	for name, body := range map[string]string{
		"a repeated name":                `{"id":"a","id":"a"}`,
		"a repeated name deeper down":    `{"id":"a","x":{"y":1,"y":2}}`,
		"a byte that is not UTF-8":       "{\"id\":\"a\",\"x\":\"\xff\"}",
		"half a surrogate pair":          `{"id":"a","x":"\ud83d"}`,
		"a byte order mark in the front": "\ufeff" + `{"id":"a"}`,
	} {
		t.Run(name, func(t *testing.T) {
			server, _ := recorder(t, 200, body)
			var got session
			raw := succeed(t, newClient(t, server.URL), authorize(), &got)
			if got.ID != "a" || string(raw.Bytes()) != body {
				t.Errorf("read %+v of %q", got, raw.Bytes())
			}
		})
	}
}

func TestEach2xxStatusIsSuccess(t *testing.T) {
	for _, status := range []int{200, 201, 202, 204, 226} {
		server, _ := recorder(t, status, map[bool]string{false: `{"id":"a","new":[1]}`}[status == 204])
		var got session
		var response klarna.Response
		destination := any(&got)
		if status == 204 {
			destination = nil
		}
		raw := succeed(t, newClient(t, server.URL), authorize(), destination, klarna.WithResponse(&response))
		if response.StatusCode != status || status != 204 && (got.ID != "a" || string(raw.Bytes()) != `{"id":"a","new":[1]}`) {
			t.Errorf("%d: response %d, got %+v, raw %d bytes", status, response.StatusCode, got, len(raw.Bytes()))
		}
	}
}

func TestABodyWithoutADestinationIsNotDecoded(t *testing.T) {
	server, _ := recorder(t, 200, "not JSON")
	if raw := succeed(t, newClient(t, server.URL), authorize(), nil); string(raw.Bytes()) != "not JSON" {
		t.Errorf("the raw body is lost: %q", string(raw.Bytes()))
	}
}

// TestARedirectIsAnAnswer checks that a 307 does not send credentials and body to another host.
func TestARedirectIsAnAnswer(t *testing.T) {
	var reached atomic.Int32
	other := rawserver.Listen(t, func(int, net.Conn) { reached.Add(1) })
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, location := range map[string]string{
			"to another host":              other + "/v2/payment/authorize",
			"to a host without a scheme":   strings.TrimPrefix(other, "http:"),
			"to a place nobody can parse":  "http://[::1/%zz",
			"to nowhere":                   "",
			"to itself, again and again":   "/v2/payment/authorize",
			"to a scheme that is not HTTP": "file:///etc/passwd",
		} {
			for method, call := range map[string]klarna.Call{"POST": authorize(), "GET": read()} {
				t.Run(strconv.Itoa(status)+" of a "+method+" "+name, func(t *testing.T) {
					var calls atomic.Int32
					server := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
						calls.Add(1)
						if location != "" {
							w.Header()["Location"] = []string{location}
						}
						w.WriteHeader(status)
					})
					var response klarna.Response
					// The caller's client would follow the redirect. That setting is not used.
					transport := &http.Transport{}
					defer transport.CloseIdleConnections()
					follows := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
					err := fail(t, newClient(t, server.URL, klarna.WithHTTPClient(follows)), call, new(any), klarna.WithResponse(&response))
					if err.StatusCode != status || err.Err != nil || len(err.Attempts) != 1 || calls.Load() != 1 {
						t.Errorf("status %d, cause %v, %d attempts, %d calls", err.StatusCode, err.Err, len(err.Attempts), calls.Load())
					}
					if got := response.Header.Get("Location"); got != location {
						t.Errorf("the answer's Location is %q, want %q", got, location)
					}
				})
			}
		}
	}
	if got := reached.Load(); got != 0 {
		t.Errorf("the other host got %d connections", got)
	}
}

func TestFormsOfKlarnasErrorBody(t *testing.T) {
	type fields struct {
		Code, Type, ID, Message, DocURL string
		Problems                        []klarna.ValidationError
	}
	tests := map[string]struct {
		body string
		want fields
	}{
		"the newest form": {
			`{"error_id":"i","error_code":"VALIDATION_ERROR","error_message":"m","doc_url":"d",
			  "validation_errors":[{"parameter":"currency","reason":"r","doc_url":"pd"},{"parameter":"amount","reason":"s"}]}`,
			fields{"VALIDATION_ERROR", "", "i", "m", "d", []klarna.ValidationError{
				{Parameter: "currency", Reasons: []string{"r"}, DocURL: "pd"}, {Parameter: "amount", Reasons: []string{"s"}},
			}},
		},
		"the older form": {
			`{"error_id":"i","error_type":"INPUT_ERROR","error_code":"VALIDATION_ERROR","errors":[{"parameter":"currency","error_message":"r","doc_url":"pd"}]}`,
			fields{"VALIDATION_ERROR", "INPUT_ERROR", "i", "", "", []klarna.ValidationError{{Parameter: "currency", Reasons: []string{"r"}, DocURL: "pd"}}},
		},
		"reasons as an array": {
			`{"validation_errors":[{"parameter":"currency","reason":["r","s"]}]}`,
			fields{Problems: []klarna.ValidationError{{Parameter: "currency", Reasons: []string{"r", "s"}}}},
		},
		"both lists": {
			`{"validation_errors":[{"parameter":"a"}],"errors":[{"parameter":"b"}]}`,
			fields{Problems: []klarna.ValidationError{{Parameter: "a"}, {Parameter: "b"}}},
		},
		"members that are missing":               {`{"error_code":"NOT_FOUND"}`, fields{Code: "NOT_FOUND"}},
		"members that are null":                  {`{"error_code":"NOT_FOUND","error_id":null,"validation_errors":null}`, fields{Code: "NOT_FOUND"}},
		"members of other types":                 {`{"error_code":"NOT_FOUND","error_id":7,"error_message":{"a":1},"doc_url":[],"validation_errors":"x","errors":{}}`, fields{Code: "NOT_FOUND"}},
		"a code of another type":                 {`{"error_code":404,"error_id":"i"}`, fields{ID: "i"}},
		"unknown members":                        {`{"error_code":"NOT_FOUND","trace":{"a":[1]}}`, fields{Code: "NOT_FOUND"}},
		"an unknown code":                        {`{"error_code":"SOMETHING_NEW"}`, fields{Code: "SOMETHING_NEW"}},
		"a code in lower case":                   {`{"error_code":"not_Found"}`, fields{Code: "NOT_FOUND"}},
		"another code in lower case":             {`{"error_code":"something_new"}`, fields{Code: "something_new"}},
		"names that differ in case are not read": {`{"Error_Code":"NOT_FOUND"}`, fields{}},
		"a list with an invalid element": {
			`{"validation_errors":["x",{"parameter":"a","reason":"r"},null,7]}`,
			fields{Problems: []klarna.ValidationError{{Parameter: "a", Reasons: []string{"r"}}}},
		},
		"a reason of another type": {`{"validation_errors":[{"parameter":"a","reason":{"x":1}}]}`, fields{Problems: []klarna.ValidationError{{Parameter: "a"}}}},
		"an array":                 {`[{"error_code":"NOT_FOUND"}]`, fields{}},
		"a string":                 {`"NOT_FOUND"`, fields{}},
		"null":                     {`null`, fields{}},
		"an empty body":            {``, fields{}},
		"HTML":                     {`<html>`, fields{}},
		"truncated JSON":           {`{"error_code":"NOT_FOUND"`, fields{Code: "NOT_FOUND"}},
		"a name that comes twice":  {`{"error_code":"NOT_FOUND","error_code":"UNAUTHORIZED"}`, fields{Code: "NOT_FOUND"}},
		"a byte that is not UTF-8": {"{\"error_id\":\"i\",\"error_message\":\"a\xff\",\"error_code\":\"NOT_FOUND\"}", fields{Code: "NOT_FOUND", ID: "i", Message: "a\ufffd"}},
		"half a surrogate pair":    {`{"error_message":"\ud83d","error_code":"NOT_FOUND"}`, fields{Code: "NOT_FOUND", Message: "\ufffd"}},
		"a byte order mark":        {"\ufeff" + `{"error_code":"NOT_FOUND"}`, fields{Code: "NOT_FOUND"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server, _ := recorder(t, 400, test.body)
			raw, failed := newClient(t, server.URL).Do(t.Context(), authorize(), nil)
			err, ok := errors.AsType[*klarna.Error](failed)
			if !ok {
				t.Fatalf("%v", failed)
			}
			got := fields{string(err.Code), err.Type, err.ID, err.Message, err.DocURL, err.ValidationErrors}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if err.StatusCode != 400 || err.Outcome != klarna.OutcomeRejected || string(raw.Bytes()) != test.body {
				t.Errorf("status %d, outcome %s, raw %q", err.StatusCode, err.Outcome, string(raw.Bytes()))
			}
		})
	}
}

// net/http makes the connection the body of such an answer, and no longer closes it with the
// context.
func TestAProtocolSwitchFailsImmediately(t *testing.T) {
	url := rawserver.Listen(t, func(_ int, conn net.Conn) {
		if _, err := readSent(bufio.NewReader(conn)); err != nil {
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
		hold(conn)
	})
	start := time.Now()
	err := fail(t, newClient(t, url, klarna.WithRetries(once)), authorize(), nil)
	within(t, soon, start)
	if err.Outcome != klarna.OutcomeUnknown || err.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("%v", err)
	}
}

func TestABodyIsClosedWhenTheContextEnds(t *testing.T) {
	for name, test := range map[string]struct {
		body *closableBody
		want error
	}{
		"one that never ends": {&closableBody{closed: make(chan struct{})}, context.DeadlineExceeded},
		"one that ends":       {&closableBody{closed: make(chan struct{}), text: strings.NewReader("{}")}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			transport := roundTrip(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusOK, Body: test.body}, nil
			})
			client := newClient(t, "http://127.0.0.1:1", klarna.WithHTTPClient(&http.Client{Transport: transport}), klarna.WithRetries(once), klarna.WithTimeout(50*time.Millisecond))
			start := time.Now()
			_, err := client.Do(t.Context(), authorize(), nil)
			within(t, soon, start)
			if !errors.Is(err, test.want) || err != nil && klarna.OutcomeOf(err) != klarna.OutcomeUnknown {
				t.Errorf("%v, want %v", err, test.want)
			}
			<-test.body.closed
		})
	}
}

// closableBody is a body that contains text. Without a text, reading it blocks until it is closed.
// Closing it twice panics.
type closableBody struct {
	text   io.Reader
	closed chan struct{}
}

func (b *closableBody) Read(p []byte) (int, error) {
	if b.text != nil {
		return b.text.Read(p)
	}
	<-b.closed
	return 0, io.ErrClosedPipe
}

func (b *closableBody) Close() error {
	close(b.closed)
	return nil
}
