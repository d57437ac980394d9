package klarnatest_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// verdicts is a testing.TB that records violations and does not fail.
type verdicts struct {
	testing.TB
	list []string
}

func (v *verdicts) Helper() {}
func (v *verdicts) Errorf(format string, args ...any) {
	v.list = append(v.list, fmt.Sprintf(format, args...))
}

func judge(t *testing.T, server *klarnatest.Server) []string {
	v := &verdicts{TB: t}
	server.CheckInvariants(v)
	return v.list
}

func TestAPurchaseWithTwoTransactionsIsAViolation(t *testing.T) {
	server, c := newPair(t)
	account := server.AddAccount()
	token, err := server.IssueSessionTokenFor(account, "EUR", 100)
	if err != nil {
		t.Fatal(err)
	}
	c.want(200, "POST", "/v2/accounts/"+account+"/payment/authorize", order(100), withToken(token))
	first := c.pay(100)
	server.CheckInvariants(t) // one reference in two accounts is two purchases
	c.want(200, "PATCH", transactionsPath+first, obj{"payment_transaction_reference": "tx-2"})
	second := c.pay(100)
	want := []string{fmt.Sprintf(`klarnatest: the purchase "tx-1" of %s has two transactions, %s and %s`, server.PartnerAccountID, first, second)}
	if diff := cmp.Diff(want, judge(t, server)); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
}

func TestFinalCallWithAnotherReferenceIsAViolation(t *testing.T) {
	server, c := newPair(t)
	id := c.start(100)
	final := order(100)
	final["request_payment_transaction"].(obj)["payment_transaction_reference"] = "tx-1-again"
	c.want(200, "POST", authorizePath, final, withToken(c.token(id)))
	want := []string{fmt.Sprintf(`klarnatest: %s is finalized as purchase "tx-1-again", and its first authorize was of "tx-1"`, id)}
	if diff := cmp.Diff(want, judge(t, server)); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
}
