package worker_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
)

const (
	atelier    = "99999999800012"
	imprimerie = "99999998900010"
	commune    = "99999999700023"
)

// drift does what no worker does, as the owner of the database.
func (h *house) drift(sql string, args ...any) {
	h.t.Helper()
	conn, err := pgx.Connect(h.t.Context(), h.db.URL)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(h.t.Context())) }()
	if _, err := conn.Exec(h.t.Context(), `SET session_replication_role = replica`); err != nil {
		h.t.Fatal(err)
	}
	if _, err := conn.Exec(h.t.Context(), sql, args...); err != nil {
		h.t.Fatal(err)
	}
}

// put inserts one invoice of a supplier.
func (h *house) put(app *pgxpool.Pool, numero, supplier string) {
	h.t.Helper()
	doc := invoicetest.Invoice{Numero: numero, FournisseurSIRET: supplier}.UBL()
	if _, err := app.Exec(h.t.Context(), `INSERT INTO chorus.invoices (external_ref, document) VALUES ($1, $2)`, numero, doc); err != nil {
		h.t.Fatal(err)
	}
}

// reconcile asks for it as an operator and waits for its end, which is to be this.
func (h *house) reconcile(want string) (runs []int64) {
	h.t.Helper()
	pool, err := pgxpool.New(h.t.Context(), h.db.OperatorURL)
	if err != nil {
		h.t.Fatal(err)
	}
	defer pool.Close()
	rows, err := pool.Query(h.t.Context(), `SELECT chorus.reconcile(NULL, NULL, NULL, NULL)`)
	if err != nil {
		h.t.Fatal(err)
	}
	if runs, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil || len(runs) == 0 {
		h.t.Fatalf("%v, %v", runs, err)
	}
	h.until("all runs have ended", `SELECT bool_and(finished_at IS NOT NULL) FROM chorus.reconciliations WHERE id = ANY ($1)`, runs)
	var got string
	if err := pool.QueryRow(h.t.Context(), `SELECT string_agg(DISTINCT state || coalesce(' ' || reason, ''), ', ') FROM chorus.reconciliations WHERE id = ANY ($1)`, runs).Scan(&got); err != nil {
		h.t.Fatal(err)
	}
	if got != want {
		h.t.Errorf("the runs ended as %q, want %q", got, want)
	}
	return runs
}

// findings are the open ones: code by number.
func (h *house) findings() map[string]string {
	h.t.Helper()
	rows, err := h.db.Pool.Query(h.t.Context(), `
		SELECT numero_facture, string_agg(code, ' ' ORDER BY code) FROM chorus.findings WHERE state = 'open' GROUP BY numero_facture`)
	if err != nil {
		h.t.Fatal(err)
	}
	found := map[string]string{}
	var numero, codes string
	if _, err := pgx.ForEachRow(rows, []any{&numero, &codes}, func() error { found[numero] = codes; return nil }); err != nil {
		h.t.Fatal(err)
	}
	return found
}

func (h *house) found(want map[string]string) {
	h.t.Helper()
	got := h.findings()
	for _, numero := range slices.Sorted(maps.Keys(want)) {
		if got[numero] != want[numero] {
			h.t.Errorf("%s: found %q, planted %q", numero, got[numero], want[numero])
		}
	}
	for _, numero := range slices.Sorted(maps.Keys(got)) {
		if want[numero] == "" {
			h.t.Errorf("%s: found %q, which nobody planted", numero, got[numero])
		}
	}
}

// events counts the events of findings.
func (h *house) events() (opened, closed int) {
	h.t.Helper()
	err := h.db.Pool.QueryRow(h.t.Context(), `
		SELECT count(*) FILTER (WHERE reason_code = 'FINDING'), count(*) FILTER (WHERE reason_code = 'FINDING_CLOSED') FROM chorus.events`).Scan(&opened, &closed)
	if err != nil {
		h.t.Fatal(err)
	}
	return opened, closed
}

// blind makes the change feed miss what has happened at the portal: it has read past it, and does not read again.
func (h *house) blind() {
	h.drift(`UPDATE chorus.structures SET watermark = clock_timestamp() + interval '5 seconds', next_sync_at = clock_timestamp() + interval '1 day', wide_at = clock_timestamp()`)
}

// The promise of issue 5: fifty discrepancies, ten of a kind, among several hundred good invoices of two suppliers, at a portal whose answers fail now and
// then. All are found under the right code, and nothing else is. What is found again is not new; what is repaired is closed.
func TestFiftyDiscrepancies(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{MaxPage: 40})
	app := h.app()
	planted := map[string]string{}
	suppliers := []string{atelier, imprimerie}
	number := func(kind string, k int) string { return fmt.Sprintf("%s-%d-%02d", kind, k%2, k) }

	for k := range 10 { // what the portal does with a deposit is planted before it is made
		lost, silent := number("LOST", k), number("SILENT", k)
		h.sim.Faults(chorustest.Fault{Kind: "commit_then_forget", Numero: lost}, chorustest.Fault{Kind: "commit_then_vanish", Numero: silent})
		h.put(app, lost, suppliers[k%2])
		h.put(app, silent, suppliers[k%2])
		planted[lost], planted[silent] = store.FindingHereOnly, store.FindingNoMessage
	}
	for k := range 260 {
		h.put(app, number("GOOD", k), suppliers[k%2])
	}
	for k := range 10 {
		h.put(app, number("JUMP", k), suppliers[k%2])
		h.put(app, number("SUM", k), suppliers[k%2])
	}
	stop := h.run()
	h.until("all that the portal shows is settled", `
		SELECT count(*) FILTER (WHERE state = 'settled') = 280 AND count(*) FILTER (WHERE state = 'deposited') = 20 FROM chorus.invoices`)
	stop()

	// The rest is planted while nobody looks.
	for k := range 10 {
		typed, jump, sum := number("TYPED", k), number("JUMP", k), number("SUM", k)
		if _, err := h.sim.TypeIn(chorustest.Facts{Numero: typed, Date: "2026-01-15", Fournisseur: suppliers[k%2], Destinataire: commune, TTC: "120.00"}); err != nil {
			t.Fatal(err)
		}
		if err := h.sim.Statut(jump, "SUSPENDUE", "bon de livraison ?"); err != nil {
			t.Fatal(err)
		}
		if err := h.sim.Edit(sum, `{"montantTTC":"1499.99"}`); err != nil {
			t.Fatal(err)
		}
		planted[typed], planted[jump], planted[sum] = store.FindingAtPortalOnly, store.FindingStatus, store.FindingAmount
	}
	h.blind()
	h.drift(`UPDATE chorus.invoices SET deposited_at = clock_timestamp() - interval '2 days' WHERE numero_facture LIKE 'SILENT%'`)
	if len(planted) != 50 {
		t.Fatalf("%d are planted", len(planted))
	}

	search := func(kind string) chorustest.Fault { return chorustest.Fault{Op: "rechercher/fournisseur", Kind: kind} }
	h.sim.Faults(search("503"), search("short_page"), search("html_200"), search("drop_before_commit"), search("repeated_page"))
	h.run()
	runs := h.reconcile("done")
	h.found(planted)
	if opened, closed := h.events(); opened != 50 || closed != 0 {
		t.Errorf("%d events of findings, %d of closed ones, want 50 and 0", opened, closed)
	}
	var portal, here int
	var sums string
	err := h.db.Pool.QueryRow(t.Context(), `
		SELECT sum(portal_count), sum(here_count), string_agg(portal_sums::text || ' ' || here_sums::text, ' | ' ORDER BY siret) FROM chorus.reconciliations WHERE id = ANY ($1)`, runs).
		Scan(&portal, &here, &sums)
	// 280 that both have, ten typed in; twenty that only we have. 10 amounts are a cent lower.
	if err != nil || len(runs) != 2 || portal != 290 || here != 300 {
		t.Errorf("%d runs, %d at the portal, %d here, %v", len(runs), portal, here, err)
	}
	const each = `{"EUR": 210599.95} {"EUR": 225000}`
	if sums != each+" | "+each {
		t.Errorf("sums %s", sums)
	}

	// Found again is not found anew. The jumps have been followed meanwhile, and agree.
	h.until("the rows have followed", `SELECT bool_and(statut_courant = 'SUSPENDUE' AND state = 'integrated') FROM chorus.invoices WHERE numero_facture LIKE 'JUMP%'`)
	h.reconcile("done")
	maps.DeleteFunc(planted, func(_, code string) bool { return code == store.FindingStatus })
	h.found(planted)
	if opened, closed := h.events(); opened != 50 || closed != 10 {
		t.Errorf("%d events of findings, %d of closed ones, want 50 and 10", opened, closed)
	}

	// Repaired: the amounts, and what was typed in, at the portal; what the portal does not have, here.
	for numero, code := range planted {
		var err error
		switch code {
		case store.FindingAmount:
			err = h.sim.Edit(numero, `{"montantTTC":"1500.00"}`)
		case store.FindingAtPortalOnly:
			err = h.sim.Hide(numero, true)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	h.drift(`UPDATE chorus.invoices SET state = 'abandoned' WHERE numero_facture LIKE 'LOST%' OR numero_facture LIKE 'SILENT%'`)
	h.reconcile("done")
	h.found(nil)
	if opened, closed := h.events(); opened != 50 || closed != 50 {
		t.Errorf("%d events of findings, %d of closed ones, want 50 and 50", opened, closed)
	}
	var left int
	if err := h.db.Pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM chorus.reconciled) + (SELECT count(*) FROM chorus.suspects)`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d rows of finished runs are left, %v", left, err)
	}
}
