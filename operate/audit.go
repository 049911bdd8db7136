package operate

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/store"
)

// Act is something that somebody did: who, when, what, to what, and why. It is an event of chorus.events, which nobody can alter.
type Act struct {
	Event   int64     `json:"event"`
	At      time.Time `json:"at"`
	Actor   string    `json:"actor"` // the login, and what its program says of the person
	Act     string    `json:"act"`   // a name of ActKinds
	Invoice *int64    `json:"invoice"`
	Numero  *string   `json:"numero_facture"`
	Account *string   `json:"account"`
	Object  *string   `json:"object"` // what else it was done to: a webhook, a login, a flux
	Reason  *string   `json:"reason"` // for people: Why
}

// ActFilter says which acts are listed: the newest first.
type ActFilter struct {
	Actor        string   // those whose actor has this text in it, in any case
	Kinds        []string // names of ActKinds; none: all
	Invoices     []int64  // done to one of these; none: to anything
	Since, Until time.Time
	After        int64 // the event that the page before ended with
	Limit        int
}

// mostActors bounds how many actors a text may stand for.
const mostActors = 1000

// Check refuses, with a *QueryError, a kind that there is not: an empty list would look like good news.
func (f ActFilter) Check() error {
	for _, k := range f.Kinds {
		if !slices.Contains(ActKindNames(), k) {
			names := strings.Join(ActKindNames(), ", ")
			return queryErrorf("there is no kind of act %[1]s: there are %[2]s", "il n'y a pas de genre d'action %[1]s : il y a %[2]s", visible.Short(k), names)
		}
	}
	return nil
}

// Acts lists what was done, the newest first. Pages follow each other by time and number, so that none is read twice however many were before.
func Acts(ctx context.Context, st *store.Store, f ActFilter) ([]Act, error) {
	if err := f.Check(); err != nil {
		return nil, err
	}
	var actors []string
	if f.Actor != "" {
		var err error
		if actors, err = Actors(ctx, st, f.Actor, mostActors+1); err != nil || len(actors) == 0 {
			return nil, err
		}
		if len(actors) > mostActors {
			return nil, queryErrorf("too many people have %s in their names: say more", "trop de noms contiennent %s : précisez", visible.Short(f.Actor))
		}
	}
	sql, args := f.sql(actors)
	rows, err := st.Pool().Query(ctx, sql, plannedAnew(args)...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Act])
}

// sql is the statement of Acts, of these actors.
func (f ActFilter) sql(actors []string) (string, []any) {
	args := []any{f.Limit}
	arg := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	where := "e.is_act AND " + actsOf(f.Kinds)
	if len(actors) > 0 {
		where += " AND e.actor = ANY (" + arg(actors) + "::text[])"
	}
	if len(f.Invoices) > 0 {
		where += " AND e.invoice_id = ANY (" + arg(f.Invoices) + "::bigint[])"
	}
	if !f.Since.IsZero() {
		where += " AND e.at >= " + arg(f.Since.Format(time.DateOnly)) + "::text::date::timestamp AT TIME ZONE 'Europe/Paris'"
	}
	if !f.Until.IsZero() {
		where += " AND e.at < (" + arg(f.Until.Format(time.DateOnly)) + "::text::date + 1)::timestamp AT TIME ZONE 'Europe/Paris'"
	}
	if f.After > 0 {
		place := arg(f.After)
		where += " AND (e.at, e.id) < ((SELECT p.at FROM chorus.events p WHERE p.id = " + place + "::bigint), " + place + "::bigint)"
	}
	return fmt.Sprintf(`
		SELECT e.id, e.at, e.actor, e.act, e.invoice_id, i.numero_facture, coalesce(i.account, e.detail ->> 'account'),
		       left(coalesce(CASE WHEN e.act LIKE 'sign-in%%' THEN concat_ws(' ', e.detail ->> 'name', e.detail ->> 'from', 'via ' || (e.detail ->> 'via'), e.detail ->> 'by', CASE WHEN (e.detail ->> 'times')::integer > 1 THEN '×' || (e.detail ->> 'times') END) END,
		           e.detail ->> 'webhook' || coalesce(' ' || (e.detail ->> 'seq'), ' ' || (e.detail ->> 'from') || '-' || (e.detail ->> 'to'), ''),
		           e.detail ->> 'view' || coalesce(' = ' || (e.detail ->> 'query'), ' (' || (e.detail ->> 'was') || ')'), e.detail ->> 'login', e.detail ->> 'code', e.detail ->> 'kind', e.detail ->> 'keep',
		           nullif(concat_ws(' ', e.detail ->> 'siret', e.detail ->> 'since' || '/' || (e.detail ->> 'until')), ''), e.detail ->> 'numero_flux_depot'), 200),
		       left(coalesce(e.detail ->> 'reason', e.detail ->> 'resolution', e.detail ->> 'comment', e.detail ->> 'why'), 1000)
		FROM (
		    SELECT e.id, e.at, e.actor, e.invoice_id, e.detail, %s AS act
		    FROM chorus.events e
		    WHERE %s
		    ORDER BY e.at DESC, e.id DESC
		    LIMIT $1
		) e
		LEFT JOIN chorus.invoices i ON i.id = e.invoice_id
		ORDER BY e.at DESC, e.id DESC`, actName, where), args
}

// Actors lists who has done something and has the text in his name, at most so many, by one step in the index for each.
func Actors(ctx context.Context, st *store.Store, part string, limit int) ([]string, error) {
	pattern := "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(part) + "%"
	rows, err := st.Pool().Query(ctx, `
		WITH RECURSIVE one (actor) AS (
		    (SELECT e.actor FROM chorus.events e WHERE e.is_act ORDER BY e.actor LIMIT 1)
		    UNION ALL
		    SELECT (SELECT e.actor FROM chorus.events e WHERE e.is_act AND e.actor > one.actor ORDER BY e.actor LIMIT 1)
		    FROM one
		    WHERE one.actor IS NOT NULL
		)
		SELECT actor FROM one WHERE actor ILIKE $1 LIMIT $2`, pattern, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
