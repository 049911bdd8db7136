package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/choriste/choriste/chorus/answers"
	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/invoice/rules"
	"github.com/choriste/choriste/store"
)

type submitCmd struct {
	Files       []string `arg:"" name:"file" help:"Factur-X PDF, CII or UBL files; - is standard input."`
	Account     string   `help:"The technical account that sends them." default:"default"`
	ExternalRef string   `name:"ref" help:"Idempotency key, for one file; a second insert with it is refused."`
	SyntaxeFlux string   `name:"syntaxe" help:"One of Chorus Pro's syntaxeFlux; by itself it is recognised."`
	Fields      string   `help:"For one PDF without XML: the file with what it says, as JSON (docs/sql.md)." type:"path" placeholder:"FILE"`
	NoCheck     bool     `help:"Insert without checking first (choriste check); the worker checks all the same."`
	Lang        string   `help:"Of findings: en or fr." enum:"en,fr" default:"en"`
}

func (c submitCmd) Run(a *app) error {
	if c.ExternalRef != "" && len(c.Files) > 1 {
		return usageError{errors.New("--ref is for one file: give it alone")}
	}
	if c.Fields != "" && len(c.Files) > 1 {
		return usageError{errors.New("--fields is for one file: give it alone")}
	}
	levels, _, err := levelsOf(a.getenv, c.Account) // an account of which only the worker's machine has the file is checked by the rules for all
	if err != nil {
		return err
	}
	var fields []byte
	if c.Fields != "" {
		if fields, err = readFields(c.Fields); err != nil {
			return err
		}
	}
	st, err := a.store()
	if err != nil {
		return err
	}
	failed := 0
	for _, name := range c.Files {
		id, r, err := c.one(a, st, name, fields, rules.Options{SyntaxeFlux: c.SyntaxeFlux, Levels: levels, Now: time.Now()})
		if err != nil {
			r.Error = oneLine(a.words(err))
		}
		if said := c.say(a, id, r); said != nil {
			return said
		}
		switch {
		case err != nil && len(c.Files) == 1:
			return fmt.Errorf("%s: %s", name, r.Error)
		case err != nil:
			failed++
			a.warnf("choriste: %s: %s\n", name, r.Error)
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d files were not inserted", failed, len(c.Files))
	}
	return nil
}

// readFile reads a file, or one byte more than the largest document: whoever judges it says that it is too large.
func readFile(name string) ([]byte, error) {
	var in io.Reader = os.Stdin
	if name != "-" {
		f, info, err := openRegular(name)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		if info.Size() == 0 {
			return nil, errors.New("the file is empty")
		}
		in = f
	}
	doc, err := io.ReadAll(io.LimitReader(in, invoice.MaxBytes+1))
	if err != nil {
		return nil, errors.New("the file cannot be read")
	}
	return doc, nil
}

// readInvoice refuses at once what is no invoice's file at all. Whether an invoice is right, the worker says.
func readInvoice(name string) ([]byte, error) {
	doc, err := readFile(name)
	if err == nil {
		err = invoice.Recognise(doc)
	}
	return doc, err
}

// readFields reads the file that stands beside a PDF without XML.
func readFields(name string) ([]byte, error) {
	fields, err := readFile(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(fields) > invoice.MaxFields {
		return nil, fmt.Errorf("%s: fields have %d bytes at most", name, invoice.MaxFields)
	}
	return fields, nil
}

// one checks a file and inserts it. r is what the check says.
func (c submitCmd) one(a *app, st *store.Store, name string, fields []byte, o rules.Options) (id int64, r checked, err error) {
	r = checked{File: name, Findings: []rules.Finding{}}
	doc, err := readInvoice(name)
	if err != nil {
		return 0, r, err
	}
	if !c.NoCheck {
		if r = judgeFile(name, doc, fields, o); r.Error != "" {
			return 0, r, errors.New(r.Error)
		}
		if !r.OK {
			return 0, r, errors.New("it would not be sent, and is not inserted: correct the document, or insert it all the same with --no-check")
		}
	}
	id, err = a.insert(st, store.Insertion{ExternalRef: c.ExternalRef, Account: c.Account, Document: doc, Fields: fields, SyntaxeFlux: c.SyntaxeFlux})
	return id, r, err
}

// say prints what became of a file.
func (c submitCmd) say(a *app, id int64, r checked) error {
	switch {
	case a.json && id != 0:
		line := map[string]any{"file": r.File, "id": id}
		if len(r.Findings) > 0 {
			line["findings"] = r.Findings
		}
		return a.print(line)
	case a.json:
		return a.print(r)
	case id != 0:
		a.printf("%s is invoice %d\n", r.File, id)
	}
	for _, f := range r.Findings {
		a.finding(f, checkWords[c.Lang], c.Lang)
	}
	return nil
}

// insert inserts an invoice. Where its external_ref is taken, the invoice is named that has it.
func (a *app) insert(st *store.Store, n store.Insertion) (int64, error) {
	id, err := st.Submit(a.ctx, n)
	if store.Taken(err) {
		if first, state, err := st.ByRef(a.ctx, cmp.Or(n.Account, "default"), n.ExternalRef); err == nil {
			return 0, fmt.Errorf("invoice %d of account %s has this external_ref already (it is %s): nothing was inserted; choriste show %d says more",
				first, cmp.Or(n.Account, "default"), state, first)
		}
	}
	return id, err
}

type listCmd struct {
	selection
	Unusual bool  `help:"Only those whose status at Chorus Pro was unknown or went back, now or earlier."`
	Oldest  bool  `help:"The oldest first, instead of the newest."`
	After   int64 `help:"Only invoices beyond this id: the next page."`
	Limit   int   `help:"At most so many." default:"100"`
	Sum     bool  `help:"Only add up what is selected, by state."`
	CSV     bool  `name:"csv" help:"Print CSV, as a French Excel opens it: semicolons, decimal commas."`
}

// Validate is called by kong.
func (c listCmd) Validate() error { return within(c.Limit) }

func (c listCmd) Run(a *app) error {
	st, err := a.store()
	if err != nil {
		return err
	}
	f, err := c.filter(a.ctx, st)
	if err != nil {
		return err
	}
	if c.Sum && c.CSV || c.CSV && a.json {
		return usageError{errors.New("choose one of --sum, --csv and --json; --sum goes with --json")}
	}
	f.Unusual, f.After, f.Limit, f.Newest = c.Unusual, c.After, c.Limit, !c.Oldest
	if c.Sum {
		return a.sums(st, f)
	}
	list, err := st.List(a.ctx, f)
	if err != nil {
		return err
	}
	if c.CSV {
		return a.invoicesCSV(list)
	}
	if a.json {
		for _, i := range list {
			if err := a.print(i); err != nil {
				return err
			}
		}
		return nil
	}
	w := visible.NewTable(a.out)
	w.Printf("ID\tSTATE\tNUMBER\tTTC\tSTATUS\tFINDINGS\tREASON\n")
	for _, i := range list {
		w.Printf("%d\t%s\t%s\t%s\t%s\t%d\t%s\n", i.ID, i.State, or(i.NumeroFacture, "-"), amount(i), or(i.StatutCourant, "-"), i.Findings, reason(i, 60))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(list) == c.Limit {
		a.printf("(more: --after %d)\n", list[len(list)-1].ID)
	}
	return nil
}

// mostShown is how many findings show prints.
const mostShown = 20

type showCmd struct {
	Invoice string `arg:"" name:"id" help:"The invoice, by its id, number, external_ref, flux or identifiantFactureCPP."`

	id   int64
	Lang string `enum:"en,fr" default:"en" help:"Language of what the answers mean: en or fr. JSON holds both."`
}

func (c showCmd) Run(a *app) error {
	st, err := a.store()
	if err != nil {
		return err
	}
	if c.id, err = a.find(st, c.Invoice); err != nil {
		return err
	}
	i, attempts, err := st.Show(a.ctx, c.id)
	if err != nil {
		return err
	}
	remedies, replaces, replacedBy, err := st.Remedies(a.ctx, c.id)
	if err != nil {
		return err
	}
	found, err := st.RuleFindings(a.ctx, c.id)
	if err != nil {
		return err
	}
	help := answers.For(i.ReasonCode, i.Reason, i.StatutCourant, i.StatutCommentaire)
	if a.json {
		return a.print(struct {
			store.Status
			Findings   []store.RuleFinding `json:"findings"`
			Help       []answers.Help      `json:"help"`
			Replaces   int64               `json:"replaces,omitempty"`
			ReplacedBy int64               `json:"replaced_by,omitempty"`
			Requests   []store.AttemptView `json:"requests"`
			Remedies   []store.RemedyView  `json:"remedies"`
		}{i, found, help, replaces, replacedBy, attempts, remedies})
	}
	w := visible.NewTable(a.out)
	line := func(label, text string) {
		if text != "" {
			w.Printf("%s\t%s\n", label, text)
		}
	}
	line("invoice", fmt.Sprintf("%d (%s, account %s)", i.ID, i.ExternalRef, i.Account))
	line("state", string(i.State))
	if i.State == store.Invalid && len(found) > 0 {
		line("reason", or(i.ReasonCode, "")) // the findings below say more, in either language
	} else {
		line("reason", reason(i, 0))
	}
	line("number (BT-1)", or(i.NumeroFacture, ""))
	if i.DateFacture != nil {
		line("date (BT-2)", i.DateFacture.String())
	}
	line("supplier", or(i.FournisseurSIRET, ""))
	line("recipient", or(i.DestinataireSIRET, ""))
	line("amount", amount(i))
	line("flux", or(i.NumeroFluxDepot, ""))
	if i.DateDepot != nil {
		line("deposited", i.DateDepot.String())
	}
	if i.IdentifiantFactureCPP != nil {
		line("identifiantFactureCPP", fmt.Sprint(*i.IdentifiantFactureCPP))
	}
	line("status at Chorus Pro", or(i.StatutCourant, ""))
	if i.StatutCourantDate != nil {
		line("since", stamp(*i.StatutCourantDate))
	}
	line("comment", or(i.StatutCommentaire, ""))
	for _, h := range help {
		means, do := explainLines(c.Lang, h)
		line(h.Code, means)
		line("", do)
	}
	for _, f := range found[:min(len(found), mostShown)] {
		message, remedy := f.Message, f.Remedy
		if c.Lang == "fr" {
			message, remedy = f.MessageFR, f.RemedyFR
		}
		var head string // what the message does not say itself
		if !strings.Contains(message, f.Term) {
			head = f.Term
		}
		if v := strconv.Quote(f.Value); f.Value != "" && !strings.Contains(message, v) {
			head = strings.TrimSpace(head + " " + v)
		}
		line(checkWords[c.Lang][f.Severity]+" "+f.Code, strings.TrimPrefix(head+": "+message, ": "))
		line("", f.Where)
		line("", "→ "+remedy)
	}
	if more := i.Findings - min(len(found), mostShown); more > 0 {
		line("", fmt.Sprintf(map[string]string{"en": "and %d more (--json)", "fr": "et %d autres (--json)"}[c.Lang], more))
	}
	if replaces != 0 {
		line("replaces", fmt.Sprintf("invoice %d", replaces))
	}
	if replacedBy != 0 {
		line("replaced by", fmt.Sprintf("invoice %d", replacedBy))
	}
	line("inserted", stamp(i.CreatedAt))
	line("last change", stamp(i.UpdatedAt))
	for _, t := range attempts {
		line(fmt.Sprintf("attempt %d", t.N), fmt.Sprintf("%s  %s  %s  %s", stamp(t.ClaimedAt), or(t.Outcome, "no answer yet"), t.NomFichier, t.Evidence))
	}
	for _, r := range remedies {
		line(string(r.Kind), fmt.Sprintf("%s  %s  %s", stamp(r.RequestedAt), r.State, or(r.Reason, "")))
	}
	return w.Flush()
}

type eventsCmd struct {
	Invoice string `arg:"" name:"id" help:"The invoice, by its id, number, external_ref, flux or identifiantFactureCPP."`

	id int64
}

func (c eventsCmd) Run(a *app) error {
	st, err := a.store()
	if err != nil {
		return err
	}
	if c.id, err = a.find(st, c.Invoice); err != nil {
		return err
	}
	if _, _, err := st.Show(a.ctx, c.id); err != nil {
		return err
	}
	events, err := st.Events(a.ctx, c.id)
	if err != nil {
		return err
	}
	if a.json {
		for _, e := range events {
			if err := a.print(struct {
				store.Event
				Help []answers.Help `json:"help,omitempty"`
			}{e, helpOf(e)}); err != nil {
				return err
			}
		}
		return nil
	}
	w := visible.NewTable(a.out)
	for _, e := range events {
		move := or(e.ToState, "")
		if e.FromState != nil && *e.FromState != move {
			move = *e.FromState + " → " + move
		}
		w.Printf("%s\t%s\t%s\t%s\t%s\n", stamp(e.At), move, or(e.ReasonCode, ""), e.Detail, e.Actor)
	}
	return w.Flush()
}

// helpOf explains an event: by the dictionary, or by the rule that its reason code names.
func helpOf(e store.Event) []answers.Help {
	if r, known := rules.About(or(e.ReasonCode, "")); known {
		return []answers.Help{aboutRule(r)}
	}
	return answers.ForEvent(e.ReasonCode, e.Detail)
}

type statsCmd struct{}

func (statsCmd) Run(a *app) error {
	st, err := a.store()
	if err != nil {
		return err
	}
	stats, err := st.Stats(a.ctx)
	if err != nil {
		return err
	}
	unusual, err := st.Unusual(a.ctx)
	if err != nil {
		return err
	}
	accounts, err := st.Accounts(a.ctx)
	if err != nil {
		return err
	}
	w := visible.NewTable(a.out)
	for _, s := range stats {
		if a.json {
			if err := a.print(map[string]any{"state": s.State, "count": s.Count, "oldest_seconds": s.Oldest.Seconds()}); err != nil {
				return err
			}
			continue
		}
		oldest := ""
		if s.Oldest > 0 {
			oldest = "oldest " + s.Oldest.Round(time.Second).String()
		}
		w.Printf("%s\t%d\t%s\n", s.State, s.Count, oldest)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, u := range unusual {
		switch {
		case a.json:
			if err := a.print(u); err != nil {
				return err
			}
		case u.Count > 0:
			a.printf("unusual at Chorus Pro: %s %d times, %d of them in the last seven days (choriste list --unusual)\n", u.ReasonCode, u.Count, u.LastWeek)
		}
	}
	for _, acc := range accounts {
		if a.json {
			if err := a.print(acc); err != nil {
				return err
			}
			continue
		}
		a.printf("account %s: %s\n", acc.Account, acc.Text())
	}
	return a.weather(st)
}

// weather tells of what keeps the whole fleet from sending: breakers, and an announced closure.
func (a *app) weather(st *store.Store) error {
	breakers, err := st.Breakers(a.ctx)
	if err != nil {
		return err
	}
	for _, b := range breakers {
		switch {
		case a.json:
			err = a.print(b)
		case b.State != "closed" || b.Ramping:
			a.printf("%s %s: %s\n", b.Scope, b.Name, b.Text())
		}
		if err != nil {
			return err
		}
	}
	closure, err := st.Closure(a.ctx)
	switch {
	case err != nil || closure == nil:
		return err
	case a.json:
		return a.print(map[string]any{"maintenance": closure})
	default:
		a.printf("Chorus Pro is closed, as announced, until %s: nothing is asked\n", stamp(closure.Until))
		return nil
	}
}

type retryCmd struct {
	Invoices []string `arg:"" optional:"" name:"id" help:"The invoices, each by its id, number, external_ref, flux or identifiantFactureCPP; or select them by filter."`
	selection
	Reason string `help:"Why; kept in the history." placeholder:"TEXT"`
	DryRun bool   `help:"Only count what would be retried."`
	Limit  int    `help:"At most so many." default:"1000"`
}

// mostRows is as much as one command lists or acts on.
const mostRows = 1_000_000

// within refuses a --limit that is none.
func within(limit int) error {
	if limit < 1 || limit > mostRows {
		return fmt.Errorf("--limit must be from 1 to %d", mostRows)
	}
	return nil
}

// Validate is called by kong.
func (c retryCmd) Validate() error { return within(c.Limit) }

func (c retryCmd) Run(a *app) error {
	if len(c.Invoices) == 0 && c.nothing() {
		return usageError{errors.New("retry what? give ids or a filter, as --state invalid")}
	}
	if !c.DryRun && c.Reason == "" {
		return usageError{errors.New("a retry needs --reason (or --dry-run to see what it would do)")}
	}
	st, err := a.store()
	if err != nil {
		return err
	}
	f, err := c.filter(a.ctx, st)
	if err != nil {
		return err
	}
	var ids []int64
	failed := 0
	for _, text := range c.Invoices {
		id, err := a.find(st, text)
		switch {
		case err == nil:
			ids = append(ids, id)
		case len(c.Invoices) == 1:
			return err
		default:
			failed++
			a.warnf("choriste: %s\n", oneLine(a.words(err)))
		}
	}
	if len(c.Invoices) == 0 {
		f.Retriable, f.Limit = true, c.Limit
		list, err := st.List(a.ctx, f)
		if err != nil {
			return err
		}
		for _, i := range list {
			ids = append(ids, i.ID)
		}
	}
	if c.DryRun {
		return c.dry(a, st, ids)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	for _, id := range ids {
		state, err := st.Retry(a.ctx, id, c.Reason)
		if err != nil && len(ids)+failed == 1 {
			return err
		}
		if err != nil {
			failed++
			a.warnf("choriste: %s\n", oneLine(a.words(err)))
			continue
		}
		if a.json {
			err = a.print(map[string]any{"id": id, "state": state})
		} else {
			a.printf("invoice %d is %s\n", id, state)
		}
		if err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d invoices were not retried", failed, max(len(ids), len(c.Invoices)))
	}
	return nil
}

func (c retryCmd) dry(a *app, st *store.Store, ids []int64) error {
	// What would be retried: no more than the limit, and nothing that would be refused.
	n, sums, err := st.Count(a.ctx, store.Filter{IDs: append([]int64{0}, ids...), Retriable: true})
	if err != nil {
		return err
	}
	if a.json {
		return a.print(map[string]any{"count": n, "sums": sums})
	}
	if n == 1 {
		a.printf("1 invoice")
	} else {
		a.printf("%d invoices", n)
	}
	for devise, sum := range sums {
		if devise != "" {
			a.printf(", %s %s", sum.StringFixed(2), devise)
		}
	}
	a.printf("\n")
	return nil
}

type cancelCmd struct {
	Invoice string `arg:"" name:"id" help:"The invoice, by its id, number, external_ref, flux or identifiantFactureCPP."`

	id int64
}

func (c cancelCmd) Run(a *app) error {
	st, err := a.store()
	if err != nil {
		return err
	}
	if c.id, err = a.find(st, c.Invoice); err != nil {
		return err
	}
	state, err := st.Cancel(a.ctx, c.id)
	if err != nil {
		return err
	}
	if a.json {
		return a.print(map[string]any{"id": c.id, "state": state})
	}
	if state == store.Cancelled {
		a.printf("invoice %d is cancelled\n", c.id)
	} else {
		a.printf("invoice %d is %s: it is cancelled only if it turns out that nothing was sent\n", c.id, state)
	}
	return nil
}

type versionCmd struct{}

func (versionCmd) Run(a *app) error {
	version := "devel"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	if a.json {
		return a.print(map[string]string{"version": version})
	}
	a.printf("choriste %s\n", version)
	return nil
}

type helpCmd struct {
	Topic string `arg:"" optional:"" help:"env: the settings."`
}

func (c helpCmd) Run(a *app) error {
	switch c.Topic {
	case "env":
		return a.manual()
	case "":
		return a.usage()
	default:
		return usageError{errors.New("there is help on env only; for a command: choriste COMMAND --help")}
	}
}

func or(s *string, otherwise string) string {
	if s == nil {
		return otherwise
	}
	return *s
}

func amount(i store.Status) string {
	if !i.MontantTTC.Valid {
		return "-"
	}
	return strings.TrimSpace(i.MontantTTC.Decimal.StringFixed(2) + " " + or(i.Devise, ""))
}

// reason is the code and the words, cut for a table when most is above zero.
func reason(i store.Status, most int) string {
	text := strings.TrimSpace(or(i.ReasonCode, "") + " " + or(i.Reason, ""))
	if r := []rune(text); most > 0 && len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}

func stamp(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05.000-07:00") }
