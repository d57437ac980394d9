package klarnatest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The server refuses most violations. These journals are those of a server whose own logic is
// broken.
func TestJournalViolationsAreFound(t *testing.T) {
	requested := journalEntry{kind: entryRequested, account: "a", request: "r", reference: "p"}
	approved := journalEntry{kind: entryApproved, account: "a", request: "r", amount: 100, currency: "EUR"}
	canceled := journalEntry{kind: entryCanceled, account: "a", request: "r"}
	authorized := journalEntry{kind: entryAuthorized, account: "a", request: "r", transaction: "t", reference: "p", amount: 100, currency: "EUR"}
	direct := journalEntry{kind: entryAuthorized, account: "a", transaction: "t", reference: "p", amount: 100, currency: "EUR"}
	but := func(d journalEntry, change func(*journalEntry)) journalEntry { change(&d); return d }
	captured := func(id string, amount int64) journalEntry {
		return journalEntry{kind: entryCaptured, account: "a", transaction: "t", capture: id, amount: amount}
	}
	refunded := func(id string, amount int64) journalEntry {
		return journalEntry{kind: entryRefunded, account: "a", transaction: "t", capture: id, amount: amount}
	}
	of := func(kind entryKind, amount int64) journalEntry {
		return journalEntry{kind: kind, account: "a", transaction: "t", amount: amount}
	}
	for name, tc := range map[string]struct {
		journal journal
		want    []string
	}{
		"everything in order": {
			journal: journal{
				requested, approved, authorized, of(entryExtended, 50), captured("c", 60), captured("d", 40), refunded("c", 60),
				refunded("", 40), of(entryReleased, 50),
			},
		},
		"two captures of one reference": {
			journal{direct, but(captured("c", 60), func(d *journalEntry) { d.reference = "q" }), but(captured("d", 40), func(d *journalEntry) { d.reference = "q" })},
			[]string{`transaction t has two captures of the reference "q"`},
		},
		"two refunds of one reference": {
			journal{direct, captured("c", 100), but(refunded("c", 60), func(d *journalEntry) { d.reference = "q" }), but(refunded("", 40), func(d *journalEntry) { d.reference = "q" })},
			[]string{`transaction t has two refunds of the reference "q"`},
		},
		"a capture and a refund of one reference": {
			journal: journal{direct, but(captured("c", 60), func(d *journalEntry) { d.reference = "q" }), but(refunded("c", 60), func(d *journalEntry) { d.reference = "q" })},
		},
		"approved after another amount was approved": {
			journal: journal{requested, but(approved, func(d *journalEntry) { d.amount = 1 }), approved, authorized},
		},
		"authorized without approval": {
			journal{requested, authorized},
			[]string{"transaction t finalizes r, which the customer did not approve"},
		},
		"authorized without a request": {
			journal{authorized},
			[]string{"transaction t finalizes r, which the customer did not approve"},
		},
		"another amount": {
			journal{requested, approved, but(authorized, func(d *journalEntry) { d.amount = 101 })},
			[]string{"transaction t is over 101 EUR, and the customer approved 100 EUR"},
		},
		"another currency": {
			journal{requested, approved, but(authorized, func(d *journalEntry) { d.currency = "SEK" })},
			[]string{"transaction t is over 100 SEK, and the customer approved 100 EUR"},
		},
		"another reference": {
			journal{requested, approved, but(authorized, func(d *journalEntry) { d.reference = "q" })},
			[]string{`r is finalized as purchase "q", and its first authorize was of "p"`},
		},
		"after the cancel": {
			journal{requested, approved, canceled, authorized},
			[]string{"transaction t finalizes r, which was canceled before"},
		},
		"twice": {
			journal{requested, approved, authorized, but(authorized, func(d *journalEntry) { d.transaction = "u" })},
			[]string{`the purchase "p" of a has two transactions, t and u`, "r is finalized twice, by t and u"},
		},
		"two purchases of one reference": {
			journal{direct, but(direct, func(d *journalEntry) { d.transaction = "u" })},
			[]string{`the purchase "p" of a has two transactions, t and u`},
		},
		"captured beyond what is authorized": {
			journal{direct, captured("c", 60), captured("d", 41)},
			[]string{"transaction t has 1 captured or released beyond what is authorized"},
		},
		"captured after a release": {
			journal{direct, of(entryReleased, 100), captured("c", 1)},
			[]string{"transaction t has 1 captured or released beyond what is authorized"},
		},
		"captured from nothing": {
			journal{captured("c", 1)},
			[]string{"transaction t has 1 captured or released beyond what is authorized"},
		},
		"refunded beyond what is captured": {
			journal{direct, captured("c", 60), refunded("", 61)},
			[]string{"transaction t has 61 refunded and only 60 captured"},
		},
		"refunded beyond its capture": {
			journal{direct, captured("c", 60), captured("d", 40), refunded("c", 61)},
			[]string{"capture c of 60 has 61 refunded"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tc.journal.violations()); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}
