// Package authorization calls Klarna's Authorization API: authorize, payment requests and payment transactions.
//
// A purchase takes two calls. The first usually asks the customer to step up:
//
//	authorizations := authorization.New(client.ForAccount(partnerAccountID))
//	answer, err := authorizations.Authorize(ctx, first)
//	…
//	switch outcome := answer.Outcome.(type) {
//	case authorization.StepUpRequired:
//		// send the customer to outcome.URL
//	case authorization.Approved:
//		// paid: outcome.PaymentTransaction
//	case authorization.Declined:
//		// offer another payment method
//	}
//
// When the customer is done, which a webhook says or a read of the payment request, the second call finalizes what
// was approved, within 60 minutes:
//
//	approval, err := paymentRequest.Approval()
//	…
//	answer, err := authorizations.Finalize(ctx, first, approval)
//
// Finalize takes the references from the first request and the amount from the approval, so repeating it, from
// however many places, makes one transaction.
//
// A declined payment is an outcome and not an error. Errors are *klarna.Error; its Outcome says whether the money may have moved.
package authorization
