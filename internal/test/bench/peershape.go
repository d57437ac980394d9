package main

import "github.com/stripe/stripe-go/v85"

// The bodies of the peers' own APIs.

const stripeIntent = `{"id":"pi_3MtwBwLkdIwHu000000000000","object":"payment_intent","amount":11836,"amount_capturable":0,"amount_received":11836,` +
	`"capture_method":"automatic","client_secret":"pi_3MtwBwLkdIwHu000000000000_secret_YrKJUKribcBjcG8HVhfZluoGH","confirmation_method":"automatic",` +
	`"created":1767323045,"currency":"eur","description":"000000000000 ⟨…⟩","latest_charge":"ch_3MtwBwLkdIwHu000000000000","livemode":false,` +
	`"metadata":{"order":"order-4711"},"payment_method":"pm_1MtwBwLkdIwHu7ixxrsejPtG","payment_method_types":["card"],` +
	`"receipt_email":"alice@example.com","shipping":{"address":{"city":"Frankfurt am Main","country":"DE","line1":"Mainzer Landstraße 50",` +
	`"postal_code":"60325"},"name":"Alice Test","phone":"+46701234567"},"status":"succeeded"}`

func stripeBody(n int) []byte { return fill(stripeIntent, n) }

func stripeEvent(n int) []byte {
	return fill(`{"id":"evt_1NG8Du2eZvKY000000000000","object":"event","api_version":"`+stripe.APIVersion+`","created":1767323045,`+
		`"data":{"object":`+stripeIntent+`},"livemode":false,"pending_webhooks":1,"request":{"id":"req_1","idempotency_key":"order-4711"},`+
		`"type":"payment_intent.succeeded"}`, n)
}

func openaiEvent(n int) []byte {
	header := func(name, value string) string { return `{"name":"` + name + `","value":"` + value + `"}` }
	return fill(`{"id":"evt_685343a1381c81908000000000000","object":"event","created_at":1767323045,"type":"realtime.call.incoming",`+
		`"data":{"call_id":"rtc_479a275623b54bdb000000000000","sip_headers":[`+
		header("From", "sip:+142555512112@sip.example.com")+","+header("To", "sip:+18005551212@sip.example.com")+","+
		header("Call-ID", "03782086-4ce9-44bf-8b0d-4e303d2cc590")+","+header("CSeq", "1 INVITE")+","+
		header("Max-Forwards", "70")+","+header("User-Agent", "carrier/1.0")+","+header("Contact", "sip:carrier@198.51.100.7")+","+
		header("Content-Type", "application/sdp")+","+header("X-Context", "⟨…⟩")+`]}}`, n)
}

const githubIssue = `{"id":1,"node_id":"MDU6000000000000","url":"https://api.github.com/repos/octocat/hello/issues/000000000000",` +
	`"html_url":"https://github.com/octocat/hello/issues/000000000000","number":1347,"state":"open","title":"Found bug 000000000000","body":"⟨…⟩",` +
	`"user":{"login":"octocat","id":1,"node_id":"MDQ6VXNlcjE=","type":"User","site_admin":false},` +
	`"labels":[{"id":208045946,"name":"bug","color":"f29513","default":true}],"assignees":[],"locked":false,"comments":0,` +
	`"created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z","author_association":"COLLABORATOR"}`

func githubBody(n int) []byte { return fill(githubIssue, n) }

func githubEvent(n int) []byte {
	return fill(`{"action":"opened","issue":`+githubIssue+`,"repository":{"id":1296269,"name":"hello","full_name":"octocat/hello","private":false,`+
		`"owner":{"login":"octocat","id":1}},"sender":{"login":"octocat","id":1,"type":"User"}}`, n)
}

func openaiBody(n int) []byte {
	return fill(`{"id":"chatcmpl-B9MBs8CjcvOU000000000000","object":"chat.completion","created":1767323045,"model":"gpt-5.2","choices":[`+
		`{"index":0,"message":{"role":"assistant","content":"⟨…⟩","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],`+
		`"usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},`+
		`"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},`+
		`"service_tier":"default","system_fingerprint":"fp_44709d6fcb","metadata":{"order":"order-4711"}}`, n)
}
