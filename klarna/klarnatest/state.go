package klarnatest

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// delta is what changed in one moment, or all there is: a state file is a list of deltas, and a
// later one overwrites what an earlier one said of the same thing. Things name each other by their
// ids; a URL of the server's own is never in it.
type delta struct {
	Server          *savedServer          `json:"server,omitempty"`
	Gone            *savedGone            `json:"gone,omitempty"` // before the rest happened
	PaymentRequests []savedPaymentRequest `json:"payment_requests,omitempty"`
	Transactions    []savedTransaction    `json:"transactions,omitempty"`
	Captures        []savedCapture        `json:"captures,omitempty"`
	Refunds         []savedRefund         `json:"refunds,omitempty"`
	Chargebacks     []savedChargeback     `json:"chargebacks,omitempty"`
	SessionTokens   []savedSessionToken   `json:"session_tokens,omitempty"`
	CustomerTokens  []savedCustomerToken  `json:"customer_tokens,omitempty"`
	Remembered      []savedRemembered     `json:"remembered,omitempty"`
	SigningKeys     []savedSigningKey     `json:"signing_keys,omitempty"`
	Webhooks        []savedWebhook        `json:"webhooks,omitempty"`
	Shipments       []savedShipment       `json:"shipments,omitempty"`
	Requests        []savedRequest        `json:"requests,omitempty"`
	Deliveries      []savedDelivery       `json:"deliveries,omitempty"`
	Entries         []savedEntry          `json:"entries,omitempty"`
}

// savedGone holds the keys of what is no longer there.
type savedGone struct {
	PaymentRequests []string `json:"payment_requests,omitempty"`
	Transactions    []string `json:"transactions,omitempty"`
	Captures        []string `json:"captures,omitempty"`
	Refunds         []string `json:"refunds,omitempty"`
	Chargebacks     []string `json:"chargebacks,omitempty"`
	SessionTokens   []string `json:"session_tokens,omitempty"`
	CustomerTokens  []string `json:"customer_tokens,omitempty"`
	Remembered      []string `json:"remembered,omitempty"`
	SigningKeys     []string `json:"signing_keys,omitempty"`
	Webhooks        []string `json:"webhooks,omitempty"`
	Shipments       []string `json:"shipments,omitempty"`
}

type savedServer struct {
	APIKey            string          `json:"api_key"`
	ClientID          string          `json:"client_id"`
	Accounts          []string        `json:"accounts"`
	Frozen            time.Time       `json:"frozen,omitzero"`  // the time of a clock that stands still
	Offset            time.Duration   `json:"offset,omitempty"` // of one that runs, in nanoseconds ahead of the machine's
	Instruction       string          `json:"instruction,omitempty"`
	DuplicateComplete bool            `json:"duplicate_complete,omitempty"`
	Authority         *savedAuthority `json:"authority,omitempty"`
}

// savedAuthority holds DER: a client's trust in it outlives the process.
type savedAuthority struct {
	Certificate []byte `json:"certificate"`
	Key         []byte `json:"key"`
}

type savedPaymentRequest struct {
	ID            string          `json:"id"`
	Account       string          `json:"account"`
	Draft         savedDraft      `json:"draft"`
	State         string          `json:"state"`
	Previous      string          `json:"previous,omitempty"`
	Reason        string          `json:"reason,omitempty"`
	Token         string          `json:"token,omitempty"`
	CustomerToken string          `json:"customer_token,omitempty"`
	Finalized     bool            `json:"finalized,omitempty"`
	Transaction   string          `json:"transaction,omitempty"`
	CreatedAt     time.Time       `json:"created_at"`
	UpdatedAt     time.Time       `json:"updated_at"`
	CanceledAt    time.Time       `json:"canceled_at,omitzero"`
	Shipping      *ShippingOption `json:"shipping,omitempty"`
}

type savedDraft struct {
	Reference   string          `json:"reference,omitempty"`
	Transaction string          `json:"transaction,omitempty"`
	TokenOnly   bool            `json:"token_only,omitempty"`
	Token       *string         `json:"token,omitempty"` // its reference, which may be "", when one was asked for
	Currency    string          `json:"currency"`
	Amount      int64           `json:"amount"`
	OptionID    string          `json:"option_id,omitempty"`
	Purchase    json.RawMessage `json:"purchase,omitempty"`
	Email       string          `json:"email,omitempty"`
	Interaction json.RawMessage `json:"interaction,omitempty"`
	Method      string          `json:"method"`
	ReturnURL   string          `json:"return_url,omitempty"`
	ExpiresAt   time.Time       `json:"expires_at"`
}

// savedTransaction leaves out what its captures, refunds and chargebacks add up to.
type savedTransaction struct {
	ID         string          `json:"id"`
	Account    string          `json:"account"`
	Reference  string          `json:"reference"`
	Amount     int64           `json:"amount"`
	Released   int64           `json:"released,omitempty"`
	Currency   string          `json:"currency"`
	State      string          `json:"state"`
	Funding    string          `json:"funding"`
	Purchase   json.RawMessage `json:"purchase,omitempty"`
	Request    string          `json:"request,omitempty"`
	Operations int             `json:"operations,omitempty"`
	CreatedAt  time.Time       `json:"created_at"`
	ExpiresAt  time.Time       `json:"expires_at"`
	OverAt     time.Time       `json:"over_at,omitzero"`
}

type savedCapture struct {
	ID          string          `json:"id"`
	Transaction string          `json:"transaction"`
	Reference   string          `json:"reference,omitempty"`
	Amount      int64           `json:"amount"`
	Refunded    int64           `json:"refunded,omitempty"`
	Data        json.RawMessage `json:"data,omitempty"`
	CreatedAt   time.Time       `json:"created_at"`
}

type savedRefund struct {
	ID          string          `json:"id"`
	Transaction string          `json:"transaction"`
	Capture     string          `json:"capture,omitempty"`
	Reference   string          `json:"reference,omitempty"`
	Amount      int64           `json:"amount"`
	Data        json.RawMessage `json:"data,omitempty"`
	CreatedAt   time.Time       `json:"created_at"`
}

type savedChargeback struct {
	ID          string    `json:"id"`
	Transaction string    `json:"transaction"`
	Amount      int64     `json:"amount"`
	CreatedAt   time.Time `json:"created_at"`
}

type savedSessionToken struct {
	Value     string       `json:"value"`
	Account   string       `json:"account"`
	Consent   consent      `json:"consent,omitempty"`
	Currency  string       `json:"currency,omitempty"`
	Amount    int64        `json:"amount,omitempty"`
	Request   string       `json:"request,omitempty"`
	ExpiresAt time.Time    `json:"expires_at"`
	Revoked   bool         `json:"revoked,omitempty"`
	Payload   string       `json:"payload,omitempty"`
	Answer    *savedAnswer `json:"answer,omitempty"`
}

type savedAnswer struct {
	Status int         `json:"status"`
	Header savedHeader `json:"header,omitempty"`
	Body   []byte      `json:"body"`
}

// savedHeader has the form of a query, which unlike JSON holds any bytes.
type savedHeader string

func saveHeader(h http.Header) savedHeader { return savedHeader(url.Values(h).Encode()) }

func (h savedHeader) restore() (http.Header, error) {
	values, err := url.ParseQuery(string(h))
	if err != nil {
		return nil, errors.New("a header cannot be read")
	}
	return http.Header(values), nil
}

type savedCustomerToken struct {
	Value     string    `json:"value"`
	Account   string    `json:"account"`
	Reference string    `json:"reference,omitempty"`
	RevokedAt time.Time `json:"revoked_at,omitzero"`
}

// savedRemembered has its key as bytes: a header need not be UTF-8.
type savedRemembered struct {
	Account     string      `json:"account"`
	Operation   string      `json:"operation"`
	Key         []byte      `json:"key"`
	At          time.Time   `json:"at"`
	Fingerprint []byte      `json:"fingerprint"`
	Answer      savedAnswer `json:"answer"`
}

type savedSigningKey struct {
	ID        string    `json:"id"`
	Secret    string    `json:"secret"`
	CreatedAt time.Time `json:"created_at"`
}

type savedWebhook struct {
	ID         string    `json:"id"`
	URL        string    `json:"url"`
	Patterns   []string  `json:"patterns"`
	Version    string    `json:"version"`
	Status     string    `json:"status"`
	SigningKey string    `json:"signing_key"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
}

type savedShipment struct {
	Number    uint64    `json:"number"`
	Webhook   string    `json:"webhook"`
	EventID   string    `json:"event_id"`
	EventType string    `json:"event_type"`
	Body      []byte    `json:"body"`
	Attempt   int       `json:"attempt,omitempty"`
	Due       time.Time `json:"due"`
	Overtaken bool      `json:"overtaken,omitempty"`
}

type savedRequest struct {
	Number     uint64      `json:"number"`
	Time       time.Time   `json:"time"`
	Operation  string      `json:"operation,omitempty"`
	Method     string      `json:"method"`
	Path       string      `json:"path"`
	Query      string      `json:"query,omitempty"`
	Header     savedHeader `json:"header,omitempty"`
	Body       []byte      `json:"body"`
	StatusCode int         `json:"status_code,omitempty"`
}

type savedDelivery struct {
	EventID    string      `json:"event_id"`
	EventType  string      `json:"event_type"`
	URL        string      `json:"url"`
	Attempt    int         `json:"attempt"`
	StatusCode int         `json:"status_code,omitempty"`
	At         time.Time   `json:"at"`
	Err        string      `json:"err,omitempty"`
	Body       []byte      `json:"body"`
	Header     savedHeader `json:"header,omitempty"`
}

type savedEntry struct {
	Kind        entryKind `json:"kind"`
	At          time.Time `json:"at"`
	Account     string    `json:"account"`
	Request     string    `json:"request,omitempty"`
	Transaction string    `json:"transaction,omitempty"`
	Capture     string    `json:"capture,omitempty"`
	Reference   string    `json:"reference,omitempty"`
	Amount      int64     `json:"amount,omitempty"`
	Currency    string    `json:"currency,omitempty"`
}

// add writes down how a thing stands now.
func (ch *delta) add(thing any) {
	switch v := thing.(type) {
	case *Server:
		ch.Server = v.save()
	case *paymentRequest:
		ch.PaymentRequests = append(ch.PaymentRequests, v.save())
	case *transaction:
		ch.Transactions = append(ch.Transactions, v.save())
	case *capture:
		ch.Captures = append(ch.Captures, v.save())
	case *refund:
		ch.Refunds = append(ch.Refunds, v.save())
	case *chargeback:
		ch.Chargebacks = append(ch.Chargebacks, v.save())
	case *sessionToken:
		ch.SessionTokens = append(ch.SessionTokens, v.save())
	case *customerToken:
		ch.CustomerTokens = append(ch.CustomerTokens, v.save())
	case *remembered:
		if v.answer != nil { // or its request was not executed, and will be when it comes again
			ch.Remembered = append(ch.Remembered, v.save())
		}
	case *signingKey:
		ch.SigningKeys = append(ch.SigningKeys, v.save())
	case *subscription:
		ch.Webhooks = append(ch.Webhooks, v.save())
	case *shipment:
		ch.Shipments = append(ch.Shipments, v.save())
	case *loggedRequest:
		ch.Requests = append(ch.Requests, v.save())
	case *Delivery:
		ch.Deliveries = append(ch.Deliveries, v.save())
	case *journalEntry:
		ch.Entries = append(ch.Entries, v.save())
	}
}

// remove writes down that a thing is no longer there.
func (ch *delta) remove(thing any) {
	if ch.Gone == nil {
		ch.Gone = &savedGone{}
	}
	gone := ch.Gone
	switch v := thing.(type) {
	case *paymentRequest:
		gone.PaymentRequests = append(gone.PaymentRequests, v.id)
	case *transaction:
		gone.Transactions = append(gone.Transactions, v.id)
	case *capture:
		gone.Captures = append(gone.Captures, v.id)
	case *refund:
		gone.Refunds = append(gone.Refunds, v.id)
	case *chargeback:
		gone.Chargebacks = append(gone.Chargebacks, v.id)
	case *sessionToken:
		gone.SessionTokens = append(gone.SessionTokens, v.value)
	case *customerToken:
		gone.CustomerTokens = append(gone.CustomerTokens, v.value)
	case *remembered:
		gone.Remembered = append(gone.Remembered, v.save().name())
	case *signingKey:
		gone.SigningKeys = append(gone.SigningKeys, v.ID)
	case *subscription:
		gone.Webhooks = append(gone.Webhooks, v.id)
	case *shipment:
		gone.Shipments = append(gone.Shipments, v.save().name())
	}
}

// snapshot is all there is, always in the same order.
func (s *Server) snapshot() *delta {
	ch := &delta{}
	ch.add(s)
	addAll(ch, s.paymentRequests.all())
	addAll(ch, s.transactions.all())
	addAll(ch, s.captures.all())
	addAll(ch, s.refunds.all())
	addAll(ch, s.chargebacks.all())
	addAll(ch, inOrder(s.tokens))
	addAll(ch, inOrder(s.customerTokens))
	addAll(ch, slices.Collect(maps.Values(s.remembered)))
	slices.SortFunc(ch.Remembered, func(a, b savedRemembered) int { return cmp.Compare(a.name(), b.name()) })
	addAll(ch, s.signingKeys.all())
	addAll(ch, s.subscriptions.all())
	addAll(ch, inOrder(s.outbox))
	addAll(ch, s.requests.all())
	for _, d := range s.deliveryLog.all() {
		ch.add(&d)
	}
	for _, d := range s.journal {
		ch.add(&d)
	}
	return ch
}

func addAll[T any](ch *delta, things []T) {
	for _, v := range things {
		ch.add(v)
	}
}

func inOrder[K cmp.Ordered, V any](things map[K]V) []V {
	list := make([]V, 0, len(things))
	for _, key := range slices.Sorted(maps.Keys(things)) {
		list = append(list, things[key])
	}
	return list
}

func (s *Server) save() *savedServer {
	saved := &savedServer{
		APIKey:            s.APIKey,
		ClientID:          s.ClientID,
		Instruction:       s.instruction,
		DuplicateComplete: s.duplicateComplete,
		Authority:         s.kept,
	}
	if s.clock.running {
		saved.Offset = s.clock.offset
	} else {
		saved.Frozen = s.clock.frozen
	}
	if s.authority != nil {
		saved.Authority = s.authority.save()
	}
	for _, a := range s.partners {
		saved.Accounts = append(saved.Accounts, a.id)
	}
	return saved
}

func (r *paymentRequest) save() savedPaymentRequest {
	saved := savedPaymentRequest{
		ID:      r.id,
		Account: r.account.id,
		Draft: savedDraft{
			Reference:   r.draft.reference,
			Transaction: r.draft.transaction,
			TokenOnly:   r.draft.tokenOnly,
			Currency:    r.draft.currency,
			Amount:      r.draft.amount,
			OptionID:    r.draft.optionID,
			Purchase:    r.draft.purchase.raw,
			Email:       r.draft.purchase.email,
			Interaction: r.draft.interaction.raw,
			Method:      r.draft.interaction.method,
			ReturnURL:   r.draft.interaction.returnURL,
			ExpiresAt:   r.draft.expiresAt,
		},
		State:       r.state,
		Previous:    r.previous,
		Reason:      r.reason,
		Token:       r.token,
		Finalized:   r.finalized,
		Transaction: r.transaction,
		CreatedAt:   r.createdAt,
		UpdatedAt:   r.updatedAt,
		CanceledAt:  r.canceledAt,
		Shipping:    r.shipping,
	}
	if r.draft.token != nil {
		saved.Draft.Token = &r.draft.token.reference
	}
	if r.customerToken != nil {
		saved.CustomerToken = r.customerToken.value
	}
	return saved
}

func (t *transaction) save() savedTransaction {
	return savedTransaction{
		ID:         t.id,
		Account:    t.account.id,
		Reference:  t.reference,
		Amount:     t.amount,
		Released:   t.released,
		Currency:   t.currency,
		State:      t.state,
		Funding:    t.funding,
		Purchase:   t.purchase,
		Request:    t.request,
		Operations: t.operations,
		CreatedAt:  t.createdAt,
		ExpiresAt:  t.expiresAt,
		OverAt:     t.overAt,
	}
}

func (c *capture) save() savedCapture {
	return savedCapture{c.id, c.transaction.id, c.reference, c.amount, c.refunded, c.data, c.createdAt}
}

func (r *refund) save() savedRefund {
	saved := savedRefund{r.id, r.transaction.id, "", r.reference, r.amount, r.data, r.createdAt}
	if r.capture != nil {
		saved.Capture = r.capture.id
	}
	return saved
}

func (b *chargeback) save() savedChargeback {
	return savedChargeback{b.id, b.transaction.id, b.amount, b.createdAt}
}

func (t *sessionToken) save() savedSessionToken {
	saved := savedSessionToken{
		Value:     t.value,
		Account:   t.account.id, //nolint:staticcheck // t.id would read as the token's own
		Consent:   t.consent,
		Currency:  t.currency,
		Amount:    t.amount,
		ExpiresAt: t.expiresAt,
		Revoked:   t.revoked,
		Payload:   t.payload,
	}
	if t.request != nil {
		saved.Request = t.request.id
	}
	if t.answer != nil {
		saved.Answer = new(t.answer.save())
	}
	return saved
}

func (a *answer) save() savedAnswer { return savedAnswer{a.status, saveHeader(a.header), a.body} }

func (t *customerToken) save() savedCustomerToken {
	return savedCustomerToken{t.value, t.account.id, t.reference, t.revokedAt} //nolint:staticcheck // t.id would read as the token's own
}

func (r *remembered) save() savedRemembered {
	saved := savedRemembered{
		Account:     r.key.partner.id,
		Operation:   r.key.operation,
		Key:         []byte(r.key.key),
		At:          r.at,
		Fingerprint: r.fingerprint[:],
	}
	if r.answer != nil {
		saved.Answer = r.answer.save()
	}
	return saved
}

// name is the scope of an idempotency key in one text.
func (r savedRemembered) name() string {
	return r.Account + " " + r.Operation + " " + strconv.QuoteToASCII(string(r.Key))
}

func (k *signingKey) save() savedSigningKey { return savedSigningKey{k.ID, k.Secret, k.createdAt} }

func (sub *subscription) save() savedWebhook {
	return savedWebhook{sub.id, sub.url, sub.patterns, sub.version, sub.status, sub.key.ID, sub.createdAt, sub.updatedAt}
}

func (d *shipment) save() savedShipment {
	return savedShipment{
		d.number, d.subscription.id, d.eventID, d.eventType, d.body, d.attempt, d.due, d.subscription.deferred == d,
	}
}

func (d savedShipment) name() string { return strconv.FormatUint(d.Number, 10) }

func (r *loggedRequest) save() savedRequest {
	return savedRequest{r.number, r.Time, r.Operation, r.Method, r.Path, r.Query.Encode(), saveHeader(r.Header), r.Body, r.StatusCode}
}

func (d *Delivery) save() savedDelivery {
	saved := savedDelivery{d.EventID, d.EventType, d.URL, d.Attempt, d.StatusCode, d.At, "", d.Body, saveHeader(d.Header)}
	if d.Err != nil {
		saved.Err = d.Err.Error()
	}
	return saved
}

func (d *journalEntry) save() savedEntry {
	return savedEntry{d.kind, d.at, d.account, d.request, d.transaction, d.capture, d.reference, d.amount, d.currency}
}
