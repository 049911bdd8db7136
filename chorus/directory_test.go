package chorus

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// What is read of a list that repeats itself is not all of it: an invoice to a service that was not shown must not be stopped.
func TestServicesThatAreRepeatedAreNotCounted(t *testing.T) {
	service := func(id, code string) string {
		return `{"idService":` + id + `,"codeService":"` + code + `","estActif":true}`
	}
	page := func(total string, services ...string) string {
		return `{"codeRetour":0,"parametresRetour":{"total":` + total + `},"listeServices":[` + strings.Join(services, ",") + `]}`
	}
	for name, x := range map[string]struct {
		pages    []string // the last one is sent again for ever
		codes    []string
		complete bool
	}{
		"two pages":                            {[]string{page("3", service("1", "A"), service("2", "B")), page("3", service("3", "C"))}, []string{"A", "B", "C"}, true},
		"one code twice":                       {[]string{page("2", service("1", "A"), service("2", "A"))}, []string{"A", "A"}, true},
		"the list moved on between":            {[]string{page("3", service("1", "A"), service("2", "B")), page("4", service("2", "B"), service("3", "C")), page("4")}, []string{"A", "B", "C"}, false},
		"the first page for every page":        {[]string{page("4", service("1", "A"), service("2", "B"))}, []string{"A", "B"}, false},
		"more are counted than are ever shown": {[]string{page("9", service("1", "A")), page("9")}, []string{"A"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			p := newPortal(t, func(w http.ResponseWriter, r *http.Request) {
				answerJSON(http.StatusOK, x.pages[min(n, len(x.pages)-1)])(w, r)
				n++
			})
			services, complete, err := p.client(t).Services(t.Context(), LaneReport, 1)
			var codes []string
			for _, s := range services {
				codes = append(codes, s.Code)
			}
			if err != nil || complete != x.complete || !slices.Equal(codes, x.codes) {
				t.Errorf("%v, complete %v, %v", codes, complete, err)
			}
			if n > 3 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

// An answer about others says nothing of the recipient; only an empty one says that there is none.
func TestFindStructureAmongOthers(t *testing.T) {
	const siret = "99999999700023"
	list := func(s string) string { return `{"codeRetour":0,"listeStructures":[` + s + `]}` }
	for name, x := range map[string]struct {
		answer string
		id     int64
		fault  Fault
	}{
		"found":          {list(`{"idStructureCPP":7,"identifiantStructure":"` + siret + `","statut":"ACTIF"}`), 7, ""},
		"empty":          {list(``), 0, ""},
		"others":         {list(`{"idStructureCPP":8,"identifiantStructure":"99999999700031","statut":"ACTIF"}`), 0, FaultPortal},
		"without number": {list(`{"identifiantStructure":"` + siret + `","statut":"ACTIF"}`), 0, FaultPortal},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPortal(t, answerJSON(http.StatusOK, x.answer))
			found, err := p.client(t).FindStructure(t.Context(), LaneReport, siret)
			if found.IDStructureCPP != x.id || FaultOf(err) != x.fault {
				t.Errorf("%+v %v", found, err)
			}
		})
	}
}
