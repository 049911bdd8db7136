package chorustest_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
)

const submitPath = "/cpro/factures/v1/soumettre"

// depositPDF uploads a PDF of some bytes and returns its pieceJointeId.
func (c *client) depositPDF(n int) any {
	return c.post("/cpro/factures/v1/deposer/pdf", m{
		"fichierFacture": base64.StdEncoding.EncodeToString([]byte("%PDF-1.7" + strings.Repeat("x", n))), "nomFichier": "F-1.pdf", "formatDepot": "PDF_NON_SIGNE",
	}).body["pieceJointeId"]
}

// submitPDF submits an invoice beside its PDF, changed as a test likes.
func (c *client) submitPDF(piece any, change func(m)) reply {
	body := m{
		"modeDepot": "DEPOT_PDF_API", "numeroFactureSaisi": "PDF-1", "dateFacture": "2026-11-18",
		"destinataire":          m{"codeDestinataire": "99999999700023", "codeServiceExecutant": "SERV_TECH"},
		"fournisseur":           m{"idFournisseur": 26300991},
		"cadreDeFacturation":    m{"codeCadreFacturation": "A1_FACTURE_FOURNISSEUR"},
		"references":            m{"deviseFacture": "EUR", "typeFacture": "FACTURE", "typeTva": "TVA_SUR_DEBIT", "modePaiement": "VIREMENT"},
		"montantTotal":          m{"montantHtTotal": 100.00, "montantTVA": 20.00, "montantTtcTotal": 120.00, "montantAPayer": 120.00},
		"pieceJointePrincipale": []m{{"pieceJointePrincipaleDesignation": "Facture", "pieceJointePrincipaleId": piece}},
	}
	if change != nil {
		change(body)
	}
	return c.post(submitPath, body)
}

func TestAnInvoiceBesideItsPDF(t *testing.T) {
	s, c := start(t, &chorustest.Config{Visibility: time.Millisecond})
	piece := c.depositPDF(100)
	got := c.submitPDF(piece, nil)
	if got.body["numeroFacture"] != "PDF-1" || got.body["statutFacture"] != "DEPOSEE" {
		t.Fatalf("answer %s", got.raw)
	}
	deposits := s.Deposits("PDF-1")
	if len(deposits) != 1 || deposits[0].Flux != "" || deposits[0].Facts.Fournisseur != "99999999800012" || deposits[0].Facts.TTC != "120.00" || len(deposits[0].Facts.SHA256) != 64 {
		t.Errorf("deposits %+v", deposits)
	}
	// One object in the place of the list, as the Swagger has it.
	if got := c.submitPDF(piece, func(b m) {
		b["numeroFactureSaisi"], b["pieceJointePrincipale"] = "PDF-2", m{"pieceJointePrincipaleId": piece}
	}); got.body["numeroFacture"] != "PDF-2" {
		t.Errorf("an object: %s", got.raw)
	}
	if v := s.Violations(); len(v) != 0 {
		t.Errorf("violations %+v", v)
	}
	for name, change := range map[string]func(m){
		"existe déjà":  func(m) {},
		"pièce jointe": func(b m) { b["pieceJointePrincipale"] = []m{{"pieceJointePrincipaleId": 1}} },
		"reference":    func(b m) { b["fournisseur"] = m{"idFournisseur": 25784152} },
		"numéro":       func(b m) { b["numeroFactureSaisi"] = "" },
		"somme": func(b m) {
			b["montantTotal"] = m{"montantHtTotal": 100, "montantTVA": 20, "montantTtcTotal": 121, "montantAPayer": 121}
		},
		"service":        func(b m) { b["destinataire"] = m{"codeDestinataire": "99999999700023", "codeServiceExecutant": "NONE"} },
		"n'est pas simu": func(b m) { b["modeDepot"] = "SAISIE_API" },
	} {
		got := c.submitPDF(piece, func(b m) {
			if name != "existe déjà" {
				b["numeroFactureSaisi"] = "PDF-3"
			}
			change(b)
		})
		if !strings.HasPrefix(fmt.Sprint(got.body["codeRetour"]), "20") || !strings.Contains(string(got.raw), name) {
			t.Errorf("%s: %s", name, got.raw)
		}
	}
	if n := len(s.Deposits("PDF-3")); n != 0 {
		t.Errorf("%d invoices were taken in", n)
	}
}

// What a fault lets land late is there later, and once.
func TestASubmissionLandsLate(t *testing.T) {
	s, c := start(t, &chorustest.Config{HangFor: 10 * time.Millisecond})
	s.Faults(chorustest.Fault{Op: "soumettre", Kind: "commit_late", DelayMS: 5000})
	c.submitPDF(c.depositPDF(1), nil)
	if n := len(s.Deposits("PDF-1")); n != 0 {
		t.Fatalf("%d are there already", n)
	}
	s.Advance(6 * time.Second)
	if n := len(s.Deposits("PDF-1")); n != 1 {
		t.Errorf("%d are there", n)
	}
}
