package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

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
		return inBoth("%s is there already: it is left alone", "%s existe déjà : il est laissé tel quel", visible.Short(c.Out))
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
	a.printf(a.either("%s: %d invoices, %d files; history stands at event %d, %s\n", "%s : %d factures, %d fichiers ; l'historique en est à l'événement %d, %s\n"), c.Out, len(ids), len(m.Files), m.Head.Seq, m.Head.SHA256)
	return nil
}

// invoices are the ids that are meant.
func (c evidenceCmd) invoices(a *app, st *store.Store) ([]int64, error) {
	// What one invoice bears is that one, a colon in it or not.
	found, err := operate.Find(a.ctx, st.Pool(), c.Invoice)
	if err != nil {
		return nil, err
	}
	if len(found) > 0 || !strings.Contains(c.Invoice, ":") {
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
		return nil, inBoth("no invoice is selected", "aucune facture n'est sélectionnée")
	case len(list) > operate.MostEvidence:
		return nil, inBoth("more than %d invoices are selected: ask for fewer at a time", "plus de %d factures sont sélectionnées : demandez-en moins à la fois", operate.MostEvidence)
	}
	var ids []int64
	for _, i := range list {
		ids = append(ids, i.ID)
	}
	return ids, nil
}

type verifyCmd struct {
	File     string `arg:"" optional:"" help:"An archive that choriste evidence wrote."`
	Database bool   `help:"Check history, attempts, invoices and exchanges in the database; with FILE, compare the whole of FILE with what the database would write instead."`
	Restored bool   `help:"Check a restored copy of the database: schema, rights, history, how old it is, and what a worker would look up first. Sends and writes nothing."`
	Head     string `help:"With --database or --restored: a head that was announced, as SEQ:SHA256, in the log or in an archive." placeholder:"SEQ:SHA256"`
}

func (c verifyCmd) Run(a *app) error {
	anchor, err := headOf(c.Head)
	switch {
	case err != nil:
		return err
	case c.File == "" && !c.Database && !c.Restored:
		return usageError{inBoth("say what is to be verified: FILE, --database or --restored", "dites ce qui est à vérifier : FILE, --database ou --restored")}
	case c.Restored && (c.File != "" || c.Database):
		return usageError{inBoth("--restored goes without FILE and without --database", "--restored va sans FILE et sans --database")}
	case c.Head != "" && (!c.Database && !c.Restored || c.File != ""):
		return usageError{inBoth("--head goes with --database or --restored, without FILE", "--head va avec --database ou --restored, sans FILE")}
	case c.Restored:
		return c.restored(a, anchor)
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
		a.printf(a.either("%d events, %d invoices, %d of them sent, %d exchanges; history stands at event %d, %s\n",
			"%d événements, %d factures, dont %d envoyées, %d échanges ; l'historique en est à l'événement %d, %s\n"), v.Events, v.Invoices, v.Attempts, v.Exchanges, v.Head.Seq, v.Head.SHA256)
		a.sayArchived(v.Archived)
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
	var db *pgxpool.Pool
	if c.Database {
		st, err := a.store()
		if err != nil {
			return err
		}
		db = st.Pool()
	}
	checked, err := operate.VerifyArchive(a.ctx, f, info.Size(), db)
	if err != nil {
		return err
	}
	for _, text := range checked.Wrong {
		if a.json {
			err = a.print(map[string]string{"wrong": text})
		} else {
			a.printf("%s\n", text)
		}
		if err != nil {
			return err
		}
	}
	if len(checked.Wrong) > 0 {
		return differs(len(checked.Wrong))
	}
	m := checked.Manifest
	if a.json {
		return a.print(map[string]any{"files": len(m.Files), "events": checked.Events, "made_at": m.Made, "made_by": m.By, "head": m.Head, "compared_with_database": c.Database})
	}
	words := verifyWords[a.lang].files
	if c.Database {
		words = verifyWords[a.lang].database
	}
	a.printf(words, len(m.Files), checked.Events, store.Stamp(m.Made), m.By, m.Head.Seq, m.Head.SHA256)
	return nil
}

// verifyWords say what a check of an archive has found in order, and what that proves. The arguments are the files, the events, when, by whom, and the head.
var verifyWords = map[string]struct{ files, database string }{
	"en": {
		"the files agree with each other: %d files, %d events, written %s by %s; history stood at event %d, %s\n" +
			"This finds what does not fit the rest. It does not prove that choriste wrote the archive: somebody who knows how can write another one that agrees with itself. choriste verify FILE --database compares it with the history.\n",
		"all is as it was: %d files, %d events, written %s by %s; the database says the same, up to event %d, %s\n" +
			"This proves as much as that database does: choriste verify --database --head SEQ:SHA256 checks it against a head that was kept elsewhere.\n",
	},
	"fr": {
		"les fichiers concordent entre eux : %d fichiers, %d événements, écrits le %s par %s ; l'historique en était à l'événement %d, %s\n" +
			"Ce contrôle décèle ce qui ne concorde pas avec le reste. Il ne prouve pas que choriste a écrit l'archive : qui sait comment elle est faite peut en écrire une autre, cohérente elle aussi. choriste verify FICHIER --database la compare à l'historique.\n",
		"tout est resté tel quel : %d fichiers, %d événements, écrits le %s par %s ; la base dit la même chose, jusqu'à l'événement %d, %s\n" +
			"Cela prouve autant que cette base : choriste verify --database --head SEQ:SHA256 la confronte à une empreinte gardée ailleurs.\n",
	},
}

func differs(wrong int) error {
	if wrong == 0 {
		return nil
	}
	return inBoth("not all is as it was: %d differences", "tout n'est pas comme c'était : %d différences", wrong)
}

// headOf reads SEQ:SHA256.
func headOf(text string) (h operate.EvidenceHead, err error) {
	if text == "" {
		return h, nil
	}
	seq, sum, _ := strings.Cut(text, ":")
	if h.Seq, err = strconv.ParseInt(seq, 10, 64); err != nil || h.Seq < 1 || len(sum) != 64 {
		return h, usageError{inBoth("--head: %q is not a head as 4711:SHA256", "--head : %q n'est pas une tête comme 4711:SHA256", text)}
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
