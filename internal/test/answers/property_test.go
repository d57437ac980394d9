package answers_test

import (
	"errors"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/internal/test/answers"
	"github.com/klarna-go/klarna-go/klarna"
)

const key = "klarna_test_api_b1946ac92492d2347c6235b4d2611184"

// answering is a transport that answers each request with the same body and Klarna's echo.
type answering struct{ body string }

func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
	status := http.StatusOK
	if a.body == "" {
		status = http.StatusNoContent
	}
	return &http.Response{
		StatusCode: status, Request: r,
		Header: http.Header{"Partner-Correlation-Id": r.Header["Partner-Correlation-Id"]},
		Body:   io.NopCloser(strings.NewReader(a.body)),
	}, nil
}

func newClient(t testing.TB, transport http.RoundTripper, options ...klarna.Option) *klarna.Client {
	t.Helper()
	options = append([]klarna.Option{klarna.WithHTTPClient(&http.Client{Transport: transport}), klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: 1})}, options...)
	client, err := klarna.NewClient(key, options...)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestEveryOperationHasAnAnswer(t *testing.T) {
	for _, o := range operation.All {
		if !slices.ContainsFunc(answers.Calls, func(c answers.Call) bool { return c.Operation == o.Name }) {
			t.Errorf("%s has no answer", o.Name)
		}
	}
	for _, c := range answers.Calls {
		o := operation.Of(c.Operation)
		if o == nil {
			t.Errorf("%s is not in the table", c.Operation)
			continue
		}
		var method, path, name string
		transport := roundTrip(func(r *http.Request) (*http.Response, error) {
			method, path = r.Method, r.URL.Path
			return nil, errors.New("no answer")
		})
		_, err := c.Do(t.Context(), newClient(t, transport), "1")
		if e, ok := errors.AsType[*klarna.Error](err); ok {
			name = e.Operation
		}
		prefix, _, _ := strings.Cut(o.Route, "{")
		if name != o.Name || method != o.Method || !strings.HasPrefix(path, "/v2/"+prefix) {
			t.Errorf("%s makes %s: %s %s", c.Operation, name, method, path)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestChangedMemberChangesNothingElse(t *testing.T) {
	var total, succeeded, refused, foreign int
	for _, c := range answers.Calls {
		if c.Answer("1") == "" {
			continue
		}
		t.Run(c.Operation+" "+c.Name, func(t *testing.T) {
			o := operation.Of(c.Operation)
			want, err := c.Do(t.Context(), newClient(t, answering{c.Answer("1")}), "1")
			if err != nil {
				t.Fatal(err)
			}
			if again := answers.Differences(c.Root, want, want); len(again) > 0 {
				t.Fatalf("a result differs from itself at %v", again)
			}
			for m := range answers.Mutations(c.Answer("1")) {
				total++
				var response klarna.Response
				got, err := c.Do(t.Context(), newClient(t, answering{m.Text}), "1", klarna.WithResponse(&response))
				deciding := slices.ContainsFunc(answers.Listed(o), func(member string) bool {
					return answers.Leads(answers.General(m.Path), member) || answers.Leads(member, answers.General(m.Path))
				})
				switch {
				case errors.Is(err, klarna.ErrForeignAnswer):
					foreign++
					if m.Path != o.ID || m.Is != "a string" && m.Is != answers.BadByte {
						t.Errorf("%s is %s: %v", m.Path, m.Is, err)
					}
				case err != nil:
					refused++
					named := strings.Contains(err.Error(), answers.General(m.Path)) || strings.Contains(err.Error(), m.Path)
					if !deciding || !named || klarna.OutcomeOf(err) != klarna.OutcomeUnknown {
						t.Errorf("%s is %s: %v", m.Path, m.Is, err)
					}
					if string(response.Body.Bytes()) != m.Text {
						t.Errorf("%s is %s: the answer cannot be reached", m.Path, m.Is)
					}
				default:
					succeeded++
					if mustFail(o, c.Answer("1"), &m) {
						t.Errorf("%s is %s and the call succeeded", m.Path, m.Is)
					}
					for _, at := range answers.Differences(c.Root, want, got) {
						if !belongs(at, &m, want, got) {
							t.Errorf("%s is %s: %q was changed", m.Path, m.Is, at)
						}
					}
				}
			}
		})
	}
	t.Logf("%d answers with one changed member: %d calls succeeded, %d were refused by name, %d answers were of another call", total, succeeded, refused, foreign)
	if total < 5000 || refused == 0 || foreign == 0 {
		t.Error("too few cases")
	}
}

// belongs reports whether the change explains a difference at a path.
func belongs(at string, m *answers.Mutation, want, got any) bool {
	changed := m.Path
	if answers.Leads(changed, at) {
		return true
	}
	// A list fits only if all of its elements do, and an object that is kept as raw JSON differs as
	// a whole.
	for list := changed; strings.HasSuffix(list, "]"); {
		list = list[:strings.LastIndexByte(list, '[')]
		if answers.Leads(list, at) {
			return true
		}
	}
	if isRaw(at) && answers.Leads(at, changed) {
		return true
	}
	// Another result is another type of answer.
	_, is := got.(*authorization.Authorization)
	return is && at == "" && (answers.Leads(changed, "payment_transaction_response.result") || answers.Leads(changed, "customer_token_response.result"))
}

// isRaw reports whether a member is kept as raw JSON or is unknown.
func isRaw(path string) bool {
	name := path[strings.LastIndexByte(path, '.')+1:]
	return slices.Contains([]string{
		"newer", "supplementary_purchase_data", "customer_interaction_config", "klarna_customer", "shipping",
		"payment_pricing", "supplementary_capture_data", "representment", "arbitration", "partner_evidence", "updated_fields", "previous_fields",
	}, name)
}

// mustFail reports whether a change removes a member that decides.
func mustFail(o *operation.Operation, answer string, m *answers.Mutation) bool {
	if m.Is == m.Was || m.Is == "a string" && m.Was == "a string" {
		return false
	}
	for _, d := range o.Decides {
		if d.Optional || strings.Contains(d.Path, operation.Or) || d.Path != answers.General(m.Path) {
			continue
		}
		if d.When.Path == "" || strings.Contains(answer, `"result":"`+d.When.Values[0]+`"`) {
			return true
		}
	}
	return false
}

func TestAnswersWithoutContentAreErrors(t *testing.T) {
	for _, c := range answers.Calls {
		o := operation.Of(c.Operation)
		for _, body := range []string{"", " ", "null", "{}", "[]", `[{"a":1}]`, `"x"`, "7", `{"data":{}}`, `{"error_code":"NOT_FOUND"}`, `{"error_id":"i"}`, `{"error_id":"i","error_message":"m"}`,
			`{"\u0065rror_code":"NOT_FOUND","signing_keys":[],"webhooks":[]}`, `{"signing_keys":[],"webhooks":[],"errors":[{"parameter":"a","error_message":"m"}]}`,
			`{"validation_errors":[{"parameter":"a"}],"signing_keys":[],"webhooks":[]}`} {
			_, err := c.Do(t.Context(), newClient(t, answering{body}), "1")
			isError := strings.Contains(body, "rror")
			if want := o.Content == operation.Some || isError; want != (err != nil) && (o.Content != operation.Any || want) {
				t.Errorf("%s answered %q: %v", c.Operation, body, err)
			}
			if err != nil && klarna.OutcomeOf(err) != klarna.OutcomeUnknown {
				t.Errorf("%s answered %q: %v", c.Operation, body, err)
			}
		}
	}
}

func TestResultsAndStatesIgnoreCase(t *testing.T) {
	for _, c := range answers.Calls {
		answer := c.Answer("1")
		lower := answer
		for _, value := range []string{"APPROVED", "DECLINED", "STEP_UP_REQUIRED", "SUBMITTED", "COMPLETED", "CANCELED", "AUTHORIZED", "PRESELECT_KLARNA", "ENABLED"} {
			lower = strings.ReplaceAll(lower, `"`+value+`"`, `"`+strings.ToLower(value)+`"`)
		}
		want, err := c.Do(t.Context(), newClient(t, answering{answer}), "1")
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Do(t.Context(), newClient(t, answering{lower}), "1")
		if err != nil || reflect.TypeOf(want) != reflect.TypeOf(got) {
			t.Errorf("%s: %v", c.Operation, err)
			continue
		}
		for _, at := range answers.Differences(c.Root, want, got) {
			if at != "customer_token_response.result" { // kept as received
				t.Errorf("%s: %q was changed", c.Operation, at)
			}
		}
	}
}

// Some characters, such as the dotless ı, equal an ASCII letter in upper case but not in package
// operation's comparison.
func TestLookalikeResultsAreUnknown(t *testing.T) {
	for _, result := range []string{"STEP_UP_REQU\u0131RED", "DECL\u0131NED", "APPROVED ", "PENDING"} {
		for _, c := range answers.Calls {
			if !strings.HasPrefix(c.Operation, "authorization.authorize") {
				continue
			}
			got, err := c.Do(t.Context(), newClient(t, answering{`{"payment_transaction_response":{"result":"` + result + `"},"customer_token_response":{"result":"` + result + `"}}`}), "1")
			a, ok := got.(*authorization.Authorization)
			if err != nil || !ok {
				t.Errorf("%s: %s: %v", c.Operation, result, err)
				continue
			}
			if unknown, ok := a.Result.(authorization.Undecided); !ok || unknown.Result != result {
				t.Errorf("%s: %s: %T", c.Operation, result, a.Result)
			}
		}
	}
}
