package sqlstore

import (
	"database/sql"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
)

// arguments are a record as statements take it: the id, the payment request, the state, when it is due,
// the bytes, the reference, and when it was found damaged.
func arguments(r flow.Record) []any {
	var sealed any // a nil slice is NULL in some drivers, and an empty one in others
	if len(r.Sealed) > 0 {
		sealed = r.Sealed
	}
	return []any{r.ID, sql.NullString{String: r.PaymentRequestID, Valid: r.PaymentRequestID != ""}, string(r.State), milliseconds(r.DueAt), string(r.Data), sealed,
		sql.NullString{String: r.Reference, Valid: r.Reference != ""}, milliseconds(r.DamagedAt)}
}

// scan reads a row, and what it has beyond a record.
func scan(rows *sql.Rows, r *flow.Record, more ...any) error {
	var paymentRequestID, reference sql.NullString
	var due, damaged sql.NullInt64
	if err := rows.Scan(append([]any{&r.ID, &paymentRequestID, &r.State, &due, &r.Version, &r.Data, &r.Sealed, &reference, &damaged}, more...)...); err != nil {
		return err
	}
	r.PaymentRequestID, r.Reference = paymentRequestID.String, reference.String
	if damaged.Valid {
		r.DamagedAt = time.UnixMilli(damaged.Int64).UTC()
	}
	if due.Valid {
		r.DueAt = time.UnixMilli(due.Int64).UTC()
	}
	return nil
}

// milliseconds of Unix time; NULL where there is no time.
func milliseconds(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMilli(), Valid: !t.IsZero()}
}

// values are what an error must not hold of a record, as drivers may write them.
func values(r flow.Record) []string {
	list := []string{r.ID, r.PaymentRequestID, r.Reference}
	for _, b := range [][]byte{r.Data, r.Sealed} {
		if len(b) > 0 {
			list = append(list, string(b), fmt.Sprintf("%q", b), hex.EncodeToString(b), fmt.Sprintf("%d", b))
		}
	}
	return list
}
