package main

import (
	"regexp"
	"strings"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

// selection is the filter that list and retry share: a query, and flags that add to it.
type selection struct {
	Query      string   `short:"q" help:"Only what this query selects, as 'state:rejected siret:21750001600019 number:F-2026* older:30d amount:>1000': choriste help query." placeholder:"QUERY"`
	View       string   `help:"Only what this saved view selects: choriste views." placeholder:"NAME"`
	State      []string `help:"Only these states." enum:"received,invalid,ready,sending,in_doubt,parked,deposited,integrated,rejected,settled,cancelled,abandoned" placeholder:"STATE"`
	Account    string   `help:"Only this account."`
	ReasonCode string   `name:"reason-code" help:"Only with this reason code."`
	Numero     string   `help:"Only this invoice number (BT-1)."`
	Ref        string   `help:"Only this external_ref."`
	Statut     string   `help:"Only with this status at Chorus Pro, as SUSPENDUE."`
	Recipient  string   `help:"Only to this recipient (BT-47): its SIRET, or the SIREN of all its establishments." placeholder:"SIRET"`
	Supplier   string   `help:"Only of this supplier (BT-30): its SIRET or SIREN." placeholder:"SIRET"`
	Since      string   `help:"Only inserted on this day of Paris or later, as 2026-11-01." placeholder:"DAY"`
	OlderThan  string   `help:"Only inserted longer ago than this, as 30d or 12h." placeholder:"AGE"`
	Unpaid     bool     `help:"Only what Chorus Pro holds and nobody has paid: deposited and integrated."`
}

// digits are the lengths of a SIREN and a SIRET.
var digits = regexp.MustCompile(`^([0-9]{9}|[0-9]{14})$`)

// nothing tells that the selection selects everything.
func (s selection) nothing() bool {
	return len(s.State) == 0 && !s.Unpaid &&
		strings.TrimSpace(s.Query)+s.View+s.Account+s.ReasonCode+s.Numero+s.Ref+s.Statut+s.Recipient+s.Supplier+s.Since+s.OlderThan == ""
}

// read makes one query of the selection. A value that no invoice can have is an error that lists the right ones: an empty list would look like good news.
func (s selection) read(a *app, st *store.Store) (operate.Query, error) {
	q, err := operate.ParseQuery(s.Query)
	if err != nil {
		return q, usageError{err}
	}
	if s.Unpaid && len(s.State) > 0 {
		return q, usageError{inBoth("--unpaid stands for states: give it without --state", "--unpaid vaut pour des états : donnez-le sans --state")}
	}
	if _, err := dayOf("--since", s.Since); err != nil {
		return q, err
	}
	since, unpaid := "", ""
	if s.Since != "" {
		since = ">=" + s.Since
	}
	if s.Unpaid {
		unpaid = "unpaid"
	}
	for _, f := range []struct {
		flag, key string
		values    []string
	}{
		{"--state", "state", s.State},
		{"--account", "account", []string{s.Account}},
		{"--reason-code", "reason", []string{s.ReasonCode}},
		{"--numero", "number", []string{s.Numero}},
		{"--ref", "ref", []string{s.Ref}},
		{"--statut", "statut", []string{s.Statut}},
		{"--recipient", "recipient", []string{s.Recipient}},
		{"--supplier", "supplier", []string{s.Supplier}},
		{"--since", "inserted", []string{since}},
		{"--older-than", "older", []string{s.OlderThan}},
		{"--unpaid", "is", []string{unpaid}},
	} {
		if strings.Join(f.values, "") == "" {
			continue
		}
		if q, err = q.Add(f.key, f.values...); err != nil {
			return q, usageError{err}
		}
	}
	if s.View != "" {
		saved, err := operate.ViewNamed(a.ctx, st, s.View)
		if err != nil {
			return q, err
		}
		q = saved.And(q)
	}
	return q, q.Check(a.ctx, st)
}

// mostListed is how many values an error lists.
const mostListed = 100

// among says which values there are, for one that is none of them.
func among(what, value string, known []string) error {
	if len(known) == 0 {
		return inBoth("there is no %s %s, and no other", "il n'y a pas de %s %s, ni d'autre", what, value)
	}
	if len(known) > mostListed {
		return inBoth("there is no %s %s: the nearest is %s (docs/states.md and docs/rules.md have all)", "il n'y a pas de %s %s : le plus proche est %s (docs/states.md et docs/rules.md les ont tous)", what, value, operate.Nearest(cutText(value, 40), known))
	}
	return inBoth("there is no %s %s: there are %s", "il n'y a pas de %s %s : il y a %s", what, value, strings.Join(known, ", "))
}

// mostRows is as much as one command lists or acts on.
const mostRows = operate.MostListed

// within refuses a --limit that is none.
func within(limit int) error {
	if limit < 1 || limit > mostRows {
		return inBoth("--limit must be from 1 to %d", "--limit doit être de 1 à %d", mostRows)
	}
	return nil
}
