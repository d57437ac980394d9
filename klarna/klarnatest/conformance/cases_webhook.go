package conformance

const (
	createKey     = "POST notification/signing-keys"
	listKeys      = "GET notification/signing-keys"
	readKey       = "GET notification/signing-keys/${signing_key_id}"
	deleteKey     = "DELETE notification/signing-keys/${signing_key_id}"
	createWebhook = "POST notification/webhooks"
	listWebhooks  = "GET notification/webhooks"
	readWebhook   = "GET notification/webhooks/${webhook}"
	deleteWebhook = "DELETE notification/webhooks/${webhook}"
	simulate      = "POST notification/webhooks/${webhook}/simulate"
)

// keyed creates a signing key as a precondition.
func keyed() step {
	return step{
		call: createKey, given: checks{success()},
		capture: map[string]string{"signing_key_id": "signing_key_id", "signing_key": "signing_key"},
	}
}

func signingKeyCases() []Case {
	withoutSecret := checks{status(200), member("signing_key_id").is("${signing_key_id}"), member("signing_key").isAbsent()}
	created := keyed()
	created.given = nil
	created.want = checks{
		status(201), member("signing_key_id").looksLike(aText), member("signing_key").looksLike(aText), member("created_at").looksLike(aTimestamp),
	}
	form := keyed()
	form.variants = []variant{
		{name: signingKeyKRN.name, when: checks{member("signing_key_id").looksLike(signingKeyKRN)}},
		{name: "another", when: checks{member("signing_key_id").exists()}},
	}
	after := func(steps ...step) []step { return append([]step{keyed()}, steps...) }
	cases := []Case{
		{Name: "creating a signing key returns its secret", Section: signingKeys, Certainty: CertaintySure, steps: []step{created}},
		{Name: "a signing key's id looks like a KRN", Section: signingKeys, Certainty: CertaintyLikely, steps: []step{form}},
		{
			Name: "a signing key is read without its secret", Section: signingKeys, Certainty: CertaintySure,
			steps: after(step{call: readKey, want: withoutSecret}),
		},
		{
			Name: "signing keys are listed without their secrets", Section: signingKeys, Certainty: CertaintySure,
			steps: after(step{call: listKeys, want: checks{
				status(200), member("signing_keys.*.signing_key_id").is("${signing_key_id}"), member("signing_keys.*.signing_key").isAbsent(),
			}}),
		},
		{
			Name: "deleting a signing key answers 204", Section: signingKeys, Certainty: CertaintySure,
			steps: after(step{call: deleteKey, want: checks{status(204)}}),
		},
		{
			Name: "a deleted signing key is not found", Section: signingKeys, Certainty: CertaintySure,
			steps: after(step{call: deleteKey, given: checks{success()}}, step{call: readKey, want: checks{status(404), member("error_code").is("RESOURCE_NOT_FOUND")}}),
		},
	}
	for i := range cases {
		cases[i].cleanup = []step{{call: deleteKey}}
	}
	return cases
}

// subscription returns the body of a webhook with its own path.
func subscription(path string, eventTypes ...any) object {
	return object{
		"url": "${webhook_url}/" + path, "event_types": eventTypes, "event_version": "v2",
		"signing_key_id": "${signing_key_id}", "status": "ENABLED",
	}
}

// subscribed creates a webhook with its own key as a precondition.
func subscribed(path string, eventTypes ...any) []step {
	return []step{keyed(), {
		call: createWebhook, body: subscription(path, eventTypes...), given: checks{success()}, capture: map[string]string{"webhook": "webhook_id"},
	}}
}

const (
	submitted = "payment.request.state-change.submitted"
	completed = "payment.request.state-change.completed"
	path      = "${new.path}"
)

var unsubscribed = []step{
	{call: deleteWebhook}, {call: "DELETE notification/webhooks/${second_webhook}"}, {call: deleteKey}, {call: cancelRequest},
}

// notified is a webhook that receives the event of an approval, and the approval.
var notified = &fixture{
	name:    "an approval whose event a webhook receives",
	steps:   append(subscribed(path, completed), requested(), step{visit: approves}),
	cleanup: unsubscribed,
}

func webhookCases() []Case {
	after := func(steps ...step) []step { return append(subscribed(path, submitted), steps...) }
	event := func(eventType string) step {
		return step{call: simulate, body: object{"event_type": eventType, "event_version": "v2"}, given: checks{success()}}
	}
	// arrived simulates an event and waits for its delivery.
	arrived := func(s step) []step {
		s.delivery = path
		return after(event(submitted), s)
	}
	createdWith := func(body object, s step) []step {
		s.call, s.body, s.capture = createWebhook, body, map[string]string{"webhook": "webhook_id"}
		return []step{keyed(), s}
	}
	twice := step{call: createWebhook, body: subscription(path, submitted), capture: map[string]string{"second_webhook": "webhook_id"}}
	twice.want = checks{status(409), member("error_code").is("RESOURCE_CONFLICT")}
	acceptedSimulation := event(submitted)
	acceptedSimulation.given, acceptedSimulation.want = nil, checks{success()}
	statusOfSimulation := event(submitted)
	statusOfSimulation.given = nil
	statusOfSimulation.variants = []variant{
		{name: "200", when: checks{status(200)}}, {name: "201", when: checks{status(201)}},
		{name: "202", when: checks{status(202)}}, {name: "204", when: checks{status(204)}},
	}

	received := func(s step) []step {
		s.delivery = path
		return []step{s}
	}
	cases := []Case{
		{
			Name: "creating a webhook returns its id and the requested content", Section: webhooks, Certainty: CertaintySure, needs: needsWebhookURL,
			steps: createdWith(subscription(path, submitted), step{want: checks{
				success(), member("webhook_id").looksLike(aText), member("url").is("${webhook_url}/${new.path}"), member("event_types.*").is(submitted),
				member("signing_key_id").is("${signing_key_id}"), member("status").is("ENABLED"), member("event_version").is("v2"),
			}}),
		},
		{
			Name: "creating a webhook answers 201", Section: webhooks, Certainty: CertaintyLikely, needs: needsWebhookURL,
			steps: createdWith(subscription(path, submitted), step{variants: []variant{
				{name: "201", when: checks{status(201)}}, {name: "200", when: checks{status(200)}}, {name: "202", when: checks{status(202)}},
			}}),
		},
		{
			Name: "a webhook may subscribe to all events of a family", Section: webhooks, Certainty: CertaintySure, needs: needsWebhookURL,
			steps: createdWith(subscription(path, "payment.request.*"), step{want: checks{success()}}),
		},
		{
			Name: "whether an event type that Klarna does not know is refused", Section: webhooks, Certainty: CertaintyGap, needs: needsWebhookURL,
			steps: createdWith(subscription(path, "conformance.unknown"), step{variants: refusedOrAccepted()}),
		},
		{
			Name: "a URL on another port than 443 and 8443 is refused", Section: webhooks, Certainty: CertaintyLikely,
			steps: createdWith(with(subscription(path, submitted), object{"url": "https://conformance.invalid:9000/" + path}), step{variants: refusedOrAccepted()}),
		},
		{
			Name: "a URL that is not https is refused", Section: webhooks, Certainty: CertaintyLikely,
			steps: createdWith(with(subscription(path, submitted), object{"url": "http://conformance.invalid/" + path}), step{variants: refusedOrAccepted()}),
		},
		{
			Name: "a second identical webhook is a conflict", Section: webhooks, Certainty: CertaintySure, needs: needsWebhookURL,
			steps: after(twice),
		},
		{
			Name: "a webhook is read by its id", Section: webhooks, Certainty: CertaintySure, needs: needsWebhookURL,
			steps: after(step{call: readWebhook, want: checks{status(200), member("webhook_id").is("${webhook}"), member("url").is("${webhook_url}/${new.path}")}}),
		},
		{
			Name: "webhooks are listed", Section: webhooks, Certainty: CertaintySure, needs: needsWebhookURL,
			steps: after(step{call: listWebhooks, want: checks{status(200), member("webhooks.*.webhook_id").is("${webhook}")}}),
		},
		{
			Name: "a PATCH changes a webhook's event types", Section: webhooks, Certainty: CertaintySure, needs: needsWebhookURL,
			steps: after(
				step{call: "PATCH notification/webhooks/${webhook}", body: object{"event_types": list{completed}}, want: checks{status(200)}},
				step{call: readWebhook, want: checks{member("event_types").is(list{completed}), member("url").is("${webhook_url}/${new.path}")}},
			),
		},
		{
			Name: "deleting a webhook answers 204", Section: webhooks, Certainty: CertaintySure, needs: needsWebhookURL,
			steps: after(step{call: deleteWebhook, want: checks{status(204)}}),
		},
		{
			Name: "a deleted webhook is not found", Section: webhooks, Certainty: CertaintySure, needs: needsWebhookURL,
			steps: after(step{call: deleteWebhook, given: checks{success()}}, step{call: readWebhook, want: checks{status(404), member("error_code").is("RESOURCE_NOT_FOUND")}}),
		},
		{
			Name: "whether the deletion of a signing key that a webhook uses is refused", Section: signingKeys, Certainty: CertaintyGap, needs: needsWebhookURL,
			steps: after(step{call: deleteKey, variants: refusedOrAccepted()}),
		},
		{
			Name: "an event can be simulated", Section: webhooks, Certainty: CertaintySure, needs: needsWebhookURL,
			steps: after(acceptedSimulation),
		},
		{
			Name: "with which status a simulation is answered", Section: webhooks, Certainty: CertaintyGap, needs: needsWebhookURL,
			steps: after(statusOfSimulation),
		},
		{
			Name: "the signature is the lowercase hex HMAC-SHA256 of the raw body, with the key as it was issued", Section: webhooks, Certainty: CertaintySure,
			steps: arrived(step{want: checks{
				header("Klarna-Signature").looksLike(lowercaseHex), header("Klarna-Signature").signedBy("${signing_key}"),
			}}),
		},
		{
			Name: "a delivery names the key that signed it", Section: webhooks, Certainty: CertaintySure,
			steps: arrived(step{want: checks{header("Klarna-Signing-Key-Id").is("${signing_key_id}")}}),
		},
		{
			Name: "an event is JSON with the metadata of its delivery", Section: webhookPayload, Certainty: CertaintySure,
			steps: arrived(step{want: checks{
				member("metadata.event_id").looksLike(aText),
				member("metadata.event_type").is(submitted),
				member("metadata.event_version").is("v2"),
				member("metadata.occurred_at").looksLike(aTimestamp),
				member("metadata.subject_account_id").looksLike(aText),
				member("metadata.recipient_account_id").looksLike(aText),
				member("metadata.webhook_id").is("${webhook}"),
				member("metadata.live").is(false),
				member("payload").isOfKind(anObject),
			}}),
		},
		{
			Name: "what payload a simulated event has", Section: webhookPayload, Certainty: CertaintyGap,
			steps: arrived(step{variants: []variant{
				{name: "payment_request_id and state", when: checks{member("payload.payment_request_id").exists(), member("payload.state").exists()}},
				{name: "payment_request_id", when: checks{member("payload.payment_request_id").exists()}},
				{name: "another payload", when: checks{member("payload").exists()}},
				{name: "none", when: checks{member("payload").isAbsent()}},
			}}),
		},
		{
			Name: "a failed delivery is retried as the same event", Section: webhooks, Certainty: CertaintySure,
			steps: append(subscribed("refuse-first/"+path, submitted),
				event(submitted),
				step{delivery: path, capture: map[string]string{"event": "metadata.event_id"}},
				step{delivery: path, nth: 1, want: checks{member("metadata.event_id").is("${event}"), header("Klarna-Signature").signedBy("${signing_key}")}},
			),
		},
		{
			Name: "a new payment request sends its event to subscribers", Section: webhooks, Certainty: CertaintySure,
			steps: append(subscribed(path, "payment.request.*"), requested(), step{delivery: path, want: checks{
				member("metadata.event_type").is(submitted),
				member("payload.payment_request_id").is("${request}"),
				member("payload.payment_request_reference").is("${new.request_reference}"),
				member("payload.state").is("SUBMITTED"),
			}}),
		},
		{
			Name: "the event of an approval has what was approved", Section: webhookPayload, Certainty: CertaintySure, fixture: notified,
			steps: received(step{want: checks{
				member("payload.payment_request_id").is("${request}"), member("payload.state").is("COMPLETED"), member("payload.previous_state").is("IN_PROGRESS"),
			}}),
		},
		{
			Name: "where the event of an approval has the session token", Section: webhookPayload, Certainty: CertaintyGap, fixture: notified,
			steps: received(step{variants: []variant{
				{name: "at the top level of the payload and in state_context", when: checks{
					member("payload.klarna_network_session_token").exists(), member("payload." + sessionTokenPath).exists(),
				}},
				{name: "at the top level of the payload", when: checks{member("payload.klarna_network_session_token").exists()}},
				{name: "in state_context", when: checks{member("payload." + sessionTokenPath).exists()}},
				{name: "at the top level, under an older name", when: checks{member("payload.payment_token").exists()}},
				{name: "nowhere", when: checks{member("payload").exists()}},
			}}),
		},
	}
	for i := range cases {
		if needsOf(cases[i].steps)&needsReceiver != 0 {
			cases[i].needs |= needsWebhookURL
		}
		if cases[i].fixture == nil {
			cases[i].cleanup = unsubscribed
		}
	}
	return cases
}
