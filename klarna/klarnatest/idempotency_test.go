package klarnatest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

const key = "Klarna-Idempotency-Key: key-1"

func TestRepeatedRequestGetsTheFirstAnswer(t *testing.T) {
	server, c := newPair(t)
	first := c.want(201, "POST", requestsPath, draft(100), key)
	again := c.want(201, "POST", "/v2/accounts/"+server.PartnerAccountID+"/payment/requests", draft(100), key)
	equal(t, "answer", string(again.raw), string(first.raw))
	equal(t, "payment requests", len(server.PaymentRequests()), 1)
}

func TestReusedKeyIsAConflict(t *testing.T) {
	server, c := newPair(t)
	c.want(201, "POST", requestsPath, draft(100), key)
	equal(t, "code", c.want(409, "POST", requestsPath, draft(200), key).text("error_code"), "RESOURCE_CONFLICT")
	c.want(200, "POST", authorizePath, stepUp(100), key)
	c.want(409, "POST", authorizePath, stepUp(100), key, withToken(server.IssueSessionToken("EUR", 100)))
}

func TestKeyOfARunningRequestIsAConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := newSocketless(t)
		release := make(chan struct{})
		server.Script(klarnatest.Fault{
			Operation: "authorization.payment_request.create", Kind: klarnatest.FaultHold, Release: release,
		})
		var first response
		go func() { first = c.do("POST", requestsPath, draft(100), key) }()
		synctest.Wait()
		equal(t, "status while it runs", server.Requests()[0].StatusCode, 0)
		c.want(409, "POST", requestsPath, draft(100), key)
		close(release)
		synctest.Wait()
		equal(t, "first request", first.status, 201)
		c.want(201, "POST", requestsPath, draft(100), key)
		equal(t, "payment requests", len(server.PaymentRequests()), 1)
	})
}

func TestPutHonoursAnOptionalKey(t *testing.T) {
	_, c := newPair(t)
	path := requestsPath + "/" + c.want(201, "POST", requestsPath, draft(1)).text("payment_request_id")
	const none = "Klarna-Idempotency-Key: "
	for _, amount := range []float64{2, 3} {
		equal(t, "without", c.want(200, "PUT", path, obj{"amount": amount}, none).get("amount"), any(amount))
	}
	again := freshKey()
	c.want(200, "PUT", path, obj{"amount": 4}, again)
	c.want(200, "PUT", path, obj{"amount": 5}, none)
	equal(t, "repeated", c.want(200, "PUT", path, obj{"amount": 4}, again).get("amount"), any(4.0))
	equal(t, "read", c.want(200, "GET", path, nil).get("amount"), any(5.0))
}

func TestAKeyIsForgottenAfterADay(t *testing.T) {
	server, c := newPair(t)
	c.want(201, "POST", requestsPath, draft(100), key)
	server.Advance(24*time.Hour - time.Second)
	c.want(409, "POST", requestsPath, draft(200), key)
	server.Advance(time.Second)
	c.want(201, "POST", requestsPath, draft(200), key)
}

func TestUnexecutedRequestIsNotRemembered(t *testing.T) {
	server, c := newPair(t)
	server.Script(klarnatest.Fault{StatusCode: 429}, klarnatest.Fault{StatusCode: 503})
	c.want(429, "POST", requestsPath, draft(1), key)
	c.want(503, "POST", requestsPath, draft(2), key)
	c.want(401, "POST", requestsPath, draft(3), key, "Authorization: Basic wrong")
	c.want(400, "POST", requestsPath, `{`, key)
	c.want(201, "POST", requestsPath, draft(4), key)
}

func TestErrorOfAnExecutedRequestIsRemembered(t *testing.T) {
	server, c := newPair(t)
	id := c.start(100)
	if err := server.Open(id); err != nil {
		t.Fatal(err)
	}
	first := c.want(409, "PATCH", requestsPath+"/"+id, obj{"payment_option_id": "x"}, key)
	if _, err := server.Abandon(id); err != nil {
		t.Fatal(err)
	}
	again := c.want(409, "PATCH", requestsPath+"/"+id, obj{"payment_option_id": "x"}, key)
	equal(t, "answer", string(again.raw), string(first.raw))
}
