package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

type evidenceCmd struct {
	Invoice string `arg:"" name:"id" help:"The invoice, by its id, number, external_ref, flux or identifiantFactureCPP; or a query, as siret:21750001600019 since:2026-11-01."`
	Out     string `short:"o" required:"" placeholder:"FILE" help:"The archive to write (zip); one that is there is left alone."`
}

func (c evidenceCmd) Run(a *app) error {
	st, err := a.store()
	if err != nil {
		return err
	}
	ids, err := c.invoices(a, st)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return errors.New(visible.Short(c.Out) + " is there already: it is left alone")
	}
	if err != nil {
		return fileError(c.Out, err)
	}
	m, err := operate.WriteEvidence(a.ctx, st.Pool(), f, ids)
	if err := errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(c.Out)
		return err
	}
	if a.json {
		return a.print(m)
	}
	a.printf("%s: %d invoices, %d files; history stands at event %d, %s\n", c.Out, len(ids), len(m.Files), m.Head.Seq, m.Head.SHA256)
	return nil
}

// invoices are the ids that are meant.
func (c evidenceCmd) invoices(a *app, st *store.Store) ([]int64, error) {
	if !strings.Contains(c.Invoice, ":") {
		id, err := a.find(st, c.Invoice)
		return []int64{id}, err
	}
	q, err := operate.ParseQuery(c.Invoice)
	if err == nil {
		err = q.Check(a.ctx, st)
	}
	if err != nil {
		return nil, err
	}
	list, err := operate.Invoices(a.ctx, st, operate.Listing{Query: q, Limit: operate.MostEvidence + 1})
	switch {
	case err != nil:
		return nil, err
	case len(list) == 0:
		return nil, errors.New("no invoice is selected")
	case len(list) > operate.MostEvidence:
		return nil, fmt.Errorf("more than %d invoices are selected: ask for fewer at a time", operate.MostEvidence)
	}
	var ids []int64
	for _, i := range list {
		ids = append(ids, i.ID)
	}
	return ids, nil
}

type verifyCmd struct {
	File     string `arg:"" optional:"" help:"An archive that choriste evidence wrote."`
	Database bool   `help:"Check history, attempts, invoices and exchanges in the database; with FILE, compare its events with the database instead."`
	Head     string `help:"With --database: a head that was announced, as SEQ:SHA256, in the log or in an archive." placeholder:"SEQ:SHA256"`
}

func (c verifyCmd) Run(a *app) error {
	anchor, err := headOf(c.Head)
	switch {
	case err != nil:
		return err
	case c.File == "" && !c.Database:
		return usageError{errors.New("say what is to be verified: FILE or --database")}
	case c.Head != "" && (!c.Database || c.File != ""):
		return usageError{errors.New("--head goes with --database, without FILE")}
	case c.File != "":
		return c.archive(a)
	}
	st, err := a.store()
	if err != nil {
		return err
	}
	wrong := 0
	v, err := operate.VerifyDatabase(a.ctx, st.Pool(), anchor, func(text string) {
		wrong++
		if !a.json {
			a.printf("%s\n", text)
		} else {
			_ = a.print(map[string]string{"wrong": text})
		}
	})
	if err != nil {
		return err
	}
	if a.json {
		err = a.print(v)
	} else {
		a.printf("%d events, %d invoices, %d of them sent, %d exchanges; history stands at event %d, %s\n", v.Events, v.Invoices, v.Attempts, v.Exchanges, v.Head.Seq, v.Head.SHA256)
	}
	return errors.Join(err, differs(wrong))
}

func (c verifyCmd) archive(a *app) error {
	f, err := os.Open(c.File)
	if err != nil {
		return fileError(c.File, err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	m, events, wrong := operate.VerifyArchive(f, info.Size())
	if c.Database {
		st, err := a.store()
		if err != nil {
			return err
		}
		more, err := operate.CompareWithDatabase(a.ctx, st.Pool(), events)
		if err != nil {
			return err
		}
		wrong = append(wrong, more...)
	}
	for _, text := range wrong {
		if a.json {
			err = a.print(map[string]string{"wrong": text})
		} else {
			a.printf("%s\n", text)
		}
		if err != nil {
			return err
		}
	}
	if len(wrong) == 0 && !a.json {
		a.printf("all is as it was: %d files, %d events, written %s by %s\n", len(m.Files), len(events), store.Stamp(m.Made), m.By)
	}
	return differs(len(wrong))
}

func differs(wrong int) error {
	if wrong == 0 {
		return nil
	}
	return fmt.Errorf("not all is as it was: %d differences", wrong)
}

// headOf reads SEQ:SHA256.
func headOf(text string) (h operate.EvidenceHead, err error) {
	if text == "" {
		return h, nil
	}
	seq, sum, _ := strings.Cut(text, ":")
	if h.Seq, err = strconv.ParseInt(seq, 10, 64); err != nil || h.Seq < 1 || len(sum) != 64 {
		return h, usageError{fmt.Errorf("--head: %q is not a head as 4711:SHA256", text)}
	}
	h.SHA256 = strings.ToLower(sum)
	return h, nil
}

// fileError says what is wrong with a file. Its own error would pass for one of the connection to the database.
func fileError(name string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return fmt.Errorf("%s: %s", visible.Short(name), p.Err.Error())
	}
	return fmt.Errorf("%s: it cannot be opened", visible.Short(name))
}
