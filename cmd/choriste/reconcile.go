package main

import (
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

type reconcileCmd struct {
	Run    reconcileRunCmd    `cmd:"" default:"withargs" help:"Compare, and report what differs."`
	Accept reconcileAcceptCmd `cmd:"" help:"Take note of a finding that is as it should be."`
	Reopen reconcileReopenCmd `cmd:"" help:"Open a finding again that was accepted by mistake."`
}

type reconcileRunCmd struct {
	Account string `help:"Only this account."`
	SIRET   string `name:"siret" help:"Only this supplier."`
	From    string `help:"First day of deposit, as 2026-11-01; by itself the last seven days are compared." placeholder:"DAY"`
	To      string `help:"Last day of deposit; by itself today." placeholder:"DAY"`
	Wait    bool   `help:"Wait for the report; --no-wait only asks for it." default:"true" negatable:""`
	CSV     bool   `name:"csv" help:"Print the findings as CSV."`
	Open    bool   `help:"Ask nothing: print what is open."`
	List    bool   `help:"Ask nothing: list the latest runs."`
	Limit   int    `help:"With --list: at most so many." default:"30"`

	compared *time.Time // with --open: when a comparison ended last
	more     bool       // there is more than mostFindings
}

// Exit statuses beside 0 (both sides agree) and 1 (it could not be found out).
const (
	exitFindings   = 3
	exitUncompared = 4 // nothing has ever been compared, so that nothing is known
)

// findingsError ends the program with a status of its own: the report is whole, and both sides do not agree.
type findingsError struct{ open int }

func (e findingsError) Error() string {
	if e.open == 1 {
		return "1 finding is open"
	}
	return fmt.Sprintf("%d findings are open", e.open)
}

// Validate is called by kong.
func (c reconcileRunCmd) Validate() error { return within(c.Limit) }

func (c reconcileRunCmd) Run(a *app) error {
	from, err := dayOf("--from", c.From)
	if err != nil {
		return err
	}
	to, err := dayOf("--to", c.To)
	if err != nil {
		return err
	}
	if c.Open && c.List || c.CSV && (c.List || a.json) {
		return usageError{inBoth("choose one of --open and --list, and one of --csv and --json; --list is no CSV", "choisissez --open ou --list, et --csv ou --json ; --list ne donne pas de CSV")}
	}
	st, err := a.store()
	if err != nil {
		return err
	}
	if c.Account != "" {
		accounts, _, err := st.Known(a.ctx)
		if err != nil {
			return err
		}
		if !slices.Contains(accounts, c.Account) {
			return among("account", c.Account, accounts)
		}
	}
	switch {
	case c.List:
		runs, err := st.LatestRuns(a.ctx, c.Account, c.SIRET, c.Limit)
		if err != nil {
			return err
		}
		return a.runs(runs)
	case c.Open:
		return c.open(a, st)
	}
	ids, err := st.Reconcile(a.ctx, c.Account, c.SIRET, from, to)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return inBoth("no supplier structure has deposited invoices: nothing to compare (--siret names one all the same)", "aucune structure fournisseur n'a déposé de facture : rien à comparer (--siret en nomme une malgré tout)")
	}
	runs, err := st.Runs(a.ctx, ids)
	if err != nil {
		return err
	}
	if !c.Wait {
		return a.runs(runs)
	}
	if runs, err = a.await(st, ids); err != nil {
		return err
	}
	findings, more, err := st.Findings(a.ctx, ids, "", "", mostFindings)
	if err != nil {
		return err
	}
	c.more = more
	return c.report(a, runs, findings)
}

// mostFindings bounds what is printed at once.
const mostFindings = 10_000

// open prints what is open. Where nothing was ever compared, that nothing is open says nothing.
func (c reconcileRunCmd) open(a *app, st *store.Store) error {
	findings, more, err := st.Findings(a.ctx, nil, c.Account, c.SIRET, mostFindings)
	if err != nil {
		return err
	}
	c.more = more
	last, err := st.LastCompared(a.ctx, c.Account, c.SIRET)
	if err != nil {
		return err
	}
	if last == nil && len(findings) == 0 {
		if a.json {
			if err := a.print(map[string]any{"open": 0, "accepted": 0, "totals": []total{}, "compared_at": nil}); err != nil {
				return err
			}
		}
		return uncomparedError{}
	}
	c.compared = last
	return c.report(a, nil, findings)
}

// uncomparedError ends the program with a status of its own: there is nothing to report on.
type uncomparedError struct{}

func (uncomparedError) Error() string {
	return "nothing has been compared yet, so that nothing is known: choriste reconcile compares now; a worker compares each night"
}

func dayOf(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return t, usageError{inBoth("%s: %q is not a day as 2026-11-01", "%s : %q n'est pas un jour comme 2026-11-01", flag, text)}
	}
	return t, nil
}

// await waits for the runs' end, and says on standard error how far they have come.
func (a *app) await(st *store.Store, ids []int64) ([]store.Run, error) {
	const (
		look  = 200 * time.Millisecond
		nudge = 30 * time.Second
	)
	began, said, hinted := time.Now(), time.Now(), false
	for {
		runs, err := st.Runs(a.ctx, ids)
		if err != nil {
			return nil, err
		}
		ended, begun, pages := 0, 0, 0
		for _, r := range runs {
			pages += r.Page
			if r.Ended() {
				ended++
			}
			if r.StartedAt != nil {
				begun++
			}
		}
		if ended == len(runs) {
			return runs, nil
		}
		if begun == 0 && !hinted && time.Since(began) > nudge {
			hinted = true
			a.warnf("%s\n", a.either("choriste: no worker has begun: does choriste work run, and is the account not paused?",
				"choriste : aucun worker n'a commencé : choriste work tourne-t-il, et le compte n'est-il pas en pause ?"))
		}
		if begun > 0 && time.Since(said) > 5*time.Second {
			said = time.Now()
			a.warnf(a.either("%d of %d runs done, %d pages read\n", "%d passes sur %d terminées, %d pages lues\n"), ended, len(runs), pages)
		}
		select {
		case <-a.ctx.Done():
			return nil, inBoth("interrupted: the runs go on; choriste reconcile --list shows them", "interrompu : les passes continuent ; choriste reconcile --list les montre")
		case <-time.After(look):
		}
	}
}

// report prints runs and findings, and ends as they say.
func (c reconcileRunCmd) report(a *app, runs []store.Run, findings []store.FindingView) error {
	open := 0
	for _, f := range findings {
		if f.State == "open" {
			open++
		}
	}
	var err error
	switch {
	case a.json:
		err = c.json(a, runs, findings, open)
	case c.CSV:
		err = a.findingsCSV(findings)
	default:
		err = c.table(a, runs, findings, open)
	}
	if err != nil {
		return err
	}
	for _, r := range runs {
		if r.State != store.RunDone {
			return fmt.Errorf("run %d is %s: %s", r.ID, r.State, or(r.Reason, "for no known reason"))
		}
	}
	if c.more {
		a.warnf(a.either("choriste: there are more than these %d: name an account or a supplier (--account, --siret), or read chorus.findings\n",
			"choriste : il y en a plus que ces %d : nommez un compte ou un fournisseur (--account, --siret), ou lisez chorus.findings\n"), mostFindings)
	}
	if open > 0 {
		return findingsError{open}
	}
	return nil
}

func (a *app) runs(runs []store.Run) error {
	if a.json {
		for _, r := range runs {
			if err := a.print(r); err != nil {
				return err
			}
		}
		return nil
	}
	w := visible.NewTable(a.out)
	w.Printf(a.either("RUN\tACCOUNT\tSUPPLIER\tFROM\tTO\tSTATE\tAT THE PORTAL\tHERE\tFOUND\tNEW\tCLOSED\tCALLS\tREQUESTED BY\n",
		"PASSE\tCOMPTE\tFOURNISSEUR\tDU\tAU\tÉTAT\tAU PORTAIL\tICI\tÉCARTS\tNOUVEAUX\tCLOS\tAPPELS\tDEMANDÉE PAR\n"))
	for _, r := range runs {
		w.Printf("%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", r.ID, r.Account, r.SIRET, r.From, r.To, r.State,
			counted(r.PortalCount, r.PortalSums), counted(r.HereCount, r.HereSums), number(r.Found), number(r.Opened), number(r.Closed), r.Calls, r.RequestedBy)
	}
	return w.Flush()
}

func number(n *int) string {
	if n == nil {
		return "-"
	}
	return strconv.Itoa(*n)
}

// counted is how many invoices, and what they come to.
func counted(n *int, sums map[string]decimal.Decimal) string {
	if n == nil {
		return "-"
	}
	text := strconv.Itoa(*n)
	for _, currency := range slices.Sorted(maps.Keys(sums)) {
		text += ", " + strings.TrimSpace(sums[currency].StringFixed(2)+" "+currency)
	}
	return text
}

func (c reconcileRunCmd) table(a *app, runs []store.Run, findings []store.FindingView, open int) error {
	if len(runs) > 0 {
		if err := a.runs(runs); err != nil {
			return err
		}
		a.printf("\n")
	}
	if len(findings) == 0 {
		a.printf(a.either("Nothing differs.\n", "Aucun écart.\n"))
		if c.compared != nil {
			a.printf(a.either("Compared last: %s\n", "Dernière comparaison : %s\n"), store.Stamp(*c.compared))
		}
		return nil
	}
	w := visible.NewTable(a.out)
	w.Printf(a.either("FINDING\tCODE\tSUPPLIER\tNUMBER\tDEPOSITED\tINVOICE\tSINCE\tWHAT\n", "ÉCART\tCODE\tFOURNISSEUR\tNUMÉRO\tDÉPOSÉE\tFACTURE\tDEPUIS\tQUOI\n"))
	for _, f := range findings {
		invoice, text := "-", f.Text
		if f.InvoiceID != nil {
			invoice = strconv.FormatInt(*f.InvoiceID, 10)
		}
		if f.State == "accepted" {
			text += a.either(" (accepted: ", " (accepté : ") + or(f.Resolution, "") + ")"
		}
		w.Printf("%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", f.ID, f.Code, f.SIRET, or(f.NumeroFacture, "-"), f.DepositDay, invoice,
			f.FirstFoundAt.Local().Format(time.DateOnly), text)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	a.printf(a.either("\n%d open, %d accepted\n", "\n%d ouverts, %d acceptés\n"), open, len(findings)-open)
	w = visible.NewTable(a.out)
	for _, t := range totals(findings) {
		w.Printf("%s\t%d\t%s %s\n", t.Code, t.Count, t.Sum.StringFixed(2), t.Devise)
	}
	return w.Flush()
}

func (c reconcileRunCmd) json(a *app, runs []store.Run, findings []store.FindingView, open int) error {
	for _, r := range runs {
		if err := a.print(map[string]any{"run": r}); err != nil {
			return err
		}
	}
	for _, f := range findings {
		if err := a.print(map[string]any{"finding": f}); err != nil {
			return err
		}
	}
	end := map[string]any{"open": open, "accepted": len(findings) - open, "totals": totals(findings)}
	if c.Open {
		end["compared_at"] = c.compared
	}
	if c.more {
		end["more"] = true // than are listed and counted here
	}
	return a.print(end)
}

// total is what the open findings of a code come to in one currency: by what the portal says, else by what we say. Of AMOUNT, it is the differences.
type total struct {
	Code   string          `json:"code"`
	Devise string          `json:"devise"`
	Count  int             `json:"count"`
	Sum    decimal.Decimal `json:"sum"`
}

func totals(findings []store.FindingView) []total {
	list := []total{}
	for _, f := range findings {
		if f.State != "open" {
			continue
		}
		side := f.Portal
		if side == nil || side.MontantTTC == "" {
			side = f.Here
		}
		var devise string
		var sum decimal.Decimal
		if side != nil {
			devise = side.Devise
			sum, _ = decimal.NewFromString(side.MontantTTC)
		}
		if f.Code == store.FindingAmount && f.Here != nil {
			here, _ := decimal.NewFromString(f.Here.MontantTTC)
			sum = sum.Sub(here).Abs()
		}
		k := slices.IndexFunc(list, func(t total) bool { return t.Code == f.Code && t.Devise == devise })
		if k < 0 {
			k, list = len(list), append(list, total{Code: f.Code, Devise: devise})
		}
		list[k].Count++
		list[k].Sum = list[k].Sum.Add(sum)
	}
	slices.SortFunc(list, func(a, b total) int { return strings.Compare(a.Code+a.Devise, b.Code+b.Devise) })
	return list
}

func (a *app) findingsCSV(findings []store.FindingView) error {
	w := csv.NewWriter(a.out)
	_ = w.Write([]string{
		"finding", "code", "state", "account", "supplier_siret", "numero_facture", "deposit_day", "invoice_id", "identifiant_facture_cpp", "first_found_at", "text",
		"here_state", "here_montant_ttc", "here_devise", "here_destinataire_siret", "here_numero_flux_depot", "here_statut",
		"portal_montant_ttc", "portal_devise", "portal_destinataire_siret", "portal_numero_flux_depot", "portal_statut", "portal_mode_depot", "resolution",
	})
	for _, f := range findings {
		var here, portal store.Side
		if f.Here != nil {
			here = *f.Here
		}
		if f.Portal != nil {
			portal = *f.Portal
		}
		cells := []string{
			strconv.FormatInt(f.ID, 10), f.Code, f.State, f.Account, f.SIRET, or(f.NumeroFacture, ""), f.DepositDay.String(), id(f.InvoiceID), id(f.IdentifiantFactureCPP),
			f.FirstFoundAt.UTC().Format(time.RFC3339), f.Text,
			string(here.State), here.MontantTTC, here.Devise, here.DestinataireSIRET, here.NumeroFluxDepot, here.Statut,
			portal.MontantTTC, portal.Devise, portal.DestinataireSIRET, portal.NumeroFluxDepot, portal.Statut, portal.ModeDepot, or(f.Resolution, ""),
		}
		for k := range cells {
			cells[k] = operate.CSVCell(cells[k])
		}
		_ = w.Write(cells)
	}
	w.Flush()
	return w.Error()
}

func id(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}

type reconcileAcceptCmd struct {
	ID     int64  `arg:"" name:"finding" help:"The finding."`
	Reason string `required:"" help:"Why; kept in the history." placeholder:"TEXT"`
}

func (c reconcileAcceptCmd) Run(a *app) error {
	st, err := a.store()
	if err != nil {
		return err
	}
	if err := st.AcceptFinding(a.ctx, c.ID, c.Reason); err != nil {
		return err
	}
	if a.json {
		return a.print(map[string]any{"finding": c.ID, "state": "accepted"})
	}
	a.printf(a.either("finding %d is accepted\n", "l'écart %d est accepté\n"), c.ID)
	return nil
}

type reconcileReopenCmd struct {
	ID     int64  `arg:"" name:"finding" help:"The finding."`
	Reason string `required:"" help:"Why; kept in the history." placeholder:"TEXT"`
}

func (c reconcileReopenCmd) Run(a *app) error {
	st, err := a.store()
	if err != nil {
		return err
	}
	if err := st.ReopenFinding(a.ctx, c.ID, c.Reason); err != nil {
		return err
	}
	if a.json {
		return a.print(map[string]any{"finding": c.ID, "state": "open"})
	}
	a.printf(a.either("finding %d is open again\n", "l'écart %d est de nouveau ouvert\n"), c.ID)
	return nil
}
