package main

import (
	"fmt"
	"mime"
	"path/filepath"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

type completeCmd struct {
	Invoice string `arg:"" name:"id" help:"The suspended invoice, by its id, number, external_ref, flux or identifiantFactureCPP."`

	id      int64
	Comment string   `help:"What the recipient is told." placeholder:"TEXT"`
	Files   []string `name:"file" type:"path" help:"A file to attach; may be given several times." placeholder:"FILE"`
}

func (c completeCmd) Run(a *app) error {
	if c.Comment == "" && len(c.Files) == 0 {
		return usageError{inBoth("complete it with what? give --comment, --file, or both", "la compléter avec quoi ? donnez --comment, --file, ou les deux")}
	}
	files, err := attachments(c.Files)
	if err != nil {
		return err
	}
	st, err := a.store()
	if err != nil {
		return err
	}
	if c.id, err = a.find(st, c.Invoice); err != nil {
		return err
	}
	remedy, err := st.CompleteInvoice(a.ctx, c.id, c.Comment, files)
	return a.asked(c.id, store.Complete, remedy, err)
}

// attachments reads files that are to be attached to an invoice.
func attachments(names []string) (files []store.Attachment, err error) {
	for _, name := range names {
		contents, err := readFile(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		files = append(files, store.Attachment{Nom: filepath.Base(name), Mime: mime.TypeByExtension(filepath.Ext(name)), Contenu: contents})
	}
	return files, nil
}

type recycleCmd struct {
	Invoice string `arg:"" name:"id" help:"The invoice to be recycled, by its id, number, external_ref, flux or identifiantFactureCPP."`

	id         int64
	To         string `help:"The right recipient." placeholder:"SIRET"`
	Service    string `help:"The right service code (BT-10)." placeholder:"CODE"`
	Engagement string `help:"The right commitment number (BT-13)." placeholder:"NUMBER"`
	Comment    string `help:"What the recipient is told." placeholder:"TEXT"`
}

// Help says what must be known before.
func (recycleCmd) Help() string {
	return "Number, amounts and document stay; what is not given stays as it was. Chorus Pro is withdrawing this operation with the reform of 2026: " +
		"where it is not offered any more, the refusal is kept, and the invoice is replaced."
}

func (c recycleCmd) Run(a *app) error {
	if c.To+c.Service+c.Engagement == "" {
		return usageError{inBoth("recycle it to where? give --to, --service or --engagement", "la recycler vers où ? donnez --to, --service ou --engagement")}
	}
	st, err := a.store()
	if err != nil {
		return err
	}
	if c.id, err = a.find(st, c.Invoice); err != nil {
		return err
	}
	remedy, err := st.RecycleInvoice(a.ctx, c.id, store.Routing{DestinataireSIRET: c.To, CodeService: c.Service, Engagement: c.Engagement}, c.Comment)
	return a.asked(c.id, store.Recycle, remedy, err)
}

// asked prints that a remedy was asked for.
func (a *app) asked(id int64, kind store.RemedyKind, remedy int64, err error) error {
	if err != nil {
		return err
	}
	if a.json {
		return a.print(map[string]any{"id": id, "remedy": remedy, "kind": kind, "state": store.RemedyRequested})
	}
	a.printf(a.either("asked for: %s invoice %d (choriste show %d says what comes of it)\n", "demandé : %s, facture %d (choriste show %d dit ce qu'il en advient)\n"), kind, id, id)
	return nil
}

type replaceCmd struct {
	Invoice string `arg:"" name:"id" help:"The invoice that its recipient refused, by its id, number, external_ref, flux or identifiantFactureCPP."`

	id          int64
	File        string `arg:"" help:"The new invoice, with a new number; - is standard input."`
	ExternalRef string `name:"ref" help:"Idempotency key of the new one; a second insert with it is refused."`
}

func (c replaceCmd) Run(a *app) error {
	doc, err := readInvoice(c.File)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	st, err := a.store()
	if err != nil {
		return err
	}
	if c.id, err = a.find(st, c.Invoice); err != nil {
		return err
	}
	old, _, err := st.Show(a.ctx, c.id)
	if err != nil {
		return err
	}
	id, err := operate.Insert(a.ctx, st, store.Insertion{ExternalRef: c.ExternalRef, Account: old.Account, Document: doc, Replaces: c.id})
	if err != nil {
		return err
	}
	if a.json {
		return a.print(map[string]any{"id": id, "replaces": c.id})
	}
	a.printf(a.either("%s is invoice %d and replaces invoice %d\n", "%s est la facture %d et remplace la facture %d\n"), c.File, id, c.id)
	return nil
}
