package jobs

import (
	"context"
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

// readWithin is how long the documents that waited at the start may take to be read before the comparison does without their numbers. They are compared then
// as the change feed shows what the portal holds.
const readWithin = time.Minute

// compareAccount asks the portal what it has got since a worker was last alive. An invoice that waits here to be sent, and came to the portal by a flux, shows
// that the database was taken back. Until the portal has answered in full, nothing is sent for the account: a crash leaves that as it is.
func (j *Jobs) compareAccount(ctx context.Context, account string) error {
	acct, err := j.account(account)
	if err != nil {
		return err
	}
	c, err := j.Store.Comparing(ctx, account)
	if err != nil {
		return err
	}
	if c.Unread && time.Duration(c.Waiting)*time.Second < readWithin {
		return j.Store.CompareLater(ctx, account, 200*time.Millisecond)
	}
	defer j.Poke()
	pages, rows := 0, 0
	query := chorus.Query{DepotDu: chorus.StartOfDay(c.Since), DepotAu: c.Now, PageSize: most}
	for p, err := range acct.Client.SearchPages(ctx, chorus.LaneResolve, query) {
		if err != nil {
			return j.notCompared(ctx, acct, c, err)
		}
		pages++
		rows += len(p.Factures)
		forgot, err := j.unsent(ctx, account, c.Since, p.Factures)
		if err != nil {
			return err
		}
		if forgot != nil {
			j.Memory.Doubt(forgot) // whose quarantine ends the comparison
			return nil
		}
	}
	if err := j.Store.Compared(ctx, account); err != nil {
		return err
	}
	j.Log.Info("no worker was alive: the portal holds nothing that waits here to be sent", "account", account, "since", c.Since, "invoices", rows, "pages", pages)
	return j.Store.CanSearch(ctx, account, true)
}

// unsent compares a page. What came by a flux is ours and forgotten; what a person typed in is looked up like anything else that may be there.
func (j *Jobs) unsent(ctx context.Context, account string, since time.Time, page []chorus.Facture) (*store.Forgot, error) {
	seen := make([]store.Seen, len(page))
	for k, f := range page {
		seen[k] = seenOf(f)
	}
	found, err := j.Store.Unsent(ctx, account, seen)
	if err != nil {
		return nil, err
	}
	for k, id := range found {
		f := page[k]
		if f.NumeroFluxDepot != "" && !typedIn(f.ModeDepot) {
			return &store.Forgot{
				Witness: store.WitnessPortal, Kind: store.KindRestore, Since: since,
				Detail: fmt.Sprintf("invoice %d waits to be sent, and Chorus Pro has got it by flux %s", id, f.NumeroFluxDepot),
			}, nil
		}
		if err := j.Store.LookNow(ctx, id); err != nil {
			return nil, err
		}
	}
	return nil, nil //nolint:nilnil // nothing was forgotten
}

// notCompared decides what happens to an account that the portal does not answer for. It waits: unknown is no success. Where the account may not search, the
// portal will never answer. Then what workers remember outside the database must vouch for it, or a person (choriste resume).
func (j *Jobs) notCompared(ctx context.Context, acct *Account, c store.Comparison, err error) error {
	if wait, ok := busy(err); ok {
		return j.Store.CompareLater(ctx, acct.Name, about(wait))
	}
	if ctx.Err() != nil || store.SQLState(err) != "" {
		return err
	}
	fault := chorus.FaultOf(err)
	j.blame(ctx, acct, err)
	if fault != chorus.FaultRights {
		j.Log.Warn("deposits wait until the portal has told what it holds: no worker was alive, and the database may have been taken back",
			"account", acct.Name, "since", c.Since, "fault", fault, "error", err)
		return j.Store.CompareLater(ctx, acct.Name, about(max(j.Settings.ResolveAfter/4, retryIn(fault))))
	}
	if err := j.Store.CanSearch(ctx, acct.Name, false); err != nil {
		return err
	}
	switch {
	case j.Memory.Vouched():
		j.Log.Warn("the account may not search: that the database was not taken back rests on what this worker has kept outside of it", "account", acct.Name)
	case c.First:
	default:
		j.Log.Error("the account may not search, and no worker was alive: nobody can tell whether the database was taken back", "account", acct.Name)
		err := j.Store.SetPaused(ctx, acct.Name, true, notVouched)
		if err != nil {
			return err
		}
	}
	return j.Store.Compared(ctx, acct.Name)
}

const notVouched = "no worker was alive, and the account may not search: nobody can tell whether the database was restored from a backup. " +
	"If it was not, resume the account; if it was, look at the portal first"
