package operate

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

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
	After Place // where the page before ended; the zero value is the beginning
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

// sorts are the orders that there are, their columns, and what an invoice has there.
var sorts = []struct {
	key, column, kind string
	value             func(store.Status) *string
}{
	{"id", "id", "", nil},
	{"state", "state", "text", func(i store.Status) *string { return said(string(i.State)) }},
	{"number", "numero_facture", "text", func(i store.Status) *string { return i.NumeroFacture }},
	{"ref", "external_ref", "text", func(i store.Status) *string { return &i.ExternalRef }},
	{"account", "account", "text", func(i store.Status) *string { return &i.Account }},
	{"amount", "montant_ttc", "numeric", func(i store.Status) *string {
		if !i.MontantTTC.Valid {
			return nil
		}
		return said(i.MontantTTC.Decimal.String())
	}},
	{"issued", "date_facture", "date", func(i store.Status) *string { return dayOf(i.DateFacture) }},
	{"deposited", "date_depot", "date", func(i store.Status) *string { return dayOf(i.DateDepot) }},
	{"inserted", "id", "", nil}, // ids are given in the order of insertion, and have an index
	{"changed", "updated_at", "timestamptz", func(i store.Status) *string { return momentOf(&i.UpdatedAt) }},
	{"statut", "statut_courant", "text", func(i store.Status) *string { return i.StatutCourant }},
	{"told", "statut_courant_date", "timestamptz", func(i store.Status) *string { return momentOf(i.StatutCourantDate) }},
	{"recipient", "destinataire_siret", "text", func(i store.Status) *string { return i.DestinataireSIRET }},
	{"supplier", "fournisseur_siret", "text", func(i store.Status) *string { return i.FournisseurSIRET }},
	{"reason", "reason_code", "text", func(i store.Status) *string { return i.ReasonCode }},
}

func said(s string) *string { return &s }

func dayOf(d *store.Day) *string {
	if d == nil {
		return nil
	}
	return said(d.String())
}

func momentOf(t *time.Time) *string {
	if t == nil {
		return nil
	}
	return said(t.UTC().Format("2006-01-02 15:04:05.999999+00"))
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

// Place is where a page ends: an invoice, and what it was sorted by when it was read. When that changes, the invoice moves, and the place does not.
type Place struct {
	ID    int64
	value *string // nil: it had none
	known bool    // false: nobody has said what it had
}

// ParsePlace reads what String writes, or an id alone.
func ParsePlace(text string) (p Place, err error) {
	id, value, known := strings.Cut(text, "=")
	if known {
		p.value = &value
	} else {
		id, known = strings.CutSuffix(text, "~")
	}
	p.known = known
	if p.ID, err = strconv.ParseInt(id, 10, 64); err != nil || p.ID < 1 || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return p, errPlace(text)
	}
	return p, nil
}

func errPlace(text string) error {
	return queryErrorf("%s is no place in this list", "%s n'est pas une place dans cette liste", visible.Short(text))
}

// String is the id alone, or with =VALUE, or with ~ where there is no value.
func (p Place) String() string {
	switch id := strconv.FormatInt(p.ID, 10); {
	case !p.known:
		return id
	case p.value == nil:
		return id + "~"
	default:
		return id + "=" + *p.value
	}
}

// Place is where a page ends whose last invoice this is.
func (s Sort) Place(i store.Status) Place {
	p := Place{ID: i.ID}
	for _, o := range sorts {
		if o.key == s.Key && o.value != nil && text(i.ReasonCode) != store.ReasonUnreadable {
			p.value, p.known = o.value(i), true
		}
	}
	return p
}

// find has the place know what its invoice is sorted by now. False: there is no such invoice.
func (p *Place) find(ctx context.Context, st *store.Store, s Sort) (bool, error) {
	for _, o := range sorts {
		if o.key == s.Key && o.value != nil && !p.known && p.ID > 0 {
			err := st.Pool().QueryRow(ctx, `SELECT `+o.column+`::text FROM chorus.invoice_status WHERE id = $1`, p.ID).Scan(&p.value)
			p.known = err == nil
			if errors.Is(err, pgx.ErrNoRows) {
				return false, nil
			}
			return true, err
		}
	}
	return true, nil
}

// after is the condition that a row comes after a place, whose values it adds to args.
func (s Sort) after(p Place, args []any) (string, []any) {
	than := " < "
	if s.Ascending {
		than = " > "
	}
	args = append(args, p.ID)
	id := "$" + strconv.Itoa(len(args)) + "::bigint"
	for _, o := range sorts {
		switch {
		case o.key != s.Key || o.value == nil:
		case p.value == nil:
			return o.column + " IS NULL AND id" + than + id, args
		default:
			args = append(args, *p.value)
			where := "(" + o.column + ", id)" + than + "($" + strconv.Itoa(len(args)) + "::text::" + o.kind + ", " + id + ")"
			if !slices.Contains(neverNull, o.column) {
				where += " OR " + o.column + " IS NULL"
			}
			return where, args
		}
	}
	return "id" + than + id, args
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
		ORDER BY array_position($`+strconv.Itoa(len(args)+1)+`::text[], state), devise`, plannedAnew(append(args, store.States))...)
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
