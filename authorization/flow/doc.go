// Package flow takes a purchase from its first authorize call to exactly one confirmed payment
// transaction, or to none, whatever crashes, repeats or arrives late. The captures, refunds and
// voids that follow are executed once by the same means.
//
//	coordinator, err := flow.New(client, store, sealSecret, flow.WithReport(report))
//	…
//	status, err := coordinator.Begin(ctx, flow.Purchase{ID: "order-1", PartnerAccountID: account, Request: first})
//	// send the customer to status.PaymentRequestURL
//
// Then the webhook, the customer's return and the recovery loop race, on any replica, and lead to
// the same end:
//
//	handler, err := webhook.NewHandler(verifier, coordinator.HandleEvent)
//	…
//	status, err = coordinator.HandleReturn(ctx, "order-1")
//	…
//	go coordinator.Run(ctx)
//
// # The guarantee
//
// A purchase that the customer approved becomes one payment transaction, if any replica runs and
// reaches Klarna within Klarna's 60 minutes; no other becomes one. The amount is the one that the
// customer approved. Every caller learns the same result, and every change of state is reported at
// least once after it is durable.
//
// It rests on these assumptions:
//
//   - The Store keeps what it said it has stored, and its updates are compare-and-swap. Package
//     storetest checks that.
//   - Klarna answers a repeat of the same call, with the same idempotency key, with the first
//     answer, for 24 hours. The bytes and the key of each call are stored before it is made, and a
//     repeat sends these, whatever the present release would make of the same request.
//   - Nobody else finalizes or cancels these payment requests with other calls. If somebody does, a
//     cancelation is honoured, and a foreign finalization ends in StateUnknown, or in StateExpired
//     where it is met only when the 60 minutes are about to end or over.
//   - The clocks of the replicas, and Klarna's, differ by less than five minutes. Beyond that
//     nothing is paid twice, but an approval may be given up too early. No elapsed time is a
//     difference of two replicas' clocks.
//   - Recovery runs somewhere. Without it, what a crash interrupts waits for the next webhook,
//     return or repeat.
//
// # The states
//
//	BEGUN ──────────────┬─────────────────────────────────→ AUTHORIZED, DECLINED, REJECTED, UNKNOWN
//	  │ step-up         └ canceled before it was sent ────→ CANCELED
//	  ↓
//	AWAITING_CUSTOMER ──┬─────────────────────────────────→ DECLINED, EXPIRED, CANCELED
//	  │ approved     ↑  └ abandoned, canceled, other amount
//	  ↓              │           ↓
//	FINALIZING       └─────── CANCELING ──────────────────→ CANCELED, EXPIRED, DECLINED, UNKNOWN
//	  └───────────────────────────────────────────────────→ AUTHORIZED, DECLINED, CANCELED, EXPIRED, REJECTED, UNKNOWN
//
// AUTHORIZED may follow on every other final state. Should an answer, an event or a read say after
// all that a transaction exists, it counts; one of another amount leads to UNKNOWN. A purchase that
// was REJECTED at once may be begun again with a corrected request.
//
// # After the approval
//
// [Coordinator.Capture], [Coordinator.Refund], [Coordinator.Void], [Coordinator.Extend] and
// [Coordinator.UpdateTransaction] are operations of an authorized purchase. Each has an id of the
// caller's, is recorded before it is sent, and is executed once or not at all:
//
//	PENDING ──→ DONE, REFUSED, UNKNOWN
//	UNKNOWN ──→ DONE, REFUSED
//	REFUSED ──→ DONE
//
// A repeat under the same id returns the same operation; with other content it is
// [ErrOtherOperation]. What is beyond the authorized or captured amount is [ErrImpossible]. The
// operations of a purchase are made one after the other. A refusal ends one only while no earlier
// call is in doubt; when Klarna may have forgotten the key, the transaction decides.
// [Coordinator.Reconcile] compares it with the record, and [Coordinator.Adopt] takes a transaction
// that was not begun here.
//
// # Errors of calls
//
// An error that says not sent is repeated. One of unknown outcome is asked again, with the same
// key, until Klarna answers, and never becomes a decline or a second attempt. So is a result that
// decides nothing, such as PENDING. If Klarna does not decide within a day, the purchase ends in
// StateUnknown.
//
// A refusal of the first call ends the purchase, except for a rate limit, which is waited out, and
// a conflict, which is waited out for an hour. What the customer has approved is not ended by any
// answer to the final call: it is tried again until the 60 minutes are over, for somebody to mend
// what is wrong, and then ends with what was seen.
//
// # At rest
//
// A Store holds no session token of a payment request, no customer's URL and nothing of the
// customer that can be read. What a repeat of an authorize call needs and Klarna would not say
// again, the bodies of the calls and the session token of the first, is there encrypted: the token
// until the first call is answered, the bodies until the purchase ends, and in StateUnknown for a
// day at most. The call of an operation is there encrypted until the operation ends. Nothing is done upon a record that is not what was stored: see [ErrDamaged]. See
// [New] and [Coordinator.Check].
//
// Amounts are in minor units. They are int64, because every purchase has one.
package flow

//go:generate go run github.com/klarna-go/klarna-go/internal/wiregen
