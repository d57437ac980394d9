package flow

import (
	"context"
	"errors"
	"time"
)

// Store keeps purchases: a table of records with two indexes and a compare-and-swap. Everything that a Coordinator promises rests on its
// methods being atomic and durable: once a method has returned nil, no crash takes back what it did, and every replica sees it.
//
// The module has one in memory, and one over database/sql in flow/sqlstore; flow/storetest checks one of your own.
//
// A method that fails may have done its work or not; a Coordinator copes with both. Its error must not quote a record's Data or Sealed.
type Store interface {
	// Create stores a new record, with version 1. It returns ErrExists, and changes nothing, where there is a record of this ID or
	// of this payment request.
	Create(ctx context.Context, r Record) error
	// Load returns the record of an ID, or ErrNotFound.
	Load(ctx context.Context, id string) (Record, error)
	// FindPaymentRequest returns the record of a payment request, or ErrNotFound.
	FindPaymentRequest(ctx context.Context, paymentRequestID string) (Record, error)
	// Update replaces the stored record by r if the stored version is r.Version, and stores it with the next version. It returns
	// ErrChanged, and changes nothing, where the version is another; ErrNotFound where there is no such record; ErrExists where another
	// record has this payment request.
	Update(ctx context.Context, r Record) error
	// ClaimDue takes up to limit records whose DueAt is at or before now, the most overdue first, and returns them as they then are:
	// with DueAt moved to until, and the next version, in that order. Of any number of calls at once, one gets a record. A limit below 1
	// claims nothing. Its cost must not grow with the records that are not due.
	ClaimDue(ctx context.Context, now, until time.Time, limit int) ([]Record, error)
}

// Record is a purchase as a Store sees it.
type Record struct {
	// ID is the purchase's, 1 to 255 bytes of valid UTF-8 without control characters.
	ID string
	// PaymentRequestID finds the record, too. It is "" before there is one, and then set once; no two records share one. Where
	// Klarna asked for none, because it was paid at once, it is the payment transaction's.
	PaymentRequestID string
	// State is the purchase's, for whoever looks into the store: a Store need not read it.
	State State
	// DueAt is when recovery is to look at the record, in UTC, in whole milliseconds; zero when never again.
	DueAt time.Time
	// Version counts the record's changes, from 1.
	Version int64
	// Data is the purchase, in JSON, a few hundred bytes. It holds no token and nothing of the customer.
	Data []byte
	// Sealed is what a repeat of an authorize call needs, encrypted: at most a few hundred kilobytes, usually a few. It is empty once the purchase has
	// ended.
	Sealed []byte
}

// The errors of a Store. A Store may wrap them.
var (
	// ErrExists is the error of creating a record whose ID there is already.
	ErrExists = errors.New("flow: the record exists")
	// ErrNotFound is the error of asking for a record that there is not, and of Coordinator's methods for a purchase that there is not.
	ErrNotFound = errors.New("flow: not found")
	// ErrChanged is the error of updating a record that somebody else has changed.
	ErrChanged = errors.New("flow: the record was changed by somebody else")
)
