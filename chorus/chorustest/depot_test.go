package chorustest_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
)

// archive is a flux of several invoices, as OCA sends it.
func archive(t testing.TB, invoices ...invoicetest.Invoice) []byte {
	t.Helper()
	var file bytes.Buffer
	zip := gzip.NewWriter(&file)
	out := tar.NewWriter(zip)
	for _, i := range invoices {
		b := i.UBL()
		if err := out.WriteHeader(&tar.Header{Name: i.Numero + ".xml", Mode: 0o600, Size: int64(len(b))}); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestRulesOfRecipients(t *testing.T) {
	s, c := start(t, &chorustest.Config{Quota: -1})
	const obl = "SERVICE_DEST_SERV_OBL"
	for n, x := range []struct {
		i    invoicetest.Invoice
		want string // part of libelleErreurDP; "" = integrated
	}{
		{invoicetest.Invoice{}, ""},
		{invoicetest.Invoice{CodeService: "SERV_TECH"}, ""},
		{invoicetest.Invoice{CodeService: "SERV_EJ"}, "engagement"},
		{invoicetest.Invoice{CodeService: "SERV_EJ", Engagement: "BC-1"}, ""},
		{invoicetest.Invoice{CodeService: "NOWHERE"}, "n'est pas connu"},
		{invoicetest.Invoice{CodeService: "FACTURES_PUBLIQUES"}, "FACTURES_PUBLIQUES"},
		{invoicetest.Invoice{DestinataireSIRET: "99999999700031"}, "obligatoire"},
		{invoicetest.Invoice{DestinataireSIRET: "99999999700031", Engagement: "BC-1"}, ""},
		{invoicetest.Invoice{DestinataireSIRET: "99999999700031", CodeService: "SERV_TECH"}, ""},
		{invoicetest.Invoice{DestinataireSIRET: "99999999700049"}, "n'est pas reference"},
		{invoicetest.Invoice{DestinataireSIRET: "11111111100011"}, "n'est pas reference"},
		{invoicetest.Invoice{DestinataireSIRET: "12345678200051"}, ""},
		{invoicetest.Invoice{DestinataireSIRET: "12345678200036"}, "engagement"},
		{invoicetest.Invoice{DestinataireSIRET: "12345678200036", Engagement: "E"}, ""},
		{invoicetest.Invoice{DestinataireSIRET: "12345678200028"}, "L'engagement juridique (FichierXml.SupplyChainTradeTransaction.ApplicableHeaderTradeAgreement.BuyerReference.value) est obligatoire."},
		{invoicetest.Invoice{DestinataireSIRET: "12345678200036", Engagement: "NA"}, "L'engagement juridique NA n'existe pas."},
		{invoicetest.Invoice{Date: time.Now().AddDate(0, 0, 3)}, "postérieure à la date de dépôt"},
		{invoicetest.Invoice{DestinataireSIRET: "12345678200028", CodeService: obl}, ""},
		{invoicetest.Invoice{DestinataireSIRET: "12345678200044", CodeService: obl}, "engagement"},
		{invoicetest.Invoice{DestinataireSIRET: "12345678200044", CodeService: obl, Engagement: "E"}, ""},
		{invoicetest.Invoice{DestinataireSIRET: "11000201100044"}, "obligatoire"},
		{invoicetest.Invoice{Sans: []string{"BT-81"}}, "PaymentMeans.PaymentMeansCode.value est obligatoire"},
		{invoicetest.Invoice{Cadre: "S1"}, "S1"},
		{invoicetest.Invoice{FournisseurSIRET: "73282932000074"}, ""}, // registered by its first invoice
	} {
		x.i.Numero = fmt.Sprintf("F-%d", n)
		r := c.integrated(c.accepted(x.i))
		libelle := ""
		if list, _ := r.body["listeErreurDP"].([]any); len(list) > 0 {
			libelle, _ = list[0].(m)["libelleErreurDP"].(string)
		}
		if (x.want == "") != (r.text("etatCourantDepotFlux") == "IN_INTEGRE") || !strings.Contains(libelle, x.want) {
			t.Errorf("%+v: %s %q, wanted %q", x.i, r.text("etatCourantDepotFlux"), libelle, x.want)
		}
		if d := s.Deposits(x.i.Numero); len(d) != 1 || d[0].RefusedLater != (x.want != "") {
			t.Errorf("%s: the ledger knew %+v", x.i.Numero, d)
		}
		if n := len([]rune(libelle)); n > 200 {
			t.Errorf("libelle of %d characters", n)
		}
	}
}

func TestKnownSuppliersOnly(t *testing.T) {
	_, c := start(t, &chorustest.Config{KnownSuppliersOnly: true})
	r := c.integrated(c.accepted(invoicetest.Invoice{Numero: "F-1", FournisseurSIRET: "73282932000074"}))
	if r.text("etatCourantDepotFlux") != "IN_REJETE" {
		t.Errorf("%s", r.raw)
	}
}

func TestUniqueness(t *testing.T) {
	first := invoicetest.Invoice{Numero: "F-1", Date: day(2026, 1, 15)}
	otherSIRET, otherYear := first, first
	otherSIRET.FournisseurSIRET = "99999999800020" // the same SIREN
	otherYear.Date = day(2025, 1, 15)
	s, c := start(t, &chorustest.Config{Quota: -1, Integration: time.Minute})
	queued := c.accepted(first)
	for _, x := range []struct {
		i    invoicetest.Invoice
		want string
	}{{first, "duplicate"}, {otherSIRET, "duplicate"}, {otherYear, ""}} {
		flux := c.accepted(x.i) // while the first is only queued
		for _, d := range s.Deposits("F-1") {
			if d.Flux == flux && d.RefusedAs != x.want {
				t.Errorf("%+v: refused as %q, wanted %q", x.i, d.RefusedAs, x.want)
			}
		}
	}
	s.Advance(2 * time.Minute)
	if r := c.report(queued); r.text("etatCourantDepotFlux") != "IN_INTEGRE" {
		t.Errorf("the first copy: %s", r.raw)
	}
	if err := s.Statut("F-1", "REJETEE", ""); err != nil {
		t.Fatal(err)
	}
	s.Advance(2 * time.Minute)
	again := c.accepted(first)
	s.Advance(2 * time.Minute)
	if r := c.report(again); !strings.Contains(string(r.raw), chorustest.TexteDoublon) {
		t.Errorf("a number whose invoice was rejected by its recipient is taken: %s", r.raw)
	}
}

func TestNumberOfARejectedFluxIsFree(t *testing.T) {
	s, c := start(t, nil)
	s.Faults(chorustest.Fault{Kind: "commit_then_reject", Numero: "F-1"})
	if r := c.integrated(c.accepted(facture("F-1"))); r.text("etatCourantDepotFlux") != "IN_REJETE" {
		t.Fatalf("%s", r.raw)
	}
	if r := c.integrated(c.accepted(facture("F-1"))); r.text("etatCourantDepotFlux") != "IN_INTEGRE" {
		t.Fatalf("%s", r.raw)
	}
}

func TestAcceptDuplicates(t *testing.T) {
	s, c := start(t, &chorustest.Config{AcceptDuplicates: true})
	c.accepted(facture("F-1"))
	c.accepted(facture("F-1"))
	for _, d := range s.Deposits("F-1") {
		if d.RefusedLater {
			t.Errorf("%+v", d)
		}
	}
}

func TestUnreadableDocuments(t *testing.T) {
	s, c := start(t, nil)
	cii := facture("F-1").CII()
	for name, flux := range map[string]string{
		"not XML":      c.depositFile("a.xml", "IN_DP_E1_UBL_INVOICE", []byte("hello")).text("numeroFluxDepot"),
		"other syntax": c.depositFile("b.xml", "IN_DP_E1_UBL_INVOICE", cii).text("numeroFluxDepot"),
		"bad archive":  c.depositFile("c.tar.gz", "IN_DP_E1_UBL_INVOICE", []byte{0x1f, 0x8b, 1}).text("numeroFluxDepot"),
	} {
		r := c.integrated(flux)
		list, _ := r.body["listeErreurTechnique"].([]any)
		if r.text("etatCourantDepotFlux") != "IN_REJETE" || len(list) != 1 {
			t.Errorf("%s: %s", name, r.raw)
		}
	}
	if r := c.integrated(c.depositFile("d.xml", "IN_DP_E1_CII_16B", cii).text("numeroFluxDepot")); r.text("etatCourantDepotFlux") != "IN_INTEGRE" {
		t.Errorf("CII: %s", r.raw)
	}
	if n := s.Stats().Violations; n != 0 {
		t.Errorf("%d violations", n)
	}
}

func TestTwentyFiveInOneFlux(t *testing.T) {
	_, c := start(t, nil)
	var lot []invoicetest.Invoice
	for i := range 25 {
		lot = append(lot, facture(fmt.Sprintf("F-%02d", i)))
	}
	flux := c.depositFile("lot.tar.gz", "IN_DP_E1_UBL_INVOICE", archive(t, lot...)).text("numeroFluxDepot")
	c.integrated(flux)
	r := c.search(m{"numeroFluxDepot": flux})
	if got := len(r.found()); got != 10 {
		t.Errorf("%d rows without being asked, not 10", got)
	}
	if p := r.body["parametresRetour"].(m); fmt.Sprintf("%v %v %v", p["pages"], p["total"], p["nbResultatsParPage"]) != "3 25 10" {
		t.Errorf("%v", p)
	}
}

func TestStatesOfAFlux(t *testing.T) {
	s, c := start(t, &chorustest.Config{Quota: -1, Integration: time.Hour, Hidden: time.Minute})
	flux := c.accepted(facture("F-1"))
	if r := c.report(flux); r.code() != "20001" || !strings.Contains(r.text("libelle"), "POQ_MSG_01.003") {
		t.Errorf("at once: %s", r.raw)
	}
	seen := map[string]bool{}
	for range 60 {
		s.Advance(time.Minute)
		c.login()
		seen[c.report(flux).text("etatCourantDepotFlux")] = true
	}
	if len(seen) != 6 || !seen["IN_INTEGRE"] || !seen["IN_RECU"] {
		t.Errorf("states seen: %v", seen)
	}
}
