package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/store"
)

// verdict is what looking at a suspect again has shown.
type verdict struct {
	findings  []store.Finding
	calls     int
	undecided bool        // the answer did not add up
	caught    *store.Seen // the row may follow the portal, as if the change feed had shown it
}

// lookAgain looks at one invoice again, alone, and writes down what is really different. One listing may leave an invoice out or show an old line; two
// answers that say the same are believed.
func (j *Jobs) lookAgain(ctx context.Context, acct *Account, r *store.Reconciliation, x store.Suspect) error {
	var v verdict
	var err error
	if x.InvoiceID == 0 {
		v.findings, err = j.stranger(ctx, *r, *x.Portal)
	} else {
		v, err = j.judge(ctx, acct, *r, x)
	}
	if err != nil {
		return err
	}
	last := x.Tries+1 >= askings
	if v.undecided && last {
		r.Doubt = "an invoice could not be asked for"
	}
	r.Calls += v.calls
	if err := j.Store.Judged(ctx, *r, x, v.findings, v.calls, v.undecided, last, j.Settings.lease()); err != nil {
		return err
	}
	if v.caught != nil {
		return j.Store.Caught(ctx, x.InvoiceID, *v.caught)
	}
	return nil
}

// stranger judges an invoice of the portal's that none of our rows stood for. That needs no second answer: it is there.
func (j *Jobs) stranger(ctx context.Context, r store.Reconciliation, portal store.Side) ([]store.Finding, error) {
	matches, err := j.Store.Matches(ctx, []store.Side{portal})
	if err != nil {
		return nil, err
	}
	f := store.Finding{
		Code: store.FindingAtPortalOnly, IdentifiantFactureCPP: portal.IdentifiantFactureCPP, NumeroFacture: portal.NumeroFacture, Day: portal.DateDepot, Portal: &portal,
		Text: "the portal holds it, and there is no row here",
	}
	if portal.ModeDepot != "" {
		f.Text = fmt.Sprintf("deposited at the portal by %s, and there is no row here", portal.ModeDepot)
	}
	if h, known := matches[0]; known {
		if standingOf(h, chorus.Facture{IdentifiantFactureCPP: portal.IdentifiantFactureCPP, NumeroFluxDepot: portal.NumeroFluxDepot}) != elsewhere {
			return nil, nil // a row has come by it meanwhile
		}
		f.InvoiceID, f.Here = h.ID, ourSide(h)
		f.Text = fmt.Sprintf("the portal holds it (%s), and the row here is %s", orNone(portal.ModeDepot), h.State)
	}
	found := []store.Finding{f}
	twin, err := j.Store.Twin(ctx, r, portal.Key(), portal.IdentifiantFactureCPP)
	if twin {
		f.Code, f.Text = store.FindingDouble, "the portal holds another invoice of this supplier, year and number"
		found = append(found, f)
	}
	return found, err
}

// judge judges a row of ours.
func (j *Jobs) judge(ctx context.Context, acct *Account, r store.Reconciliation, x store.Suspect) (verdict, error) {
	var v verdict
	h, err := j.Store.HeldByID(ctx, x.InvoiceID)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && h.Account != r.Account {
		return v, nil
	}
	if err != nil {
		return v, err
	}
	there, err := j.ask(ctx, acct, r, h, x.Portal, &v)
	if err != nil || v.undecided {
		return v, err
	}
	mine := -1 // the one that is the row's: by the portal's numbers, else by business key
	for k, f := range there {
		if mine < 0 || own(h, f) && (f.IdentifiantFactureCPP == h.IdentifiantFactureCPP || !own(h, there[mine])) {
			mine = k
		}
	}
	if mine < 0 {
		return v, j.missing(ctx, acct, h, &v)
	}
	add := func(f chorus.Facture, code, text string) {
		side := portalSide(f)
		v.findings = append(v.findings, store.Finding{
			Code: code, InvoiceID: h.ID, IdentifiantFactureCPP: f.IdentifiantFactureCPP, NumeroFacture: h.NumeroFacture,
			Day:  cmp.Or(ourSide(h).DateDepot, side.DateDepot), // a parked row has none of its own
			Here: ourSide(h), Portal: &side, Text: text,
		})
	}
	for k, f := range there {
		if k != mine && sameKey(h.Invoice, f) {
			add(f, store.FindingDouble, "the portal holds another invoice of this supplier, year and number")
		}
	}
	f := there[mine]
	switch standingOf(h, f) {
	case parkedRow:
		text := "the portal holds it, and date, amount, supplier and recipient agree: choriste resolve has it looked up again and adopted"
		switch u, differ := unlike(h.Invoice, f); {
		case differ:
			text = "the portal holds it, and it differs (choriste ≠ Chorus Pro: " + u + ")"
		case u != "":
			text = "the portal holds what may be it: what both say agrees, but not all is said or written alike (choriste ≠ Chorus Pro: " + u + ")"
		}
		add(f, store.FindingParked, fmt.Sprintf("parked as %s; %s", h.ReasonCode, text))
	case compared:
		for _, d := range differences(j.Settings, r.Watermark, h, f) {
			add(f, d.code, d.text)
			if d.code == store.FindingStatus {
				seen := seenOf(f)
				v.caught = &seen
			}
		}
	}
	return v, nil
}

// ask searches the portal for the row's invoice alone, by every number that it may have.
func (j *Jobs) ask(ctx context.Context, acct *Account, r store.Reconciliation, h store.Held, portal *store.Side, v *verdict) ([]chorus.Facture, error) {
	queries := []chorus.Query{{NumeroFacture: h.NumeroFacture, IDFournisseur: r.Structure}}
	if portal != nil && portal.NumeroFacture != "" && portal.NumeroFacture != h.NumeroFacture {
		queries = append(queries, chorus.Query{NumeroFacture: portal.NumeroFacture, IDFournisseur: r.Structure})
	}
	if h.NumeroFluxDepot != "" {
		queries = append(queries, chorus.Query{NumeroFluxDepot: h.NumeroFluxDepot, IDFournisseur: r.Structure})
	}
	var there []chorus.Facture
	for _, q := range queries {
		listing, err := acct.Client.Search(ctx, chorus.LaneReport, q)
		if err != nil {
			return nil, err
		}
		v.calls += max(1, listing.Pages)
		if !listing.Complete {
			v.undecided = true
			return nil, nil
		}
		found := false
		for _, f := range listing.Factures {
			if own(h, f) || sameKey(h.Invoice, f) {
				there = append(there, f)
				found = found || own(h, f)
			}
		}
		if found {
			break
		}
	}
	return distinct(there), nil
}

func distinct(all []chorus.Facture) []chorus.Facture {
	seen := map[int64]bool{}
	var some []chorus.Facture
	for _, f := range all {
		if !seen[f.IdentifiantFactureCPP] {
			some = append(some, f)
		}
		seen[f.IdentifiantFactureCPP] = true
	}
	return some
}

// missing judges a row that no search shows. One that was never shown as an invoice may still be under way, or refused: its report says so.
func (j *Jobs) missing(ctx context.Context, acct *Account, h store.Held, v *verdict) error {
	code, text := "", ""
	switch {
	case h.DepositedFor < j.Settings.VisibilityDelay:
		return nil
	case h.State == store.Integrated, h.State == store.Settled, h.State == store.Rejected && h.IdentifiantFactureCPP != 0:
		code, text = store.FindingHereOnly, fmt.Sprintf("%s here as identifiantFactureCPP %d, and the portal does not show it", h.State, h.IdentifiantFactureCPP)
	case h.NumeroFluxDepot != "" && (h.State == store.Deposited || h.State == store.Parked && h.ReasonCode == store.ParkTooOld):
		rep, err := acct.Client.Report(ctx, chorus.LaneReport, h.NumeroFluxDepot)
		v.calls++
		class := rep.State()
		switch {
		case chorus.NotYet(err):
			code, text = store.FindingHereOnly, "the portal knows neither the flux "+h.NumeroFluxDepot+" nor its invoice"
		case err != nil:
			return err
		case (class == chorus.FluxIntegrated || class == chorus.FluxPartial && len(rep.ErreursDP) == 0) && h.DepositedFor > j.Settings.Horizon()+tooOld:
			code, text = store.FindingNoMessage, "the flux "+h.NumeroFluxDepot+" is reported as "+rep.EtatCourantDepotFlux+", and the portal shows no invoice of it"
		}
	}
	if code != "" {
		v.findings = append(v.findings, store.Finding{
			Code: code, InvoiceID: h.ID, IdentifiantFactureCPP: h.IdentifiantFactureCPP, NumeroFacture: h.NumeroFacture, Day: ourSide(h).DateDepot, Here: ourSide(h), Text: text,
		})
	}
	return nil
}
