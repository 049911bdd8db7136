package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/invoice/rules"
	"github.com/choriste/choriste/store"
)

// An invoice that is a PDF without XML comes with its fields beside it (chorus.invoices.fields). It goes the same way as every other: read, refused here or ready, T1, one request,
// T2, looked up by its number when the answer is lost. Only the request is another: the PDF is uploaded first, which harms nobody when it is repeated, and what is sent
// between T1 and T2 is the submission (docs/protocol.md §3.4).

// readFields turns fields into columns, or into what is wrong with them.
func (j *Jobs) readFields(ctx context.Context, inv store.Invoice, doc []byte) (store.Facts, []rules.Finding, error) {
	raw, err := j.Store.Fields(ctx, inv)
	if err != nil {
		return store.Facts{}, nil, err
	}
	f, problems := invoice.ReadFields(raw, doc)
	var found []rules.Finding
	for _, p := range problems {
		found = append(found, rules.OfProblem(&p))
	}
	if inv.SyntaxeFlux != "" {
		found = append(found, rules.Finding{
			Code: "CH-SYNTAXE", Severity: rules.Error, Value: inv.SyntaxeFlux, Where: "column syntaxe_flux",
			Message:   "column syntaxe_flux is for files of a flux, and fields for a PDF without XML",
			MessageFR: "la colonne syntaxe_flux concerne les fichiers d'un flux, et fields un PDF sans XML",
			Remedy:    "Leave syntaxe_flux null.", RemedyFR: "Laissez syntaxe_flux vide.",
		})
	}
	if f == nil {
		return store.Facts{}, found, nil
	}
	return store.Facts{
		Syntaxe: invoice.SyntaxePDF, NumeroFacture: printable(f.NumeroFacture), DateFacture: f.Date, TypeFacture: printable(f.TypeFacture),
		FournisseurSIRET: printable(f.FournisseurSIRET), DestinataireSIRET: printable(f.DestinataireSIRET), DestinataireNom: printable(f.DestinataireNom),
		MontantHT: f.MontantHT.NullDecimal, MontantTVA: f.MontantTVA.NullDecimal, MontantTTC: f.MontantTTC.NullDecimal, MontantAPayer: f.MontantAPayer.NullDecimal,
		Devise: printable(f.Devise), Cadre: printable(f.Cadre), CodeService: printable(f.CodeService), Engagement: printable(f.NumeroEngagement),
	}, found, nil
}

// attached says what is wrong when the account may not submit for this supplier: unlike a flux, a submission is open to those only who are attached to its structure. wait: the account's
// structures have not been listed yet, or so long ago that the supplier may have been attached since; then they are asked for.
func (j *Jobs) attached(ctx context.Context, account, siret string) (lacks []rules.Finding, wait bool, err error) {
	id, listed, err := j.Store.SupplierStructure(ctx, account, siret)
	if err != nil || id != 0 {
		return nil, false, err
	}
	if listed < 0 {
		return nil, true, nil // it has been asked for since the account was known
	}
	if listed > listedFresh {
		return nil, true, j.Store.Ask(ctx, account, 0)
	}
	return []rules.Finding{{
		Code: "CH-SUPPLIER", Severity: rules.Error, Term: "BT-30", Value: siret,
		Message: fmt.Sprintf("BT-30 (supplier's SIRET) is %s, to whose structure the technical account is not attached: a PDF without XML is taken from those only who are",
			siret),
		MessageFR: fmt.Sprintf("BT-30 (SIRET du fournisseur) vaut %s, structure à laquelle le compte technique n'est pas rattaché : un PDF sans XML n'est accepté que de qui l'est",
			siret),
		Remedy: "Have it attached at the portal.", RemedyFR: "Faites-le rattacher sur le portail.",
	}}, false, nil
}

// listedSoon is when an invoice looks again whether the account's structures have been listed.
const listedSoon = 5 * time.Second

// listedFresh is how old a list of the account's structures may be that stops an invoice.
const listedFresh = time.Minute

// errNotAttached says that the account lost sight of the supplier's structure after the invoice was read.
var errNotAttached = errors.New("the technical account is not attached to the supplier's structure any more: have it attached at the portal")

// prepare makes the request for a ready invoice, complete in memory: of its file, or of its fields after the upload of its file.
func (j *Jobs) prepare(ctx context.Context, acct *Account, inv store.Invoice, name string, doc []byte) (*chorus.Deposit, error) {
	file := chorus.File{Nom: name, Syntaxe: inv.Syntaxe, Contenu: doc}
	if !inv.HasFields {
		return acct.Client.Prepare(ctx, file)
	}
	raw, err := j.Store.Fields(ctx, inv)
	if err != nil {
		return nil, err
	}
	f, _ := invoice.ReadFields(raw, doc) // it was read before, by the same rules
	supplier, _, err := j.Store.SupplierStructure(ctx, acct.Name, inv.FournisseurSIRET)
	if err != nil {
		return nil, err
	}
	if f == nil || supplier == 0 {
		return nil, errNotAttached
	}
	piece, err := acct.Client.DeposerPDF(ctx, chorus.LaneSubmit, file)
	if err != nil {
		return nil, err
	}
	return acct.Client.PrepareSubmission(ctx, submission(f, supplier, piece, name))
}

func submission(f *invoice.Fields, supplier, piece int64, name string) chorus.Submission {
	s := chorus.Submission{
		Numero: f.NumeroFacture, Date: f.Date, Avoir: f.TypeFacture == "AVOIR", IDFournisseur: supplier, Destinataire: f.DestinataireSIRET, CodeService: f.CodeService,
		Cadre: f.Cadre, Devise: f.Devise, TypeTVA: f.TypeTVA, MotifExoneration: f.MotifExoneration, NumeroMarche: f.NumeroMarche, Engagement: f.NumeroEngagement,
		NumeroOrigine: f.FactureOrigine, ModePaiement: f.ModePaiement, HT: f.MontantHT.NullDecimal, TVA: f.MontantTVA.NullDecimal,
		TTC: f.MontantTTC.Decimal, APayer: f.MontantAPayer.Decimal, Commentaire: f.Commentaire, PieceJointe: piece, PieceJointeNommee: name,
	}
	for _, l := range f.LignesTVA {
		s.LignesTVA = append(s.LignesTVA, chorus.LigneTVA{Taux: l.Taux.Decimal, Base: l.Base.Decimal, TVA: l.TVA.Decimal})
	}
	return s
}

// underAnotherNumber is what is said of an invoice that the portal took in under another number than its own: it stands for it, and nobody can follow it.
func underAnotherNumber(e store.Ending, numero string) store.Ending {
	e.To, e.ReasonCode = store.Parked, store.ParkMismatch
	e.Reason = "Chorus Pro took the invoice in under another number: " + numero
	return e
}
