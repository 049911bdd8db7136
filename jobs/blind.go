package jobs

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/crash"
	"github.com/choriste/choriste/store"
)

// An index that is down or has lost some hours, or a right that was taken away without a word, looks like a search that found nothing and whose counts agree. So
// whatever is concluded from what the portal does not show rests on a search, made at the same time, for what it has shown before of the same supplier and about the
// same time. All of that must be there.

// codeBlind says of a look-up that the portal did not show what it has shown before.
const codeBlind = "BLIND"

// codeUnseen says of a look-up that the portal has never shown anything of the supplier.
const codeUnseen = "UNSEEN"

// codeClock says of a look-up that the portal shows a deposit of a day that is to come.
const codeClock = "CLOCK"

// sights remembers when a search has shown an invoice, so that many rows in doubt about the same time ask once.
type sights struct {
	mu sync.Mutex
	at map[string]time.Time
}

const mostSights = 10_000

func (s *sights) since(key string, least time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, known := s.at[key]
	return known && !at.Before(least)
}

// sightsFrom is from when on a sight counts beside a search that was made at searched, for an attempt of this age. A proof can rest on it once the horizon is over: then
// only what was asked after the search shows that the search was not blind. Before, a moment ago is enough.
func (s Settings) sightsFrom(searched time.Time, age time.Duration) time.Time {
	if age >= s.Horizon() {
		return searched
	}
	return searched.Add(-s.ResolveAfter)
}

func (s *sights) saw(key string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at == nil || len(s.at) >= mostSights {
		s.at = map[string]time.Time{}
	}
	s.at[key] = at
}

// shownIn is what a listing has shown. It holds every deposit after its first day; of the first day it may lack some, where two clocks differ about the day.
type shownIn struct {
	from    time.Time
	numbers map[string][]chorus.Facture
	ids     []int64 // Chorus Pro's numbers of them
}

func (l shownIn) shows(k store.Sight) bool {
	return k.IdentifiantFactureCPP != 0 && slices.Contains(l.ids, k.IdentifiantFactureCPP) ||
		slices.ContainsFunc(l.numbers[store.BareNumber(k.NumeroFacture)], func(f chorus.Facture) bool { return isSight(k, f) })
}

// isSight tells that the portal shows what it has shown before: by its own number of it, however the invoice's number is written there, or by that number where it tells none.
func isSight(k store.Sight, f chorus.Facture) bool {
	if k.IdentifiantFactureCPP != 0 && f.IdentifiantFactureCPP != 0 {
		return f.IdentifiantFactureCPP == k.IdentifiantFactureCPP && (len(f.CodeFournisseur) < 9 || f.CodeFournisseur[:9] == k.Siren())
	}
	return likeKey(k.Invoice, f)
}

// sighted takes a search that found nothing for incomplete if the portal is blind for the supplier about that time. What was seen before least does not count.
func (j *Jobs) sighted(ctx context.Context, acct *Account, inv store.Invoice, structure int64, at, least time.Time, f search, l shownIn) (search, error) {
	if crash.Mutant(crash.NoWitness) {
		return f, nil
	}
	known, err := j.Store.Sights(ctx, acct.Name, inv.FournisseurSIRET, inv.NumeroFacture, at)
	if err == nil && len(known) == 0 {
		known, err = j.Store.StrangersSeen(ctx, acct.Name, structure, inv.NumeroFacture)
	}
	f.untried = len(known) == 0
	if err == nil {
		f.blind, err = j.blind(ctx, acct, structure, known, least, l)
	}
	if err != nil || f.blind {
		f.complete, f.witness = false, false
	}
	return f, err
}

// blind tells that the portal does not show something that it has shown before. Nothing known: it may see or not.
func (j *Jobs) blind(ctx context.Context, acct *Account, structure int64, known []store.Sight, least time.Time, l shownIn) (bool, error) {
	for _, k := range known {
		seen := l.shows(k)
		if !seen && (l.numbers == nil || !chorus.StartOfDay(k.Deposited).After(l.from)) {
			var err error
			if seen, err = j.sees(ctx, acct, structure, k, least); err != nil {
				return false, err
			}
		}
		if !seen {
			j.Log.Warn("the portal's search does not show what it has shown before: nothing counts as absent until it does",
				"account", acct.Name, "supplier", k.FournisseurSIRET, "numero", k.NumeroFacture)
			return true, nil
		}
	}
	return false, nil
}

// sees asks for one invoice by its number, unless it was seen since least. The portal may write the number otherwise (in capitals, or corrected by hand), and search for what it is
// asked alone: then its flux tells how, and the search must show it under that number.
func (j *Jobs) sees(ctx context.Context, acct *Account, structure int64, k store.Sight, least time.Time) (bool, error) {
	key := fmt.Sprint(acct.Name, " ", structure, " ", k.FournisseurSIRET, " ", k.NumeroFacture)
	if j.sights.since(key, least) {
		return true, nil
	}
	asked := time.Now()
	search := func(q chorus.Query) (*chorus.Facture, error) {
		q.IDFournisseur = structure
		found, err := acct.Client.Search(ctx, chorus.LaneResolve, q)
		if err != nil {
			return nil, err
		}
		n := slices.IndexFunc(found.Factures, func(f chorus.Facture) bool { return isSight(k, f) })
		if n < 0 {
			return nil, nil //nolint:nilnil // it is not shown
		}
		return &found.Factures[n], nil
	}
	f, err := search(chorus.Query{NumeroFacture: k.NumeroFacture})
	if err == nil && f == nil {
		written := store.BareNumber(k.NumeroFacture)
		if k.NumeroFluxDepot != "" {
			if f, err = search(chorus.Query{NumeroFluxDepot: k.NumeroFluxDepot}); f != nil {
				written = f.NumeroFacture
			}
		}
		if f = nil; err == nil && written != "" && written != k.NumeroFacture {
			f, err = search(chorus.Query{NumeroFacture: written})
		}
	}
	if err != nil || f == nil {
		return false, err
	}
	j.sights.saw(key, asked)
	return true, nil
}
