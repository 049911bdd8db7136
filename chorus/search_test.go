package chorus

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// pager answers the search page by page; page n is pages[n-1], the last one for ever after.
func pager(t *testing.T, pages ...string) *Client {
	t.Helper()
	return newPortal(t, func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Paging struct {
				Page int `json:"pageResultatDemandee"`
			} `json:"rechercheFactureParFournisseur"`
		}
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &in)
		answerJSON(200, pages[min(in.Paging.Page, len(pages))-1])(w, r)
	}).client(t)
}

func page(counters string, ids ...int) string {
	rows := make([]string, len(ids))
	for i, id := range ids {
		rows[i] = fmt.Sprintf(`{"identifiantFactureCPP":%d,"numeroFacture":"F%d"}`, id, id)
	}
	return fmt.Sprintf(`{"codeRetour":0,"libelle":"TRA_MSG_00.000",%s"listeFactures":[%s]}`, counters, strings.Join(rows, ","))
}

func counted(number, pages, total int) string {
	return fmt.Sprintf(`"parametresRetour":{"pageCourante":%d,"pages":%d,"nbResultatsParPage":2,"total":%d},`, number, pages, total)
}

// TestComplete lists when absence from a search may be believed.
func TestComplete(t *testing.T) {
	const empty20000 = `{"codeRetour":20000,"libelle":"TRA_MSG_00.015 - rien"}`
	for _, c := range []struct {
		name     string
		pages    []string
		rows     int
		complete bool
		fault    Fault
	}{
		{"one page", []string{page(counted(1, 1, 2), 1, 2)}, 2, true, ""},
		{"two pages", []string{page(counted(1, 2, 3), 1, 2), page(counted(2, 2, 3), 3)}, 3, true, ""},
		{"counters at the root", []string{page(`"pageCourante":1,"pages":2,"total":3,`, 1, 2), page(`"pageCourante":2,"pages":2,"total":3,`, 3)}, 3, true, ""},
		{"counters in quotes", []string{page(`"parametresRetour":{"pages":"1","total":"1"},`, 1)}, 1, true, ""},
		{"no counters, then an empty page", []string{page("", 1, 2), page("", 3), page("")}, 3, true, ""},
		{"no counters, then no result", []string{page("", 1, 2), empty20000}, 2, true, ""},
		{"counters, then no result", []string{page(counted(1, 2, 3), 1, 2), empty20000}, 2, false, ""},
		{"no counters, pages ignored", []string{page("", 1, 2)}, 2, false, ""},
		{"total only", []string{page(`"total":3,`, 1, 2), page(`"total":3,`, 3)}, 3, true, ""},
		{"empty, 20000", []string{empty20000}, 0, true, ""},
		{"empty, 20007", []string{`{"codeRetour":20007,"libelle":"GFT_MSG_01_075"}`}, 0, true, ""},
		{"empty, list", []string{page("")}, 0, true, ""},
		{"empty, null and counters", []string{`{"codeRetour":0,` + counted(1, 0, 0) + `"listeFactures":null}`}, 0, true, ""},
		{"empty, counters alone", []string{`{"codeRetour":0,"parametresRetour":{"total":0}}`}, 0, true, ""},
		{"neither list nor counters", []string{`{"codeRetour":0,"libelle":"TRA_MSG_00.000"}`}, 0, false, ""},
		{"null, but a total", []string{`{"codeRetour":0,` + counted(1, 1, 4) + `"listeFactures":null}`}, 0, false, ""},
		{"short page", []string{page(counted(1, 1, 3), 1, 2)}, 2, false, ""},
		{"a row twice", []string{page(counted(1, 2, 4), 1, 2), page(counted(2, 2, 4), 2, 3)}, 3, false, ""},
		{"page repeated", []string{page(counted(1, 2, 4), 1, 2), page(counted(2, 2, 4), 1, 2)}, 2, false, ""},
		{"page count changes", []string{page(counted(1, 2, 3), 1, 2), page(counted(2, 3, 3), 3)}, 3, false, ""},
		{"total changes", []string{page(counted(1, 2, 4), 1, 2), page(counted(2, 2, 3), 3)}, 3, false, ""},
		{"another page than asked", []string{page(counted(1, 2, 3), 1, 2), page(counted(1, 2, 3), 3)}, 3, false, ""},
		{"second page empty", []string{page(counted(1, 3, 5), 1, 2), page(counted(2, 3, 5))}, 2, false, ""},
		{"row without identity", []string{page(counted(1, 1, 1), 0)}, 1, false, ""},
		{"rows on page 1 of 0", []string{page(`"pages":0,`, 1)}, 1, false, ""},
		{"error on page 2", []string{page(counted(1, 2, 3), 1, 2), `{"codeRetour":20999,"libelle":"?"}`}, 2, false, FaultUnknown},
		{"{}", []string{`{}`}, 0, false, FaultPortal},
		{"codeRetour null", []string{`{"codeRetour":null,"listeFactures":[]}`}, 0, false, FaultPortal},
		{"other letter case", []string{`{"CodeRetour":0,"listeFactures":[]}`}, 0, false, FaultPortal},
		{"key twice", []string{`{"codeRetour":0,"listeFactures":[],"listeFactures":[]}`}, 0, false, FaultPortal},
		{"trailing bytes", []string{page(counted(1, 1, 1), 1) + "x"}, 0, false, FaultPortal},
		{"list of texts", []string{`{"codeRetour":0,"listeFactures":["F1"]}`}, 0, false, FaultPortal},
		{"list is a text", []string{`{"codeRetour":0,"listeFactures":"F1"}`}, 0, false, FaultPortal},
		{"20000 without its message", []string{`{"codeRetour":20000,"libelle":"?"}`}, 0, false, FaultUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := pager(t, c.pages...).Search(t.Context(), LaneResolve, Query{NumeroFacture: "F1"})
			if len(l.Factures) != c.rows || l.Complete != c.complete || FaultOf(err) != c.fault {
				t.Errorf("%d rows, complete %t, %v", len(l.Factures), l.Complete, err)
			}
		})
	}
}

// TestAListingThatGrows: what is deposited while a listing by day of deposit is read comes last, and is read too. Everything else that does not add up is said as ever.
func TestAListingThatGrows(t *testing.T) {
	for name, c := range map[string]struct {
		pages    []string
		rows     int
		complete bool
	}{
		"a row more":       {[]string{page(counted(1, 2, 3), 1, 2), page(counted(2, 2, 4), 3, 4)}, 4, true},
		"a page more":      {[]string{page(counted(1, 2, 3), 1, 2), page(counted(2, 3, 5), 3, 4), page(counted(3, 3, 5), 5)}, 5, true},
		"a row less":       {[]string{page(counted(1, 2, 4), 1, 2), page(counted(2, 2, 3), 3)}, 3, false},
		"counted, not had": {[]string{page(counted(1, 2, 3), 1, 2), page(counted(2, 2, 4), 3)}, 3, false},
		"a row twice":      {[]string{page(counted(1, 2, 3), 1, 2), page(counted(2, 2, 4), 2, 3)}, 3, false},
	} {
		l, err := pager(t, c.pages...).Search(t.Context(), LaneResolve, Query{MayGrow: true})
		if err != nil || len(l.Factures) != c.rows || l.Complete != c.complete {
			t.Errorf("%s: %d rows, complete %t, %v", name, len(l.Factures), l.Complete, err)
		}
	}
}

// TestFeedEnds: whoever reads pages learns at the end that they did not add up.
func TestFeedEnds(t *testing.T) {
	var last error
	n := 0
	for _, err := range pager(t, page(counted(1, 2, 4), 1, 2), page(counted(2, 2, 4), 3)).SearchPages(t.Context(), LaneSync, Query{}) {
		n, last = n+1, err
	}
	if n != 3 || FaultOf(last) != FaultIncomplete {
		t.Errorf("%d steps, %v", n, last)
	}
	p := newPortal(t, answerJSON(200, page(counted(1, 9, 18), 1, 2)))
	for _, err := range p.client(t).SearchPages(t.Context(), LaneSync, Query{}) {
		if err != nil {
			t.Error(err)
		}
		break
	}
	if len(p.arrived()) != 1 {
		t.Errorf("%d requests after leaving at once", len(p.arrived()))
	}
}

// TestReadInParts: a search that is read page by page, each time by somebody who knows only what was written down, notices what one reading would have.
func TestReadInParts(t *testing.T) {
	for _, c := range []struct {
		name  string
		pages []string
		ids   string
		doubt bool
	}{
		{"whole", []string{page(counted(1, 3, 5), 1, 2), page(counted(2, 3, 5), 3, 4), page(counted(3, 3, 5), 5)}, "[1 2 3 4 5]", false},
		{"a row twice", []string{page(counted(1, 3, 5), 1, 2), page(counted(2, 3, 5), 3, 1), page(counted(3, 3, 5), 5)}, "[1 2 3 5]", true},
		{"total changes", []string{page(counted(1, 3, 5), 1, 2), page(counted(2, 3, 6), 3, 4), page(counted(3, 3, 5), 5)}, "[1 2 3 4 5]", true},
		{"short", []string{page(counted(1, 3, 6), 1, 2), page(counted(2, 3, 6), 3, 4), page(counted(3, 3, 6), 5)}, "[1 2 3 4 5]", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := pager(t, c.pages...)
			var read Read
			for n := range c.pages {
				for p, err := range client.SearchPagesAfter(t.Context(), LaneReport, Query{}, read) {
					if err != nil {
						t.Fatal(err)
					}
					if p.Number == 1 {
						read.Pages, read.Total = p.Pages, p.Total
					}
					read.Page, read.Doubt = p.Number, p.Doubt
					for _, f := range p.Factures {
						read.IDs = append(read.IDs, f.IdentifiantFactureCPP)
					}
					if p.Last != (n == len(c.pages)-1) {
						t.Errorf("page %d: last %t", n+1, p.Last)
					}
					break
				}
			}
			if got := fmt.Sprint(read.IDs); got != c.ids || (read.Doubt != "") != c.doubt {
				t.Errorf("%s, %q", got, read.Doubt)
			}
		})
	}
}

// TestSearchRequest: every page is asked for by its number, with the filters, and costs one permit in its lane.
func TestSearchRequest(t *testing.T) {
	p := newPortal(t, answerJSON(200, page(counted(1, 1, 0))))
	cfg := p.config()
	b := &countingBudget{}
	cfg.Budget = b
	day := time.Date(2026, 11, 20, 23, 30, 0, 0, time.UTC) // the 21st in Paris
	_, err := newClient(t, cfg).Search(t.Context(), LaneSync, Query{
		NumeroFacture: "F1", IDFournisseur: 26300991, DepotDu: day, DepotAu: day, FactureDu: day, FactureAu: day,
		EtatCourantDu: day, EtatCourantAu: day.Add(time.Hour), PageSize: 5000,
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"numeroFacture":"F1","idFournisseur":26300991,` +
		`"periodeDateDepotDu":"2026-11-21","periodeDateDepotAu":"2026-11-21T23:59:59",` +
		`"periodeDateFactureDu":"2026-11-21","periodeDateFactureAu":"2026-11-21T23:59:59",` +
		`"periodeDateHeureEtatCourantDu":"2026-11-21T00:30:00.000+01:00","periodeDateHeureEtatCourantAu":"2026-11-21T01:30:00.000+01:00",` +
		`"rechercheFactureParFournisseur":{"pageResultatDemandee":1,"nbResultatsParPage":1000,"triSens":"Ascendant","triColonne":"DateDepot"}}`
	if got := string(p.arrived()[0].body); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if fmt.Sprint(b.lanes) != "[sync]" {
		t.Errorf("permits %v", b.lanes)
	}
}

func TestHistoryPages(t *testing.T) {
	answer := func(id, page, pages int, codes ...string) string {
		rows := make([]string, len(codes))
		for i, code := range codes {
			rows[i] = fmt.Sprintf(`{"histoStatutId":%d,"histoStatutCode":%q,"histoStatutUtilisateurNom":"Martin","histoStatutUtilisateurEmail":"a@b.fr"}`, page*10+i, code)
		}
		return fmt.Sprintf(`{"codeRetour":0,"idFacture":%d,"statutCourantCode":"DEPOSEE","historiquesDesStatuts":{"pagesHistoStatut":%d,"histoStatut":[%s]}}`,
			id, pages, strings.Join(rows, ","))
	}
	var pages []string
	p := newPortal(t, func(w http.ResponseWriter, r *http.Request) {
		var in historyRequest
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &in)
		answerJSON(200, pages[min(in.Paging.Page, len(pages))-1])(w, r)
	})
	c := p.client(t)
	for _, step := range []struct {
		pages    []string
		rows     int
		complete bool
		fault    Fault
	}{
		{[]string{answer(7, 1, 2, "A", "B"), answer(7, 2, 2, "C")}, 3, true, ""},
		{[]string{answer(7, 1, 2, "A", "B")}, 2, false, ""}, // paging ignored
		{[]string{answer(7, 1, 1)}, 0, true, ""},
		{[]string{answer(8, 1, 1, "A")}, 0, false, FaultPortal}, // another invoice
	} {
		pages = step.pages
		h, err := c.History(t.Context(), LaneSync, 7)
		if len(h.Statuts) != step.rows || h.Complete != step.complete || FaultOf(err) != step.fault {
			t.Errorf("%+v, %v", h, err)
		}
		if strings.Contains(fmt.Sprintf("%+v", h), "Martin") {
			t.Error("an agent's name was decoded")
		}
	}
}

func TestHealth(t *testing.T) {
	for body, ok := range map[string]bool{
		`{"statusCodeValue":200,"statusCode":"OK","body":"x"}`: true, `{"statusCode":"OK"}`: true, `{"statusCodeValue":503,"statusCode":"OK"}`: false,
		`{"statusCode":"KO"}`: false, `{}`: false, `<html>OK</html>`: false, ``: false, `{"codeRetour":0}`: false,
	} {
		p := newPortal(t, answerJSON(200, body))
		if err := p.client(t).Health(t.Context()); (err == nil) != ok {
			t.Errorf("%s: %v", body, err)
		}
		if got := p.arrived()[0]; got.path != "/cpro/transverses/v1/health-check" || len(got.body) != 0 {
			t.Errorf("sent %+v", got)
		}
	}
}
