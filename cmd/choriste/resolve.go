package main

import (
	"encoding/json"

	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

type resolveCmd struct {
	Invoice string `arg:"" name:"id" help:"The parked invoice, by its id, number, external_ref, flux or identifiantFactureCPP."`

	id       int64
	Action   string `arg:"" optional:"" default:"show" enum:"show,accept,lookup,resubmit,abandon" help:"show what is known and what is possible (if left out), accept what is known, lookup again, resubmit when it is not found, or abandon."`
	Reason   string `help:"Why; kept in the history." placeholder:"TEXT"`
	Flux     string `help:"With accept: which flux, when several are known." placeholder:"NUMBER"`
	Override bool   `help:"With resubmit: one search that finds nothing is enough. With abandon: although it was accepted."`
	DryRun   bool   `help:"Only show what is known, and what is possible."`
}

func (c resolveCmd) Run(a *app) error {
	if c.Action == "show" || c.DryRun {
		return c.show(a)
	}
	if c.Reason == "" {
		return usageError{inBoth("resolving an invoice needs --reason (or --dry-run to see what is known of it)", "trancher une facture demande --reason (ou --dry-run pour voir ce qu'on en sait)")}
	}
	st, err := a.store()
	if err != nil {
		return err
	}
	if c.id, err = a.find(st, c.Invoice); err != nil {
		return err
	}
	state, err := st.ResolveParked(a.ctx, c.id, store.Resolution{Action: store.Action(c.Action), Reason: c.Reason, Flux: c.Flux, Override: c.Override})
	if err != nil {
		return err
	}
	if a.json {
		return a.print(map[string]any{"id": c.id, "state": state})
	}
	if state == store.Asked {
		a.printf("%s\n", a.waitsForSecond(c.id))
		return nil
	}
	a.printf(a.either("invoice %d is %s%s\n", "la facture %d est %s%s\n"), c.id, state, map[string]string{
		"accept":   a.either(": its report is read next", " : son compte rendu est lu ensuite"),
		"lookup":   a.either(": it is looked up now", " : elle est recherchée maintenant"),
		"resubmit": a.either(": it is looked up now, and sent when it is shown not to be there", " : elle est recherchée maintenant, et renvoyée s'il est montré qu'elle n'y est pas"),
	}[c.Action])
	return nil
}

// show says what is known of the invoice: everything that an operator needs to decide.
func (c resolveCmd) show(a *app) error {
	st, err := a.store()
	if err != nil {
		return err
	}
	if c.id, err = a.find(st, c.Invoice); err != nil {
		return err
	}
	i, attempts, err := st.Show(a.ctx, c.id)
	if err != nil {
		return err
	}
	fluxes, actions, err := st.Resolutions(a.ctx, c.id)
	if err != nil {
		return err
	}
	if a.json {
		return a.print(struct {
			ID         int64                  `json:"id"`
			State      store.State            `json:"state"`
			ReasonCode *string                `json:"reason_code"`
			Reason     *string                `json:"reason"`
			Fluxes     []store.KnownFlux      `json:"fluxes"`
			Actions    []store.PossibleAction `json:"actions"`
			Requests   []store.AttemptView    `json:"requests"`
		}{i.ID, i.State, i.ReasonCode, i.Reason, fluxes, actions, attempts})
	}
	w := visible.NewTable(a.out)
	w.Printf(a.either("invoice", "facture")+"\t%d (%s)\n", i.ID, i.ExternalRef)
	w.Printf(a.either("state", "état")+"\t%s\n", i.State)
	w.Printf(a.either("reason", "motif")+"\t%s\n", reason(i, 0))
	w.Printf(a.either("number (BT-1)\t%s, %s to %s\n", "numéro (BT-1)\t%s, %s à %s\n"), or(i.NumeroFacture, "-"), amount(i), or(i.DestinataireSIRET, "-"))
	for _, t := range attempts {
		w.Printf(a.either("attempt", "tentative")+" %d\t%s  %s\n", t.N, stamp(t.ClaimedAt), or(t.Outcome, a.either("no answer yet", "pas encore de réponse")))
		for _, l := range lookups(t) {
			w.Printf("\t%s  %s\n", stamp(l.At), operate.LookupText(l, a.lang))
		}
	}
	for _, f := range fluxes {
		w.Printf(a.either("known flux", "flux connu")+"\t%s (%s)\n", f.Flux, operate.FluxSource(f.Source, a.lang))
	}
	for _, p := range actions {
		said := "possible" // in both languages
		if p.Refusal != "" {
			said = a.said(p.Refusal)
		}
		w.Printf("%s\t%s\n", p.Action, said)
	}
	return w.Flush()
}

// lookups are the searches about one attempt, the last five at most.
func lookups(t store.AttemptView) []store.Lookup {
	var evidence struct {
		Lookups []store.Lookup `json:"lookups"`
	}
	_ = json.Unmarshal(t.Evidence, &evidence) // what is not there is not shown
	return evidence.Lookups[max(0, len(evidence.Lookups)-5):]
}
