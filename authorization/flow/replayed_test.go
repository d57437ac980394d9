package flow_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
)

// replaying is a Klarna that answers every repeat of an authorize call with its first answer,
// including the echoed headers. It may change the first answer.
type replaying struct {
	mu      sync.Mutex
	first   map[string]replayed // by idempotency key
	repeats int
	change  func(body string) string
}

type replayed struct {
	status int
	header http.Header
	body   string
}

func (k *replaying) answer(request *http.Request, pass roundTrip) (*http.Response, error) {
	if request.Method != http.MethodPost {
		return pass(request)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	key := request.Header.Get("Klarna-Idempotency-Key")
	first, known := k.first[key]
	if known {
		k.repeats++
	} else {
		answer, err := pass(request)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			return nil, err
		}
		first = replayed{answer.StatusCode, answer.Header, k.change(string(body))}
		if k.first == nil {
			k.first = make(map[string]replayed)
		}
		k.first[key] = first
	}
	return &http.Response{
		StatusCode: first.status, ProtoMajor: 1, ProtoMinor: 1, Header: first.header.Clone(),
		Body: io.NopCloser(bytes.NewReader([]byte(first.body))), Request: request,
	}, nil
}

// dyingAfter returns the network of a process that dies before it gets the answer to an authorize
// call.
func (k *replaying) dyingAfter(r *replica) network {
	return func(request *http.Request, pass roundTrip) (*http.Response, error) {
		answer, err := k.answer(request, pass)
		if request.Method == http.MethodPost {
			r.die()
		}
		return answer, err
	}
}

func asBefore(body string) string { return body }

// declining returns a decline, which repeats no reference.
func declining(string) string {
	return `{"payment_transaction_response":{"result":"DECLINED","result_reason":"PAYMENT_DECLINED"}}`
}

// bare returns an approval that repeats no reference.
func bare(body string) string {
	return `{"payment_transaction_response":{"result":"APPROVED","payment_transaction":{"payment_transaction_id":"` +
		textOf([]byte(body), "payment_transaction_id") + `"}}}`
}

func TestAnotherProcessTakesTheFirstAnswersEcho(t *testing.T) {
	for name, test := range map[string]struct {
		final  bool
		change func(string) string
		state  flow.State
		reason string
	}{
		"an immediate approval":      {false, asBefore, flow.StateAuthorized, ""},
		"an immediate bare approval": {false, bare, flow.StateAuthorized, ""},
		"an immediate decline":       {false, declining, flow.StateDeclined, "PAYMENT_DECLINED"},
		"a final approval":           {true, asBefore, flow.StateAuthorized, ""},
		"a bare final approval":      {true, bare, flow.StateAuthorized, ""},
		"a final decline":            {true, declining, flow.StateDeclined, "PAYMENT_DECLINED"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			klarna := &replaying{change: test.change}
			first, second := s.replica(), s.replica()
			if test.final {
				approved(s, first)
				first.meets(klarna.dyingAfter(first))
				_, _ = first.HandleReturn(t.Context(), orderID)
				s.stands(orderID, flow.StateFinalizing, "")
			} else {
				first.meets(klarna.dyingAfter(first))
				_, _ = first.Begin(t.Context(), s.browserOrder(orderID))
				s.stands(orderID, flow.StateBegun, "")
			}
			second.meets(klarna.answer)
			s.pass(second, time.Minute, 30*time.Second)
			s.stands(orderID, test.state, test.reason)
			if klarna.repeats != 1 {
				t.Errorf("%d repeats", klarna.repeats)
			}
			for _, answer := range klarna.first {
				if answer.header.Get("Partner-Correlation-Id") == "" {
					t.Error("an answer has no echo")
				}
			}
		})
	}
}

func TestAnotherPurchasesEchoDeclinesNothing(t *testing.T) {
	for name, change := range map[string]func(string) string{"a decline": declining, "a bare approval": bare} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			approved(s, r)
			other := strings.Repeat("0123456789abcdef", 2)
			r.meetsOnce(http.MethodPost, func(request *http.Request, pass roundTrip) (*http.Response, error) {
				answer, err := (&replaying{change: change}).answer(request, pass)
				if err == nil {
					answer.Header.Set("Partner-Correlation-Id", other)
				}
				return answer, err
			})
			s.unknown(s.fails(r))
			s.stands(orderID, flow.StateFinalizing, "")
			s.pass(r, time.Minute, 30*time.Second)
			s.stands(orderID, flow.StateAuthorized, "")
			s.paid(118_00)
		})
	}
}
