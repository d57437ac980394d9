// Package flow takes a purchase from its first authorize call to one confirmed payment transaction.
// It survives crashes, repeated calls and late events: a purchase is paid once or not at all.
// Captures, refunds and voids of the purchase are executed once by the same means.
//
//	coordinator, err := flow.New(client, store, sealSecret, flow.WithReport(report))
//	…
//	status, err := coordinator.Begin(ctx, flow.Purchase{ID: "order-1", Request: first})
//	// redirect the customer to status.PaymentRequestURL
//
// After that, the webhook, the customer's return and the recovery loop run at the same time, on any
// replica. All of them lead to the same result:
//
//	handler, err := webhook.NewHandler(verifier, coordinator.HandleEvent)
//	…
//	status, err = coordinator.HandleReturn(ctx, "order-1")
//	…
//	go coordinator.Run(ctx)
//
// # Guarantees
//
//   - A purchase that the customer approved becomes one payment transaction, if a replica runs and
//     reaches Klarna within 60 minutes of the approval. No other purchase becomes one.
//   - The amount is the one that the customer approved.
//   - Every caller gets the same result.
//   - Every change of state is reported at least once, after it is durable. See [WithReport].
//
// The guarantees hold under these assumptions:
//
//   - The [Store] keeps what it has stored, and its updates are compare-and-swap. Package
//     [github.com/klarna-go/klarna-go/authorization/flow/storetest] checks a Store.
//   - Klarna answers a repeated call with the same idempotency key with its first answer, for 24
//     hours. The Coordinator stores the bytes and the key of each call before it makes the call. A
//     repeat sends the stored bytes, even if a newer release encodes the request differently.
//   - No other system finalizes or cancels these payment requests. The Coordinator respects a
//     cancelation by another system. If another system finalizes a payment request, the purchase
//     ends in [StateUnknown], or in [StateExpired] if the Coordinator notices it only when the 60
//     minutes end.
//   - The clocks of the replicas and of Klarna differ by less than five minutes. With a larger
//     difference no purchase is paid twice, but an approval may be given up too early.
//   - [Coordinator.Run] or [Coordinator.Recover] runs somewhere. Without it, a purchase that a
//     crash interrupts waits for the next webhook, return or repeated call.
//
// # States
//
//	BEGUN ──────────────┬─────────────────────→ AUTHORIZED, DECLINED, REJECTED, UNKNOWN
//	  │ step-up         └ canceled before sent → CANCELED
//	  ↓
//	AWAITING_CUSTOMER ──┬─────────────────────→ DECLINED, EXPIRED, CANCELED
//	  │ approved     ↑  └ abandoned, canceled, other amount
//	  ↓              │           ↓
//	FINALIZING       └─────── CANCELING ──────→ CANCELED, EXPIRED, DECLINED, UNKNOWN
//	  └───────────────────────────────────────→ AUTHORIZED, and any other final state
//
// Every other final state can still change to [StateAuthorized]: if an answer, an event or a read
// later shows that a transaction exists, the transaction counts. If the transaction has another
// amount, the state changes to [StateUnknown]. A purchase that Klarna rejected in its first call
// can be begun again with a corrected request.
//
// # Operations
//
// [Coordinator.Capture], [Coordinator.Refund], [Coordinator.Void], [Coordinator.Extend] and
// [Coordinator.UpdateTransaction] are operations of an authorized purchase. The caller chooses the
// ID of each operation. The Coordinator records an operation before it sends it, and Klarna
// executes it once or not at all:
//
//	PENDING ──→ DONE, REFUSED, UNKNOWN
//	UNKNOWN ──→ DONE, REFUSED
//	REFUSED ──→ DONE
//
// A repeated call with the same ID returns the same operation. With other content it returns
// [ErrOtherOperation]. An amount beyond what is authorized or captured returns [ErrImpossible].
//
// The operations of a purchase are executed one after the other. A refusal ends an operation only
// if no earlier call of it may have been executed. When Klarna may have forgotten the idempotency
// key, the transaction at Klarna decides. [Coordinator.Reconcile] compares the transaction with the
// record. [Coordinator.Adopt] records a transaction that was made elsewhere.
//
// # Errors of calls
//
// The Coordinator repeats a call that was not sent. It also repeats a call whose outcome is
// unknown, with the same key, until Klarna answers. Such a call never becomes a decline or a second
// attempt. A result that decides nothing, such as PENDING, is treated in the same way. If Klarna
// does not decide within a day, the purchase ends in StateUnknown.
//
// A refusal of the first call ends the purchase. There are two exceptions: the Coordinator waits
// for a rate limit to end, and it retries a conflict for an hour.
//
// No refusal of the final call ends what the customer has approved. The Coordinator repeats the
// call until the 60 minutes are over, so that the cause can be fixed. Then the purchase ends with
// what Klarna answered.
//
// # Stored data
//
// A Store holds no session token of a payment request, no URL of a customer and no readable
// personal data. Klarna does not return the bodies of the calls and the session token of the first
// call again, so the Store holds them encrypted:
//
//   - the session token until the first call is answered
//   - the bodies of the authorize calls until the purchase ends, or for a day more in StateUnknown
//   - the body of an operation's call until the operation ends
//
// [New] describes the secret that they are encrypted with, and [Coordinator.Check] the check of
// that secret. The Coordinator does nothing with a record that was changed outside of it: see
// [ErrDamaged].
//
// Amounts are in minor units. They are int64 and not pointers, because every purchase has an
// amount.
package flow

//go:generate go run github.com/klarna-go/klarna-go/internal/wiregen
