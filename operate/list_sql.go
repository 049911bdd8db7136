package operate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/store"
)

// statuses are the rows of chorus.invoice_status, as operators, readers and workers may read them without that view: it keeps others' conditions away from rows that they
// may not see, and so the order and the limit of a query as well, which would be found only after all rows were read. Row-level security keeps the accounts apart here.
const statuses = `
	SELECT id, external_ref, account, state, reason_code, reason, numero_facture, date_facture, fournisseur_siret, destinataire_siret, montant_ttc, devise,
	       numero_flux_depot, (date_depot AT TIME ZONE 'Europe/Paris')::date AS date_depot, identifiant_facture_cpp,
	       statut_courant, statut_courant_date, statut_commentaire, attempt_no AS attempts, chorus.readable(metadata) AS metadata, created_at, updated_at, findings, purged_at,
	       chorus.signed(type_facture, montant_ttc) AS montant_signe
	FROM chorus.invoices
	WHERE `

// Invoices lists invoices, those whose columns cannot be read with a mark.
func Invoices(ctx context.Context, st *store.Store, l Listing) ([]store.Status, error) {
	if there, err := l.After.find(ctx, st, l.Sort); err != nil || !there {
		return nil, err
	}
	if err := l.measure(ctx, st); err != nil {
		return nil, err
	}
	sql, args := l.sql()
	list, err := st.Statuses(ctx, sql, plannedAnew(args)...)
	if strings.HasPrefix(store.SQLState(err), "22") && l.After.value != nil { // a value that this order does not have
		err = errPlace(l.After.String())
	}
	return list, err
}

// plannedAnew has PostgreSQL plan a statement for the values at hand each time. A statement that is kept is planned for any value after five times: then the few invoices of one recipient are looked
// for as if they were many, which took a hundred times as long with a million invoices.
func plannedAnew(args []any) []any { return append([]any{pgx.QueryExecModeCacheDescribe}, args...) }

func (l Listing) sql() (string, []any) {
	where, args := l.Query.Where(nil)
	if l.After.ID > 0 {
		var after string
		after, args = l.Sort.after(l.After, args)
		where += " AND (" + after + ")"
	}
	limit := l.Limit
	if limit <= 0 {
		limit = 100
	}
	args = append(args, min(limit, MostListed))
	read := func(p part) string {
		return fmt.Sprintf("SELECT * FROM (%s%s) i WHERE %s ORDER BY %s LIMIT $%d", statuses, p.rows, where, p.order, len(args))
	}
	if !l.apart() {
		return read(part{"true", l.Sort.order()}), args
	}
	var parts []string
	for _, p := range l.parts() {
		parts = append(parts, "("+read(p)+")")
	}
	return fmt.Sprintf("SELECT * FROM (%s) i ORDER BY %s LIMIT $%d", strings.Join(parts, " UNION ALL "), l.Sort.order(), len(args)), args
}

// settledColumns are those by which what is settled has an index of its own, by the keys of queries and sorts.
var settledColumns = map[string]string{
	"recipient": "destinataire_siret", "supplier": "fournisseur_siret", "siret": "destinataire_siret", "amount": "montant_ttc", "statut": "statut_courant",
}

// apart tells whether what is settled is read apart from the rest: it has indexes that the rest, which is far less, does not have (but for the amount), because each would be written again at each step of
// an invoice.
func (l Listing) apart() bool {
	return settledColumns[l.Sort.Key] != "" || l.byIndex() != "" || l.few || l.Query.asksSettled()
}

// asksSettled tells whether a term has an index of what is settled.
func (q Query) asksSettled() bool {
	return slices.ContainsFunc(q.terms, func(t term) bool { return !t.not && settledColumns[t.key.name] != "" })
}

// byIndex is the column of the order when an index has all invoices in it; "" when none has, or when another one finds what is asked for.
func (l Listing) byIndex() string {
	switch {
	case l.Sort.Key == "reason":
		return "reason_code"
	case l.Sort.Key == "number" && !l.few && !l.Query.asksSettled():
		return "numero_facture"
	}
	return ""
}

// part is some of the invoices, in the order in which an index has them where there is one.
type part struct{ rows, order string }

// parts are all invoices, each in one of them. An index has what has no value at one end, which is the wrong one for one of the two directions: such rows are a part of their own.
func (l Listing) parts() []part {
	order := l.Sort.order()
	if column := l.byIndex(); column != "" {
		_, byID, _ := strings.Cut(order, ", ")
		return []part{{column + " IS NOT NULL", strings.ReplaceAll(order, " NULLS LAST", "")}, {column + " IS NULL", byID}}
	}
	if l.few {
		order = strings.Replace(order, "id", "id + 0", 1) // not by the index that has the order of ids
	}
	var list []part
	var others []string
	possible := l.Query.states()
	for _, s := range possible {
		switch s {
		case store.Settled:
		case store.Integrated:
			list = append(list, l.inOrder("integrated", l.Sort.Key == "amount", order)...)
		default:
			others = append(others, string(s))
		}
	}
	if len(others) > 0 || len(possible) == 0 {
		list = append(list, part{"state IN ('" + strings.Join(others, "', '") + "')", order})
	}
	if slices.Contains(possible, store.Settled) {
		list = append(list, l.inOrder("settled", settledColumns[l.Sort.Key] != "", order)...)
	}
	return list
}

// inOrder are the parts of one state, of which an index has those with a value in the order, or has not.
func (l Listing) inOrder(state string, indexed bool, order string) []part {
	rows := "state = '" + state + "'"
	if !indexed {
		return []part{{rows, order}}
	}
	column := settledColumns[l.Sort.Key]
	return []part{{rows + " AND " + column + " IS NOT NULL", strings.ReplaceAll(order, " NULLS LAST", "")}, {rows + " AND " + column + " IS NULL", order}}
}

// states are those in which what the query selects can be. PostgreSQL does not see by itself that a part has none of them.
func (q Query) states() []store.State {
	list := slices.Clone(store.States)
	for _, t := range q.terms {
		if t.not || t.key.name != "state" && t.key.name != "is" {
			continue
		}
		var some []store.State
		for _, v := range t.values {
			switch text := v.text(); {
			case t.key.name == "state":
				some = append(some, store.State(text))
			case text == isUnpaid:
				some = append(some, store.Deposited, store.Integrated)
			case text == isRetriable, text == isDismissed:
				some = append(some, store.Invalid, store.Rejected)
			default:
				some = store.States
			}
		}
		list = slices.DeleteFunc(list, func(s store.State) bool { return !slices.Contains(some, s) })
	}
	return list
}

// mostNew is the age up to which what is newer is read by its own index.
const mostNew = 31 * 24 * time.Hour

// mostFew is how many settled invoices are read whole and put into order.
const mostFew = 10_000

// measure finds out whether few invoices have the amounts, or the days, that are asked for: then their index finds them, and else the newest are read until
// enough have been found. PostgreSQL would have to guess: it keeps its statistics of amounts from whoever must not see all rows, and takes days for spread over all ids.
func (l *Listing) measure(ctx context.Context, st *store.Store) error {
	if key := l.Sort.Key; key != "" && key != "id" && key != "inserted" {
		return nil
	}
	for _, t := range l.Query.terms {
		if age, ok := t.values[0].test.(time.Duration); ok && !t.not && t.key.name == "newer" && len(t.values) == 1 && age <= mostNew {
			l.few = true
			return nil
		}
		if s, days := t.values[0].test.(span[day]); days && !t.not && len(t.values) == 1 && s.from != nil && s.to != nil {
			l.few = true
			return nil
		}
	}
	amounts := Query{terms: slices.DeleteFunc(slices.Clone(l.Query.terms), func(t term) bool { return t.not || t.key.name != "amount" })}
	if len(amounts.terms) == 0 {
		return nil
	}
	where, args := amounts.Where(nil)
	return st.Pool().QueryRow(ctx, fmt.Sprintf(`SELECT count(*) <= %[1]d FROM (SELECT FROM chorus.invoices WHERE state = 'settled' AND %[2]s LIMIT %[1]d + 1) x`, mostFew, where), plannedAnew(args)...).Scan(&l.few)
}
