package worker_test

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

// What a recipient demands is known before an invoice is sent, once the portal has been asked about it: what lacks it is refused here, in words.
func TestTheRecipientsDemandsAreKnownBeforeSending(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.sim.SetStructure("99999999700049", func(s *chorustest.Structure) { s.Inactive = true })
	h.start()
	known := map[string]invoicetest.Invoice{
		"12345678200028": {Numero: "SERVICE", CodeService: "SERVICE_DEST_SERV_OBL"},
		"12345678200036": {Numero: "ENGAGEMENT", Engagement: "EJ-1"},
		"99999999700031": {Numero: "EITHER", CodeService: "SERV_TECH"},
		"99999999700023": {Numero: "SERVICE-EJ", CodeService: "SERV_EJ", Engagement: "EJ-1"},
		"99999999700049": {Numero: "INACTIVE"},
		"99999999700056": {Numero: "UNKNOWN"},
		"12345678200051": {Numero: "NOTHING-WANTED"},
	}
	for siret, inv := range known {
		inv.DestinataireSIRET = siret
		h.insert(inv.UBL())
	}
	h.until("all recipients are known", `SELECT count(*) = 7 AND bool_and(checked_at IS NOT NULL) FROM chorus.recipients`)
	// The service that an invoice names is asked about once it has been named of a recipient that is known.
	h.insert(invoicetest.Invoice{Numero: "SERVICE-EJ-2", DestinataireSIRET: "99999999700023", CodeService: "SERV_EJ", Engagement: "EJ-1"}.UBL())
	h.until("the service is known", `SELECT engagement_required FROM chorus.recipient_services WHERE code = 'SERV_EJ'`)

	for n, broken := range []struct {
		code string
		invoicetest.Invoice
	}{
		{"CH-SERVICE-REQUIRED", invoicetest.Invoice{DestinataireSIRET: "12345678200028"}},
		{"CH-SERVICE-REQUIRED", invoicetest.Invoice{DestinataireSIRET: "12345678200028", CodeService: "NA"}},
		{"CH-SERVICE-UNKNOWN", invoicetest.Invoice{DestinataireSIRET: "12345678200028", CodeService: "NOT-THERE"}},
		{"CH-SERVICE-UNKNOWN", invoicetest.Invoice{DestinataireSIRET: "12345678200051", CodeService: "N/A"}}, // it demands none, and this is none of its own
		{"CH-ENGAGEMENT-REQUIRED", invoicetest.Invoice{DestinataireSIRET: "12345678200036"}},
		{"CH-SERVICE-OR-ENGAGEMENT", invoicetest.Invoice{DestinataireSIRET: "99999999700031"}},
		{"CH-SERVICE-ENGAGEMENT", invoicetest.Invoice{DestinataireSIRET: "99999999700023", CodeService: "SERV_EJ"}},
		{"CH-RECIPIENT-INACTIVE", invoicetest.Invoice{DestinataireSIRET: "99999999700049"}},
		{"CH-RECIPIENT-UNKNOWN", invoicetest.Invoice{DestinataireSIRET: "99999999700056"}},
	} {
		code, inv := broken.code, broken.Invoice
		inv.Numero = fmt.Sprintf("B-%d", n)
		got := h.await(h.insert(inv.UBL()), store.Invalid, store.Deposited, store.Rejected, store.Integrated, store.Settled)
		if got.State != store.Invalid || *got.ReasonCode != code {
			t.Errorf("%s: %s %v", code, got.State, got.ReasonCode)
			continue
		}
		if n := len(h.sim.Deposits(inv.Numero)); n != 0 {
			t.Errorf("%s: deposited %d times", code, n)
		}
	}
	// A service may be called as others say that there is none.
	h.sim.SetStructure("12345678200044", func(s *chorustest.Structure) {
		s.Services = append(s.Services, chorustest.Service{ID: 9, Code: "000", Libelle: "Service central"})
	})
	central := invoicetest.Invoice{DestinataireSIRET: "12345678200044", CodeService: "000", Engagement: "EJ-1"}
	for _, central.Numero = range []string{"CENTRAL", "CENTRAL-2"} {
		h.await(h.insert(central.UBL()), store.Integrated, store.Settled)
		h.until("the recipient is known", `SELECT checked_at IS NOT NULL FROM chorus.recipients WHERE siret = '12345678200044'`)
	}
	good := h.insert(invoicetest.Invoice{Numero: "GOOD", DestinataireSIRET: "12345678200028", CodeService: "SERVICE_DEST_SERV_OBL"}.UBL())
	h.await(good, store.Integrated, store.Settled)
}

// An old answer stops nothing: the portal is asked again first; and where it does not answer, the invoice goes.
func TestAnOldAnswerStopsNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	const siret, service = "12345678200051", "SERVICE_DEST_SERV_OBL"
	h.insert(invoicetest.Invoice{Numero: "FIRST", DestinataireSIRET: siret, CodeService: service}.UBL())
	h.until("the recipient is known", `SELECT checked_at IS NOT NULL FROM chorus.recipients WHERE siret = $1`, siret)
	old := func() {
		h.exec(`UPDATE chorus.recipients SET checked_at = clock_timestamp() - interval '3 hours', due_at = clock_timestamp() + interval '1 day' WHERE siret = '` + siret + `'`)
	}

	// The recipient has a new service since.
	old()
	h.sim.SetStructure(siret, func(s *chorustest.Structure) {
		s.Services = append(s.Services, chorustest.Service{ID: 7, Code: "NEW", Libelle: "Nouveau"})
	})
	h.await(h.insert(invoicetest.Invoice{Numero: "NEW-SERVICE", DestinataireSIRET: siret, CodeService: "NEW"}.UBL()), store.Deposited, store.Integrated, store.Settled)
	h.until("the portal was asked again", `SELECT count(*) = 1 FROM chorus.recipient_services WHERE code = 'NEW'`)

	// The portal does not tell: the invoice waits for a moment, and goes.
	old()
	h.sim.SetStructure(siret, func(s *chorustest.Structure) {
		s.Services = append(s.Services, chorustest.Service{ID: 8, Code: "NEWER", Libelle: "Plus nouveau"})
	})
	h.sim.Faults(chorustest.Fault{Op: "structures/rechercher", Kind: "not_entitled", Times: 1000})
	h.await(h.insert(invoicetest.Invoice{Numero: "NEWER-SERVICE", DestinataireSIRET: siret, CodeService: "NEWER"}.UBL()), store.Deposited, store.Integrated, store.Settled)
	h.until("nobody asks any more", `SELECT NOT EXISTS (SELECT FROM river.river_job WHERE kind = 'recipient' AND state IN ('available', 'running', 'retryable', 'scheduled'))`)
	// Nor is the answer to an invoice of tomorrow that today's question had none: the portal, which tells again, is asked anew.
	h.sim.ClearFaults()
	h.exec(`UPDATE chorus.recipients SET asked_at = clock_timestamp() - interval '1 day', due_at = clock_timestamp() + interval '1 hour' WHERE siret = '` + siret + `'`)
	h.await(h.insert(invoicetest.Invoice{Numero: "NEWER-AGAIN", DestinataireSIRET: siret, CodeService: "NEWER"}.UBL()), store.Deposited, store.Integrated, store.Settled)
	h.until("the portal was asked again, and the question is done with", `
		SELECT asked_at IS NULL AND EXISTS (SELECT FROM chorus.recipient_services WHERE code = 'NEWER') FROM chorus.recipients WHERE siret = $1`, siret)
}

// The annuaire tells of recipients to whom nobody has written yet: what it says has the portal asked, before the first invoice goes.
func TestTheAnnuaireTellsOfRecipientsThatNobodyHasNamed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start(func(c *worker.Config) {
		c.Annuaire = true
		c.Settings.ResolveAfter = time.Second // an invoice waits for the portal's word for four times as long
	})
	h.until("the annuaire is read", `SELECT read_at IS NOT NULL AND said IS NULL AND recipients >= 7 AND due_at > clock_timestamp() + interval '20 hours' FROM chorus.annuaire`)
	got := h.await(h.insert(invoicetest.Invoice{Numero: "FIRST", DestinataireSIRET: "12345678200028"}.UBL()), store.Invalid, store.Deposited, store.Integrated, store.Settled)
	if got.State != store.Invalid || *got.ReasonCode != "CH-SERVICE-REQUIRED" || len(h.sim.Deposits("FIRST")) != 0 {
		t.Errorf("%s %v", got.State, got.ReasonCode)
	}
	h.until("the portal itself was asked", `SELECT listed_at IS NULL AND id_structure_cpp IS NOT NULL AND checked_at IS NOT NULL FROM chorus.recipients WHERE siret = '12345678200028'`)
	h.until("the others are not asked about", `SELECT count(*) >= 6 AND bool_and(due_at = 'infinity') FROM chorus.recipients WHERE listed_at IS NOT NULL`)

	// Where the portal does not tell, the invoice goes all the same, with a warning.
	h.sim.Faults(chorustest.Fault{Op: "structures/rechercher", Kind: "not_entitled", Times: 1000})
	id := h.insert(invoicetest.Invoice{Numero: "UNASKED", DestinataireSIRET: "12345678200036"}.UBL())
	h.await(id, store.Rejected, store.Integrated, store.Settled) // the portal refuses it
	h.until("the warning is there", `SELECT count(*) = 1 FROM chorus.invoice_findings WHERE invoice_id = $1 AND code = 'CH-ENGAGEMENT-REQUIRED' AND severity = 'warning'`, id)
}

// A file that cannot be had, or read, is said once, and changes nothing.
func TestTheAnnuaireMayBeMissing(t *testing.T) {
	t.Parallel()
	all := represented(t, "not entitled", "away")
	for name, x := range map[string]struct {
		file  []byte
		fault string
		said  string
		later string
	}{
		"not subscribed": {nil, "403", "subscription", "20 hours"},
		"not entitled":   {nil, "not_entitled", "rights", "20 hours"},
		"away":           {nil, "503", "portal", "50 minutes"},
		"no zip":         {[]byte("<html>"), "", "not taken: it is not a whole zip file", "20 hours"},
	} {
		if !all.runs(name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log lockedBuffer
			h := newHouse(t, nil)
			h.sim.SetAnnuaire(x.file)
			if x.fault != "" {
				h.sim.Faults(chorustest.Fault{Op: "telecharger/annuaire/destinataire", Kind: x.fault, Times: 1000})
			}
			for range 2 {
				stop := h.run(func(c *worker.Config) { c.Annuaire, c.Log = true, slog.New(slog.NewTextHandler(&log, nil)) })
				h.until("it is said", `SELECT position($1 IN said) > 0 AND read_at IS NULL AND due_at > clock_timestamp() + $2::interval FROM chorus.annuaire`, x.said, x.later)
				h.await(h.insert(invoicetest.Invoice{Numero: "GOES-" + rand.Text()[:6]}.UBL()), store.Deposited, store.Integrated, store.Settled)
				stop()
				h.exec(`UPDATE chorus.annuaire SET due_at = '-infinity'`)
			}
			if n := strings.Count(log.String(), "the annuaire is not read"); n != 1 {
				t.Errorf("said %d times", n)
			}
		})
	}
}
