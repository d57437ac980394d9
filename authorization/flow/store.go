package flow

import (
	"context"
	"errors"
	"time"
)

// Store keeps the records of purchases. It is a table with two unique indexes and a
// compare-and-swap.
//
// Every guarantee of a [Coordinator] depends on a Store whose methods are atomic and durable: once
// a method has returned nil, no crash undoes its change, and every replica sees the change.
//
// [MemoryStore] is a Store for tests. Package flow/sqlstore has one over database/sql. Package
// flow/storetest checks an implementation.
//
// A method that returns an error may have done its work or not. A Coordinator handles both. The
// error must not contain a record's Data or Sealed.
type Store interface {
	// Create stores a new record with version 1. It returns ErrExists and changes nothing if a
	// record with this ID, this payment request or this reference exists.
	Create(ctx context.Context, r Record) error
	// Load returns the record with an ID, or ErrNotFound.
	Load(ctx context.Context, id string) (Record, error)
	// FindPaymentRequest returns the record with a PaymentRequestID, or ErrNotFound.
	FindPaymentRequest(ctx context.Context, paymentRequestID string) (Record, error)
	// FindReference returns the record with a Reference, or ErrNotFound.
	FindReference(ctx context.Context, reference string) (Record, error)
	// Update replaces the stored record by r if the stored version is r.Version, and increments the
	// version. Otherwise it changes nothing and returns ErrChanged if the version differs,
	// ErrNotFound if no such record exists, and ErrExists if another record has this payment
	// request or this reference.
	Update(ctx context.Context, r Record) error
	// ClaimDue takes records whose DueAt is not after params.Now. For each it sets DueAt to
	// params.Until, increments the version and returns the changed record. Of several concurrent
	// calls only one gets a record. [ClaimParams] says which records a claim takes and in which
	// order. The cost of a claim must not grow with the number of records that are not due or with
	// the number of records of one account. If ClaimDue fails after it has claimed some records, it
	// may return them together with the error.
	ClaimDue(ctx context.Context, params ClaimParams) ([]Claimed, error)
}

// Record is a purchase as a [Store] keeps it.
type Record struct {
	// ID is the purchase's ID, 1 to 255 bytes of valid UTF-8 without control characters.
	ID string
	// PaymentRequestID is a second key of the record. It is "" at first and set at most once. No
	// two records share one. If Klarna needed no payment request, it is the ID of the payment
	// transaction.
	PaymentRequestID string
	// Reference is a third key of the record, made of the purchase's account and reference. No two
	// records share one. It is "" in records of older releases.
	Reference string
	// PartnerAccountID is the purchase's account, or "" for a Partner with its own credentials. It
	// does not change.
	PartnerAccountID string
	// Lane is the queue that the record is in.
	Lane Lane
	// State is the purchase's state, for people who read the table. A Store need not read it.
	State State
	// DueAt is when recovery processes the record next, in UTC and in whole milliseconds. It is
	// zero if recovery has nothing to do.
	DueAt time.Time
	// DamagedAt is when the record was first found damaged, in UTC and in whole milliseconds. It is
	// zero for an intact record. A Store can list damaged records: see [DamagedLister].
	DamagedAt time.Time
	// Version counts the changes of the record, from 1.
	Version int64
	// Data is the purchase in JSON: a few hundred bytes, and about as many for each operation.
	// Klarna allows 500 operations. Data contains no token and no personal data.
	Data []byte
	// Sealed is the encrypted bodies of calls that may be repeated: usually a few kilobytes, at
	// most a few hundred. It is empty once the purchase has ended and no operation is pending, and
	// in StateUnknown once Klarna can no longer answer.
	Sealed []byte
}

// Lane is a queue of due records, a number from 0 to 255. A [Store] keeps the number and need not
// know what it means. A claim lists the lanes that it takes records from.
type Lane uint8

// The lanes of a Coordinator. A claim lists them in the order in which they matter.
const (
	// LaneApproved and the next seven lanes hold purchases that the customer has approved and that
	// have to be finalized. Purchases whose 60 minutes end within the same ten minutes are in the
	// same lane. The next ten minutes have the next lane, and the first lane follows the eighth.
	LaneApproved Lane = 0
	// LaneBusy holds purchases whose customer was last seen on Klarna's page.
	LaneBusy Lane = 8
	// LaneBegun holds purchases whose first authorize call has to be repeated.
	LaneBegun Lane = 9
	// LaneWaiting holds the other purchases that wait for their customer, and records of older
	// releases.
	LaneWaiting Lane = 10
	// LaneEnding holds purchases that have to be canceled.
	LaneEnding Lane = 11
	// LaneReports holds purchases that have ended and whose report has to be repeated.
	LaneReports Lane = 12
	// LaneOperations holds purchases with a pending operation. A claim takes from it before
	// [LaneWaiting], because money in doubt matters more than a customer who may have acted.
	LaneOperations Lane = 13
	// LaneWatching holds authorized purchases whose transaction has to be read, because an
	// operation is unknown or because the authorization is about to expire.
	LaneWatching Lane = 14
)

// ClaimParams are the parameters of ClaimDue: which records it takes.
type ClaimParams struct {
	// Now is the current time. Until is when the claimed records are due again.
	Now, Until time.Time
	// Lanes are the lanes to take records from. The records of an earlier lane come before those of
	// a later one.
	Lanes []Lane
	// Limit is how many records are taken at most. A limit below 1 takes none.
	Limit int
	// PerAccount is how many records of one account are taken from each lane at most. Below 1 there
	// is no such limit.
	//
	// Within a lane accounts take turns: the most overdue record of each account comes first,
	// ordered by how overdue it is, then the second record of each account, and so on.
	PerAccount int
	// ExceptAccounts are accounts whose records are not taken.
	ExceptAccounts []string
}

// Claimed is a record that ClaimDue took.
type Claimed struct {
	Record
	// WasDueAt is when the record was due before the claim.
	WasDueAt time.Time
}

// The errors of a Store. A Store may wrap them.
var (
	// ErrExists reports that a record with this ID, payment request or reference exists.
	ErrExists = errors.New("flow: the record already exists")
	// ErrNotFound reports that no such record exists. From a Coordinator's method it reports that
	// no such purchase exists.
	ErrNotFound = errors.New("flow: not found")
	// ErrChanged reports that the record was changed after it was read.
	ErrChanged = errors.New("flow: the record has changed")
)

// DamagedLister is a [Store] that can list damaged records. [MemoryStore] and the Store of package
// flow/sqlstore implement it.
type DamagedLister interface {
	// ListDamaged returns up to limit records whose DamagedAt is set, ordered by ID. It returns
	// only records whose ID is greater than after; "" starts with the first.
	ListDamaged(ctx context.Context, after string, limit int) ([]Record, error)
}
