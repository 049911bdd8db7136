package jobs

import (
	"cmp"
	"context"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/invoice/rules"
	"github.com/choriste/choriste/store"
)

// The directory: what recipients demand of invoices, kept in chorus.recipients and chorus.recipient_services. It is filled from capacity that nobody else wants,
// and asked before an invoice is sent (docs/chorus-pro.md §5.3). What is old stops nothing.

const (
	// RecipientEvery is how often a recipient to whom invoices go is asked about.
	RecipientEvery = 7 * 24 * time.Hour
	// RecipientHold is when a recipient is asked about again whose job was lost.
	RecipientHold = time.Hour

	// directoryFresh is how old an answer may be that stops an invoice. An older one is asked for again first.
	directoryFresh = time.Hour
)

// directoryPatience is how long an invoice waits for a fresh answer, 2 min by default; then it is sent with a warning.
func (s Settings) directoryPatience() time.Duration { return 4 * s.ResolveAfter }

// directoryForgotten is after what time a question that had no answer counts for nothing: the next invoice asks anew, and waits for the answer.
func (s Settings) directoryForgotten() time.Duration { return s.directoryPatience() + RecipientHold }

// recipient asks what a recipient demands of invoices and whether it ever reports their payment: three calls and one for each page of its services, once, and
// again every week while invoices go to it.
func (j *Jobs) recipient(ctx context.Context, key store.RecipientKey) error {
	acct, err := j.account(key.Account)
	if err != nil {
		return cmp.Or(j.Store.RecipientLater(ctx, key.ID, j.Settings.passOn()), err)
	}
	r, err := j.Store.Recipient(ctx, key.ID)
	if err != nil {
		return err
	}
	services, err := j.readRecipient(ctx, acct, &r)
	if err != nil {
		return j.recipientFailed(ctx, acct, r, err)
	}
	if err := j.Store.RecipientChecked(ctx, r, services, about(RecipientEvery)); err != nil {
		return err
	}
	named, err := j.Store.NamedServices(ctx, r.SIRET)
	if err != nil {
		return err
	}
	for _, service := range named {
		needs, err := acct.Client.ServiceNeedsEngagement(ctx, chorus.LaneReport, r.Structure, service.ID)
		if err != nil {
			return j.recipientFailed(ctx, acct, r, err)
		}
		if err := j.Store.ServiceChecked(ctx, r.SIRET, service.Code, needs); err != nil {
			return err
		}
	}
	return nil
}

// readRecipient asks the portal for a recipient and its services.
func (j *Jobs) readRecipient(ctx context.Context, acct *Account, r *store.Recipient) ([]store.RecipientService, error) {
	found, err := acct.Client.FindStructure(ctx, chorus.LaneReport, r.SIRET)
	if err != nil {
		return nil, err
	}
	r.Structure, r.Name, r.Active = found.IDStructureCPP, found.Designation, found.Active
	if r.Structure == 0 {
		return nil, nil
	}
	detail, err := acct.Client.Structure(ctx, chorus.LaneReport, r.Structure)
	if err != nil {
		return nil, err
	}
	r.NeverReportsPayment = detail.StatutMiseEnPaiementNestPasRemonte
	r.ServiceRequired, r.EngagementRequired = detail.CodeServiceDoitEtreRenseigne, detail.NumeroEJDoitEtreRenseigne
	r.EitherRequired = detail.GestionNumeroEJOuCodeService
	listed, complete, err := acct.Client.Services(ctx, chorus.LaneReport, r.Structure)
	if err != nil {
		return nil, err
	}
	r.ServicesListed = complete
	services := make([]store.RecipientService, len(listed))
	for k, s := range listed {
		services[k] = store.RecipientService{Code: printable(s.Code), Name: printable(s.Libelle), ID: s.IDService, Active: s.Active}
	}
	return services, nil
}

// recipientFailed has a recipient asked about later. An invoice that waits for it goes on without.
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

// demands says what an invoice lacks that its recipient demands, as far as the directory knows. wait: what it says would stop the invoice and is not fresh, or only the
// annuaire says so, so the portal is being asked, and the invoice is to be looked at again a little later. Where it cannot be asked in time, what is old is a warning.
func (j *Jobs) demands(ctx context.Context, acct *Account, facts store.Facts) (found []rules.Finding, wait bool, err error) {
	service := cmp.Or(facts.CodeService, facts.ServiceFiller)
	r, err := j.Store.NoteRecipient(ctx, acct.Name, facts.DestinataireSIRET, service)
	if err != nil || !r.Checked {
		return nil, false, err
	}
	asked := rules.Recipient{
		SIRET: r.SIRET, Name: r.Name, Known: r.Structure != 0 || r.Listed, Active: r.Active,
		ServiceRequired: r.ServiceRequired, EngagementRequired: r.EngagementRequired, EitherRequired: r.EitherRequired, ServicesListed: r.ServicesListed,
		Service: service, ServiceFiller: facts.CodeService == "" && service != "", Engagement: facts.Engagement, CheckedAt: time.Now().Add(-r.Age),
	}
	if s := r.Service; s != nil {
		asked.ServiceKnown, asked.ServiceActive, asked.ServiceEngagement = true, s.Active, s.EngagementRequired != nil && *s.EngagementRequired
	}
	found = rules.JudgeRecipient(asked, acct.Rules)
	if r.Age <= directoryFresh && !r.Listed || !rules.Stops(found) {
		return found, false, nil
	}
	forgotten := j.Settings.directoryForgotten()
	if (r.Waited < j.Settings.directoryPatience() || r.Waited > forgotten) && acct.Gate.Open() && !j.Weather.Open(acct) {
		return nil, true, j.Store.AskRecipient(ctx, r.ID, forgotten)
	}
	return rules.Lowered(found), false, nil
}
