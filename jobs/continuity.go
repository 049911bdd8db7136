package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/store"
)

// CompareArgs has an account compared with the portal before anything is sent for it.
type CompareArgs struct {
	Account string `json:"account"`
}

// Kind names the job for River.
func (CompareArgs) Kind() string { return "compare" }

// InsertCompare is what River is given to compare an account.
func InsertCompare(account string) river.InsertManyParams {
	return once(CompareArgs{account}, QueueFollow, 1)
}

// readWithin is how long the documents that waited at the start may take to be read before the comparison does without their numbers, a minute by default.
// They are compared then as the change feed shows what the portal holds.
func (s Settings) readWithin() time.Duration { return 2 * s.ResolveAfter }

// compareAccount asks the portal what it has got since a worker was last alive. An invoice that has a row here, and came to the portal by a flux that no attempt
// explains, shows that the database was taken back. Until the portal has answered in full, nothing is sent for the account: a crash leaves that as it is.
func (j *Jobs) compareAccount(ctx context.Context, account string) error {
	acct, err := j.account(account)
	if err != nil {
		return cmp.Or(j.Store.CompareLater(ctx, account, j.Settings.passOn()), err)
	}
	c, err := j.Store.Comparing(ctx, account)
	if err != nil {
		return err
	}
	if c.Unread && c.Waiting < j.Settings.readWithin() {
		return j.Store.CompareLater(ctx, account, min(200*time.Millisecond, j.Settings.readWithin()/4))
	}
	defer j.Poke()
	if !c.Listed {
		return j.Store.CompareLater(ctx, account, min(200*time.Millisecond, j.Settings.readWithin()/4))
	}
	run, state := j.comparingOf.take(account, c, j.Listers)
	switch state {
	case isCompared:
		return j.Store.CompareLater(ctx, account, about(j.Settings.slice()))
	case noPlace:
		return j.Store.CompareLater(ctx, account, about(j.Settings.slice()/4))
	}
	over := true
	defer func() { j.comparingOf.leave(account, run, over) }()
	if err := j.Store.CompareLater(ctx, account, j.Settings.Timeout()); err != nil { // no other job beside this one
		over = false
		return err
	}
	if err := j.comparePages(ctx, acct, c, run); err != nil {
		over = !run.goesOn(err)
		return j.notCompared(ctx, acct, c, run, err)
	}
	if run.forgot != nil {
		j.Memory.Doubt(run.forgot) // whose quarantine ends the comparison
		return nil
	}
	if err := j.Store.Compared(ctx, account, c); err != nil {
		return err
	}
	j.Log.Info("compared before anything is sent: the portal holds nothing that waits here to be sent", "account", account, "since", c.Since, "invoices", len(run.read.IDs), "pages", run.read.Page)
	return j.Store.CanSearch(ctx, account, true)
}

// errBlind says that the portal does not show what it has shown before, so that nothing can be concluded from what else it does not show.
var errBlind = errors.New("the portal's search does not show what it has shown before")

// blindWithin is how long the portal is given to show it again before a person is asked: half an hour by default.
func (s Settings) blindWithin() time.Duration { return 60 * s.ResolveAfter }

// comparePages goes on reading what the portal has got. An invoice may show that the database was taken back, or that its clock is behind: a quarantine
// that began by such a clock would hold too little, so that comes first.
func (j *Jobs) comparePages(ctx context.Context, acct *Account, c store.Comparison, run *comparing) error {
	query := chorus.Query{DepotDu: chorus.StartOfDay(c.Since), DepotAu: run.until, PageSize: most, MayGrow: true}
	err := j.readPages(ctx, acct, query, &run.progress, func(p chorus.Page) (enough bool, err error) {
		if day := toCome(p.Factures, c.Now); day != "" && !c.Vouched && !c.Resumed { // by who resumed the account: our clock is right
			return true, &store.Lag{Day: day, Now: c.Now}
		}
		for _, f := range p.Factures {
			key := store.BareNumber(f.NumeroFacture)
			run.l.numbers[key] = append(run.l.numbers[key], chorus.Facture{NumeroFacture: f.NumeroFacture, DateFacture: f.DateFacture, CodeFournisseur: f.CodeFournisseur, IdentifiantFactureCPP: f.IdentifiantFactureCPP})
			run.shown[f.CodeFournisseur] = true
		}
		if run.forgot == nil {
			run.forgot, err = j.unsent(ctx, acct.Name, c, run, p.Factures)
		}
		if run.forgot == nil && err == nil {
			run.forgot, err = j.unexplained(ctx, acct.Name, c, run, p.Factures)
		}
		if err == nil {
			err = j.Store.KeepShown(ctx, acct.Name, seenAll(p.Factures))
		}
		return false, err
	})
	run.l.ids = run.read.IDs
	if err == nil && run.forgot == nil && !c.Resumed {
		err = j.mayList(ctx, acct, c, run.l, run.shown)
	}
	return err
}

// mayList makes sure that the listing would have shown what it did not: it leaves out, without a word, the suppliers whose invoices the account may not search, and what an
// index has lost. Each supplier for which something waits is asked for what was shown of it before; one of which nothing was, for the right alone.
func (j *Jobs) mayList(ctx context.Context, acct *Account, c store.Comparison, l shownIn, shown map[string]bool) error {
	structures, err := j.Store.WaitingStructures(ctx, acct.Name)
	if err != nil {
		return err
	}
	for _, w := range structures {
		if w.ID == 0 && !shown[w.Siret] {
			return &chorus.Error{Op: "factures/rechercher/fournisseur", Fault: chorus.FaultRights, RetryAfter: -1, Detail: "the account is not attached to a supplier whose invoices wait"}
		}
		known, err := j.Store.Sights(ctx, acct.Name, w.Siret, "", c.Now)
		if err != nil {
			return err
		}
		blind, err := j.blind(ctx, acct, w.ID, known, time.Now().Add(-j.Settings.ResolveAfter), l)
		if err != nil {
			return err
		}
		if blind {
			return errBlind
		}
		if len(known) > 0 || shown[w.Siret] { // which the right is needed for, too
			continue
		}
		query := chorus.Query{DepotDu: chorus.StartOfDay(c.Now), DepotAu: c.Now, IDFournisseur: w.ID, PageSize: 1}
		for _, err := range acct.Client.SearchPages(ctx, chorus.LaneResolve, query) {
			if err != nil && chorus.FaultOf(err) != chorus.FaultIncomplete {
				return err
			}
			break // the right is all that is asked
		}
	}
	return nil
}

// A database that came back with a copy of its machine may live in the past for a while. So deposits are asked for far beyond its now; and one of a day that it
// has not come to yet shows that its clock is behind: whatever is counted by it proves nothing, until it has been put right.
const (
	far    = 365 * 24 * time.Hour
	oneDay = 24 * time.Hour // the portal tells days, and somewhere it is tomorrow
)

// toCome is the day of a deposit that is still to come by our clock, "" when there is none. A line whose own status is of a moment that is over contradicts itself: such a
// day is a slip of the portal's, and says nothing of a clock.
func toCome(page []chorus.Facture, now time.Time) string {
	for _, f := range page {
		slip := !f.DateHeureEtatCourant.Time.IsZero() && !f.DateHeureEtatCourant.Time.After(now.Add(oneDay))
		if f.DateDepot.Time.After(now.Add(oneDay)) && !slip {
			return f.DateDepot.Day()
		}
	}
	return ""
}

// unsent compares a page. What came by a flux is ours and forgotten, unless it was shown before; what a person typed in is looked up like anything else that may be there.
func (j *Jobs) unsent(ctx context.Context, account string, c store.Comparison, run *comparing, page []chorus.Facture) (*store.Forgot, error) {
	found, known, err := j.Store.Unsent(ctx, account, c.Since, c.Asked, seenAll(page))
	if err != nil {
		return nil, err
	}
	for k, id := range found {
		f := page[k]
		flux := f.NumeroFluxDepot != "" && !typedIn(f.ModeDepot) && !known[k] && !c.Resumed
		if flux {
			if err := j.learnUploads(ctx, run); err != nil {
				return nil, err
			}
		}
		if flux && !run.uploads[f.ModeDepot] {
			return &store.Forgot{
				Witness: store.WitnessPortal, Kind: store.KindRestore, Since: c.Since,
				Detail: fmt.Sprintf("Chorus Pro has got invoice %d by flux %s, and no deposit that is known here explains that", id, f.NumeroFluxDepot),
			}, nil
		}
		if err := j.Store.LookNow(ctx, id); err != nil {
			return nil, err
		}
	}
	return nil, nil //nolint:nilnil // nothing was forgotten
}

// unexplained compares a page with what no row stands for: a flux of which nothing is known here is a deposit that was forgotten with its row. Where somebody else deposits
// by flux for the supplier, or for the account if nothing was ever sent for the supplier, another one is nothing new. A first start has nothing to forget; a
// pause forgets nothing.
func (j *Jobs) unexplained(ctx context.Context, account string, c store.Comparison, run *comparing, page []chorus.Facture) (*store.Forgot, error) {
	if c.First || c.Resumed {
		return nil, nil //nolint:nilnil // nothing was forgotten
	}
	found, served, err := j.Store.Unexplained(ctx, c.Since, seenAll(page))
	if err != nil {
		return nil, err
	}
	for _, k := range found {
		f := page[k]
		if typedIn(f.ModeDepot) {
			continue
		}
		if err := j.learnUploads(ctx, run); err != nil {
			return nil, err
		}
		if run.uploads[f.ModeDepot] {
			continue
		}
		if run.usual == nil {
			if run.usual, err = j.Store.Usual(ctx, account, c.Since, run.uploads); err != nil {
				return nil, err
			}
		}
		if run.usual[f.CodeFournisseur] || !served[k] && len(run.usual) > 0 {
			continue
		}
		return &store.Forgot{
			Witness: store.WitnessPortal, Kind: store.KindRestore, Since: c.Since,
			Detail: fmt.Sprintf("Chorus Pro has got an invoice of %s by flux %s, and no row and no deposit that is known here explains that", f.CodeFournisseur, f.NumeroFluxDepot),
		}, nil
	}
	return nil, nil //nolint:nilnil // nothing was forgotten
}

// learnUploads finds out which ways of deposit are files that a person uploaded at the portal: those make a flux, too, and it was never ours.
func (j *Jobs) learnUploads(ctx context.Context, run *comparing) (err error) {
	if run.uploads == nil {
		run.uploads, err = j.Store.Uploads(ctx)
	}
	return err
}

func seenAll(page []chorus.Facture) []store.Seen {
	seen := make([]store.Seen, len(page))
	for k, f := range page {
		seen[k] = seenOf(f)
	}
	return seen
}

// notCompared decides what happens to an account that the portal does not answer for. It waits: unknown is no success. Where the account may not search, the
// portal will never answer. Then what workers remember outside the database must vouch for it, or a person (choriste resume).
func (j *Jobs) notCompared(ctx context.Context, acct *Account, c store.Comparison, run *comparing, err error) error {
	if more := (*reading)(nil); errors.As(err, &more) {
		if time.Since(run.said) > 2*j.Settings.ResolveAfter {
			run.said = time.Now()
			j.Log.Info("what the portal holds is being listed before anything is sent", "account", acct.Name, "since", c.Since, "page", run.read.Page, "of", run.read.Pages)
		}
		return j.Store.CompareOn(ctx, acct.Name, more.wait, run.read.Page, run.read.Pages, "")
	}
	if wait, ok := busy(err); ok {
		return j.Store.CompareLater(ctx, acct.Name, about(wait))
	}
	if ctx.Err() != nil || store.SQLState(err) != "" {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			j.Log.Warn("the portal has not listed what it holds in the time of a job: the next one goes on", "account", acct.Name, "page", run.read.Page, "of", run.read.Pages)
		}
		return err
	}
	if lag := (*store.Lag)(nil); errors.As(err, &lag) {
		j.Log.Error(behind, "account", acct.Name, "error", lag)
		if c.Waited > j.Settings.blindWithin() { // a clock that is put right by itself is, by then
			return j.Store.SetPaused(ctx, acct.Name, true, store.NotVouched+lag.Error()+toComeAsks)
		}
		return j.Store.CompareLater(ctx, acct.Name, about(j.Settings.ResolveAfter))
	}
	if errors.Is(err, errBlind) {
		switch {
		case c.Vouched:
			j.Log.Warn("the portal does not show what it has shown before: that the database was not taken back rests on the word of who resumed the account", "account", acct.Name)
			return j.Store.Compared(ctx, acct.Name, c)
		case c.Waited > j.Settings.blindWithin():
			j.Log.Error("no worker vouches for the database, and the portal does not show what it has shown before: nobody can tell whether the database was taken back", "account", acct.Name)
			return j.Store.SetPaused(ctx, acct.Name, true, notShown)
		}
		return j.Store.CompareLater(ctx, acct.Name, about(j.Settings.ResolveAfter))
	}
	fault := chorus.FaultOf(err)
	switch {
	case fault != chorus.FaultIncomplete:
	case c.Vouched:
		j.Log.Warn("what the portal lists does not add up: that nothing that waits here is there already rests on the word of who resumed the account", "account", acct.Name, "error", err)
		return j.Store.Compared(ctx, acct.Name, c)
	case j.comparingOf.failed(acct.Name, c.Asked) >= mostFailed && c.Waited > j.Settings.blindWithin():
		j.Log.Error("what the portal lists does not add up, and nobody can tell whether it holds already what waits here", "account", acct.Name, "error", err)
		return j.Store.SetPaused(ctx, acct.Name, true, doesNotAddUp)
	}
	j.blame(ctx, acct, err)
	if fault != chorus.FaultRights {
		j.Log.Warn("deposits wait until the portal has told what it holds: the account was paused, or the portal away, or no worker vouches for the database, which may have been taken back",
			"account", acct.Name, "since", c.Since, "fault", fault, "error", err)
		return j.Store.CompareOn(ctx, acct.Name, about(max(j.Settings.ResolveAfter/4, min(retryIn(fault), 8*j.Settings.ResolveAfter))), run.read.Page, run.read.Pages, string(fault))
	}
	if err := j.Store.CanSearch(ctx, acct.Name, false); err != nil {
		return err
	}
	lived, yet := j.Memory.Lived(c.Since, c.Asked)
	switch {
	case c.Resumed: // nobody can look, as before
	case yet:
		return j.Store.CompareLater(ctx, acct.Name, time.Second)
	case lived:
		j.Log.Warn("the account may not search: that the database was not taken back while no worker beat rests on what this worker, which ran before, remembers",
			"account", acct.Name, "silent", c.Silence())
	case c.First && j.Memory.Elsewhere().IsZero():
	case j.Memory.Vouched(acct.Name):
		j.Log.Warn("the account may not search: that the database was not taken back rests on what this worker has kept outside of it", "account", acct.Name)
	case c.Vouched:
		j.Log.Warn("the account may not search: that the database was not taken back rests on the word of who resumed it", "account", acct.Name)
	default: // when it is resumed, it is compared again
		j.Log.Error("the account may not search, and no worker vouches for the database: nobody can tell whether it was taken back", "account", acct.Name, "silent", c.Silence())
		return j.Store.SetPaused(ctx, acct.Name, true, fmt.Sprintf(notVouched, c.Silence(), store.Stamp(c.Asked)))
	}
	return j.Store.Compared(ctx, acct.Name, c)
}

// behind is what the log says when the portal tells of a day that is still to come.
const behind = "PostgreSQL's clock is behind, or Chorus Pro's is ahead: nothing is sent for this account, and nothing counts as absent, until it has been put right (chrony, systemd-timesyncd)"

// toComeAsks asks a person about a clock. chorus.todo has it in French.
const toComeAsks = ": PostgreSQL's clock is behind, or Chorus Pro's is ahead. Compare both with the time of day (choriste doctor); put PostgreSQL's right if it is wrong; then resume the account: " +
	"it is compared with what Chorus Pro holds before anything is sent, in case the database was restored"

// notShown asks a person about an account whose portal does not show all that it has shown before. chorus.todo has it in French.
const notShown = store.NotVouched + "no worker vouches for the database, and Chorus Pro shows less than it has shown before: its search is down or lacks something, or it was emptied (a sandbox). " +
	"Nothing is sent until it shows all of that again. Otherwise a person must say whether the database was restored from a backup: resume the account if it was not"

// doesNotAddUp asks a person about an account of which the portal's list never adds up. chorus.todo has it in French.
const doesNotAddUp = store.NotVouched + "what Chorus Pro lists of this account does not add up: it leaves rows out, repeats them, or does not say which invoices they are (the log says what). " +
	"What it listed was compared. A person must say that the rest of what waits here was not typed in at Chorus Pro, and that the database was not restored from a backup: look at the portal, cancel what it holds already, and resume the account"

const notVouched = store.NotVouched + "no worker vouches for the %s before %s, and Chorus Pro does not let the account search: a person must say whether the database was restored from a backup. " +
	"Give the account the space Factures émises of its structures at Chorus Pro and resume it: it is compared before anything is sent. Without that right, resume it if " +
	"nothing was restored; if something was, look at the portal first, and cancel what it holds already"
