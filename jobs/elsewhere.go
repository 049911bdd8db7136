package jobs

import (
	"context"
	"slices"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/store"
)

// A search by number shows what the portal takes for that number. One that keeps numbers in capitals, and searches for what it is asked, shows nothing of low-1, and
// its counts agree. So absence is only what is not shown by any other way either: the change feed, which asks for periods, and a listing of the days of the attempt.

// elsewhere looks for an invoice that a search by its number did not find among what the change feed has shown and no row stands for, and in what was listed. One
// that is written otherwise is never taken for ours: a person looks at it. One of that very number shows that the search does not see what is there.
// An operator who has looked, and has said that it is another one, is believed.
func (j *Jobs) elsewhere(ctx context.Context, inv store.Invoice, f search, listed []chorus.Facture) (search, error) {
	if inv.ReasonCode == store.ReasonOverride {
		return f, nil
	}
	strangers, err := j.Store.StrangersLike(ctx, inv)
	if err != nil {
		return search{later: f.later}, err
	}
	all := slices.Clone(listed)
	for _, s := range strangers {
		all = append(all, chorus.Facture{
			IdentifiantFactureCPP: s.IdentifiantFactureCPP, NumeroFacture: s.NumeroFacture, CodeFournisseur: s.FournisseurSIRET, DateFacture: chorus.Date{Time: s.DateFacture},
			MontantTTC: s.MontantTTC, NumeroFluxDepot: s.NumeroFlux, Statut: s.Statut,
		})
	}
	is, err := j.likeKeyOf(ctx, inv, all)
	if err != nil {
		return search{later: f.later}, err
	}
	for _, x := range all {
		switch {
		case takenBack(inv, x), !is(inv, x):
		case ofSibling(inv, x):
			if !slices.Contains([]string{"REJETEE", "ABANDONNEE", "SUPPRIMEE"}, x.Statut) { // as chorus.shown has it
				f.taken, f.flux = "fournisseur_siret "+inv.FournisseurSIRET+" ≠ "+x.CodeFournisseur+"; numero_flux_depot – ≠ "+said(x.NumeroFluxDepot), x.NumeroFluxDepot
			}
		case x.NumeroFacture != inv.NumeroFacture:
			f.flux, f.other = x.NumeroFluxDepot, "numero_facture "+said(inv.NumeroFacture)+" ≠ "+said(x.NumeroFacture)+"; numero_flux_depot – ≠ "+said(x.NumeroFluxDepot)
			return f, nil
		case x.Statut != "SUPPRIMEE":
			f.blind, f.complete, f.witness = true, false, false
		}
	}
	return f, nil
}

// ofSibling tells whether the portal's invoice is another establishment's of our supplier.
func ofSibling(inv store.Invoice, f chorus.Facture) bool {
	return len(f.CodeFournisseur) == 14 && digits(f.CodeFournisseur) == f.CodeFournisseur && f.CodeFournisseur != inv.FournisseurSIRET
}

// listAround lists what the portal has got in the days in which the attempt can have landed, when nothing else stands against the proof that it did not. Attempts of the
// same days share a listing that was begun after their horizon.
func (j *Jobs) listAround(ctx context.Context, acct *Account, inv store.Invoice, last store.Attempt, f search) (search, error) {
	if inv.ReasonCode == store.ReasonOverride || last.ClaimedAt.IsZero() {
		return f, nil
	}
	structure, err := j.Store.StructureOf(ctx, inv.Account, inv.FournisseurSIRET)
	if err != nil {
		return search{later: f.later}, err
	}
	since := chorus.StartOfDay(last.ClaimedAt.Add(-time.Hour)).Add(time.Hour)
	until := last.ClaimedAt.Add(j.Settings.SendWithin + j.Settings.LandingDelay)
	l, err := j.listed(ctx, acct, structure, since, until, last.Now, last.Age-j.Settings.Horizon())
	if err != nil {
		return search{later: f.later}, err
	}
	f.complete, f.lag = f.complete && l.complete, l.lag
	return j.elsewhere(ctx, inv, f, l.numbers[store.BareNumber(inv.NumeroFacture)])
}
