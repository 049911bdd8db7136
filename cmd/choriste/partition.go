package main

import (
	"errors"
	"fmt"
	"os/user"
	"regexp"
	"time"

	"github.com/choriste/choriste/archive"
	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

type partitionCmd struct {
	Plan   partitionPlanCmd   `cmd:"" help:"Say what each month of history holds, what could leave, what cutting would do, and whether it pays. Changes nothing."`
	Apply  partitionApplyCmd  `cmd:"" help:"Cut history by month from now on: make this month and the next two. Workers make those that follow."`
	Detach partitionDetachCmd `cmd:"" help:"Write a month whose invoices have all been final for long into a file, read it back, and have it leave the database."`
	Attach partitionAttachCmd `cmd:"" help:"Bring a month back from its file."`
	List   partitionListCmd   `cmd:"" help:"List the months that have left, and those that are back."`
}

// paysFrom is how many events make cutting worth it: below, all of history is some gigabytes, and every question is answered by an index.
const paysFrom = 5_000_000

// monthOf is how a month is shown: 2026-11, or first.
func monthOf(m string) string {
	if len(m) == 6 {
		return m[:4] + "-" + m[4:]
	}
	return m
}

var monthText = regexp.MustCompile(`^(\d{4})-?(0[1-9]|1[0-2])$`)

// month reads one as it is shown.
func month(text string) (string, error) {
	if text == "first" {
		return text, nil
	}
	m := monthText.FindStringSubmatch(text)
	if m == nil {
		return "", usageError{inBoth("%q is no month: say YYYY-MM, or first for what is older than the first month", "%q n'est pas un mois : dites AAAA-MM, ou first pour ce qui précède le premier mois", text)}
	}
	return m[1] + m[2], nil
}

type partitionPlanCmd struct {
	OlderThan string `help:"For how long all invoices of a month must have been final before it may leave." default:"365d" placeholder:"AGE"`
}

// olderThan reads --older-than.
func olderThan(text string) (time.Duration, error) {
	age, ok := operate.ParseAge(text)
	if !ok || age < 24*time.Hour {
		return 0, usageError{inBoth("--older-than: %q is no age of a day or more, as 365d", "--older-than : %q n'est pas une durée d'un jour au moins, comme 365d", text)}
	}
	return age, nil
}

func (c partitionPlanCmd) Run(a *app) error {
	age, err := olderThan(c.OlderThan)
	if err != nil {
		return err
	}
	st, err := a.store()
	if err != nil {
		return err
	}
	list, err := st.Months(a.ctx, age)
	if err != nil {
		return err
	}
	var rows int64
	cut := false
	for _, m := range list {
		rows += m.Rows
		cut = cut || m.Month != "first"
	}
	if a.json {
		for _, m := range list {
			m.Month = monthOf(m.Month)
			if err := a.print(m); err != nil {
				return err
			}
		}
		return a.print(map[string]any{"events": rows, "cut": cut, "pays": rows >= paysFrom, "pays_from": paysFrom})
	}
	w := visible.NewTable(a.out)
	w.Printf(a.either("MONTH\tEVENTS\tMB\tUNTIL\tINVOICES\tNOT FINAL\tTOO YOUNG\tLEAVES\n", "MOIS\tÉVÉNEMENTS\tMO\tJUSQU'AU\tFACTURES\tEN COURS\tTROP JEUNES\tPART\n"))
	for _, m := range list {
		until, leaves := "", a.either("could leave", "peut partir")
		if m.LastAt != nil {
			until = m.LastAt.Local().Format(time.DateOnly)
		}
		if m.Waits != "" {
			leaves = a.either("stays: ", "reste : ") + a.said(m.Waits)
		}
		if !m.Attached {
			leaves = a.either("half away: run partition detach again", "à moitié partie : relancez partition detach")
		}
		w.Printf("%s\t%d\t%.1f\t%s\t%d\t%d\t%d\t%s\n", monthOf(m.Month), m.Rows, float64(m.Bytes)/1e6, until, m.Invoices, m.NotFinal, m.NotOver, leaves)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	switch {
	case cut:
		a.printf(a.either("history is cut by month; workers make the months to come\n", "l'historique est découpé par mois ; les programmes créent les mois à venir\n"))
	case rows < paysFrom:
		a.printf(a.either("not needed yet: %d events, and it pays from some %d on. Until then one table is as fast, and a backup of it takes minutes\n",
			"pas encore utile : %d événements, et cela vaut la peine à partir de %d environ. D'ici là, une seule table est aussi rapide et se sauvegarde en minutes\n"), rows, int64(paysFrom))
	default:
		a.printf(a.either("it pays: choriste partition apply makes this month and the next two as new, empty tables, and what is there becomes the part called first. No row is moved or read; "+
			"the lock is SHARE UPDATE EXCLUSIVE on chorus.events, which neither reading nor writing waits for\n",
			"cela vaut la peine : choriste partition apply crée ce mois et les deux suivants, tables neuves et vides, et l'existant devient la partie appelée first. Aucune ligne n'est déplacée ni lue ; "+
				"le verrou est SHARE UPDATE EXCLUSIVE sur chorus.events, que ni lectures ni écritures n'attendent\n"))
	}
	return nil
}

// room opens the database with the login that may change tables.
func (a *app) room() (*archive.Room, error) {
	s, err := load(a.getenv, "DATABASE_URL")
	if err != nil {
		return nil, err
	}
	st, err := a.store() // whether it is fit
	if err != nil {
		return nil, err
	}
	if err := migrations.Check(a.ctx, st.Pool()); err != nil {
		return nil, err
	}
	who := "owner"
	if u, err := user.Current(); err == nil {
		who = u.Username
	}
	return archive.Open(a.ctx, s.DatabaseURL, "choriste:"+who, func(en, fr string) { a.warnf("%s\n", a.either(en, fr)) })
}

// refused puts what a room refuses into the language.
func refused(err error) error {
	var no *archive.Error
	var waits *archive.Waits
	switch {
	case errors.As(err, &no):
		return errorInBoth{no.En, no.Fr}
	case errors.As(err, &waits):
		fr, _ := store.InFrench(waits.Why)
		return errorInBoth{fmt.Sprintf("the month %s stays: %s", monthOf(waits.Month), waits.Why), fmt.Sprintf("le mois %s reste : %s", monthOf(waits.Month), fr)}
	}
	return err
}

type partitionApplyCmd struct{}

func (partitionApplyCmd) Run(a *app) error {
	room, err := a.room()
	if err != nil {
		return refused(err)
	}
	defer room.Close()
	made, err := room.Apply(a.ctx)
	if err != nil {
		return refused(err)
	}
	for i := range made {
		made[i] = monthOf(made[i])
	}
	if a.json {
		return a.print(map[string]any{"made": made})
	}
	if len(made) == 0 {
		a.printf(a.either("history is cut by month already, and the months to come are there: nothing was done\n", "l'historique est déjà découpé par mois et les mois à venir existent : rien n'a été fait\n"))
		return nil
	}
	a.printf(a.either("made %v; workers make those that follow\n", "créés : %v ; les programmes créent les suivants\n"), made)
	return nil
}

type partitionDetachCmd struct {
	Month     string `arg:"" help:"The month, as YYYY-MM; first is what is older than the first month."`
	To        string `required:"" help:"The directory that the file is written into. Keep it as long as history must be kept." placeholder:"DIR"`
	OlderThan string `help:"Refuse unless all invoices of the month have been final for so long." default:"365d" placeholder:"AGE"`
}

func (c partitionDetachCmd) Run(a *app) error {
	age, err := olderThan(c.OlderThan)
	if err != nil {
		return err
	}
	m, err := month(c.Month)
	if err != nil {
		return err
	}
	room, err := a.room()
	if err != nil {
		return refused(err)
	}
	defer room.Close()
	d, err := room.Detach(a.ctx, m, age, c.To)
	if a.ctx.Err() != nil {
		return inBoth("interrupted: nothing is lost, and the same command goes on", "interrompu : rien n'est perdu, et la même commande continue")
	}
	if err != nil {
		return refused(err)
	}
	d.Month = monthOf(d.Month)
	switch {
	case a.json:
		return a.print(d)
	case d.Before:
		a.printf(a.either("%s has left already, into %s\n", "%s est déjà parti, dans %s\n"), d.Month, d.File)
	default:
		a.printf(a.either("%s has left: %d events are in %s (SHA-256 of its rows %s)\n", "%s est parti : %d événements sont dans %s (SHA-256 de ses lignes %s)\n"), d.Month, d.Events, d.File, d.SHA256)
	}
	return nil
}

type partitionAttachCmd struct {
	File string `arg:"" help:"The file that choriste partition detach wrote, or the manifest beside it."`
}

func (c partitionAttachCmd) Run(a *app) error {
	room, err := a.room()
	if err != nil {
		return refused(err)
	}
	defer room.Close()
	back, err := room.Attach(a.ctx, c.File)
	if a.ctx.Err() != nil {
		return inBoth("interrupted: nothing was changed", "interrompu : rien n'a changé")
	}
	if err != nil {
		return refused(err)
	}
	back.Month = monthOf(back.Month)
	switch {
	case a.json:
		return a.print(back)
	case back.Before:
		a.printf(a.either("%s is in the database already\n", "%s est déjà dans la base\n"), back.Month)
	default:
		a.printf(a.either("%s is back: %d events, and their chain is whole\n", "%s est revenu : %d événements, et leur chaîne est entière\n"), back.Month, back.Events)
	}
	return nil
}

type partitionListCmd struct{}

func (partitionListCmd) Run(a *app) error {
	st, err := a.store()
	if err != nil {
		return err
	}
	list, err := st.Archives(a.ctx)
	if err != nil {
		return err
	}
	if a.json {
		for _, x := range list {
			x.Month = monthOf(x.Month)
			if err := a.print(x); err != nil {
				return err
			}
		}
		return nil
	}
	if len(list) == 0 {
		a.printf(a.either("all of history is in the database\n", "tout l'historique est dans la base\n"))
		return nil
	}
	w := visible.NewTable(a.out)
	w.Printf(a.either("MONTH\tEVENTS\tNUMBERS\tFROM\tUNTIL\tLEFT\tBACK\tFILE\tSHA-256\n", "MOIS\tÉVÉNEMENTS\tNUMÉROS\tDU\tAU\tPARTI\tREVENU\tFICHIER\tSHA-256\n"))
	for _, x := range list {
		back := ""
		if x.AttachedAt != nil {
			back = store.Stamp(*x.AttachedAt)
		}
		w.Printf("%s\t%d\t%d-%d\t%s\t%s\t%s\t%s\t%s\t%s\n", monthOf(x.Month), x.Events, x.FirstSeq, x.LastSeq, x.FirstAt.Local().Format(time.DateOnly), x.LastAt.Local().Format(time.DateOnly),
			store.Stamp(x.ArchivedAt), back, x.File, x.SHA256)
	}
	return w.Flush()
}

// archived warns that a part of what is shown is in archives.
func (a *app) archived(list []store.Archive) {
	for _, x := range list {
		a.warnf(a.either("older history, of %s to %s, is in the archive %s: choriste partition attach brings it back\n",
			"un historique plus ancien, du %s au %s, est dans l'archive %s : choriste partition attach le ramène\n"),
			x.FirstAt.Local().Format(time.DateOnly), x.LastAt.Local().Format(time.DateOnly), x.File)
	}
}

// sayArchived says what a verification has not read.
func (a *app) sayArchived(list []store.Archive) {
	for _, x := range list {
		a.printf(a.either("%d events of %s, numbered from %d to %d, are in the archive %s: the chain passes through its two ends, and its rows were not read\n",
			"%d événements de %s, numérotés de %d à %d, sont dans l'archive %s : la chaîne passe par ses deux bouts, et ses lignes n'ont pas été lues\n"), x.Events, monthOf(x.Month), x.FirstSeq, x.LastSeq, x.File)
	}
}
