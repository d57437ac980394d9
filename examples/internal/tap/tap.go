// Package tap observes the calls between the parties of an example, without changes to their code.
package tap

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Begin is called when one party calls another, with the method and the path of the call and the
// main parts of the request. It returns a function that is called with the result when the call has
// ended. No argument contains a token or a name.
type Begin func(from, to, call, with string) (end func(result string))

// Transport observes the calls that a party makes.
func (begin Begin) Transport(from, to string, next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		var asked []byte
		if r.GetBody != nil {
			if body, err := r.GetBody(); err == nil {
				asked, _ = io.ReadAll(body) // in memory
			}
		}
		end := begin(from, to, call(r), facts(asked, r.URL.Query().Get))
		response, err := next.RoundTrip(r)
		if err != nil {
			end("no answer")
			return nil, err
		}
		answered, err := io.ReadAll(response.Body)
		if closeErr := response.Body.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			end("a broken answer")
			return nil, err
		}
		response.Body = io.NopCloser(bytes.NewReader(answered))
		end(result(response.StatusCode, answered, response.Header.Get("Location")))
		return response, nil
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Webhooks observes the webhooks that a party receives.
func (begin Begin) Webhooks(from, to string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		end := begin(from, to, "webhook", facts(body, r.URL.Query().Get))
		recorded := &recorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(recorded, r)
		end(result(recorded.status, nil, ""))
	})
}

// Handler observes the requests of browsers. It does not report the bodies of the answers.
func (begin Begin) Handler(from, to string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		end := begin(from, to, call(r), facts(nil, r.URL.Query().Get))
		recorded := &recorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(recorded, r)
		end(result(recorded.status, nil, w.Header().Get("Location")))
	})
}

type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap returns the wrapped ResponseWriter, for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// call returns the method and the path, without the account, which is always the same, and with
// shortened ids.
func call(r *http.Request) string {
	path := r.URL.Path
	if _, rest, ok := strings.Cut(path, "/payment/"); ok && strings.HasPrefix(path, "/v2/") {
		path = "…/payment/" + rest
	}
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		segments[i] = short(segment)
	}
	return r.Method + " " + strings.Join(segments, "/")
}

// short shortens an id to its last characters.
func short(id string) string {
	if len(id) <= 16 {
		return id
	}
	return "…" + id[len(id)-8:]
}

// facts returns the parts of a body or a query that show what is asked for. They contain no token
// and no name.
func facts(body []byte, query func(string) string) string {
	m := decode(body)
	var list []string
	add := func(values ...string) {
		for _, v := range values {
			if v != "" {
				list = append(list, v)
				return
			}
		}
	}
	add(m.text("metadata", "event_type"))
	if m.at("request_payment_transaction") != nil && m.at("step_up_config") == nil {
		add("final")
	}
	add(money(m.number("request_payment_transaction", "amount"), m.text("currency")), money(m.number("amount"), m.text("currency")),
		money(query("amount"), query("currency")))
	add(decimal(m.number("capture_amount")), decimal(m.number("refund_amount")))
	add(m.text("operation_id"), m.text("operation", "operation_id"))
	add(m.text("operation", "status"), m.text("status"))
	add(query("intents[]"))
	add(query("payment_request_state"))
	return strings.Join(list, ", ")
}

// result returns the main parts of the answer to a call.
func result(status int, body []byte, location string) string {
	m := decode(body)
	list := []string{strconv.Itoa(status)}
	for _, fact := range []string{
		m.text("instruction"), m.text("payment_transaction_response", "result"), m.text("state"), m.text("status"),
		m.text("error_code"), short(m.text("payment_transaction_response", "payment_transaction", "payment_transaction_id")),
		methodTypes(m), Redirect(location),
	} {
		if fact != "" {
			list = append(list, fact)
		}
	}
	return strings.Join(list, " ")
}

// Redirect returns "redirect" if there is a location. It does not return the location, which may
// contain a token.
func Redirect(location string) string {
	if location == "" {
		return ""
	}
	return "redirect"
}

func methodTypes(m members) string {
	list, _ := m["payment_methods"].([]any)
	var types []string
	for _, method := range list {
		if object, ok := method.(map[string]any); ok {
			types = append(types, members(object).text("type"))
		}
	}
	return strings.Join(types, ", ")
}

// members is a decoded JSON object, read by path.
type members map[string]any

func decode(body []byte) members {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var m members
	if decoder.Decode(&m) != nil {
		return nil
	}
	return m
}

func (m members) at(path ...string) any {
	var value any = map[string]any(m)
	for _, name := range path {
		object, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = object[name]
	}
	return value
}

func (m members) text(path ...string) string {
	s, _ := m.at(path...).(string)
	return s
}

func (m members) number(path ...string) string {
	n, _ := m.at(path...).(json.Number)
	return n.String()
}

// money writes minor units of a currency.
func money(minor, currency string) string {
	amount := decimal(minor)
	if amount == "" || currency == "" {
		return ""
	}
	return currency + " " + amount
}

// decimal writes minor units with two decimals, which is what this shop's currency has.
func decimal(minor string) string {
	n, err := strconv.ParseInt(minor, 10, 64)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%d.%02d", n/100, n%100)
}
