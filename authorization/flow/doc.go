// Package flow takes a purchase from its first authorize call to exactly one confirmed payment transaction, or to none, whatever crashes, repeats
// or arrives late.
//
//	coordinator, err := flow.New(client, store, sealSecret, flow.WithReport(report))
//	…
//	status, err := coordinator.Begin(ctx, flow.Purchase{ID: "order-1", PartnerAccountID: account, Request: first})
//	// send the customer to status.PaymentRequestURL
//
// Then the webhook, the customer's return and the recovery loop race, on any replica, and lead to the same end:
//
//	handler, err := webhook.NewHandler(verifier, coordinator.HandleEvent)
//	…
//	status, err = coordinator.HandleReturn(ctx, "order-1")
//	…
//	go coordinator.Run(ctx)
//
// # The guarantee
//
// A purchase that the customer approved becomes one payment transaction, if any replica runs and reaches Klarna within Klarna's 60 minutes; no
// other becomes one. The amount is the one that the customer approved. Every caller learns the same result, and every change of state is reported at
// least once after it is durable.
//
// It rests on these assumptions:
//
//   - The Store keeps what it said it has stored, and its updates are compare-and-swap. Package storetest checks that.
//   - Klarna answers a repeat of the same call, with the same idempotency key, with the first answer, for 24 hours. The Coordinator makes the same call
//     from the same record: references, bytes and keys depend on nothing else.
//   - Nobody else finalizes or cancels these payment requests with other calls. If somebody does, a cancelation is honoured, and a foreign
//     finalization ends in StateUnknown, or in StateExpired where it is met only when the 60 minutes are about to end or over.
//   - The replicas' clocks agree to within five minutes. Beyond that nothing is paid twice, but an approval may be given up too early.
//   - Recovery runs somewhere. Without it, what a crash interrupts waits for the next webhook, return or repeat.
//
// # The states
//
//	BEGUN ──────────────┬─────────────────────────────────→ AUTHORIZED, DECLINED, REJECTED, UNKNOWN
//	  │ step-up         └ canceled before it was sent ────→ CANCELED
//	  ↓
//	AWAITING_CUSTOMER ──┬─────────────────────────────────→ DECLINED, EXPIRED, CANCELED
//	  │ approved     ↑  └ abandoned, canceled, other amount
//	  ↓              │           ↓
//	FINALIZING       └─────── CANCELING ──────────────────→ CANCELED, EXPIRED, DECLINED, REJECTED, UNKNOWN
//	  │ └ refused ───────────────↑
//	  └───────────────────────────────────────────────────→ AUTHORIZED, DECLINED, CANCELED, EXPIRED, UNKNOWN
//
// AUTHORIZED alone may follow on another final state: should an answer come after all that there is a transaction, it counts.
//
// # Errors of calls
//
// An error that says not sent is repeated. One of unknown outcome is asked again, with the same key, until Klarna tells, and never becomes a
// decline or a second attempt; if Klarna does not tell within a day, the purchase ends in StateUnknown. One that says rejected ends
// the purchase, except for a rate limit, which is waited out. Refused credentials end it only where nothing was authorized yet: what the customer has approved is tried again until
// the 60 minutes are over, for somebody to mend them.
//
// # At rest
//
// A Store holds no session token of a payment request, no customer's URL and nothing of the customer that can be read. What a repeat of an authorize call needs and
// Klarna would not tell again, the first request and the session token that came with it, is there encrypted: the token until the first call
// is answered, the request until the purchase ends. See [New].
package flow
