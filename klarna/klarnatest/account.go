package klarnatest

import "crypto/rand"

// account is a Partner's. What belongs to one does not exist for another.
type account struct{ id string }

func (a *account) owner() *account { return a }

// WithAcquiringPartner makes the key an Acquiring Partner's, who acts for Partners and has no
// payments of its own: a call of presentation or payments that names no account in its path is
// refused with 403, so that a forgotten account fails a test. Without the option such a call is one
// of the first account, [Server.PartnerAccountID].
func WithAcquiringPartner() Option { return func(c *config) { c.acquiring = true } }

// AddAccount adds a Partner account that the key may act for, and returns its id. Everything
// belongs to one account: what another account's call names is not found. Webhooks and signing keys
// are those of the first account, [Server.PartnerAccountID]; their events tell in
// subject_account_id whom they are about.
func (s *Server) AddAccount() (partnerAccountID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addAccount(newAccountID()).id
}

// Accounts returns the ids of all accounts, [Server.PartnerAccountID] first.
func (s *Server) Accounts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]string, 0, len(s.partners))
	for _, a := range s.partners {
		list = append(list, a.id)
	}
	return list
}

func newAccountID() string { return "krn:partner:global:account:test:" + rand.Text()[:8] }

// addAccount lets an account be named by its id and by the last segment of it.
func (s *Server) addAccount(id string) *account {
	a := &account{id}
	s.accounts[id], s.accounts[lastSegment(id)] = a, a
	s.partners = append(s.partners, a)
	s.touch(s)
	return a
}

// own finds a thing of the account that the call is made for.
func own[T interface {
	comparable
	owner() *account
}](c *call, things collection[T]) (thing T, ok bool) {
	if thing, ok = things.byID[c.resource]; !ok || thing.owner() != c.partner {
		return *new(T), false
	}
	return thing, true
}

// partner is the account that a call is made for. Managing webhooks is the first account's, whose
// path names none.
func (s *Server) partner(c *call) *account {
	if c.route != nil && c.route.is(accountless) {
		return s.first
	}
	return s.accounts[c.account]
}
