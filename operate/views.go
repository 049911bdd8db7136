package operate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/store"
)

// View is a query that somebody saved under a name, for everybody. It holds no rows: whoever uses it sees those that he may see.
type View struct {
	Name  string    `json:"name"`
	Query string    `json:"query"`
	By    string    `json:"saved_by"` // the login, and what its program says of the person
	At    time.Time `json:"saved_at"`
}

// The bounds of views. The database has the same.
const (
	MostViews   = 50
	MaxViewName = 60 // characters
)

// Views lists them by name.
func Views(ctx context.Context, st *store.Store) ([]View, error) {
	rows, err := st.Pool().Query(ctx, `SELECT name, query, saved_by, saved_at FROM chorus.saved_views ORDER BY lower(name), name LIMIT $1`, MostViews)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[View])
}

// ViewNamed is the query of a view. A name that there is not is a *QueryError that lists the right ones.
func ViewNamed(ctx context.Context, st *store.Store, name string) (Query, error) {
	list, err := Views(ctx, st)
	if err != nil {
		return Query{}, err
	}
	k := slices.IndexFunc(list, func(v View) bool { return v.Name == viewName(name) })
	if k < 0 {
		return Query{}, noView(name, list)
	}
	return ParseQuery(list[k].Query)
}

func noView(name string, list []View) *QueryError {
	e := queryErrorf("there is no view %s", "il n'y a pas de vue %s", visible.Short(name))
	if len(list) == 0 {
		return e.and(", and no other", ", ni d'autre")
	}
	var names []string
	for _, v := range list {
		names = append(names, v.Name)
	}
	all := strings.Join(names, ", ")
	return e.and(": there are "+all, " : il y a "+all)
}

// viewName is a name with one space between its words.
func viewName(name string) string { return strings.Join(strings.Fields(name), " ") }

// SaveView saves a query under a name, in the place of what stood under it. The reason may be empty. What is wrong with the name or the query is a *QueryError.
func SaveView(ctx context.Context, st *store.Store, name, query, reason string) (View, error) {
	v := View{Name: viewName(name)}
	if n := utf8.RuneCountInString(v.Name); n == 0 || n > MaxViewName || !utf8.ValidString(v.Name) || strings.ContainsFunc(v.Name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return v, queryErrorf("a view has a name of 1 to %d characters that can be seen", "une vue a un nom de 1 à %d caractères visibles", MaxViewName)
	}
	q, err := ParseQuery(query)
	if err == nil && q.Empty() {
		err = queryErrorf("a view without a term would be all invoices", "une vue sans terme désignerait toutes les factures")
	}
	if err == nil {
		v.Query = q.String()
		_, err = ParseQuery(v.Query) // its one form may be longer
	}
	if err == nil {
		err = q.Check(ctx, st)
	}
	if err != nil {
		return v, err
	}
	_, err = st.Pool().Exec(ctx, `SELECT chorus.save_view($1, $2, $3)`, v.Name, v.Query, reason)
	if store.SQLState(err) == "CH029" {
		err = queryErrorf("there are %d views, and no more can be saved: delete one first", "il y a %d vues, et il n'en tient pas davantage : supprimez-en une d'abord", MostViews)
	}
	return v, err
}

// DeleteView deletes one. The reason may be empty. A name that there is not is a *QueryError that lists the right ones.
func DeleteView(ctx context.Context, st *store.Store, name, reason string) error {
	_, err := st.Pool().Exec(ctx, `SELECT chorus.delete_view($1, $2)`, viewName(name), reason)
	if store.SQLState(err) != "CH020" {
		return err
	}
	list, err := Views(ctx, st)
	if err != nil {
		return err
	}
	return noView(name, list)
}

const (
	// MostCounted is how far a view's invoices are counted.
	MostCounted = 10_000
	// countWithin is how long PostgreSQL may count those of one view.
	countWithin = 200 * time.Millisecond
)

// Counted is how many invoices a view selects.
type Counted struct {
	N    int
	More bool // than N
}

// Count counts the invoices of the view that the context sees; nil: it would take too long, or its query is none any more.
func (v View) Count(ctx context.Context, st *store.Store) (*Counted, error) {
	q, err := ParseQuery(v.Query)
	if err != nil {
		return nil, nil
	}
	where, args := q.Where(nil)
	var n Counted
	err = pgx.BeginTxFunc(ctx, st.Pool(), pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, fmt.Sprintf(`SET LOCAL statement_timeout = %d`, countWithin.Milliseconds())); err != nil {
			return err
		}
		return tx.QueryRow(ctx, fmt.Sprintf(`SELECT count(*) FROM (SELECT FROM (%strue) i WHERE %s LIMIT %d) x`, statuses, where, MostCounted+1), plannedAnew(args)...).Scan(&n.N)
	})
	switch {
	case store.SQLState(err) == "57014":
		return nil, nil
	case err != nil:
		return nil, err
	case n.N > MostCounted:
		n = Counted{MostCounted, true}
	}
	return &n, nil
}
