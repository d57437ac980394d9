package flow

import (
	"context"
	"errors"
	"time"
)

// Store keeps purchases: a table of records with two indexes and a compare-and-swap. Everything
// that a Coordinator promises rests on its methods being atomic and durable: once a method has
// returned nil, no crash takes back what it did, and every replica sees it.
//
// The module has one in memory, and one over database/sql in flow/sqlstore; flow/storetest checks
// one of your own.
//
// A method that fails may have done its work or not; a Coordinator copes with both. Its error must
// not quote a record's Data or Sealed.
type Store interface {
	// Create stores a new record, with version 1. It returns ErrExists, and changes nothing, where
	// there is a record of this ID, of this payment request or of this reference.
	Create(ctx context.Context, r Record) error
	// Load returns the record of an ID, or ErrNotFound.
	Load(ctx context.Context, id string) (Record, error)
	// FindPaymentRequest returns the record of a payment request, or ErrNotFound.
	FindPaymentRequest(ctx context.Context, paymentRequestID string) (Record, error)
	// FindReference returns the record of a Reference, or ErrNotFound.
	FindReference(ctx context.Context, reference string) (Record, error)
	// Update replaces the stored record by r if the stored version is r.Version, and stores it with
	// the next version. It returns ErrChanged, and changes nothing, where the version is another;
	// ErrNotFound where there is no such record; ErrExists where another record has this payment
	// request or this reference.
	Update(ctx context.Context, r Record) error
	// ClaimDue takes records whose DueAt is at or before params.Now and returns them as they then are:
	// with DueAt moved to params.Until and the next version. Of any number of calls at once, one gets
	// a record. See [ClaimParams] for which records it takes and in which order. Its cost must not
	// grow with the records that are not due, nor with those of one account. Where it fails after it
	// has claimed some, it may return those beside the error.
	ClaimDue(ctx context.Context, params ClaimParams) ([]Claimed, error)
}

// Record is a purchase as a Store sees it.
type Record struct {
	// ID is the purchase's, 1 to 255 bytes of valid UTF-8 without control characters.
	ID string
	// PaymentRequestID finds the record, too. It is "" before there is one, and then set once; no two
	// records share one. Where Klarna asked for none, because it was paid at once, it is the payment
	// transaction's.
	PaymentRequestID string
	// Reference finds the record, too. It is made of the purchase's account and reference, so that
	// a reference of an account is one purchase's: no two records share one. It is "" in records of
	// older releases.
	Reference string
	// PartnerAccountID is the purchase's account, "" for a Partner with credentials of its own. It
	// does not change.
	PartnerAccountID string
	// Lane says which kind of step is due.
	Lane Lane
	// State is the purchase's, for whoever looks into the store: a Store need not read it.
	State State
	// DueAt is when recovery is to look at the record, in UTC, in whole milliseconds; zero when
	// never again.
	DueAt time.Time
	// DamagedAt is when the record was first found damaged, in UTC, in whole milliseconds; zero for
	// one that is not. A Store can list these: see [DamagedLister].
	DamagedAt time.Time
	// Version counts the record's changes, from 1.
	Version int64
	// Data is the purchase, in JSON, a few hundred bytes, and as much for each operation, of which
	// Klarna allows 500. It holds no token and nothing of the customer.
	Data []byte
	// Sealed is what a repeat of a call needs, encrypted: at most a few hundred kilobytes, usually a
	// few. It is empty once the purchase has ended and no operation is pending, and in StateUnknown
	// once Klarna can no longer be asked.
	Sealed []byte
}

// Lane is a queue of records that are due. A Store keeps it, from 0 to 255, and need not know what
// it means: a claim lists the lanes that it takes from.
type Lane uint8

// The lanes of a Coordinator. A claim lists them in the order in which they matter.
const (
	// LaneApproved and the seven lanes behind it hold what the customer has approved and is to be
	// finalized: each holds the purchases whose time to finalize ends in the same ten minutes of an
	// hour and twenty minutes.
	LaneApproved Lane = 0
	// LaneBusy holds purchases that await their customer, who was last seen at Klarna.
	LaneBusy Lane = 8
	// LaneBegun holds purchases whose first authorize call is to be repeated.
	LaneBegun Lane = 9
	// LaneWaiting holds the other purchases that await their customer. Records that an older version
	// of this module wrote are here.
	LaneWaiting Lane = 10
	// LaneEnding holds purchases that are to be canceled.
	LaneEnding Lane = 11
	// LaneReports holds purchases that have ended and of which a report is to be repeated.
	LaneReports Lane = 12
	// LaneOperations holds purchases with an operation that is pending. It comes before LaneWaiting:
	// money in doubt matters more than whether a customer has acted.
	LaneOperations Lane = 13
	// LaneWatching holds authorized purchases whose transaction is to be read: because an operation is
	// unknown, or because the authorization is about to expire.
	LaneWatching Lane = 14
)

// ClaimParams says which records ClaimDue takes.
type ClaimParams struct {
	// Now is the time at which records are due. Until is when a record that was claimed is due again.
	Now, Until time.Time
	// Lanes are those that records are taken from. All of an earlier lane is taken before any of a
	// later one.
	Lanes []Lane
	// Limit bounds how many records are taken. A limit below 1 takes none.
	Limit int
	// PerAccount bounds how many records are taken of one account in each lane; below 1 it bounds
	// nothing.
	//
	// Within a lane accounts take turns: first comes the most overdue record of each account, the most
	// overdue of them first, then the second of each, and so on.
	PerAccount int
	// ExceptAccounts are accounts that no record is taken of.
	ExceptAccounts []string
}

// Claimed is a record that ClaimDue took.
type Claimed struct {
	Record
	// WasDueAt is when the record was due.
	WasDueAt time.Time
}

// The errors of a Store. A Store may wrap them.
var (
	// ErrExists reports that a record of this ID, payment request or reference exists.
	ErrExists = errors.New("flow: the record exists")
	// ErrNotFound reports that no such record exists, and, from a Coordinator's methods, no such
	// purchase.
	ErrNotFound = errors.New("flow: not found")
	// ErrChanged is the error of updating a record that somebody else has changed.
	ErrChanged = errors.New("flow: the record was changed by somebody else")
)

// DamagedLister is a Store that lists records which were found damaged. The stores of this module
// implement it.
type DamagedLister interface {
	// ListDamaged returns up to limit records whose DamagedAt is set, ordered by ID, those after
	// the given ID; "" begins at the first.
	ListDamaged(ctx context.Context, after string, limit int) ([]Record, error)
}
