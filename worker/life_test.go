package worker_test

import (
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

// reaches returns the row once it has this statut.
func (h *house) reaches(id int64, statut string) store.Status {
	h.t.Helper()
	h.until("invoice has "+statut, `SELECT statut_courant = $2 FROM chorus.invoices WHERE id = $1`, id, statut)
	i, _, err := store.New(h.db.Pool).Show(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	return i
}

// said lists the events of an invoice with this reason code.
func (h *house) said(id int64, code string) (details []string) {
	h.t.Helper()
	events, err := store.New(h.db.Pool).Events(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, e := range events {
		if e.ReasonCode != nil && *e.ReasonCode == code {
			details = append(details, string(e.Detail))
		}
	}
	return details
}

// still makes the invoice of this number stay where it is at the portal, until the test moves it.
func still(numero string) *chorustest.Config {
	return &chorustest.Config{Scripts: map[string][]chorustest.Move{numero: {{Statut: "MISE_A_DISPOSITION"}}}}
}

func (h *house) portal(numero, statut, comment string) {
	h.t.Helper()
	if err := h.sim.Statut(numero, statut, comment); err != nil {
		h.t.Fatal(err)
	}
}

// A statut that nobody knows is kept in the portal's own word, is neither success nor failure, and is said once.
func TestAnUnknownStatutIsKeptAndSaid(t *testing.T) {
	t.Parallel()
	h := newHouse(t, still("ODD-1"))
	h.start()
	id := h.insert(invoicetest.Invoice{Numero: "ODD-1"}.UBL())
	h.reaches(id, "MISE_A_DISPOSITION")
	h.portal("ODD-1", "PAYEE_EN_2031", "")
	if got := h.reaches(id, "PAYEE_EN_2031"); got.State != store.Integrated || got.ReasonCode != nil {
		t.Errorf("it is %s %v", got.State, got.ReasonCode)
	}
	h.portal("ODD-1", "MISE_EN_PAIEMENT", "")
	h.await(id, store.Settled)
	if got := h.said(id, store.EventUnknownStatut); len(got) != 1 || !strings.Contains(got[0], "PAYEE_EN_2031") {
		t.Errorf("said %q", got)
	}
	if got := h.said(id, store.EventBackwards); got != nil {
		t.Errorf("said %q", got)
	}
}

// Final rows cost no call of their own, and take what the feed shows later all the same, with a word that it is unusual.
func TestAFinalStatutMayBeLeftAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{Scripts: map[string][]chorustest.Move{
		"BACK-1": {{Statut: "MISE_A_DISPOSITION"}, {Statut: "REJETEE", Commentaire: "MONTANT_ERR - Montant erroné"}},
		"BACK-2": {{Statut: "MISE_A_DISPOSITION"}, {Statut: "MISE_EN_PAIEMENT"}},
	}})
	h.start()
	refused := h.insert(invoicetest.Invoice{Numero: "BACK-1"}.UBL())
	paid := h.insert(invoicetest.Invoice{Numero: "BACK-2"}.UBL())
	h.await(refused, store.Rejected)
	h.await(paid, store.Settled)

	// The feed alone looks at them.
	deadline := time.Now().Add(20 * time.Second)
	for read := h.requests("rechercher/fournisseur"); h.requests("rechercher/fournisseur") < read+10; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the feed is not read")
		}
	}
	if n := h.requests("consulter/historique"); n > 0 {
		t.Errorf("final rows were asked about %d times", n)
	}

	h.portal("BACK-1", "PRISE_EN_COMPTE_DESTINATAIRE", "")
	h.portal("BACK-2", "COMPTABILISEE", "")
	for _, id := range []int64{refused, paid} {
		if got := h.await(id, store.Integrated); got.ReasonCode != nil || got.Reason != nil {
			t.Errorf("its old reason stayed: %s", *got.Reason)
		}
		if got := h.said(id, store.EventBackwards); len(got) != 1 {
			t.Errorf("said %q", got)
		}
	}
	h.portal("BACK-1", "MISE_EN_PAIEMENT", "")
	h.await(refused, store.Settled)
	if path := h.path(refused); !strings.HasSuffix(path, "rejected integrated settled") {
		t.Errorf("went through %s", path)
	}
}

// What the search leaves out is read from the history, once for each status, ever more seldom while there is nothing; and the statuses that the feed has
// jumped over are made up for.
func TestAReasonIsReadFromTheHistory(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{Scripts: map[string][]chorustest.Move{
		"WHY-1": {{Statut: "MISE_A_DISPOSITION"}, {Statut: "PRISE_EN_COMPTE_DESTINATAIRE"}, {Statut: "SUSPENDUE", Commentaire: "Bon de livraison manquant"}},
		"WHY-2": {{Statut: "MISE_A_DISPOSITION"}, {Statut: "REJETEE", Commentaire: "Doublon de facturation"}},
	}})
	h.sim.Faults(
		chorustest.Fault{Kind: "comment_missing", Op: "rechercher/fournisseur", Times: -1},
		chorustest.Fault{Kind: "comment_missing", Op: "consulter/historique", Times: 2}, // nothing yet
		chorustest.Fault{Kind: "503", Op: "consulter/historique"},
	)
	h.start()
	suspended := h.insert(invoicetest.Invoice{Numero: "WHY-1"}.UBL())
	refused := h.insert(invoicetest.Invoice{Numero: "WHY-2"}.UBL())
	h.until("both have their reasons", `SELECT count(statut_commentaire) = 2 FROM chorus.invoices`)

	if got := h.await(suspended, store.Integrated); *got.StatutCommentaire != "Bon de livraison manquant" || *got.StatutCourant != "SUSPENDUE" || got.Reason != nil {
		t.Errorf("suspended: %s %s", *got.StatutCourant, *got.StatutCommentaire)
	}
	if got := h.await(refused, store.Rejected); *got.StatutCommentaire != "Doublon de facturation" || *got.Reason != "Doublon de facturation" || *got.ReasonCode != store.ReasonRecipient {
		t.Errorf("refused: %s %s %s", *got.StatutCommentaire, *got.ReasonCode, *got.Reason)
	}
	if n := h.requests("consulter/historique"); n != 5 {
		t.Errorf("the history was read %d times, want once for each, two more while it said nothing and one that failed", n)
	}
	for _, id := range []int64{suspended, refused} {
		if got := h.said(id, "REASON"); len(got) != 1 {
			t.Errorf("said %q", got)
		}
	}
	h.until("every status is in the history", `
		SELECT count(DISTINCT detail ->> 'statut_courant') = 4 FROM chorus.events
		WHERE invoice_id = $1 AND detail ->> 'statut_courant' IN ('DEPOSEE', 'MISE_A_DISPOSITION', 'PRISE_EN_COMPTE_DESTINATAIRE', 'SUSPENDUE')`, suspended)
}

func TestAReasonThatTheSearchBringsCostsNoCall(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{Scripts: map[string][]chorustest.Move{
		"TOLD-1": {{Statut: "MISE_A_DISPOSITION"}, {Statut: "A_RECYCLER", Commentaire: "SE_ERR - Service erroné"}},
	}})
	h.start()
	id := h.insert(invoicetest.Invoice{Numero: "TOLD-1"}.UBL())
	if got := h.reaches(id, "A_RECYCLER"); got.StatutCommentaire == nil || *got.StatutCommentaire != "SE_ERR - Service erroné" {
		t.Errorf("the comment is %v", got.StatutCommentaire)
	}
	h.await(h.insert(invoicetest.Invoice{Numero: "TOLD-2"}.UBL()), store.Settled) // a while
	if n := h.requests("consulter/historique"); n != 0 {
		t.Errorf("the history was read %d times", n)
	}
}

// A recipient that never reports payments is known by asking the portal, once; its invoices settle when it has been quiet for long enough.
func TestARecipientThatNeverReportsPayments(t *testing.T) {
	t.Parallel()
	quietly := []chorustest.Move{{Statut: "MISE_A_DISPOSITION"}, {Statut: "PRISE_EN_COMPTE_DESTINATAIRE"}}
	h := newHouse(t, &chorustest.Config{Scripts: map[string][]chorustest.Move{
		"NEVER-PAID": quietly, "WILL-SAY": quietly,
		"WAITS": {{Statut: "MISE_A_DISPOSITION"}, {Statut: "SUSPENDUE", Commentaire: "Bon de livraison manquant"}},
	}})
	h.start(func(c *worker.Config) { c.Settings.QuietPeriod = time.Second })
	never := func(numero string) int64 {
		return h.insert(invoicetest.Invoice{Numero: numero, DestinataireSIRET: "99999999700031", CodeService: "SERV_TECH"}.CII())
	}
	silent, waits := never("NEVER-PAID"), never("WAITS")
	says := h.insert(invoicetest.Invoice{Numero: "WILL-SAY"}.UBL())
	got := h.await(silent, store.Settled)
	if *got.ReasonCode != store.ReasonQuiet || !strings.Contains(*got.Reason, "never reports payments") || *got.StatutCourant != "PRISE_EN_COMPTE_DESTINATAIRE" {
		t.Errorf("settled as %s %s at %s", *got.ReasonCode, *got.Reason, *got.StatutCourant)
	}
	h.until("both recipients are known", `SELECT count(*) = 2 AND bool_and(checked_at IS NOT NULL) FROM chorus.recipients`)
	h.until("as the portal said", `
		SELECT never_reports_payment AND either_required AND NOT service_required AND id_structure_cpp = 25784153
		FROM chorus.recipients WHERE siret = '99999999700031'`)
	for _, id := range []int64{waits, says} {
		if got := h.await(id, store.Integrated, store.Settled); got.State != store.Integrated {
			t.Errorf("%s is %s", *got.NumeroFacture, got.State)
		}
	}
	if n := h.requests("structures/rechercher"); n != 2 {
		t.Errorf("%d recipients were looked up, want each once", n)
	}
	// It paid after all, and said so.
	h.portal("NEVER-PAID", "MISE_EN_PAIEMENT", "")
	h.reaches(silent, "MISE_EN_PAIEMENT")
}
