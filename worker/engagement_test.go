package worker_test

import (
	"testing"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/invoice/rules"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

// The State is asked whether it knows a commitment, once for several invoices, where the account wants it; what it does not know is a warning, and what it does not say stops nothing.
func TestTheStateIsAskedForCommitments(t *testing.T) {
	t.Parallel()
	const etat, op = "11000201100044", "engagementsJuridiques/rechercher"
	h := newHouse(t, nil)
	h.sim.SetStructure(etat, func(s *chorustest.Structure) { s.Engagements = []string{"EJ-1"} })
	send := func(numero, engagement string) int64 {
		t.Helper()
		return h.insert(invoicetest.Invoice{Numero: numero, DestinataireSIRET: etat, CodeService: "SERVICE_DEST_SERV_OBL", Engagement: engagement}.UBL())
	}
	asked := func() int { return h.sim.Stats().Requests[op] }
	ended := []store.State{store.Invalid, store.Rejected, store.Integrated, store.Settled}
	checking := func(c *worker.Config) { c.Accounts[0].Engagements = true }
	const warned = `SELECT count(*) = 1 FROM chorus.invoice_findings WHERE invoice_id = $1 AND code = 'CH-ENGAGEMENT-UNKNOWN' AND severity = 'warning' AND value = 'EJ-2'`

	stop := h.run(checking)
	h.await(send("FIRST", "EJ-1"), ended...) // nothing is known of the recipient yet
	h.until("the recipient is known", `SELECT checked_at IS NOT NULL FROM chorus.recipients WHERE siret = $1`, etat)
	if n := asked(); n != 0 {
		t.Errorf("asked %d times before it is known what is demanded", n)
	}
	for _, numero := range []string{"GOOD-1", "GOOD-2"} {
		id := send(numero, "EJ-1")
		if got := h.await(id, ended...); got.State == store.Invalid {
			t.Errorf("%s: %v", numero, *got.ReasonCode)
		}
		h.until("nothing is found", `SELECT count(*) = 0 FROM chorus.invoice_findings WHERE invoice_id = $1 AND code = 'CH-ENGAGEMENT-UNKNOWN'`, id)
	}
	if n := asked(); n != 1 {
		t.Errorf("asked %d times for one commitment", n)
	}
	id := send("WRONG", "EJ-2")
	if got := h.await(id, ended...); got.State == store.Invalid {
		t.Errorf("a warning stopped it: %v", *got.ReasonCode)
	}
	h.until("the warning is there", warned, id)
	stop()

	// Whatever goes wrong stops nothing, and is not tried again with the next invoice.
	before := asked()
	h.sim.Faults(chorustest.Fault{Op: op, Kind: "403", Times: 1000})
	stop = h.run(checking)
	for _, numero := range []string{"UNSAID-1", "UNSAID-2"} {
		if got := h.await(send(numero, "EJ-3"), ended...); got.State == store.Invalid {
			t.Errorf("%s: %v", numero, *got.ReasonCode)
		}
	}
	if n := asked() - before; n != 1 {
		t.Errorf("asked %d times where it may not ask", n)
	}
	stop()
	h.sim.ClearFaults()

	// Raised, it stops the invoice; and without the setting nobody asks.
	stop = h.run(checking, func(c *worker.Config) {
		c.Accounts[0].Rules = map[string]rules.Severity{"CH-ENGAGEMENT-UNKNOWN": rules.Error}
	})
	if got := h.await(send("STOPPED", "EJ-4"), ended...); got.State != store.Invalid || *got.ReasonCode != "CH-ENGAGEMENT-UNKNOWN" {
		t.Errorf("raised: %s", got.State)
	}
	stop()
	before = asked()
	h.start()
	h.await(send("UNASKED", "EJ-5"), ended...)
	if n := asked() - before; n != 0 {
		t.Errorf("asked %d times without the setting", n)
	}
}
