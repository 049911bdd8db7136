package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

type todoCmd struct {
	Show    todoShowCmd    `cmd:"" default:"withargs" help:"Print what needs a person, and what settles itself until when."`
	Dismiss todoDismissCmd `cmd:"" help:"Take an invalid or rejected invoice off the list: it was settled otherwise, or will not be sent."`
	Restore todoRestoreCmd `cmd:"" help:"Put an invoice back on the list that was taken off it."`
}

type todoShowCmd struct {
	Account   string `help:"Only this account; what concerns the whole fleet is left out."`
	Kind      string `help:"Only this kind of line, as invalid, rejected, statut, parked, in_doubt." placeholder:"KIND"`
	OlderThan string `help:"Only what began longer ago than this, as 24h or 30d." placeholder:"AGE"`
	Limit     int    `help:"At most so many lines; the counts are of all." default:"40"`
}

// Validate is called by kong.
func (c todoShowCmd) Validate() error {
	if c.Kind != "" && !slices.Contains(operate.Kinds, c.Kind) {
		return among("kind", c.Kind, operate.Kinds)
	}
	if _, ok := operate.ParseAge(c.OlderThan); c.OlderThan != "" && !ok {
		return inBoth("--older-than: %q is not an age of at most 36500d, as 30d or 12h", "--older-than : %q n'est pas un âge d'au plus 36500d, comme 30d ou 12h", c.OlderThan)
	}
	return within(c.Limit)
}

func (c todoShowCmd) Run(a *app) error {
	st, err := a.store()
	if err != nil {
		return err
	}
	if c.Account != "" {
		accounts, _, err := st.Known(a.ctx)
		if err != nil {
			return err
		}
		if !slices.Contains(accounts, c.Account) {
			return among("account", c.Account, accounts)
		}
	}
	f := operate.TodoFilter{Account: c.Account, Kind: c.Kind, Limit: c.Limit}
	f.Age, _ = operate.ParseAge(c.OlderThan)
	list, counts, err := operate.TodoPage(a.ctx, st.Pool(), f)
	if err != nil {
		return err
	}
	if a.json {
		for _, t := range list {
			if err := a.print(t); err != nil {
				return err
			}
		}
		return nil
	}
	counts = slices.DeleteFunc(counts, func(n operate.TodoCount) bool { return c.Kind != "" && n.Kind != c.Kind })
	return a.todo(list, counts, a.lang)
}

// todoWords are the words around the lines, by language.
var todoWords = map[string]struct{ nothing, act, wait, more, head string }{
	"en": {
		"Nothing needs a person.", "needs somebody", "settles itself", "%d more: --limit shows them, --kind chooses.", "KIND\tINVOICE\tNUMBER\tACCOUNT\tSINCE\tAMOUNT\tWHO ACTS\tNEXT",
	},
	"fr": {
		"Rien n'attend personne.", "attend quelqu'un", "se règle de soi-même", "%d de plus : --limit les montre, --kind choisit.",
		"GENRE\tFACTURE\tNUMÉRO\tCOMPTE\tDEPUIS\tMONTANT\tQUI AGIT\tENSUITE",
	},
}

// whoActs is who must act, in a language.
func whoActs(who, lang string) string {
	if fr := map[string]string{"supplier": "fournisseur", "recipient": "destinataire", "portal": "Chorus Pro", "operator": "opérateur", "nobody": "personne"}[who]; fr != "" && lang == "fr" {
		return fr
	}
	return who
}

// todo prints the counts, then the lines, each with its cause below it.
func (a *app) todo(list []operate.Todo, counts []operate.TodoCount, lang string) error {
	words := todoWords[lang]
	total := 0
	for _, n := range counts {
		total += n.Count
	}
	if total == 0 {
		a.printf("%s\n", words.nothing)
		return nil
	}
	for _, n := range counts {
		what := words.act
		if !n.Acts {
			what = words.wait
		}
		a.printf("%6d  %-12s %s%s\n", n.Count, n.Kind, what, worth(n.Amount, n.Devise, ", "))
	}
	a.printf("\n")
	w := visible.NewTable(a.out)
	w.Printf(words.head + "\n")
	for _, t := range list {
		invoice := "-"
		if t.Invoice != nil {
			invoice = fmt.Sprint(*t.Invoice)
		}
		since := "-"
		if t.Since != nil {
			since = minute(*t.Since)
		}
		w.Printf("%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", t.Kind, invoice, or(t.Numero, "-"), or(t.Account, "-"), since, cell(worth(t.Amount, t.Devise, "")), whoActs(t.Who, lang), t.Next)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	a.printf("\n")
	for _, t := range list {
		a.printf("%s: %s%s\n", subject(t), oneLine(t.Text(lang)), until(t.Until, lang))
	}
	if more := total - len(list); more > 0 {
		a.printf(words.more+"\n", more)
	}
	return nil
}

// subject is what a line is about.
func subject(t operate.Todo) string {
	switch {
	case t.Invoice != nil:
		return fmt.Sprintf("%s %d", t.Kind, *t.Invoice)
	case t.Account != nil:
		return t.Kind + " " + *t.Account
	}
	return t.Kind
}

func until(t *time.Time, lang string) string {
	switch {
	case t == nil:
		return ""
	case lang == "fr":
		return " (rien à faire avant le " + minute(*t) + ")"
	}
	return " (nothing to do before " + minute(*t) + ")"
}

func worth(amount decimal.NullDecimal, devise *string, before string) string {
	if !amount.Valid {
		return ""
	}
	return strings.TrimRight(before+amount.Decimal.StringFixed(2)+" "+or(devise, ""), " ")
}

func cell(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

type todoDismissCmd struct{ bulk }

func (c todoDismissCmd) Run(a *app) error {
	return c.run(a, deed{
		Deed: operate.Dismissal, verb: "dismiss", past: "dismissed", filter: "--state invalid",
		say: func(id int64, _ store.State) (any, string) {
			return map[string]any{"invoice": id, "dismissed": true}, fmt.Sprintf(a.either("invoice %d is off the list", "la facture %d est retirée de la liste"), id)
		},
	})
}

type todoRestoreCmd struct{ bulk }

func (c todoRestoreCmd) Run(a *app) error {
	return c.run(a, deed{
		Deed: operate.Return, verb: "restore", past: "restored", filter: "--query is:dismissed",
		say: func(id int64, _ store.State) (any, string) {
			return map[string]any{"invoice": id, "dismissed": false}, fmt.Sprintf(a.either("invoice %d is on the list again", "la facture %d est de nouveau sur la liste"), id)
		},
	})
}
