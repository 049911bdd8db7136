package chorustest_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
)

const directoryPath, engagementPath = "/cpro/transverses/v1/telecharger/annuaire/destinataire", "/cpro/engagementsJuridiques/v1/rechercher"

// TestRecipientsAreSet: a recipient that the management door sets is one for every route, and after a restart.
func TestRecipientsAreSet(t *testing.T) {
	cfg := chorustest.Config{Quota: -1, Ledger: filepath.Join(t.TempDir(), "l.jsonl"), NoSync: true, Empty: "0"}
	s, c := start(t, &cfg)
	const mairie, path = "21750001600019", "/structures/21750001600019"
	for _, x := range []struct {
		path, body string
		status     int
		want       string
	}{
		{path, `{"designation":"MAIRIE","publique":true,"services":[{"code":"S-1","numeroEngagement":true},{"code":"S-2","inactif":true}],"engagements":["E-1"]}`, 200, `"siret":"21750001600019"`},
		{path, `{"codeServiceDoitEtreRenseigne":true}`, 200, `"code":"S-1"`},
		{path, `{"services":[{"code":"S-3"},{"code":"S-1","numeroEngagement":true}]}`, 200, `"code":"S-3","libelle":"","inactif":false,"numeroEngagement":false`},
		{path, `{"colour":"red"}`, 400, "colour"},
		{"/structures/123", `{}`, 400, "14 digits"},
	} {
		if status, answer := manage(t, s, "POST", x.path, x.body); status != x.status || !strings.Contains(answer, x.want) {
			t.Errorf("%s %s: %d %s", x.path, x.body, status, answer)
		}
	}
	check := func(s *chorustest.Sim, c *client, prefix string) {
		t.Helper()
		for n, x := range []struct {
			service, engagement, want string
		}{
			{"", "E-1", "BuyerReference.value) est obligatoire"},
			{"S-2", "E-1", "n'est pas connu"},
			{"S-1", "", "IssuerAssignedID.value) est obligatoire"},
			{"S-1", "E-2", "L'engagement juridique E-2 n'existe pas"},
			{"S-1", "E-1", ""},
			{"S-3", "", ""},
		} {
			numero := prefix + string(rune('a'+n))
			r := c.integrated(c.accepted(invoicetest.Invoice{Numero: numero, DestinataireSIRET: mairie, CodeService: x.service, Engagement: x.engagement}))
			if !strings.Contains(string(r.raw), x.want) || (x.want == "") != (r.text("etatCourantDepotFlux") == "IN_INTEGRE") {
				t.Errorf("%+v: %s", x, r.raw)
			}
		}
		r := c.post("/cpro/structures/v1/rechercher", m{"structure": m{"identifiantStructure": mairie}})
		id := r.body["listeStructures"].([]any)[0].(m)["idStructureCPP"]
		for numero, known := range map[string]bool{"E-1": true, "E-2": false} {
			r := c.post(engagementPath, m{"structureReceptriceEngagementJuridique": id.(interface{ String() string }).String(), "numeroEngagementJuridique": numero, "etatCourantEngagementJuridique": "COMMANDE"})
			if r.code() != "0" || (r.body["listeEngagementJuridique"] != nil) != known {
				t.Errorf("%s: %s", numero, r.raw)
			}
		}
		r = c.post(directoryPath, m{})
		raw, err := base64.StdEncoding.DecodeString(r.text("fichierResultat"))
		if err != nil {
			t.Fatal(err)
		}
		z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			t.Fatalf("%v: %s", err, r.raw)
		}
		f, err := z.File[0].Open()
		if err != nil {
			t.Fatal(err)
		}
		if text, _ := io.ReadAll(f); !strings.Contains(string(text), "<Identifiant>"+mairie+"</Identifiant><RaisonSociale>MAIRIE<") || !strings.Contains(string(text), "<Code>S-3</Code>") {
			t.Errorf("%s", text)
		}
	}
	check(s, c, "F-")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, c = start(t, &cfg)
	check(s, c, "G-")
	if _, all := manage(t, s, "GET", "/structures", ""); !strings.Contains(all, mairie) {
		t.Errorf("GET /structures: %s", all)
	}
}
