package flow_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// recordedRow is a row that an older release stored, with the call that it made. That release did
// not name settlement_currency, which its caller sent as an unknown member. So it is the last
// member of the body; this release encodes it before others.
type recordedRow struct {
	ID, PaymentRequestID string
	State                flow.State
	DueAt                time.Time
	Data                 string
	Sealed               []byte
	Now                  time.Time

	SentBody, SentKey, SentToken, SentPath string
}

// recorded stores a row of the older release, one minute after it made its call.
func recorded(t *testing.T, name string) (*scene, *replica, recordedRow) {
	t.Helper()
	text, err := os.ReadFile("testdata/recorded_by_an_older_release.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows map[string]recordedRow
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	row := rows[name]
	s := newScene(t)
	now := row.Now.Add(time.Minute)
	r := s.replica(flow.WithClock(func() time.Time { return now }))
	if err := s.memory.Create(t.Context(), flow.Record{
		ID: row.ID, PaymentRequestID: row.PaymentRequestID, State: row.State, DueAt: row.DueAt, Data: []byte(row.Data), Sealed: row.Sealed,
	}); err != nil {
		t.Fatal(err)
	}
	return s, r, row
}

// twiceIfOtherwise is a Klarna that approved the older release's call. It gives the same answer to
// the same call, and makes a second transaction for any other call.
func twiceIfOtherwise(t *testing.T, row recordedRow, transactions *int) network {
	*transactions = 1
	return func(request *http.Request, pass roundTrip) (*http.Response, error) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return nil, err
		}
		if diff := cmp.Diff(row.SentBody, string(body)); diff != "" {
			t.Errorf("the repeat's body (-sent +repeated):\n%s", diff)
			*transactions++
		}
		for name, want := range map[string]string{
			"Klarna-Idempotency-Key": row.SentKey, "Klarna-Network-Session-Token": row.SentToken,
		} {
			if got := request.Header.Get(name); got != want {
				t.Errorf("%s is %q, was %q", name, got, want)
				*transactions++
			}
		}
		if request.URL.Path != row.SentPath {
			t.Errorf("the call went to %s, want %s", request.URL.Path, row.SentPath)
		}
		return answering(200, fmt.Sprintf(`{"payment_transaction_response":{"result":"APPROVED",
			"payment_transaction":{"payment_transaction_id":"transaction-%d","amount":11800,"currency":"EUR"}}}`, *transactions))(request, pass)
	}
}

func TestANewerReleaseRepeatsAnOlderFirstCallUnchanged(t *testing.T) {
	s, r, row := recorded(t, "begun")
	var transactions int
	r.meets(twiceIfOtherwise(t, row, &transactions))
	s.recovers(r)
	s.stands(orderID, flow.StateAuthorized, "")
	if transactions != 1 {
		t.Errorf("%d transactions", transactions)
	}
}

func TestANewerReleaseFinalizesAnOlderPurchase(t *testing.T) {
	s, r, _ := recorded(t, "awaiting")
	var body string
	r.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
		if request.Method == http.MethodGet {
			return answering(200, `{"payment_request_id":"request-1","state":"COMPLETED","amount":11800,"currency":"EUR","state_context":{"klarna_network_session_token":"t"}}`)(request, pass)
		}
		sent, err := io.ReadAll(request.Body)
		body = string(sent)
		if err != nil {
			return nil, err
		}
		return answering(200, `{"payment_transaction_response":{"result":"APPROVED","payment_transaction":{"payment_transaction_id":"transaction-1"}}}`)(request, pass)
	})
	status, err := r.HandleReturn(t.Context(), orderID)
	s.wants(status, err, flow.StateAuthorized)
	if !strings.Contains(body, `"settlement_currency":"SEK"`) || strings.Contains(body, "step_up_config") {
		t.Errorf("the final call was %s", body)
	}
}

// Another release may encode the caller's request differently. The first and the final call are
// sent with the stored bytes anyway.
func TestRepeatedCallsAreTheStoredBytes(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropAfter})
	_, err := r.Begin(t.Context(), s.order(orderID))
	s.unknown(err)
	status, err := r.Begin(t.Context(), s.order(orderID))
	s.wants(status, err, flow.StateAwaitingCustomer)
	s.approve(status.PaymentRequestID)
	s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropAfter})
	s.unknown(s.fails(r))
	var sealed struct {
		FirstBody string `json:"first_body"`
		FirstKey  string `json:"first_idempotency_key"`
		FinalBody string `json:"final_body"`
	}
	if err := json.Unmarshal([]byte(s.unsealed(orderID)), &sealed); err != nil {
		t.Fatal(err)
	}
	var data struct {
		FinalKey string `json:"final_idempotency_key"`
	}
	if err := json.Unmarshal(s.record(orderID).Data, &data); err != nil {
		t.Fatal(err)
	}
	got, err := r.HandleReturn(t.Context(), orderID)
	s.wants(got, err, flow.StateAuthorized)
	var bodies, keys []string
	for _, request := range s.klarna.Requests() {
		if request.Operation == authorizeCall {
			bodies = append(bodies, string(request.Body))
			keys = append(keys, request.Header.Get("Klarna-Idempotency-Key"))
		}
	}
	if diff := cmp.Diff([]string{sealed.FirstBody, sealed.FirstBody, sealed.FinalBody, sealed.FinalBody}, bodies); diff != "" {
		t.Errorf("bodies (-stored +sent):\n%s", diff)
	}
	if diff := cmp.Diff([]string{sealed.FirstKey, sealed.FirstKey, data.FinalKey, data.FinalKey}, keys); diff != "" {
		t.Errorf("keys (-stored +sent):\n%s", diff)
	}
	s.paid(118_00)
}
