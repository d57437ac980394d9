package storetest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/internal/test/storefault"
)

func TestMemoryStore(t *testing.T) {
	Run(t, func(*testing.T) flow.Store { return flow.NewMemoryStore() })
}

func TestTheModelWithoutAFaultConforms(t *testing.T) {
	Run(t, func(*testing.T) flow.Store { return &model{} })
}

// The check in the table must find the fault. Others may find it as well.
func TestTheSuiteFindsAStoreThat(t *testing.T) {
	storefault.Found(t, 5*time.Second, map[string]string{
		"fails":                                           "a created record is loaded as it was, with version 1",
		"keeps the version that it is given":              "a created record is loaded as it was, with version 1",
		"forgets the state":                               "a created record is loaded as it was, with version 1",
		"returns local times":                             "a created record is loaded as it was, with version 1",
		"creates without a due time":                      "a created record is loaded as it was, with version 1",
		"forgets the payment request":                     "a created record is loaded as it was, with version 1",
		"creates over what exists":                        "creating an existing record returns ErrExists and changes nothing",
		"returns an error of its own for what exists":     "creating an existing record returns ErrExists and changes nothing",
		"takes a creation for an update":                  "creating an existing record returns ErrExists and changes nothing",
		"looks before it creates":                         "one of many concurrent creations succeeds",
		"finds what has no payment request":               "a record that does not exist is ErrNotFound",
		"loads an empty record":                           "a record that does not exist is ErrNotFound",
		"creates by updating":                             "a record that does not exist is ErrNotFound",
		"returns ErrChanged for what does not exist":      "a record that does not exist is ErrNotFound",
		"keeps what an update leaves empty":               "an update replaces everything and increments the version",
		"updates the due time alone":                      "an update replaces everything and increments the version",
		"updates every record":                            "an update replaces everything and increments the version",
		"counts no version":                               "an update replaces everything and increments the version",
		"updates regardless of the version":               "an update of another version returns ErrChanged and changes nothing",
		"updates older versions":                          "an update of another version returns ErrChanged and changes nothing",
		"updates newer versions":                          "an update of another version returns ErrChanged and changes nothing",
		"updates and returns ErrChanged":                  "an update of another version returns ErrChanged and changes nothing",
		"returns no error about a change":                 "an update of another version returns ErrChanged and changes nothing",
		"takes version 0 for any":                         "an update of another version returns ErrChanged and changes nothing",
		"looks before it updates":                         "one of hundreds of updates of a version succeeds",
		"sometimes loses updates":                         "no update is lost",
		"sets a payment request when it creates only":     "a record is found by its payment request once it is set",
		"takes a payment request for an id":               "a record is found by its payment request once it is set",
		"finds by id":                                     "a record is found by its payment request once it is set",
		"forgets the index when a record is updated":      "a record is found by its payment request once it is set",
		"shares payment requests":                         "no two records share a payment request",
		"shares payment requests at creation":             "no two records share a payment request",
		"returns ErrChanged for a payment request":        "no two records share a payment request",
		"looks before it sets a payment request":          "one of many concurrent updates gets a payment request",
		"forgets references":                              "a record is found by its reference, which no other record has",
		"shares references":                               "a record is found by its reference, which no other record has",
		"lists what is not damaged":                       "a record is listed while it is marked as damaged",
		"changes settings regardless of the former value": "a setting changes only from its present value",
		"forgets what is damaged":                         "a record is listed while it is marked as damaged",
		"claims what has no due time":                     "a record without a due time is never claimed",
		"leaves what has ended among the due":             "a record without a due time is never claimed",
		"indexes the due at creation only":                "a record without a due time is never claimed",
		"claims nothing that has ended":                   "an ended record can become due again in another lane",
		"claims without moving the due time":              "a claim moves the due time and increments the version",
		"claims without a next version":                   "a claim moves the due time and increments the version",
		"returns claims as they were":                     "a claim moves the due time and increments the version",
		"claims without data":                             "a claim moves the due time and increments the version",
		"claims a little early":                           "a claim moves the due time and increments the version",
		"claims a little late":                            "a claim moves the due time and increments the version",
		"uses its own clock":                              "a claim moves the due time and increments the version",
		"keeps seconds":                                   "a due time is kept to the millisecond",
		"keeps times in float32":                          "a due time is kept to the millisecond",
		"claims in the order of ids":                      "a claim takes the most overdue records, up to the limit",
		"claims the least overdue first":                  "a claim takes the most overdue records, up to the limit",
		"returns claims in another order":                 "a claim takes the most overdue records, up to the limit",
		"ignores the limit":                               "a claim takes the most overdue records, up to the limit",
		"takes a limit of zero for no limit":              "a claim takes the most overdue records, up to the limit",
		"forgets the account":                             "a created record is loaded as it was, with version 1",
		"forgets the lane":                                "a created record is loaded as it was, with version 1",
		"claims from every lane":                          "a claim takes from the lanes that it lists, in their order",
		"mixes the lanes":                                 "a claim takes from the lanes that it lists, in their order",
		"keeps the lane of a record":                      "an update moves a record to another lane",
		"claims all from the most overdue account":        "within a lane accounts take turns",
		"ignores the limit per account":                   "a claim obeys the limit per account and the excepted accounts",
		"does not leave out accounts":                     "a claim obeys the limit per account and the excepted accounts",
		"does not say when a claim was due":               "a claim moves the due time and increments the version",
		"looks before it claims":                          "one of many concurrent claims gets a record",
		"claims some and returns fewer":                   "one of many concurrent claims gets a record",
		"claims over an update":                           "either a concurrent update or a claim succeeds",
		"writes JSON in its own way":                      "data and sealed are stored byte for byte",
		"stores sealed as a text":                         "data and sealed are stored byte for byte",
		"cuts sealed at a zero byte":                      "data and sealed are stored byte for byte",
		"cuts what is longer than 64 KiB":                 "data and sealed are stored byte for byte",
		"refuses what is longer than 64 KiB":              "data and sealed are stored byte for byte",
		"ignores the case of ids":                         "ids are opaque",
		"trims white space":                               "ids are opaque",
		"cuts ids to 254 bytes":                           "ids are opaque",
		"refuses long ids":                                "ids are opaque",
		"confuses similar characters":                     "ids are opaque",
		"drops what is not ASCII":                         "ids are opaque",
		"keeps the caller's bytes":                        "changing a record's bytes changes nothing in the store",
		"returns its own bytes":                           "changing a record's bytes changes nothing in the store",
		"claims its own bytes":                            "changing a record's bytes changes nothing in the store",
		"ignores its context":                             "a call whose context has ended returns an error",
		"finds nothing when its context has ended":        "a call whose context has ended returns an error",
		"claims half when its context has ended":          "a call whose context has ended returns an error",
	}, checkOf, func(fault string) flow.Store { return &model{fault: fault} })
}

// checkOf returns the check of a name.
func checkOf(name string) func(ctx context.Context, s flow.Store) error {
	for _, c := range checks {
		if c.name == name {
			return c.check
		}
	}
	return nil
}

func TestEveryCheckCanFail(t *testing.T) {
	for _, c := range checks {
		if err := c.check(t.Context(), &model{fault: "fails"}); err == nil {
			t.Errorf("%s: passes on a store that does nothing", c.name)
		}
	}
}

func TestRunFailsTheTestOfABrokenStore(t *testing.T) {
	storefault.FailsTheTest(t, "creates by updating", "a record that does not exist", func(t *testing.T, fault string) {
		Run(t, func(*testing.T) flow.Store { return &model{fault: fault} })
	})
}

// model is a Store with at most one fault.
type model struct {
	fault   string
	mu      sync.Mutex
	records map[string]*flow.Record
	setting string
	calls   int
	pauses  atomic.Int64
}

func (m *model) has(fault string) bool { return m.fault == fault }

// begin is the beginning of every method.
func (m *model) begin(ctx context.Context) error {
	switch err := ctx.Err(); {
	case m.has("fails"):
		return errors.New("cannot")
	case err == nil, m.has("ignores its context"):
		return nil
	case m.has("finds nothing when its context has ended"):
		return flow.ErrNotFound
	default:
		return err
	}
}

// pause gives concurrent calls the time to interfere. It waits until another call is here, or long
// enough that none will come.
func (m *model) pause() {
	m.mu.Unlock()
	m.pauses.Add(1)
	for range 100_000 {
		if m.pauses.Load() > 1 {
			break
		}
		runtime.Gosched()
	}
	m.mu.Lock()
}

func (m *model) key(id string) string {
	switch {
	case m.has("ignores the case of ids"):
		id = strings.ToLower(id)
	case m.has("trims white space"):
		id = strings.TrimSpace(id)
	case m.has("cuts ids to 254 bytes"):
		id = id[:min(len(id), 254)]
	case m.has("confuses similar characters"):
		id = strings.NewReplacer("å", "a\u030a", "ﬁ", "fi", "ß", "ss").Replace(id)
	case m.has("drops what is not ASCII"):
		id = strings.Map(func(r rune) rune {
			if r > '~' {
				return -1
			}
			return r
		}, id)
	}
	return id
}

// kept returns a record as the store keeps it.
func (m *model) kept(r flow.Record) (flow.Record, error) {
	if !m.has("keeps the caller's bytes") {
		r.Data, r.Sealed = bytes.Clone(r.Data), bytes.Clone(r.Sealed)
	}
	long := max(len(r.Data), len(r.Sealed)) > 1<<16
	switch {
	case m.has("refuses long ids") && len(r.ID) > 191, m.has("refuses what is longer than 64 KiB") && long:
		return r, errors.New("too long")
	case m.has("cuts what is longer than 64 KiB") && long:
		r.Sealed = r.Sealed[:1<<16]
	case m.has("forgets the state"):
		r.State = ""
	case m.has("forgets the account"):
		r.PartnerAccountID = ""
	case m.has("forgets the lane"):
		r.Lane = 0
	case m.has("forgets the payment request"):
		r.PaymentRequestID = ""
	case m.has("keeps seconds"):
		r.DueAt = r.DueAt.Truncate(time.Second)
	case m.has("keeps times in float32") && !r.DueAt.IsZero():
		r.DueAt = time.UnixMilli(int64(float32(r.DueAt.UnixMilli()))).UTC()
	case m.has("writes JSON in its own way"):
		r.Data = bytes.ReplaceAll(r.Data, []byte(`\u00e5`), []byte("å"))
	case m.has("stores sealed as a text"):
		r.Sealed = bytes.ToValidUTF8(r.Sealed, []byte("\ufffd"))
	case m.has("cuts sealed at a zero byte"):
		r.Sealed, _, _ = bytes.Cut(r.Sealed, []byte{0})
	case m.has("forgets what is damaged"):
		r.DamagedAt = time.Time{}
	case m.has("returns local times") && !r.DueAt.IsZero():
		r.DueAt = r.DueAt.In(time.FixedZone("", 3600))
	}
	return r, nil
}

// returned returns a record as a caller gets it.
func (m *model) returned(r *flow.Record) flow.Record {
	copied := *r
	if !m.has("returns its own bytes") {
		copied.Data, copied.Sealed = bytes.Clone(r.Data), bytes.Clone(r.Sealed)
	}
	return copied
}

// holder returns the record of a payment request.
func (m *model) holder(paymentRequestID string) *flow.Record {
	for _, r := range m.records {
		if m.key(r.PaymentRequestID) == m.key(paymentRequestID) && (paymentRequestID != "" || m.has("finds what has no payment request")) {
			return r
		}
	}
	return nil
}

func (m *model) Create(ctx context.Context, r flow.Record) error {
	if err := m.begin(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	exists := m.records[m.key(r.ID)] != nil
	if m.has("looks before it creates") && !exists {
		m.pause()
	}
	kept, err := m.kept(r)
	switch {
	case err != nil:
		return err
	case exists && m.has("returns an error of its own for what exists"):
		return errors.New("exists")
	case exists && m.has("takes a creation for an update"):
		m.records[m.key(r.ID)].State = r.State
		return flow.ErrExists
	case exists && !m.has("creates over what exists"):
		return flow.ErrExists
	case m.holder(r.PaymentRequestID) != nil && !m.has("shares payment requests at creation") && !m.has("finds what has no payment request"):
		return flow.ErrExists
	case m.referred(r.Reference) != nil && !m.has("shares references"):
		return flow.ErrExists
	}
	if !m.has("keeps the version that it is given") {
		kept.Version = 1
	}
	if m.has("creates without a due time") {
		kept.DueAt = time.Time{}
	}
	if m.records == nil {
		m.records = make(map[string]*flow.Record)
	}
	m.records[m.key(r.ID)] = &kept
	return nil
}

func (m *model) Load(ctx context.Context, id string) (flow.Record, error) {
	if err := m.begin(ctx); err != nil {
		return flow.Record{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.records[m.key(id)]
	if r == nil && m.has("takes a payment request for an id") {
		r = m.holder(id)
	}
	return m.found(r)
}

func (m *model) FindPaymentRequest(ctx context.Context, paymentRequestID string) (flow.Record, error) {
	if err := m.begin(ctx); err != nil {
		return flow.Record{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.holder(paymentRequestID)
	switch {
	case m.has("finds by id"):
		r = cmp.Or(r, m.records[paymentRequestID])
	case m.has("sets a payment request when it creates only") && r != nil && r.Version > 1, m.has("forgets the index when a record is updated") && r != nil && r.Version > 2:
		r = nil
	}
	return m.found(r)
}

func (m *model) FindReference(ctx context.Context, reference string) (flow.Record, error) {
	if err := m.begin(ctx); err != nil {
		return flow.Record{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.has("forgets references") {
		return flow.Record{}, flow.ErrNotFound
	}
	return m.found(m.referred(reference))
}

// The model has a single setting.
func (m *model) Setting(ctx context.Context, name string) (string, error) {
	if err := m.begin(ctx); err != nil || name != "name" {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.setting, nil
}

func (m *model) ChangeSetting(ctx context.Context, _, from, to string) error {
	if err := m.begin(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.setting != from && !m.has("changes settings regardless of the former value") {
		return flow.ErrChanged
	}
	m.setting = to
	return nil
}

func (m *model) ListDamaged(ctx context.Context, after string, limit int) ([]flow.Record, error) {
	if err := m.begin(ctx); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []flow.Record
	for _, r := range m.records {
		if r.ID > after && (!r.DamagedAt.IsZero() || m.has("lists what is not damaged")) {
			list = append(list, m.returned(r))
		}
	}
	slices.SortFunc(list, func(a, b flow.Record) int { return cmp.Compare(a.ID, b.ID) })
	return list[:min(limit, len(list))], nil
}

// referred returns the record with a reference.
func (m *model) referred(reference string) *flow.Record {
	for _, r := range m.records {
		if reference != "" && r.Reference == reference {
			return r
		}
	}
	return nil
}

func (m *model) found(r *flow.Record) (flow.Record, error) {
	switch {
	case r != nil:
		return m.returned(r), nil
	case m.has("loads an empty record"):
		return flow.Record{}, nil
	default:
		return flow.Record{}, flow.ErrNotFound
	}
}

func (m *model) Update(ctx context.Context, r flow.Record) error {
	if err := m.begin(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	stored := m.records[m.key(r.ID)]
	switch {
	case stored == nil && m.has("creates by updating"):
		m.records[m.key(r.ID)] = &r
		return flow.ErrNotFound
	case stored == nil && m.has("returns ErrChanged for what does not exist"):
		return flow.ErrChanged
	case stored == nil:
		return flow.ErrNotFound
	}
	if stored.Version != r.Version {
		switch {
		case m.has("updates regardless of the version"),
			m.has("updates older versions") && r.Version < stored.Version,
			m.has("updates newer versions") && r.Version > stored.Version,
			m.has("takes version 0 for any") && r.Version == 0:
		case m.has("returns no error about a change"):
			return nil
		case m.has("updates and returns ErrChanged"):
			stored.State = r.State
			return flow.ErrChanged
		default:
			return flow.ErrChanged
		}
	}
	if other := m.holder(r.PaymentRequestID); other != nil && other != stored {
		switch {
		case m.has("returns ErrChanged for a payment request"):
			return flow.ErrChanged
		case !m.has("shares payment requests") && !m.has("finds what has no payment request"):
			return flow.ErrExists
		}
	}
	if other := m.referred(r.Reference); other != nil && other != stored && !m.has("shares references") {
		return flow.ErrExists
	}
	if m.has("looks before it updates") || m.has("looks before it sets a payment request") && stored.PaymentRequestID != r.PaymentRequestID {
		m.pause()
	}
	if m.calls++; m.has("sometimes loses updates") && m.calls%7 == 0 {
		return nil
	}
	kept, err := m.kept(r)
	if err != nil {
		return err
	}
	switch {
	case m.has("keeps what an update leaves empty") && len(kept.Sealed) == 0:
		kept.Sealed = stored.Sealed
	case m.has("keeps the lane of a record"):
		kept.Lane = stored.Lane
	case m.has("updates the due time alone"):
		stored.DueAt = kept.DueAt
		kept = *stored
	case m.has("leaves what has ended among the due") && kept.DueAt.IsZero(), m.has("indexes the due at creation only"):
		kept.DueAt = stored.DueAt
	}
	if !m.has("counts no version") {
		kept.Version = r.Version + 1
	}
	*stored = kept
	if m.has("updates every record") {
		for _, other := range m.records {
			other.Data = kept.Data
		}
	}
	return nil
}

func (m *model) ClaimDue(ctx context.Context, params flow.ClaimParams) ([]flow.Claimed, error) {
	now, until, limit := params.Now, params.Until, params.Limit
	half := m.has("claims half when its context has ended") && ctx.Err() != nil
	if err := m.begin(ctx); err != nil && !half {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.has("uses its own clock"):
		now = time.Now()
	case m.has("claims a little early"):
		now = now.Add(time.Millisecond)
	case m.has("claims a little late"):
		now = now.Add(-time.Millisecond)
	}
	var due []*flow.Record
	for _, r := range m.records {
		if (!slices.Contains(params.Lanes, r.Lane) && !m.has("claims from every lane")) || (slices.Contains(params.ExceptAccounts, r.PartnerAccountID) && !m.has("does not leave out accounts")) {
			continue
		}
		if m.has("claims nothing that has ended") && r.State.Final() {
			continue
		}
		if !r.DueAt.After(now) && (!r.DueAt.IsZero() || m.has("claims what has no due time")) {
			due = append(due, r)
		}
	}
	slices.SortFunc(due, func(a, b *flow.Record) int {
		switch order := a.DueAt.Compare(b.DueAt); {
		case m.has("claims in the order of ids"):
			return cmp.Compare(a.ID, b.ID)
		case m.has("claims the least overdue first"):
			return -order
		default:
			return order
		}
	})
	due = m.inTurns(due, params)
	if limit == 0 && m.has("takes a limit of zero for no limit") {
		limit = len(due)
	}
	if !m.has("ignores the limit") {
		due = due[:min(max(limit, 0), len(due))]
	}
	if m.has("looks before it claims") || m.has("claims over an update") && len(due) > 0 {
		before := make([]flow.Record, len(due))
		for i, r := range due {
			before[i] = *r
		}
		m.pause()
		if m.has("claims over an update") {
			for i, r := range due {
				*r = before[i]
			}
		}
	}
	var list []flow.Claimed
	for _, r := range due {
		was := m.returned(r)
		wasDueAt := r.DueAt
		if m.has("does not say when a claim was due") {
			wasDueAt = time.Time{}
		}
		if !m.has("claims without moving the due time") {
			r.DueAt = until
		}
		if !m.has("claims without a next version") && !half {
			r.Version++
		}
		switch {
		case m.has("returns claims as they were"):
			list = append(list, flow.Claimed{Record: was, WasDueAt: wasDueAt})
		case m.has("claims its own bytes"):
			list = append(list, flow.Claimed{Record: *r, WasDueAt: wasDueAt})
		case m.has("claims without data"):
			list = append(list, flow.Claimed{Record: flow.Record{ID: r.ID, Version: r.Version, DueAt: r.DueAt}, WasDueAt: wasDueAt})
		default:
			list = append(list, flow.Claimed{Record: m.returned(r), WasDueAt: wasDueAt})
		}
	}
	if m.has("returns claims in another order") {
		slices.Reverse(list)
	}
	if m.has("claims some and returns fewer") && len(list) == 7 {
		list = list[1:]
	}
	return list, ctx.Err()
}

// inTurns sorts due records, which are in the order of due times, by lanes and the accounts' turns.
func (m *model) inTurns(due []*flow.Record, params flow.ClaimParams) []*flow.Record {
	type queue struct {
		lane    flow.Lane
		account string
	}
	taken, turns := map[queue]int{}, map[*flow.Record]int{}
	kept := due[:0]
	for _, r := range due {
		q := queue{r.Lane, r.PartnerAccountID}
		if params.PerAccount > 0 && taken[q] == params.PerAccount && !m.has("ignores the limit per account") {
			continue
		}
		turns[r] = taken[q]
		taken[q]++
		kept = append(kept, r)
	}
	slices.SortStableFunc(kept, func(a, b *flow.Record) int {
		lanes, turn := cmp.Compare(slices.Index(params.Lanes, a.Lane), slices.Index(params.Lanes, b.Lane)), cmp.Compare(turns[a], turns[b])
		if m.has("mixes the lanes") {
			lanes = 0
		}
		if m.has("claims all from the most overdue account") {
			turn = 0
		}
		return cmp.Or(lanes, turn)
	})
	return kept
}
