package conformance

import (
	"maps"
	"slices"
)

// Cases returns the whole suite, in the order in which it runs. Cases that share a resource at the
// host, such as an approved purchase, rely on that order: a case that ends the resource comes last.
func Cases() []Case {
	return slices.Concat(
		credentialCases(),
		headerCases(),
		idempotencyCases(),
		errorCases(),
		presentationCases(),
		authorizeCases(),
		paymentRequestCases(),
		purchaseDataCases(),
		customerCases(),
		transactionCases(),
		signingKeyCases(),
		webhookCases(),
	)
}

// The sections of the API.
const (
	credentials    = "credentials"
	headers        = "headers"
	idempotency    = "idempotency"
	failures       = "errors"
	presentation   = "presentation"
	sessionToken   = "session token"
	authorization  = "authorize"
	requests       = "payment request"
	purchaseData   = "purchase data"
	transactions   = "transaction"
	signingKeys    = "signing key"
	webhooks       = "webhook"
	webhookPayload = "webhook payload"
)

const (
	present       = "GET payment/presentation?currency=${currency}&locale=${locale}&amount=1000&intents%5B%5D=PAY"
	authorize     = "POST payment/authorize"
	createRequest = "POST payment/requests"
	readRequest   = "GET payment/requests/${request}"
	updateRequest = "PATCH payment/requests/${request}"
	cancelRequest = "DELETE payment/requests/${request}"
	voidPayment   = "POST payment/transactions/${transaction}/void"

	// payAmount is the amount of the suite's payments, in minor units.
	payAmount = 10_00

	result      = "payment_transaction_response.result"
	transaction = "payment_transaction_response.payment_transaction."
	interaction = "state_context.customer_interaction."

	returnURL = "https://shop.example/back?id={klarna.payment_request.id}&state={klarna.payment_request.state}"
)

// with returns o with changed members; nil removes a member.
func with(o object, changes object) object {
	changed := maps.Clone(o)
	for name, value := range changes {
		changed[name] = value
		if value == nil {
			delete(changed, name)
		}
	}
	return changed
}

func handover() object { return object{"method": "HANDOVER", "return_url": returnURL} }

// paymentRequest returns the body that creates a payment request.
func paymentRequest() object {
	return object{
		"currency": "${currency}", "amount": payAmount, "payment_request_reference": "${new.request_reference}",
		"customer_interaction_config": handover(),
	}
}

// purchase returns the body of an authorize without a step-up. Its references are the same within a
// case.
func purchase() object {
	return object{
		"currency": "${currency}",
		"request_payment_transaction": object{
			"amount": payAmount, "payment_transaction_reference": "${new.transaction_reference}",
		},
		"supplementary_purchase_data": object{
			"purchase_reference": "${new.purchase_reference}",
			"line_items":         list{object{"name": "Conformance", "quantity": 1, "total_amount": payAmount}},
		},
	}
}

// stepUp returns the body of a first authorize.
func stepUp() object { return with(purchase(), object{"step_up_config": stepUpConfig()}) }

func stepUpConfig() object {
	return object{"payment_request_reference": "${new.request_reference}", "customer_interaction_config": handover()}
}

// requested creates a payment request as a precondition.
func requested() step {
	return step{
		call: createRequest, body: paymentRequest(), given: checks{success()},
		capture: map[string]string{"request": "payment_request_id", "request_url": interaction + "payment_request_url", "created_at": "created_at"},
	}
}

// undone cancels a payment request if it exists and is cancelable.
func undone() []step { return []step{{call: cancelRequest}} }

// outcomeOf captures the ids that undoneAll needs from the answer to a call that may create a
// payment request or a payment.
func outcomeOf() map[string]string {
	return map[string]string{
		"request": "payment_request.payment_request_id", "transaction": transaction + "payment_transaction_id",
	}
}

func undoneAll() []step { return []step{{call: cancelRequest}, {call: voidPayment}} }

var errorWords = []subject{{part: theStatus}, member("error_code")}

func refused(code string) checks { return checks{status(400), member("error_code").is(code)} }

// acceptedOrRefused returns the turns of a question that a 2xx or a 4xx answers, the expected one
// first.
func acceptedOrRefused() []variant {
	return []variant{
		{name: "accepted", when: checks{success()}},
		{name: "refused", when: checks{status(400, 401, 403, 404, 405, 409, 413, 415, 422, 431)}, show: errorWords},
	}
}

func refusedOrAccepted() []variant {
	turns := acceptedOrRefused()
	slices.Reverse(turns)
	return turns
}

// known returns the turns of a value that is one of several words, the expected one first.
func known(s subject, values ...string) []variant {
	var turns []variant
	for _, value := range values {
		turns = append(turns, variant{name: value, when: checks{s.is(value)}})
	}
	return append(turns,
		variant{name: "absent", when: checks{s.isAbsent()}},
		variant{name: "another word", when: checks{s.looksLike(upperCase)}, show: []subject{s}})
}

// thereOrAbsent returns the turns of a member that an answer may have.
func thereOrAbsent(s subject) []variant {
	return []variant{
		{name: "there", when: checks{s.exists()}},
		{name: "absent", when: checks{s.isAbsent()}},
	}
}
