package sqlstore

import (
	"database/sql"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
)

// columns are the columns of a record in the order in which scan reads them.
const columns = `id, payment_request_id, account, lane, state, due_ms, version, data, sealed, reference, damaged_ms`

// arguments returns the arguments of a statement in the order of columns, without the version.
func arguments(r flow.Record) []any {
	var sealed any // some drivers store a nil slice as NULL, and others as an empty value
	if len(r.Sealed) > 0 {
		sealed = r.Sealed
	}
	return []any{
		r.ID, sql.NullString{String: r.PaymentRequestID, Valid: r.PaymentRequestID != ""}, r.PartnerAccountID, int64(r.Lane), string(r.State),
		milliseconds(r.DueAt), string(r.Data), sealed, sql.NullString{String: r.Reference, Valid: r.Reference != ""}, milliseconds(r.DamagedAt),
	}
}

// scan reads a row into a record, and further columns into more.
func scan(rows *sql.Rows, r *flow.Record, more ...any) error {
	var paymentRequestID, reference sql.NullString
	var due, damaged sql.NullInt64
	if err := rows.Scan(append([]any{
		&r.ID, &paymentRequestID, &r.PartnerAccountID, &r.Lane, &r.State, &due, &r.Version, &r.Data, &r.Sealed, &reference, &damaged,
	}, more...)...); err != nil {
		return err
	}
	r.PaymentRequestID, r.Reference = paymentRequestID.String, reference.String
	r.DueAt, r.DamagedAt = instant(due), instant(damaged)
	return nil
}

// instant is the time of milliseconds; zero where they are NULL.
func instant(ms sql.NullInt64) time.Time {
	if !ms.Valid {
		return time.Time{}
	}
	return time.UnixMilli(ms.Int64).UTC()
}

// milliseconds of Unix time; NULL where there is no time.
func milliseconds(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMilli(), Valid: !t.IsZero()}
}

// values are what an error must not hold of a record, as drivers may write them.
func values(r flow.Record) []string {
	list := []string{r.ID, r.PaymentRequestID, r.PartnerAccountID, r.Reference}
	for _, b := range [][]byte{r.Data, r.Sealed} {
		if len(b) > 0 {
			list = append(list, string(b), fmt.Sprintf("%q", b), hex.EncodeToString(b), fmt.Sprintf("%d", b))
		}
	}
	return list
}
