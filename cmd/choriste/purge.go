package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

type purgeCmd struct {
	Account string `help:"Only this account." placeholder:"NAME"`
	DryRun  bool   `help:"Only count what is due; that is also what happens without --yes."`
	Yes     bool   `help:"Delete what is due. Workers do so by themselves; this does it now."`
	Expect  int64  `help:"With --yes: do nothing unless exactly so many are due, as a dry run has said." placeholder:"N" default:"-1"`
	Limit   int64  `help:"With --yes: at most so many; 0 is all." default:"0"`
	Keep    string `help:"Set how long documents of --account stay after their invoice is final, as 30d; forever: nothing is purged. Ends an erasure, too." placeholder:"AGE"`
	Erase   bool   `help:"From tomorrow on, have all of --account that is final lose its document and metadata, whatever its age; it takes no new invoices."`
	Reason  string `help:"Why; kept in the history. Needed with --keep and --erase." placeholder:"TEXT"`
}

// Validate is called by kong.
func (c purgeCmd) Validate() error {
	acts := 0
	for _, is := range []bool{c.DryRun, c.Yes, c.Keep != "", c.Erase} {
		if is {
			acts++
		}
	}
	_, ok := c.keep()
	switch {
	case acts > 1:
		return errors.New("one at a time: --dry-run, --yes, --keep or --erase")
	case !c.Yes && (c.Expect >= 0 || c.Limit != 0):
		return errors.New("--expect and --limit go with --yes")
	case c.Limit < 0:
		return errors.New("--limit is not negative")
	case !ok:
		return fmt.Errorf("--keep: %q is neither forever nor an age from 1d to 36500d, as 30d", c.Keep)
	case (c.Keep != "" || c.Erase) && (c.Account == "" || c.Reason == ""):
		return errors.New("--keep and --erase need --account and --reason")
	}
	return nil
}

// keep reads --keep; 0 is for ever.
func (c purgeCmd) keep() (time.Duration, bool) {
	if c.Keep == "" || c.Keep == "forever" {
		return 0, true
	}
	age, ok := operate.ParseAge(c.Keep)
	return age, ok && age >= 24*time.Hour
}

func (c purgeCmd) Run(a *app) error {
	st, err := a.store()
	if err != nil {
		return err
	}
	switch {
	case c.Keep != "":
		return c.set(a, st)
	case c.Erase:
		from, err := st.EraseAccount(a.ctx, c.Account, c.Reason)
		if err != nil {
			return a.account(st, c.Account, err)
		}
		if a.json {
			return a.print(map[string]any{"account": c.Account, "erase_after": from})
		}
		a.printf(a.either("%s takes no new invoices, and is erased from %s on; choriste purge --keep takes that back until then\n",
			"%s ne prend plus de factures et sera effacé à partir du %s ; d'ici là, choriste purge --keep annule\n"), c.Account, store.Stamp(from))
		return nil
	}
	list, err := st.Retentions(a.ctx, c.Account)
	if err != nil {
		return err
	}
	if c.Account != "" && len(list) == 0 {
		accounts, _, err := st.Known(a.ctx)
		if err != nil {
			return err
		}
		return among("account", c.Account, accounts)
	}
	waits, err := st.PurgeWaits(a.ctx)
	if err != nil {
		return err
	}
	if c.Yes {
		return c.purge(a, st, list, waits)
	}
	return c.show(a, list, waits)
}

func (c purgeCmd) set(a *app, st *store.Store) error {
	keep, _ := c.keep()
	if err := st.KeepDocuments(a.ctx, c.Account, keep, c.Reason); err != nil {
		return a.account(st, c.Account, err)
	}
	if a.json {
		return a.print(map[string]any{"account": c.Account, "keep": c.Keep})
	}
	if keep == 0 {
		a.printf(a.either("%s keeps its documents for ever\n", "%s garde ses documents sans limite\n"), c.Account)
		return nil
	}
	a.printf(a.either("%s keeps a document for %s after its invoice is final; choriste purge says what is due\n",
		"%s garde un document %s après la fin de sa facture ; choriste purge dit ce qui est à supprimer\n"), c.Account, c.Keep)
	return nil
}

// show counts what is due, and deletes nothing.
func (c purgeCmd) show(a *app, list []store.Retention, waits string) error {
	if a.json {
		for _, r := range list {
			if err := a.print(struct {
				store.Retention
				Waits string `json:"waits,omitempty"`
			}{r, waits}); err != nil {
				return err
			}
		}
		return nil
	}
	w := visible.NewTable(a.out)
	w.Printf(a.either("ACCOUNT\tKEEPS\tDUE\tMB\tEXCHANGES\tFILES\tHELD\tNOT FINAL\n", "COMPTE\tGARDE\tÀ SUPPRIMER\tMO\tÉCHANGES\tFICHIERS\tRETENUES\tEN COURS\n"))
	for _, r := range list {
		keep := a.either("for ever", "sans limite")
		switch {
		case r.EraseAfter != nil:
			keep = a.either("erased from ", "effacé dès ") + r.EraseAfter.Local().Format(time.DateOnly)
		case r.Keep != nil:
			keep = *r.Keep
		}
		w.Printf("%s\t%s\t%d\t%.1f\t%d\t%d\t%d\t%d\n", r.Account, keep, r.Due, float64(r.Bytes)/1e6, r.Exchanges, r.Files, r.Held, r.NotFinal)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if waits != "" {
		a.printf(a.either("nothing is purged now: %s\n", "rien n'est supprimé pour l'instant : %s\n"), a.said(waits))
	}
	return nil
}

// purge deletes what is due, in small transactions, and says how far it has come.
func (c purgeCmd) purge(a *app, st *store.Store, list []store.Retention, waits string) error {
	var due int64
	for _, r := range list {
		due += r.Due
	}
	switch {
	case c.Expect >= 0 && due != c.Expect:
		return fmt.Errorf("%d documents are due, and not %d: nothing was deleted", due, c.Expect)
	case due > 0 && waits != "":
		return fmt.Errorf("nothing is purged now: %s", waits)
	}
	var all store.Purged
	said := time.Now()
	for _, r := range list {
		for r.Due > 0 && (c.Limit == 0 || all.Invoices < c.Limit) {
			most := int64(store.PurgeBatch)
			if c.Limit > 0 {
				most = min(most, c.Limit-all.Invoices)
			}
			p, err := st.Purge(a.ctx, r.Account, int(most))
			if a.ctx.Err() != nil {
				return inBoth("interrupted after %d of %d: the same command goes on with the rest", "interrompu après %d sur %d : la même commande continue avec le reste", all.Invoices, due)
			}
			if err != nil {
				return fmt.Errorf("after %d of %d: %w", all.Invoices, due, err)
			}
			all.Add(p)
			if p.Invoices == 0 {
				break
			}
			if time.Since(said) > time.Second {
				said = time.Now()
				a.warnf(a.either("%d of %d\n", "%d sur %d\n"), all.Invoices, due)
			}
		}
	}
	if a.json {
		return a.print(all)
	}
	a.printf(a.either("%d documents were deleted (%.1f MB), with %d exchanges and %d files\n", "%d documents supprimés (%.1f Mo), avec %d échanges et %d fichiers\n"),
		all.Invoices, float64(all.Bytes)/1e6, all.Exchanges, all.Files)
	return nil
}
