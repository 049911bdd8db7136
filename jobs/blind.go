package jobs

import (
	"context"
	"slices"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/crash"
	"github.com/choriste/choriste/store"
)

// An index that is down, or a right that was taken away without a word, looks like an empty search whose counts agree. So whatever is concluded from what the portal
// does not show rests on a search, made at the same time, for what it has shown before of the same supplier.

// codeBlind says of a look-up that the portal did not show what it has shown before.
const codeBlind = "BLIND"

// sighted takes a search that found nothing for incomplete if the portal is blind for the supplier now. listed is a listing that may show that it is not.
func (j *Jobs) sighted(ctx context.Context, acct *Account, inv store.Invoice, structure int64, at time.Time, f search, listed map[string][]chorus.Facture) (search, error) {
	if crash.Mutant(crash.NoWitness) {
		return f, nil
	}
	supplier := inv.FournisseurSIRET // the structure that is searched is a SIRET's
	if structure == 0 {
		supplier = inv.Siren()
	}
	known, err := j.Store.Shown(ctx, acct.Name, supplier, inv.NumeroFacture, at)
	if err == nil {
		f.blind, err = j.blind(ctx, acct, structure, known, listed)
	}
	if err != nil || f.blind {
		f.complete, f.witness = false, false
	}
	return f, err
}

// blind tells that the portal shows none of what it has shown before. Nothing known: it may see or not.
func (j *Jobs) blind(ctx context.Context, acct *Account, structure int64, known []store.Invoice, listed map[string][]chorus.Facture) (bool, error) {
	for _, k := range known {
		if slices.ContainsFunc(listed[k.NumeroFacture], func(f chorus.Facture) bool { return sameKey(k, f) }) {
			return false, nil
		}
	}
	for _, k := range known {
		found, err := acct.Client.Search(ctx, chorus.LaneResolve, chorus.Query{NumeroFacture: k.NumeroFacture, IDFournisseur: structure})
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(found.Factures, func(f chorus.Facture) bool { return sameKey(k, f) }) {
			return false, nil
		}
	}
	if len(known) > 0 {
		j.Log.Warn("the portal's search does not show what it has shown before: nothing counts as absent until it does",
			"account", acct.Name, "supplier", known[0].FournisseurSIRET, "numero", known[0].NumeroFacture)
	}
	return len(known) > 0, nil
}
