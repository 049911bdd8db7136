package worker_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/choriste/choriste/chorus/answers"
	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

// What the portal says is explained where it is told; what the dictionary does not know is counted, kept, and sends nothing again.
func TestAnswersAreExplained(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.sim.Faults(
		chorustest.Fault{Kind: "commit_then_reject", Numero: "STRANGE-1", Libelle: "L'element (CreditNote.DocumentCurrencyCode.value) est obligatoire|Un texte que nul ne connaît"},
		chorustest.Fault{Kind: "commit_then_reject", Numero: "STRANGE-2", Libelle: "L'engagement juridique (FichierXml.SupplyChainTradeTransaction.ApplicableHeaderTradeAgreement.BuyerReference.value) est obligatoire."},
	)
	r := newReceiver(t, nil)
	reg := prometheus.NewRegistry()
	w := h.start(hooks(r.hook("r", "", "invoice.rejected")), func(c *worker.Config) { c.Registry = reg })
	h.awaitEndpoint("r", "there", caughtUp)
	ids := []int64{h.insert(invoicetest.Invoice{Numero: "STRANGE-1"}.UBL()), h.insert(invoicetest.Invoice{Numero: "STRANGE-2"}.UBL())}
	for _, id := range ids {
		if got := h.await(id, store.Rejected); *got.ReasonCode != store.ReasonFluxRejected || got.Attempts != 1 {
			t.Errorf("%s, %d attempts", *got.ReasonCode, got.Attempts)
		}
	}
	all := r.await(func(all []told) bool { return len(all) == 2 })
	want := map[int64][]string{ids[0]: {"FLUX_REJECTED", "ELEMENT_MISSING", answers.CodeUnclassified}, ids[1]: {"FLUX_REJECTED", "SERVICE_CODE_MISSING"}}
	for _, one := range all {
		var codes []string
		for _, help := range one.Data.Help {
			codes = append(codes, help.Code)
			if help.Text == "" || help.TextFR == "" || help.Remedy == "" || help.RemedyFR == "" || help.Who == "" {
				t.Errorf("told without words: %+v", help)
			}
		}
		if !slices.Equal(codes, want[*one.Data.InvoiceID]) {
			t.Errorf("invoice %d: told %v, want %v", *one.Data.InvoiceID, codes, want[*one.Data.InvoiceID])
		}
	}
	if page := h.metrics(w, reg); !strings.Contains(page, `choriste_unknown_values_total{kind="error_text"} 1`) {
		t.Errorf("one text was unknown:\n%s", page)
	}
}
