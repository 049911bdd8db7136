package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/choriste/choriste/crash"
	"github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/invoice/rules"
	"github.com/choriste/choriste/store"
)

// validate reads the document of a received invoice, fills its columns, and lets it on or says why it cannot be sent. Nothing leaves this machine.
func (j *Jobs) validate(ctx context.Context, id, claim int64) error {
	inv, err := j.Store.Take(ctx, id, claim, store.Received, j.Settings.lease())
	if err != nil {
		return err
	}
	acct, err := j.account(inv.Account)
	if err != nil {
		return errors.Join(err, j.Store.Release(ctx, inv, time.Minute))
	}
	if err := crash.Point(crash.Validate); err != nil {
		return err
	}
	facts, problems, err := j.readDocument(ctx, inv)
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
	if p := acct.supplier(facts.FournisseurSIRET); p != nil {
		problems = append(problems, *p)
	}
	if inv.HasFields && len(problems) == 0 {
		p, wait, err := j.attached(ctx, acct.Name, facts.FournisseurSIRET)
		switch {
		case err != nil:
			return err
		case wait:
			return j.Store.Release(ctx, inv, about(listedSoon))
		case p != nil:
			problems = append(problems, *p)
		}
	}
	p, err := j.sameNumber(ctx, inv, facts)
	if err != nil {
		return err
	}
	if p != nil {
		problems = append(problems, *p)
	}
	if len(problems) == 0 {
		found, wait, err := j.demands(ctx, acct, facts)
		switch {
		case err != nil:
			return err
		case wait:
			return j.Store.Release(ctx, inv, about(j.Settings.ResolveAfter/6))
		}
		for _, f := range found {
			if f.Severity == rules.Error {
				problems = append(problems, invoice.Problem{Code: f.Code, Term: f.Term, Message: f.Message + ". " + f.Remedy, MessageFR: f.MessageFR + ". " + f.RemedyFR})
			}
		}
	}
	if len(problems) == 0 {
		quarantines := j.Memory.Get().Quarantines
		state, err := j.Store.Validated(ctx, inv, facts)
		switch {
		case errors.Is(err, store.ErrForgot):
			if j.Memory.Get().Quarantines == quarantines { // else it has been dealt with
				j.Memory.Doubt(err)
			}
			return j.Store.Release(ctx, inv, about(time.Second))
		case err == nil:
			j.Log.Info("read", "invoice", id, "state", state, "numero", facts.NumeroFacture)
		}
		return err
	}
	code, reason := explain(problems)
	if _, err := j.Store.Invalid(ctx, inv, facts, code, reason); err != nil {
		return err
	}
	j.Log.Info("refused before sending", "invoice", id, "reason_code", code)
	return nil
}

// errNoRoom says that other documents take the memory that there is.
var errNoRoom = errors.New("other documents are being read")

// readDocument reads the document of a row that has been taken. One that is too large is not even fetched.
func (j *Jobs) readDocument(ctx context.Context, inv store.Invoice) (store.Facts, []invoice.Problem, error) {
	if p := invoice.TooLarge(inv.DocumentBytes); p != nil {
		return store.Facts{}, []invoice.Problem{*p}, nil
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
	if inv.HasFields {
		return j.readFields(ctx, inv, doc)
	}
	if inv.Deaths > 0 {
		return readApart(ctx, doc, inv.SyntaxeFlux)
	}
	facts, problems := read(doc, inv.SyntaxeFlux)
	return facts, problems, nil
}

// sameNumber says what is wrong when the invoice replaces another one under its number, which the portal keeps for the refused one (docs/chorus-pro.md §10).
func (j *Jobs) sameNumber(ctx context.Context, inv store.Invoice, facts store.Facts) (*invoice.Problem, error) {
	numero, siren, annee, err := j.Store.Replaced(ctx, inv.ID)
	if err != nil || numero == "" || numero != facts.NumeroFacture || annee != facts.DateFacture.Year() || !strings.HasPrefix(facts.FournisseurSIRET, siren) {
		return nil, err
	}
	return &invoice.Problem{
		Code: "SAME_NUMBER", Term: "BT-1",
		Message:   "BT-1 (number) is that of the refused invoice which this one replaces: Chorus Pro keeps it, give the new invoice another one",
		MessageFR: "BT-1 (numéro) est celui de la facture rejetée que celle-ci remplace : Chorus Pro le conserve, en donner un autre à la nouvelle facture",
	}, nil
}

// supplier says what is wrong when the account may not send for this supplier. One that could not be read is another problem's affair.
func (a *Account) supplier(siret string) *invoice.Problem {
	if siret == "" || len(a.Suppliers) == 0 || slices.Contains(a.Suppliers, siret) {
		return nil
	}
	return &invoice.Problem{
		Code: "SUPPLIER", Term: "BT-30",
		Message: fmt.Sprintf("column account is %s, which may not send for the supplier %s (BT-30): name the supplier's own account, or have the SIRET added to this one's suppliers",
			a.Name, siret),
		MessageFR: fmt.Sprintf("la colonne account vaut %s, compte qui ne peut pas émettre pour le fournisseur %s (BT-30) : indiquer le compte de ce fournisseur, ou faire ajouter son SIRET à ce compte",
			a.Name, siret),
	}
}

// read turns a document into columns, or into what is wrong with it; what could be read is given in either case.
func read(doc []byte, declared string) (store.Facts, []invoice.Problem) {
	d, err := invoice.Read(doc)
	if err != nil {
		var p *invoice.Problem
		if !errors.As(err, &p) {
			p = &invoice.Problem{Code: "UNREADABLE", Message: "the document could not be read"}
		}
		return store.Facts{}, []invoice.Problem{*p}
	}
	facts := store.Facts{
		Syntaxe:           d.Syntaxe,
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
		Engagement:        printable(d.Engagement),
	}
	problems := d.Check()
	if declared != "" {
		if !invoice.Compatible(declared, d.Syntaxe) {
			problems = append(problems, invoice.Problem{
				Code:    "SYNTAXE",
				Message: "column syntaxe_flux says " + declared + ", but the document is " + d.Syntaxe + ": leave the column null to have it recognised",
			})
		}
		facts.Syntaxe = declared
	}
	return facts, problems
}

// printable keeps PostgreSQL's text columns from refusing what a document may hold: NUL has no place there. Too long for any column is cut.
func printable(s string) string {
	const most = 500
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	if r := []rune(s); len(r) > most {
		s = string(r[:most])
	}
	return s
}

// explain joins all problems into one text; the first one gives the code.
func explain(problems []invoice.Problem) (code, reason string) {
	texts := []string{problems[0].Message}
	for _, p := range problems[1:] {
		texts = append(texts, p.Error())
	}
	return problems[0].Code, strings.Join(texts, "; ")
}
