package chorustest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/choriste/choriste/chorus/chorustest"
)

// A Swagger of one operation, so that the walker is tested where the official files are not.
const oneOperation = `{"basePath":"/cpro/transverses","paths":{"/v1/consulterCRDetaille":{"post":{
	"parameters":[{"in":"header","name":"cpro-account","type":"string"},{"in":"body","schema":{"$ref":"#/definitions/Param"}}],
	"responses":{"200":{"schema":{"type":"object"}}}}}},
	"definitions":{"Param":{"type":"object","properties":{"numeroFluxDepot":{"type":"string"},"idUtilisateurCourant":{"type":"integer"},
	"syntaxeFlux":{"type":"string","enum":["IN_DP_E1_UBL_INVOICE"]}}}}}`

func TestSwagger(t *testing.T) {
	file := filepath.Join(t.TempDir(), "s.json")
	if err := os.WriteFile(file, []byte(oneOperation), 0o600); err != nil {
		t.Fatal(err)
	}
	s, c := start(t, &chorustest.Config{Swagger: []string{file}, TolerateViolations: true})
	for i, x := range []struct {
		body m
		want int
	}{
		{m{"numeroFluxDepot": "x"}, 0},
		{m{"numeroFluxDepot": "x", "syntaxeFlux": "IN_DP_E1_UBL_INVOICE"}, 0},
		{m{"numeroFluxDepot": "x", "syntaxeFlux": "IN_DP_E1_CII_16B"}, 1}, // good for us, not for this file
		{m{"numeroFluxDepot": "x", "idUtilisateurCourant": "1"}, 2},       // wrong for both
		{m{"numeroFluxDepot": "x", "autre": 1}, 2},
	} {
		before := len(s.Violations())
		c.post("/cpro/transverses/v1/consulterCRDetaille", x.body)
		if got := len(s.Violations()) - before; got != x.want {
			t.Errorf("case %d: %d violations: %v", i, got, s.Violations()[before:])
		}
	}
	if _, err := chorustest.Start(chorustest.Config{Swagger: []string{"nowhere.json"}}); err == nil {
		t.Error("a missing file is not an error")
	}
}

// TestRequestsAreTheSwaggers holds the list of fields, types and values that the simulator takes against the official files, where they are.
func TestRequestsAreTheSwaggers(t *testing.T) {
	files, err := filepath.Glob("../../../shared/chorus-pro/*.json")
	if err != nil {
		t.Fatal(err)
	}
	wrong, served, declared, err := chorustest.CompareRequests(files)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range wrong {
		t.Error(w)
	}
	said, err := chorustest.CompareAnswers(files)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range said {
		t.Errorf("answer: %s", w)
	}
	if len(files) > 0 && (served != len(officialOperations) || declared != served) { // which ones: TestOpenAPIIsWhole
		t.Errorf("%d of %d declared operations are served, of %d that are known", served, declared, len(officialOperations))
	}
}

// TestGenericPaging: every paging object of the official description has these fields beside its own.
func TestGenericPaging(t *testing.T) {
	_, c := start(t, nil)
	flux := c.accepted(facture("F-1"))
	c.integrated(flux)
	with := func(own m) m {
		own["champsDeTri"], own["ordreTriGenerique"] = m{}, "Ascendant"
		own["taillePageGenerique"], own["indexPageGenerique"] = 10, 1
		return own
	}
	found := c.search(m{"numeroFluxDepot": flux, "rechercheFactureParFournisseur": with(m{"triColonne": "CodeValideur1"})})
	if found.code() != "0" || len(found.found()) != 1 {
		t.Fatalf("search: %d %s", found.status, found.raw)
	}
	if r := c.post("/cpro/factures/v1/consulter/historique", m{
		"idFacture": found.found()[0]["identifiantFactureCPP"], "paramRechercheHistoStatuts": with(m{"triColonneListeHistoStatut": "HistoStatutDatePassage"}),
		"paramRechercheHistoEvenementsComplementaires": with(m{}), "paramRechercheHistoActionsUtilisateurs": with(m{}),
	}); r.code() != "0" {
		t.Errorf("history: %d %s", r.status, r.raw)
	}
}
