package chorustest

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strings"
	"time"
)

// Structure is a supplier or a recipient known to the portal.
type Structure struct {
	ID          int64  `json:"id"` // idStructureCPP; 0 = given by the simulator
	SIRET       string `json:"siret"`
	Designation string `json:"designation"`
	Publique    bool   `json:"publique"` // a recipient
	Inactive    bool   `json:"inactive"`

	// What a recipient demands of an invoice, under the names of structures/consulter.
	CodeServiceDoitEtreRenseigne       bool `json:"codeServiceDoitEtreRenseigne"`
	NumeroEJDoitEtreRenseigne          bool `json:"numeroEJDoitEtreRenseigne"`
	GestionNumeroEJOuCodeService       bool `json:"gestionNumeroEJOuCodeService"`
	StatutMiseEnPaiementNestPasRemonte bool `json:"statutMiseEnPaiementNestPasRemonte"`

	Services []Service `json:"services"`

	// Engagements are the commitment numbers that it knows; empty: it knows every one. Only the State's are checked at the portal.
	Engagements []string `json:"engagements,omitempty"`
}

// knows tells whether a commitment number is one of this recipient's. What programs write where they know none is none.
func (st *Structure) knows(engagement string) bool {
	if len(st.Engagements) == 0 {
		return !slices.Contains(fillers, strings.ToUpper(engagement))
	}
	return slices.Contains(st.Engagements, engagement)
}

// Service is a service of a recipient.
type Service struct {
	ID               int64  `json:"id"`
	Code             string `json:"code"`
	Libelle          string `json:"libelle"`
	Inactif          bool   `json:"inactif"`
	NumeroEngagement bool   `json:"numeroEngagement"` // a commitment number is required with this service
}

const facturesPubliques = "FACTURES_PUBLIQUES"

// DefaultStructures returns the structures that every simulator knows: the qualification platform's
// recipients (docs/chorus-pro.md §11) and a few fictional ones.
func DefaultStructures() []Structure {
	public := Service{Code: facturesPubliques, Libelle: "Service des factures publiques"}
	oblige := Service{Code: "SERVICE_DEST_SERV_OBL", Libelle: "Service obligatoire"}
	return []Structure{
		{ID: 26300991, SIRET: "99999999800012", Designation: "ATELIER EXEMPLE SARL"},
		{ID: 26300992, SIRET: "99999999800020", Designation: "ATELIER EXEMPLE SARL (second établissement)"},
		{ID: 26300993, SIRET: "99999998900010", Designation: "IMPRIMERIE EXEMPLE SAS"},

		{ID: 25784152, SIRET: "99999999700023", Designation: "COMMUNE D'EXEMPLE", Publique: true, Services: []Service{
			{ID: 27946001, Code: "SERV_TECH", Libelle: "Services techniques"},
			{ID: 27946002, Code: facturesPubliques, Libelle: "Service des factures publiques"},
			{ID: 27946003, Code: "SERV_EJ", Libelle: "Service avec engagement", NumeroEngagement: true},
		}},
		{
			ID: 25784153, SIRET: "99999999700031", Designation: "SYNDICAT D'EXEMPLE", Publique: true,
			GestionNumeroEJOuCodeService: true, StatutMiseEnPaiementNestPasRemonte: true,
			Services: []Service{{Code: "SERV_TECH", Libelle: "Services techniques"}, public},
		},
		{ID: 25784154, SIRET: "99999999700049", Designation: "COMMUNE DISSOUTE", Publique: true, Inactive: true},

		{ID: 25784001, SIRET: "12345678200051", Designation: "DESTINATAIRE SANS OBLIGATION", Publique: true, Services: []Service{oblige, public}},
		{ID: 25784002, SIRET: "12345678200036", Designation: "DESTINATAIRE ENGAGEMENT", Publique: true, NumeroEJDoitEtreRenseigne: true, Services: []Service{oblige, public}},
		{ID: 25784003, SIRET: "12345678200028", Designation: "DESTINATAIRE SERVICE", Publique: true, CodeServiceDoitEtreRenseigne: true, Services: []Service{oblige, public}},
		{
			ID: 25784004, SIRET: "12345678200044", Designation: "DESTINATAIRE SERVICE ET ENGAGEMENT", Publique: true,
			CodeServiceDoitEtreRenseigne: true, NumeroEJDoitEtreRenseigne: true, Services: []Service{oblige, public},
		},
		{
			ID: 25784005, SIRET: "11000201100044", Designation: "ETAT", Publique: true,
			CodeServiceDoitEtreRenseigne: true, NumeroEJDoitEtreRenseigne: true, Services: []Service{oblige, public},
		},
	}
}

func (s *Sim) addStructure(st Structure) *Structure {
	if st.ID == 0 {
		h := fnv.New32a()
		_, _ = h.Write([]byte(st.SIRET))
		for st.ID = 30000000 + int64(h.Sum32()%500000000); s.structuresByID[st.ID] != nil; { // the same after a restart
			st.ID++
		}
	}
	for i := range st.Services {
		if st.Services[i].ID == 0 {
			st.Services[i].ID = st.ID*10 + int64(i)
		}
	}
	if before := s.structures[st.SIRET]; before != nil {
		delete(s.structuresByID, before.ID)
	}
	s.structures[st.SIRET] = &st
	s.structuresByID[st.ID] = &st
	return &st
}

// register makes an unknown supplier known, unless only registered ones may send.
func (s *Sim) register(f *Facts) {
	if f == nil || s.cfg.KnownSuppliersOnly || len(f.Fournisseur) != 14 || s.structures[f.Fournisseur] != nil {
		return
	}
	s.addStructure(Structure{SIRET: f.Fournisseur, Designation: "FOURNISSEUR " + f.Fournisseur})
}

// attach makes the structures of an account known.
func (s *Sim) attach(a Account) {
	for _, siret := range a.Structures {
		if s.structures[siret] == nil {
			s.addStructure(Structure{SIRET: siret, Designation: "FOURNISSEUR " + siret})
		}
	}
}

// sees says whether a technical account is attached to a structure.
func (a *account) sees(siret string) bool {
	return len(a.Structures) == 0 || slices.Contains(a.Structures, siret)
}

func (s *Sim) sorted(keep func(*Structure) bool) []*Structure {
	var all []*Structure
	for _, st := range s.structures {
		if keep(st) {
			all = append(all, st)
		}
	}
	slices.SortFunc(all, func(a, b *Structure) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// POST structures/v1/rechercher
func (s *Sim) rechercherStructures(c *call) answer {
	in := c.body.object("structure")
	found := s.sorted(func(st *Structure) bool {
		if id := in.text("identifiantStructure"); id != "" && id != st.SIRET {
			return false
		}
		if t := in.text("typeIdentifiantStructure"); t != "" && t != "SIRET" {
			return false
		}
		if t := in.text("statutStructure"); t != "" && (t == "INACTIF") != st.Inactive {
			return false
		}
		if t := in.text("typeStructure"); t != "" && (t == "PUBLIQUE") != st.Publique {
			return false
		}
		name := cmp.Or(in.text("raisonSocialeStructure"), in.text("libelleStructure"))
		return strings.Contains(strings.ToLower(st.Designation), strings.ToLower(name))
	})
	p := s.paging(c.body.object("parametres"), "pageResultatDemandee", "nbResultatsParPage")
	switch c.body.object("parametres").text("triColonne") {
	case "DesignationStructure":
		slices.SortStableFunc(found, func(a, b *Structure) int { return cmp.Compare(a.Designation, b.Designation) })
	case "IdentifiantStructure":
		slices.SortStableFunc(found, func(a, b *Structure) int { return cmp.Compare(a.SIRET, b.SIRET) })
	}
	if c.body.object("parametres").text("triSens") == "Descendant" {
		slices.Reverse(found)
	}
	rows := make([]any, 0)
	for _, st := range page(p, found) {
		statut := "ACTIVE"
		if st.Inactive {
			statut = "INACTIVE"
		}
		rows = append(rows, object{
			"idStructureCPP": st.ID, "identifiantStructure": st.SIRET, "typeIdentifiantStructure": "SIRET",
			"designationStructure": st.Designation, "statut": statut,
		})
	}
	return s.list(c, "listeStructures", rows, p, len(found))
}

// POST structures/v1/consulter
func (s *Sim) consulterStructure(c *call) answer {
	st := s.structuresByID[c.body.integer("idStructureCPP")]
	if st == nil {
		return refusal(20000, "TRA_MSG_00.015 - La structure n'existe pas.")
	}
	kind, expiry := "PRIVEE", any(nil)
	if st.Publique {
		kind = "PUBLIQUE"
	} else if c.account.sees(st.SIRET) && !c.account.Expires.IsZero() {
		expiry = dayOf(c.account.Expires)
	}
	return ok(object{
		"parametres": object{
			"codeServiceDoitEtreRenseigne":       st.CodeServiceDoitEtreRenseigne,
			"numeroEJDoitEtreRenseigne":          st.NumeroEJDoitEtreRenseigne,
			"gestionNumeroEJOuCodeService":       st.GestionNumeroEJOuCodeService,
			"statutMiseEnPaiementNestPasRemonte": st.StatutMiseEnPaiementNestPasRemonte,
			"estMoaUniquement":                   false, "connexionEDI": false,
		},
		"informationGenerales": object{
			"idStructureCPP": st.ID, "identifiantStructure": st.SIRET, "typeIdentifiantStructure": "SIRET",
			"raisonSocialeStructure": st.Designation, "structurePriveePublique": kind, "numeroTVA": nil,
			"dateExpirationMotPasseCompteTech": expiry,
		},
		"adressePostaleDuSiege": nil,
	})
}

// POST structures/v1/rechercher/services
func (s *Sim) rechercherServices(c *call) answer {
	st := s.structuresByID[c.body.integer("idStructure")]
	if st == nil {
		return refusal(20000, "TRA_MSG_00.015 - La structure n'existe pas.")
	}
	in := c.body.object("parametresRechercherServicesStructure")
	p := s.paging(in, "pageResultatDemandee", "nbResultatsParPage")
	services := slices.Clone(st.Services)
	if in.text("triColonne") == "CodeService" {
		slices.SortStableFunc(services, func(a, b Service) int { return cmp.Compare(a.Code, b.Code) })
	}
	if in.text("triSens") == "Descendant" {
		slices.Reverse(services)
	}
	rows := make([]any, 0)
	for _, sv := range page(p, services) {
		rows = append(rows, object{
			"idService": sv.ID, "codeService": sv.Code, "libelleService": sv.Libelle,
			"estActif": !sv.Inactif, "statutService": nil,
		})
	}
	return s.list(c, "listeServices", rows, p, len(services))
}

// POST structures/v1/consulter/service
func (s *Sim) consulterService(c *call) answer {
	st := s.structuresByID[c.body.integer("idStructure")]
	if st != nil {
		for _, sv := range st.Services {
			if sv.ID == c.body.integer("idService") {
				return ok(object{
					"informationsGenerales": object{"codeService": sv.Code, "nomService": sv.Libelle, "descriptionService": nil},
					"parametres": object{
						"numeroEngagement": sv.NumeroEngagement, "miseEnPaiement": !st.StatutMiseEnPaiementNestPasRemonte,
						"dateCreation": nil, "dateDebutValidite": "2016-10-25", "dateFinValidite": nil, "dateModification": nil,
					},
					"adressePostale": nil,
				})
			}
		}
	}
	return refusal(20000, "TRA_MSG_00.015 - Le service n'existe pas.")
}

// POST transverses/v1/recuperer/structures/actives/fournisseur
func (s *Sim) structuresActives(c *call) answer {
	rows := make([]any, 0)
	for _, st := range s.sorted(func(st *Structure) bool { return !st.Publique && !st.Inactive && c.account.sees(st.SIRET) }) {
		rows = append(rows, object{"idStructureCPP": st.ID, "identifiant": st.SIRET, "designationStructure": st.Designation})
	}
	return ok(object{"listeStructures": rows})
}

// POST utilisateurs/v1/monCompte/recuperer/rattachements
func (s *Sim) rattachements(c *call) answer {
	found := s.sorted(func(st *Structure) bool { return !st.Publique && c.account.sees(st.SIRET) })
	p := s.paging(c.body.object("parametresRecherche"), "pageResultatDemandee", "nbResultatsParPage")
	rows := make([]any, 0)
	for _, st := range page(p, found) {
		rows = append(rows, object{
			"idRattachementStructure": st.ID % 1000, "idStructure": st.ID, "identifiantStructure": st.SIRET,
			"typeIdentifiantStructure": "SIRET", "designationStructure": st.Designation, "roleUtilisateur": "UTILISATEUR",
			"statutRattachementStructure": "ACTIF", "statutUtilisateur": "ACTIF", "listeServicesRattache": []any{},
		})
	}
	return s.list(c, "listeStructureRattachement", rows, p, len(found))
}

// defaultExpiry is 424 days after the start (docs/chorus-pro.md §3.6).
func defaultExpiry(now time.Time) time.Time { return now.AddDate(0, 0, 424) }

// SetStructure changes a structure, or adds it. It is a line of the ledger.
func (s *Sim) SetStructure(siret string, change func(*Structure)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Structure{SIRET: siret}
	if known := s.structures[siret]; known != nil {
		st = *known
		st.Services, st.Engagements = slices.Clone(known.Services), slices.Clone(known.Engagements)
	}
	change(&st)
	st.SIRET = siret
	s.record(Entry{Type: "structure", Structure: &st})
}
