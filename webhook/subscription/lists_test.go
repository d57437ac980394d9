package subscription_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"

	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/webhook/subscription"
)

// badList is an answer of status 200 that is not a list of webhooks or signing keys. NAME stands
// for the member of the list, ID for the member with the id of an element.
type badList struct{ body, problem string }

// badLists are invalid answers for both lists.
var badLists = map[string]badList{
	"nothing":                  {``, "it is empty"},
	"an empty object":          {`{}`, "NAME is missing"},
	"null":                     {`null`, "NAME is missing"},
	"an array":                 {`[]`, "an array"},
	"an array of elements":     {`[{"ID":"a","url":"` + hookURL + `","signing_key_id":"b"}]`, "an array"},
	"a string":                 {`"NAME"`, "a string"},
	"an error":                 {`{"error_code":"INTERNAL_SERVER_ERROR","error_id":"e"}`, "error with a 2xx status"},
	"an incomplete list":       {`{"NAME":[`, "it ends too early"},
	"a page":                   {`<html></html>`, "invalid JSON"},
	"a list of null":           {`{"NAME":null}`, "NAME is missing"},
	"a list that is false":     {`{"NAME":false}`, "NAME is a boolean"},
	"a list that is a number":  {`{"NAME":0}`, "NAME is a number"},
	"a list that is a string":  {`{"NAME":""}`, "NAME is a string"},
	"a list that is an object": {`{"NAME":{}}`, "NAME is an object"},
	"two lists":                {`{"NAME":[],"NAME":[]}`, "NAME is there more than once"},
	"a null in the list":       {`{"NAME":[null]}`, "NAME[].ID is missing"},
	"a number in the list":     {`{"NAME":[7]}`, "NAME is an array"},
	"a list in the list":       {`{"NAME":[[]]}`, "NAME is an array"},
	"an element without an id": {`{"NAME":[{"url":"` + hookURL + `","signing_key_id":null}]}`, "NAME[].ID is missing"},
	"an id of another type":    {`{"NAME":[{"ID":7,"url":"` + hookURL + `","signing_key_id":8}]}`, "NAME[0]."},
}

// badListsOf returns the bad lists with these names, and those that only webhooks have.
func badListsOf(name, id string) map[string]badList {
	replacer := strings.NewReplacer("NAME", name, "ID", id)
	lists := map[string]badList{}
	for what, b := range badLists {
		lists[what] = badList{replacer.Replace(b.body), replacer.Replace(b.problem)}
	}
	if name != "webhooks" {
		return lists
	}
	for what, b := range map[string]badList{
		"no url":                {`{"webhook_id":"a","signing_key_id":"b"}`, "webhooks[].url is missing"},
		"a url in a list":       {`{"webhook_id":"a","url":["` + hookURL + `"],"signing_key_id":"b"}`, "webhooks[1].url is an array"},
		"two urls":              {`{"webhook_id":"a","url":"x","url":"` + hookURL + `","signing_key_id":"b"}`, "webhooks[1].url is there more than once"},
		"no signing key":        {`{"webhook_id":"a","url":"` + hookURL + `"}`, "webhooks[].signing_key_id is missing"},
		"a signing key of null": {`{"webhook_id":"a","url":"` + hookURL + `","signing_key_id":null}`, "webhooks[].signing_key_id is missing"},
		"an object for a key":   {`{"webhook_id":"a","url":"` + hookURL + `","signing_key_id":{"id":"b"}}`, "webhooks[1].signing_key_id is an object"},
	} {
		lists["a webhook with "+what] = badList{`{"webhooks":[` + webhookBody + `,` + b.body + `]}`, b.problem}
	}
	return lists
}

// writes answers the lists and counts all other requests.
func writes(mock *httpmock.MockTransport, webhooks, keys string, header http.Header) *int {
	n := new(int)
	list := func(body string) httpmock.Responder {
		return func(*http.Request) (*http.Response, error) {
			response := httpmock.NewStringResponse(200, body)
			response.Header = header.Clone()
			return response, nil
		}
	}
	mock.RegisterResponder("GET", host+"/v2/notification/webhooks", list(webhooks))
	mock.RegisterResponder("GET", host+"/v2/notification/signing-keys", list(keys))
	mock.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
		*n++
		return httpmock.NewStringResponse(201, createdKey), nil
	})
	return n
}

// changes are the calls that create or delete something depending on a list.
var changes = map[string]func(ctx context.Context, c *subscription.Client) error{
	"EnsureWebhook": func(ctx context.Context, c *subscription.Client) error {
		_, err := c.EnsureWebhook(ctx, paramsFrom(new(gateway)))
		return err
	},
	"RotateKey": func(ctx context.Context, c *subscription.Client) error {
		_, err := c.RotateKey(ctx, func(context.Context, subscription.SigningKey) error { return errors.New("published") })
		return err
	},
	"RetireKey": func(ctx context.Context, c *subscription.Client) error {
		return c.RetireKey(ctx, otherKeyID, time.Now().Add(-2*subscription.RetireAfter))
	},
}

func TestAnInvalidListOfWebhooksChangesNothing(t *testing.T) {
	for what, bad := range badListsOf("webhooks", "webhook_id") {
		for name, change := range changes {
			t.Run(name+"/"+what, func(t *testing.T) {
				c, mock := newMocked(t)
				n := writes(mock, bad.body, `{"signing_keys":[]}`, nil)
				err := change(t.Context(), c)
				if *n != 0 {
					t.Errorf("%d requests that change something", *n)
				}
				checkRefused(t, err, bad.problem)
			})
		}
	}
}

func TestAnInvalidListOfKeysChangesNothing(t *testing.T) {
	for what, bad := range badListsOf("signing_keys", "signing_key_id") {
		for name, webhooks := range map[string]string{"EnsureWebhook": `{"webhooks":[]}`, "RotateKey": `{"webhooks":[` + webhookBody + `]}`} {
			t.Run(name+"/"+what, func(t *testing.T) {
				c, mock := newMocked(t)
				n := writes(mock, webhooks, bad.body, nil)
				err := changes[name](t.Context(), c)
				if *n != 0 {
					t.Errorf("%d requests that change something", *n)
				}
				checkRefused(t, err, bad.problem)
			})
		}
	}
}

func TestAForeignListChangesNothing(t *testing.T) {
	foreign := http.Header{"Partner-Correlation-Id": {"of another call"}}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			c, mock := newMocked(t)
			n := writes(mock, `{"webhooks":[]}`, `{"signing_keys":[]}`, foreign)
			if err := change(t.Context(), c); !errors.Is(err, klarna.ErrForeignAnswer) {
				t.Errorf("error %v", err)
			}
			if *n != 0 {
				t.Errorf("%d requests that change something", *n)
			}
		})
	}
}

// With a valid list, the same calls change something.
func TestAValidListIsUsed(t *testing.T) {
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			webhooks := `{"webhooks":[` + webhookBody + `]}`
			if name == "EnsureWebhook" {
				webhooks = `{"webhooks":[]}`
			}
			c, mock := newMocked(t)
			n := writes(mock, webhooks, `{"signing_keys":[],"of_tomorrow":{}}`, nil)
			if _ = change(t.Context(), c); *n == 0 {
				t.Error("nothing was changed")
			}
		})
	}
}

// checkRefused checks that err has an unknown outcome and names the problem.
func checkRefused(t *testing.T, err error, problem string) {
	t.Helper()
	if klarna.OutcomeOf(err) != klarna.OutcomeUnknown || !strings.Contains(err.Error(), problem) {
		t.Errorf("error %v, want %q", err, problem)
	}
}
