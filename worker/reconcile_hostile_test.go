package worker_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/store"
)

// settled has invoices of these numbers deposited by the atelier and settled, and ends the worker. It was longer than V ago: nothing is concluded from a
// younger deposit that is not shown.
func (h *house) settled(numeros ...string) {
	h.t.Helper()
	app := h.app()
	for _, numero := range numeros {
		h.put(app, numero, atelier)
	}
	stop := h.run()
	h.until("all are settled", `SELECT count(*) FILTER (WHERE state = 'settled') = $1 FROM chorus.invoices`, len(numeros))
	stop()
	h.blind()
	h.drift(`UPDATE chorus.invoices SET deposited_at = deposited_at - interval '1 second'`)
}

func series(prefix string, n int) (all []string) {
	for k := range n {
		all = append(all, fmt.Sprintf("%s-%02d", prefix, k))
	}
	return all
}

func (h *house) edit(numero, changes string) {
	h.t.Helper()
	if err := h.sim.Edit(numero, changes); err != nil {
		h.t.Fatal(err)
	}
}

// The other codes, each planted once among invoices that agree.
func TestEveryCode(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{AcceptDuplicates: true})
	kinds := []string{"HIDDEN", "FLUX", "HAND", "RECIPIENT", "NUMBER", "DATE", "DOUBLE", "CURRENCY", "PARKED", "OLDER", "GIVEN-UP", "BOTH"}
	h.settled(append(series("GOOD", 20), kinds...)...)

	if err := h.sim.Hide("HIDDEN", true); err != nil {
		t.Fatal(err)
	}
	h.edit("FLUX", `{"numeroFluxDepot":"CPP0011106000000000000001"}`)
	h.edit("HAND", `{"numeroFluxDepot":"","modeDepot":"SAISIE_PORTAIL"}`)
	h.edit("RECIPIENT", `{"destinataire":"12345678200051"}`)
	h.edit("NUMBER", `{"numero":"ANOTHER"}`)
	h.edit("DATE", `{"dateFacture":"2026-01-16"}`)
	h.edit("CURRENCY", `{"devise":"USD"}`)
	h.edit("BOTH", `{"montantTTC":"1.00","destinataire":"12345678200051"}`)
	if _, err := h.sim.TypeIn(chorustest.Facts{Numero: "DOUBLE", Date: "2026-03-01", Fournisseur: atelier, Destinataire: commune, TTC: "1500.00"}); err != nil {
		t.Fatal(err)
	}
	h.drift(`UPDATE chorus.invoices SET state = 'parked', reason_code = 'ABSENT', numero_flux_depot = NULL, identifiant_facture_cpp = NULL,
		date_depot = NULL, deposited_at = NULL WHERE numero_facture = 'PARKED'`)
	h.drift(`UPDATE chorus.invoices SET state = 'abandoned' WHERE numero_facture = 'GIVEN-UP'`)
	h.drift(`UPDATE chorus.invoices SET statut_courant = 'STATUT_FUTUR', statut_courant_date = statut_courant_date + interval '1 second' WHERE numero_facture = 'OLDER'`)
	h.run()
	h.reconcile("done")
	want := map[string]string{
		"HIDDEN": store.FindingHereOnly, "FLUX": store.FindingFlux, "HAND": store.FindingFlux, "RECIPIENT": store.FindingRecipient, "NUMBER": store.FindingNumber,
		"DATE": store.FindingDate, "DOUBLE": store.FindingDouble, "CURRENCY": store.FindingAmount, "PARKED": store.FindingParked, "OLDER": store.FindingStatus,
		"GIVEN-UP": store.FindingAtPortalOnly, "BOTH": store.FindingAmount + " " + store.FindingRecipient,
	}
	h.found(want)
	// What the portal shows with an older date than ours changes nothing here.
	h.until("the row stays", `SELECT statut_courant = 'STATUT_FUTUR' FROM chorus.invoices WHERE numero_facture = 'OLDER'`)
	h.until("the parked row's finding has the portal's day", `
		SELECT deposit_day = (clock_timestamp() AT TIME ZONE 'Europe/Paris')::date FROM chorus.findings WHERE code = 'PARKED'`)
	h.until("the parked row stays a person's", `SELECT state = 'parked' FROM chorus.invoices WHERE numero_facture = 'PARKED'`)

	rows, err := h.db.Pool.Query(t.Context(), `SELECT code FROM chorus.finding_codes`)
	if err != nil {
		t.Fatal(err)
	}
	codes, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	tested := append(strings.Fields(strings.Join(slices.Collect(maps.Values(want)), " ")), store.FindingNoMessage) // that one among the fifty
	for _, code := range codes {
		if !slices.Contains(tested, code) {
			t.Errorf("%s is never found", code)
		}
	}
}

// runCompared starts a worker and waits until it has compared with the portal: faults that are meant for a listing are not met by that.
func (h *house) runCompared() (stop func()) {
	h.t.Helper()
	var before time.Time
	if err := h.db.Pool.QueryRow(h.t.Context(), `SELECT clock_timestamp()`).Scan(&before); err != nil {
		h.t.Fatal(err)
	}
	stop = h.run()
	h.until("the start has compared", `SELECT compare_asked_at > $1 AND compare_since IS NULL FROM chorus.accounts WHERE name = 'default'`, before)
	return stop
}

// A portal that leaves an invoice out of one listing, shows an old status once, and errs in other ways, has nothing found.
func TestNothingIsInvented(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{MaxPage: 10})
	h.settled(series("GOOD", 30)...)
	search := func(kind string) chorustest.Fault { return chorustest.Fault{Op: "rechercher/fournisseur", Kind: kind} }
	for name, faults := range map[string][]chorustest.Fault{
		"left out and shown old": {search("missing_invoice"), search("statut_backwards"), search("statut_backwards"), search("unknown_statut")},
		"pages":                  {search("short_page"), search("401_token"), search("429"), search("html_200"), search("unknown_code")},
		"statuses":               {search("statut_missing"), search("mixed_dates"), search("statut_backwards"), search("500")},
	} {
		h.sim.Faults(faults...)
		stop := h.run()
		h.reconcile("done")
		h.found(nil)
		if t.Failed() {
			t.Fatal(name)
		}
		stop()
		h.sim.ClearFaults()
	}
}

// A listing that leaves an invoice out consistently, as its counters do, adds up; the invoice is asked for alone before anything is said.
func TestLeftOutOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.settled(series("GOOD", 10)...)
	h.runCompared()
	h.sim.Faults(
		chorustest.Fault{Op: "rechercher/fournisseur", Kind: "missing_invoice"},
		chorustest.Fault{Op: "rechercher/fournisseur", Kind: "503"}, // and then the portal does not answer
	)
	runs := h.reconcile("done")
	h.found(nil)
	var portal, calls int
	err := h.db.Pool.QueryRow(t.Context(), `SELECT portal_count, calls FROM chorus.reconciliations WHERE id = $1`, runs[0]).Scan(&portal, &calls)
	if err != nil || portal != 9 || calls != 2 {
		t.Errorf("%d invoices listed, %d answers, %v", portal, calls, err)
	}
}

// A listing that never adds up is said to be incomplete, closes nothing and opens nothing for what it did not show.
func TestIncompleteConcludesNothingFromAbsence(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.settled(series("GOOD", 10)...)
	h.edit("GOOD-00", `{"montantTTC":"1.00"}`)
	if err := h.sim.Hide("GOOD-09", true); err != nil {
		t.Fatal(err)
	}
	stop := h.run()
	h.reconcile("done")
	want := map[string]string{"GOOD-00": store.FindingAmount, "GOOD-09": store.FindingHereOnly}
	h.found(want)
	stop()

	if err := h.sim.Hide("GOOD-09", false); err != nil {
		t.Fatal(err)
	}
	if _, err := h.sim.TypeIn(chorustest.Facts{Numero: "A-TYPED", Date: "2026-03-01", Fournisseur: atelier, Destinataire: commune, TTC: "1.00"}); err != nil {
		t.Fatal(err)
	}
	stop = h.runCompared()
	h.sim.Faults(chorustest.Fault{Op: "rechercher/fournisseur", Kind: "short_page", Times: 3})
	h.reconcile("incomplete 5 rows of 11")
	h.found(want)
	stop()
	h.run()
	h.reconcile("done")
	delete(want, "GOOD-09")
	want["A-TYPED"] = store.FindingAtPortalOnly
	h.found(want)
}

// What was accepted stays accepted as long as it says the same.
func TestAcceptedFindings(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.settled(series("GOOD", 5)...)
	h.edit("GOOD-03", `{"montantTTC":"1499.99"}`)
	h.run()
	h.reconcile("done")
	want := map[string]string{"GOOD-03": store.FindingAmount}
	h.found(want)
	pool, err := pgxpool.New(t.Context(), h.db.OperatorURL)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if _, err := pool.Exec(t.Context(), `SELECT chorus.accept_finding(id, 'a cent') FROM chorus.findings`); err != nil {
		t.Fatal(err)
	}
	h.reconcile("done")
	h.found(nil)
	h.edit("GOOD-03", `{"montantTTC":"9.99"}`)
	h.reconcile("done")
	h.found(want)
	h.edit("GOOD-03", `{"montantTTC":"1500"}`)
	h.reconcile("done")
	h.found(nil)
	h.until("history has all of it", `SELECT string_agg(reason_code, ' ' ORDER BY id) = 'FINDING FINDING_ACCEPTED FINDING FINDING_CLOSED' FROM chorus.events WHERE reason_code LIKE 'FINDING%'`)
}

// A run whose jobs are killed again and again is gone on with, and says nothing twice.
func TestRunInParts(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{MaxPage: 3})
	h.settled(series("GOOD", 60)...)
	for k := range 10 {
		h.edit(fmt.Sprintf("GOOD-%02d", 6*k), `{"montantTTC":"1.00"}`)
	}
	h.sim.Faults(chorustest.Fault{Op: "rechercher/fournisseur", Kind: "drop_before_commit", Times: 2})
	pool, err := pgxpool.New(t.Context(), h.db.OperatorURL)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var run, again int64
	if err := pool.QueryRow(t.Context(), `SELECT chorus.reconcile('default', NULL, NULL, NULL)`).Scan(&run); err != nil {
		t.Fatal(err)
	}
	if err := pool.QueryRow(t.Context(), `SELECT chorus.reconcile('default', NULL, NULL, NULL)`).Scan(&again); err != nil || again != run {
		t.Fatalf("asked for twice, it is %d and %d, %v", run, again, err)
	}
	for _, page := range []int{4, 9, 15, 20} {
		stop := h.run()
		h.until("some pages are read", `SELECT page >= $2 OR finished_at IS NOT NULL FROM chorus.reconciliations WHERE id = $1`, run, page)
		stop()
		// What a killed process leaves, and not a drained one: a claim that runs out, or a job that River has forgotten.
		h.drift(`UPDATE chorus.reconciliations SET claim = 1, claimed_until = CASE WHEN page % 2 = 0 THEN 'infinity' ELSE clock_timestamp() + interval '300 ms' END WHERE finished_at IS NULL`)
		h.drift(`TRUNCATE river.river_job`)
	}
	h.run()
	h.until("the run ends", `SELECT state = 'done' FROM chorus.reconciliations WHERE id = $1`, run)
	want := map[string]string{}
	for k := range 10 {
		want[fmt.Sprintf("GOOD-%02d", 6*k)] = store.FindingAmount
	}
	h.found(want)
	if opened, _ := h.events(); opened != 10 {
		t.Errorf("%d events for 10 findings", opened)
	}
	var pages, portal int
	if err := pool.QueryRow(t.Context(), `SELECT page, portal_count FROM chorus.reconciliations WHERE id = $1`, run).Scan(&pages, &portal); err != nil || pages != 20 || portal != 60 {
		t.Errorf("%d pages, %d invoices at the portal, %v", pages, portal, err)
	}
}
