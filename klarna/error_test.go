package klarna_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/klarna"
)

func TestErrorTexts(t *testing.T) {
	tests := map[string]struct {
		err  *klarna.Error
		want string
	}{
		"nil":     {nil, "<nil>"},
		"nothing": {&klarna.Error{}, "klarna (outcome unknown)"},
		"Klarna's answer": {
			&klarna.Error{
				Operation: "authorization.authorize", StatusCode: 409, Code: klarna.CodeResourceConflict, ID: "9f27a5d0", CorrelationID: "k-1",
				Message: "no", Outcome: klarna.OutcomeRejected, Attempts: make([]klarna.Attempt, 2),
			},
			"klarna: authorization.authorize: 409 RESOURCE_CONFLICT (outcome rejected, 2 attempts, error_id 9f27a5d0, correlation_id k-1)",
		},
		"a status without a code": {&klarna.Error{StatusCode: 502}, "klarna: 502 Bad Gateway (outcome unknown)"},
		"an unknown status":       {&klarna.Error{StatusCode: 599, Outcome: klarna.OutcomeRejected}, "klarna: 599  (outcome rejected)"},
		"parameters that Klarna refused, without reasons": {
			&klarna.Error{StatusCode: 400, Code: "VALIDATION_ERROR", ValidationErrors: []klarna.ValidationError{{Parameter: "a.b[2]", Reasons: []string{"Ada"}}, {Parameter: "c"}}},
			"klarna: 400 VALIDATION_ERROR [a.b[2]; c] (outcome unknown)",
		},
		"parameters that local validation refused, with reasons": {
			&klarna.Error{Code: "VALIDATION_ERROR", Outcome: klarna.OutcomeNotSent, ValidationErrors: []klarna.ValidationError{{Parameter: "a", Reasons: []string{"is empty", "is short"}}}},
			"klarna: VALIDATION_ERROR [a: is empty, is short] (outcome not sent)",
		},
		"a cause":                     {&klarna.Error{Operation: "o", Err: context.Canceled}, "klarna: o: context canceled (outcome unknown)"},
		"an invalid code":             {&klarna.Error{StatusCode: 400, Code: "Ada Lovelace"}, "klarna: 400 [unprintable] (outcome unknown)"},
		"an invalid code of one word": {&klarna.Error{StatusCode: 400, Code: "Ada"}, "klarna: 400 [unprintable] (outcome unknown)"},
		"an invalid id":               {&klarna.Error{ID: "Ada Lovelace"}, "klarna (outcome unknown, error_id [unprintable])"},
		"a very long id":              {&klarna.Error{ID: strings.Repeat("a", 161)}, "klarna (outcome unknown, error_id [unprintable])"},
		"an id with a line break":     {&klarna.Error{ID: "a\nlevel=ERROR"}, "klarna (outcome unknown, error_id [unprintable])"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.err.Error(); got != test.want {
				t.Errorf("says %q, want %q", got, test.want)
			}
			if got := fmt.Sprintf("%v", test.err); got != test.want {
				t.Errorf("prints %q, want %q", got, test.want)
			}
		})
	}
}

func TestErrorTextsStayBelowTwoKilobytes(t *testing.T) {
	long := strings.Repeat("a", 5000)
	var many []klarna.ValidationError
	for i := range 1000 {
		many = append(many, klarna.ValidationError{Parameter: fmt.Sprintf("supplementary_purchase_data.line_items[%d].total_amount", i), Reasons: []string{"is negative", long}})
	}
	for name, err := range map[string]*klarna.Error{
		"local validation errors": {Operation: long, Code: klarna.CodeValidationError, ValidationErrors: many, Err: errors.New(long)},
		"Klarna's validation errors": {
			Operation: long, StatusCode: 400, Code: klarna.Code(strings.Repeat("A", 160)), ID: long[:160], CorrelationID: long[:160],
			ValidationErrors: many, Err: fmt.Errorf("%s: %w", long, io.EOF), Attempts: make([]klarna.Attempt, 1000),
		},
		"a long cause with characters of several bytes": {Err: errors.New(strings.Repeat("é", 4000))},
	} {
		text := err.Error()
		if len(text) >= 2<<10 || !utf8.ValidString(text) {
			t.Errorf("%s: %d bytes: %s", name, len(text), text)
		}
		if len(err.ValidationErrors) > 0 && (!strings.Contains(text, "line_items[0].total_amount") || !strings.Contains(text, " more]")) {
			t.Errorf("%s: %s", name, text)
		}
	}
}

func TestMethodsOfANilErrorDoNotPanic(t *testing.T) {
	var err *klarna.Error
	if err.Error() != "<nil>" || err.Unwrap() != nil || err.Is(klarna.CodeNotFound) || errors.Is(err, klarna.CodeNotFound) || errors.Is(err, io.EOF) {
		t.Error("a method of a nil *Error returns something")
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		if got := fmt.Sprintf(verb, err); got != "<nil>" {
			t.Errorf("%s prints %q", verb, got)
		}
	}
	if text, e := json.Marshal(err); e != nil || string(text) != "null" {
		t.Errorf("JSON %s, %v", text, e)
	}
}

func TestErrorsCompareWithCodes(t *testing.T) {
	coded := func(c klarna.Code) error { return fmt.Errorf("wrapped: %w", &klarna.Error{Code: c}) }
	tests := map[string]struct {
		err    error
		target klarna.Code
		want   bool
	}{
		"the same code":                                  {coded("RESOURCE_CONFLICT"), klarna.CodeResourceConflict, true},
		"another code":                                   {coded("RESOURCE_CONFLICT"), klarna.CodeNotFound, false},
		"a code that is not listed":                      {coded("NEW"), "NEW", true},
		"the other spelling on the wire":                 {coded("TEMPORARILY_UNAVAILABLE"), klarna.CodeTemporaryUnavailable, true},
		"the other spelling as the target":               {coded("TEMPORARY_UNAVAILABLE"), "TEMPORARILY_UNAVAILABLE", true},
		"no code with no code":                           {coded(""), "", false},
		"case matters":                                   {coded("not_found"), klarna.CodeNotFound, false},
		"a code in the text of the cause does not match": {&klarna.Error{Err: io.EOF}, klarna.CodeNotFound, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := errors.Is(test.err, test.target); got != test.want {
				t.Errorf("errors.Is is %t", got)
			}
		})
	}
	if klarna.CodeNotFound.Error() != "NOT_FOUND" {
		t.Error("Error of a Code does not return the code")
	}
}

func TestErrorsUnwrapToTheirCause(t *testing.T) {
	err := fmt.Errorf("wrapped: %w", &klarna.Error{Err: io.EOF})
	if !errors.Is(err, io.EOF) {
		t.Error("the cause is lost")
	}
	if e, ok := errors.AsType[*klarna.Error](err); !ok || e.Unwrap() != io.EOF {
		t.Error("errors.As does not find the *Error")
	}
}

func TestTheJSONOfAnErrorIsSafeToLog(t *testing.T) {
	err := &klarna.Error{
		Operation: "o", StatusCode: 400, Code: klarna.CodeValidationError, ID: "i", Message: "Ada", CorrelationID: "k", PartnerCorrelationID: "p",
		IdempotencyKey: "key", Attempts: []klarna.Attempt{{StatusCode: 400, Code: "Ada L"}}, Outcome: klarna.OutcomeRejected, Err: context.Canceled,
		ValidationErrors: []klarna.ValidationError{{Parameter: "a", Reasons: []string{"Ada"}}},
	}
	for name, value := range map[string]any{"a pointer": err, "a value": *err} {
		text, e := json.Marshal(value)
		if e != nil {
			t.Fatal(e)
		}
		var got map[string]any
		if e := json.Unmarshal(text, &got); e != nil {
			t.Fatal(e)
		}
		want := map[string]any{
			"operation": "o", "status": 400.0, "error_code": "VALIDATION_ERROR", "error_id": "i", "correlation_id": "k",
			"partner_correlation_id": "p", "idempotency_key": "key", "attempts": 1.0, "outcome": "rejected", "parameters": []any{"a"}, "cause": "context canceled",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	text, e := json.Marshal([]any{err.ValidationErrors, err.Attempts})
	if want := `[["a"],["klarna.Attempt{400, [unprintable]}"]]`; e != nil || string(text) != want {
		t.Errorf("the lists are %s, want %s (%v)", text, want, e)
	}
}

func TestAttemptsPrintTheirAnswer(t *testing.T) {
	a := klarna.Attempt{StatusCode: 503, Code: klarna.CodeTemporaryUnavailable, ErrorID: "i", Err: io.EOF}
	if got, want := fmt.Sprintf("%+v %s", a, &a), "klarna.Attempt{503, TEMPORARY_UNAVAILABLE, error_id i, EOF}"; got != want+" "+want {
		t.Errorf("prints %s", got)
	}
}
