// Package authorization calls Klarna's Authorization API: authorize, payment requests and payment
// transactions.
//
// A purchase takes two calls. The first usually asks the customer to step up:
//
//	authorizations := authorization.New(client.ForAccount(partnerAccountID))
//	answer, err := authorizations.Authorize(ctx, first)
//	…
//	switch result := answer.Result.(type) {
//	case authorization.StepUpRequired:
//		// send the customer to result.URL
//	case authorization.Approved:
//		// paid: result.PaymentTransaction
//	case authorization.Declined:
//		// offer another payment method
//	}
//
// When the customer is done, which a webhook says or a read of the payment request, the second call
// finalizes what was approved, within 60 minutes:
//
//	approval, err := paymentRequest.Approval()
//	…
//	answer, err := authorizations.Finalize(ctx, first, approval)
//
// Finalize takes the references from the first request and the amount from the approval, so
// repeating it, from however many places, makes one transaction.
//
// A declined payment is a result and not an error. Errors of calls are *klarna.Error; its Outcome
// says whether the money may have moved.
//
// # What to store, and what to do when you do not know
//
// Store the first request before the first call, and the payment request's id after it. Then, at
// any time and from any process:
//
//   - Authorize ended unknown, or the process died: repeat it with the stored request, within 24
//     hours.
//   - No webhook came: read the payment request, or wait with WaitPaymentRequest. COMPLETED:
//     Finalize. Any other closed state: no payment.
//   - Finalize ended unknown: repeat it with the same request and approval, within 60 minutes of
//     the approval.
//   - Finalize ended in a conflict: it came too late, or another reference or content was finalized
//     before. Nothing tells which but the record of what was sent, or a payment.transaction
//     webhook: settle it before the order is given up.
//   - CancelPaymentRequest ended unknown or in a conflict: read the state.
//
// Refused credentials and rate limits (401, 403, 429) at the end of a repeat do not settle what an
// earlier call did.
//
// # Amounts
//
// Amounts are in minor units. An amount that is always there is an int64. One whose absence is not 0
// is an *int64, and nil where it is absent: a payment request for a customer token alone has no
// amount. new(int64(118_00)) makes one.
package authorization

//go:generate go run github.com/klarna-go/klarna-go/internal/wiregen
