package conformance

// transactionCases share one approved purchase of 10.00. They capture 0.50 of it at a time, and
// void the rest.
func transactionCases() []Case {
	const part = 50
	on := func(steps ...step) Case {
		return Case{Section: transactions, Certainty: CertaintySure, fixture: paid, steps: steps}
	}
	named := func(name string, certainty Certainty, c Case) Case {
		c.Name, c.Certainty = name, certainty
		return c
	}
	capture := func(amount int) step {
		return step{
			call:    "POST payment/transactions/${transaction}/capture",
			body:    object{"capture_amount": amount, "payment_capture_reference": "${new.capture_reference}"},
			capture: map[string]string{"payment_capture": "payment_capture_id"},
		}
	}
	captured := capture(part)
	captured.given = checks{success()}
	shipped := capture(part)
	shipped.body = object{
		"capture_amount": part, "payment_capture_reference": "${new.capture_reference}",
		"supplementary_capture_data": object{"shipments": list{object{"delivery": object{"tracking_number": "${hex.tracking}", "shipping_carrier": "Conformance"}}}},
	}
	refund := func(call, reference string) step {
		return step{
			call: call, body: object{"refund_amount": part, reference: "${new.refund_reference}"},
			capture: map[string]string{"payment_refund": "payment_refund_id"},
		}
	}
	refundCapture := refund("POST payment/captures/${payment_capture}/refund", "payment_refund_reference")
	refundTransaction := refund("POST payment/transactions/${transaction}/refund", "refund_reference")
	extend := step{call: "POST payment/transactions/${transaction}/authorize", body: object{"extension_days": 7}}
	voided := step{call: voidPayment} // usually a repeated void, whose answer is not checked
	read := step{call: "GET payment/transactions/${transaction}"}

	want := func(s step, want ...check) step { s.want = want; return s }
	given := func(s step, given ...check) step { s.given = given; return s }
	turns := func(s step, turns ...variant) step { s.variants = turns; return s }

	return []Case{
		named("a transaction is read by its id", CertaintySure, on(want(read, status(200)))),
		named("in which form a transaction has its id", CertaintyGap, on(turns(given(read, status(200)),
			variant{name: "in payment_transaction_id", when: checks{member("payment_transaction_id").is("${transaction}")}},
			variant{name: "not in payment_transaction_id", when: checks{status(200)}},
		))),
		named("which state a new transaction has", CertaintyGap, on(turns(given(read, status(200)), known(member("state"), "AUTHORIZED", "COMPLETED")...))),
		named("in which form a transaction has its amount", CertaintyGap, on(turns(given(read, status(200)),
			variant{name: "in amount", when: checks{member("amount").is("${approved}")}},
			variant{name: "in amount, another than the approved one", when: checks{member("amount").exists()}},
			variant{name: "not in amount", when: checks{member("amount").isAbsent()}},
		))),
		named("a transaction's reference can be changed", CertaintySure, on(step{
			call: "PATCH payment/transactions/${transaction}", body: object{"payment_transaction_reference": "${new.changed_reference}"}, want: checks{success()},
		})),
		named("a capture has an id", CertaintySure, on(want(capture(part), success(), member("payment_capture_id").looksLike(aText)))),
		named("a capture returns its shipment", CertaintySure, on(want(shipped,
			success(), member("supplementary_capture_data.shipments.0.delivery.tracking_number").is("${hex.tracking}"),
		))),
		named("a capture is read by its id", CertaintySure, on(captured, step{call: "GET payment/captures/${payment_capture}", want: checks{status(200)}})),
		named("in which form a capture has its id", CertaintyGap, on(captured, step{
			call: "GET payment/captures/${payment_capture}", given: checks{status(200)}, variants: []variant{
				{name: "in payment_capture_id", when: checks{member("payment_capture_id").is("${payment_capture}")}},
				{name: "not in payment_capture_id", when: checks{status(200)}},
			},
		})),
		named("a transaction lists its captures", CertaintyLikely, on(captured, turns(given(read, status(200)),
			variant{name: "in payment_captures, with their ids", when: checks{member("payment_captures.*.payment_capture_id").is("${payment_capture}")}},
			variant{name: "in payment_captures, in another form", when: checks{member("payment_captures").exists()}},
			variant{name: "not in payment_captures", when: checks{member("payment_captures").isAbsent()}},
		))),
		named("whether a capture beyond the rest is refused", CertaintyGap, on(turns(capture(payAmount+1), refusedOrAccepted()...))),
		named("a capture's refund has an id", CertaintySure, on(captured, want(refundCapture, success(), member("payment_refund_id").looksLike(aText)))),
		named("a refund is read by its id", CertaintySure, on(captured, given(refundCapture, success()), step{
			call: "GET payment/refunds/${payment_refund}", want: checks{status(200)},
		})),
		named("a transaction is refunded under refund_reference", CertaintySure, on(captured, want(refundTransaction, success()))),
		named("under which name a transaction's refund has its id", CertaintyGap, on(captured, turns(given(refundTransaction, success()),
			variant{name: "payment_refund_id", when: checks{member("payment_refund_id").exists()}},
			variant{name: "refund_id", when: checks{member("refund_id").exists()}},
			variant{name: "another name, or none", when: checks{success()}},
		))),
		named("whether a refund beyond the capture is refused", CertaintyGap, on(captured, turns(step{
			call: "POST payment/captures/${payment_capture}/refund", body: object{"refund_amount": part + 1, "payment_refund_reference": "${new.refund_reference}"},
		}, refusedOrAccepted()...))),
		named("an authorization can be extended by days", CertaintySure, on(want(extend, success()))),
		named("in which form an extension has the new expiry", CertaintyGap, on(turns(given(extend, success()),
			variant{name: "in expires_at", when: checks{member("expires_at").looksLike(aTimestamp)}},
			variant{name: "in expires_at, in another form", when: checks{member("expires_at").exists()}},
			variant{name: "not in expires_at", when: checks{member("expires_at").isAbsent()}},
		))),
		named("the rest of an authorization can be voided, without a body", CertaintySure, on(step{call: voidPayment, want: checks{success()}})),
		named("what state a transaction has after the void", CertaintyGap, on(voided, turns(given(read, status(200)), known(member("state"), "CLOSED", "COMPLETED", "AUTHORIZED")...))),
		named("whether a capture after the void is refused", CertaintyGap, on(voided, turns(capture(part), refusedOrAccepted()...))),
		{
			Name: "a payment that is captured immediately has its capture", Section: transactions, Certainty: CertaintyLikely,
			steps: append(visited(stepUp()), turns(finalizing(object{"capture": "NOW", "payment_capture_reference": "${new.capture_reference}"}),
				variant{name: "in payment_captures, with its id", when: checks{member(transaction + "payment_captures.*.payment_capture_id").looksLike(aText)}},
				variant{name: "in payment_captures, in another form", when: checks{member(transaction + "payment_captures").exists()}},
				variant{name: "not in payment_captures", when: checks{member(transaction + "payment_captures").isAbsent()}},
			)),
			cleanup: undoneAll(),
		},
		{
			Name: "a capture may release the rest", Section: transactions, Certainty: CertaintyLikely, fixture: second,
			steps: []step{finalizing(nil), {
				call:  "POST payment/transactions/${transaction}/capture",
				body:  object{"capture_amount": part, "payment_capture_reference": "${new.capture_reference}", "remaining_authorization": "RELEASE"},
				given: checks{success()},
			}, turns(given(read, status(200)), known(member("state"), "COMPLETED", "CLOSED", "AUTHORIZED")...)},
			cleanup: []step{{call: voidPayment}},
		},
	}
}
