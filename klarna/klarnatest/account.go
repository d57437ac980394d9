package klarnatest

import "crypto/rand"

// account is a Partner account. What belongs to one account does not exist for another.
type account struct{ id string }

func (a *account) owner() *account { return a }

// WithAcquiringPartner makes the API key belong to an Acquiring Partner, who acts for Partners and
// has no payments of its own. The server then refuses a call of presentation or payments whose path
// names no account with 403, so that a forgotten account fails a test. Without the option such a
// call is made for the first account, [Server.PartnerAccountID].
func WithAcquiringPartner() Option { return func(c *config) { c.acquiring = true } }

// AddAccount adds a Partner account that the key may act for, and returns its id. A resource
// belongs to one account: a call for another account does not find it. Webhooks and signing keys
// belong to the first account, [Server.PartnerAccountID]; the events name the account that they are
// about in subject_account_id.
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

// addAccount adds an account that a path can name by its id or by the last segment of its id.
func (s *Server) addAccount(id string) *account {
	a := &account{id}
	s.accounts[id], s.accounts[lastSegment(id)] = a, a
	s.partners = append(s.partners, a)
	s.touch(s)
	return a
}

// own finds a resource of the account that the call is made for.
func own[T interface {
	comparable
	owner() *account
}](c *call, things collection[T]) (thing T, ok bool) {
	if thing, ok = things.byID[c.resource]; !ok || thing.owner() != c.partner {
		return *new(T), false
	}
	return thing, true
}

// partner returns the account that a call is made for. The paths of webhook management name no
// account and belong to the first one.
func (s *Server) partner(c *call) *account {
	if c.route != nil && c.route.is(accountless) {
		return s.first
	}
	return s.accounts[c.account]
}
