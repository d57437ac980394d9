package conformance

import (
	"fmt"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

func TestReceiverKeepsPostedWebhooks(t *testing.T) {
	rc := new(Receiver)
	send := func(method, path, body string) int {
		w := httptest.NewRecorder()
		rc.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		return w.Code
	}
	for _, tc := range []struct {
		name, method, path, body string
		want                     int
	}{
		{"a webhook", "POST", "/hooks/a", `{"n":1}`, 200},
		{"another one", "POST", "/hooks/a", `{"n":2}`, 200},
		{"a read", "GET", "/hooks/a", "", 405},
		{"more than a webhook can be", "POST", "/hooks/a", strings.Repeat("x", maxWebhook+1), 400},
		{"one to be refused", "POST", "/hooks/refuse-first/b", `{"n":3}`, 500},
		{"its repetition", "POST", "/hooks/refuse-first/b", `{"n":3}`, 200},
	} {
		if got := send(tc.method, tc.path, tc.body); got != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, got, tc.want)
		}
	}
	for _, tc := range []struct {
		end  string
		n    int
		want string
	}{{"a", 0, `{"n":1}`}, {"a", 1, `{"n":2}`}, {"a", 2, ""}, {"b", 1, `{"n":3}`}, {"oks/a", 0, ""}, {"none", 0, ""}} {
		x, ok := rc.nth(tc.end, tc.n)
		if string(x.raw) != tc.want || ok != (tc.want != "") {
			t.Errorf("%s, %d: %q %t", tc.end, tc.n, x.raw, ok)
		}
	}
	for i := range 2 * maxKept {
		send("POST", fmt.Sprintf("/hooks/%d", i), "{}")
	}
	if len(rc.kept) != maxKept {
		t.Errorf("%d are kept", len(rc.kept))
	}
	if _, ok := rc.nth(strconv.Itoa(2*maxKept-1), 0); !ok {
		t.Error("the last one was not kept")
	}
}
