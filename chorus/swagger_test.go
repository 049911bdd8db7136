package chorus

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"
)

// The official descriptions may not be copied here; where they lie beside the repository, requests are held against them.
const swaggers = "../../shared/chorus-pro"

type schema struct {
	Ref        string `json:"$ref"`
	Type       string
	Format     string
	Enum       []string
	Items      *schema
	Properties map[string]*schema
}

type swagger struct {
	BasePath    string
	Definitions map[string]*schema
	Paths       map[string]map[string]struct {
		Parameters []struct {
			In     string
			Schema *schema
		}
	}
}

// mismatch says where value does not follow s; "" when it does.
func (w swagger) mismatch(s *schema, value any, at string) string {
	if s.Ref != "" {
		s = w.Definitions[path.Base(s.Ref)]
	}
	ok := false
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			property := s.Properties[key]
			if property == nil {
				return at + "." + key + ": not in the description"
			}
			if m := w.mismatch(property, inner, at+"."+key); m != "" {
				return m
			}
		}
		return ""
	case []any:
		for _, inner := range v {
			if s.Items == nil {
				return at + ": no list"
			}
			if m := w.mismatch(s.Items, inner, at+"[]"); m != "" {
				return m
			}
		}
		return ""
	case string:
		ok = s.Type == "string" && (len(s.Enum) == 0 || slices.Contains(s.Enum, v))
	case bool:
		ok = s.Type == "boolean"
	case float64:
		ok = s.Type == "integer" || s.Type == "number"
	}
	if !ok {
		return fmt.Sprintf("%s: %v is no %s", at, value, s.Type)
	}
	return ""
}

func TestRequestsFollowTheSwaggers(t *testing.T) {
	described := map[string]*schema{}
	files := map[string]swagger{}
	for _, name := range []string{"api-chorus-pro.betagouv.json", "structures.turbo124.json"} {
		data, err := os.ReadFile(swaggers + "/" + name)
		if err != nil {
			t.Log("official description not here: ", name)
			continue
		}
		var w swagger
		if err := json.Unmarshal(data, &w); err != nil {
			t.Fatal(err)
		}
		for p, methods := range w.Paths {
			for _, parameter := range methods["post"].Parameters {
				if parameter.In == "body" {
					described[w.BasePath+p], files[w.BasePath+p] = parameter.Schema, w
				}
			}
		}
	}

	p := newPortal(t, answerJSON(500, ""))
	c := p.client(t)
	now := time.Now()
	_, _ = depositOnce(t, c)
	_, _ = c.Search(t.Context(), LaneSync, Query{
		NumeroFacture: "F", NumeroFluxDepot: "C", IDFournisseur: 1, DepotDu: now, DepotAu: now, FactureDu: now, FactureAu: now,
		EtatCourantDu: now, EtatCourantAu: now, TypeFacture: "FACTURE", Statuts: []string{"DEPOSEE"}, ModeDepot: "UPLOAD_API",
	})
	_, _ = c.History(t.Context(), LaneSync, 1)
	_, _ = c.Structure(t.Context(), LaneSync, 1)
	_, _ = c.FindStructure(t.Context(), LaneReport, "99999999700023")
	_, _, _ = c.Services(t.Context(), LaneReport, 1)
	_, _ = c.ServiceNeedsEngagement(t.Context(), LaneReport, 1, 2)
	_ = c.Completer(t.Context(), LaneSubmit, Completement{IdentifiantFactureCPP: 1, Pieces: []PieceJointe{{1, "x"}}, Commentaire: "x"})
	_ = c.Recycler(t.Context(), LaneSubmit, Recyclage{1, "99999999700023", "S", "E", "x"})
	_, _ = c.DeposerPDF(t.Context(), LaneSubmit, File{Nom: "F-1.pdf", Syntaxe: "PDF", Contenu: []byte("%PDF-1.7")})
	held := 0
	for _, r := range p.arrived() {
		if !strings.HasPrefix(string(r.body), "{") {
			t.Errorf("%s: body %s", r.path, r.body)
		}
		if described[r.path] == nil {
			continue
		}
		held++
		var body any
		if err := json.Unmarshal(r.body, &body); err != nil {
			t.Fatal(err)
		}
		if m := files[r.path].mismatch(described[r.path], body, ""); m != "" {
			t.Errorf("%s: %s", r.path, m)
		}
	}
	if len(described) > 0 && held != 10 {
		t.Errorf("%d requests of 7 were held against a description", held)
	}
}
