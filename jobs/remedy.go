package jobs

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/store"
)

// remedyStatuts: the status in which an invoice waits for a remedy, and the one that the remedy brings it to (docs/chorus-pro.md §5.1, §8).
var remedyStatuts = map[store.RemedyKind]struct{ waits, after string }{
	store.Complete: {"SUSPENDUE", "COMPLETEE"},
	store.Recycle:  {"A_RECYCLER", "DEPOSEE"},
}

// remedy completes a suspended invoice, or recycles one that went to the wrong place. The portal itself refuses what is in another status by now, and
// then its words are kept and the invoice stays as it is.
//
// That the request may leave is committed before it does. A crash, or a lost answer, leaves a remedy of which nobody knows whether it was done: the next job
// reads the invoice's status first, and repeats the request only while the invoice still waits for it.
func (j *Jobs) remedy(ctx context.Context, id, claim int64) error {
	lease := j.Settings.HTTPTimeout + j.Settings.lease()
	r, files, err := j.Store.TakeRemedy(ctx, id, claim, lease)
	if err != nil {
		return err
	}
	acct, err := j.account(r.Account)
	if err != nil {
		return cmp.Or(j.Store.EndRemedy(ctx, r, r.State, "", j.Settings.passOn()), err)
	}
	if j.draining.Load() || !acct.Gate.Open() {
		return j.Store.EndRemedy(ctx, r, r.State, "", about(heldFor))
	}
	if r.State == store.RemedySending || r.State == store.RemedyUnknown {
		h, err := acct.Client.History(ctx, chorus.LaneSubmit, r.IdentifiantFactureCPP)
		if err != nil {
			return j.remedyFailed(ctx, acct, r, store.RemedyUnknown, err)
		}
		switch remedied(r, h) {
		case store.RemedyDone:
			j.Log.Info("a remedy had been carried out", "invoice", r.InvoiceID, "remedy", r.ID, "statut", h.StatutCourantCode)
			return j.Store.EndRemedy(ctx, r, store.RemedyDone, "its answer was lost; the invoice is "+h.StatutCourantCode, 0)
		case store.RemedyUnknown:
			return j.Store.EndRemedy(ctx, r, store.RemedyUnknown, "", j.nextRemedy(r))
		}
	}
	pieces, err := j.upload(ctx, acct, r, files, lease)
	if err != nil {
		return err
	}
	if len(pieces) < len(files) {
		return nil // given back
	}
	if err := j.Store.SendRemedy(ctx, r, lease); err != nil {
		return err
	}
	switch r.Kind {
	case store.Complete:
		err = acct.Client.Completer(ctx, chorus.LaneSubmit, chorus.Completement{
			IdentifiantFactureCPP: r.IdentifiantFactureCPP, Pieces: pieces, Commentaire: r.Comment,
		})
	case store.Recycle:
		err = acct.Client.Recycler(ctx, chorus.LaneSubmit, chorus.Recyclage{
			IdentifiantFactureCPP: r.IdentifiantFactureCPP, CodeDestinataire: r.DestinataireSIRET, CodeServiceExecutant: r.CodeService,
			NumeroBonCommande: r.Engagement, Commentaire: r.Comment,
		})
	}
	if err != nil {
		return j.remedyFailed(ctx, acct, r, r.State, err)
	}
	j.Log.Info("a remedy was carried out", "invoice", r.InvoiceID, "remedy", r.ID, "kind", r.Kind)
	return j.Store.EndRemedy(ctx, r, store.RemedyDone, "", 0)
}

// remedied says what the invoice's history shows of a remedy whose answer was lost: done, requested (it still waits, so nothing was done), or unknown. A statut
// that is not known here, or an older one than the invoice waited in, proves nothing.
func remedied(r store.Remedy, h chorus.History) store.RemedyState {
	s := remedyStatuts[r.Kind]
	var waited, moved time.Time // last, by the portal's own clock
	for _, passed := range h.Statuts {
		at := passed.DatePassage.Time
		_, known := chorus.StatutInfo(passed.Code)
		switch {
		case passed.Code == s.after && at.After(r.SentAt):
			return store.RemedyDone
		case passed.Code == s.waits && at.After(waited):
			waited = at
		case passed.Code != s.waits && known && at.After(moved):
			moved = at
		}
	}
	_, known := chorus.StatutInfo(h.StatutCourantCode)
	switch {
	case h.StatutCourantCode == s.waits:
		return store.RemedyRequested
	case known && !moved.IsZero() && !moved.Before(waited):
		return store.RemedyDone
	default:
		return store.RemedyUnknown
	}
}

// upload brings the files to the portal that are not there yet. With fewer pieces than files and no error, the remedy has been given back.
func (j *Jobs) upload(ctx context.Context, acct *Account, r store.Remedy, files []store.RemedyFile, lease time.Duration) ([]chorus.PieceJointe, error) {
	var pieces []chorus.PieceJointe
	for _, f := range files {
		if f.PieceID == 0 {
			release, ok := hold(ctx, bytesInFlight, costOfSending, j.Settings.HTTPTimeout)
			if !ok {
				return nil, errNoRoom
			}
			contents, err := j.Store.RemedyContents(ctx, r.ID, f.N)
			if err == nil {
				f.PieceID, err = acct.Client.AjouterFichier(ctx, chorus.LaneSubmit, chorus.Piece{Nom: f.Nom, TypeMime: f.Mime, Contenu: contents})
			}
			release()
			if err != nil {
				return nil, j.remedyFailed(ctx, acct, r, r.State, uploadError{err})
			}
			if err := j.Store.Uploaded(ctx, r, f.N, f.PieceID, lease); err != nil {
				return nil, err
			}
		}
		pieces = append(pieces, chorus.PieceJointe{ID: f.PieceID, Designation: f.Nom})
	}
	return pieces, nil
}

// uploadError is one that leaves the invoice alone, whatever became of the file: one that was uploaded and not acknowledged belongs to nothing.
type uploadError struct{ error }

func (e uploadError) Unwrap() error { return e.error }

// remedyFailed writes down what an error leaves of a remedy: refused in the portal's words; to be tried again when nothing was done (with the state that it
// had before); or unknown.
func (j *Jobs) remedyFailed(ctx context.Context, acct *Account, r store.Remedy, undone store.RemedyState, err error) error {
	if wait, ok := busy(err); ok {
		return j.Store.EndRemedy(ctx, r, undone, "", about(wait))
	}
	if ctx.Err() != nil {
		ctx = j.Hard
	}
	fault := chorus.FaultOf(err)
	j.blame(ctx, acct, err)
	j.countCode(err)
	j.Log.Warn("a remedy was not carried out, as far as is known", "invoice", r.InvoiceID, "remedy", r.ID, "outcome", chorus.OutcomeOf(err), "fault", fault, "error", err)
	var upload uploadError
	switch {
	case fault == chorus.FaultStatut && !r.SentAt.IsZero():
		// An earlier request, whose answer was lost, may have been carried out just now.
		return j.Store.EndRemedy(ctx, r, store.RemedyUnknown, "", j.nextRemedy(r))
	case chorus.OutcomeOf(err) == chorus.Refused, fault == chorus.FaultDocument:
		reason := chorus.Libelle(err)
		if reason == "" {
			reason = err.Error()
		}
		return j.Store.EndRemedy(ctx, r, store.RemedyRefused, reason, 0)
	case chorus.OutcomeOf(err) == chorus.NotSent, chorus.OutcomeOf(err) == chorus.NotLanded:
		wait, _ := chorus.RetryAfter(err)
		return j.Store.EndRemedy(ctx, r, undone, "", max(retryIn(fault), wait))
	case errors.As(err, &upload):
		return j.Store.EndRemedy(ctx, r, undone, "", j.nextRemedy(r))
	default:
		return j.Store.EndRemedy(ctx, r, store.RemedyUnknown, "", j.nextRemedy(r))
	}
}

// nextRemedy is how long an unknown outcome rests before the invoice is looked at, longer each time.
func (j *Jobs) nextRemedy(r store.Remedy) time.Duration {
	wait := j.Settings.ResolveAfter
	for range r.Attempts {
		wait = min(4*wait, 120*j.Settings.ResolveAfter)
	}
	return about(wait)
}
