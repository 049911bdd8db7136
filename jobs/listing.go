package jobs

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/store"
)

// After a restore every row that waits is in doubt, and may be many. What was forgotten was sent after a moment that is known (store.Attempt.Since), and landed
// within the horizon after the quarantine, so one listing of the account's deposits of that time is a look-up of all those rows at once: the same proof of
// absence, at the price of a few pages, however late they come.

// listing is what the portal has got of an account in some days.
type listing struct {
	since time.Time
	until time.Time // the last moment of a day
	now   time.Time // by the database's clock, at most, when it began
	began time.Time
	ended time.Time
	progress
	busy               bool          // a job reads; with what follows, kept by the cache's lock
	rests              time.Time     // until then no job reads on
	said               time.Time     // when the log was told how far it is
	wantsFrom, wantsTo time.Time     // what those need that were told to come back
	done               chan struct{} // closed when what follows is known
	complete           bool
	lag                bool // it shows a deposit of a day that is to come
	pages              int
	numbers            map[string][]chorus.Facture // by their folded numbers; only what makes the key, and what tells one from another
	err                error

	asking sync.Mutex
	blind  map[sightKey]bool // as far as was asked: the portal does not show what it has shown before
}

// listingCache is the latest listing of each supplier structure, shared by all jobs that it is good for. Each is listed by itself: where the account may not
// search one of several, a listing of all leaves it out without a word.
type listingCache struct {
	mu sync.Mutex
	of map[store.StructureKey]*listing
}

// listed returns a listing of all from since to until that began no longer than stale ago, and reads one when there is none, as far as one job may. One that failed is not
// repeated by each of the rows that wait for it; one that is being read is ended before another begins, whoever needs it. Whoever waits for one that takes long gives its place back.
func (j *Jobs) listed(ctx context.Context, acct *Account, structure int64, since, until, now time.Time, stale time.Duration) (*listing, error) {
	key := store.StructureKey{Account: acct.Name, ID: structure}
	until = chorus.StartOfDay(until.Add(25 * time.Hour)).Add(-time.Nanosecond)
	j.listingOf.mu.Lock()
	l := j.listingOf.of[key]
	fits := l != nil && !l.since.After(since) && !l.until.Before(until) && (time.Since(l.began) <= stale || l.failedWithin(j.Settings.ResolveAfter))
	if l == nil || !fits && (l.over() || l.idle(20*j.Settings.ResolveAfter)) {
		l, fits = l.next(since, until, now), true
		if j.listingOf.of == nil {
			j.listingOf.of = map[store.StructureKey]*listing{}
		}
		j.listingOf.of[key] = l
	}
	if l.over() {
		j.listingOf.mu.Unlock()
		return l, l.err
	}
	l.wanted(since, until)
	leave, mine := func() {}, false
	if !l.busy && !time.Now().Before(l.rests) {
		if leave, mine = j.Listers.try(); mine {
			l.busy = true
		}
	}
	j.listingOf.mu.Unlock()
	if mine {
		defer leave()
		if err := j.list1(ctx, acct, structure, l); err != nil {
			return l, err
		}
	}
	late := time.NewTimer(min(2*time.Second, j.Settings.slice()) - time.Since(l.began))
	defer late.Stop()
	select {
	case <-l.done:
		if fits {
			return l, l.err
		}
	case <-late.C:
	case <-ctx.Done():
		return l, ctx.Err()
	}
	return l, &reading{min(max(time.Since(l.began), j.Settings.ResolveAfter), 20*j.Settings.ResolveAfter)}
}

// next is the listing after this one, if there was one: of what is asked for now, and by those that waited for this one.
func (l *listing) next(since, until, now time.Time) *listing {
	if l != nil && !l.wantsFrom.IsZero() {
		if l.wantsFrom.Before(since) {
			since = l.wantsFrom
		}
		until = later(until, l.wantsTo)
	}
	return &listing{since: since, until: until, now: now, began: time.Now(), done: make(chan struct{}), numbers: map[string][]chorus.Facture{}, blind: map[sightKey]bool{}}
}

func (l *listing) wanted(since, until time.Time) {
	if l.wantsFrom.IsZero() {
		l.wantsFrom, l.wantsTo = since, until
	}
	if since.Before(l.wantsFrom) {
		l.wantsFrom = since
	}
	l.wantsTo = later(l.wantsTo, until)
}

func (l *listing) over() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// idle tells that nobody has read on for so long.
func (l *listing) idle(d time.Duration) bool {
	return !l.busy && time.Since(later(l.began, l.rests)) > d
}

func (l *listing) failedWithin(d time.Duration) bool {
	return l.over() && l.err != nil && time.Since(l.began) < d
}

// list1 goes on reading. An error: it is not over.
func (j *Jobs) list1(ctx context.Context, acct *Account, structure int64, l *listing) error {
	// The day of a deposit is the portal's; an hour allows for clocks that differ.
	query := chorus.Query{DepotDu: chorus.StartOfDay(l.since.Add(-time.Hour)), DepotAu: l.until, IDFournisseur: structure, PageSize: most, MayGrow: true}
	err := errBroke // a panic
	defer func() { j.listedSo(ctx, acct, structure, l, err) }()
	err = j.readPages(ctx, acct, query, &l.progress, func(p chorus.Page) (bool, error) {
		if day := toCome(p.Factures, l.now); day != "" {
			return true, &store.Lag{Day: day, Now: l.now}
		}
		for _, f := range p.Factures {
			key := store.BareNumber(f.NumeroFacture)
			l.numbers[key] = append(l.numbers[key], chorus.Facture{
				NumeroFacture: f.NumeroFacture, DateFacture: f.DateFacture, CodeFournisseur: f.CodeFournisseur,
				IdentifiantFactureCPP: f.IdentifiantFactureCPP, NumeroFluxDepot: f.NumeroFluxDepot, MontantTTC: f.MontantTTC, Statut: f.Statut,
			})
		}
		return false, nil
	})
	if _, goesOn := busy(err); goesOn || err != nil && ctx.Err() != nil {
		return err
	}
	return nil
}

// listedSo writes down how far a listing is.
func (j *Jobs) listedSo(ctx context.Context, acct *Account, structure int64, l *listing, err error) {
	j.listingOf.mu.Lock()
	defer j.listingOf.mu.Unlock()
	l.busy, l.rests = false, time.Now().Add(j.Settings.slice()/4)
	l.pages = l.read.Page
	if wait, goesOn := busy(err); goesOn || err != nil && ctx.Err() != nil {
		if time.Since(l.said) > 2*j.Settings.ResolveAfter {
			l.said = time.Now()
			j.Log.Info("what the portal has got is being listed, for invoices in doubt", "account", acct.Name, "structure", structure, "since", l.since, "page", l.pages, "of", l.read.Pages)
		}
		l.rests = later(l.rests, time.Now().Add(wait))
		return
	}
	l.ended = time.Now()
	defer close(l.done)
	var lag *store.Lag
	switch {
	case errors.As(err, &lag):
		j.Log.Error(behind, "account", acct.Name, "error", lag)
		l.lag = true
	case chorus.FaultOf(err) == chorus.FaultIncomplete:
	case err != nil:
		l.err = err
	default:
		l.complete = true
		j.Log.Info("listed what the portal has got, for all invoices that a quarantine holds", "account", acct.Name, "since", l.since, "until", l.until, "pages", l.pages)
	}
}

// lookUpListed looks for a row that a quarantine holds in a listing that is new enough for it, and only if it is there at the portal itself. The attempt's
// age becomes what it was when the listing began.
func (j *Jobs) lookUpListed(ctx context.Context, acct *Account, inv store.Invoice, last *store.Attempt) (search, store.Seen, store.Lookup, error) {
	stale := last.Age - lookAt(j.Settings, wholeLooks(last.Lookups))
	if n := len(last.Lookups); n > 0 { // each look-up is a listing of its own, or they would prove nothing together
		stale = min(stale, last.Age-last.Lookups[n-1].Age-10*time.Millisecond)
	}
	structure, err := j.Store.StructureOf(ctx, inv.Account, inv.FournisseurSIRET)
	if err != nil {
		return search{}, store.Seen{}, store.Lookup{Age: last.Age}, err
	}
	until := last.Now.Add(j.Settings.Horizon() - last.Age).Add(2 * oneDay)
	if last.Age < 2*oneDay { // later a wrong clock would long have shown, and a bound spares pages
		until = last.Now.Add(far)
	}
	l, err := j.listed(ctx, acct, structure, last.Since, until, last.Now, stale)
	if err != nil {
		return search{}, store.Seen{}, store.Lookup{Age: last.Age}, err
	}
	if like := l.numbers[store.BareNumber(inv.NumeroFacture)]; slices.ContainsFunc(like, func(f chorus.Facture) bool { return likeKey(inv, f) }) {
		return j.lookUp(ctx, acct, inv, *last, like...)
	}
	stale = time.Since(l.began)
	last.Age -= stale
	f := search{complete: l.complete, lag: l.lag}
	f.witness, f.later, err = j.Store.Witness(ctx, inv, *last, stale)
	f.later = f.later || structure == 0 // as in lookUp
	if err == nil {
		f, err = j.elsewhere(ctx, inv, f, nil)
	}
	if err == nil && f.complete {
		f, err = l.sighted(ctx, j, acct, inv, structure, last.ClaimedAt, f)
	}
	return f, store.Seen{}, store.Lookup{Age: last.Age, Pages: l.pages}, err
}

// sightKey is what is asked once for all rows of a quarantine.
type sightKey struct {
	siret string
	at    time.Time
}

// sighted asks once for all rows of a supplier and a quarantine whether the portal shows what it has shown before, if the listing itself does not. A proof may rest on
// it, so only what was asked after the listing counts.
func (l *listing) sighted(ctx context.Context, j *Jobs, acct *Account, inv store.Invoice, structure int64, at time.Time, f search) (search, error) {
	l.asking.Lock()
	defer l.asking.Unlock()
	key := sightKey{inv.FournisseurSIRET, at}
	blind, asked := l.blind[key]
	if !asked {
		f, err := j.sighted(ctx, acct, inv, structure, at, l.ended, f, shownIn{chorus.StartOfDay(l.since.Add(-time.Hour)), l.numbers, l.read.IDs})
		if err == nil {
			l.blind[key] = f.blind
		}
		return f, err
	}
	if f.blind = blind; blind {
		f.complete, f.witness = false, false
	}
	return f, nil
}

// lookAt is the age at which a row that a quarantine holds is looked up the nth time: at once, and when the proof of absence may need it.
func lookAt(s Settings, n int) time.Duration {
	h := s.Horizon()
	switch n {
	case 0:
		return 0
	case 1:
		return h / 2
	case 2, 3:
		return time.Duration(n-1) * h
	default:
		return time.Duration(n) * h / 2
	}
}

// wholeLooks counts the look-ups that read everything; one that did not is made again, and stretches nothing.
func wholeLooks(all []store.Lookup) (n int) {
	for _, l := range all {
		if l.Complete {
			n++
		}
	}
	return n
}

// nextListed is when a row that a quarantine holds, and that was looked up so often, is due again: a little later than the proof needs, so that rows that came to
// be in doubt one after the other share a listing.
func nextListed(s Settings, age time.Duration, looks int) time.Duration {
	return max(0, lookAt(s, looks)-age) + s.Horizon()/50
}
