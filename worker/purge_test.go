package worker_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
)

// A worker purges by itself what its account has kept for long enough, leaves what is still followed, and follows on what it has purged.
func TestAWorkerPurgesByItself(t *testing.T) {
	t.Parallel()
	h := newHouse(t, still("OPEN-1"))
	stop := h.run()
	paid, open := h.insert(invoicetest.Invoice{Numero: "PAID-1"}.UBL()), h.insert(invoicetest.Invoice{Numero: "OPEN-1"}.UBL())
	h.reaches(open, "MISE_A_DISPOSITION")
	h.until("the invoice is settled", `SELECT state = 'settled' FROM chorus.invoices WHERE id = $1`, paid)
	stop()
	if _, err := h.owner().Exec(t.Context(), `
		UPDATE chorus.clock_watch SET since = clock_timestamp() - interval '2 days', seen = clock_timestamp();
		SELECT chorus.keep_documents('default', '30 days', 'our policy');
		SET session_replication_role = replica;
		UPDATE chorus.invoices SET updated_at = clock_timestamp() - interval '31 days';
		SET session_replication_role = origin`, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	h.start()
	h.until("the document is purged", `SELECT document IS NULL AND purged_at IS NOT NULL FROM chorus.invoices WHERE id = $1`, paid)
	h.portal("OPEN-1", "MISE_EN_PAIEMENT", "")
	if i := h.reaches(open, "MISE_EN_PAIEMENT"); i.State != store.Settled || i.PurgedAt != nil {
		t.Errorf("the other one is %+v", i)
	}
	if said := h.said(paid, store.EventPurged); len(said) != 1 {
		t.Errorf("history says %v", said)
	}
}
