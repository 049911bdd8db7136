package worker_test

import (
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
)

// A database so slow that a whole page of the change feed takes longer than a statement may: the page is stored part by part, and its invoices move on.
func TestAPageThatTakesLongerThanAStatementMay(t *testing.T) {
	t.Parallel()
	const (
		invoices    = 100 // as many as the portal grants on a page
		integration = 20 * time.Second
	)
	h := newHouse(t, &chorustest.Config{Integration: integration})
	stop := h.run()
	h.load("SLOW", invoices)
	h.until("all deposited", `SELECT count(*) = $1 FROM chorus.invoices WHERE state IN ('deposited', 'integrated', 'settled')`, invoices)
	stop()
	time.Sleep(integration)                                                                                                                  // the portal goes on, and shows them all at once
	h.exec(`CREATE FUNCTION public.slowly() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_catalog.pg_sleep(0.2); RETURN NULL; END'`) // 20 s for all; 15 are granted
	h.exec(`CREATE TRIGGER slowly AFTER UPDATE OF identifiant_facture_cpp ON chorus.invoices FOR EACH ROW EXECUTE FUNCTION public.slowly()`)
	h.start()
	h.until("all followed", `SELECT count(*) = $1 FROM chorus.invoices WHERE state IN ('integrated', 'settled')`, invoices)
}
