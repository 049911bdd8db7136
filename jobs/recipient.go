package jobs

import (
	"context"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/store"
)

const (
	// RecipientEvery is how often a recipient of open invoices is asked about.
	RecipientEvery = 30 * 24 * time.Hour
	// RecipientHold is when a recipient is asked about again whose job was lost.
	RecipientHold = time.Hour
)

// recipient asks what a recipient demands of invoices and whether it ever reports their payment (docs/chorus-pro.md §5.3), from capacity that nobody else
// wants: one call or two, once, and again every month while it has open invoices.
func (j *Jobs) recipient(ctx context.Context, key store.RecipientKey) error {
	acct, err := j.account(key.Account)
	if err != nil {
		return err
	}
	r, err := j.Store.Recipient(ctx, key.ID)
	if err != nil {
		return err
	}
	if r.Structure == 0 {
		if r.Structure, err = acct.Client.FindStructure(ctx, chorus.LaneReport, r.SIRET); err != nil {
			return j.recipientFailed(ctx, acct, r, err)
		}
	}
	if r.Structure != 0 {
		detail, err := acct.Client.Structure(ctx, chorus.LaneReport, r.Structure)
		if err != nil {
			return j.recipientFailed(ctx, acct, r, err)
		}
		r.NeverReportsPayment = detail.StatutMiseEnPaiementNestPasRemonte
		r.ServiceRequired, r.EngagementRequired = detail.CodeServiceDoitEtreRenseigne, detail.NumeroEJDoitEtreRenseigne
		r.EitherRequired = detail.GestionNumeroEJOuCodeService
	}
	return j.Store.RecipientChecked(ctx, r, about(RecipientEvery))
}

// recipientFailed has a recipient asked about later: nothing waits for it.
func (j *Jobs) recipientFailed(ctx context.Context, acct *Account, r store.Recipient, err error) error {
	if wait, ok := busy(err); ok {
		return j.Store.RecipientLater(ctx, r.ID, about(wait))
	}
	if ctx.Err() != nil {
		return err
	}
	fault := chorus.FaultOf(err)
	j.blame(ctx, acct, err)
	j.Log.Warn("a recipient could not be asked about", "recipient", r.SIRET, "fault", fault, "error", err)
	return j.Store.RecipientLater(ctx, r.ID, about(RecipientHold))
}
