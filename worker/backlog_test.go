package worker_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

// What an invoice costs does not grow with those that wait, are on their way, or are over: all of the same supplier and year, as they mostly are. PostgreSQL counts the rows that it
// reads of chorus.invoices; a single statement that reads a state's rows each time, or a year's for each line of a page, is many times the limit.
func TestABacklogCostsAnInvoiceNothing(t *testing.T) {
	t.Parallel()
	const each = 5000
	h := newHouse(t, nil)
	if err := h.sim.SetAccount(chorustest.DefaultAccount.Login, func(a *chorustest.Account) { a.Structures = []string{"99999999800012"} }); err != nil {
		t.Fatal(err)
	}
	h.exec(`SET session_replication_role = replica;
		INSERT INTO chorus.invoices (document, document_sha256, document_bytes, state, numero_facture, date_facture, fournisseur_siret, destinataire_siret, montant_ttc, devise,
		    attempt_no, numero_flux_depot, deposited_at, identifiant_facture_cpp, statut_courant, statut_courant_date, due_at)
		SELECT 'x', '\x00', 1, s, 'F-' || n, '2026-01-31', '99999999800012', '99999999700023', 100, 'EUR',
		    CASE WHEN s = 'ready' THEN 0 ELSE 1 END, CASE WHEN s <> 'ready' THEN 'OLD' || n END, CASE WHEN s <> 'ready' THEN clock_timestamp() - interval '3 days' END,
		    CASE WHEN s IN ('integrated', 'settled') THEN 10000000 + n END, CASE s WHEN 'settled' THEN 'MISE_EN_PAIEMENT' WHEN 'integrated' THEN 'MISE_A_DISPOSITION' END,
		    CASE WHEN s IN ('integrated', 'settled') THEN clock_timestamp() - interval '3 days' END, clock_timestamp() + CASE WHEN s = 'ready' THEN interval '0' ELSE interval '1 day' END
		FROM unnest(ARRAY['ready', 'deposited', 'integrated', 'settled']) WITH ORDINALITY AS s (s, k), generate_series(k * 100000, k * 100000 + ` + fmt.Sprint(each) + ` - 1) n;
		SET session_replication_role = origin`)
	h.exec(`VACUUM ANALYZE chorus.invoices`)
	h.start(func(c *worker.Config) { c.Quota = 60 })
	through := func(prefix string) {
		t.Helper()
		var ids []int64
		for k := range 10 {
			var id int64
			if err := h.app().QueryRow(t.Context(), `INSERT INTO chorus.invoices (document, priority) VALUES ($1, 9) RETURNING id`,
				invoicetest.Invoice{Numero: fmt.Sprintf("%s-%d", prefix, k)}.UBL()).Scan(&id); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		for _, id := range ids {
			h.await(id, store.Integrated, store.Settled)
		}
	}
	through("FIRST")
	const read = `
		SELECT (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relid = 'chorus.invoices'::regclass)::bigint
		     + (SELECT seq_tup_read FROM pg_stat_user_tables WHERE relid = 'chorus.invoices'::regclass)`
	time.Sleep(1500 * time.Millisecond) // a session tells of its reading once a second
	before, began := h.count(read), time.Now()
	h.sim.Faults(chorustest.Fault{Kind: "commit_then_drop", Numero: "lost-3"}, chorustest.Fault{Kind: "drop_before_commit", Numero: "lost-4"})
	through("lost")
	time.Sleep(1500 * time.Millisecond)
	rows := h.count(read) - before
	t.Logf("%d rows were read in %s", rows, time.Since(began))
	if rows > 50*each {
		var by string
		if err := h.owner().QueryRow(t.Context(), `
			SELECT string_agg(format('%s: %s in %s', indexrelname, idx_tup_read, idx_scan), E'\n' ORDER BY idx_tup_read DESC)
			FROM pg_stat_user_indexes WHERE relid = 'chorus.invoices'::regclass AND idx_tup_read > 1000`).Scan(&by); err != nil {
			t.Fatal(err)
		}
		t.Errorf("%d rows were read for 10 invoices; by index, since the start:\n%s", rows, by)
	}
}
