package operate

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/chorus/answers"
	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/invoice/rules"
	"github.com/choriste/choriste/store"
)

// Listing says which invoices are listed, in which order, and where to begin.
type Listing struct {
	Query Query
	Sort  Sort
	After int64 // the id that the page before ended with; 0 = from the beginning
	Limit int   // 0 = 100; at most MostListed

	few bool // of what is settled: measure
}

// MostListed bounds one listing.
const MostListed = 1_000_000

// Sort is an order of invoices. The zero value is the newest first.
type Sort struct {
	Key       string
	Ascending bool
}

// sorts are the orders that there are, and their columns.
var sorts = []struct{ key, column string }{
	{"id", "id"},
	{"state", "state"},
	{"number", "numero_facture"},
	{"ref", "external_ref"},
	{"account", "account"},
	{"amount", "montant_ttc"},
	{"issued", "date_facture"},
	{"deposited", "date_depot"},
	{"inserted", "id"}, // ids are given in the order of insertion, and have an index
	{"changed", "updated_at"},
	{"statut", "statut_courant"},
	{"told", "statut_courant_date"},
	{"recipient", "destinataire_siret"},
	{"supplier", "fournisseur_siret"},
	{"reason", "reason_code"},
}

// neverNull are those of the columns that always have a value.
var neverNull = []string{"state", "external_ref", "account", "updated_at"}

// SortKeys lists what invoices are sorted by.
func SortKeys() []string {
	var keys []string
	for _, s := range sorts {
		keys = append(keys, s.key)
	}
	return keys
}

// ParseSort reads a key of SortKeys, or another name of one: the least first, or with a minus before it the greatest. What is empty means the newest first. The error is a *QueryError.
func ParseSort(text string) (Sort, error) {
	name := strings.TrimPrefix(text, "-")
	key := name
	if k := keyNamed(name); k != nil && k.name != name && slices.Contains(SortKeys(), k.name) {
		key = k.name
	}
	if text != "" && !slices.Contains(SortKeys(), key) {
		keys := strings.Join(SortKeys(), ", ")
		return Sort{}, queryErrorf("invoices are not sorted by %[1]s: there are %[2]s; a minus before it turns the order around",
			"les factures ne se trient pas par %[1]s : il y a %[2]s ; un moins devant inverse l'ordre", visible.Short(text), keys)
	}
	return Sort{Key: key, Ascending: text != "" && name == text}, nil
}

// String is what ParseSort reads.
func (s Sort) String() string {
	if s.Key == "" || s.Ascending {
		return s.Key
	}
	return "-" + s.Key
}

// order is the order in SQL. What has no value comes last; the id decides between equals.
func (s Sort) order() string {
	direction := " DESC"
	if s.Ascending {
		direction = ""
	}
	for _, o := range sorts {
		switch {
		case o.key != s.Key || o.column == "id":
		case slices.Contains(neverNull, o.column): // as an index has it, read from either end
			return o.column + direction + ", id" + direction
		default:
			return o.column + direction + " NULLS LAST, id" + direction
		}
	}
	return "id" + direction
}

// after is the condition that a row comes after the one whose id is $n.
func (s Sort) after(n string) string {
	than := " < "
	if s.Ascending {
		than = " > "
	}
	for _, o := range sorts {
		if o.key == s.Key && o.column != "id" {
			last := "(SELECT " + o.column + " FROM chorus.invoice_status WHERE id = " + n + "::bigint)"
			return "CASE WHEN " + last + " IS NULL THEN " + o.column + " IS NULL AND id" + than + n +
				" ELSE " + o.column + than + last + " OR " + o.column + " = " + last + " AND id" + than + n + " OR " + o.column + " IS NULL END"
		}
	}
	return "id" + than + n
}

// Sum is what the invoices of one state and currency are worth.
type Sum struct {
	State  store.State         `json:"state"`
	Count  int                 `json:"count"`
	Amount decimal.NullDecimal `json:"amount"`
	Devise *string             `json:"devise"`
	Paid   decimal.NullDecimal `json:"paid"` // of the amount: what Chorus Pro says is being paid (MISE_EN_PAIEMENT)
}

// Sums adds up what a query selects, by state and currency.
func Sums(ctx context.Context, st *store.Store, q Query) ([]Sum, error) {
	where, args := q.Where(nil)
	rows, err := st.Pool().Query(ctx, `
		SELECT state, count(*), sum(montant_signe), devise, sum(montant_signe) FILTER (WHERE statut_courant = 'MISE_EN_PAIEMENT')
		FROM chorus.invoice_status
		WHERE `+where+`
		GROUP BY state, devise
		ORDER BY array_position($`+strconv.Itoa(len(args)+1)+`::text[], state), devise`, append(args, store.States)...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Sum])
}

// Check refuses, with a *QueryError, the name of an account, a status or a reason code that no invoice can have: an empty list would look like good news.
func (q Query) Check(ctx context.Context, st *store.Store) error {
	var known map[string][]string
	for _, t := range q.terms {
		if !slices.Contains([]string{"account", "statut", "reason"}, t.key.name) {
			continue
		}
		if known == nil {
			accounts, statuts, err := st.Known(ctx)
			if err != nil {
				return err
			}
			known = map[string][]string{"account": accounts, "statut": statuts, "reason": ReasonCodes()}
		}
		for _, v := range t.values {
			if v.pattern() || slices.Contains(known[t.key.name], v.text()) {
				continue
			}
			// One that Chorus Pro has brought, or another version.
			alone := Query{terms: []term{{key: t.key, values: []value{v}}}}
			switch some, err := Invoices(ctx, st, Listing{Query: alone, Limit: 1}); {
			case err != nil:
				return err
			case len(some) == 0:
				return among(t.key, v.text(), known[t.key.name])
			}
		}
	}
	return nil
}

// mostNamed is how many values an error lists.
const mostNamed = 100

func among(key *queryKey, text string, known []string) *QueryError {
	what := map[string][2]string{"account": {"account", "compte"}, "statut": {"status", "statut"}, "reason": {"reason code", "code de motif"}}[key.name]
	e := queryErrorf("there is no %[1]s %[3]s", "il n'y a pas de %[2]s %[3]s", what[0], what[1], visible.Short(text))
	switch {
	case len(known) == 0:
		return e.and(", and no other", ", ni d'autre")
	case len(known) > mostNamed:
		near := Nearest(visible.Short(text), known)
		return e.and(": the nearest is "+near+" (docs/states.md and docs/rules.md have all)", " : le plus proche est "+near+" (docs/states.md et docs/rules.md les ont tous)")
	}
	list := strings.Join(known, ", ")
	return e.and(": there are "+list, " : il y a "+list)
}

// ReasonCodes are those of the dictionary and those of the rules, sorted.
func ReasonCodes() []string {
	codes := answers.Codes(answers.Reason)
	for _, r := range rules.Rules() {
		codes = append(codes, r.Code)
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// Nearest is the known text that takes the fewest changes of a character to become the one that was written.
func Nearest(written string, known []string) string {
	written = strings.ToUpper(written)
	return slices.MinFunc(known, func(a, b string) int { return changes(written, a) - changes(written, b) })
}

// changes is the distance of Levenshtein.
func changes(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost = 1 + min(before, row[j], row[j+1])
			}
			before, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
