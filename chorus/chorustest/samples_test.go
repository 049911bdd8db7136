package chorustest_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
)

// sample is one exchange of testdata/samples, which this project wrote from what is known of the portal.
type sample struct {
	Request struct {
		Method, Path string
		Body         any
	}
	Response struct {
		Status   int
		Headers  map[string]string
		Body     m
		BodyText string `json:"body_text"`
	}
}

func readSample(t *testing.T, name string) sample {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "samples", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var x sample
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&x); err != nil {
		t.Fatal(err)
	}
	return x
}

// scene is what has to be so before a sample's request, and the request itself where it cannot be sent as written.
type scene struct {
	name string
	cfg  chorustest.Config
	ask  func(*chorustest.Sim, *client, sample) reply // nil = as written
	want func(m) m                                    // what of the sample to expect, where not all of it
	same bool                                         // values too, not only shape
}

func (c *client) as(x sample) reply {
	return c.do(c.request(x.Request.Method, x.Request.Path, x.Request.Body))
}

func withFault(f chorustest.Fault) func(*chorustest.Sim, *client, sample) reply {
	return func(s *chorustest.Sim, c *client, x sample) reply {
		f.Op = "*"
		s.Faults(f)
		return c.as(x)
	}
}

func depositFacturX(c *client, _ sample) reply {
	file, err := invoicetest.Invoice{Numero: "FAC-2026-00417"}.FacturX()
	if err != nil {
		c.t.Fatal(err)
	}
	return c.depositFile("FAC-2026-00417_s8f3k.pdf", "IN_DP_E2_CII_FACTURX", file)
}

// reported deposits an invoice and asks for its report, at its end or at once.
func reported(i invoicetest.Invoice, faults ...chorustest.Fault) func(*chorustest.Sim, *client, sample) reply {
	return func(s *chorustest.Sim, c *client, _ sample) reply {
		var after []chorustest.Fault
		for _, f := range faults {
			if f.Op == "" {
				s.Faults(f)
			} else {
				after = append(after, f)
			}
		}
		flux := c.accepted(i)
		s.Advance(time.Hour)
		c.login()
		s.Faults(after...)
		return c.report(flux)
	}
}

func pending(after time.Duration) func(*chorustest.Sim, *client, sample) reply {
	return func(s *chorustest.Sim, c *client, _ sample) reply {
		flux := c.accepted(facture("FAC-2026-00417"))
		s.Advance(after)
		return c.report(flux)
	}
}

// searched has invoices integrated and then searches.
func searched(body func(flux string) m, invoices ...invoicetest.Invoice) func(*chorustest.Sim, *client, sample) reply {
	return func(s *chorustest.Sim, c *client, _ sample) reply {
		flux := ""
		for _, i := range invoices {
			flux = c.accepted(i)
		}
		s.Advance(time.Minute)
		return c.search(body(flux))
	}
}

// travelled integrates an invoice, moves it and asks for its history.
func travelled(moves ...chorustest.Move) func(*chorustest.Sim, *client, sample) reply {
	return func(s *chorustest.Sim, c *client, x sample) reply {
		id := suspended(s, c, moves...)
		if x.Response.Body["statutCourantCode"] == "STATUT_FUTUR" {
			s.Faults(chorustest.Fault{Kind: "unknown_statut", Op: "consulter/historique"})
		}
		return c.post(x.Request.Path, m{"idFacture": id})
	}
}

func suspended(s *chorustest.Sim, c *client, moves ...chorustest.Move) any {
	flux := c.accepted(facture("FAC-2026-00417"))
	s.Advance(time.Minute)
	for _, move := range moves {
		if err := s.Statut("FAC-2026-00417", move.Statut, move.Commentaire); err != nil {
			c.t.Fatal(err)
		}
	}
	return c.search(m{"numeroFluxDepot": flux}).found()[0]["identifiantFactureCPP"]
}

func (c *client) attach(size int) reply {
	return c.post("/cpro/transverses/v1/ajouter/fichier", m{
		"pieceJointeFichier": base64.StdEncoding.EncodeToString(make([]byte, size)), "pieceJointeNom": "bon-livraison.pdf",
		"pieceJointeTypeMime": "application/pdf", "pieceJointeExtension": "PDF",
	})
}

var slow = chorustest.Config{Integration: 10 * time.Minute, Hidden: time.Second}

var scenes = []scene{
	{name: "01-token-ok", ask: func(_ *chorustest.Sim, c *client, _ sample) reply { return c.askToken("sim", "sim-secret") }},
	{name: "02-token-invalid-client", same: true, ask: func(_ *chorustest.Sim, c *client, _ sample) reply { return c.askToken("sim", "wrong") }},
	{name: "03-token-html", ask: func(s *chorustest.Sim, c *client, _ sample) reply {
		s.Faults(chorustest.Fault{Kind: "503", Op: "token"})
		return c.askToken("sim", "sim-secret")
	}},
	{name: "10-gateway-400-no-token", cfg: chorustest.Config{TolerateViolations: true}, ask: func(_ *chorustest.Sim, c *client, x sample) reply {
		r := c.request(x.Request.Method, x.Request.Path, x.Request.Body)
		r.Header.Del("Authorization")
		return c.do(r)
	}},
	{name: "11-gateway-401-token", ask: func(s *chorustest.Sim, c *client, x sample) reply { s.Advance(2 * time.Hour); return c.as(x) }},
	{name: "12-gateway-401-account", ask: func(_ *chorustest.Sim, c *client, x sample) reply { c.account = "TECH_SIM@cpro.fr:no"; return c.as(x) }},
	{name: "13-gateway-403", cfg: chorustest.Config{TolerateViolations: true}},
	{name: "14-gateway-429", ask: withFault(chorustest.Fault{Kind: "429"})},
	{name: "15-gateway-429-daily", ask: withFault(chorustest.Fault{Kind: "429_daily"})},
	{name: "16-gateway-429-bare", ask: withFault(chorustest.Fault{Kind: "429_bare"})},
	{name: "17-gateway-503-html", ask: withFault(chorustest.Fault{Kind: "503"})},
	{name: "18-gateway-200-html", ask: withFault(chorustest.Fault{Kind: "html_200"})},
	{name: "19-health-check-ok", same: true},
	{name: "20-deposer-flux-ok", ask: func(_ *chorustest.Sim, c *client, x sample) reply { return depositFacturX(c, x) }},
	{name: "21-deposer-flux-too-large", same: true, ask: func(_ *chorustest.Sim, c *client, _ sample) reply {
		return c.depositFile("f.xml", "IN_DP_E1_UBL_INVOICE", make([]byte, 10<<20+1))
	}},
	{name: "22-deposer-flux-400", same: true, ask: func(s *chorustest.Sim, c *client, x sample) reply {
		s.Faults(chorustest.Fault{Kind: "validation"})
		return depositFacturX(c, x)
	}},
	{name: "23-deposer-flux-sans-numero", same: true, ask: func(s *chorustest.Sim, c *client, x sample) reply {
		s.Faults(chorustest.Fault{Kind: "no_flux_number"})
		return depositFacturX(c, x)
	}},
	{name: "24-deposer-flux-coderetour-string", ask: func(s *chorustest.Sim, c *client, x sample) reply {
		s.Faults(chorustest.Fault{Kind: "string_code"})
		return depositFacturX(c, x)
	}, want: func(b m) m { b["syntaxeFlux"] = nil; return b }},
	{name: "30-cr-en-attente", cfg: slow, ask: pending(2 * time.Second)},
	{name: "31-cr-en-cours", cfg: slow, ask: pending(4*time.Minute + 55*time.Second)},
	{name: "32-cr-integre", ask: reported(facture("FAC-2026-00417"))},
	{name: "33-cr-rejete-dp", ask: reported(invoicetest.Invoice{Numero: "FAC-2026-00417", DestinataireSIRET: "12345678200044"})},
	{name: "34-cr-rejete-doublon", ask: func(s *chorustest.Sim, c *client, x sample) reply {
		c.accepted(facture("FAC-2026-00417"))
		return reported(facture("FAC-2026-00417"))(s, c, x)
	}},
	{name: "35-cr-irrecevable", ask: func(s *chorustest.Sim, c *client, _ sample) reply {
		flux := c.depositFile("f.xml", "IN_DP_E1_UBL_INVOICE", []byte("<Invoice>")).text("numeroFluxDepot")
		s.Advance(time.Minute)
		return c.report(flux)
	}},
	{name: "36-cr-integre-partiel", ask: func(s *chorustest.Sim, c *client, _ sample) reply {
		file := archive(c.t, facture("FAC-2026-00417"), invoicetest.Invoice{Numero: "FAC-2026-00418", DestinataireSIRET: "12345678200036"})
		flux := c.depositFile("lot.tar.gz", "IN_DP_E1_UBL_INVOICE", file).text("numeroFluxDepot")
		s.Advance(time.Minute)
		return c.report(flux)
	}},
	{name: "37-cr-liste-objet", ask: reported(facture("F"), chorustest.Fault{Kind: "commit_then_reject"}, chorustest.Fault{Kind: "list_as_object", Op: "consulterCRDetaille"})},
	{name: "38-cr-rejete-sans-detail", ask: reported(facture("F"), chorustest.Fault{Kind: "commit_then_reject"}, chorustest.Fault{Kind: "no_detail", Op: "consulterCRDetaille"})},
	{name: "39-cr-introuvable", same: true},
	{name: "3a-cr-incidente", ask: reported(facture("F"), chorustest.Fault{Kind: "commit_then_incident"})},
	{name: "3b-cr-etat-inconnu", ask: reported(facture("F"), chorustest.Fault{Kind: "unknown_state", Op: "consulterCRDetaille"})},
	{name: "40-rechercher-par-flux", ask: searched(func(flux string) m { return m{"numeroFluxDepot": flux} },
		invoicetest.Invoice{Numero: "FAC-2026-00417", CodeService: "SERV_TECH", Engagement: "BC-778"})},
	{name: "41-rechercher-par-changement", cfg: chorustest.Config{MaxPage: 2}, ask: searched(func(string) m {
		return m{
			"idFournisseur": 26300991, "periodeDateHeureEtatCourantDu": time.Now().Add(-time.Hour).Format(time.RFC3339),
			"rechercheFactureParFournisseur": m{"nbResultatsParPage": 100, "pageResultatDemandee": 1, "triSens": "Ascendant", "triColonne": "DateDepot"},
		}
	}, facture("F-1"), facture("F-2"), facture("F-3"))},
	{name: "42-rechercher-vide-0", same: true, cfg: chorustest.Config{Empty: "0"}},
	{name: "43-rechercher-vide-20000", same: true, cfg: chorustest.Config{Empty: "20000"}},
	{name: "44-rechercher-non-habilite", same: true},
	{name: "45-rechercher-reconciliation", ask: searched(func(string) m {
		return m{"idFournisseur": 26300991, "numeroFacture": "FAC-00417", "periodeDateDepotDu": "2025-01-01"}
	}, invoicetest.Invoice{Numero: "FAC-00417", Date: day(2025, 11, 3)}, invoicetest.Invoice{Numero: "FAC-00417", Date: day(2026, 11, 18)})},
	{name: "50-historique-suspendue", ask: travelled(chorustest.Move{Statut: "MISE_A_DISPOSITION"}, chorustest.Move{Statut: "SUSPENDUE", Commentaire: "Pièce manquante"})},
	{name: "51-historique-rejetee", ask: travelled(chorustest.Move{Statut: "MISE_A_DISPOSITION"}, chorustest.Move{Statut: "REJETEE", Commentaire: "MONTANT_ERR"})},
	{name: "52-historique-retour-arriere", ask: travelled(chorustest.Move{Statut: "MANDATEE"}, chorustest.Move{Statut: "MISE_A_DISPOSITION", Commentaire: "Reprise"})},
	{name: "53-historique-mise-en-paiement", ask: travelled(chorustest.Move{Statut: "COMPTABILISEE"}, chorustest.Move{Statut: "MISE_EN_PAIEMENT"})},
	{name: "54-historique-inconnu", ask: travelled()},
	{name: "60-structures-rechercher", same: true},
	{name: "61-structures-rechercher-siret-nombre", want: func(b m) m {
		b["listeStructures"] = []any{b["listeStructures"]}
		delete(b["listeStructures"].([]any)[0].(m), "identifiantStructure")
		return b
	}},
	{name: "62-structures-consulter"},
	{name: "63-structures-services"},
	{name: "64-structures-service"},
	{name: "65-structures-actives-fournisseur"},
	{name: "66-rattachements"},
	{name: "70-ajouter-fichier-ok", ask: func(_ *chorustest.Sim, c *client, _ sample) reply { return c.attach(10) }},
	{name: "71-ajouter-fichier-trop-gros", same: true, ask: func(_ *chorustest.Sim, c *client, _ sample) reply { return c.attach(10<<20 + 1) }},
	{name: "72-completer-ok", ask: func(s *chorustest.Sim, c *client, x sample) reply {
		id := suspended(s, c, chorustest.Move{Statut: "SUSPENDUE"})
		piece := c.attach(10).body["pieceJointeId"]
		return c.post(x.Request.Path, m{"identifiantFactureCPP": id, "commentaire": "Pièce demandée", "pieceJointeComplementaire": []m{
			{"pieceJointeComplementaireId": piece, "pieceJointeComplementaireDesignation": "Bon de livraison", "pieceJointeComplementaireType": "07"},
		}})
	}},
	{name: "74-telecharger-groupe", ask: func(_ *chorustest.Sim, c *client, x sample) reply {
		c.integrated(c.accepted(facture("F-1")))
		return c.as(x)
	}},
	{name: "75-soumettre-ok", ask: func(_ *chorustest.Sim, c *client, x sample) reply { return c.submitPDF(c.depositPDF(10), nil) }},
	{name: "73-completer-mauvais-statut", same: true, ask: func(s *chorustest.Sim, c *client, x sample) reply {
		return c.post(x.Request.Path, m{"identifiantFactureCPP": suspended(s, c)})
	}},
}

func TestSamples(t *testing.T) {
	files, err := filepath.Glob("testdata/samples/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		if !slices.ContainsFunc(scenes, func(x scene) bool { return x.name == name }) {
			t.Errorf("no scene for sample %s", name)
		}
	}
	for _, x := range scenes {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			written := readSample(t, x.name)
			s, c := start(t, &x.cfg)
			ask := x.ask
			if ask == nil {
				ask = func(_ *chorustest.Sim, c *client, x sample) reply { return c.as(x) }
			}
			got := ask(s, c, written)
			if got.err != nil || got.status != written.Response.Status {
				t.Fatalf("status %d, not %d: %s %v", got.status, written.Response.Status, got.raw, got.err)
			}
			for name, want := range written.Response.Headers {
				value := got.header.Get(name)
				switch {
				case name == "X-CorrelationID" && value == "", strings.HasPrefix(want, "text/html") && !strings.HasPrefix(value, "text/html"):
					t.Errorf("header %s: %q", name, value)
				case name != "X-CorrelationID" && !strings.HasPrefix(want, "text/html") && value != want:
					t.Errorf("header %s: %q, not %q", name, value, want)
				}
			}
			want := written.Response.Body
			if x.want != nil {
				want = x.want(want)
			}
			if written.Response.Body == nil {
				if (len(written.Response.BodyText) == 0) != (len(got.raw) == 0) {
					t.Errorf("body %q, not %q", got.raw, written.Response.BodyText)
				}
				return
			}
			compare(t, "", want, got.body, x.same)
		})
	}
}

// compare wants every field of the sample in the answer, of the same kind, and no field that the sample has not (in
// lists, by their first elements). null fits everything, unless values have to be the same.
func compare(t *testing.T, at string, want, got any, same bool) {
	t.Helper()
	if same && fmt.Sprint(want) != fmt.Sprint(got) {
		t.Errorf("%s: %v, not %v", at, got, want)
		return
	}
	if want == nil || got == nil {
		return
	}
	switch want := want.(type) {
	case map[string]any:
		object, is := got.(map[string]any)
		if !is {
			t.Errorf("%s is not an object: %v", at, got)
			return
		}
		for name := range want {
			if _, there := object[name]; !there && want[name] != nil {
				t.Errorf("%s.%s is missing", at, name)
				continue
			}
			compare(t, at+"."+name, want[name], object[name], same)
		}
	case []any:
		list, is := got.([]any)
		if !is {
			t.Errorf("%s is not a list: %v", at, got)
		} else if len(want) > 0 && len(list) > 0 {
			compare(t, at+"[]", want[0], list[0], same)
		} else if len(want) > 0 {
			t.Errorf("%s is empty", at)
		}
	default:
		if fmt.Sprintf("%T", want) != fmt.Sprintf("%T", got) {
			t.Errorf("%s: %T, not %T", at, got, want)
		}
	}
}

func day(y int, mo time.Month, d int) time.Time { return time.Date(y, mo, d, 0, 0, 0, 0, time.UTC) }
