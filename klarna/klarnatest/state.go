package klarnatest

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// For each kind of values, this file has the type that is encoded in a state file, a save function
// and a restore function. Restoring also schedules future actions. Values refer to each other by
// their ids. No type contains a URL of the server.

type savedServer struct {
	APIKey            string          `json:"api_key"`
	ClientID          string          `json:"client_id"`
	Accounts          []string        `json:"accounts"`
	Frozen            time.Time       `json:"frozen,omitzero"`  // the time of a clock that stands still
	Offset            time.Duration   `json:"offset,omitempty"` // of a running clock, in nanoseconds ahead of wall-clock time
	Instruction       string          `json:"instruction,omitempty"`
	DuplicateComplete bool            `json:"duplicate_complete,omitempty"`
	Authority         *savedAuthority `json:"authority,omitempty"`
}

// savedAuthority has the certificate authority in DER form, because clients that trust it outlive
// the process.
type savedAuthority struct {
	Certificate []byte `json:"certificate"`
	Key         []byte `json:"key"`
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

func (s *Server) restoreServer(saved *savedServer) error {
	if saved.APIKey == "" || len(saved.Accounts) == 0 {
		return errors.New("the server has no key or no account")
	}
	s.APIKey, s.ClientID, s.PartnerAccountID = saved.APIKey, saved.ClientID, saved.Accounts[0]
	s.instruction, s.duplicateComplete = saved.Instruction, saved.DuplicateComplete

	now := saved.Frozen
	if now.IsZero() {
		now = time.Now().Add(saved.Offset)
	}
	if year := now.Year(); year < 1 || year > 9000 { // JSON cannot hold a year with five digits
		return errors.New("the clock is out of range")
	}
	s.clock = newClock(s.clock.running, now)

	s.partners = nil
	clear(s.accounts)
	for _, id := range saved.Accounts {
		s.addAccount(id)
	}
	s.first = s.partners[0]
	if !s.acquiring {
		s.accounts[""] = s.first
	}
	s.kept = saved.Authority
	return nil
}

// accountOf returns the account with an id, which has never the short form in a file.
func (s *Server) accountOf(id string) (*account, error) {
	if a := s.accounts[id]; a != nil && a.id == id {
		return a, nil
	}
	return nil, fmt.Errorf("account %q does not exist", id)
}

func unknown(what, id, of string) error {
	return fmt.Errorf("%s %q of %s does not exist", what, id, of)
}

type savedCustomerToken struct {
	Value     string    `json:"value"`
	Account   string    `json:"account"`
	Reference string    `json:"reference,omitempty"`
	RevokedAt time.Time `json:"revoked_at,omitzero"`
}

func (t *customerToken) save() savedCustomerToken {
	return savedCustomerToken{t.value, t.account.id, t.reference, t.revokedAt} //nolint:staticcheck // t.id would read as the token's own
}

func (s *Server) restoreCustomerToken(saved *savedCustomerToken) error {
	partner, err := s.accountOf(saved.Account)
	if err != nil {
		return err
	}
	t := &customerToken{account: partner, value: saved.Value, reference: saved.Reference, revokedAt: saved.RevokedAt}
	s.customerTokens[saved.Value] = t
	if t.revoked() {
		s.forgetCustomerTokenLater(t)
	}
	return nil
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
	Token       *string         `json:"token,omitempty"` // the reference, which may be "", if a token was requested
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

func (s *Server) restorePaymentRequest(saved *savedPaymentRequest) error {
	partner, err := s.accountOf(saved.Account)
	if err != nil {
		return err
	}
	d := saved.Draft
	r := &paymentRequest{
		account: partner,
		id:      saved.ID,
		draft: draft{
			reference:   d.Reference,
			transaction: d.Transaction,
			tokenOnly:   d.TokenOnly,
			currency:    d.Currency,
			amount:      d.Amount,
			optionID:    d.OptionID,
			purchase:    purchase{raw: d.Purchase, email: d.Email},
			interaction: interaction{raw: d.Interaction, method: d.Method, returnURL: d.ReturnURL},
			expiresAt:   d.ExpiresAt,
		},
		state:         saved.State,
		previous:      saved.Previous,
		reason:        saved.Reason,
		token:         saved.Token,
		customerToken: s.customerTokens[saved.CustomerToken],
		finalized:     saved.Finalized,
		transaction:   saved.Transaction,
		createdAt:     saved.CreatedAt,
		updatedAt:     saved.UpdatedAt,
		canceledAt:    saved.CanceledAt,
		shipping:      saved.Shipping,
	}
	if d.Token != nil {
		r.draft.token = &tokenOrder{*d.Token}
	}
	if saved.CustomerToken != "" && r.customerToken == nil {
		// The token was revoked and removed, but the payment request that created it still shows
		// it.
		r.customerToken = &customerToken{account: partner, value: saved.CustomerToken}
		if r.draft.token != nil {
			r.customerToken.reference = r.draft.token.reference
		}
	}
	s.paymentRequests.add(r.id, r)
	switch {
	case r.open():
		s.scheduleExpiry(r)
	case len(nextStates[r.state]) == 0:
		s.forgetPaymentRequestLater(r)
	}
	return nil
}

// savedTransaction leaves out the sums of its captures, refunds and chargebacks.
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

func (s *Server) restoreTransaction(saved *savedTransaction) error {
	partner, err := s.accountOf(saved.Account)
	if err != nil {
		return err
	}
	t := &transaction{
		account:    partner,
		id:         saved.ID,
		reference:  saved.Reference,
		amount:     saved.Amount,
		released:   saved.Released,
		currency:   saved.Currency,
		state:      saved.State,
		funding:    saved.Funding,
		purchase:   saved.Purchase,
		request:    saved.Request,
		operations: saved.Operations,
		createdAt:  saved.CreatedAt,
		expiresAt:  saved.ExpiresAt,
		overAt:     saved.OverAt,
	}
	s.transactions.add(t.id, t)
	switch {
	case t.state == transactionAuthorized:
		s.scheduleEnd(t)
	case t.state == transactionExpired:
		s.scheduleClosing(t)
	case t.over():
		s.forgetTransactionLater(t)
	}
	return nil
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

func (c *capture) save() savedCapture {
	return savedCapture{c.id, c.transaction.id, c.reference, c.amount, c.refunded, c.data, c.createdAt}
}

func (s *Server) restoreCapture(saved *savedCapture) error {
	t := s.transactions.byID[saved.Transaction]
	if t == nil {
		return unknown("transaction", saved.Transaction, saved.ID)
	}
	c := &capture{
		account: t.account, transaction: t, id: saved.ID, reference: saved.Reference, amount: saved.Amount,
		refunded: saved.Refunded, data: saved.Data, createdAt: saved.CreatedAt,
	}
	s.captures.add(c.id, c)
	t.captures = append(t.captures, c)
	t.captured += c.amount
	return nil
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

func (r *refund) save() savedRefund {
	saved := savedRefund{r.id, r.transaction.id, "", r.reference, r.amount, r.data, r.createdAt}
	if r.capture != nil {
		saved.Capture = r.capture.id
	}
	return saved
}

func (s *Server) restoreRefund(saved *savedRefund) error {
	t, c := s.transactions.byID[saved.Transaction], s.captures.byID[saved.Capture]
	switch {
	case t == nil:
		return unknown("transaction", saved.Transaction, saved.ID)
	case c == nil && saved.Capture != "":
		return unknown("capture", saved.Capture, saved.ID)
	}
	s.refunds.add(saved.ID, &refund{
		account: t.account, transaction: t, capture: c, id: saved.ID, reference: saved.Reference, amount: saved.Amount,
		data: saved.Data, createdAt: saved.CreatedAt,
	})
	t.refunds = append(t.refunds, saved.ID)
	t.refunded += saved.Amount
	return nil
}

type savedChargeback struct {
	ID          string    `json:"id"`
	Transaction string    `json:"transaction"`
	Amount      int64     `json:"amount"`
	CreatedAt   time.Time `json:"created_at"`
}

func (b *chargeback) save() savedChargeback {
	return savedChargeback{b.id, b.transaction.id, b.amount, b.createdAt}
}

func (s *Server) restoreChargeback(saved *savedChargeback) error {
	t := s.transactions.byID[saved.Transaction]
	if t == nil {
		return unknown("transaction", saved.Transaction, saved.ID)
	}
	s.chargebacks.add(saved.ID, &chargeback{
		account: t.account, transaction: t, id: saved.ID, amount: saved.Amount, createdAt: saved.CreatedAt,
	})
	t.disputes = append(t.disputes, saved.ID)
	t.disputed += saved.Amount
	return nil
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

func (s *Server) restoreSessionToken(saved *savedSessionToken) error {
	partner, err := s.accountOf(saved.Account)
	if err != nil {
		return err
	}
	t := &sessionToken{
		account:   partner,
		value:     saved.Value,
		consent:   saved.Consent,
		currency:  saved.Currency,
		amount:    saved.Amount,
		request:   s.paymentRequests.byID[saved.Request],
		expiresAt: saved.ExpiresAt,
		revoked:   saved.Revoked,
		payload:   saved.Payload,
	}
	if saved.Answer != nil {
		if t.answer, err = saved.Answer.restore(); err != nil {
			return err
		}
	}
	// A canceled payment request is removed before its token, which is revoked by then.
	if saved.Request != "" && t.request == nil && !t.revoked {
		return unknown("payment request", saved.Request, "a session token")
	}
	s.tokens[t.value] = t
	s.forgetTokenLater(t)
	return nil
}

// savedRemembered has the key as bytes, because a header need not be UTF-8.
type savedRemembered struct {
	Account     string      `json:"account"`
	Operation   string      `json:"operation"`
	Key         []byte      `json:"key"`
	At          time.Time   `json:"at"`
	Fingerprint []byte      `json:"fingerprint"`
	Answer      savedAnswer `json:"answer"`
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

func (s *Server) restoreRemembered(saved *savedRemembered) error {
	partner, err := s.accountOf(saved.Account)
	if err != nil {
		return err
	}
	r := &remembered{key: idempotencyKey{partner, saved.Operation, string(saved.Key)}, at: saved.At}
	if r.answer, err = saved.Answer.restore(); err != nil {
		return err
	}
	if copy(r.fingerprint[:], saved.Fingerprint) != sha256.Size || len(saved.Fingerprint) != sha256.Size {
		return errors.New("the fingerprint of a request has a wrong length")
	}
	s.remembered[r.key] = r
	s.forgetRememberedLater(r)
	return nil
}

func (r *savedRemembered) name() string {
	return rememberedName(r.Account, r.Operation, string(r.Key))
}

// rememberedName returns the scope of an idempotency key as one text.
func rememberedName(account, operation, key string) string {
	return account + " " + operation + " " + strconv.QuoteToASCII(key)
}

type savedAnswer struct {
	Status int         `json:"status"`
	Header savedHeader `json:"header,omitempty"`
	Body   []byte      `json:"body"`
}

func (a *answer) save() savedAnswer { return savedAnswer{a.status, saveHeader(a.header), a.body} }

func (a *savedAnswer) restore() (*answer, error) {
	if a.Status < 200 || a.Status > 599 {
		return nil, fmt.Errorf("an answer has the status %d", a.Status)
	}
	header, err := a.Header.restore()
	return &answer{status: a.Status, header: header, body: a.Body}, err
}

// savedHeader is a header encoded as a URL query, which unlike JSON can hold any bytes.
type savedHeader string

func saveHeader(h http.Header) savedHeader { return savedHeader(url.Values(h).Encode()) }

func (h savedHeader) restore() (http.Header, error) {
	values, err := url.ParseQuery(string(h))
	if err != nil {
		return nil, errors.New("a header cannot be read")
	}
	return http.Header(values), nil
}

type savedSigningKey struct {
	ID        string    `json:"id"`
	Secret    string    `json:"secret"`
	CreatedAt time.Time `json:"created_at"`
}

func (k *signingKey) save() savedSigningKey { return savedSigningKey{k.ID, k.Secret, k.createdAt} }

func (s *Server) restoreSigningKey(saved *savedSigningKey) error {
	s.signingKeys.add(saved.ID, &signingKey{SigningKey{saved.ID, saved.Secret}, saved.CreatedAt})
	return nil
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

func (sub *subscription) save() savedWebhook {
	return savedWebhook{sub.id, sub.url, sub.patterns, sub.version, sub.status, sub.key.ID, sub.createdAt, sub.updatedAt}
}

func (s *Server) restoreWebhook(saved *savedWebhook) error {
	sub := &subscription{
		id:        saved.ID,
		url:       saved.URL,
		patterns:  saved.Patterns,
		version:   saved.Version,
		status:    saved.Status,
		key:       s.signingKeys.byID[saved.SigningKey],
		createdAt: saved.CreatedAt,
		updatedAt: saved.UpdatedAt,
		client:    s.newDeliveryClient(),
	}
	if sub.key == nil {
		return unknown("signing key", saved.SigningKey, saved.ID)
	}
	s.subscriptions.add(sub.id, sub)
	return nil
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

func (d *shipment) save() savedShipment {
	return savedShipment{
		d.number, d.subscription.id, d.eventID, d.eventType, d.body, d.attempt, d.due, d.subscription.deferred == d,
	}
}

func (s *Server) restoreShipment(saved *savedShipment) error {
	sub := s.subscriptions.byID[saved.Webhook]
	switch {
	case sub == nil:
		return unknown("webhook", saved.Webhook, saved.EventID)
	case saved.Attempt < 0 || saved.Attempt > len(retryDelays):
		return fmt.Errorf("an event was delivered %d times", saved.Attempt)
	}
	d := &shipment{
		number:       saved.Number,
		subscription: sub,
		eventID:      saved.EventID,
		eventType:    saved.EventType,
		body:         saved.Body,
		attempt:      saved.Attempt,
		due:          saved.Due,
	}
	s.outbox[d.number] = d
	s.shipments = max(s.shipments, d.number)
	if saved.Overtaken {
		s.overtake(d)
	} else {
		s.shipLater(d)
	}
	return nil
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

func (r *loggedRequest) save() savedRequest {
	return savedRequest{r.number, r.Time, r.Operation, r.Method, r.Path, r.Query.Encode(), saveHeader(r.Header), r.Body, r.StatusCode}
}

func (s *Server) restoreRequest(saved *savedRequest) error {
	query, err := url.ParseQuery(saved.Query)
	if err != nil {
		return errors.New("the query of a request cannot be read")
	}
	header, err := saved.Header.restore()
	if err != nil {
		return err
	}
	s.arrivals = max(s.arrivals, saved.Number)
	s.requests.Push(&loggedRequest{number: saved.Number, Request: Request{
		Time:       saved.Time,
		Operation:  saved.Operation,
		Method:     saved.Method,
		Path:       saved.Path,
		Query:      query,
		Header:     header,
		Body:       saved.Body,
		StatusCode: saved.StatusCode,
	}})
	return nil
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

func (d *Delivery) save() savedDelivery {
	saved := savedDelivery{d.EventID, d.EventType, d.URL, d.Attempt, d.StatusCode, d.At, "", d.Body, saveHeader(d.Header)}
	if d.Err != nil {
		saved.Err = d.Err.Error()
	}
	return saved
}

func (s *Server) restoreDelivery(saved *savedDelivery) error {
	header, err := saved.Header.restore()
	if err != nil {
		return err
	}
	d := Delivery{
		EventID:    saved.EventID,
		EventType:  saved.EventType,
		URL:        saved.URL,
		Attempt:    saved.Attempt,
		StatusCode: saved.StatusCode,
		At:         saved.At,
		Body:       saved.Body,
		Header:     header,
	}
	if saved.Err != "" {
		d.Err = errors.New(saved.Err)
	}
	s.deliveryLog.Push(d)
	return nil
}

type savedJournalEntry struct {
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

func (d *journalEntry) save() savedJournalEntry {
	return savedJournalEntry{d.kind, d.at, d.account, d.request, d.transaction, d.capture, d.reference, d.amount, d.currency}
}

func (s *Server) restoreJournalEntry(d *savedJournalEntry) error {
	if s.retention == 0 { // with a retention no journal is kept
		s.journal = append(s.journal, journalEntry{d.Kind, d.At, d.Account, d.Request, d.Transaction, d.Capture, d.Reference, d.Amount, d.Currency})
	}
	return nil
}
