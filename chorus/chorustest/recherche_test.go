package chorustest_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
)

// numeros are the invoice numbers of an answer, sorted.
func numeros(r reply) string {
	var all []string
	for _, row := range r.found() {
		all = append(all, fmt.Sprint(row["numeroFacture"]))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestSearchFilters(t *testing.T) {
	s, c := start(t, &chorustest.Config{Quota: -1, Accounts: []chorustest.Account{
		{Login: "TECH_SIM@cpro.fr", Password: "sim-password", Structures: []string{"99999999800012"}},
		{Login: "other", Password: "pw", Structures: []string{"73282932000074"}},
	}})
	begin := s.Now()
	credit := c.depositFile("A.xml", "IN_DP_E1_UBL_INVOICE", invoicetest.Invoice{Numero: "AV-1", Sans: []string{"BT-81"}}.CreditNote()).text("numeroFluxDepot")
	flux := c.accepted(invoicetest.Invoice{Numero: "F-1", CodeService: "SERV_TECH", Engagement: "BC-1", Date: day(2025, 3, 1)})
	c.accepted(invoicetest.Invoice{Numero: "F-2", DestinataireSIRET: "12345678200051", Cadre: "A2", Lignes: []invoicetest.Ligne{{}, {}}})
	c.accepted(invoicetest.Invoice{Numero: "F-3", FournisseurSIRET: "73282932000074"}) // not ours to see
	c.integrated(credit)
	s.Advance(time.Hour)
	c.login()
	moved := s.Now()
	if err := s.Statut("F-2", "SUSPENDUE", "bon de livraison ?"); err != nil {
		t.Fatal(err)
	}
	stamp := func(at time.Time) string { return at.Format("2006-01-02T15:04:05.000Z07:00") }
	for _, x := range []struct {
		body m
		want string
	}{
		{m{}, "AV-1 F-1 F-2"},
		{m{"numeroFacture": "F-1"}, "F-1"},
		{m{"numeroFacture": "F-"}, ""},
		{m{"numeroFacture": "F-3"}, ""},
		{m{"numeroFluxDepot": flux}, "F-1"},
		{m{"numeroFluxDepot": flux, "numeroFacture": "F-2"}, ""},
		{m{"idFournisseur": 26300991}, "AV-1 F-1 F-2"},
		{m{"typeFacture": "AVOIR"}, "AV-1"},
		{m{"cadreFacturation": "A2_FACTURE_FOURNISSEUR_DEJA_PAYEE"}, "F-2"},
		{m{"modeDepot": "UPLOAD_API"}, "AV-1 F-1 F-2"},
		{m{"modeDepot": "EDI"}, ""},
		{m{"numeroBonCommande": "BC-1"}, "F-1"},
		{m{"numeroMarche": "M"}, ""},
		{m{"statutCourant": []string{"SUSPENDUE", "MANDATEE"}}, "F-2"},
		{m{"rejetTraite": true}, ""},
		{m{"listeDestinataire": []m{{"idDestinataire": 25784001}}}, "F-2"},
		{m{"listeDestinataire": []m{{"idDestinataire": 25784002}}}, ""},
		{m{"listeDestinataire": []m{{"idDestinataire": 25784002}}, "rechercheSirenDestinataire": true}, "F-2"},
		{m{"listeDestinataire": []m{{"idDestinataire": 25784152, "listeIdServiceExecutant": []int{27946001}}}}, "F-1"},
		{m{"listeDestinataire": []m{{"raisonSocialeStuctDmd": "commune"}}}, "AV-1 F-1"},
		{m{"periodeDateFactureDu": "2025-01-01", "periodeDateFactureAu": "2025-12-31"}, "F-1"},
		{m{"periodeDateFactureDu": "2025-03-01", "periodeDateFactureAu": "2025-03-01"}, "F-1"},
		{m{"periodeDateDepotDu": begin.In(chorustest.Paris).Format("2006-01-02")}, "AV-1 F-1 F-2"},
		{m{"periodeDateDepotAu": "2020-01-01"}, ""},
		{m{"periodeDateHeureEtatCourantDu": stamp(moved)}, "F-2"},
		{m{"periodeDateHeureEtatCourantAu": stamp(moved)}, "AV-1 F-1"},
		{m{"montantTTCMin": 1500.01}, "F-2"},
		{m{"montantTTCMin": 1500, "montantTTCMax": 1500}, "AV-1 F-1"},
		{m{"montantHTMax": 2000, "montantApayerMin": 1}, "AV-1 F-1"},
	} {
		if got := numeros(c.search(x.body)); got != x.want {
			t.Errorf("%v: %q, not %q", x.body, got, x.want)
		}
	}
	c.account = "other:pw"
	if got := numeros(c.search(m{})); got != "F-3" {
		t.Errorf("the other account sees %q", got)
	}
	if r := c.search(m{"idFournisseur": 26300991}); r.code() != "20001" {
		t.Errorf("a structure of somebody else: %s", r.raw)
	}
	if r := c.post("/cpro/transverses/v1/recuperer/structures/actives/fournisseur", m{}); strings.Contains(string(r.raw), "99999999800012") {
		t.Errorf("its structures: %s", r.raw)
	}
}

func TestSearchPages(t *testing.T) {
	s, c := start(t, &chorustest.Config{Quota: -1, MaxPage: 20})
	for i := range 45 {
		c.accepted(facture(fmt.Sprintf("F-%02d", i)))
	}
	s.Advance(time.Minute)
	seen := map[string]int{}
	for page := 1; page <= 4; page++ {
		r := c.search(m{"rechercheFactureParFournisseur": m{"nbResultatsParPage": 1000, "pageResultatDemandee": page, "triColonne": "DateDepot", "triSens": "Ascendant"}})
		p := r.body["parametresRetour"].(m)
		if p["nbResultatsParPage"] != json.Number("20") || p["pages"] != json.Number("3") || p["total"] != json.Number("45") {
			t.Errorf("page %d: %v", page, p)
		}
		if want := []int{20, 20, 5, 0}[page-1]; len(r.found()) != want {
			t.Errorf("page %d has %d rows", page, len(r.found()))
		}
		for _, row := range r.found() {
			seen[fmt.Sprint(row["numeroFacture"])]++
		}
	}
	if len(seen) != 45 {
		t.Errorf("%d different invoices", len(seen))
	}
	r := c.search(m{"rechercheFactureParFournisseur": m{"nbResultatsMaximum": 3, "triColonne": "NumeroFacture", "triSens": "Descendant"}})
	if got := numeros(r); got != "F-42 F-43 F-44" {
		t.Errorf("the last three: %s", got)
	}
}

func TestVisibilityLag(t *testing.T) {
	s, c := start(t, &chorustest.Config{Quota: -1, Visibility: time.Hour, Empty: "0"})
	for i := range 40 {
		c.accepted(facture(fmt.Sprintf("F-%02d", i)))
	}
	s.Advance(30 * time.Minute)
	all := m{"rechercheFactureParFournisseur": m{"nbResultatsParPage": 100}}
	if n := len(c.search(all).found()); n < 8 || n > 32 {
		t.Errorf("%d of 40 visible after half of V", n)
	}
	s.Advance(30*time.Minute + time.Second)
	c.login()
	if n := len(c.search(all).found()); n != 40 {
		t.Errorf("%d of 40 visible after V", n)
	}
}

// Each change is shown after a time of its own, in any order, and then what is newest of all that is shown.
func TestChangesShowLate(t *testing.T) {
	s, c := start(t, &chorustest.Config{Quota: -1, LagFrom: 10 * time.Second, Lag: 60 * time.Second, Empty: "0"})
	const n = 40
	for i := range n {
		c.integrated(c.accepted(facture(fmt.Sprintf("F-%02d", i))))
	}
	s.Advance(3 * time.Second) // and the deposits have taken some
	all := m{"rechercheFactureParFournisseur": m{"nbResultatsParPage": 100}}
	if found := c.search(all).found(); len(found) != 0 {
		t.Errorf("%d of %d show before they may", len(found), n)
	}
	s.Advance(58 * time.Second)
	if found := c.search(all).found(); len(found) != n {
		t.Errorf("%d of %d show after all must", len(found), n)
	}
	before := s.Now()
	for _, statut := range []string{"SUSPENDUE", "COMPLETEE"} {
		for i := range n {
			if err := s.Statut(fmt.Sprintf("F-%02d", i), statut, ""); err != nil {
				t.Fatal(err)
			}
		}
	}
	shown := func(statut string) int {
		return len(c.search(m{
			"statutCourant": []any{statut}, "periodeDateHeureEtatCourantDu": before.Format(time.RFC3339),
			"rechercheFactureParFournisseur": m{"nbResultatsParPage": 100},
		}).found())
	}
	if old := shown("SUSPENDUE") + shown("COMPLETEE"); old != 0 {
		t.Errorf("%d changes show at once", old)
	}
	s.Advance(35 * time.Second)
	first, second := shown("SUSPENDUE"), shown("COMPLETEE")
	if first == 0 || second == 0 || first+second == n {
		t.Errorf("half-way %d show the first change, %d the second, of %d", first, second, n)
	}
	s.Advance(26 * time.Second)
	if second := shown("COMPLETEE"); second != n {
		t.Errorf("%d of %d show the second change after all must", second, n)
	}
	s.SetLag(0, 0)
	if err := s.Statut("F-00", "MANDATEE", ""); err != nil || shown("MANDATEE") != 1 {
		t.Errorf("a change that does not lag does not show: %v", err)
	}
}

func TestGuessesThatCanBeSwitched(t *testing.T) {
	s, c := start(t, &chorustest.Config{Quota: -1, SubstringNumbers: true, PeriodsByDay: true, Empty: "0"})
	c.integrated(c.accepted(facture("FAC-12")))
	if got := numeros(c.search(m{"numeroFacture": "AC-1"})); got != "FAC-12" {
		t.Errorf("substring: %q", got)
	}
	today := s.Now().In(chorustest.Paris).Format("2006-01-02")
	if got := numeros(c.search(m{"periodeDateHeureEtatCourantDu": today + "T23:59:59"})); got != "FAC-12" {
		t.Errorf("by day: %q", got)
	}
	none := m{"periodeDateHeureEtatCourantDu": s.Now().Add(50 * time.Minute).Format(time.RFC3339), "periodeDateHeureEtatCourantAu": s.Now().Add(70 * time.Minute).Format(time.RFC3339)}
	for _, p := range []struct {
		ignored bool
		shift   time.Duration
		want    string
	}{{false, 0, ""}, {true, 0, "FAC-12"}, {false, time.Hour, "FAC-12"}, {false, -time.Hour, ""}} {
		s.Periods(false, p.ignored, p.shift)
		if got := numeros(c.search(none)); got != p.want {
			t.Errorf("ignored %t, shifted by %s: %q", p.ignored, p.shift, got)
		}
	}
}

func TestEmptyByTurns(t *testing.T) {
	_, c := start(t, &chorustest.Config{Empty: "turns"})
	codes := map[string]bool{}
	for range 4 {
		codes[c.search(m{"numeroFacture": "none"}).code()] = true
	}
	if !codes["0"] || !codes["20000"] || len(codes) != 2 {
		t.Errorf("%v", codes)
	}
}

func TestRemedies(t *testing.T) {
	s, c := start(t, &chorustest.Config{Quota: -1, Step: time.Hour, Scripts: map[string][]chorustest.Move{
		"F-1": {{Statut: "MISE_A_DISPOSITION"}, {Statut: "SUSPENDUE", Commentaire: "bon ?"}, {Statut: "MANDATEE"}},
		"F-2": {{Statut: "A_RECYCLER", Commentaire: "mauvais service"}, {Statut: "MISE_A_DISPOSITION"}},
	}})
	statut := func(numero string) string {
		c.login()
		rows := c.search(m{"numeroFacture": numero}).found()
		if len(rows) != 1 {
			t.Fatalf("%s: %v", numero, rows)
		}
		return fmt.Sprint(rows[0]["statut"], " ", rows[0]["codeServiceExecutant"])
	}
	c.accepted(facture("F-1"))
	c.accepted(facture("F-2"))
	s.Advance(10 * time.Hour)
	if a, b := statut("F-1"), statut("F-2"); a != "SUSPENDUE <nil>" || b != "A_RECYCLER <nil>" {
		t.Fatalf("%s, %s", a, b)
	}
	id := func(numero string) any {
		return c.search(m{"numeroFacture": numero}).found()[0]["identifiantFactureCPP"]
	}
	const completer, recycler = "/cpro/factures/v1/completer", "/cpro/factures/v1/recycler"
	for _, x := range []struct {
		path, want string
		body       m
	}{
		{recycler, "20004", m{"identifiantFactureCPP": id("F-1")}},
		{completer, "20002", m{"identifiantFactureCPP": id("F-2")}},
		{completer, "20000", m{"identifiantFactureCPP": 1}},
		{completer, "20003", m{"identifiantFactureCPP": id("F-1"), "pieceJointeComplementaire": []m{{"pieceJointeComplementaireId": 1}}}},
		{completer, "0", m{"identifiantFactureCPP": id("F-1"), "commentaire": "voici"}},
		{completer, "20002", m{"identifiantFactureCPP": id("F-1"), "commentaire": "voici"}},
		{recycler, "20005", m{"identifiantFactureCPP": id("F-2"), "destinataire": m{"codeDestinataire": "99999999700023", "codeServiceExecutant": "NOWHERE"}}},
		{recycler, "0", m{"identifiantFactureCPP": id("F-2"), "destinataire": m{"codeDestinataire": "99999999700023", "codeServiceExecutant": "SERV_TECH"}}},
	} {
		if r := c.post(x.path, x.body); r.code() != x.want {
			t.Errorf("%s %v: %s", x.path, x.body, r.raw)
		}
	}
	if a, b := statut("F-1"), statut("F-2"); a != "COMPLETEE <nil>" || b != "DEPOSEE SERV_TECH" {
		t.Fatalf("%s, %s", a, b)
	}
	s.Advance(10 * time.Hour)
	if a, b := statut("F-1"), statut("F-2"); a != "MANDATEE <nil>" || b != "MISE_A_DISPOSITION SERV_TECH" {
		t.Fatalf("%s, %s", a, b)
	}
}

func TestRecipientThatNeverReportsPayment(t *testing.T) {
	s, c := start(t, &chorustest.Config{Step: time.Hour})
	c.accepted(invoicetest.Invoice{Numero: "F-1", DestinataireSIRET: "99999999700031", Engagement: "E"})
	s.Advance(100 * time.Hour)
	if d := s.Deposits("F-1"); d[0].Statut != "COMPTABILISEE" {
		t.Errorf("%+v", d)
	}
}
