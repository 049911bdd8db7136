// Package operate is what a person may see and do, from one definition for the commands, the console, the metrics and the alerts.
package operate

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/shopspring/decimal"
)

// Who must act.
const (
	Nobody   = "nobody"
	Supplier = "supplier"
	Operator = "operator"
	Portal   = "portal"
)

// Todo is a line of chorus.todo: what needs a person, or settles itself until a moment that is known.
type Todo struct {
	Kind    string              `json:"kind"`
	Invoice *int64              `json:"invoice"`
	Numero  *string             `json:"numero_facture"`
	Account *string             `json:"account"`
	Since   *time.Time          `json:"since"`
	Amount  decimal.NullDecimal `json:"amount"`
	Devise  *string             `json:"devise"`
	Cause   string              `json:"cause"`
	CauseFR string              `json:"cause_fr"`
	Who     string              `json:"who"`
	Next    string              `json:"next"`  // the command to begin with
	Until   *time.Time          `json:"until"` // nothing is to be done before
}

// Text is the cause in a language, en or fr.
func (t Todo) Text(lang string) string {
	if lang == "fr" {
		return t.CauseFR
	}
	return t.Cause
}

// TodoFilter selects lines; zero values select all.
type TodoFilter struct {
	Account string // lines about the whole fleet are left out, then
	Kind    string
	Age     time.Duration // only what began longer ago
	Limit   int           // 0 = 1000, which is also the most
}

// MostTodo bounds what is read at once: whoever has more reads the counts.
const MostTodo = 1000

// Todos lists what needs a person: what he must act on first, the oldest of each kind first, and what settles itself at the end.
func Todos(ctx context.Context, db *pgxpool.Pool, f TodoFilter) ([]Todo, error) {
	limit := f.Limit
	if limit <= 0 || limit > MostTodo {
		limit = MostTodo
	}
	rows, err := db.Query(ctx, `
		SELECT kind, invoice, numero_facture, account, since, amount, devise, cause, cause_fr, who, next, until
		FROM chorus.todo
		WHERE ($1 = '' OR account = $1) AND ($2 = '' OR kind = $2) AND ($3::interval = '0' OR since < clock_timestamp() - $3::interval)
		ORDER BY until IS NOT NULL, invoice IS NOT NULL, kind, since, invoice
		LIMIT $4`, f.Account, f.Kind, f.Age, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Todo])
}

// TodoCount is how many lines there are of one kind, and what they are worth in one currency.
type TodoCount struct {
	Kind   string              `json:"kind"`
	Acts   bool                `json:"acts"` // whether somebody must act, now
	Count  int                 `json:"count"`
	Amount decimal.NullDecimal `json:"amount"`
	Devise *string             `json:"devise"`
	Oldest *time.Time          `json:"oldest"`
}

// TodoCounts counts the lines that the filter selects, by kind and currency.
func TodoCounts(ctx context.Context, db *pgxpool.Pool, f TodoFilter) ([]TodoCount, error) {
	rows, err := db.Query(ctx, `
		SELECT kind, until IS NULL, count(*), sum(amount), devise, min(since)
		FROM chorus.todo
		WHERE ($1 = '' OR account = $1) AND ($2 = '' OR kind = $2) AND ($3::interval = '0' OR since < clock_timestamp() - $3::interval)
		GROUP BY kind, until IS NULL, devise
		ORDER BY until IS NULL DESC, kind, devise`, f.Account, f.Kind, f.Age)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[TodoCount])
}

// TodoPage is Todos, and the counts of all kinds, as TodoCounts has them, as of one moment and for the price of one.
func TodoPage(ctx context.Context, db *pgxpool.Pool, f TodoFilter) (lines []Todo, counts []TodoCount, err error) {
	limit := f.Limit
	if limit <= 0 || limit > MostTodo {
		limit = MostTodo
	}
	rows, err := db.Query(ctx, `
		WITH t AS MATERIALIZED (
		    SELECT * FROM chorus.todo WHERE ($1 = '' OR account = $1) AND ($3::interval = '0' OR since < clock_timestamp() - $3::interval)
		)
		SELECT until IS NULL, count(*)::int, kind, NULL::bigint, NULL, NULL, min(since), sum(amount), devise, '', '', '', '', NULL::timestamptz
		FROM t
		GROUP BY until IS NULL, kind, devise
		UNION ALL
		SELECT * FROM (
		    SELECT false, 0, kind, invoice, numero_facture, account, since, amount, devise, cause, cause_fr, who, next, until
		    FROM t
		    WHERE $2 = '' OR kind = $2
		    ORDER BY until IS NOT NULL, invoice IS NOT NULL, kind, since, invoice
		    LIMIT $4
		) l`, f.Account, f.Kind, f.Age, limit)
	if err != nil {
		return nil, nil, err
	}
	var t Todo
	var n TodoCount
	_, err = pgx.ForEachRow(rows, []any{
		&n.Acts, &n.Count, &t.Kind, &t.Invoice, &t.Numero, &t.Account, &t.Since, &t.Amount, &t.Devise, &t.Cause, &t.CauseFR, &t.Who, &t.Next, &t.Until,
	}, func() error {
		if n.Count == 0 {
			lines = append(lines, t)
			return nil
		}
		counts = append(counts, TodoCount{Kind: t.Kind, Acts: n.Acts, Count: n.Count, Amount: t.Amount, Devise: t.Devise, Oldest: t.Since})
		return nil
	})
	slices.SortStableFunc(counts, func(a, b TodoCount) int {
		if a.Acts != b.Acts {
			return map[bool]int{true: -1, false: 1}[a.Acts]
		}
		return cmp.Or(strings.Compare(a.Kind, b.Kind), orLast(a.Devise, b.Devise))
	})
	return lines, counts, err
}

// orLast compares texts, with what is missing at the end.
func orLast(a, b *string) int {
	switch {
	case a == nil || b == nil:
		return map[bool]int{true: 1, false: 0}[a == nil] - map[bool]int{true: 1, false: 0}[b == nil]
	default:
		return strings.Compare(*a, *b)
	}
}

// Kinds lists the kinds of lines, in the order of the alphabet.
var Kinds = []string{
	"account", "feed", "finding", "in_doubt", "invalid", "maintenance", "outage", "parked", "password", "rejected", "remedy", "request", "resubmission", "rights",
	"stalled", "statut", "unread", "webhook", "worker",
}
