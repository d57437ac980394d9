// Package authorization calls Klarna's Authorization API: authorize, payment requests and payment
// transactions.
//
// A purchase usually takes two authorize calls. Klarna answers the first one with a step-up: the
// customer has to approve the payment at Klarna.
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
// A webhook, or a read of the payment request, reports that the customer has approved. The second
// call finalizes the payment. It has to follow within 60 minutes:
//
//	approval, err := paymentRequest.Approval()
//	…
//	answer, err := authorizations.Finalize(ctx, first, approval)
//
// [Client.Finalize] takes the references from the first request and the amount from the approval.
// Any number of calls with the same request and approval, also from several replicas, makes one
// transaction.
//
// A declined payment is a result and not an error. A call that fails returns a [*klarna.Error]. Its
// Outcome says whether Klarna may have executed the call. [Client.WaitPaymentRequest] also returns
// the context's error when the context ends. [PaymentRequest.Approval] makes no call and returns
// [ErrNotApproved].
//
// # What to store
//
// Store the first request before the first call, and the id of the payment request after it. Any
// process can then continue the purchase at any time:
//
//   - If the outcome of [Client.Authorize] is unknown, or the process crashed, repeat the call with
//     the stored request within 24 hours.
//   - If no webhook arrives, read the payment request, or wait with [Client.WaitPaymentRequest]. If
//     it is COMPLETED, call [Client.Finalize]. If it is closed in another state, nothing is paid.
//   - If the outcome of [Client.Finalize] is unknown, repeat the call with the same request and
//     approval within 60 minutes of the approval.
//   - If [Client.Finalize] fails with a conflict, it came too late, or the payment was finalized
//     before with another reference or other content. Klarna's answer does not say which. Compare
//     your record of the calls and the payment.transaction webhooks before you give up the order.
//   - If the outcome of [Client.CancelPaymentRequest] is unknown, or the call fails with a
//     conflict, read the state of the payment request.
//   - If the outcome of a capture, a refund, a void or an extension is unknown, repeat the stored
//     call within 24 hours. Package flow makes these calls as operations of a purchase.
//
// A repeat that ends with refused credentials or a rate limit (401, 403, 429) does not settle
// whether the earlier call was executed.
//
// # Amounts
//
// Amounts are in minor units. An amount that is always present is an int64. An amount that can be
// absent is an *int64, and nil means absent: a payment request for a customer token alone has no
// amount. The expression new(int64(118_00)) makes one.
package authorization

//go:generate go run github.com/klarna-go/klarna-go/internal/wiregen
