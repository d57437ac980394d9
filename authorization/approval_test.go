package authorization_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
)

// Only the members that the approval is made of can refuse it. Of the names of the session token,
// only the one that is used counts.
func TestOnlyWhatIsUsedDecidesAnApproval(t *testing.T) {
	const token = `"klarna_network_session_token":"newest"`
	for name, tc := range map[string]struct {
		members, context string
		err              string // a part of the error
	}{
		"one token":                            {context: token},
		"an older name with a bad byte":        {context: token + ",\"payment_token\":\"a\xff\""},
		"an older name before it":              {context: "\"interoperability_token\":\"a\xff\"," + token},
		"an older name that is repeated":       {context: token + `,"payment_token":"a","payment_token":"b"`},
		"an older name of another type":        {context: token + `,"payment_token":{}`},
		"a member without a name":              {members: `"":1,`, context: token + `,"":1`},
		"a member with an index for a name":    {members: `"0":1,`, context: token + `,"0":1`},
		"members with a deciding name's index": {members: `"amount[0]":1,"currency[]":1,`, context: token + `,"klarna_network_session_token[0]":1`},
		"members with a path for a name":       {members: `"state_context.payment_token":1,`, context: token},
		"the token with a bad byte":            {context: "\"klarna_network_session_token\":\"a\xff\"", err: "klarna_network_session_token is not valid UTF-8"},
		"the token twice":                      {context: token + "," + token, err: "state_context.klarna_network_session_token is there more than once"},
		"the only token twice":                 {context: `"payment_token":"a","payment_token":"b"`, err: "state_context.payment_token is there more than once"},
		"a token that does not fit twice":      {context: `"payment_token":7,"payment_token":8`, err: "state_context.payment_token is there more than once"},
		"the context twice":                    {members: `"state_context":{"payment_token":"a"},`, context: token, err: "state_context is there more than once"},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := newClient(t, http.StatusOK, `{`+tc.members+`"payment_request_id":"r-1","state":"COMPLETED","amount":5,"currency":"EUR","state_context":{`+tc.context+`}}`)
			var approval authorization.Approval
			request, err := authorization.New(client).GetPaymentRequest(t.Context(), "r-1")
			if err == nil {
				approval, err = request.Approval()
			}
			switch {
			case tc.err != "":
				if err == nil || !strings.Contains(err.Error(), tc.err) || strings.Count(err.Error(), tc.err) > 1 {
					t.Errorf("got the error %v, want %s", err, tc.err)
				}
				if e, ok := errors.AsType[*klarna.Error](err); ok && e.Outcome != klarna.OutcomeUnknown {
					t.Errorf("the outcome is %v", e.Outcome)
				}
			case err != nil || approval.SessionToken.Reveal() != "newest" || approval.Amount != 5:
				t.Errorf("got %v, %q and the error %v", approval, approval.SessionToken.Reveal(), err)
			}
		})
	}
}
