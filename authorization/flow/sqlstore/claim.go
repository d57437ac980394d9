package sqlstore

import (
	"cmp"
	"context"
	"database/sql"

	"slices"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/internal/wire"
)

// claims are the statements of ClaimDue. Their parameters are the lanes as JSON, now, until, the
// limit, the limit per account and the excepted accounts as JSON.
//
// accounts finds the accounts of each lane one after the other with one index lookup each, so that
// the backlog of an account is not read. candidates are the first records of each account, in the
// order in which accounts take turns.
//
// PostgreSQL numbers only the first records of an account. To number all due records it would read
// all of their rows. It locks the candidates in their order until it has enough, and skips those
// that others have locked. There are four times as many candidates as needed, because the first
// ones may be locked. The IDs are in an array, because PostgreSQL may plan IN so that it repeats
// the selection. The lanes are in an array as well: the planner expects ten rows of an array and a
// hundred of a function that returns a set. With a hundred, the plan is costly enough to be
// compiled for each claim, which takes fifty times as long as the claim. SQLite has one writer at a
// time.
var claims = map[Dialect]string{
	DialectPostgreSQL: `WITH RECURSIVE accounts (place, lane, account) AS (
			SELECT e.place, CAST(e.lane AS smallint), (SELECT account FROM {table} WHERE lane = CAST(e.lane AS smallint) AND due_ms IS NOT NULL ORDER BY account LIMIT 1)
			FROM unnest(ARRAY(SELECT jsonb_array_elements_text(CAST(?1 AS jsonb)))) WITH ORDINALITY AS e (lane, place)
			UNION ALL
			SELECT a.place, a.lane, (SELECT account FROM {table} WHERE lane = a.lane AND due_ms IS NOT NULL AND account > a.account ORDER BY account LIMIT 1)
			FROM accounts a WHERE a.account IS NOT NULL
		), candidates AS (
			SELECT a.place, c.turn, c.due_ms, c.id FROM accounts a CROSS JOIN LATERAL (
				SELECT id, due_ms, row_number() OVER (ORDER BY due_ms) AS turn FROM (
					SELECT id, due_ms FROM {table} WHERE lane = a.lane AND account = a.account AND due_ms <= ?2 ORDER BY due_ms LIMIT ?5
				) AS first
			) AS c
			WHERE a.account IS NOT NULL AND a.account NOT IN (SELECT jsonb_array_elements_text(CAST(?6 AS jsonb)))
			ORDER BY a.place, c.turn, c.due_ms LIMIT 4 * CAST(?4 AS bigint)
		)
		UPDATE {table} SET was_due_ms = due_ms, due_ms = ?3, version = version + 1, changed_ms = {now} WHERE id = ANY (ARRAY(
			SELECT p.id FROM candidates c JOIN {table} p ON p.id = c.id WHERE p.due_ms <= ?2
			ORDER BY c.place, c.turn, c.due_ms LIMIT ?4 FOR UPDATE OF p SKIP LOCKED
		))`,
	DialectSQLite: `WITH RECURSIVE accounts (place, lane, account) AS (
			SELECT e.key, e.value, (SELECT account FROM {table} WHERE lane = e.value AND due_ms IS NOT NULL ORDER BY account LIMIT 1) FROM json_each(?1) AS e
			UNION ALL
			SELECT a.place, a.lane, (SELECT account FROM {table} WHERE lane = a.lane AND due_ms IS NOT NULL AND account > a.account ORDER BY account LIMIT 1)
			FROM accounts a WHERE a.account IS NOT NULL
		), candidates AS (
			SELECT a.place, row_number() OVER (PARTITION BY a.place, a.account ORDER BY p.due_ms) AS turn, p.due_ms, p.id
			FROM accounts a CROSS JOIN {table} p ON p.id IN (
				SELECT id FROM {table} WHERE lane = a.lane AND account = a.account AND due_ms <= ?2 ORDER BY due_ms LIMIT ?5
			)
			WHERE a.account IS NOT NULL AND a.account NOT IN (SELECT value FROM json_each(?6))
		)
		UPDATE {table} SET was_due_ms = due_ms, due_ms = ?3, version = version + 1, changed_ms = {now} WHERE id IN (
			SELECT id FROM candidates ORDER BY place, turn, due_ms LIMIT ?4
		)`,
}

// ClaimDue implements [flow.Store].
func (s *Store) ClaimDue(ctx context.Context, params flow.ClaimParams) ([]flow.Claimed, error) {
	limit, perAccount := max(params.Limit, 0), params.Limit // in SQLite a negative limit means no limit
	if params.PerAccount > 0 {
		perAccount = min(perAccount, params.PerAccount)
	}
	lanes := make([]int, len(params.Lanes))
	for i, lane := range params.Lanes {
		lanes[i] = int(lane) // a slice of bytes is encoded as base64
	}
	lanesText, err := wire.EncodeAny(lanes)
	if err != nil {
		return nil, s.table.Failed("claim what is due", err)
	}
	except, err := wire.EncodeAny(append([]string{}, params.ExceptAccounts...))
	if err != nil {
		return nil, s.table.Failed("claim what is due", err)
	}
	arguments := []any{string(lanesText), params.Now.UnixMilli(), milliseconds(params.Until), limit, max(perAccount, 0), string(except)}
	var list []flow.Claimed
	if err := s.table.Rows(ctx, s.claim, arguments, func(rows *sql.Rows) error {
		var c flow.Claimed
		var was sql.NullInt64
		err := scan(rows, &c.Record, &was)
		c.WasDueAt = instant(was)
		list = append(list, c)
		return err
	}); err != nil {
		return nil, s.table.Failed("claim what is due", err, params.ExceptAccounts...)
	}
	inTurns(list, params.Lanes)
	return list, nil
}

// inTurns sorts claimed records by lanes and by the accounts' turns. A database returns them in any
// order.
func inTurns(list []flow.Claimed, lanes []flow.Lane) {
	place := func(c flow.Claimed) int { return slices.Index(lanes, c.Lane) }
	slices.SortStableFunc(list, func(a, b flow.Claimed) int { return a.WasDueAt.Compare(b.WasDueAt) })
	type queue struct {
		lane    flow.Lane
		account string
	}
	taken, turn := map[queue]int{}, map[string]int{}
	for _, c := range list {
		q := queue{c.Lane, c.PartnerAccountID}
		turn[c.ID] = taken[q]
		taken[q]++
	}
	slices.SortStableFunc(list, func(a, b flow.Claimed) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(turn[a.ID], turn[b.ID]))
	})
}
