package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/invoice/rules"
	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

type submitCmd struct {
	Files       []string `arg:"" name:"file" help:"Factur-X PDF, CII or UBL files; - is standard input."`
	Account     string   `help:"The technical account that sends them." default:"default"`
	ExternalRef string   `name:"ref" help:"Idempotency key, for one file; a second insert with it is refused."`
	SyntaxeFlux string   `name:"syntaxe" help:"One of Chorus Pro's syntaxeFlux; by itself it is recognised."`
	Fields      string   `help:"For one PDF without XML: the file with what it says, as JSON (docs/sql.md)." type:"path" placeholder:"FILE"`
	Attach      []string `name:"attach" type:"path" help:"For one invoice: a file that goes with it or, if it is no PDF without XML, when its recipient asks for more; may be given several times." placeholder:"FILE"`
	NoCheck     bool     `help:"Insert without checking first (choriste check); the worker checks all the same."`
}

func (c submitCmd) Run(a *app) error {
	if err := knownSyntaxe(c.SyntaxeFlux); err != nil {
		return err
	}
	if c.ExternalRef != "" && len(c.Files) > 1 {
		return usageError{inBoth("--ref is for one file: give it alone", "--ref est pour un seul fichier : donnez-le seul")}
	}
	if c.Fields != "" && len(c.Files) > 1 {
		return usageError{inBoth("--fields is for one file: give it alone", "--fields est pour un seul fichier : donnez-le seul")}
	}
	if len(c.Attach) > 0 && len(c.Files) > 1 {
		return usageError{inBoth("--attach is for one file: give it alone", "--attach est pour un seul fichier : donnez-le seul")}
	}
	attached, err := attachments(c.Attach)
	if err != nil {
		return err
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
		id, r, err := c.one(a, st, name, fields, attached, rules.Options{SyntaxeFlux: c.SyntaxeFlux, Levels: levels, Now: time.Now()})
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
		return inBoth("%d of %d files were not inserted", "%d fichiers sur %d n'ont pas été insérés", failed, len(c.Files))
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
			return nil, inBoth("the file is empty", "le fichier est vide")
		}
		in = f
	}
	doc, err := io.ReadAll(io.LimitReader(in, invoice.MaxBytes+1))
	if err != nil {
		return nil, inBoth("the file cannot be read", "le fichier ne peut pas être lu")
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
		return nil, inBoth("%s: fields have %d bytes at most", "%s : les champs ont au plus %d octets", name, invoice.MaxFields)
	}
	return fields, nil
}

// one checks a file and inserts it. r is what the check says.
func (c submitCmd) one(a *app, st *store.Store, name string, fields []byte, attached []store.Attachment, o rules.Options) (id int64, r checked, err error) {
	r = checked{File: name, Findings: []rules.Finding{}}
	doc, err := readInvoice(name)
	if err != nil {
		return 0, r, err
	}
	if !c.NoCheck {
		if r = judgeFile(name, doc, fields, o, false); r.Error != "" {
			return 0, r, errors.New(r.Error)
		}
		if !r.OK {
			return 0, r, inBoth("it would not be sent, and is not inserted: correct the document, or insert it all the same with --no-check", "elle ne serait pas envoyée, et n'est pas insérée : corrigez le document, ou insérez-la tout de même avec --no-check")
		}
	}
	id, err = operate.Insert(a.ctx, st, store.Insertion{ExternalRef: c.ExternalRef, Account: c.Account, Document: doc, Fields: fields, SyntaxeFlux: c.SyntaxeFlux, Attachments: attached})
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
		a.printf(a.either("%s is invoice %d\n", "%s est la facture %d\n"), r.File, id)
	}
	a.causes(r.Findings, checkWords[a.lang], a.lang)
	return nil
}
