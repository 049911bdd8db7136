package main

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

type digestCmd struct {
	Mail    bool   `help:"Send it to CHORISTE_DIGEST_TO, as text and HTML, instead of printing it." xor:"form"`
	HTML    bool   `name:"html" help:"Print it as HTML." xor:"form"`
	Account string `help:"Only this account."`
	Past    string `help:"The figures are of so long a time until now." default:"24h" placeholder:"AGE"`
	Limit   int    `help:"At most so many lines of what needs a person; the counts are of all." default:"20"`
}

// Validate is called by kong.
func (c digestCmd) Validate() error {
	if age, ok := operate.ParseAge(c.Past); !ok || age == 0 {
		return fmt.Errorf("--past: %q is not an age as 24h or 7d", c.Past)
	}
	if c.Limit > operate.MostTodo {
		return fmt.Errorf("--limit must be from 1 to %d", operate.MostTodo)
	}
	return within(c.Limit)
}

func (c digestCmd) Run(a *app) error {
	if a.json && (c.Mail || c.HTML) {
		return usageError{errors.New("choose one of --json, --html and --mail")}
	}
	var s settings
	if c.Mail {
		var err error
		if s, err = load(a.getenv, "CHORISTE_SMTP_URL", "CHORISTE_SMTP_PASSWORD", "CHORISTE_DIGEST_FROM", "CHORISTE_DIGEST_TO"); err != nil {
			return err
		}
		if err := s.mayMail(); err != nil {
			return err
		}
	}
	st, err := a.store()
	if err != nil {
		return err
	}
	if c.Account != "" {
		accounts, _, err := st.Known(a.ctx)
		if err == nil && !slices.Contains(accounts, c.Account) {
			err = among("account", c.Account, accounts)
		}
		if err != nil {
			return err
		}
	}
	age, _ := operate.ParseAge(c.Past)
	d, err := operate.ReadDigest(a.ctx, st.Pool(), c.Account, age, c.Limit)
	if err != nil {
		return err
	}
	switch {
	case a.json:
		return a.print(d)
	case c.HTML:
		page, err := a.digestHTML(d)
		if err == nil {
			_, err = a.raw.Write(page)
		}
		return err
	case !c.Mail:
		return a.digestText(d)
	}
	return c.send(a, &s, d)
}

// send mails the digest in both forms.
func (c digestCmd) send(a *app, s *settings, d operate.Digest) error {
	var text bytes.Buffer
	b := *a
	b.raw, b.out, b.screen = &text, &visible.Writer{Out: &text}, screen{}
	if err := b.digestText(d); err != nil {
		return err
	}
	page, err := a.digestHTML(d)
	if err != nil {
		return err
	}
	if err := s.mail(a.ctx, letter{digestSubject(d, a.lang), text.String(), string(page)}); err != nil {
		return err
	}
	a.printf(a.either("sent to %s\n", "envoyé à %s\n"), strings.Join(s.DigestTo, ", "))
	return nil
}

// digestSubject says in one line whether anything waits for a person.
func digestSubject(d operate.Digest, lang string) string {
	acts := 0
	for _, n := range d.Counts {
		if n.Acts {
			acts += n.Count
		}
	}
	day := d.Until.Local().Format("2006-01-02")
	switch {
	case acts == 0 && lang == "fr":
		return "choriste, le " + day + " : rien n'attend personne"
	case acts == 0:
		return "choriste, " + day + ": nothing needs a person"
	case lang == "fr":
		return fmt.Sprintf("choriste, le %s : %d à traiter", day, acts)
	}
	return fmt.Sprintf("choriste, %s: %d to deal with", day, acts)
}

// digestWords are the heads of the digest, by language.
var digestWords = map[string]map[string]string{
	"en": {
		"period": "From %s to %s", "none": "Nothing has moved.", "todo": "What needs somebody", "money": "Money", "open": "open", "settled": "settled on days that have ended", "more": "and more: choriste todo",
		"state": "State", "invoices": "Invoices", "kind": "Kind", "amount": "Amount", "why": "Why", "next": "Next", "nothing": "Nothing needs a person.", "cost": "Late interest + indemnity",
	},
	"fr": {
		"period": "Du %s au %s", "none": "Rien n'a bougé.", "todo": "Ce qui attend quelqu'un", "money": "Argent", "open": "dû", "settled": "soldé, jours finis", "more": "et davantage : choriste todo",
		"state": "État", "invoices": "Factures", "kind": "Genre", "amount": "Montant", "why": "Pourquoi", "next": "Ensuite", "nothing": "Rien n'attend personne.", "cost": "Intérêts moratoires + indemnité",
	},
}

func (a *app) digestText(d operate.Digest) error {
	words := digestWords[a.lang]
	a.printf(words["period"]+"\n\n", store.Stamp(d.From), store.Stamp(d.Until))
	if len(d.Moves) == 0 {
		a.printf("%s\n", words["none"])
	}
	w := a.table(true)
	for _, m := range d.Moves {
		w.Printf("%s\t%d\n", m.State, m.Count)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	a.printf("\n%s\n\n", words["todo"])
	if err := a.todo(d.Todo, d.Counts, a.lang); err != nil {
		return err
	}
	a.printf("\n%s\n\n", words["money"])
	return a.moneyTables(moneyTexts[a.lang], d.Open, nil, d.Settled)
}

var digestPage = template.Must(template.New("digest").Parse(`<!DOCTYPE html>
<html lang="{{.Lang}}"><head><meta charset="utf-8"><title>{{.Title}}</title></head>
<body style="font:15px/1.5 sans-serif">
<h1 style="font-size:1.2em">{{.Title}}</h1>
<p>{{.Period}}</p>
{{with .D.Moves}}<table cellpadding="4"><tr><th align="left">{{$.W.state}}</th><th align="right">{{$.W.invoices}}</th></tr>
{{range .}}<tr><td>{{.State}}</td><td align="right">{{.Count}}</td></tr>
{{end}}</table>{{else}}<p>{{$.W.none}}</p>{{end}}
<h2 style="font-size:1.1em">{{.W.todo}}</h2>
{{with .Counts}}<ul>{{range .}}<li>{{.}}</li>{{end}}</ul>{{else}}<p>{{$.W.nothing}}</p>{{end}}
{{with .Lines}}<table cellpadding="4"><tr><th align="left">{{$.W.kind}}</th><th align="left">{{$.W.amount}}</th><th align="left">{{$.W.why}}</th><th align="left">{{$.W.next}}</th></tr>
{{range .}}<tr valign="top"><td>{{.Subject}}</td><td>{{.Amount}}</td><td>{{.Why}}</td><td><code>{{.Next}}</code></td></tr>
{{end}}</table>{{end}}
{{if .More}}<p>{{.W.more}}</p>{{end}}
<h2 style="font-size:1.1em">{{.W.money}}</h2>
<table cellpadding="4"><tr><th></th><th align="right">{{.W.invoices}}</th><th align="right">{{.W.amount}}</th><th align="right">{{.W.cost}}</th></tr>
{{range .Money}}<tr><td>{{.What}}</td><td align="right">{{.Invoices}}</td><td align="right">{{.Amount}}</td><td align="right">{{.Cost}}</td></tr>
{{end}}</table>
</body></html>
`))

// digestHTML is the digest as a page. What others wrote is escaped by the template, with its controls visible.
func (a *app) digestHTML(d operate.Digest) ([]byte, error) {
	words := digestWords[a.lang]
	type todoRow struct{ Subject, Amount, Why, Next string }
	type moneyRow struct {
		What         string
		Invoices     int
		Amount, Cost string
	}
	data := struct {
		Lang, Title, Period string
		W                   map[string]string
		D                   operate.Digest
		Counts              []string
		Lines               []todoRow
		More                bool
		Money               []moneyRow
	}{Lang: a.lang, Title: digestSubject(d, a.lang), Period: fmt.Sprintf(words["period"], store.Stamp(d.From), store.Stamp(d.Until)), W: words, D: d}
	total := 0
	for _, n := range d.Counts {
		total += n.Count
		what := todoWords[a.lang].act
		if !n.Acts {
			what = todoWords[a.lang].wait
		}
		data.Counts = append(data.Counts, fmt.Sprintf("%d %s: %s%s", n.Count, n.Kind, what, worth(n.Amount, n.Devise, ", ")))
	}
	for _, t := range d.Todo {
		about := subject(t)
		if t.Numero != nil {
			about += " (" + *t.Numero + ")"
		}
		data.Lines = append(data.Lines, todoRow{visible.Text(about), worth(t.Amount, t.Devise, ""), visible.Text(oneLine(t.Text(a.lang)) + until(t.Until, a.lang)), t.Next})
	}
	data.More = total > len(d.Todo)
	for _, o := range d.Open {
		data.Money = append(data.Money, moneyRow{words["open"] + ", " + operate.StageText(o.Stage, a.lang), o.Invoices, sum(o.Money), cost(o.Money)})
	}
	for _, s := range d.Settled {
		data.Money = append(data.Money, moneyRow{words["settled"] + ", " + operate.SettledText(s.Settled, a.lang), s.Invoices, sum(s.Money), cost(s.Money)})
	}
	var page bytes.Buffer
	err := digestPage.Execute(&page, data)
	return page.Bytes(), err
}
