package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/crash"
	"github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/invoice/rules"
	"github.com/choriste/choriste/store"
)

// An invoice that is a PDF without XML comes with its fields beside it (chorus.invoices.fields). It goes the same way as every other: read, refused here or ready, T1, one request,
// T2, looked up by its number when the answer is lost. Only the request is another: the PDF is uploaded first, which harms nobody when it is repeated, and what is sent
// between T1 and T2 is the submission (docs/protocol.md §3.4).

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
		return nil, true, j.Store.Ask(ctx, account, 0, "")
	}
	return []rules.Finding{rules.Outside("CH-SUPPLIER-DETACHED", siret, "fields.fournisseur_siret")}, false, nil
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
	d, _ := invoice.ReadFields(raw, doc) // it was read before, by the same rules
	supplier, _, err := j.Store.SupplierStructure(ctx, acct.Name, inv.FournisseurSIRET)
	if err != nil {
		return nil, err
	}
	if d == nil || supplier == 0 {
		return nil, errNotAttached
	}
	piece, err := acct.Client.DeposerPDF(ctx, chorus.LaneSubmit, file)
	if err != nil {
		return nil, refusedUpload(err)
	}
	files, err := j.uploadBeside(ctx, acct, inv)
	if err != nil {
		return nil, err
	}
	s := submission(d, supplier, piece, name)
	s.Complementaires = files
	return acct.Client.PrepareSubmission(ctx, s)
}

// uploadBeside brings the files to the portal that go with a submission and are not there yet (chorus.attachments). Nothing of it is in doubt: a file that was uploaded belongs to no invoice
// until the submission names it, once; one whose answer was lost is uploaded again, and the first belongs to nothing.
func (j *Jobs) uploadBeside(ctx context.Context, acct *Account, inv store.Invoice) ([]chorus.PieceJointe, error) {
	files, err := j.Store.SubmissionFiles(ctx, inv)
	if err != nil {
		return nil, err
	}
	pieces := make([]chorus.PieceJointe, 0, len(files))
	for _, f := range files {
		if f.PieceID == 0 {
			if f.PieceID, err = j.uploadOne(ctx, acct, f); err != nil {
				return nil, err
			}
			if err := crash.Point(crash.AfterUpload); err != nil {
				return nil, err
			}
			if err := j.Store.SubmissionUploaded(ctx, inv, f, f.PieceID, j.Settings.lease()); err != nil {
				return nil, err
			}
		}
		pieces = append(pieces, chorus.PieceJointe{ID: f.PieceID, Designation: f.Nom})
	}
	return pieces, nil
}

// uploadOne uploads one file, when there is room for it in memory.
func (j *Jobs) uploadOne(ctx context.Context, acct *Account, f store.SubmissionFile) (int64, error) {
	release, ok := hold(ctx, f.Octets, costOfSending, j.Settings.SendWithin/2)
	if !ok {
		return 0, errNoRoom
	}
	defer release()
	contents, err := j.Store.SubmissionContents(ctx, f)
	if err != nil {
		return 0, err
	}
	piece, err := acct.Client.AjouterFichier(ctx, chorus.LaneSubmit, chorus.Piece{Nom: f.Nom, TypeMime: f.Mime, Contenu: contents})
	return piece, refusedUpload(err)
}

// refusedUpload lays a refusal that is not known here on the file: sending it once more would be refused once more, for ever.
func refusedUpload(err error) error {
	var e *chorus.Error
	if !errors.As(err, &e) || e.Outcome != chorus.Refused || e.Fault != chorus.FaultUnknown {
		return err
	}
	refused := *e
	refused.Fault = chorus.FaultDocument
	return &refused
}

func submission(d *invoice.Document, supplier, piece int64, name string) chorus.Submission {
	f := d.Fields
	s := chorus.Submission{
		Numero: d.Numero, Date: d.Date, Avoir: d.Type == "AVOIR", IDFournisseur: supplier, Destinataire: d.DestinataireSIRET, CodeService: d.CodeService,
		Cadre: d.Cadre, Devise: d.Devise, TypeTVA: f.TypeTVA, MotifExoneration: f.MotifExoneration, NumeroMarche: f.NumeroMarche, Engagement: d.Engagement,
		NumeroOrigine: d.FactureOrigine, ModePaiement: f.ModePaiement, HT: d.MontantHT, TVA: d.MontantTVA,
		TTC: d.MontantTTC.Decimal, APayer: d.MontantAPayer.Decimal, Commentaire: f.Commentaire, PieceJointe: piece, PieceJointeNommee: name,
	}
	for _, l := range f.LignesTVA {
		s.LignesTVA = append(s.LignesTVA, chorus.LigneTVA{Taux: l.Taux.Decimal, Base: l.Base.Decimal, TVA: l.TVA.Decimal})
	}
	return s
}

// underAnotherNumber is what is said of an invoice that the portal took in under another number than its own: it stands for it, and nobody can follow it.
func underAnotherNumber(e store.Ending, numero string) store.Ending {
	e.To, e.ReasonCode = store.Parked, store.ParkMismatch
	e.Reason = "Chorus Pro took this invoice in under another number: " + numero + "; it lives on there, so nothing is to be sent again"
	return e
}
