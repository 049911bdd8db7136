package jobs

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/chorus/annuaire"
	"github.com/choriste/choriste/store"
)

// The annuaire, the file of all public recipients, is read once a day, where a worker is told to, in capacity that nobody else wants (docs/chorus-pro.md §5.3a). By it something is known of a
// recipient to whom nobody has written yet. How the file is made is not documented, so what it says stops nothing: it has the portal asked, and that answer counts.

const (
	annuaireEvery = 24 * time.Hour
	annuaireAgain = time.Hour // after a failure that may pass
	// AnnuaireWithin is how long reading the file may take, its download included.
	AnnuaireWithin = 15 * time.Minute
	listedAtOnce   = 500 // recipients stored by one statement
)

// Annuaire reads the file, if it is due. It must not be called before it has returned.
func (j *Jobs) Annuaire(ctx context.Context) error {
	accounts := j.annuaireAccounts()
	if len(accounts) == 0 {
		return nil
	}
	if due, err := j.Store.TakeAnnuaire(ctx, AnnuaireWithin+time.Minute); err != nil || !due {
		return err
	}
	limited, cancel := context.WithTimeoutCause(ctx, AnnuaireWithin, errAnnuaireLong)
	defer cancel()
	file, err := j.fetchAnnuaire(limited, accounts)
	if err == nil {
		err = j.takeAnnuaire(limited, file)
	}
	switch {
	case err == nil || ctx.Err() != nil:
		return nil // a stop: the hold ends by itself
	case limited.Err() != nil:
		err = context.Cause(limited)
	}
	return j.annuaireFailed(ctx, err)
}

var errAnnuaireLong = annuaire.Refused("it took longer than 15 minutes to read")

func (j *Jobs) fetchAnnuaire(ctx context.Context, accounts []*Account) (file []byte, err error) {
	for _, acct := range accounts {
		if file, err = acct.Client.Annuaire(ctx, chorus.LaneReport); err == nil {
			return file, nil
		}
		if !refusedHere(err) {
			j.blame(ctx, acct, err)
			return nil, err
		}
	}
	return nil, err
}

// annuaireAccounts are accounts that can ask now, one of each PISTE application: what one application may not see another one may.
func (j *Jobs) annuaireAccounts() []*Account {
	accounts := map[string]*Account{}
	for _, name := range j.Names() {
		if a := j.Accounts()[name]; a != nil && !j.Weather.Open(a) {
			accounts[a.Application] = a
		}
	}
	return slices.Collect(maps.Values(accounts))
}

// refusedHere tells that this application or account may not have the file, or that there is none. It says nothing of anything else that they may do.
func refusedHere(err error) bool {
	switch chorus.FaultOf(err) {
	case chorus.FaultSubscription, chorus.FaultConfiguration, chorus.FaultRights, chorus.FaultEmpty:
		return true
	}
	return false
}

func (j *Jobs) takeAnnuaire(ctx context.Context, file []byte) error {
	begun, err := j.Store.AnnuaireBegins(ctx)
	if err != nil {
		return err
	}
	batch := make([]store.Listed, 0, listedAtOnce)
	at := map[string]int{} // in batch
	put := func() error {
		defer func() { batch = batch[:0]; clear(at) }()
		if len(batch) == 0 {
			return nil
		}
		return j.Store.PutListed(ctx, begun, batch)
	}
	counts, err := annuaire.Read(ctx, file, func(e annuaire.Entry) error {
		if _, twice := at[e.SIRET]; twice || len(batch) == listedAtOnce {
			if err := put(); err != nil {
				return err
			}
		}
		at[e.SIRET] = len(batch)
		batch = append(batch, listed(e))
		return nil
	})
	if err == nil {
		err = put()
	}
	if err == nil {
		err = j.Store.AnnuaireRead(ctx, begun, counts.Entries, counts.Services, about(annuaireEvery))
	}
	if err == nil {
		j.Log.Info("the annuaire was read", "recipients", counts.Entries, "services", counts.Services, "skipped", counts.Skipped)
	}
	return err
}

func listed(e annuaire.Entry) store.Listed {
	l := store.Listed{
		SIRET: e.SIRET, Name: e.Name, Active: e.Active, ServiceRequired: e.ServiceRequired, EngagementRequired: e.EngagementRequired, EitherRequired: e.EitherRequired,
	}
	for _, s := range e.Services {
		l.Services = append(l.Services, store.RecipientService{Code: s.Code, Name: s.Name, Active: s.Active, EngagementRequired: s.EngagementRequired})
	}
	return l
}

// annuaireFailed has the file read later. That it cannot be had, or read, is said when it is new; all goes on without it.
func (j *Jobs) annuaireFailed(ctx context.Context, err error) error {
	var refused annuaire.Refused
	var asked *chorus.Error
	wait, why := annuaireAgain, ""
	switch held, is := busy(err); {
	case is:
		_, err := j.Store.AnnuaireLater(ctx, about(held), "it waits for its turn")
		return err
	case errors.As(err, &refused):
		wait, why = annuaireEvery, "the file is not taken: "+refused.Error()
	case errors.As(err, &asked):
		why = "it could not be had: " + asked.Error()
		if refusedHere(err) {
			wait = annuaireEvery
		}
	default:
		return err // the database's: the hold ends by itself
	}
	news, err := j.Store.AnnuaireLater(ctx, about(wait), why)
	if err == nil && news {
		j.Log.Info("the annuaire is not read; recipients are asked about one by one, as without it", "reason", why)
	}
	return err
}
