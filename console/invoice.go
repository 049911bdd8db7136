package console

import (
	"context"
	"slices"
	"strconv"

	"github.com/choriste/choriste/chorus/answers"
	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

const (
	// mostFindings is how many findings of an invoice the page shows.
	mostFindings = 20
	// mostHelp is how many explanations; a report of the portal may have many messages.
	mostHelp = 12
)

// invoice is everything that is known of one.
type invoice struct {
	store.Status
	Meta        []pair
	Help        []answers.Help
	Rules       []store.RuleFinding
	MoreRules   int
	Differences []difference
	Replaces    int64
	ReplacedBy  int64
	Remedies    []store.RemedyView
	replaced    bool // by an invoice that stands for it
	Fluxes      []store.KnownFlux
	Actions     []store.PossibleAction
	MayAct      bool  // who asks: acts, and reads evidence
	Acts        []act // that are possible
	Cures       []remedy
	Dismissed   *operate.TakenOff
	Request     *store.Request // that waits for a second person
	Form        string         // what their forms carry
	Timeline    []step
	Earlier     int // steps that are not shown
}

// difference is a finding of a reconciliation, with what the two sides say and do not say alike.
type difference struct {
	store.FindingView
	Lines []sideLine
	Deeds []shownDeed
}

// findingDeeds are what may be done about a difference by who asks.
func (c *console) findingDeeds(v view, f store.FindingView) []shownDeed {
	if !c.mayOn(v.Request, Operator, f.Account) {
		return nil
	}
	return c.offered(v, "/findings", findingDeeds, strconv.FormatInt(f.ID, 10), map[string]string{"open": "accept", "accepted": "reopen"}[f.State])
}

type sideLine struct {
	Label        word
	Here, Portal string
	Differs      bool
}

func (c *console) invoice(ctx context.Context, v view) (content, error) {
	id, err := invoiceID(v.Request)
	if err != nil {
		return content{}, err
	}
	read, err := current(ctx, c, v, "invoice "+strconv.FormatInt(id, 10), func(ctx context.Context) (invoiceRead, error) { return c.readInvoice(ctx, id) })
	if err != nil {
		return content{}, err
	}
	p := read.invoice
	i := p.Status
	p.Meta = v.pairs(i.Metadata)
	if p.Help = answers.For(i.ReasonCode, i.Reason, i.StatutCourant, i.StatutCommentaire); len(p.Help) > mostHelp {
		p.Help = p.Help[:mostHelp]
	}
	if p.MayAct = c.mayOn(v.Request, Operator, i.Account); p.MayAct {
		p.Acts, p.Cures, p.Form = actsOn(i, p.Fluxes, p.Actions, p.Dismissed != nil), curesOf(p), c.formOf(personOf(v.Request))
	}
	p.Differences = slices.Clone(p.Differences) // of a reading that others are shown, too
	for k, d := range p.Differences {
		p.Differences[k].Deeds = c.findingDeeds(v, d.FindingView)
	}
	p.Timeline, p.Earlier = v.timeline(read.events, read.attempts)
	title := v.t("Invoice ", "Facture ") + strconv.FormatInt(id, 10)
	if i.NumeroFacture != nil {
		title = v.t("Invoice ", "Facture ") + shown(*i.NumeroFacture)
	}
	return content{page: "invoice", title: title, data: p, live: true}, nil
}

// invoiceRead is what the database says of one.
type invoiceRead struct {
	invoice
	attempts []store.AttemptView
	events   []store.Event
}

func (c *console) readInvoice(ctx context.Context, id int64) (r invoiceRead, err error) {
	if r.Status, r.attempts, err = c.reads(ctx).Show(ctx, id); err != nil {
		return r, err
	}
	if err = c.said(ctx, &r.invoice); err != nil {
		return r, err
	}
	if r.Dismissed, err = operate.Dismissed(ctx, c.reads(ctx), id); err != nil {
		return r, err
	}
	if r.Request, err = c.reads(ctx).OpenRequest(ctx, id); err != nil {
		return r, err
	}
	r.events, err = c.reads(ctx).Events(ctx, id)
	return r, err
}

// said fills in what rules and reconciliations say of the invoice, and what was done and can be done about it.
func (c *console) said(ctx context.Context, p *invoice) (err error) {
	if p.Rules, err = c.reads(ctx).RuleFindings(ctx, p.ID); err != nil {
		return err
	}
	if len(p.Rules) > mostFindings {
		p.Rules = p.Rules[:mostFindings]
	}
	p.MoreRules = max(0, p.Status.Findings-len(p.Rules))
	found, err := c.reads(ctx).FindingPage(ctx, store.FindingFilter{Invoice: p.ID, Limit: mostFindings})
	if err != nil {
		return err
	}
	for _, f := range found {
		p.Differences = append(p.Differences, difference{FindingView: f, Lines: sides(f)})
	}
	if p.Remedies, p.Replaces, p.ReplacedBy, err = c.reads(ctx).Remedies(ctx, p.ID); err != nil {
		return err
	}
	if p.ReplacedBy != 0 {
		if p.replaced, err = c.reads(ctx).StandsFor(ctx, p.ReplacedBy); err != nil {
			return err
		}
	}
	if p.State == store.Parked {
		p.Fluxes, p.Actions, err = c.reads(ctx).Resolutions(ctx, p.ID)
	}
	return err
}

// sides lays side by side what both say.
func sides(f store.FindingView) []sideLine {
	var here, portal store.Side
	if f.Here != nil {
		here = *f.Here
	}
	if f.Portal != nil {
		portal = *f.Portal
	}
	var lines []sideLine
	for _, l := range []sideLine{
		{word{"state", "état"}, string(here.State), "", false},
		{word{"number (BT-1)", "numéro (BT-1)"}, here.NumeroFacture, portal.NumeroFacture, true},
		{word{"date (BT-2)", "date (BT-2)"}, here.DateFacture, portal.DateFacture, true},
		{word{"supplier", "fournisseur"}, here.FournisseurSIRET, portal.FournisseurSIRET, true},
		{word{"recipient", "destinataire"}, here.DestinataireSIRET, portal.DestinataireSIRET, true},
		{word{"amount with VAT", "montant TTC"}, here.MontantTTC, portal.MontantTTC, true},
		{word{"currency", "devise"}, here.Devise, portal.Devise, true},
		{word{"flux", "flux"}, here.NumeroFluxDepot, portal.NumeroFluxDepot, true},
		{word{"deposited", "déposée le"}, here.DateDepot, portal.DateDepot, true},
		{word{"status", "statut"}, here.Statut, portal.Statut, true},
		{word{"how deposited", "mode de dépôt"}, "", portal.ModeDepot, false},
	} {
		l.Differs = l.Differs && l.Here != l.Portal && f.Here != nil && f.Portal != nil
		if l.Here+l.Portal != "" {
			lines = append(lines, l)
		}
	}
	return lines
}
