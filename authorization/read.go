package authorization

import "github.com/klarna-go/klarna-go/internal/strictjson"

// These methods read what the struct tags say, in one pass: answers are read on every payment. Each reports whether the member fitted; one that did
// not is the answer's error, unless it is kept on purpose.

// answer is an authorization that reads itself.
type answer struct{ *Authorization }

// ReadJSON reads the answer to an authorize call.
func (a answer) ReadJSON(r *strictjson.Reader) bool {
	var parts answerParts
	if !r.Members(func(name []byte) bool { return parts.member(r, name) }) {
		return false
	}
	if wrong := a.decide(&parts); wrong != "" {
		return r.Invalid(wrong)
	}
	return true
}

// answerParts are what an answer to an authorize call is decided by.
type answerParts struct {
	payment *transactionResponse
	request *PaymentRequest
	token   *CustomerTokenResponse
}

type transactionResponse struct {
	result, reason string
	transaction    *PaymentTransaction
}

func (p *answerParts) member(r *strictjson.Reader, name []byte) bool {
	switch string(name) {
	case "payment_transaction_response":
		return strictjson.NewObject(r, &p.payment, (*transactionResponse).member)
	case "payment_request":
		return strictjson.NewObject(r, &p.request, (*PaymentRequest).member)
	case "customer_token_response":
		return strictjson.NewObject(r, &p.token, (*CustomerTokenResponse).member)
	default:
		return r.Skip()
	}
}

func (t *transactionResponse) member(r *strictjson.Reader, name []byte) bool {
	switch string(name) {
	case "result":
		return strictjson.Text(r, &t.result)
	case "result_reason":
		return strictjson.Text(r, &t.reason)
	case "payment_transaction":
		return strictjson.NewObject(r, &t.transaction, (*PaymentTransaction).member)
	default:
		return r.Skip()
	}
}

// ReadJSON reads a payment request that is the whole of an answer.
func (p *identified) ReadJSON(r *strictjson.Reader) bool {
	if !strictjson.Object(r, &p.PaymentRequest, (*PaymentRequest).member) {
		return false
	}
	if p.PaymentRequestID == "" || p.State == "" {
		return r.Invalid("it has no payment_request_id or no state")
	}
	return true
}

func (t *PaymentTransaction) member(r *strictjson.Reader, name []byte) bool {
	switch string(name) {
	case "payment_transaction_id":
		return strictjson.Text(r, &t.PaymentTransactionID)
	case "payment_transaction_reference":
		return strictjson.Text(r, &t.PaymentTransactionReference)
	case "amount":
		return r.Int(&t.Amount)
	case "currency":
		return strictjson.Text(r, &t.Currency)
	case "state":
		return strictjson.Text(r, &t.State)
	case "expires_at":
		return r.Time(&t.ExpiresAt)
	case "settlement_currency":
		return strictjson.Text(r, &t.SettlementCurrency)
	case "payment_funding":
		return r.Raw(&t.PaymentFunding)
	case "payment_pricing":
		return r.Raw(&t.PaymentPricing)
	case "payment_captures":
		return r.Raw(&t.PaymentCaptures)
	default:
		return r.Keep(&t.Unknown, name)
	}
}

func (p *PaymentRequest) member(r *strictjson.Reader, name []byte) bool {
	switch string(name) {
	case "payment_request_id":
		return strictjson.Text(r, &p.PaymentRequestID)
	case "payment_request_reference":
		return strictjson.Text(r, &p.PaymentRequestReference)
	case "amount":
		return r.Int(&p.Amount)
	case "currency":
		return strictjson.Text(r, &p.Currency)
	case "state":
		return strictjson.Text(r, &p.State)
	case "previous_state":
		return strictjson.Text(r, &p.PreviousState)
	case "state_reason":
		return strictjson.Text(r, &p.StateReason)
	case "state_context":
		return strictjson.Object(r, &p.StateContext, (*StateContext).member)
	case "expires_at":
		return r.Time(&p.ExpiresAt)
	case "created_at":
		return r.Time(&p.CreatedAt)
	case "updated_at":
		return r.Time(&p.UpdatedAt)
	case "canceled_at":
		return r.Time(&p.CanceledAt)
	case "supplementary_purchase_data":
		return r.Raw(&p.SupplementaryPurchaseData)
	case "customer_interaction_config":
		return r.Raw(&p.CustomerInteractionConfig)
	case "payment_option_id":
		return strictjson.Text(r, &p.PaymentOptionID)
	default:
		return r.Keep(&p.Unknown, name)
	}
}

func (c *StateContext) member(r *strictjson.Reader, name []byte) bool {
	switch string(name) {
	case "customer_interaction":
		return strictjson.Object(r, &c.CustomerInteraction, (*CustomerInteraction).member)
	case "klarna_network_session_token":
		return r.Secret(&c.KlarnaNetworkSessionToken)
	case "interoperability_token":
		return r.Secret(&c.InteroperabilityToken)
	case "payment_token":
		return r.Secret(&c.PaymentToken)
	case "klarna_customer":
		return r.Raw(&c.KlarnaCustomer)
	case "shipping":
		return r.Raw(&c.Shipping)
	default:
		return r.Keep(&c.Unknown, name)
	}
}

func (c *CustomerInteraction) member(r *strictjson.Reader, name []byte) bool {
	switch string(name) {
	case "method":
		return strictjson.Text(r, &c.Method)
	case "payment_request_id":
		return strictjson.Text(r, &c.PaymentRequestID)
	case "payment_request_url":
		return strictjson.Text(r, &c.PaymentRequestURL)
	case "qr_code":
		// Klarna's texts do not settle its shape: one that does not fit does not cost the URL beside it.
		return strictjson.NewObject(r, &c.QRCode, (*QRCodeImage).member) || r.Keep(&c.Unknown, name)
	default:
		return r.Keep(&c.Unknown, name)
	}
}

func (q *QRCodeImage) member(r *strictjson.Reader, name []byte) bool {
	switch string(name) {
	case "image_url":
		return strictjson.Text(r, &q.ImageURL)
	case "target_url":
		return strictjson.Text(r, &q.TargetURL)
	default:
		return r.Keep(&q.Unknown, name)
	}
}

func (t *CustomerTokenResponse) member(r *strictjson.Reader, name []byte) bool {
	switch string(name) {
	case "result":
		return strictjson.Text(r, &t.Result)
	case "result_reason":
		return strictjson.Text(r, &t.ResultReason)
	case "customer_token":
		return t.CustomerToken.readJSON(r)
	default:
		return r.Keep(&t.Unknown, name)
	}
}

// readJSON reads either form of a token. Its shape is the least settled of an answer, and must not cost the payment beside it: a member that does
// not fit is kept in Unknown, and what is neither string nor object is no token.
func (t *CustomerToken) readJSON(r *strictjson.Reader) bool {
	if r.IsString() {
		return r.Secret(&t.Token)
	}
	return r.Members(func(name []byte) bool { return t.member(r, name) || r.Keep(&t.Unknown, name) }) || r.Skip()
}

func (t *CustomerToken) member(r *strictjson.Reader, name []byte) bool {
	switch string(name) {
	case "customer_token":
		return r.Secret(&t.Token)
	case "customer_token_id":
		return r.Secret(&t.CustomerTokenID)
	case "customer_token_reference":
		return strictjson.Text(r, &t.CustomerTokenReference)
	default:
		return false
	}
}
