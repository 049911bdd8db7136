package chorustest

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
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

// POST transverses/v1/telecharger/annuaire/destinataire: a zip of the public structures, as XML with the names of the public directory's tables. What the real file has
// inside is not known [G].
func (s *Sim) telechargerAnnuaire(*call) answer {
	file := s.annuaire
	if file == nil {
		var err error
		if file, err = packAnnuaire(s.sorted(func(st *Structure) bool { return st.Publique })); err != nil {
			return plain(http.StatusInternalServerError)
		}
	}
	a := ok(object{"fichierResultat": base64.StdEncoding.EncodeToString(file)})
	a.body["libelle"] = "GCU_MSG_01_000"
	return a
}

// SetAnnuaire has these bytes given as the file of all recipients; nil: the simulator's own.
func (s *Sim) SetAnnuaire(file []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.annuaire = file
}

type (
	annuaireXML struct {
		XMLName    xml.Name         `xml:"Annuaire"`
		Structures []annuaireEntity `xml:"Structures>Structure"`
	}
	annuaireEntity struct {
		TypeIdentifiant             int
		Identifiant, RaisonSociale  string
		GestionStatutMiseEnPaiement bool
		GestionEngagement           bool
		GestionService              bool
		GestionServiceEngagement    bool
		StructureActive             bool
		Services                    []annuaireService `xml:"Services>Service"`
	}
	annuaireService struct {
		Code, Nom                 string
		GestionEGMT, ServiceActif bool
	}
)

func packAnnuaire(all []*Structure) ([]byte, error) {
	var content annuaireXML
	for _, st := range all {
		e := annuaireEntity{
			TypeIdentifiant: 1, Identifiant: st.SIRET, RaisonSociale: st.Designation, GestionStatutMiseEnPaiement: !st.StatutMiseEnPaiementNestPasRemonte,
			GestionEngagement: st.NumeroEJDoitEtreRenseigne, GestionService: st.CodeServiceDoitEtreRenseigne, GestionServiceEngagement: st.GestionNumeroEJOuCodeService,
			StructureActive: !st.Inactive,
		}
		for _, sv := range st.Services {
			e.Services = append(e.Services, annuaireService{sv.Code, sv.Libelle, sv.NumeroEngagement, !sv.Inactif})
		}
		content.Structures = append(content.Structures, e)
	}
	var file bytes.Buffer
	z := zip.NewWriter(&file)
	w, err := z.Create("annuaire.xml")
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return nil, err
	}
	if err := xml.NewEncoder(w).Encode(content); err != nil {
		return nil, err
	}
	err = z.Close()
	return file.Bytes(), err
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
	var asked Structure
	if err := strictly(bytes.NewReader(raw), &asked); err != nil {
		return nil, err
	}
	s.mu.Lock()
	known := s.structures[siret]
	full := known == nil && len(s.structures) >= maxStructures
	other := s.structuresByID[asked.ID]
	s.mu.Unlock()
	if other != nil && known == nil {
		return nil, fmt.Errorf("id: %d is that of %s", asked.ID, other.SIRET)
	}
	if full {
		return nil, fmt.Errorf("there are %d structures already", maxStructures)
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
