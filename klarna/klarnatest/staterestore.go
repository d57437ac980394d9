package klarnatest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// library is what the chapters of a state file tell in the end.
type library struct {
	server          *savedServer
	paymentRequests collection[*savedPaymentRequest]
	transactions    collection[*savedTransaction]
	captures        collection[*savedCapture]
	refunds         collection[*savedRefund]
	chargebacks     collection[*savedChargeback]
	sessionTokens   collection[*savedSessionToken]
	customerTokens  collection[*savedCustomerToken]
	remembered      collection[*savedRemembered]
	signingKeys     collection[*savedSigningKey]
	webhooks        collection[*savedWebhook]
	shipments       collection[*savedShipment]
	requests        map[uint64]savedRequest
	deliveries      []savedDelivery
	deeds           []savedDeed
}

func newLibrary() *library {
	return &library{
		paymentRequests: newCollection[*savedPaymentRequest](),
		transactions:    newCollection[*savedTransaction](),
		captures:        newCollection[*savedCapture](),
		refunds:         newCollection[*savedRefund](),
		chargebacks:     newCollection[*savedChargeback](),
		sessionTokens:   newCollection[*savedSessionToken](),
		customerTokens:  newCollection[*savedCustomerToken](),
		remembered:      newCollection[*savedRemembered](),
		signingKeys:     newCollection[*savedSigningKey](),
		webhooks:        newCollection[*savedWebhook](),
		shipments:       newCollection[*savedShipment](),
		requests:        map[uint64]savedRequest{},
	}
}

// read lets a chapter overwrite what was known before.
func (l *library) read(ch *chapter) {
	if ch.Server != nil {
		l.server = ch.Server
	}
	if gone := ch.Gone; gone != nil {
		takeOut(&l.paymentRequests, gone.PaymentRequests)
		takeOut(&l.transactions, gone.Transactions)
		takeOut(&l.captures, gone.Captures)
		takeOut(&l.refunds, gone.Refunds)
		takeOut(&l.chargebacks, gone.Chargebacks)
		takeOut(&l.sessionTokens, gone.SessionTokens)
		takeOut(&l.customerTokens, gone.CustomerTokens)
		takeOut(&l.remembered, gone.Remembered)
		takeOut(&l.signingKeys, gone.SigningKeys)
		takeOut(&l.webhooks, gone.Webhooks)
		takeOut(&l.shipments, gone.Shipments)
	}
	putIn(&l.paymentRequests, ch.PaymentRequests, func(v savedPaymentRequest) string { return v.ID })
	putIn(&l.transactions, ch.Transactions, func(v savedTransaction) string { return v.ID })
	putIn(&l.captures, ch.Captures, func(v savedCapture) string { return v.ID })
	putIn(&l.refunds, ch.Refunds, func(v savedRefund) string { return v.ID })
	putIn(&l.chargebacks, ch.Chargebacks, func(v savedChargeback) string { return v.ID })
	putIn(&l.sessionTokens, ch.SessionTokens, func(v savedSessionToken) string { return v.Value })
	putIn(&l.customerTokens, ch.CustomerTokens, func(v savedCustomerToken) string { return v.Value })
	putIn(&l.remembered, ch.Remembered, savedRemembered.name)
	putIn(&l.signingKeys, ch.SigningKeys, func(v savedSigningKey) string { return v.ID })
	putIn(&l.webhooks, ch.Webhooks, func(v savedWebhook) string { return v.ID })
	putIn(&l.shipments, ch.Shipments, savedShipment.name)
	for _, r := range ch.Requests {
		l.requests[r.Number] = r
	}
	l.deliveries = append(l.deliveries, ch.Deliveries...)
	l.deeds = append(l.deeds, ch.Deeds...)
}

func putIn[T any](things *collection[*T], list []T, key func(T) string) {
	for _, v := range list {
		if known := things.byID[key(v)]; known != nil {
			*known = v
		} else {
			things.add(key(v), &v)
		}
	}
}

func takeOut[T any](things *collection[*T], keys []string) {
	for _, key := range keys {
		things.remove(key)
	}
}

// restore makes the server what the library says it was, and plans again what will happen by
// itself. The first thing that cannot be is the error.
func (s *Server) restore(l *library) error {
	for _, step := range []func(*library) error{
		s.restoreServer, s.restoreCustomerTokens, s.restorePaymentRequests, s.restoreTransactions, s.restoreRefunds, s.restoreSessionTokens,
		s.restoreRemembered, s.restoreWebhooks, s.restoreLogs,
	} {
		if err := step(l); err != nil {
			return fmt.Errorf("is damaged: %w", err)
		}
	}
	return nil
}

func unknown(what, id, of string) error { return fmt.Errorf("%s %q of %s is not in it", what, id, of) }

func (s *Server) restoreServer(l *library) error {
	saved := l.server
	if saved.APIKey == "" || len(saved.Accounts) == 0 {
		return errors.New("it has no key or no account")
	}
	s.APIKey, s.ClientID, s.PartnerAccountID = saved.APIKey, saved.ClientID, saved.Accounts[0]
	s.instruction, s.duplicateComplete = saved.Instruction, saved.DuplicateComplete

	now := saved.Frozen
	if now.IsZero() {
		now = time.Now().Add(saved.Offset)
	}
	if year := now.Year(); year < 1 || year > 9000 { // JSON has no form for a year of five digits
		return errors.New("its clock is out of range")
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

// accountOf finds an account by the id that is in the file, which is never a short form.
func (s *Server) accountOf(id string) (*account, error) {
	if a := s.accounts[id]; a != nil && a.id == id {
		return a, nil
	}
	return nil, unknown("account", id, "something")
}

func (s *Server) restoreCustomerTokens(l *library) error {
	for _, saved := range l.customerTokens.all() {
		partner, err := s.accountOf(saved.Account)
		if err != nil {
			return err
		}
		t := &customerToken{account: partner, value: saved.Value, reference: saved.Reference, revokedAt: saved.RevokedAt}
		s.customerTokens[saved.Value] = t
		if t.revoked() {
			s.forgetCustomerTokenLater(t)
		}
	}
	return nil
}

func (s *Server) restorePaymentRequests(l *library) error {
	for _, saved := range l.paymentRequests.all() {
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
			// It was revoked and is forgotten, and the payment request that brought it still shows it.
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
	}
	return nil
}

func (s *Server) restoreTransactions(l *library) error {
	for _, saved := range l.transactions.all() {
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
	}
	return nil
}

// restoreRefunds restores what moved money after an authorization: captures, refunds, chargebacks.
func (s *Server) restoreRefunds(l *library) error {
	for _, saved := range l.captures.all() {
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
	}
	for _, saved := range l.refunds.all() {
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
	}
	for _, saved := range l.chargebacks.all() {
		t := s.transactions.byID[saved.Transaction]
		if t == nil {
			return unknown("transaction", saved.Transaction, saved.ID)
		}
		s.chargebacks.add(saved.ID, &chargeback{
			account: t.account, transaction: t, id: saved.ID, amount: saved.Amount, createdAt: saved.CreatedAt,
		})
		t.disputes = append(t.disputes, saved.ID)
		t.disputed += saved.Amount
	}
	return nil
}

func (s *Server) restoreSessionTokens(l *library) error {
	for _, saved := range l.sessionTokens.all() {
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
		// A canceled payment request is forgotten before its token, which is good for nothing by then.
		if saved.Request != "" && t.request == nil && !t.revoked {
			return errors.New("the payment request " + saved.Request + " of a session token is not in it")
		}
		s.tokens[t.value] = t
		s.forgetTokenLater(t)
	}
	return nil
}

func (a *savedAnswer) restore() (*answer, error) {
	if a.Status < 200 || a.Status > 599 {
		return nil, fmt.Errorf("an answer has the status %d", a.Status)
	}
	header, err := a.Header.restore()
	return &answer{status: a.Status, header: header, body: a.Body}, err
}

func (s *Server) restoreRemembered(l *library) error {
	for _, saved := range l.remembered.all() {
		partner, err := s.accountOf(saved.Account)
		if err != nil {
			return err
		}
		r := &remembered{key: idempotencyKey{partner, saved.Operation, string(saved.Key)}, at: saved.At}
		if r.answer, err = saved.Answer.restore(); err != nil {
			return err
		}
		if copy(r.fingerprint[:], saved.Fingerprint) != sha256.Size || len(saved.Fingerprint) != sha256.Size {
			return errors.New("a fingerprint of a request has another length")
		}
		s.remembered[r.key] = r
		s.forgetRememberedLater(r)
	}
	return nil
}

// restoreWebhooks restores signing keys, webhooks and what is on its way to them.
func (s *Server) restoreWebhooks(l *library) error {
	for _, saved := range l.signingKeys.all() {
		s.signingKeys.add(saved.ID, &signingKey{SigningKey{saved.ID, saved.Secret}, saved.CreatedAt})
	}
	for _, saved := range l.webhooks.all() {
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
	}
	for _, saved := range l.shipments.all() {
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
	}
	return nil
}

// restoreLogs restores what is only looked at.
func (s *Server) restoreLogs(l *library) error {
	for _, saved := range inOrder(l.requests) {
		query, err := url.ParseQuery(saved.Query)
		if err != nil {
			return errors.New("the query of a request cannot be read")
		}
		header, err := saved.Header.restore()
		if err != nil {
			return err
		}
		s.arrivals = max(s.arrivals, saved.Number)
		s.requests.push(&loggedRequest{number: saved.Number, Request: Request{
			Time:       saved.Time,
			Operation:  saved.Operation,
			Method:     saved.Method,
			Path:       saved.Path,
			Query:      query,
			Header:     header,
			Body:       saved.Body,
			StatusCode: saved.StatusCode,
		}})
	}
	for _, saved := range l.deliveries {
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
		s.deliveryLog.push(d)
	}
	s.trimLogs()
	if s.retention > 0 {
		return nil // and so no journal
	}
	for _, d := range l.deeds {
		s.journal = append(s.journal, deed{d.Kind, d.At, d.Account, d.Request, d.Transaction, d.Capture, d.Reference, d.Amount, d.Currency})
	}
	return nil
}
