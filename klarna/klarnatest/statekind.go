package klarnatest

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strconv"
)

// kind describes one kind of values in a state file.
type kind struct {
	name    string              // the name of the list in a delta
	all     func(*Server) []any // all values, in the order of their creation
	save    func(value any) (saved any)
	decode  func(list []byte) (saved []any, err error)
	key     func(saved any) string // nil for a log
	restore func(s *Server, saved any) error
}

// kinds lists all kinds but the server itself, in the order in which they are restored: a kind
// comes after the kinds that it refers to.
var kinds = []*kind{
	kindOf("customer_tokens", func(s *Server) []*customerToken { return inOrder(s.customerTokens) },
		(*customerToken).save, func(v *savedCustomerToken) string { return v.Value }, (*Server).restoreCustomerToken),
	kindOf("payment_requests", func(s *Server) []*paymentRequest { return s.paymentRequests.all() },
		(*paymentRequest).save, func(v *savedPaymentRequest) string { return v.ID }, (*Server).restorePaymentRequest),
	kindOf("transactions", func(s *Server) []*transaction { return s.transactions.all() },
		(*transaction).save, func(v *savedTransaction) string { return v.ID }, (*Server).restoreTransaction),
	kindOf("captures", func(s *Server) []*capture { return s.captures.all() },
		(*capture).save, func(v *savedCapture) string { return v.ID }, (*Server).restoreCapture),
	kindOf("refunds", func(s *Server) []*refund { return s.refunds.all() },
		(*refund).save, func(v *savedRefund) string { return v.ID }, (*Server).restoreRefund),
	kindOf("chargebacks", func(s *Server) []*chargeback { return s.chargebacks.all() },
		(*chargeback).save, func(v *savedChargeback) string { return v.ID }, (*Server).restoreChargeback),
	kindOf("session_tokens", func(s *Server) []*sessionToken { return inOrder(s.tokens) },
		(*sessionToken).save, func(v *savedSessionToken) string { return v.Value }, (*Server).restoreSessionToken),
	kindOf("remembered", executed,
		(*remembered).save, (*savedRemembered).name, (*Server).restoreRemembered),
	kindOf("signing_keys", func(s *Server) []*signingKey { return s.signingKeys.all() },
		(*signingKey).save, func(v *savedSigningKey) string { return v.ID }, (*Server).restoreSigningKey),
	kindOf("webhooks", func(s *Server) []*subscription { return s.subscriptions.all() },
		(*subscription).save, func(v *savedWebhook) string { return v.ID }, (*Server).restoreWebhook),
	kindOf("shipments", func(s *Server) []*shipment { return inOrder(s.outbox) },
		(*shipment).save, func(v *savedShipment) string { return strconv.FormatUint(v.Number, 10) }, (*Server).restoreShipment),
	kindOf("requests", func(s *Server) []*loggedRequest { return s.requests.All() },
		(*loggedRequest).save, func(v *savedRequest) string { return strconv.FormatUint(v.Number, 10) }, (*Server).restoreRequest),
	kindOf("deliveries", func(s *Server) []*Delivery { return pointers(s.deliveryLog.All()) },
		(*Delivery).save, nil, (*Server).restoreDelivery),
	kindOf("deeds", func(s *Server) []*journalEntry { return pointers(s.journal) },
		(*journalEntry).save, nil, (*Server).restoreJournalEntry),
}

// kindOf returns the kind of values of type *T, which are saved as S.
func kindOf[T, S any](name string, all func(*Server) []*T, save func(*T) S, key func(*S) string, restore func(*Server, *S) error) *kind {
	k := &kind{
		name: name,
		all: func(s *Server) (values []any) {
			for _, v := range all(s) {
				values = append(values, v)
			}
			return values
		},
		save: func(value any) any { return new(save(value.(*T))) },
		decode: func(text []byte) (values []any, err error) {
			var list []S
			err = decodeStrictly(text, &list)
			for i := range list {
				values = append(values, &list[i])
			}
			return values, err
		},
		restore: func(s *Server, saved any) error { return restore(s, saved.(*S)) },
	}
	if key != nil {
		k.key = func(saved any) string { return key(saved.(*S)) }
	}
	kindOfType[reflect.TypeFor[*T]()] = k
	return k
}

// kindOfType maps the types of values to their kinds.
var kindOfType = map[reflect.Type]*kind{}

// kindOfName returns the kind with a name, or nil if no such kind exists.
func kindOfName(name string) *kind {
	for _, k := range kinds {
		if k.name == name {
			return k
		}
	}
	return nil
}

// executed returns the idempotency keys whose requests were executed. A request that was not
// executed need not be saved: it is executed when it is repeated.
func executed(s *Server) []*remembered {
	list := slices.DeleteFunc(slices.Collect(maps.Values(s.remembered)), func(r *remembered) bool { return r.answer == nil })
	name := func(r *remembered) string { return rememberedName(r.key.partner.id, r.key.operation, r.key.key) }
	slices.SortFunc(list, func(a, b *remembered) int { return cmp.Compare(name(a), name(b)) })
	return list
}

func pointers[T any](list []T) []*T {
	all := make([]*T, len(list))
	for i := range list {
		all[i] = &list[i]
	}
	return all
}

func inOrder[K cmp.Ordered, V any](values map[K]V) []V {
	list := make([]V, 0, len(values))
	for _, key := range slices.Sorted(maps.Keys(values)) {
		list = append(list, values[key])
	}
	return list
}
