// Package klarnatest is a test double of Klarna Network's server API. It is to that API what
// net/http/httptest is to net/http: a stateful server in one process, over real HTTP, for tests and
// examples.
//
//	klarna := klarnatest.NewServer(t)
//	key := klarna.Subscribe(receiver.URL, "payment.request.*")
//	// … the code under test authorizes against klarna.URL with klarna.APIKey …
//	back, err := klarna.Approve(paymentRequestID) // what the customer does at payment_request_url
//	klarna.Flush()                                // every webhook due now has arrived
//
// The server keeps the state that Klarna keeps: payment requests and their states, session and
// customer tokens and their lifetimes, idempotency keys, transactions with their captures, refunds
// and chargebacks, signing keys, and webhooks with their signatures and retries. It serves one
// account or several. It is strict where Klarna's documentation is definite and liberal elsewhere.
// The server has a clock of its own, which a test moves with [Server.Advance].
//
// The ledgers [Server.Transactions], [Server.Captures], [Server.Refunds] and
// [Server.PaymentRequests] record what really happened. [Server.CheckInvariants] fails a test in
// which a purchase was paid twice, or was paid in a way that the customer did not approve.
//
// # Browsers
//
// payment_request_url leads to a page on which a customer approves, declines, leaves or chooses
// other shipping. A GET opens the payment, as a customer does; a HEAD or a prefetch does not. The
// page works without JavaScript. It leads to return_url; if there is no return_url, it says that it
// may be closed.
//
// The server also serves a double of the browser SDK, which a page of any origin can use:
//
//	const { KlarnaSDK } = await import(serverURL + "/web-sdk/v2/klarna.mjs");
//	const klarna = await KlarnaSDK({
//		clientId, products: ["PAYMENT"], partnerAccountId, locale: "en-US",
//	});
//	// Other events are abort, error and presentationupdate.
//	klarna.Payment.on("complete", ({ paymentRequestId, state }) => { … });
//	const { instruction, paymentOption } =
//		await klarna.Payment.presentation({ amount: 1999, currency: "EUR" });
//	paymentOption.icon.component().mount("#icon"); // header, subheader, badge, message, terms
//	paymentOption.paymentButton.component({ initiate: () => askYourServer() }).mount("#button");
//
// clientId is [Server.ClientID]. The SDK delivers the instruction; the page obeys it. initiate
// resolves to what the page's server answered: returnUrl, where the browser continues, or
// paymentRequestUrl or paymentRequestId, whose page opens in a window of its own. The page opens in
// the shop's window if other windows are blocked, on a small screen, and with initiationMode
// "REDIRECT"; return_url then leads back to the shop. When a separate window closes, the SDK fires
// a complete event if the payment was approved and an abort event otherwise. If initiate rejects,
// the SDK fires an error event. [Server.SetDuplicateComplete] makes the SDK fire complete twice, as
// Klarna's may.
//
// A Content-Security-Policy of the page needs the server's URL in script-src and connect-src and
// nothing unsafe; a Cross-Origin-Opener-Policy must be same-origin-allow-popups. Requests of
// browsers are not calls of the API: they meet no faults and are not among [Server.Requests].
//
// # Operations
//
// Faults and recorded requests name operations:
//
//	presentation.get
//	authorization.authorize                 first and final
//	authorization.payment_request.create    .read .update .cancel
//	authorization.transaction.read          .update .capture .void .refund .extend
//	authorization.capture.read              .refund
//	authorization.refund.read
//	authorization.chargeback.read
//	authorization.token.revoke
//	interoperability.token.create
//	interoperability.sdk_token.create
//	interoperability.test_token.create
//	subscription.signing_key.create         .list .read .delete
//	subscription.webhook.create             .list .read .update .delete .simulate
//
// # Faults
//
// A test scripts what goes wrong. [Server.Script] applies faults to requests by operation: to a
// number of them, after a number of others, or at random with a seed ([WithSeed]).
//
//	the request is not executed            FaultStatus, FaultHTML, FaultDropBefore;
//	                                       FaultHold, if the client gives up first
//	it is, and the client gets the answer  FaultDelay, unless the client gives up first
//	it is, and the client does not         FaultStatus and FaultHTML with AfterExecution,
//	                                       FaultDropAfter, FaultTruncate, FaultStall,
//	                                       FaultLongLength, FaultShortLength
//
// [Server.ScriptAuthorize] sets what authorize answers. [Server.ScriptWebhook] and
// [Server.ScriptWebhooks] lose, duplicate, delay and reorder webhooks. [WithRateLimit] answers 429
// as Klarna does. The test fails if a scripted fault was never met, unless the fault is random.
// [Server.ClearFaults] removes all scripted faults.
//
// Two clocks matter. What Klarna does on its own (expiry, late and retried webhooks, rate limits)
// follows the server's clock. What a client waits for on its connection (a delay, a stall, a hold)
// follows the client's clock, which inside a testing/synctest bubble is the bubble's.
//
// # State
//
// A server loses its state with [Server.Close]. With [WithStateFile] a later server continues from
// that state, even if the first was killed; this is for a server that people and other programs use
// for longer than a test. With [WithRetention] a server that runs for long forgets what is over.
//
// # Decisions
//
// Klarna's documentation leaves open much of what a server must decide. The following are decisions
// of this package. Do not conclude from them that Klarna does the same:
//
//   - A capture beyond what is still authorized and a refund beyond what is captured are answered
//     with 400, which names the amount. A transaction that is no longer AUTHORIZED refuses captures
//     and voids with 409. One that is COMPLETED or CLOSED also refuses extensions. What is captured
//     can be refunded in any state. A refund of a transaction is taken from its oldest captures
//     first.
//   - A void makes a transaction COMPLETED, because nothing authorized is left, whether or not
//     something was captured.
//   - A transaction lives for 28 days. An extension adds its extension_days to the expiry, or to
//     the present if the expiry has passed; without extension_days a new life of 28 days begins.
//     The extension's amount is added to what is authorized.
//   - The limit of 500 operations of a transaction counts the captures, refunds, voids, extensions
//     and updates that were executed.
//   - Funding becomes FUNDED with the first capture, and EXPIRED when a transaction expires without
//     a capture.
//   - The creation of captures, refunds and interoperability tokens answers 201, the revocation of
//     tokens 204. Other changes of transactions answer 200 with the transaction. The members of
//     answers and events of captures, refunds, chargebacks and disputes, other than their ids, are
//     the package's choice.
//   - References of captures and refunds are not required. An unknown member, such as the reference
//     of a transaction's refund on the refund of a capture, is ignored: the ledgers show what
//     arrived.
//   - A known path with a method that it does not have is answered with 404, as an unknown path is.
//   - Without a token authorize requires a step-up, or declines if there is no step_up_config. It
//     approves with a session token whose customer approved, and with a stored customer's token.
//     Rules of [Server.ScriptAuthorize] come first, except for a final authorize call.
//   - A stored customer's payment request begins as COMPLETED. Scopes of a customer token are not
//     enforced. customer_token is a string, also in an authorize answer. A token that is revoked or
//     used cannot be revoked.
//   - An interoperability token or SDK token stands for a customer who has not approved. A test
//     token approves what the first authorize with it asks for, for 60 minutes. The bodies of the
//     requests that create these tokens are optional.
//   - A final authorize call with another reference than the first call is approved, and
//     [Server.CheckInvariants] reports it.
//   - A path without an account means the first account, unless [WithAcquiringPartner] makes the
//     server refuse it with 403. What belongs to another account is answered with 404.
//   - An idempotency key belongs to one account and one operation. A request that is refused before
//     it reaches an operation is not remembered.
//   - A value that the documentation does not list is answered with 400, so that a misspelt one
//     fails a test: a method, an intent, an interval, a scope, a currency, a capture timing. Event
//     types and the status of a webhook may have any value. An amount written as 1e3 or 1000.0, a
//     body where none is documented, and a tracing header are answered with 400 too.
//   - Headers that are too large are answered with 400. An answer with 413 has no body. An answer
//     reports at most a hundred problems of a request.
//   - A payment request that Klarna declined has the state_reason CUSTOMER_DECLINED.
//   - After the customer chose other shipping, the line items of a final authorize call sum to the
//     amount with that shipping or to the amount without it.
//   - A simulated event describes a resource that does not exist and cannot be read. It is empty
//     for event types whose payloads are not documented.
//   - A receiver of webhooks has ten seconds of wall-clock time to answer. [Server.Advance] and
//     [Server.Flush] wait for it.
//   - A chargeback does not change its transaction.
//   - Shipping that the customer chooses at Klarna has no event of its own, and is an object in
//     state_context too. It is undone when the customer leaves.
//   - The package chooses what the browser SDK's events carry, which windows the SDK opens and how
//     its components look. No event carries the session token: servers read it. presentationupdate
//     follows a payment that was not made, if the presentation has changed since.
//   - The image_url of a QR code leads to an image that says that it is no QR code.
//
// Amounts are integers in minor units, times are UTC. The package has its own wire structures. They
// are written from Klarna's documentation and shared with no client, so that a misspelt JSON name
// fails a test instead of agreeing with itself.
package klarnatest
