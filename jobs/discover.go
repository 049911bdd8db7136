package jobs

import (
	"cmp"
	"context"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/store"
)

// discoverEvery is how often an account's supplier structures are asked for.
const discoverEvery = 6 * time.Hour

// discover asks which supplier structures the account may act for; each has a change feed.
func (j *Jobs) discover(ctx context.Context, account string) error {
	acct, err := j.account(account)
	if err != nil {
		return cmp.Or(j.Store.Ask(ctx, account, j.Settings.passOn(), ""), err)
	}
	list, err := acct.Client.Structures(ctx, chorus.LaneSync)
	if err != nil {
		fault := chorus.FaultOf(err)
		j.blame(ctx, acct, err)
		if _, ok := busy(err); ok {
			return j.Store.Ask(ctx, account, retryIn(fault), "")
		}
		j.Log.Warn("the account's structures could not be asked for", "account", account, "fault", fault, "error", err)
		return j.Store.Ask(ctx, account, retryIn(fault), string(fault))
	}
	structures := make([]store.Structure, len(list))
	for i, s := range list {
		structures[i] = store.Structure{Account: account, ID: s.IDStructureCPP, Identifiant: s.Identifiant, Designation: s.DesignationStructure}
	}
	if len(list) == 0 {
		j.Log.Warn("the technical account is attached to no supplier structure: invoices can be sent, but not followed", "account", account)
	}
	defer j.Poke()
	if err := j.Store.Structures(ctx, account, structures, discoverEvery); err != nil {
		return err
	}
	return j.expiry(ctx, acct, list)
}

// passwordEvery is how often the last day of an account's password is asked for.
const passwordEvery = 24 * time.Hour

// expiry asks for the last day of the account's password, which Chorus Pro tells with the account's own structure (docs/chorus-pro.md §3.6). Which of
// several that is, nobody says: the first ones are tried.
func (j *Jobs) expiry(ctx context.Context, acct *Account, list []chorus.Structure) error {
	due, err := j.Store.PasswordDue(ctx, acct.Name, passwordEvery)
	if err != nil || !due {
		return err
	}
	const tries = 3
	var last time.Time
	for _, s := range list[:min(len(list), tries)] {
		detail, err := acct.Client.Structure(ctx, chorus.LaneSync, s.IDStructureCPP)
		if err != nil {
			j.blame(ctx, acct, err)
			if _, ok := busy(err); !ok {
				j.Log.Warn("the last day of the account's password could not be asked for", "account", acct.Name, "fault", chorus.FaultOf(err), "error", err)
			}
			return nil // with the structures, next time
		}
		if last = detail.DateExpirationMotPasseCompteTech.Time; !last.IsZero() {
			break
		}
	}
	if err := j.Store.PasswordExpires(ctx, acct.Name, last); err != nil {
		return err
	}
	j.Remind()
	return nil
}
