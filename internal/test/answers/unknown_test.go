package answers_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/internal/test/answers"
)

// unknownMembers are members that no object of Klarna's has, each with a name that resembles
// something else: an index, a path or nothing.
var unknownMembers = map[string]string{
	"a repeated number":     `"5":1,"5":{}`,
	"a repeated empty name": `"":1,"":{}`,
	"a repeated path":       `"payment_transaction_response.result":1,"payment_transaction_response.result":2,"state_context/payment_token":1,"state_context/payment_token":2`,
	"names in capitals":     `"RESULT":"DECLINED","State":"EXPIRED","Payment_Request_ID":"other","Payment_Transaction_ID":7`,
	"a repeated bad name":   "\"a\xff\":1,\"a\xfe\":2",
	"names of Go":           `"Unknown":{"a":1},"Unknown":1,"Raw":7`,
	"deep nesting":          `"deep":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000),
	"huge numbers":          `"huge":[1e400,-1e400,` + strings.Repeat("9", 500) + `]`,
}

// Unknown members in any object never change what an answer decides. The test compares printed
// results, which show the IDs and the states.
func TestUnknownMembersAreHarmless(t *testing.T) {
	tried := 0
	for _, call := range answers.Calls {
		full := call.Answer("1")
		if full == "" {
			continue
		}
		want, err := call.Do(t.Context(), newClient(t, answering{full}), "1")
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range regexp.MustCompile(`\{"`).FindAllStringIndex(full, -1) {
			for name, members := range unknownMembers {
				tried++
				text := full[:at[0]+1] + members + "," + full[at[0]+1:]
				got, err := call.Do(t.Context(), newClient(t, answering{text}), "1")
				if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s, %s at byte %d: %v, %v", call.Name, name, at[0], got, err)
				}
			}
		}
	}
	t.Logf("%d answers tried", tried)
}
