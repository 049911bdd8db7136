package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/choriste/choriste/crash"
	"github.com/choriste/choriste/invoice/rules"
	"github.com/choriste/choriste/store"
)

// readAll reads received invoices that the dispatcher has given out together. Each is taken, read and let on by itself: what goes wrong with one is its own affair. They
// wait for each other at the places for readers only; one that goes on to be sent keeps nobody waiting.
func (j *Jobs) readAll(ctx context.Context, ids []int64, claim int64) error {
	began := time.Now()
	errs := make([]error, min(len(ids), mostRead))
	var rows sync.WaitGroup
	for k := range errs {
		rows.Go(func() {
			errs[k] = j.guard(ctx, ids[k], claim, func(ctx context.Context, id, claim int64) error { return j.validate(ctx, id, claim, began) })
		})
	}
	rows.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// validate reads the document of a received invoice, fills its columns, and lets it on or says why it cannot be sent. Nothing
// of it leaves this machine; where it is asked for, its commitment number does (engagement.go).
//
// Where nothing waits it goes on to send it: the same job, with the same claim and the document in its hands. A crash leaves a received row, or a ready one, whose
// lease runs out; one that had not been taken yet is swept.
func (j *Jobs) validate(ctx context.Context, id, claim int64, began time.Time) error {
	var next onward
	defer func() { next.leave() }()
	if err := j.readOne(ctx, id, claim, began, &next); err != nil || next.invoice == nil {
		return err
	}
	return j.deposit(ctx, *next.invoice)
}

// onward is what a job that has read a document goes on with: the row, unless it leaves that to the dispatcher, and a place among the deposits of this process.
type onward struct {
	invoice *store.Invoice
	place   func() // gives it back; nil: there is none
}

func (o *onward) leave() {
	if o.place != nil {
		o.place()
	}
}

// readOne takes a received row to its next state.
func (j *Jobs) readOne(ctx context.Context, id, claim int64, began time.Time, next *onward) error {
	done, err := j.Readers.take(ctx)
	if err != nil {
		return err
	}
	defer done()
	if j.draining.Load() {
		return nil // not taken: whoever sweeps next gives it back
	}
	next.place = j.placeToSend(ctx, began)
	inv, err := j.take(ctx, id, claim, store.Received)
	if err != nil {
		return err
	}
	acct, err := j.account(inv.Account)
	if err != nil {
		return cmp.Or(j.Store.Release(ctx, inv, j.Settings.passOn()), err)
	}
	if err := crash.Point(crash.Validate); err != nil {
		return err
	}
	facts, found, err := j.readDocument(ctx, acct, inv)
	switch {
	case errors.Is(err, errNoRoom):
		return j.Store.Release(ctx, inv, about(time.Second))
	case errors.Is(err, errDied):
		j.Log.Error("a document broke the process that read it", "invoice", id)
		_, err := j.Store.Invalid(ctx, inv, store.Facts{}, store.ParkPoison,
			"reading this document breaks the program that reads it: please report it to the makers of choriste; after an update, have it read again with choriste retry")
		return err
	case err != nil:
		return err
	}
	found = append(found, acct.supplier(facts.FournisseurSIRET)...)
	if inv.HasFields && !rules.Stops(found) {
		lacks, wait, err := j.attached(ctx, acct.Name, facts.FournisseurSIRET)
		switch {
		case err != nil:
			return err
		case wait:
			return j.Store.Wait(ctx, inv, about(listedSoon), store.ReasonListing,
				"the structures that the technical account "+acct.Name+" is attached to could not be listed yet: a PDF without XML is taken from those only")
		}
		found = append(found, lacks...)
	}
	same, err := j.sameNumber(ctx, inv, facts)
	if err != nil {
		return err
	}
	found = append(found, same...)
	if !rules.Stops(found) {
		demanded, wait, err := j.demands(ctx, acct, facts)
		switch {
		case err != nil:
			return err
		case wait:
			return j.Store.Release(ctx, inv, about(j.Settings.ResolveAfter/6))
		}
		found = append(found, demanded...)
	}
	if !rules.Stops(found) {
		found = append(found, j.unknownEngagement(ctx, acct, facts)...)
	}
	errorsFirst(found)
	facts.Findings = stored(found)
	if rules.Stops(found) {
		if _, err := j.Store.Invalid(ctx, inv, facts, found[0].Code, explain(found)); err != nil {
			return err
		}
		j.Log.Info("refused before sending", "invoice", id, "reason_code", found[0].Code)
		return nil
	}
	quarantines := j.Memory.Get().Quarantines
	state, kept, err := j.validated(ctx, inv, facts, j.keepFor(acct, next))
	switch {
	case errors.Is(err, store.ErrForgot):
		if j.Memory.Get().Quarantines == quarantines { // else it has been dealt with
			j.Memory.Doubt(err)
		}
		return j.Store.Release(ctx, inv, about(time.Second))
	case err == nil:
		j.Log.Info("read", "invoice", id, "state", state, "numero", facts.NumeroFacture, "warnings", len(found))
	}
	next.invoice = kept
	return err
}

const (
	// promptly is how long a job may have run that goes on to send what it has read: it has to do so within its own time (Settings.Timeout).
	promptly = 5 * time.Second
	// placeWait is how long reading waits for a place to send from: where deposits flow, one is free sooner, and reading keeps their pace. Where they do not, it goes
	// on without, and does not wait again for crowdedFor.
	placeWait  = 500 * time.Millisecond
	crowdedFor = time.Second
)

// placeToSend takes a place among the deposits of this process for a job that may send what it reads, or nil.
func (j *Jobs) placeToSend(ctx context.Context, began time.Time) (leave func()) {
	if j.MayDeposit == nil || !j.MayDeposit() || time.Since(began) > promptly {
		return nil
	}
	if leave, ok := j.Depositors.try(); ok {
		return leave
	}
	if time.Now().UnixNano() < j.crowded.Load() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, placeWait)
	defer cancel()
	leave, err := j.Depositors.take(ctx)
	if err != nil {
		j.crowded.Store(time.Now().Add(crowdedFor).UnixNano())
		return nil
	}
	return leave
}

// keepFor is for how long a job keeps what it has read, to send it, or 0 where it cannot: the dispatcher gives it out in its turn.
func (j *Jobs) keepFor(acct *Account, next *onward) time.Duration {
	if next.place == nil || j.draining.Load() || !acct.Gate.Open() || j.Weather.Open(acct) {
		return 0
	}
	return j.Settings.lease()
}

// errorsFirst sorts findings; "error" is before "warning".
func errorsFirst(found []rules.Finding) {
	slices.SortStableFunc(found, func(a, b rules.Finding) int { return strings.Compare(string(a.Severity), string(b.Severity)) })
}

// errNoRoom says that other documents take the memory that there is.
var errNoRoom = errors.New("other documents are being read")

// readDocument reads the document of a row that has been taken. One that is too large is not even fetched.
func (j *Jobs) readDocument(ctx context.Context, acct *Account, inv store.Invoice) (store.Facts, []rules.Finding, error) {
	if found := rules.TooLarge(inv.DocumentBytes); found != nil {
		return store.Facts{}, found, nil
	}
	release, ok := hold(ctx, inv.DocumentBytes, costOfReading, j.Settings.SendWithin/2)
	if !ok {
		return store.Facts{}, nil, errNoRoom
	}
	defer release()
	doc, err := j.Store.Document(ctx, inv)
	if err != nil {
		return store.Facts{}, nil, err
	}
	return j.readFetched(ctx, acct, inv, doc)
}

// readFetched reads a document that is in memory.
func (j *Jobs) readFetched(ctx context.Context, acct *Account, inv store.Invoice, doc []byte) (store.Facts, []rules.Finding, error) {
	options := rules.Options{SyntaxeFlux: inv.SyntaxeFlux, Levels: acct.Rules, Now: inv.Leaves}
	var fields []byte
	if inv.HasFields {
		var err error
		if fields, err = j.Store.Fields(ctx, inv); err != nil {
			return store.Facts{}, nil, err
		}
	}
	if inv.Deaths > 0 {
		return readApart(ctx, doc, fields, options)
	}
	facts, found := read(doc, fields, options)
	return facts, found, nil
}

// sameNumber says what is wrong when the invoice replaces another one under its number, which the portal keeps for the refused one (docs/chorus-pro.md §10).
func (j *Jobs) sameNumber(ctx context.Context, inv store.Invoice, facts store.Facts) ([]rules.Finding, error) {
	if !inv.Replaces {
		return nil, nil
	}
	numero, siren, annee, err := j.Store.Replaced(ctx, inv.ID)
	if err != nil || numero == "" || numero != facts.NumeroFacture || annee != facts.DateFacture.Year() || !strings.HasPrefix(facts.FournisseurSIRET, siren) {
		return nil, err
	}
	return []rules.Finding{rules.Outside("CH-SAME-NUMBER", facts.NumeroFacture, "")}, nil
}

// supplier says what is wrong when the account may not send for this supplier. One that could not be read is another finding's affair.
func (a *Account) supplier(siret string) []rules.Finding {
	if siret == "" || len(a.Suppliers) == 0 || slices.Contains(a.Suppliers, siret) {
		return nil
	}
	f := rules.Outside("CH-SUPPLIER", siret, "column account")
	f.Message = fmt.Sprintf("column account is %s, which may not send for the supplier %s (BT-30)", a.Name, siret)
	f.MessageFR = fmt.Sprintf("la colonne account vaut %s, compte qui ne peut pas émettre pour le fournisseur %s (BT-30)", a.Name, siret)
	return []rules.Finding{f}
}

// read turns a document, with fields beside it where it is a PDF without XML, into columns and into what the rules say of it; what could be read is given in either case.
func read(doc, fields []byte, o rules.Options) (store.Facts, []rules.Finding) {
	crash.Reading(doc)
	var report rules.Report
	if fields != nil {
		report = rules.JudgeFields(fields, doc, o)
	} else {
		report = rules.Judge(doc, o)
	}
	d := report.Document
	if d == nil {
		return store.Facts{}, report.Findings
	}
	facts := store.Facts{
		Syntaxe:           cmp.Or(o.SyntaxeFlux, d.Syntaxe),
		NumeroFacture:     printable(d.Numero),
		DateFacture:       d.Date,
		TypeFacture:       printable(d.Type),
		FournisseurSIRET:  printable(d.FournisseurSIRET),
		FournisseurNom:    printable(d.FournisseurNom),
		DestinataireSIRET: printable(d.DestinataireSIRET),
		DestinataireNom:   printable(d.DestinataireNom),
		MontantHT:         d.MontantHT,
		MontantTVA:        d.MontantTVA,
		MontantTTC:        d.MontantTTC,
		MontantAPayer:     d.MontantAPayer,
		Devise:            printable(d.Devise),
		Cadre:             printable(d.Cadre),
		CodeService:       printable(d.CodeService),
		ServiceFiller:     printable(d.ServiceFiller),
		Engagement:        printable(d.Engagement),
	}
	return facts, report.Findings
}

// printable keeps PostgreSQL's text columns from refusing what a document may hold: NUL has no place there. Too long for any column is cut.
func printable(s string) string {
	const most = 500
	s = printableText(s)
	if r := []rune(s); len(r) > most {
		s = string(r[:most])
	}
	return s
}

// printableText is without what PostgreSQL's text columns refuse.
func printableText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// mostReason is as much as a reason holds, in bytes; the findings themselves are in chorus.invoice_findings.
const mostReason = 4000

// explain joins all that stops an invoice into one text; the first one gives the row its code.
func explain(found []rules.Finding) string {
	var b strings.Builder
	said := map[string]bool{} // one rule at several places says it once
	for k, f := range found {
		if f.Severity != rules.Error {
			break
		}
		text := f.Message
		if said[f.Code+text] {
			continue
		}
		said[f.Code+text] = true
		if k > 0 {
			text = "; " + f.Code + ": " + text
		}
		if b.Len()+len(text) > mostReason {
			b.WriteString("; and more")
			break
		}
		b.WriteString(text)
	}
	return printableText(b.String())
}

// stored are findings as the database keeps them.
func stored(found []rules.Finding) []store.RuleFinding {
	list := make([]store.RuleFinding, len(found))
	for k, f := range found {
		list[k] = store.RuleFinding{
			Code: f.Code, Severity: string(f.Severity), Term: f.Term, Value: f.Value, Where: f.Where,
			Message: f.Message, MessageFR: f.MessageFR, Remedy: f.Remedy, RemedyFR: f.RemedyFR,
		}
	}
	return list
}
