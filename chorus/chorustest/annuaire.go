package chorustest

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
)

// What the portal says of recipients beside the Structures API, and the door by which they are set.

// POST engagementsJuridiques/v1/rechercher: is this a commitment of this recipient? Fields as OCA sends them in production; the answer's elements are guessed [G].
func (s *Sim) rechercherEngagements(c *call) answer {
	numero := c.body.text("numeroEngagementJuridique")
	var rows []any
	if id, err := strconv.ParseInt(c.body.text("structureReceptriceEngagementJuridique"), 10, 64); err == nil {
		if st := s.structuresByID[id]; st != nil && st.Publique && !st.Inactive && st.knows(numero) {
			rows = append(rows, object{"numeroEngagementJuridique": numero, "etatCourantEngagementJuridique": "COMMANDE"})
		}
	}
	return s.list(c, "listeEngagementJuridique", rows, paging{1, defaultPage}, len(rows))
}

// POST transverses/v1/telecharger/annuaire/destinataire: a zip of the public structures. What the real file looks like inside is not known [G].
func (s *Sim) telechargerAnnuaire(*call) answer {
	var file bytes.Buffer
	z := zip.NewWriter(&file)
	w, err := z.Create("annuaire.csv")
	if err != nil {
		return plain(http.StatusInternalServerError)
	}
	out := csv.NewWriter(w)
	_ = out.Write([]string{"identifiant", "raisonSociale", "statut", "codeServiceObligatoire", "engagementObligatoire", "codeService", "serviceActif"})
	yes := func(b bool) string { return map[bool]string{true: "OUI", false: "NON"}[b] }
	for _, st := range s.sorted(func(st *Structure) bool { return st.Publique }) {
		head := []string{st.SIRET, st.Designation, map[bool]string{true: "INACTIVE", false: "ACTIVE"}[st.Inactive], yes(st.CodeServiceDoitEtreRenseigne), yes(st.NumeroEJDoitEtreRenseigne)}
		_ = out.Write(append(slices.Clone(head), "", ""))
		for _, sv := range st.Services {
			_ = out.Write(append(slices.Clone(head), sv.Code, yes(!sv.Inactif)))
		}
	}
	out.Flush()
	if z.Close() != nil || out.Error() != nil {
		return plain(http.StatusInternalServerError)
	}
	a := ok(object{"fichierResultat": base64.StdEncoding.EncodeToString(file.Bytes())})
	a.body["libelle"] = "GCU_MSG_01_000"
	return a
}

// POST /structures/{siret} {"publique":true,"codeServiceDoitEtreRenseigne":true,"services":[{"code":"S-1"}],"engagements":["E-1"]}: what is named changes, the
// rest stays. A list replaces the one before.
func (s *Sim) postStructure(r *http.Request) (any, error) {
	siret := r.PathValue("siret")
	if !siretForm.MatchString(siret) {
		return nil, fmt.Errorf("%.40q is not a SIRET of 14 digits", siret)
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, 8<<20))
	if err != nil {
		return nil, err
	}
	if err := strictly(bytes.NewReader(raw), &Structure{}); err != nil {
		return nil, err
	}
	s.SetStructure(siret, func(st *Structure) {
		var lists struct{ Services, Engagements *json.RawMessage }
		if err := json.Unmarshal(raw, &lists); err == nil && lists.Services != nil { // into a new list, not into the elements of the old one
			st.Services = nil
		}
		id := st.ID
		_ = json.Unmarshal(raw, st)
		if id != 0 {
			st.ID = id
		}
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.structures[siret], nil
}

// GET /structures
func (s *Sim) everyStructure() any {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []Structure{}
	for _, st := range s.sorted(func(*Structure) bool { return true }) {
		all = append(all, *st)
	}
	return all
}
